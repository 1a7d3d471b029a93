//! Triggers as clients see them, and fired by hand.

use serde_json::{Value, json};

use crate::host::{ask, finished, get, post, put_file, until};
use crate::trigger_workflows::EXAMPLES;

fn trigger<'l>(list: &'l Value, name: &str) -> &'l Value {
    let triggers = list["triggers"].as_array().expect("triggers");
    triggers
        .iter()
        .find(|trigger| trigger["name"] == name)
        .unwrap_or_else(|| panic!("no {name}: {list:#}"))
}

#[test]
fn triggers_are_listed_with_what_they_listen_to() {
    let list = get("/triggers");
    let push = trigger(&list, "hooked.webhook-1");
    assert_eq!((&push["kind"], &push["listening"]), (&json!("webhook"), &json!(true)));
    assert_eq!(push["path"], "/api/v1/hooks/push");
    assert_eq!(trigger(&list, "from-github.issues")["path"], "/api/v1/hooks/github");
    let yearly = trigger(&list, "yearly.cron-1");
    assert_eq!(yearly["source"], "@yearly in Europe/Berlin");
    let next = yearly["next_at"].as_str().expect("a time");
    assert!(next.ends_with("-12-31T23:00:00.000Z"), "midnight in Berlin: {next}");
    let off = trigger(&list, "switched-off.webhook-1");
    assert_eq!(
        (&off["listening"], &off["reason"]),
        (&json!(false), &json!("workflow `switched-off` is switched off"))
    );
}

#[test]
fn a_workflow_whose_triggers_lack_something_is_unavailable() {
    let workflow = get("/workflows/unknown-secret");
    assert_eq!(workflow["availability"], "unavailable", "{workflow:#}");
    let text = workflow["problems"].to_string();
    assert!(text.contains("the host has no secret `hok`"), "{text}");
    assert!(text.contains("did you mean `hook`?"), "{text}");
    assert!(text.contains("there is no time zone `Europe/Berlni`"), "{text}");
    let problem = post("/workflows/unknown-secret/runs", &[], &json!({})).expect(409);
    assert_eq!(problem["code"], "workflow-unavailable");
    let list = get("/triggers");
    assert_eq!(trigger(&list, "unknown-secret.webhook-1")["listening"], false);
}

#[test]
fn a_trigger_is_fired_by_hand_with_an_event() {
    let event = json!({ "event": { "time": "2026-01-01T00:00:00Z" } });
    let key = [("idempotency-key", "new-year")];
    let answer = post("/triggers/yearly.cron-1/fire", &key, &event).expect(202);
    let run = answer["runs"][0]["run"].as_str().expect("a run");
    let run = until(&format!("/runs/{run}"), |run| run["status"] == "finished");
    assert_eq!(
        (&run["output"], &run["trigger"]),
        (&json!({ "at": "2026-01-01T00:00:00Z" }), &json!("cron"))
    );
    let again = post("/triggers/yearly.cron-1/fire", &key, &event).expect(202);
    assert_eq!(again["runs"][0]["existing"], true);
    let shown = get("/triggers/yearly.cron-1");
    let fired = &shown["history"][0];
    assert_eq!((&fired["kind"], &fired["run"]), (&json!("trigger-fired"), &run["id"]));
    assert_eq!(fired["key"], "by hand: new-year");
    let listed = get("/runs?trigger=cron");
    assert!(listed["runs"].as_array().expect("runs").iter().any(|row| row["id"] == run["id"]));
}

#[test]
fn firing_says_why_nothing_was_started() {
    let answer = post("/triggers/yearly.cron-1/fire", &[], &json!({ "event": 5 })).expect(202);
    let reason = answer["skipped"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("`input` cannot be computed"), "{reason}");
    let answer = ask("POST /triggers/hooked.webhook-1/fire", &[], "").expect(202);
    assert_eq!(answer["runs"], json!([]), "{answer:#}");
}

#[test]
fn an_unknown_trigger_is_refused() {
    let problem = ask("GET /triggers/yearly.cron-2", &[], "").expect(404);
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("did you mean `yearly.cron-1`?"), "{detail}");
    ask("POST /triggers/nothing/fire", &[], "").expect(404);
    let problem = ask("GET /triggers/yearly.cron-1?cursor=x", &[], "").expect(400);
    assert_eq!(problem["code"], "invalid-query");
}

