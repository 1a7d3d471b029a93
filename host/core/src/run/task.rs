//! The state of one task within a run.

use crate::attempt::{Attempt, AttemptEnding};
use crate::failure::{Failure, Outcome};
use crate::id::{RunId, TaskId};
use crate::payload::PayloadRef;
use crate::time::Timestamp;
use crate::workflow::NodeIndex;

use super::{FrameIndex, GroupState, Question, SectionIndex};

/// What a task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// Something it needs has not ended, or its block is not at work.
    Pending,
    /// Its time has come, and the event that says what follows is made in the same batch: never
    /// seen between two commands.
    Due,
    /// Something has to be computed before it goes on.
    Asked(Question),
    /// It can be attempted as soon as there is a slot.
    Ready,
    /// An attempt is claimed; its handler was perhaps not started yet.
    Claimed {
        /// The attempt's number.
        number: u32,
    },
    /// The handler of an attempt was started.
    Running {
        /// The attempt's number.
        number: u32,
    },
    /// It waits for the time of its next attempt.
    Backoff {
        /// That time.
        until: Timestamp,
    },
    /// It waits for something that is not the host's.
    Waiting(WaitFor),
    /// It is a group, and what is in it is at work.
    Open,
    /// It has ended.
    Ended(Outcome),
}

/// What a task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitFor {
    /// A time.
    Time {
        /// That time.
        until: Timestamp,
    },
    /// A signal.
    Signal {
        /// The longest wait, if there is one.
        until: Option<Timestamp>,
    },
    /// A person's word.
    Approval {
        /// The longest wait, if there is one.
        until: Option<Timestamp>,
    },
    /// The end of another run.
    Child,
}

impl WaitFor {
    /// When the wait ends by itself.
    pub const fn until(self) -> Option<Timestamp> {
        match self {
            Self::Time { until } => Some(until),
            Self::Signal { until } | Self::Approval { until } => until,
            Self::Child => None,
        }
    }
}

impl TaskStatus {
    /// The number of the attempt that is under way.
    pub const fn active_attempt(self) -> Option<u32> {
        match self {
            Self::Claimed { number } | Self::Running { number } => Some(number),
            _ => None,
        }
    }

    /// How it ended, if it has.
    pub const fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Whether it has not ended and nothing of it is under way: no attempt, no run of its own, no
    /// group.
    pub const fn is_idle(self) -> bool {
        match self {
            // Its work is done: only what it sets is missing.
            Self::Asked(Question::Writes) => false,
            Self::Pending | Self::Due | Self::Asked(_) | Self::Ready | Self::Backoff { .. } => true,
            Self::Waiting(wait) => !matches!(wait, WaitFor::Child),
            Self::Claimed { .. } | Self::Running { .. } | Self::Open | Self::Ended(_) => false,
        }
    }

    /// The word for this status, as in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending | Self::Due => "pending",
            Self::Asked(_) => "asked",
            Self::Ready => "ready",
            Self::Claimed { .. } => "claimed",
            Self::Running { .. } => "running",
            Self::Backoff { .. } => "backoff",
            Self::Waiting(_) => "waiting",
            Self::Open => "open",
            Self::Ended(_) => "finished",
        }
    }
}

/// Everything that is known of one task of a run.
#[derive(Debug, Clone)]
pub struct TaskState {
    /// What it is doing.
    pub status: TaskStatus,
    /// Its definition.
    pub node: NodeIndex,
    /// The copy of it that this is.
    pub frame: FrameIndex,
    /// Its name in the run: `classify`, `checks[12].lint`.
    pub id: TaskId,
    /// The block at work that it stands in; `None` while its block is not at work.
    pub section: Option<SectionIndex>,
    /// The tasks it needs that it still waits for.
    pub unmet: u32,
    /// When all it needs was there for the first time.
    pub first_ready_at: Option<Timestamp>,
    /// When it last became ready.
    pub ready_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its attempts, the first one first.
    pub attempts: Vec<Attempt>,
    /// Its input, once computed: of a handler, of a child's run, or what a person is shown.
    pub input: Option<PayloadRef>,
    /// Why it was skipped.
    pub skip_reason: Option<String>,
    /// What it ended with, when that is not what its last attempt ended with.
    pub result: Option<Box<TaskResult>>,
    /// Why what it has under way is stopped.
    pub stop: Option<Box<TaskStop>>,
    /// What a group is doing, once it is at work.
    pub group: Option<Box<GroupState>>,
    /// The run it started.
    pub child: Option<Box<Child>>,
    /// Whether what it sets in the context is set.
    pub has_written: bool,
}

