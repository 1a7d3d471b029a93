//! What a task does: call a handler, or steer what is in it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{BlockIndex, BodyIndex, Decision, NodeIndex};
use crate::expression::Expression;

use crate::id::{TaskType, WorkflowId};

/// What a task does.
#[derive(Debug)]
pub enum TaskKind {
    /// `kind = "task"`: calls the handler of a task type.
    Call(TaskType),
    /// `kind = "branch"`: one of two blocks, by a condition.
    Branch {
        /// A truth value.
        condition: Expression,
        /// What runs when it holds.
        then: BlockIndex,
        /// What runs when it does not; without it, nothing.
        otherwise: Option<BlockIndex>,
    },
    /// `kind = "switch"`: one of several blocks, by a value.
    Switch {
        /// The value.
        on: Expression,
        /// The blocks, in the order of the file; the first whose value is equal runs.
        cases: Vec<Case>,
        /// What runs when no value is equal; without it, nothing.
        default: Option<BlockIndex>,
    },
    /// `kind = "group"`: a block as one task.
    Group {
        /// The block.
        block: BlockIndex,
    },
    /// `kind = "parallel"`: tasks side by side, or one block for each item of a list, merged.
    Parallel {
        /// What runs side by side.
        members: Members,
        /// Members at the same time; `None` for as many as there are slots.
        max_parallel: Option<u32>,
        /// What becomes of their outputs.
        merge: Merge,
    },
    /// `kind = "wait"`: waits for a time or a signal.
    Wait(Wait),
    /// `kind = "decision"`: chooses one of several options.
    Decision(Decision),
    /// `kind = "approval"`: waits for a person's word.
    Approval(Approval),
    /// `kind = "workflow"`: runs another workflow.
    Workflow(ChildWorkflow),
}

/// One case of a `switch`.
#[derive(Debug)]
pub struct Case {
    /// The value that chooses it, with whole numbers as integers.
    equals: Value,
    /// What runs then.
    pub block: BlockIndex,
}

impl Case {
    /// A case for a value.
    pub fn new(equals: &Value, block: BlockIndex) -> Self {
        Self { equals: by_value(equals), block }
    }

    /// The first of some cases that a value chooses. Numbers are equal by value: `1` is `1.0`.
    pub fn chosen_by(value: &Value, cases: &[Self]) -> Option<usize> {
        let value = by_value(value);
        cases.iter().position(|case| case.equals == value)
    }
}

/// The same value with each whole number as an integer, however it was written.
pub(crate) fn by_value(value: &Value) -> Value {
    match value {
        Value::Number(number) => whole(number).unwrap_or_else(|| value.clone()),
        Value::Array(items) => items.iter().map(by_value).collect(),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.clone(), by_value(value)));
            Value::Object(entries.collect())
        }
        other => other.clone(),
    }
}

/// A floating-point number as the integer that it is, if it is one of 64 bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked, and the result is whole"
)]
fn whole(number: &serde_json::Number) -> Option<Value> {
    let float = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0)?;
    // The first one beyond each range is a power of two, which is exact.
    let (signed, unsigned) = (9_223_372_036_854_775_808.0, 18_446_744_073_709_551_616.0);
    match float {
        _ if float >= -signed && float < signed => Some((float as i64).into()),
        _ if float >= signed && float < unsigned => Some((float as u64).into()),
        _ => None,
    }
}

/// The most items of one `for_each`. Items are taken up a few at a time, so the list costs only its
/// own memory.
pub const FOR_EACH_ITEMS_MAX: usize = 1_000_000;

/// What a `parallel` runs side by side.
#[derive(Debug)]
pub enum Members {
    /// Every task of a block is a member. They do not need each other.
    Tasks(BlockIndex),
    /// A block for each item of a list.
    Items {
        /// The list.
        items: Expression,
        /// What runs for an item; `item` and `index` are in scope.
        block: BlockIndex,
        /// What is repeated.
        body: BodyIndex,
    },
}

/// What becomes of the outputs of a `parallel`, and when it has succeeded.
#[derive(Debug)]
pub enum Merge {
    /// All must succeed; a list of the outputs, in the order of the members.
    Array,
    /// All must succeed; an object of the outputs by the members' ids. For fixed members only.
    Object,
    /// The output of the member that succeeds first; the others are cancelled then.
    First,
    /// All are waited for and one must succeed; a list of the outputs of those that did.
    Any,
    /// As many as `count` must succeed, the others are cancelled then; a list of their outputs.
    Quorum {
        /// How many.
        count: u32,
    },
    /// All must succeed; their outputs, objects, merged key by key in the order of the members.
    Deep {
        /// What happens where two give another value to the same key.
        conflicts: Conflicts,
    },
    /// All must succeed; a task made by the host (`<id>.reduce`) is given `{ items }`, the list of
    /// the outputs, and its output is the group's.
    Reduce {
        /// That task.
        task: NodeIndex,
    },
}

