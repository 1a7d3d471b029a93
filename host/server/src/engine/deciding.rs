//! What is computed for a decision point: which options are open, and what a task recommends.

use serde_json::Value;
use taskloom_core::expression::{Expression, References, Scope, Template};
use taskloom_core::failure::Failure;
use taskloom_core::workflow::{Decision, Recommend};

use super::inquiry::truth;

/// What a decision uses.
pub(super) fn references_of(decision: &Decision, input: &Template) -> References {
    let mut found = input.references().clone();
    for when in decision.options.iter().filter_map(|option| option.when.as_ref()) {
        found.add_all(when.references());
    }
    if let Recommend::Task(task) = &decision.recommend {
        found.tasks.insert(task.clone());
    }
    found
}

/// Whether each option of a decision is open; `value_of` is told the place of each expression. A rule looks
/// at no more than it needs.
pub(super) fn open(
    decision: &Decision,
    value_of: impl Fn(&str, &Expression) -> Result<Value, Failure>,
) -> Result<Vec<bool>, Failure> {
    let is_rule = decision.recommend == Recommend::Rule;
    let mut open = Vec::with_capacity(decision.options.len());
    let mut is_found = false;
    for (place, option) in decision.options.iter().enumerate() {
        let place = format!("options[{place}].when");
        let holds = match &option.when {
            _ if is_found => false,
            Some(when) => truth((&place, when), &value_of(&place, when)?)?,
            None => true,
        };
        is_found |= is_rule && holds && option.when.is_some();
        open.push(holds);
    }
    Ok(open)
}

/// The output of the task that recommends, if one does and has one.
pub(super) fn output_in<'s>(decision: &Decision, scope: &'s Scope) -> Option<&'s Value> {
    let Recommend::Task(task) = &decision.recommend else { return None };
    scope.tasks.get(task)?.output.as_ref()
}
