//! Tests of the reader, by section of the format.

mod bounds;
mod context;
mod decisions;
mod diff;
mod examples;
mod expressions;
mod file;
mod groups;
mod links;
mod policy;
mod templates;
mod triggers;
mod types;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::Expect;
use serde_json::json;

use super::{Reading, read};
use crate::document::Problem;
use crate::id::TaskType;
use crate::plugin::{Effects, LimitsWish, ResourceClass, TaskTypeSpec};

fn print(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |mut text, problem| {
        writeln!(text, "[{}] {problem}", problem.code).expect("a string takes all");
        text
    })
}

/// Reads a source and shows everything that is wrong with it.
fn check(source: &str, expected: Expect) {
    let Reading { definition, problems } = read("w.toml", source);
    assert_eq!(definition.is_some(), problems.is_empty());
    expected.assert_eq(&print(&problems));
}

/// Reads a source with this before it: the least that a workflow needs besides tasks.
fn check_tasks(tasks: &str, expected: Expect) {
    check(&format!("id = \"w\"\nversion = \"1.0.0\"\n{tasks}"), expected);
}

fn known_types() -> BTreeMap<TaskType, TaskTypeSpec> {
    let spec = |name: &str, input_schema, output_schema| TaskTypeSpec {
        summary: String::new(),
        docs: String::new(),
        input_schema,
        output_schema,
        effects: if name == "http.post" { Effects::Writes } else { Effects::Pure },
        resource_class: ResourceClass::Cpu,
        idempotent: true,
        limits: LimitsWish::default(),
    };
    let render = json!({
        "type": "object", "required": ["template"], "additionalProperties": false,
        "properties": {
            "template": {"type": "string", "minLength": 2},
            "count": {"type": "integer", "minimum": 1},
            "mode": {"enum": ["fast", "slow"]},
            "values": {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}},
            "list": {"type": "array", "items": {"type": "integer"}, "uniqueItems": true, "maxItems": 3},
        },
    });
    let choose = json!({
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        "if": {"properties": {"kind": {"const": "x"}}}, "then": {"required": ["c"]},
    });
    let output = json!({
        "type": "object", "additionalProperties": false,
        "properties": {"text": {"type": "string"}, "parts": {"type": "array", "items": {"type": "integer"}}},
    });
    [
        ("text.render", render, output),
        ("text.choose", choose, json!(true)),
        ("http.get", json!(true), json!(true)),
        ("http.post", json!(true), json!(true)),
    ]
    .into_iter()
    .map(|(name, input, output)| (TaskType::new(name).expect("a type"), spec(name, input, output)))
    .collect()
}

/// Reads tasks that must be sound, and shows what is wrong given the task types.
fn check_types(tasks: &str, expected: Expect) {
    let source = format!("id = \"w\"\nversion = \"1.0.0\"\n{tasks}");
    let Reading { definition, problems } = read("w.toml", &source);
    assert_eq!(print(&problems), "");
    let types = known_types();
    let known = types.iter().collect();
    let problems = definition.expect("it has no problems").check_types(&known);
    expected.assert_eq(&print(&problems));
}