/// What a merge does where two values differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflicts {
    /// The first one stays.
    First,
    /// The last one wins.
    Last,
    /// The merge fails, and names the key and the member that differs from those before it.
    Fail,
}

/// What a `wait` waits for.
#[derive(Debug)]
pub struct Wait {
    /// The time or the signal.
    pub until: WaitUntil,
    /// The longest wait for a signal; `None` for no limit.
    pub timeout: Option<Duration>,
    /// What happens at its end.
    pub on_timeout: OnTimeout,
}

/// What ends a `wait`.
#[derive(Debug)]
pub enum WaitUntil {
    /// Some time has passed since it began.
    For(Duration),
    /// A time has come: an RFC 3339 text or milliseconds since 1970.
    Time(Expression),
    /// A signal of this name was received; its payload is the output.
    Signal(Arc<str>),
}

/// What happens when the signal did not come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnTimeout {
    /// The task has timed out.
    Fail,
    /// The task has succeeded with the output `null`.
    Succeed,
    /// The task is skipped, and with it what needs it.
    Skip,
}

/// A question to a person. The task's input is what they are shown.
#[derive(Debug)]
pub struct Approval {
    /// What is to be approved, for people.
    pub prompt: String,
    /// JSON Schema of what the person may give along; `None` when nothing is asked.
    pub input_schema: Option<Value>,
    /// How long it may take; `None` for no limit.
    pub deadline: Option<Duration>,
    /// What happens then.
    pub on_deadline: OnDeadline,
    /// Whether a rejection fails the task; otherwise it succeeds with `approved: false`.
    pub reject_fails: bool,
}

/// What happens when nobody answered in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDeadline {
    /// The task has timed out.
    Fail,
    /// As if approved.
    Approve,
    /// As if rejected.
    Reject,
}

/// Another workflow as a task. The task's input is its run's input, its run's output is the task's.
#[derive(Debug)]
pub struct ChildWorkflow {
    /// The workflow.
    pub workflow: WorkflowId,
    /// Whether the task succeeds as soon as the run was started, with `{ run }`.
    pub detached: bool,
    /// Whether what the tasks of the run set in its context is set in the context of this run too.
    pub returns_context: bool,
}

impl TaskKind {
    /// The task type it calls, if it calls one.
    pub const fn task_type(&self) -> Option<&TaskType> {
        match self {
            Self::Call(task_type) => Some(task_type),
            _ => None,
        }
    }

    /// Whether there is nothing in it that runs by itself.
    pub const fn is_single(&self) -> bool {
        matches!(
            self,
            Self::Call(_)
                | Self::Decision(_)
                | Self::Wait(_)
                | Self::Approval(_)
                | Self::Workflow(_)
        )
    }

    /// The word for this kind, as in the file and the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Call(_) => "task",
            Self::Branch { .. } => "branch",
            Self::Switch { .. } => "switch",
            Self::Group { .. } => "group",
            Self::Parallel { .. } => "parallel",
            Self::Decision(_) => "decision",
            Self::Wait(_) => "wait",
            Self::Approval(_) => "approval",
            Self::Workflow(_) => "workflow",
        }
    }

    /// The blocks in it, in the order of the file.
    pub fn blocks(&self) -> Vec<BlockIndex> {
        match self {
            Self::Branch { then, otherwise, .. } => {
                std::iter::once(*then).chain(*otherwise).collect()
            }
            Self::Switch { cases, default, .. } => {
                cases.iter().map(|case| case.block).chain(*default).collect()
            }
            Self::Group { block }
            | Self::Parallel {
                members: Members::Tasks(block) | Members::Items { block, .. },
                ..
            } => vec![*block],
            Self::Call(_)
            | Self::Decision(_)
            | Self::Wait(_)
            | Self::Approval(_)
            | Self::Workflow(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_choose_a_case_by_their_value() {
        let cases = [json!(1), json!({ "n": [2.0, 0.5] }), json!(u64::MAX), json!("1")];
        let cases = cases.map(|equals| Case::new(&equals, BlockIndex::ROOT));
        let chosen = |value: Value| Case::chosen_by(&value, &cases);
        assert_eq!(
            (chosen(json!(1)), chosen(json!(1.0)), chosen(json!(1.5))),
            (Some(0), Some(0), None)
        );
        assert_eq!(chosen(json!({ "n": [2, 0.5] })), Some(1));
        assert_eq!((chosen(json!(u64::MAX)), chosen(json!(u64::MAX - 1))), (Some(2), None));
        // The nearest floating-point number is another one.
        assert_eq!(chosen(json!(18_446_744_073_709_551_615.0)), None);
        assert_eq!(
            (chosen(json!("1")), chosen(json!(true)), chosen(json!(null))),
            (Some(3), None, None)
        );
        assert_eq!(by_value(&json!(-0.0)), json!(0));
        assert_eq!(by_value(&json!(1e300)), json!(1e300));
    }
}
