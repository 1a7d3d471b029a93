//! Values of shared contexts that a task type makes one of two.

use std::fs;

use serde_json::{Value, json};

use crate::host::component;
use crate::own::{Host, Place};

/// A workflow that publishes what it is given, merged as `[context]` goes on to say.
fn publishes(merge: &str) -> String {
    format!(
        "id = \"w\"\nversion = \"1.0.0\"\n[context]\npublish = {{ notes = \"${{input}}\" }}\n{merge}\n\
         [[tasks]]\nid = \"go\"\nkind = \"wait\"\nsignal = \"go\"\n"
    )
}

fn place(merge: &str) -> Place {
    Place::new(&["hostile", "json"], &[("w.toml", &publishes(merge))], &[])
}

/// Starts a run that publishes `values`, up to its end.
fn started(host: &Host, values: &Value) -> String {
    let run = host.post("/workflows/w/runs", &json!({ "input": values })).expect(201);
    let path = format!("/runs/{}", run["id"].as_str().expect("an id"));
    host.until(&path, |run| run["tasks"][0]["status"] == "waiting");
    host.post(&format!("{path}/signals"), &json!({ "name": "go" })).expect(202);
    path
}

fn ended(host: &Host, path: &str) -> Value {
    host.ask(&format!("GET {path}"), &[("prefer", "wait=30")], &Value::Null).expect(200)
}

fn published(host: &Host, values: &Value) -> Value {
    ended(host, &started(host, values))
}

#[test]
fn a_task_type_makes_one_value_of_two() {
    let host = place("merge_type = \"json.merge\"\nmerge_input = { arrays = \"concat\" }").start();
    published(&host, &json!({ "titles": ["one"], "by": "Ada" }));
    let second = published(&host, &json!({ "titles": ["two"], "by": "Ada" }));
    assert_eq!(second["outcome"], "succeeded", "{second:#}");
    let values = &host.get("/contexts/notes")["values"];
    assert_eq!(values["titles"]["value"], json!(["one", "two"]));
    assert_eq!(values["titles"]["from"]["run"], second["id"]);
    assert_eq!(values["by"]["from"]["seq"], 1, "equal values are not merged: {values:#}");
    host.stop();
}

#[test]
fn a_merge_that_fails_fails_the_run_and_sets_nothing() {
    let host =
        place("merge_type = \"json.merge\"\nmerge_input = { on_conflict = \"fail\" }").start();
    published(&host, &json!({ "by": "Ada", "more": 1 }));
    let second = published(&host, &json!({ "by": "Bob", "other": 2 }));
    assert_eq!(second["outcome"], "failed", "{second:#}");
    assert_eq!(second["failure"]["code"], "context-not-merged");
    let message = second["failure"]["message"].as_str().expect("a text");
    assert!(message.contains("`by` of shared context `notes`"), "{message}");
    assert!(message.contains("merge-conflict"), "{message}");
    assert_eq!(host.get("/contexts/notes")["seq"], 1);
    host.stop();
}

#[test]
fn an_output_without_a_value_is_named() {
    let host = place("merge_type = \"hostile.echo\"").start();
    let first = published(&host, &json!({ "by": "Ada" }));
    assert_eq!(first["outcome"], "succeeded", "nothing is to be merged: {first:#}");
    let second = published(&host, &json!({ "by": "Bob" }));
    let message = second["failure"]["message"].as_str().expect("a text");
    assert!(message.contains("the output of `hostile.echo` has no `value`"), "{message}");
    host.stop();
}

#[test]
fn the_end_of_a_run_waits_for_the_plugin_that_merges() {
    let place = place("merge_type = \"json.merge\"");
    let host = place.start();
    published(&host, &json!({ "by": "Ada" }));
    let run = host.post("/workflows/w/runs", &json!({ "input": { "by": "Bob" } })).expect(201);
    let path = format!("/runs/{}", run["id"].as_str().expect("an id"));
    host.until(&path, |run| run["tasks"][0]["status"] == "waiting");
    host.stop();

    let plugin = place.path("plugins").join("json.wasm");
    fs::remove_file(&plugin).expect("removed");
    fs::remove_dir_all(place.path("data").join("plugins")).expect("removed");
    let host = place.start();
    host.post(&format!("{path}/signals"), &json!({ "name": "go" })).expect(202);
    let waiting = host.until(&path, |run| run["waiting_for"].is_string());
    let why = waiting["waiting_for"].as_str().expect("a text");
    assert!(why.contains("plugin `json`, which the run keeps, is not loaded"), "{why}");
    fs::copy(component("json"), &plugin).expect("copied");
    let run = ended(&host, &path);
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    assert_eq!(host.get("/contexts/notes")["values"]["by"]["value"], "Bob");
    host.stop();
}
