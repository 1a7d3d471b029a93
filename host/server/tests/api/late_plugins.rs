//! Plugins that are loaded when a run is on its way already.

use serde_json::{Value, json};

use crate::own::Place;

const ASKS_LATE: (&str, &str) = (
    "asks-late.toml",
    r#"
id = "asks-late"
version = "1.0.0"
[[tasks]]
id = "go"
kind = "wait"
signal = "go"
[[tasks]]
id = "after"
type = "noop.run"
needs = ["go"]
"#,
);

#[test]
fn a_plugin_that_comes_while_nothing_needs_it_is_there_when_something_does() {
    let place = Place::new(&["noop"], &[ASKS_LATE], &[]);
    // The run starts while its plugin is still being compiled, as it may after a start of the host.
    let host = place.start_unsettled();
    let run = host.ask("POST /workflows/asks-late/runs", &[], &json!({})).expect(201);
    let path = format!("/runs/{}", run["id"].as_str().expect("an id"));
    host.until(&path, |run| run["tasks"][0]["status"] == "waiting");
    host.until("/plugins", |list| list["plugins"][0]["state"] == "active");
    host.ask(&format!("POST {path}/signals"), &[], &json!({ "name": "go" })).expect(202);
    let ended = host.ask(&format!("GET {path}"), &[("prefer", "wait=30")], &Value::Null);
    assert_eq!(ended.expect(200)["outcome"], "succeeded");
    host.stop();
}
