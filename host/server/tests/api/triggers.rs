//! Triggers as clients see them, and fired by hand.

use serde_json::{Value, json};

use crate::host::{ask, get, post, until};

fn trigger<'l>(list: &'l Value, name: &str) -> &'l Value {
    let triggers = list["triggers"].as_array().expect("triggers");
    triggers.iter().find(|trigger| trigger["name"] == name).unwrap_or_else(|| panic!("no {name}: {list:#}"))
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
    assert_eq!((&off["listening"], &off["reason"]), (&json!(false), &json!("workflow `switched-off` is switched off")));
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
    assert_eq!((&run["output"], &run["trigger"]), (&json!({ "at": "2026-01-01T00:00:00Z" }), &json!("cron")));
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
