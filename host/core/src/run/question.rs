//! What has to be computed for a run: questions that the engine answers off its thread, and whose
//! answers become events, so that a replay asks nothing.

use std::fmt;

use super::{Recommended, RunState, TaskIndex, TaskStatus};
use crate::context::Values;
use crate::id::RunId;
use crate::payload::PayloadRef;
use crate::time::Timestamp;
use crate::workflow::BlockIndex;

/// Something that has to be computed for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// Whether it runs: its `run_if`. Answer: [`Answer::Truth`].
    RunIf,
    /// The `condition` of a branch. Answer: [`Answer::Truth`].
    Condition,
    /// The case that a `switch` takes. Answer: [`Answer::Case`].
    Selector,
    /// The list of a `for_each`. Answer: [`Answer::Items`].
    Items,
    /// The time that a `wait` waits for. Answer: [`Answer::Time`].
    Until,
    /// The value of the block that a branch, switch or group ran. Answer: [`Answer::Value`].
    BlockValue {
        /// The block.
        block: BlockIndex,
    },
    /// The value of one item's block. Answer: [`Answer::Value`].
    ItemValue {
        /// The item.
        item: u32,
    },
    /// The merged outputs of the members of a `parallel`; see [`RunState::members`]. Answer:
    /// [`Answer::Value`].
    MergedValue,
    /// The input of a child workflow. Answer: [`Answer::Child`].
    ChildInput,
    /// What is recommended to a decision. Answer: [`Answer::Recommended`].
    Recommendation,
    /// What a person is shown. Answer: [`Answer::Value`].
    Prompt,
    /// What it sets in the context, its output being known. Answer: [`Answer::Writes`].
    Writes,
}

/// What was computed.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A truth value.
    Truth(bool),
    /// The first case whose value is equal, counted from 0; `None` when no value is.
    Case(Option<u32>),
    /// A list.
    Items {
        /// The list.
        items: PayloadRef,
        /// How many items it has.
        count: u32,
    },
    /// A time.
    Time(Timestamp),
    /// A value.
    Value(PayloadRef),
    /// What a child workflow starts with.
    Child {
        /// The id its run will have; fresh.
        run: RunId,
        /// Its input.
        input: PayloadRef,
    },
    /// What is recommended to a decision, and what it is about.
    Recommended(Box<Recommended>),
    /// Values by name.
    Writes(Values),
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunIf => f.write_str("its `run_if`"),
            Self::Condition => f.write_str("its condition"),
            Self::Selector => f.write_str("its case"),
            Self::Items => f.write_str("its list of items"),
            Self::Until => f.write_str("the time it waits for"),
            Self::BlockValue { .. } => f.write_str("its output"),
            Self::ItemValue { item } => write!(f, "the output of item {item}"),
            Self::MergedValue => f.write_str("its merged output"),
            Self::ChildInput => f.write_str("the input of its run"),
            Self::Recommendation => f.write_str("what is recommended to it"),
            Self::Prompt => f.write_str("what is shown to a person"),
            Self::Writes => f.write_str("what it sets in the context"),
        }
    }
}

impl RunState {
    /// Whether an answer to this question is waited for.
    pub fn is_asked(&self, task: TaskIndex, question: Question) -> bool {
        self.questions.contains(&(task, question))
    }

    /// The questions of a task that are open.
    pub fn questions_of(&self, task: TaskIndex) -> impl Iterator<Item = Question> {
        let range = (task, Question::RunIf)..=(task, Question::Writes);
        self.questions.range(range).map(|(_, question)| *question)
    }

    /// Asks what a task cannot go on without.
    pub(super) fn ask_first(&mut self, task: TaskIndex, question: Question) {
        self.set_status(task, TaskStatus::Asked(question));
        self.ask(task, question);
    }

    /// Asks something of a group at work.
    pub(super) fn ask(&mut self, task: TaskIndex, question: Question) {
        self.questions.insert((task, question));
        self.marks.asked.push((task, question));
    }

    /// Forgets what was asked of a task.
    pub(super) fn withdraw_questions(&mut self, task: TaskIndex) {
        let open: Vec<Question> = self.questions_of(task).collect();
        for question in open {
            self.questions.remove(&(task, question));
        }
    }
}
