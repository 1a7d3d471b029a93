//! Long lists of `for_each`.

use serde_json::{Value, json};

use crate::own::{Host, Place};

const EACH: &str = r#"
id = "each"
version = "1.0.0"
output = "${tasks.all.output}"
[[tasks]]
id = "all"
kind = "parallel"
for_each = "input.list"
output = "${index}"
[[tasks.tasks]]
id = "call"
type = "noop.run"
"#;

/// A list that is longer than the input that it is made of.
const LARGE: &str = r#"
id = "large"
version = "1.0.0"
[[tasks]]
id = "all"
kind = "parallel"
for_each = "input.list + input.list + input.list"
[[tasks.tasks]]
id = "call"
type = "noop.run"
"#;

fn place() -> Place {
    Place::new(&["noop"], &[("each.toml", EACH), ("large.toml", LARGE)], &[])
}

fn finished(host: &Host, workflow: &str, list: Value) -> Value {
    let input = json!({ "input": { "list": list } });
    let run = host.post(&format!("/workflows/{workflow}/runs"), &input).expect(201);
    let path = format!("/runs/{}", run["id"].as_str().expect("an id"));
    host.until(&path, |run| !run["outcome"].is_null())
}

#[test]
fn ten_thousand_items_are_worked_on_in_their_order() {
    let place = place();
    let host = place.start();
    let run = finished(&host, "each", json!(vec![0; 10_000]));
    assert_eq!(run["outcome"], "succeeded", "{}", run["failure"]);
    let output = run["output"].as_array().expect("a list");
    assert!(output.iter().enumerate().all(|(place, index)| *index == place), "in order");
    assert_eq!(output.len(), 10_000);
    host.stop();
}

#[test]
fn what_is_too_long_fails_the_task_and_says_the_limit() {
    let place = place();
    let host = place.start();
    let run = finished(&host, "each", json!(vec![0; 1_000_001]));
    let failure = &run["tasks"][0]["failure"];
    assert_eq!((&failure["code"], &failure["class"]), (&json!("too-many-items"), &json!("limit")));
    let message = failure["message"].as_str().expect("a text");
    assert!(message.contains("1000001 items") && message.contains("1000000"), "{message}");
    let run = finished(&host, "large", json!(vec!["x".repeat(1_000_000); 6]));
    let failure = &run["tasks"][0]["failure"];
    assert_eq!(failure["code"], "expression-failed", "{failure:#}");
    assert_eq!(failure["details"]["place"], "for_each");
    let message = failure["message"].as_str().expect("a text");
    assert!(message.contains("larger than 16777216 bytes"), "{message}");
    host.stop();
}
