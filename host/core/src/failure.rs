//! Why an attempt, a task or a run did not succeed. Failures are data: they go into the journal.

pub mod code;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The recorded reason of an unsuccessful attempt, task or run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable, machine-readable word, such as `timeout` or a code of the plugin's own.
    pub code: String,
    /// What happened, where and why, for people.
    pub message: String,
    /// What the failure means for another attempt.
    pub class: FailureClass,
    /// More that the plugin or the host had to say, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
}

impl Failure {
    /// A failure without details.
    pub fn new(class: FailureClass, code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), class, details: None }
    }
}

/// What a failure means for another attempt; the table is in `docs/plugins.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The handler says that it may work when tried again. Retried by policy.
    Retryable,
    /// The handler says that it will never work, or the input is wrong. Never retried.
    Permanent,
    /// The guest trapped: panic, unreachable, stack overflow. Retried by policy.
    Crash,
    /// Fuel, memory, output or another limit was reached. Never retried: it would happen again.
    Limit,
    /// The attempt took longer than its timeout. Retried by policy.
    Timeout,
    /// A person, the end of the run or a shutdown stopped the attempt.
    Cancelled,
    /// The host died while it owned the attempt. Tried again without consuming an attempt.
    Lost,
}

impl FailureClass {
    /// Whether the retry policy may grant another attempt after a failure of this class.
    pub const fn is_retried(self) -> bool {
        matches!(self, Self::Retryable | Self::Crash | Self::Timeout)
    }

    /// The word for this class, as in the journal and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retryable => "retryable",
            Self::Permanent => "permanent",
            Self::Crash => "crash",
            Self::Limit => "limit",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
        }
    }
}

/// How an attempt, a task or a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it was asked to do.
    Succeeded,
    /// It ended with a failure.
    Failed,
    /// A person or the end of the run stopped it.
    Cancelled,
    /// It was never attempted, because something it needs did not succeed.
    Skipped,
    /// It took longer than it may.
    TimedOut,
}

impl Outcome {
    /// The word for this outcome, as in the journal and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::TimedOut => "timed_out",
        }
    }

    /// The outcome named by `word`.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Succeeded, Self::Failed, Self::Cancelled, Self::Skipped, Self::TimedOut]
            .into_iter()
            .find(|outcome| outcome.as_str() == word)
    }
}

/// When a failed task is tried again, if it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// Another attempt may start at this time.
    RetryAt(Timestamp),
    /// The task has failed.
    GiveUp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_change_is_retried() {
        use FailureClass::{Cancelled, Crash, Limit, Lost, Permanent, Retryable, Timeout};
        for (class, retried) in [
            (Retryable, true),
            (Crash, true),
            (Timeout, true),
            (Permanent, false),
            (Limit, false),
            (Cancelled, false),
            (Lost, false),
        ] {
            assert_eq!(class.is_retried(), retried, "{}", class.as_str());
        }
    }

    #[test]
    fn outcomes_are_found_by_their_word() {
        assert_eq!(Outcome::parse("timed_out"), Some(Outcome::TimedOut));
        assert_eq!(Outcome::parse("exploded"), None);
    }
}
