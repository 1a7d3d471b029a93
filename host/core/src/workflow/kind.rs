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
    /// The value that chooses it.
    pub equals: Value,
    /// What runs then.
    pub block: BlockIndex,
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
    /// The merge fails, and names the key and both sources.
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
