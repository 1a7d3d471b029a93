//! A host that is full says so, and what to do.

use serde_json::{Value, json};

use crate::own::{Host, Place};

const WAITS: (&str, &str) = (
    "waits.toml",
    "id = \"waits\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"go\"\nkind = \"wait\"\nsignal = \"go\"\n",
);

fn start(host: &Host, key: &str) -> crate::host::Answer {
    host.ask("POST /workflows/waits/runs", &[("idempotency-key", key)], &json!({}))
}

#[test]
fn a_run_too_many_is_refused_until_one_ends() {
    let place = Place::new(&[], &[WAITS], &[("runs.max_live", "2")]);
    let host = place.start();
    let first = start(&host, "a").expect(201);
    start(&host, "b").expect(201);
    let answer = start(&host, "c");
    let problem = answer.expect(429);
    assert_eq!((&problem["code"], answer.header("retry-after")), (&json!("host-full"), "1"));
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("2 runs") && detail.contains("runs.max_live"), "{detail}");
    assert_eq!(start(&host, "a").expect(200)["id"], first["id"], "a repeated start needs no room");
    let path = format!("/runs/{}", first["id"].as_str().expect("an id"));
    host.ask(&format!("POST {path}/cancel"), &[], &Value::Null).expect(202);
    let ended = host.ask(&format!("GET {path}"), &[("prefer", "wait=60")], &Value::Null);
    assert_eq!(ended.expect(200)["outcome"], "cancelled");
    start(&host, "c").expect(201);
    let problem = host.ask(&format!("POST {path}/rerun"), &[], &Value::Null).expect(429);
    assert_eq!(problem["code"], "host-full");
    let many = host.ask("POST /runs/rerun", &[], &json!({})).expect(200);
    assert_eq!(many["runs"][0]["refused"]["code"], "host-full", "{many:#}");
    host.stop();
}

#[test]
fn a_full_host_goes_on_after_a_restart() {
    let place = Place::new(&[], &[WAITS], &[("runs.max_live", "1")]);
    let host = place.start();
    let run = start(&host, "a").expect(201);
    host.stop();
    let host = place.start();
    assert_eq!(start(&host, "b").expect(429)["code"], "host-full", "what is live still counts");
    let path = format!("/runs/{}", run["id"].as_str().expect("an id"));
    host.ask(&format!("POST {path}/signals"), &[], &json!({ "name": "go" })).expect(202);
    let ended = host.ask(&format!("GET {path}"), &[("prefer", "wait=60")], &Value::Null);
    assert_eq!(ended.expect(200)["outcome"], "succeeded");
    assert_eq!(host.get("/runs")["runs"].as_array().map(Vec::len), Some(1));
    host.stop();
}

const OUTER: (&str, &str) = (
    "outer.toml",
    "id = \"outer\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"go\"\nkind = \"wait\"\nsignal = \"go\"\n\
     [[tasks]]\nid = \"inner\"\nkind = \"workflow\"\nworkflow = \"quick\"\nneeds = [\"go\"]\n",
);

const QUICK: (&str, &str) = (
    "quick.toml",
    "id = \"quick\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"a\"\nkind = \"wait\"\nfor = \"1ms\"\n",
);

/// The path of a run of a workflow that is started now.
fn started(host: &Host, workflow: &str) -> String {
    let run = host.post(&format!("/workflows/{workflow}/runs"), &json!({})).expect(201);
    format!("/runs/{}", run["id"].as_str().expect("an id"))
}

fn ended(host: &Host, path: &str) -> Value {
    host.ask(&format!("GET {path}"), &[("prefer", "wait=60")], &Value::Null).expect(200)
}

#[test]
fn a_task_starts_its_run_on_a_full_host() {
    let place = Place::new(&[], &[OUTER, QUICK], &[("runs.max_live", "1")]);
    let host = place.start();
    let run = started(&host, "outer");
    host.post("/workflows/quick/runs", &json!({})).expect(429);
    host.post(&format!("{run}/signals"), &json!({ "name": "go" })).expect(202);
    let run = ended(&host, &run);
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    host.stop();
}

#[test]
fn runs_that_were_resumed_and_fill_the_host_start_theirs() {
    let place = Place::new(&[], &[OUTER, QUICK], &[("runs.max_live", "2")]);
    let host = place.start();
    let runs = [started(&host, "outer"), started(&host, "outer")];
    host.stop();
    let host = place.start();
    for run in &runs {
        host.post(&format!("{run}/signals"), &json!({ "name": "go" })).expect(202);
    }
    for run in &runs {
        let run = ended(&host, run);
        assert_eq!(run["outcome"], "succeeded", "{run:#}");
    }
    host.stop();
}

#[test]
fn a_workflow_that_starts_itself_comes_to_an_end() {
    let source = "id = \"again\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"inner\"\nkind = \"workflow\"\n\
                  workflow = \"again\"\n";
    let place = Place::new(&[], &[("again.toml", source)], &[]);
    let host = place.start();
    let run = ended(&host, &started(&host, "again"));
    assert_eq!(run["outcome"], "failed", "{run:#}");
    let message = run["failure"]["message"].as_str().expect("a text");
    assert!(message.contains("more than 32 deep"), "{message}");
    assert_eq!(host.get("/runs?limit=100")["runs"].as_array().map(Vec::len), Some(33));
    host.stop();
}
