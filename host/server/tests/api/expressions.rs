//! Expressions that fail while a run is under way: what is told of them.

use serde_json::{Value, json};

use crate::host::{finished, get, put_workflow};

/// Runs a workflow of `tasks` and gives the failure whose details name a place.
fn failure_of(id: &str, head: &str, tasks: &str) -> Value {
    put_workflow(id, format!("id = \"{id}\"\nversion = \"1.0.0\"\n{head}\n{tasks}"));
    let run = finished(id, json!({ "text": "five", "list": [{}] }));
    let tasks = get(&format!("/runs/{}/tasks", run["id"].as_str().expect("an id")));
    let tasks = tasks["tasks"].as_array().expect("tasks");
    let failures = tasks.iter().map(|task| &task["failure"]).chain([&run["failure"]]);
    let mut placed = failures.filter(|failure| failure["details"]["place"].is_string());
    placed.next_back().unwrap_or_else(|| panic!("nothing says where: {run:#}")).clone()
}

/// A task whose key cannot be computed says which key that is.
fn check(id: &str, task: &str, code: &str, place: &str) {
    let failure = failure_of(id, "", &format!("[[tasks]]\nid = \"a\"\n{task}"));
    assert_eq!((&failure["code"], &failure["details"]["place"]), (&json!(code), &json!(place)));
    let message = failure["message"].as_str().expect("a text");
    assert!(message.starts_with(&format!("{place}: ")), "{message}");
    assert!(failure["details"]["expression"].is_string(), "{failure:#}");
}

const FAILED: &str = "expression-failed";

#[test]
fn the_task_tells_the_expression_its_place_and_the_types() {
    let task = "type = \"hostile.echo\"\n\
                input = { values = { title = \"no ${input.text + 1}\" }, same = \"${input.text}\" }";
    let failure = failure_of("misread-input", "", &format!("[[tasks]]\nid = \"a\"\n{task}"));
    let details = json!({
        "expression": "input.text + 1",
        "place": "input.values.title",
        "types": { "input.text": "a string" },
    });
    assert_eq!(failure["details"], details);
    let message = "input.values.title: in `${input.text + 1}`: `+` does not take (string, int)";
    assert_eq!(failure["message"], message);
}

#[test]
fn every_key_of_a_task_is_named() {
    check("misread-run-if", "type = \"noop.run\"\nrun_if = \"input.none\"", FAILED, "run_if");
    check(
        "mistyped-run-if",
        "type = \"noop.run\"\nrun_if = \"input.text\"",
        "not-a-boolean",
        "run_if",
    );
    check("misread-until", "kind = \"wait\"\nuntil = \"input.none\"", FAILED, "until");
    check("mistyped-until", "kind = \"wait\"\nuntil = \"input.text\"", "not-a-time", "until");
    let set = "type = \"noop.run\"\nset = { found = [\"${output.none}\"] }";
    check("misread-set", set, FAILED, "set.found[0]");
    let child = "kind = \"workflow\"\nworkflow = \"greet\"\ninput = { name = \"${input.none}\" }";
    check("misread-child", child, FAILED, "input.name");
    let approval = "kind = \"approval\"\nprompt = \"?\"\ninput = { shown = \"${input.none}\" }";
    check("misread-prompt", approval, FAILED, "input.shown");
}

#[test]
fn every_key_of_a_group_is_named() {
    let inner = "[{ id = \"b\", type = \"noop.run\" }]";
    let branch = |keys: &str| format!("kind = \"branch\"\n{keys}\nthen = {inner}\n");
    check("misread-condition", &branch("condition = \"input.none\""), FAILED, "condition");
    check(
        "mistyped-condition",
        &branch("condition = \"input.text\""),
        "not-a-boolean",
        "condition",
    );
    let then = branch("condition = \"input.text == 'five'\"\nthen_output = \"${input.none}\"");
    check("misread-then", &then, FAILED, "then_output");
    let other = format!(
        "condition = \"input.text == 'six'\"\nelse_output = \"${{input.none}}\"\nelse = {}",
        inner.replace("\"b\"", "\"c\"")
    );
    check("misread-else", &branch(&other), FAILED, "else_output");
    let case = format!("{{ equals = \"five\", tasks = {inner}, output = \"${{input.none}}\" }}");
    let switch = |keys: &str| format!("kind = \"switch\"\n{keys}");
    let cases = format!("on = \"input.none\"\ncases = [{case}]");
    check("misread-on", &switch(&cases), FAILED, "on");
    check(
        "misread-case",
        &switch(&cases.replace(".none\"\n", ".text\"\n")),
        FAILED,
        "cases[0].output",
    );
    let default = format!(
        "on = \"input.list\"\ncases = [{case}]\ndefault = {}\ndefault_output = [\"${{input.none}}\"]",
        inner.replace("\"b\"", "\"c\"")
    );
    check("misread-default", &switch(&default), FAILED, "default_output[0]");
    let group =
        format!("kind = \"group\"\ntasks = {inner}\noutput = {{ x = \"${{input.none}}\" }}");
    check("misread-group", &group, FAILED, "output.x");
    let each = format!("kind = \"parallel\"\ntasks = {inner}\n");
    check("misread-each", &format!("{each}for_each = \"input.none\""), FAILED, "for_each");
    check("mistyped-each", &format!("{each}for_each = \"input.text\""), "not-a-list", "for_each");
    let item = format!("{each}for_each = \"input.list\"\noutput = \"${{item.none}}\"");
    check("misread-item", &item, FAILED, "output");
}

#[test]
fn the_run_tells_the_place_of_its_own_values() {
    let task = "[[tasks]]\nid = \"a\"\ntype = \"noop.run\"";
    let failure = failure_of("misread-output", "output = { x = \"${input.none}\" }", task);
    assert_eq!(
        (&failure["code"], &failure["details"]["place"]),
        (&json!(FAILED), &json!("output.x"))
    );
    let publish = "[context.publish.some-notes]\nlast = \"${input.none}\"\n";
    let failure = failure_of("misread-publish", publish, task);
    assert_eq!(failure["details"]["place"], "context.publish[\"some-notes\"].last");
}
