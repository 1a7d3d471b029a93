//! Runs that do not begin at once: concurrency keys and delays.

use std::time::Duration;

use serde_json::{Value, json};

use crate::host::{Answer, get, post, started, until};
use crate::own::{Host, Place};

/// File names and sources. Each run waits for the signal `go`; its key is `input.k`.
pub const WORKFLOWS: [(&str, &str); 7] = [
    (
        "queues.toml",
        r#"
id = "queues"
version = "1.0.0"
[config]
timeout = "1h"
concurrency = { key = "k-${input.k}" }
[[tasks]]
id = "go"
kind = "wait"
signal = "go"
"#,
    ),
    (
        "queues-two.toml",
        r#"
id = "queues-two"
version = "1.0.0"
[config]
concurrency = { key = "all", limit = 2 }
[[tasks]]
id = "go"
kind = "wait"
signal = "go"
"#,
    ),
    (
        "rejects.toml",
        r#"
id = "rejects"
version = "1.0.0"
[config]
concurrency = { key = "${input.k}", when_full = "reject" }
[[tasks]]
id = "go"
kind = "wait"
signal = "go"
"#,
    ),
    (
        "takes-over.toml",
        r#"
id = "takes-over"
version = "1.0.0"
[config]
concurrency = { key = "${input.k}", when_full = "cancel-running" }
[[tasks]]
id = "go"
kind = "wait"
signal = "go"
"#,
    ),
    (
        "takes-over-two.toml",
        r#"
id = "takes-over-two"
version = "1.0.0"
[config]
concurrency = { key = "all", limit = 2, when_full = "cancel-running" }
[[tasks]]
id = "go"
kind = "wait"
signal = "go"
"#,
    ),
    (
        "starts-queued.toml",
        r#"
id = "starts-queued"
version = "1.0.0"
[[tasks]]
id = "child"
kind = "workflow"
workflow = "queues"
input = { k = "${input.k}" }
"#,
    ),
    (
        "starts-itself.toml",
        r#"
id = "starts-itself"
version = "1.0.0"
[config]
concurrency = { key = "all" }
[[tasks]]
id = "again"
kind = "workflow"
workflow = "starts-itself"
"#,
    ),
];

fn run(id: &str) -> Value {
    get(&format!("/runs/{id}"))
}

fn ended(id: &str) -> Value {
    until(&format!("/runs/{id}"), |run| !run["outcome"].is_null())
}

fn begun(id: &str) -> Value {
    until(&format!("/runs/{id}"), |run| run["held"].is_null())
}

fn go(id: &str) {
    post(&format!("/runs/{id}/signals"), &[], &json!({ "name": "go" })).expect(202);
}

fn start(workflow: &str, body: &Value) -> Answer {
    post(&format!("/workflows/{workflow}/runs"), &[], body)
}

#[test]
fn runs_of_a_key_begin_one_after_another() {
    let ids: Vec<String> = (0..3).map(|_| started("queues", json!({ "k": "order" }))).collect();
    let other = started("queues", json!({ "k": "other" }));
    assert_eq!(run(&other)["held"], Value::Null, "another key is free");
    assert!(run(&ids[0])["deadline"].is_string());
    let last = run(&ids[2]);
    assert_eq!(last["status"], "waiting", "{last:#}");
    assert_eq!(last["held"], json!({ "until": null, "key": "k-order", "behind": ids[..2] }));
    assert_eq!((&last["admitted_at"], &last["deadline"]), (&Value::Null, &Value::Null));
    let why = last["tasks"][0]["waiting_for"].as_str().expect("a reason");
    assert!(why.contains("concurrency key `k-order`"), "{why}");
    for (place, id) in ids.iter().enumerate() {
        let begun = begun(id);
        assert!(begun["deadline"].is_string(), "{begun:#}");
        for later in &ids[place + 1..] {
            assert!(run(later)["held"].is_object(), "{later} began beside {id}");
        }
        go(id);
        assert_eq!(ended(id)["outcome"], "succeeded");
    }
    go(&other);
}

#[test]
fn as_many_runs_as_the_limit_are_at_work() {
    let ids: Vec<String> = (0..4).map(|_| started("queues-two", json!({}))).collect();
    let held: Vec<bool> = ids.iter().map(|id| run(id)["held"].is_object()).collect();
    assert_eq!(held, [false, false, true, true]);
    go(&ids[1]);
    begun(&ids[2]);
    assert!(run(&ids[3])["held"].is_object());
    for id in [&ids[0], &ids[2], &ids[3]] {
        begun(id);
        go(id);
        ended(id);
    }
}

#[test]
fn a_busy_key_refuses_and_names_what_runs() {
    let first = started("rejects", json!({ "k": "a" }));
    let problem = start("rejects", &json!({ "input": { "k": "a" } })).expect(409);
    assert_eq!(problem["code"], "concurrency-key-busy");
    assert_eq!(problem["run"], first.as_str());
    assert!(problem["detail"].as_str().is_some_and(|text| text.contains(&first)), "{problem:#}");
    let later = start("rejects", &json!({ "input": { "k": "a" }, "delay": "1ms" })).expect(201);
    let later = ended(later["id"].as_str().expect("an id"));
    assert_eq!(later["outcome"], "cancelled", "its time came while the key was busy: {later:#}");
    assert!(later["failure"]["message"].as_str().is_some_and(|text| text.contains(&first)));
    go(&first);
    ended(&first);
    let next = started("rejects", json!({ "k": "a" }));
    go(&next);
}

