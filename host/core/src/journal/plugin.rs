//! What happens to plugin files.

use serde::{Deserialize, Serialize};

use super::StreamEvent;
use crate::id::{Digest, TaskType};

/// Something that happened to a plugin file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PluginEvent {
    /// A version was compiled, described and checked; new runs use it. Written again when the same version is
    /// loaded under another policy or with another signature.
    PluginLoaded {
        /// The content of the file.
        digest: Digest,
        /// The plugin's own version.
        version: String,
        /// The task types it offers.
        task_types: Vec<TaskType>,
        /// The length of the file in bytes; zero in journals from before it was written down.
        #[serde(default)]
        bytes: u64,
        /// How long it took from the look at the file until it was ready, in milliseconds: compiling
        /// or reading the cache, describing, checking. Zero in journals from before it was written
        /// down.
        #[serde(default)]
        load_ms: u64,
        /// The number of the key that the file is signed with, if that was checked; `None` in journals
        /// from before it was written down.
        #[serde(default)]
        signed_by: Option<String>,
        /// What its policy is known by: another digest whenever it grants or bounds something else. `None`
        /// in journals from before it was written down.
        #[serde(default)]
        policy: Option<Digest>,
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
    /// A version crashed again and again: no run uses it until it is released.
    PluginQuarantined {
        /// The version.
        digest: Digest,
        /// How many attempts crashed without one that succeeded between them.
        crashes: u32,
        /// Within how much time, in milliseconds.
        within_ms: u64,
        /// How the last of them ended.
        reason: String,
    },
    /// A version in quarantine may be used again. When it is the one in the file, new runs use it.
    PluginReleased {
        /// The version.
        digest: Digest,
    },
    /// New runs use another version that was loaded before, by hand or because of a quarantine.
    PluginRolledBack {
        /// What they used until then; `None` when there was nothing.
        from: Option<Digest>,
        /// What they use from now on, until another file comes.
        to: Digest,
        /// Why.
        reason: String,
    },
    /// The bytes of a version are gone: no run needs it, and new runs do not go back to it.
    PluginVersionDropped {
        /// The version.
        digest: Digest,
    },
}

impl StreamEvent for PluginEvent {
    fn kind(&self) -> &'static str {
        match self {
            Self::PluginLoaded { .. } => "plugin-loaded",
            Self::PluginRefused { .. } => "plugin-refused",
            Self::PluginRemoved => "plugin-removed",
            Self::PluginQuarantined { .. } => "plugin-quarantined",
            Self::PluginReleased { .. } => "plugin-released",
            Self::PluginRolledBack { .. } => "plugin-rolled-back",
            Self::PluginVersionDropped { .. } => "plugin-version-dropped",
        }
    }
}
