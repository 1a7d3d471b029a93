//! What happens to plugin files.

use serde::{Deserialize, Serialize};

use super::StreamEvent;
use crate::id::{Digest, TaskType};

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

impl StreamEvent for PluginEvent {
    fn kind(&self) -> &'static str {
        match self {
            Self::PluginLoaded { .. } => "plugin-loaded",
            Self::PluginRefused { .. } => "plugin-refused",
            Self::PluginRemoved => "plugin-removed",
        }
    }
}
