//! The context of runs, as clients see it.

use serde_json::{Value, json};

use crate::host::{get, post, until};
use crate::own::Place;

const WAIT: (&str, &str) = ("prefer", "wait=60");

fn tenant() -> Value {
    json!({ "tenant": { "name": "acme" }, "dry": true })
}

/// Runs a workflow with a context to its end and gives the run.
fn finished(workflow: &str, context: &Value) -> Value {
    let path = format!("/workflows/{workflow}/runs");
    post(&path, &[WAIT], &json!({ "context": context })).expect(200)
}

#[test]
fn expressions_read_what_a_run_was_started_with() {
    let run = finished("reads-context", &tenant());
    assert_eq!(run["output"], json!({ "say": { "tenant": "acme", "dry": true } }), "{run:#}");
    let from = json!({ "source": "start", "at": run["started_at"] });
    assert_eq!(run["context"]["dry"], json!({ "value": true, "from": from }), "{run:#}");
    assert_eq!(run["context"]["tenant"]["value"], json!({ "name": "acme" }));
}

#[test]
fn a_name_that_the_context_has_not_fails_the_task() {
    let run = finished("reads-context", &json!({ "dry": false }));
    assert_eq!(run["outcome"], "failed");
    let failure = &run["tasks"][0]["failure"];
    assert_eq!(failure["code"], "expression-failed", "{run:#}");
    let message = failure["message"].as_str().expect("a text");
    assert!(message.contains("tenant"), "{message}");
    let path = "/workflows/reads-context/runs";
    let run = post(path, &[WAIT], &json!({})).expect(200);
    assert_eq!(run["tasks"][0]["failure"]["code"], "expression-failed", "{run:#}");
    assert!(run["context"].is_null(), "{run:#}");
}

#[test]
fn a_run_hands_its_context_down_to_the_runs_of_its_tasks() {
    // Too long to lie in an event: it is kept beside the journal.
    let mut context = tenant();
    context["notes"] = json!("n".repeat(20_000));
    let run = finished("hands-context-down", &context);
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    let say = json!({ "say": { "tenant": "acme", "dry": true } });
    assert_eq!(run["output"]["middle"]["inner"], say);
    let middle = child_of(&run, "middle");
    let inner = child_of(&middle, "inner");
    for (child, parent, task) in [(&middle, &run, "middle"), (&inner, &middle, "inner")] {
        assert_eq!(child["context"]["notes"]["value"], context["notes"]);
        let from = &child["context"]["dry"]["from"];
        assert_eq!((&from["source"], &from["run"]), (&json!("parent"), &parent["id"]));
        assert_eq!(from["task"], task);
    }
}

fn child_of(run: &Value, task: &str) -> Value {
    let tasks = run["tasks"].as_array().expect("a list");
    let task = tasks.iter().find(|one| one["id"] == task).expect("the task");
    get(&format!("/runs/{}", task["child_run"].as_str().expect("a run")))
}

#[test]
fn a_rerun_has_the_context_of_the_run_it_runs_again() {
    let first = finished("reads-context", &json!({ "dry": false }));
    let path = format!("/runs/{}/rerun", first["id"].as_str().expect("an id"));
    let second = post(&path, &[], &json!({ "from": "start" })).expect(201);
    let id = second["id"].as_str().expect("an id");
    let second = until(&format!("/runs/{id}"), |run| !run["outcome"].is_null());
    let dry = &second["context"]["dry"];
    assert_eq!(dry["value"], false, "{second:#}");
    assert_eq!((&dry["from"]["source"], &dry["from"]["run"]), (&json!("rerun"), &first["id"]));
}

#[test]
fn what_is_no_context_is_refused() {
    let path = "/workflows/reads-context/runs";
    let problem = post(path, &[], &json!({ "context": [1] })).expect(422);
    assert_eq!(problem["code"], "invalid-body");
    assert!(problem["detail"].as_str().is_some_and(|why| why.contains("context: it is no object")));
    let names: serde_json::Map<String, Value> =
        (0..257).map(|n| (format!("n{n}"), Value::Null)).collect();
    let problem = post(path, &[], &json!({ "context": names })).expect(422);
    assert!(problem["detail"].as_str().is_some_and(|why| why.contains("257 names")));
}

