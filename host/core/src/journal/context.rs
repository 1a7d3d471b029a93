//! What happens to contexts that runs share.

use serde::{Deserialize, Serialize};

use super::StreamEvent;
use crate::id::{RunId, TaskId};
use crate::payload::PayloadRef;

/// Something that happened to a shared context. Its stream is its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ContextEvent {
    /// It has this value from now on.
    ContextSet {
        /// The whole value, an object.
        value: PayloadRef,
        /// Who set it.
        by: Author,
    },
    /// It is gone; whoever reads it finds an empty object.
    ContextDeleted {
        /// Who deleted it.
        by: Author,
    },
}

/// Who wrote something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// Whoever called the API or the command line.
    Caller,
    /// A task of a run.
    Task {
        /// The run.
        run: RunId,
        /// The task.
        task: TaskId,
    },
}

impl StreamEvent for ContextEvent {
    fn kind(&self) -> &'static str {
        match self {
            Self::ContextSet { .. } => "context-set",
            Self::ContextDeleted { .. } => "context-deleted",
        }
    }
}
