//! The events of a run, as a page and as a stream.

use serde_json::{Value, json};

use crate::host::{Answer, ask, finished, get, post, started};

const STREAM: (&str, &str) = ("accept", "text/event-stream");

/// The `id`, `event` and `data` of every event of a stream.
fn read(answer: &Answer) -> Vec<(u64, String, Value)> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.header("content-type").starts_with("text/event-stream"));
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no `{name}` in {block}")).to_owned()
    };
    let blocks = answer.text.split("\n\n").filter(|block| block.contains("data: "));
    blocks
        .map(|block| {
            let data = serde_json::from_str(&field(block, "data")).expect("JSON");
            (field(block, "id").parse().expect("a number"), field(block, "event"), data)
        })
        .collect()
}

#[test]
fn a_stream_tells_the_whole_run_and_ends_with_it() {
    let id = started("greet", json!({ "name": "Ada" }));
    let events = read(&ask(&format!("GET /runs/{id}/events"), &[STREAM], ""));
    let numbers: Vec<u64> = events.iter().map(|(number, ..)| *number).collect();
    let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, expected, "no event is missing or repeated");
    assert_eq!(events.first().map(|event| event.1.as_str()), Some("run-started"));
    let (number, kind, last) = events.last().expect("an event");
    assert_eq!((kind.as_str(), &last["outcome"]), ("run-finished", &json!("succeeded")));
    assert_eq!((last["seq"].as_u64(), &last["kind"]), (Some(*number), &json!(kind)));
    let succeeded: Vec<_> = events.iter().filter(|event| event.1 == "attempt-succeeded").collect();
    assert_eq!(succeeded.len(), 2);
    let data = &succeeded[0].2;
    assert_eq!((&data["task"], &data["number"]), (&json!("text"), &json!(1)));
    assert!(data["usage"]["fuel_used"].as_u64() > Some(0), "{data:#}");
}

#[test]
fn a_stream_goes_on_where_the_last_one_broke_off() {
    let run = finished("greet", json!({ "name": "Ada" }));
    let path = format!("GET /runs/{}/events", run["id"].as_str().expect("an id"));
    let all = read(&ask(&path, &[STREAM], ""));
    let rest = read(&ask(&path, &[STREAM, ("last-event-id", "2")], ""));
    assert_eq!(rest, all[2..]);
    assert_eq!(read(&ask(&format!("{path}?after=3"), &[STREAM], "")), all[3..]);
    let last = all.len().to_string();
    let nothing = ask(&path, &[STREAM, ("last-event-id", &last)], "");
    assert_eq!((nothing.status, nothing.text.as_str()), (204, ""), "a browser stops asking");
    let problem = ask(&path, &[STREAM, ("last-event-id", "x")], "").expect(400);
    assert_eq!(problem["code"], "invalid-header");
}

#[test]
fn a_stream_tells_what_happens_after_it_was_opened() {
    let id = started("endless", json!({}));
    let path = format!("GET /runs/{id}/events");
    let stream = std::thread::spawn(move || read(&ask(&path, &[STREAM], "")));
    crate::host::until(&format!("/runs/{id}"), |run| run["tasks"][0]["status"] == "running");
    post(&format!("/runs/{id}/cancel"), &[], &json!({})).expect(202);
    let events = stream.join().expect("it ends with the run");
    let kinds: Vec<_> = events.iter().map(|event| event.1.as_str()).collect();
    assert!(
        kinds.contains(&"cancel-requested") && kinds.contains(&"attempt-cancelled"),
        "{kinds:?}"
    );
    assert_eq!(kinds.last(), Some(&"run-finished"));
}

#[test]
fn without_a_stream_events_come_in_pages() {
    let run = finished("fails", json!({}));
    let path = format!("/runs/{}/events", run["id"].as_str().expect("an id"));
    let page = get(&format!("{path}?limit=3"));
    assert_eq!((&page["next_after"], &page["complete"]), (&json!(3), &json!(false)));
    let rest = get(&format!("{path}?limit=1000&after=3"));
    assert_eq!(rest["complete"], json!(true));
    let events = rest["events"].as_array().expect("a list");
    let failed = events.iter().find(|event| event["kind"] == "attempt-failed");
    let failed = failed.expect("an attempt failed");
    assert_eq!(failed["failure"]["code"], "no-luck", "{failed:#}");
    let retried = page["events"].as_array().expect("a list").iter().chain(events);
    let next: Vec<_> = retried.filter_map(|event| event["next"]["action"].as_str()).collect();
    assert_eq!(next, ["retry", "give-up"]);
    let after = events.len() + 3;
    let nothing = get(&format!("{path}?after={after}"));
    assert_eq!((&nothing["events"], &nothing["complete"]), (&json!([]), &json!(true)));
}