#[test]
fn a_new_run_takes_the_key_of_the_old() {
    let ids: Vec<String> = (0..3).map(|_| started("takes-over", json!({ "k": "a" }))).collect();
    for id in &ids[..2] {
        let old = ended(id);
        assert_eq!(old["outcome"], "cancelled", "{old:#}");
        assert!(old["failure"]["message"].as_str().is_some_and(|why| why.contains("`a`")));
    }
    begun(&ids[2]);
    let body = json!({ "input": { "k": "a" } });
    let path = "/workflows/takes-over/runs";
    let key = [("idempotency-key", "once")];
    let once = post(path, &key, &body).expect(201)["id"].clone();
    assert_eq!(post(path, &key, &body).expect(200)["id"], once, "repeating it cancels nothing");
    begun(once.as_str().expect("an id"));
    assert_eq!(ended(&ids[2])["outcome"], "cancelled");
    go(once.as_str().expect("an id"));
    assert_eq!(ended(once.as_str().expect("an id"))["outcome"], "succeeded");
}

#[test]
fn only_as_many_as_are_too_many_are_cancelled() {
    let ids: Vec<String> = (0..3).map(|_| started("takes-over-two", json!({}))).collect();
    assert_eq!(ended(&ids[0])["outcome"], "cancelled");
    begun(&ids[2]);
    for id in &ids[1..] {
        go(id);
        assert_eq!(ended(id)["outcome"], "succeeded");
    }
}

#[test]
fn a_rerun_of_what_is_busy_is_refused() {
    let first = started("rejects", json!({ "k": "again" }));
    post(&format!("/runs/{first}/cancel"), &[], &json!({})).expect(202);
    ended(&first);
    let second = started("rejects", json!({ "k": "again" }));
    let problem = post(&format!("/runs/{first}/rerun"), &[], &json!({})).expect(409);
    assert_eq!(
        (&problem["code"], &problem["run"]),
        (&json!("concurrency-key-busy"), &json!(second))
    );
    go(&second);
}

#[test]
fn a_held_run_is_cancelled_at_once_and_the_next_takes_its_place() {
    let ids: Vec<String> = (0..3).map(|_| started("queues", json!({ "k": "cancel" }))).collect();
    post(&format!("/runs/{}/pause", ids[2]), &[], &json!({})).expect(202);
    post(&format!("/runs/{}/resume", ids[2]), &[], &json!({})).expect(202);
    post(&format!("/runs/{}/cancel", ids[1]), &[], &json!({})).expect(202);
    let cancelled = ended(&ids[1]);
    assert_eq!(cancelled["outcome"], "cancelled");
    assert_eq!((&cancelled["held"], &cancelled["admitted_at"]), (&Value::Null, &Value::Null));
    assert_eq!(cancelled["tasks"][0]["outcome"], "cancelled", "{cancelled:#}");
    assert_eq!(run(&ids[2])["held"]["behind"], json!([ids[0]]));
    go(&ids[0]);
    begun(&ids[2]);
    go(&ids[2]);
    assert_eq!(ended(&ids[2])["outcome"], "succeeded");
}

#[test]
fn a_run_begins_when_its_delay_is_over() {
    let body = json!({ "input": { "k": "delay" }, "delay": "200ms" });
    let accepted = start("queues", &body).expect(201);
    let id = accepted["id"].as_str().expect("an id");
    let run = begun(id);
    let time = |name: &str| {
        let text = run[name].as_str().expect("a time");
        text.parse::<jiff::Timestamp>().expect("RFC 3339").as_millisecond()
    };
    assert!(time("admitted_at") - time("started_at") >= 200, "{run:#}");
    go(id);
    assert_eq!(ended(id)["outcome"], "succeeded");
}

#[test]
fn a_delayed_run_takes_no_place_before_its_time() {
    let body = json!({ "input": { "k": "later" }, "delay": "1h" });
    let later = start("queues", &body).expect(201);
    assert_eq!(later["status"], "waiting");
    let quick = started("queues", json!({ "k": "later" }));
    assert_eq!(run(&quick)["held"], Value::Null);
    go(&quick);
    assert_eq!(ended(&quick)["outcome"], "succeeded");
    let later = later["id"].as_str().expect("an id");
    post(&format!("/runs/{later}/cancel"), &[], &json!({})).expect(202);
}

