//! What is said of an expression that fails while a run is under way: which, where in the file, and
//! what its values were.

use serde_json::{Map, Value, json};
use taskloom_core::expression::{EvaluationError, Expression};
use taskloom_core::failure::{Failure, FailureClass, code};
use taskloom_core::run::Question;
use taskloom_core::workflow::{BlockIndex, Task, TaskKind};

/// The key of a task that is computed to answer a question.
pub(super) fn key_of(task: &Task, question: Question) -> String {
    let key = match question {
        Question::RunIf => "run_if",
        Question::Condition => "condition",
        Question::Selector => "on",
        Question::Items => "for_each",
        Question::Until => "until",
        Question::BlockValue { block } => return output_of(task, block),
        Question::ItemValue { .. } => "output",
        Question::MergedValue => "merge",
        Question::ChildInput | Question::Prompt | Question::Recommendation => "input",
        Question::Writes => "set",
    };
    key.to_owned()
}

/// The key that has the value of one of a task's blocks.
fn output_of(task: &Task, block: BlockIndex) -> String {
    let key = match &task.kind {
        TaskKind::Branch { then, .. } if *then == block => "then_output",
        TaskKind::Branch { .. } => "else_output",
        TaskKind::Switch { cases, .. } => {
            return match cases.iter().position(|case| case.block == block) {
                Some(place) => format!("cases[{place}].output"),
                None => "default_output".to_owned(),
            };
        }
        _ => "output",
    };
    key.to_owned()
}

/// The failure of a task, or a run, whose `key` could not be computed.
pub(super) fn expression_failed(key: &str, error: &EvaluationError) -> Failure {
    let place = error.place(key);
    let message = format!("{place}: {error}");
    let types = error.types.iter().map(|(path, kind)| (path.clone(), Value::from(*kind)));
    let details = json!({
        "expression": error.expression,
        "place": place,
        "types": types.collect::<Map<_, _>>(),
    });
    let failure = Failure::new(FailureClass::Permanent, code::EXPRESSION_FAILED, message);
    Failure { details: Some(details), ..failure }
}

/// The failure of a task whose expression at `key` became a value of another type than it needs.
pub(super) fn wrong_type(
    code: &str,
    (key, expression): (&str, &Expression),
    (expected, value): (&str, &Value),
) -> Failure {
    let found = type_of(value);
    let text = expression.text();
    let message = format!("{key}: `{text}` should be {expected}, and is {found}");
    let details = json!({ "expression": text, "place": key, "type": found });
    Failure { details: Some(details), ..Failure::new(FailureClass::Permanent, code, message) }
}

/// What kind of value it is, with its article.
pub(super) const fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