#[test]
fn a_context_of_too_many_bytes_is_refused_with_the_limit() {
    let waits =
        "id = \"w\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"a\"\nkind = \"wait\"\nfor = \"1ms\"\n";
    let place = Place::new(&[], &[("w.toml", waits)], &[]);
    let host = place.start();
    let of = |bytes: usize| json!({ "n": "x".repeat(bytes - r#"{"n":""}"#.len()) });
    let limit = 64 * 1024;
    host.post("/workflows/w/runs", &json!({ "context": of(limit) })).expect(201);
    let problem = host.post("/workflows/w/runs", &json!({ "context": of(limit + 1) })).expect(413);
    assert_eq!(problem["code"], "context-too-large");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("65537 bytes, and the limit is 65536"), "{detail}");
    let set = |bytes| host.ask("PUT /contexts/notes", &[], &json!({ "values": of(bytes) }));
    let limit = 256 * 1024;
    set(limit - 1).expect(200);
    let problem = set(limit + 1_000).expect(413);
    assert_eq!(problem["code"], "context-too-large");
    assert!(problem["detail"].as_str().is_some_and(|text| text.contains("262144")), "{problem:#}");
    host.stop();
}

#[test]
fn the_same_key_with_another_context_is_another_request() {
    let path = "/workflows/reads-context/runs";
    let headers = [WAIT, ("idempotency-key", "context")];
    let body = json!({ "context": tenant() });
    let first = post(path, &headers, &body).expect(200);
    let second = post(path, &headers, &body);
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.expect(200)["id"], first["id"]);
    let problem = post(path, &headers, &json!({ "context": {} })).expect(422);
    assert_eq!(problem["code"], "idempotency-key-reused");
}

#[test]
fn tasks_set_what_others_read() {
    let context = json!({ "tenant": { "name": "acme" } });
    let run = finished("writes-context", &context);
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    let found = json!({ "first": "hello", "second": "hello!" });
    let reads = &run["output"]["reads"];
    assert_eq!((&reads["found"], &reads["below"]), (&found, &found), "{run:#}");
    assert_eq!(
        reads["tenant"],
        json!({ "name": "acme", "checked": true }),
        "merged with the start"
    );
    let value = |name: &str| &run["context"][name];
    assert_eq!(value("found")["value"], found);
    let from = &value("found")["from"];
    assert_eq!(
        (&from["source"], &from["task"], &from["writes"]),
        (&json!("task"), &json!("asked"), &json!(2))
    );
    assert_eq!(value("tenant")["from"]["attempt"], 1);
    assert_eq!(value("below")["from"]["task"], "child");
    assert_eq!(value("items")["from"]["writes"], 2);
    let child = child_of(&run, "child");
    assert_eq!(child["context"]["found"]["from"]["source"], "parent");
    assert_eq!(child["context"]["below"]["from"]["task"], "inner");
}

#[test]
fn what_does_not_fit_the_context_fails_its_task() {
    let path = "/workflows/sets-too-much/runs";
    let large = json!({ "input": { "text": "x".repeat(40_000) } });
    let run = post(path, &[WAIT], &large).expect(200);
    let failure = &run["tasks"][0]["failure"];
    assert_eq!(
        (&failure["code"], &failure["class"]),
        (&json!("context-too-large"), &json!("limit"))
    );
    let run = post(path, &[WAIT], &json!({ "input": { "text": "short" } })).expect(200);
    let failure = &run["tasks"][1]["failure"];
    assert_eq!(failure["code"], "context-conflict", "{run:#}");
    assert_eq!(failure["details"], json!({ "name": "text", "task": "large" }));
    assert_eq!(run["context"]["text"]["value"], "short");
}

#[test]
fn a_rerun_reads_what_was_set_before() {
    let path = "/workflows/sets-too-much/runs";
    let first = post(path, &[WAIT], &json!({ "input": { "text": "kept" } })).expect(200);
    let path = format!("/runs/{}/rerun", first["id"].as_str().expect("an id"));
    let second = post(&path, &[], &json!({ "from": "failed" })).expect(201);
    let id = second["id"].as_str().expect("an id");
    let second = until(&format!("/runs/{id}"), |run| !run["outcome"].is_null());
    assert_eq!(second["context"]["text"]["value"], "kept", "{second:#}");
    assert_eq!(second["context"]["text"]["from"]["task"], "large");
}
