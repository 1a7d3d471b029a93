//! The state of one task within a run.

use crate::attempt::{Attempt, AttemptEnding};
use crate::failure::{Failure, Outcome};
use crate::payload::PayloadRef;
use crate::time::Timestamp;

/// What a task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// Something it needs has not ended.
    Pending,
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
    /// It has ended.
    Ended(Outcome),
}

impl TaskStatus {
    /// The number of the attempt that is under way.
    pub const fn active_attempt(self) -> Option<u32> {
        match self {
            Self::Claimed { number } | Self::Running { number } => Some(number),
            _ => None,
        }
    }

    /// How the task ended.
    pub const fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Whether it neither ended nor has an attempt under way.
    pub const fn is_idle(self) -> bool {
        matches!(self, Self::Pending | Self::Ready | Self::Backoff { .. })
    }

    /// The word for this status, as in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Claimed { .. } => "claimed",
            Self::Running { .. } => "running",
            Self::Backoff { .. } => "backoff",
            Self::Ended(_) => "finished",
        }
    }
}

/// Everything that is known of one task of a run.
#[derive(Debug, Clone)]
pub struct TaskState {
    /// What it is doing.
    pub status: TaskStatus,
    /// The tasks it needs that have not succeeded yet.
    pub unmet: u32,
    /// When it last became ready.
    pub ready_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its attempts, the first one first.
    pub attempts: Vec<Attempt>,
    /// Its input, once computed.
    pub input: Option<PayloadRef>,
    /// Why it was skipped.
    pub skip_reason: Option<String>,
}

impl TaskState {
    pub(super) fn new(unmet: usize) -> Self {
        Self {
            status: TaskStatus::Pending,
            unmet: u32::try_from(unmet).expect("a task needs at most TASKS_MAX tasks"),
            ready_at: None,
            ended_at: None,
            attempts: Vec::new(),
            input: None,
            skip_reason: None,
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

    /// What it returned, if it succeeded.
    pub fn output(&self) -> Option<&PayloadRef> {
        match &self.attempts.last()?.end {
            Some(AttemptEnding::Succeeded(output)) => Some(output),
            _ => None,
        }
    }

    /// Why its last attempt did not succeed.
    pub fn failure(&self) -> Option<&Failure> {
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
            _ => None,
        }
    }

    fn count(&self, matches: impl Fn(&AttemptEnding) -> bool) -> u32 {
        let count = self.attempts.iter().filter(|a| a.end.as_ref().is_some_and(&matches)).count();
        count.try_into().unwrap_or(u32::MAX)
    }
}