#[test]
fn a_run_with_a_time_is_listed_as_waiting_until_then() {
    let at = "2126-01-01T00:00:00Z";
    let problem = start("greet", &json!({ "input": { "name": "Ada" }, "start_at": at }));
    assert!(problem.expect(422)["detail"].as_str().is_some_and(|text| text.contains("366 days")));
    let body = json!({ "input": { "name": "Ada" }, "start_at": at, "delay": "1s" });
    assert_eq!(start("greet", &body).expect(422)["code"], "invalid-body");
    let body = json!({ "input": { "name": "Ada" }, "delay": "366d" });
    let held = start("greet", &body).expect(201);
    assert_eq!(held["held"]["behind"], json!([]));
    let id = held["id"].as_str().expect("an id");
    let row = until("/runs?status=waiting&workflow=greet", |page| {
        page["runs"].as_array().is_some_and(|rows| rows.iter().any(|row| row["id"] == id))
    });
    assert!(row["runs"].is_array());
    post(&format!("/runs/{id}/cancel"), &[], &json!({})).expect(202);
    assert_eq!(ended(id)["outcome"], "cancelled");
    let past = json!({ "input": { "name": "Ada" }, "start_at": "1970-01-01T00:00:00Z" });
    assert_eq!(start("greet", &past).expect(201)["held"], Value::Null);
}

#[test]
fn a_key_that_cannot_be_computed_is_refused() {
    for input in [json!({}), json!({ "k": [1] }), json!({ "k": "x".repeat(300) })] {
        let problem = start("rejects", &json!({ "input": input })).expect(422);
        assert_eq!(problem["code"], "invalid-concurrency-key", "{problem:#}");
    }
}

#[test]
fn a_rerun_waits_for_its_key() {
    let first = started("queues", json!({ "k": "again" }));
    post(&format!("/runs/{first}/cancel"), &[], &json!({})).expect(202);
    ended(&first);
    let second = started("queues", json!({ "k": "again" }));
    let again = post(&format!("/runs/{first}/rerun"), &[], &json!({})).expect(201);
    assert_eq!(again["held"]["behind"], json!([second]), "{again:#}");
    let again = again["id"].as_str().expect("an id");
    go(&second);
    begun(again);
    go(again);
    assert_eq!(ended(again)["outcome"], "succeeded");
}

#[test]
fn a_child_waits_for_its_key_but_never_for_its_parent() {
    let first = started("queues", json!({ "k": "child" }));
    let parent = started("starts-queued", json!({ "k": "child" }));
    let child_of = |parent: &str| {
        let page = until(&format!("/runs?parent={parent}"), |page| page["runs"][0].is_object());
        page["runs"][0]["id"].as_str().expect("an id").to_owned()
    };
    let child = child_of(&parent);
    assert_eq!(run(&child)["held"]["behind"], json!([first]));
    assert_eq!(run(&parent)["status"], "waiting");
    go(&first);
    begun(&child);
    go(&child);
    assert_eq!(ended(&parent)["outcome"], "succeeded");
    let circle = ended(&started("starts-itself", json!({})));
    assert_eq!(circle["outcome"], "failed");
    assert_eq!(
        circle["tasks"][0]["failure"]["details"]["code"], "concurrency-key-busy",
        "{circle:#}"
    );
}

#[test]
fn held_runs_are_held_after_a_restart() {
    let place = Place::new(&[], &WORKFLOWS, &[]);
    let own = place.start();
    let start = |own: &Host, body: &Value| {
        let run = own.post("/workflows/queues/runs", body).expect(201);
        run["id"].as_str().expect("an id").to_owned()
    };
    let body = json!({ "input": { "k": 1 } });
    let later = start(&own, &json!({ "input": { "k": 1 }, "delay": "1h" }));
    let soon = start(&own, &json!({ "input": { "k": 2 }, "delay": "3s" }));
    let ids: Vec<String> = (0..3).map(|_| start(&own, &body)).collect();
    let held = |own: &Host, id: &str| own.get(&format!("/runs/{id}"))["held"].clone();
    let until = held(&own, &soon)["until"].as_str().expect("a time").parse::<jiff::Timestamp>();
    let until = until.expect("RFC 3339");
    own.stop();
    let rest = until.as_millisecond() - jiff::Timestamp::now().as_millisecond();
    assert!(rest > 0, "the host stopped before the time of the run");
    // That the time comes while no host runs is what is tested.
    std::thread::sleep(Duration::from_millis(rest.unsigned_abs() + 1));
    let own = place.start();
    let begun = own.until(&format!("/runs/{soon}"), |run| run["held"].is_null());
    let admitted = begun["admitted_at"].as_str().expect("a time").parse::<jiff::Timestamp>();
    assert!(admitted.expect("RFC 3339") > until, "{begun:#}");
    assert_eq!(held(&own, &ids[0]), Value::Null);
    assert_eq!(held(&own, &ids[2])["behind"], json!(ids[..2]));
    assert!(held(&own, &later)["until"].is_string());
    let signal = json!({ "name": "go" });
    own.post(&format!("/runs/{}/signals", ids[0]), &signal).expect(202);
    own.until(&format!("/runs/{}", ids[1]), |run| run["held"].is_null());
    assert_eq!(held(&own, &ids[2])["behind"], json!([ids[1]]));
    own.stop();
    let own = place.start();
    own.post(&format!("/runs/{}/signals", ids[1]), &signal).expect(202);
    let last = own.until(&format!("/runs/{}", ids[2]), |run| run["held"].is_null());
    assert!(last["deadline"].is_string(), "{last:#}");
}
