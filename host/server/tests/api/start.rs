//! Starting runs.

use serde_json::{Value, json};

use crate::host::{BODY_BYTES_MAX, MOVES, ask, finished, get, post, rewrite, started, until};

const GREET: &str = "/workflows/greet/runs";
const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn a_start_answers_with_the_run_and_where_it_is() {
    let answer = post(GREET, &[], &json!({ "input": { "name": "Ada" }, "priority": 7 }));
    let run = answer.expect(201);
    let id = run["id"].as_str().expect("an id");
    assert_eq!(answer.header("location"), format!("/api/v1/runs/{id}"));
    assert_eq!((&run["workflow"], &run["version"]), (&json!("greet"), &json!("1.2.0")));
    assert_eq!((&run["priority"], &run["trigger"]), (&json!(7), &json!("api")));
}

#[test]
fn a_preferred_wait_answers_with_the_finished_run() {
    let body = json!({ "input": { "name": "Ada" } });
    let answer = post(GREET, &[("prefer", "respond-async, wait=60")], &body);
    let run = answer.expect(200);
    assert_eq!(answer.header("preference-applied"), "wait=60");
    assert_eq!((&run["status"], &run["outcome"]), (&json!("finished"), &json!("succeeded")));
    assert_eq!(run["output"], json!({ "echo": { "said": "Hello Ada" } }));
}

#[test]
fn a_wait_that_is_too_short_answers_with_the_running_run() {
    let answer = post("/workflows/endless/runs", &[("prefer", "wait=0")], &json!({}));
    let run = answer.expect(201);
    assert_eq!((&run["outcome"], &run["output"]), (&Value::Null, &Value::Null));
    let id = run["id"].as_str().expect("an id");
    post(&format!("/runs/{id}/cancel"), &[], &json!({})).expect(202);
}

#[test]
fn a_run_has_every_field_that_others_rely_on() {
    let run = finished("greet", json!({ "name": "Ada" }));
    let has = |value: &Value, names: &[&str]| {
        for name in names {
            assert!(value.get(name).is_some(), "no `{name}` in {value:#}");
        }
    };
    has(
        &run,
        &["id", "workflow", "version", "status", "outcome", "output", "failure", "started_at"],
    );
    has(&run, &["ended_at", "priority", "trigger", "definition", "tasks", "tasks_total"]);
    let task = &run["tasks"][0];
    has(task, &["id", "type", "status", "outcome", "attempts"]);
    let attempt = &task["attempts"][0];
    has(attempt, &["number", "counted", "outcome", "failure", "ready_at", "claimed_at"]);
    has(attempt, &["started_at", "ended_at", "cpu_ms", "host_wait_ms", "fuel_used", "fuel_limit"]);
    has(attempt, &["memory_peak_bytes", "memory_limit_bytes", "plugin_digest", "input_bytes"]);
    has(attempt, &["output_bytes", "resource_class", "rank", "host"]);
    for time in ["ready_at", "claimed_at", "started_at", "ended_at"] {
        let text = attempt[time].as_str().expect("a time");
        assert!(text.parse::<jiff::Timestamp>().is_ok() && text.ends_with('Z'), "{time}: {text}");
    }
    assert!(attempt["fuel_used"].as_u64() > Some(0), "{attempt:#}");
    assert!(attempt["fuel_used"].as_u64() <= attempt["fuel_limit"].as_u64(), "{attempt:#}");
    assert_eq!((&attempt["counted"], &attempt["outcome"]), (&json!(true), &json!("succeeded")));
    assert!(run.get("input").is_none(), "the input is shown when asked for");
    let id = run["id"].as_str().expect("an id");
    assert_eq!(get(&format!("/runs/{id}?include=input"))["input"], json!({ "name": "Ada" }));
}

#[test]
fn a_key_starts_one_run() {
    let key = [("idempotency-key", "one-run")];
    let first = post(GREET, &key, &json!({ "input": { "name": "Ada", "times": 2 } }));
    let id = first.expect(201)["id"].clone();
    assert_eq!(first.header("idempotent-replayed"), "");
    let body = r#" { "input" : { "times": 2, "name": "Ada" } } "#;
    let again = ask(&format!("POST {GREET}"), &[JSON, key[0]], body);
    assert_eq!(again.expect(200)["id"], id, "form makes no other request");
    assert_eq!(again.header("idempotent-replayed"), "true");
    let other = post(GREET, &key, &json!({ "input": { "name": "Bob" } }));
    let problem = other.expect(422);
    assert_eq!(problem["code"], "idempotency-key-reused", "{problem:#}");
    assert_eq!(problem["run"], id);
    let elsewhere = post("/workflows/talks/runs", &key, &json!({}));
    assert_ne!(elsewhere.expect(201)["id"], id, "a key belongs to one workflow");
}

