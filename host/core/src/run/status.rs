//! What a run is doing, in one word.

use super::RunState;

/// What a run is doing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Something runs, could run as soon as there is a slot, or is being computed.
    Running,
    /// Every task that could go on waits for a time or for something outside.
    Waiting,
    /// Nothing new is claimed until somebody says so.
    Paused,
    /// It was asked to stop, and attempts are still under way.
    Cancelling,
    /// It has ended.
    Finished,
}

impl RunStatus {
    /// Every status, in the order of a run's life.
    pub const ALL: [Self; 5] =
        [Self::Running, Self::Waiting, Self::Paused, Self::Cancelling, Self::Finished];

    /// The word for this status, as in the store and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Cancelling => "cancelling",
            Self::Finished => "finished",
        }
    }

    /// The status named by `word`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl RunState {
    /// What the run is doing now.
    pub fn status(&self) -> RunStatus {
        let nothing_to_do = self.active == 0 && self.ready == 0 && self.questions.is_empty();
        if self.finish.is_some() {
            RunStatus::Finished
        } else if self.is_cancelling() {
            RunStatus::Cancelling
        } else if self.paused.is_some() {
            RunStatus::Paused
        } else if self.is_held() || nothing_to_do && self.waiting > 0 {
            RunStatus::Waiting
        } else {
            RunStatus::Running
        }
    }
}
