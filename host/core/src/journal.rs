//! What the journal holds: streams of numbered events, in the past tense.
//!
//! These types are stored for years. A field may be added with a default; nothing may be removed,
//! renamed or given another meaning. `tests/journal_fixture.rs` reads entries of every released
//! version.

mod event;
mod kind;
mod start;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{Digest, PluginName, RunId, TaskType};
use crate::time::Timestamp;

pub use event::{Branch, Reused, RunEvent};
pub use start::{IdempotencyKey, Parent, RerunFrom, RerunOf, RunStarted, Trigger};

/// Names a stream of events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// Everything that happened to one run.
    Run(RunId),
    /// Everything that happened to one plugin.
    Plugin(PluginName),
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(run) => write!(f, "run/{run}"),
            Self::Plugin(plugin) => write!(f, "plugin/{plugin}"),
        }
    }
}

impl FromStr for StreamId {
    type Err = crate::id::InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some(("run", run)) => run.parse().map(Self::Run),
            Some(("plugin", plugin)) => plugin.parse().map(Self::Plugin),
            _ => Err(crate::id::InvalidId {
                kind: "stream",
                text: text.chars().take(80).collect(),
                rule: "`run/<id>` or `plugin/<name>`",
            }),
        }
    }
}

/// One event with its place in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry<E> {
    /// When the host decided it.
    pub at: Timestamp,
    /// What happened.
    pub event: E,
}

/// Something that happened to a plugin file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PluginEvent {
    /// A version was compiled, described and checked; new runs use it.
    PluginLoaded {
        /// The content of the file.
        digest: Digest,
        /// The plugin's own version.
        version: String,
        /// The task types it offers.
        task_types: Vec<TaskType>,
    },
    /// A file was not taken; the last good version, if any, stays.
    PluginRefused {
        /// The content of the file.
        digest: Digest,
        /// Why, and what to do.
        reason: String,
    },
    /// The file is gone; live runs keep the version they pinned.
    PluginRemoved,
}

impl PluginEvent {
    /// The event's name in kebab case, as in the store and the API.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::PluginLoaded { .. } => "plugin-loaded",
            Self::PluginRefused { .. } => "plugin-refused",
            Self::PluginRemoved => "plugin-removed",
        }
    }
}
