//! What happens to contexts that runs share.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::StreamEvent;
use crate::id::{Digest, RunId, TaskId};
use crate::payload::PayloadRef;
use crate::time::Timestamp;

/// Something that happened to a shared context. Its stream is its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ContextEvent {
    /// It has this value from now on.
    ContextSet {
        /// The whole value, an object.
        value: PayloadRef,
        /// Who set it.
        by: Author,
        /// Who set each of its names, as it was when this was written: so the last event says it all.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        sources: BTreeMap<String, ContextSource>,
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
    /// A run that succeeded, by what its workflow publishes.
    Run {
        /// The run.
        run: RunId,
    },
    /// A task of a run.
    Task {
        /// The run.
        run: RunId,
        /// The task.
        task: TaskId,
    },
}

/// Who set a name of a shared context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextSource {
    /// Who.
    pub by: Author,
    /// The number of the event by which it was set.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
}

impl StreamEvent for ContextEvent {
    fn kind(&self) -> &'static str {
        match self {
            Self::ContextSet { .. } => "context-set",
            Self::ContextDeleted { .. } => "context-deleted",
        }
    }
    fn texts(&self) -> Vec<Digest> {
        match self {
            Self::ContextSet { value, .. } if value.inline.is_none() => vec![value.digest],
            Self::ContextSet { .. } | Self::ContextDeleted { .. } => Vec::new(),
        }
    }
}