/// The lines of a trigger's history of which `holds`, once there is one.
fn told(trigger: &str, holds: impl Fn(&Value) -> bool) -> Vec<Value> {
    let lines = |shown: &Value| -> Vec<Value> {
        let lines = shown["history"].as_array().expect("lines").iter();
        lines.filter(|line| holds(line)).cloned().collect()
    };
    lines(&until(&format!("/triggers/{trigger}"), |shown| !lines(shown).is_empty()))
}

#[test]
fn the_end_of_a_run_starts_the_run_of_another_workflow() {
    let armed = |line: &Value| line["kind"] == "trigger-armed";
    told("downstream.after", armed);
    told("downstream.never", armed);
    let upstream = finished("upstream", json!({ "say": "done" }));
    let id = upstream["id"].as_str().expect("an id");
    let fired = told("downstream.after", |line| line["key"] == id);
    assert_eq!(fired.len(), 1, "{fired:#?}");
    let run = fired[0]["run"].as_str().expect("a run");
    let run = until(&format!("/runs/{run}"), |run| run["status"] == "finished");
    let event = &run["output"];
    assert_eq!((&event["run"], &event["workflow"]), (&upstream["id"], &json!("upstream")));
    assert_eq!((&event["version"], &event["outcome"]), (&json!("1.2.0"), &json!("succeeded")));
    assert_eq!((&event["output"], &event["failure"]), (&json!({ "said": "done" }), &Value::Null));
    assert_eq!(run["trigger"], "run");
    let never = get("/triggers/downstream.never");
    assert_eq!(never["history"].as_array().map(Vec::len), Some(1), "{never:#}");
}

#[test]
fn a_file_that_was_left_alone_starts_a_run() {
    // The first look is over when a later one tells of something: what is put meanwhile is no news.
    let mut n = 0;
    let about = |what: &'static str| {
        move |line: &Value| line["key"].as_str().is_some_and(|key| key.starts_with(what))
    };
    let first = until("/triggers/watches.inbox", |shown| {
        n += 1;
        if n % 50 == 1 {
            put_file(&format!("watched/probe-{n}"), Some("x"));
        }
        shown["history"].as_array().is_some_and(|lines| !lines.is_empty())
    });
    assert_eq!(first["history"][0]["kind"], "trigger-fired", "{first:#}");
    put_file("watched/.hidden", Some("half"));
    put_file("watched/letter.txt", Some("Dear"));
    let created = told("watches.inbox", about("created watched/letter.txt"));
    let run = created[0]["run"].as_str().expect("a run");
    let run = until(&format!("/runs/{run}"), |run| run["status"] == "finished");
    let event = json!({ "path": "watched/letter.txt", "what": "created" });
    assert_eq!((&run["output"], &run["trigger"]), (&event, &json!("file")));
    put_file("watched/letter.txt", Some("Dear Sir"));
    told("watches.inbox", about("modified watched/letter.txt"));
    put_file("watched/letter.txt", None);
    told("watches.inbox", about("removed watched/letter.txt"));
    let all = get("/triggers/watches.inbox?limit=1000").to_string();
    assert!(!all.contains(".hidden"), "{all}");
}

#[test]
fn every_example_is_available_and_fires() {
    for kind in EXAMPLES {
        let id = format!("example-trigger-{kind}");
        let workflow = get(&format!("/workflows/{id}"));
        assert_eq!(workflow["availability"], "available", "{workflow:#}");
        let list = get("/triggers");
        let triggers = list["triggers"].as_array().expect("triggers");
        let trigger = triggers.iter().find(|one| one["workflow"] == id.as_str()).expect("one");
        assert_eq!((&trigger["kind"], &trigger["listening"]), (&json!(kind), &json!(true)));
        let event = json!({ "event": {
            "time": "2026-06-01T04:30:00Z", "body": { "ref": "main", "issue": { "number": 7 } },
            "path": "inbox/letter.txt", "run": "a run",
        } });
        let path = format!("/triggers/{}/fire", trigger["name"].as_str().expect("a name"));
        let answer = post(&path, &[], &event).expect(202);
        let run = answer["runs"][0]["run"].as_str().unwrap_or_else(|| panic!("{kind}: {answer:#}"));
        let run = until(&format!("/runs/{run}"), |run| run["status"] == "finished");
        assert_eq!(run["outcome"], "succeeded", "{run:#}");
        assert!(run["output"].as_str().is_some_and(|text| text.starts_with("Started by ")));
        assert_eq!(run["trigger"], kind);
    }
}
