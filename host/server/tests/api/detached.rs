//! Runs of tasks that nobody waits for, and runs that cannot be started.

use serde_json::{Value, json};

use crate::host::{finished, get, post, put_workflow, started, until};

fn workflow(id: &str, tasks: &str) {
    put_workflow(id, format!("id = \"{id}\"\nversion = \"1.0.0\"\n{tasks}"));
}

const STARTS: &str = "[[tasks]]\nid = \"child\"\nkind = \"workflow\"\nworkflow = \"waits\"\n\
                      detached = true\n";

fn run(id: &str) -> Value {
    get(&format!("/runs/{id}"))
}

fn go(id: &str) -> Value {
    post(&format!("/runs/{id}/signals"), &[], &json!({ "name": "go-ahead", "payload": 5 }))
        .expect(202);
    until(&format!("/runs/{id}"), |run| !run["outcome"].is_null())
}

#[test]
fn the_task_succeeds_with_the_run_that_goes_on() {
    workflow("detaches", &format!("output = \"${{tasks.child.output}}\"\n{STARTS}"));
    let parent = finished("detaches", json!({}));
    assert_eq!(parent["outcome"], "succeeded", "{parent:#}");
    let child = parent["output"]["run"].as_str().expect("a run").to_owned();
    assert_eq!(parent["output"], json!({ "run": child }));
    let live = run(&child);
    assert_eq!(
        (&live["outcome"], &live["trigger"]),
        (&Value::Null, &json!("workflow")),
        "{live:#}"
    );
    assert_eq!(live["parent"]["run"], parent["id"], "{live:#}");
    assert_eq!(go(&child)["outcome"], "succeeded");
}

#[test]
fn the_end_of_the_parent_and_of_the_child_are_their_own() {
    let waits = "[[tasks]]\nid = \"own\"\nkind = \"wait\"\nsignal = \"go-ahead\"\n";
    workflow("detaches-and-waits", &format!("{STARTS}{waits}"));
    let has_started = |run: &Value| run["tasks"][0]["outcome"] == "succeeded";
    let start = || {
        let parent = started("detaches-and-waits", json!({}));
        let run = until(&format!("/runs/{parent}"), has_started);
        (parent, run["tasks"][0]["child_run"].as_str().expect("a run").to_owned())
    };
    let (parent, child) = start();
    post(&format!("/runs/{parent}/cancel"), &[], &json!({})).expect(202);
    let ended = until(&format!("/runs/{parent}"), |run| !run["outcome"].is_null());
    assert_eq!(ended["outcome"], "cancelled");
    assert_eq!(run(&child)["outcome"], Value::Null, "it goes on");
    assert_eq!(go(&child)["outcome"], "succeeded");
    let (parent, child) = start();
    post(&format!("/runs/{child}/cancel"), &[], &json!({})).expect(202);
    until(&format!("/runs/{child}"), |run| run["outcome"] == "cancelled");
    assert_eq!(go(&parent)["outcome"], "succeeded", "nobody waited for the child");
}

#[test]
fn a_run_that_cannot_be_started_fails_the_task() {
    for (id, child, code) in [
        ("starts-unknown", "nothing-of-the-kind", "unknown-workflow"),
        ("starts-off", "off", "workflow-disabled"),
        ("starts-nowhere", "nowhere", "workflow-unavailable"),
        ("starts-wrongly", "greet", "invalid-input"),
    ] {
        for detached in [true, false] {
            let tasks = STARTS.replace("waits", child).replace("true", &detached.to_string());
            workflow(id, &tasks);
            let task = &finished(id, json!({}))["tasks"][0];
            assert_eq!(task["failure"]["details"]["code"], code, "{task:#}");
            assert_eq!(task["failure"]["code"], "child-failed");
        }
    }
}