/// What a task ended with other than by an attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskResult {
    /// Its output.
    pub output: Option<PayloadRef>,
    /// Why it did not succeed.
    pub failure: Option<Failure>,
    /// The run whose output it took over.
    pub from: Option<RunId>,
}

/// Why what a task has under way is stopped, and how it ends then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStop {
    /// How it ends, unless it succeeds before.
    pub outcome: Outcome,
    /// The reason.
    pub failure: Failure,
}

/// A run that a task started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Its id.
    pub run: RunId,
    /// Whether the task does not wait for its end.
    pub detached: bool,
}

impl TaskState {
    pub(super) fn new(node: NodeIndex, frame: FrameIndex, id: TaskId, unmet: usize) -> Self {
        Self {
            status: TaskStatus::Pending,
            node,
            frame,
            id,
            section: None,
            unmet: u32::try_from(unmet).expect("a task needs at most TASKS_MAX tasks"),
            first_ready_at: None,
            ready_at: None,
            ended_at: None,
            attempts: Vec::new(),
            input: None,
            skip_reason: None,
            result: None,
            stop: None,
            group: None,
            child: None,
            has_written: false,
        }
    }

    /// The number of its next attempt.
    pub fn next_number(&self) -> u32 {
        self.attempts.last().map_or(1, |attempt| attempt.number.saturating_add(1))
    }

    /// How many of its attempts ended with a failure that counts.
    pub fn counted_failures(&self) -> u32 {
        self.count(|ending| matches!(ending, AttemptEnding::Failed(..)))
    }

    /// How many of its attempts were lost with their host after their handler had been started,
    /// and how many before.
    pub fn losses(&self) -> (u32, u32) {
        let lost = |started: bool| {
            self.attempts
                .iter()
                .filter(|attempt| attempt.started_at.is_some() == started)
                .filter(|attempt| matches!(attempt.end, Some(AttemptEnding::Lost(..))))
                .count()
        };
        (lost(true).try_into().unwrap_or(u32::MAX), lost(false).try_into().unwrap_or(u32::MAX))
    }

    /// Its output: what it returned, its group's value, or what a person put in its place.
    pub fn output(&self) -> Option<&PayloadRef> {
        if let Some(result) = &self.result {
            return result.output.as_ref();
        }
        match &self.attempts.last()?.end {
            Some(AttemptEnding::Succeeded(output)) => Some(output),
            _ => None,
        }
    }

    /// Why it, or its last attempt, did not succeed.
    pub fn failure(&self) -> Option<&Failure> {
        if let Some(result) = &self.result {
            return result.failure.as_ref();
        }
        match &self.attempts.last()?.end {
            Some(
                AttemptEnding::Failed(failure, _)
                | AttemptEnding::Lost(failure, _)
                | AttemptEnding::Cancelled(failure),
            ) => Some(failure),
            _ => None,
        }
    }

    /// When it goes on by itself.
    pub const fn wake_at(&self) -> Option<Timestamp> {
        match self.status {
            TaskStatus::Backoff { until } => Some(until),
            TaskStatus::Waiting(wait) => wait.until(),
            _ => None,
        }
    }

    /// Whether it succeeded, or a person skipped it and put an output in its place.
    pub fn has_done_its_part(&self) -> bool {
        match self.status {
            TaskStatus::Ended(Outcome::Succeeded) => true,
            TaskStatus::Ended(Outcome::Skipped) => self.output().is_some(),
            _ => false,
        }
    }

    fn count(&self, matches: impl Fn(&AttemptEnding) -> bool) -> u32 {
        let count = self.attempts.iter().filter(|a| a.end.as_ref().is_some_and(&matches)).count();
        count.try_into().unwrap_or(u32::MAX)
    }
}
