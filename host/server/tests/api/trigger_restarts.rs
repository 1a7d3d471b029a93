//! Triggers over the end of a host, and on one that is full.

use serde_json::{Value, json};

use crate::own::{Host, Place};

const UPSTREAM: &str = r#"
id = "upstream"
version = "1.0.0"
output = { n = "${input.n}" }
[[tasks]]
id = "a"
kind = "wait"
for = "1ms"
"#;

const DOWNSTREAM: &str = r#"
id = "downstream"
version = "1.0.0"
output = "${input.output}"
[[triggers]]
kind = "run"
workflow = "upstream"
[[tasks]]
id = "a"
kind = "wait"
for = "1ms"
"#;

const SLOW: &str = r#"
id = "slow"
version = "1.0.0"
[[triggers]]
kind = "webhook"
path = "slow"
verify = "none"
[[tasks]]
id = "a"
kind = "wait"
for = "1h"
"#;

/// The lines of the trigger's history that tell of a run.
fn fired(shown: &Value) -> Vec<&Value> {
    let lines = shown["history"].as_array().expect("lines").iter();
    lines.filter(|line| line["kind"] == "trigger-fired").collect()
}

/// Runs the first workflow to its end.
fn run_upstream(host: &Host, n: u32) -> String {
    let run = host.post("/workflows/upstream/runs", &json!({ "input": { "n": n } })).expect(201);
    let id = run["id"].as_str().expect("an id").to_owned();
    host.until(&format!("/runs/{id}"), |run| run["status"] == "finished");
    id
}

#[test]
fn an_end_that_nobody_heard_of_is_found_at_the_next_start_and_counts_once() {
    const TRIGGER: &str = "/triggers/downstream.run-1";
    let files = [("upstream.toml", UPSTREAM), ("downstream.toml", DOWNSTREAM)];
    let place = Place::new(&[], &files, &[]);
    let host = place.start();
    let before = run_upstream(&host, 0);
    host.listen();
    host.until(TRIGGER, |shown| shown["history"][0]["kind"] == "trigger-armed");
    // This one listens to nothing.
    host.stop();
    let host = place.start();
    let unheard = run_upstream(&host, 1);
    assert_eq!(fired(&host.get(TRIGGER)).len(), 0);
    host.stop();
    let host = place.start();
    host.listen();
    host.until(TRIGGER, |shown| fired(shown).len() == 1);
    host.stop();
    let host = place.start();
    host.listen();
    let heard = run_upstream(&host, 2);
    let shown =
        host.until(TRIGGER, |shown| fired(shown).iter().any(|line| line["key"] == heard.as_str()));
    let keys: Vec<_> = fired(&shown).iter().map(|line| line["key"].clone()).collect();
    assert_eq!(keys, [json!(heard), json!(unheard)], "{before} ended before anybody listened");
    let run = fired(&shown)[1]["run"].as_str().expect("a run").to_owned();
    let run = host.until(&format!("/runs/{run}"), |run| run["status"] == "finished");
    assert_eq!(run["output"], json!({ "n": 1 }));
}

#[test]
fn a_full_host_asks_a_sender_to_come_again_and_forgets_nothing() {
    let place = Place::new(&[], &[("slow.toml", SLOW)], &[("runs.max_live", "1")]);
    let host = place.start();
    let first = host.post("/hooks/slow", &json!({})).expect(202);
    let again = host.post("/hooks/slow", &json!({}));
    assert_eq!(again.expect(429)["code"], "host-full");
    assert_eq!(again.header("retry-after"), "1");
    let run = first["runs"][0]["run"].as_str().expect("a run");
    host.post(&format!("/runs/{run}/cancel"), &json!({}));
    host.until(&format!("/runs/{run}"), |run| run["status"] == "finished");
    host.post("/hooks/slow", &json!({})).expect(202);
    let history = host.get("/triggers/slow.webhook-1");
    assert_eq!(fired(&history).len(), 2, "{history:#}");
}
