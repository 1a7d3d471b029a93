//! Decision points: rules, tasks and persons that choose, through the API.

use serde_json::{Value, json};

use crate::own::{Host, Place};

/// A decision by what a task says of the input.
const BY_TASK: &str = r#"
id = "by-task"
version = "1.0.0"
output = "${tasks.severity.output}"
[[tasks]]
id = "look"
type = "hostile.echo"
input = "${input.said}"
[[tasks]]
id = "severity"
kind = "decision"
question = "How severe is it?"
options = [
    { id = "low", about = "it can wait" },
    { id = "high", when = "input.open" },
]
recommend = "task:look"
min_confidence = 0.7
fallback = { option = "low" }
"#;

const BY_RULE: &str = r#"
id = "by-rule"
version = "1.0.0"
output = "${tasks.severity.output}"
[[tasks]]
id = "severity"
kind = "decision"
question = "How severe is it?"
options = [
    { id = "low" },
    { id = "high", when = "input.n > 5" },
    { id = "highest", when = "input.n / 0 > 1" },
]
recommend = "rule"
fallback = { option = "low" }
"#;

const ASKS: &str = r#"
id = "asks"
version = "1.0.0"
output = "${tasks.severity.output}"
[[tasks]]
id = "severity"
kind = "decision"
question = "How severe is it?"
options = [{ id = "low", about = "it can wait" }, { id = "high" }]
recommend = "ai"
input = { title = "${input.title}" }
fallback = { approval = true }
"#;

fn place() -> Place {
    let files = [("by-task.toml", BY_TASK), ("by-rule.toml", BY_RULE), ("asks.toml", ASKS)];
    Place::new(&["hostile"], &files, &[])
}

/// The path of a run that is started now.
fn started(host: &Host, workflow: &str, input: &Value) -> String {
    let path = format!("/workflows/{workflow}/runs");
    let run = host.post(&path, &json!({ "input": input })).expect(201);
    format!("/runs/{}", run["id"].as_str().expect("an id"))
}

fn ended(host: &Host, path: &str) -> Value {
    host.until(path, |run| run["status"] == "finished")
}

#[test]
fn a_task_decides_if_it_is_sure_and_the_option_is_open() {
    let host = place().start();
    let output = |said: Value, open: bool| {
        let input = json!({ "said": said, "open": open });
        ended(&host, &started(&host, "by-task", &input))["output"].clone()
    };
    let sure = json!({ "option": "high", "confidence": 0.9, "reason": "it crashes" });
    let made =
        json!({ "option": "high", "by": "task:look", "confidence": 0.9, "reason": "it crashes" });
    assert_eq!(output(sure.clone(), true), made);
    for (said, open, why) in [
        (sure, false, "its `when` does not hold"),
        (json!({ "option": "high", "confidence": 0.6 }), true, "a confidence of 0.6, and 0.7"),
        (json!({ "option": "high" }), true, "without a confidence"),
        (json!({ "option": "hgih", "confidence": 1 }), true, "the options are `low` or `high`"),
        (json!([]), true, "it is no object"),
    ] {
        let output = output(said, open);
        assert_eq!((&output["option"], &output["by"]), (&json!("low"), &json!("fallback")));
        let reason = output["reason"].as_str().expect("a reason");
        assert!(reason.contains(why), "{reason}");
    }
    host.stop();
}

#[test]
fn a_rule_looks_no_further_than_it_needs() {
    let host = place().start();
    let run = ended(&host, &started(&host, "by-rule", &json!({ "n": 6 })));
    assert_eq!(run["output"], json!({ "option": "high", "by": "rule" }), "{run:#}");
    let run = ended(&host, &started(&host, "by-rule", &json!({ "n": 1 })));
    assert_eq!(run["outcome"], "failed", "{run:#}");
    let failure = &run["tasks"][0]["failure"];
    assert_eq!(failure["code"], "expression-failed", "{failure:#}");
    host.stop();
}

#[test]
fn a_person_is_asked_when_nothing_recommends() {
    let place = place();
    let host = place.start();
    let run = started(&host, "asks", &json!({ "title": "It crashes" }));
    let task = format!("{run}/tasks/severity");
    host.until(&task, |task| task["status"] == "waiting");
    host.stop();
    let host = place.start();
    let shown = host.get(&task);
    let waits = "waits for somebody to choose `low` or `high`: no provider of models is configured";
    assert_eq!(shown["waiting_for"], waits, "{shown:#}");
    assert_eq!(shown["input"], json!({ "title": "It crashes" }));
    let options = json!([{ "id": "low", "about": "it can wait" }, { "id": "high" }]);
    assert_eq!(shown["decision"]["options"], options);
    assert_eq!(shown["decision"]["asked_because"], "no provider of models is configured");
    let approve = format!("{task}/approve");
    for wrong in [json!({}), json!({ "input": "middle" }), json!({ "input": { "option": "low" } })]
    {
        assert_eq!(host.post(&approve, &wrong).expect(422)["code"], "invalid-input");
    }
    let answer = json!({ "by": "Ada", "comment": "seen before", "input": "high" });
    host.post(&approve, &answer).expect(202);
    let ended = ended(&host, &run);
    let made = json!({ "option": "high", "by": "person", "who": "Ada", "reason": "seen before" });
    assert_eq!(ended["output"], made, "{ended:#}");
    host.post(&approve, &answer).expect(409);
    let events = host.get(&format!("{run}/events"));
    let events = events["events"].as_array().expect("a list");
    let decided: Vec<_> = events.iter().filter(|event| event["kind"] == "decision-made").collect();
    assert_eq!(decided.len(), 1, "{events:#?}");
    assert_eq!(decided[0]["detail"], json!({ "option": "high", "by": "person", "who": "Ada" }));
    assert_eq!(decided[0]["reason"], "seen before");
    host.stop();
}

#[test]
fn a_rejected_decision_has_failed() {
    let host = place().start();
    let run = started(&host, "asks", &json!({ "title": "x" }));
    let task = format!("{run}/tasks/severity");
    host.until(&task, |task| task["status"] == "waiting");
    let no = json!({ "approved": false, "comment": "neither" });
    host.post(&format!("{task}/approve"), &no).expect(202);
    let failure = ended(&host, &run)["tasks"][0]["failure"].clone();
    assert_eq!(failure["code"], "rejected", "{failure:#}");
    assert_eq!(failure["message"], "it was rejected: neither");
    host.stop();
}