#[test]
fn a_repeated_request_gives_its_run_whatever_became_of_the_workflow() {
    let (key, path) = ([("idempotency-key", "before")], "/workflows/moves/runs");
    let id = post(path, &key, &json!({})).expect(201)["id"].clone();
    let (file, source) = MOVES;
    rewrite(file, &source.replace("noop.run", "noop.gone").replace("1.0.0", "2.0.0"));
    until("/workflows/moves", |workflow| workflow["version"] == "2.0.0");
    post(path, &[], &json!({})).expect(409);
    let again = post(path, &key, &json!({}));
    assert_eq!(again.expect(200)["id"], id);
    let other = post(path, &key, &json!({ "priority": 1 })).expect(422);
    assert_eq!(other["code"], "idempotency-key-reused");
}

#[test]
fn an_input_that_does_not_fit_is_refused_with_every_reason() {
    let problem = post(GREET, &[], &json!({ "input": { "times": 0, "tmies": 1 } })).expect(422);
    assert_eq!(problem["code"], "invalid-input");
    let problems = problem["problems"].as_array().expect("a list");
    assert!(problems.len() >= 3, "{problem:#}");
    let pointers: Vec<_> = problems.iter().filter_map(|one| one["pointer"].as_str()).collect();
    assert!(pointers.contains(&"/times"), "{problem:#}");
    assert!(problem.to_string().contains("name") && problem.to_string().contains("tmies"));
}

#[test]
fn a_workflow_without_its_plugins_cannot_be_started() {
    let problem = post("/workflows/nowhere/runs", &[], &json!({})).expect(409);
    assert_eq!(problem["code"], "workflow-unavailable");
    let problems = problem["problems"].as_array().expect("a list");
    assert_eq!(problems.len(), 2, "{problem:#}");
    assert_eq!(
        (&problems[0]["line"], &problems[0]["code"]),
        (&json!(7), &json!("unknown-task-type"))
    );
    assert!(problems[1]["help"].as_str().is_some_and(|help| help.contains("noop.run")));
}

#[test]
fn bodies_that_cannot_be_read_say_why() {
    let large = format!("{{\"input\": \"{}\"}}", "x".repeat(BODY_BYTES_MAX));
    for (kind, body, status, code, part) in [
        ("application/json", "{\n  \"input\": oops\n}", 400, "malformed-json", "line 2 column 12"),
        ("application/json", "", 400, "malformed-json", "empty"),
        ("application/json", "{\"inptu\": 1}", 422, "invalid-body", "inptu"),
        ("application/json", "{\"priority\": 101}", 422, "invalid-body", "101"),
        ("application/json", "[]", 422, "invalid-body", "line 1"),
        ("application/json", large.as_str(), 413, "body-too-large", "65536"),
        ("text/plain", "{}", 415, "unsupported-media-type", "application/json"),
        ("", "{}", 415, "unsupported-media-type", "none"),
    ] {
        let headers = [("content-type", kind)];
        let headers = if kind.is_empty() { &headers[..0] } else { &headers[..] };
        let problem = ask(&format!("POST {GREET}"), headers, body.to_owned()).expect(status);
        assert_eq!(problem["code"], code, "{problem:#}");
        assert!(
            problem["detail"].as_str().is_some_and(|d| d.contains(part)),
            "{part}: {problem:#}"
        );
    }
}

#[test]
fn headers_that_are_wrong_are_refused() {
    let long = "x".repeat(256);
    for key in ["", long.as_str()] {
        let answer = post(GREET, &[("idempotency-key", key)], &json!({ "input": { "name": "A" } }));
        assert_eq!(answer.expect(400)["code"], "invalid-header");
    }
}

#[test]
fn an_unknown_workflow_comes_with_what_was_perhaps_meant() {
    for (id, part) in
        [("gret", "did you mean `greet`"), ("broken", "broken.toml"), ("Ä", "lists them")]
    {
        let answer = post(&format!("/workflows/{}/runs", escaped(id)), &[], &json!({}));
        let problem = answer.expect(404);
        assert_eq!(problem["code"], "workflow-not-found");
        assert!(problem["detail"].as_str().is_some_and(|d| d.contains(part)), "{problem:#}");
    }
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

#[test]
fn traces_are_handed_on() {
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let body = json!({ "input": { "name": "Ada" } });
    post(GREET, &[("traceparent", trace)], &body).expect(201);
    started("talks", json!({}));
}
