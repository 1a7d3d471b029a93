//! Workflows, templates and expressions: what people and models write.

use std::collections::BTreeMap;

use serde_json::json;
use taskloom_core::definition::{self, template::read_template};
use taskloom_core::document::Problem;
use taskloom_core::expression::{Expression, Scope};
use taskloom_core::id::WorkflowId;
use taskloom_core::workflow::KnownTypes;

pub(crate) fn workflow(bytes: &[u8]) -> bool {
    let Ok(source) = std::str::from_utf8(bytes) else { return false };
    let reading = definition::read("fuzz.toml", source);
    assert_eq!(reading.definition.is_some(), reading.problems.is_empty(), "one or the other");
    lie_in(source, &reading.problems);
    let Some(definition) = reading.definition else { return false };
    lie_in(source, &definition.check_types(&KnownTypes::new()));
    lie_in(source, &definition.check_versions(&BTreeMap::new()));
    true
}

pub(crate) fn template(bytes: &[u8]) -> bool {
    let Ok(source) = std::str::from_utf8(bytes) else { return false };
    let reading = read_template("fuzz.toml", source);
    assert_eq!(reading.template.is_some(), reading.problems.is_empty(), "one or the other");
    let Some(template) = reading.template else { return false };
    let id = WorkflowId::new("made").expect("an id");
    if let Ok(made) = template.instantiate(&json!({}), &id) {
        workflow(made.as_bytes());
    }
    true
}

pub(crate) fn expression(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(expression) = Expression::parse(text) else { return false };
    assert_eq!(expression.text(), text.trim());
    let value = json!({ "a": [1, 2.5, null, "text", { "b": true }], "n": -1, "s": "é\u{0}🦀" });
    let scope = Scope {
        input: value.clone(),
        context: value.clone(),
        config: value.clone(),
        run: json!({ "id": "0192f0c1-0000-7000-8000-000000000001", "attempt": 1 }),
        ..Scope::default()
    };
    // A value or an error: whatever it is, within the budget of an evaluation.
    let _ = expression.evaluate(&scope);
    true
}

/// Every problem stands somewhere in the text, and says something.
pub(crate) fn lie_in(source: &str, problems: &[Problem]) {
    let lines = source.lines().count().max(1) + 1;
    for problem in problems {
        assert!((1..=lines).contains(&(problem.line as usize)), "{problem} of {lines} lines");
        assert!(problem.column >= 1 && !problem.message.is_empty(), "{problem}");
    }
}
