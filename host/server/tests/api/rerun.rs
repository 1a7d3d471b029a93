//! Runs that are run again together, and runs that are deleted.

use serde_json::{Value, json};

use crate::host::{ask, finished, get, post, started};

/// Runs `fails` once and gives the run's id and when it was accepted.
fn failed() -> (String, String) {
    let run = finished("fails", json!({}));
    assert_eq!(run["outcome"], "failed");
    let text = |name: &str| run[name].as_str().expect("a text").to_owned();
    (text("id"), text("started_at"))
}

fn of<'a>(answer: &'a Value, run: &str) -> Option<&'a Value> {
    answer["runs"].as_array().expect("a list").iter().find(|one| one["run"] == run)
}

#[test]
fn what_a_filter_finds_is_run_again_once() {
    let (first, since) = failed();
    let (second, _) = failed();
    let filter = json!({ "workflow": "fails", "started_after": since });
    let request = |more: Value| {
        let mut body = json!({ "filter": filter });
        body.as_object_mut().expect("an object").extend(
            more.as_object().expect("an object").iter().map(|(k, v)| (k.clone(), v.clone())),
        );
        body
    };
    let preview = post("/runs/rerun", &[], &request(json!({ "dry_run": true }))).expect(200);
    for run in [&first, &second] {
        let one = of(&preview, run).expect("it is found");
        assert_eq!((&one["rerun"], &one["tasks_again"]), (&Value::Null, &json!(2)), "{one:#}");
    }
    let key = [("idempotency-key", "again-1")];
    let done = post("/runs/rerun", &key, &request(json!({ "limit": 1000 }))).expect(200);
    let new = of(&done, &first).expect("it is found")["rerun"].as_str().expect("a run").to_owned();
    assert_eq!(get(&format!("/runs/{new}"))["rerun_of"], json!(first));
    let repeated = post("/runs/rerun", &key, &request(json!({ "limit": 1000 }))).expect(200);
    let one = of(&repeated, &first).expect("it is found");
    assert_eq!((&one["rerun"], &one["existing"]), (&json!(new), &json!(true)), "{one:#}");
    let waited = ask(&format!("GET /runs/{new}"), &[("prefer", "wait=60")], "").expect(200);
    assert_eq!(waited["outcome"], "failed", "{waited:#}");
    let other = post("/runs/rerun", &[], &request(json!({ "dry_run": true }))).expect(200);
    assert!(of(&other, &first).is_none(), "{other:#}");
    assert!(other["again"].as_u64().is_some_and(|again| again >= 2), "{other:#}");
    let again = request(json!({ "dry_run": true, "again": true }));
    assert!(of(&post("/runs/rerun", &[], &again).expect(200), &first).is_some());
    let page = request(json!({ "dry_run": true, "again": true, "limit": 1 }));
    let page = post("/runs/rerun", &[], &page).expect(200);
    assert_eq!(page["runs"].as_array().map(Vec::len), Some(1));
    assert!(page["next_cursor"].is_string(), "{page:#}");
}

#[test]
fn what_cannot_be_run_again_is_said_run_by_run() {
    let run = finished("greet", json!({ "name": "Ada" }));
    let body = json!({
        "filter": { "workflow": "greet", "outcome": "succeeded", "started_after": run["started_at"] },
    });
    let answer = post("/runs/rerun", &[], &body).expect(200);
    let one = of(&answer, run["id"].as_str().expect("an id")).expect("it is found");
    assert_eq!(one["refused"]["code"], "not-now", "{one:#}");
    for (body, status, part) in [
        (json!({ "limit": 0 }), 422, "limit"),
        (json!({ "limit": 1001 }), 422, "1000"),
        (json!({ "from": "tasks" }), 422, "one run alone"),
        (json!({ "filter": { "outcome": "skipped" } }), 400, "outcome"),
        (json!({ "filter": { "colour": "red" } }), 422, "colour"),
    ] {
        let problem = post("/runs/rerun", &[], &body).expect(status);
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains(part), "{detail}");
    }
}

#[test]
fn a_deleted_run_is_gone_and_its_key_is_free() {
    let key = [("idempotency-key", "deleted-1"), ("prefer", "wait=60")];
    let body = json!({ "input": { "name": "Ada" } });
    let first = post("/workflows/greet/runs", &key, &body).expect(200);
    let path = format!("/runs/{}", first["id"].as_str().expect("an id"));
    assert_eq!(ask(&format!("DELETE {path}"), &[], "").status, 204);
    for page in ["", "/events", "/tasks", "/logs"] {
        let problem = ask(&format!("GET {path}{page}"), &[], "").expect(404);
        assert_eq!(problem["code"], "run-not-found");
    }
    ask(&format!("DELETE {path}"), &[], "").expect(404);
    let second = post("/workflows/greet/runs", &key, &body).expect(200);
    assert_ne!(first["id"], second["id"]);
}

#[test]
fn a_run_that_a_live_run_needs_is_not_deleted() {
    let (run, _) = failed();
    let again = post(&format!("/runs/{run}/rerun"), &[("prefer", "wait=0")], &json!({}));
    let again = again.expect(201)["id"].as_str().expect("an id").to_owned();
    // The rerun may have ended already, then nothing needs the run any more.
    let answer = ask(&format!("DELETE /runs/{run}"), &[], "");
    assert!(matches!(answer.status, 204 | 409), "{}", answer.text);
    let live = started("waits", json!({}));
    let problem = ask(&format!("DELETE /runs/{live}"), &[], "").expect(409);
    assert!(problem["detail"].as_str().is_some_and(|why| why.contains("cancel it first")));
    post(&format!("/runs/{live}/cancel"), &[], &json!({})).expect(202);
    let ended = ask(&format!("GET /runs/{again}"), &[("prefer", "wait=60")], "").expect(200);
    assert_eq!(ended["outcome"], "failed");
}
