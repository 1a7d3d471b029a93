//! What the catalog tells.

use std::time::Duration;

use taskloom_core::id::{Digest, PluginName, TaskType};
use taskloom_core::journal::PluginEvent;

use crate::signature::KeyId;

/// Something about the plugins changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogEvent {
    /// The file is loaded, or its policy changed. New runs use it, unless it is in quarantine or was
    /// rolled back from.
    Loaded {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        digest: Digest,
        /// The plugin's own version number.
        version: String,
        /// What it offers.
        task_types: Vec<TaskType>,
        /// The length of its file in bytes.
        bytes: u64,
        /// How long loading took.
        took: Duration,
        /// Whose key it is signed with, if that was checked.
        signed_by: Option<KeyId>,
        /// What its policy is known by.
        policy: Digest,
    },
    /// A file was not taken; a version loaded before stays.
    Refused {
        /// The stem of the file.
        plugin: PluginName,
        /// The content of the file.
        digest: Digest,
        /// Why, and what to do.
        reason: String,
    },
    /// The file is gone; live runs keep the version they pinned.
    Removed {
        /// The plugin.
        plugin: PluginName,
    },
    /// A version that a run has pinned was loaded again.
    Restored {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        digest: Digest,
    },
    /// A version crashed again and again: no run uses it until it is released.
    Quarantined {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        digest: Digest,
        /// How it crashed.
        crashes: CrashLoop,
    },
    /// A version in quarantine may be used again.
    Released {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        digest: Digest,
    },
    /// New runs use another version that was loaded before.
    RolledBack {
        /// The plugin.
        plugin: PluginName,
        /// What they used until then.
        from: Option<Digest>,
        /// What they use now.
        to: Digest,
        /// Why.
        reason: String,
    },
    /// The bytes of a version are gone, since nobody needs them.
    Dropped {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        digest: Digest,
    },
    /// Nothing is being loaded any more. Comes after the first look at the folder, and after every
    /// change since.
    Settled,
}

/// How a version of a plugin crashed again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrashLoop {
    /// How many attempts crashed without one that succeeded between them.
    pub crashes: u32,
    /// Within how much time.
    pub within: Duration,
    /// How the last of them ended.
    pub reason: String,
}

impl CatalogEvent {
    /// What the journal of a plugin says of it, if it says anything.
    pub fn journaled(&self) -> Option<(&PluginName, PluginEvent)> {
        Some(match self {
            Self::Loaded {
                plugin,
                digest,
                version,
                task_types,
                bytes,
                took,
                signed_by,
                policy,
            } => {
                let event = PluginEvent::PluginLoaded {
                    digest: *digest,
                    version: version.clone(),
                    task_types: task_types.clone(),
                    bytes: *bytes,
                    load_ms: milliseconds(*took),
                    signed_by: signed_by.map(|key| key.to_string()),
                    policy: Some(*policy),
                };
                (plugin, event)
            }
            Self::Refused { plugin, digest, reason } => {
                (plugin, PluginEvent::PluginRefused { digest: *digest, reason: reason.clone() })
            }
            Self::Removed { plugin } => (plugin, PluginEvent::PluginRemoved),
            Self::Quarantined { plugin, digest, crashes } => {
                let event = PluginEvent::PluginQuarantined {
                    digest: *digest,
                    crashes: crashes.crashes,
                    within_ms: milliseconds(crashes.within),
                    reason: crashes.reason.clone(),
                };
                (plugin, event)
            }
            Self::Released { plugin, digest } => {
                (plugin, PluginEvent::PluginReleased { digest: *digest })
            }
            Self::RolledBack { plugin, from, to, reason } => {
                let (from, to, reason) = (*from, *to, reason.clone());
                (plugin, PluginEvent::PluginRolledBack { from, to, reason })
            }
            Self::Dropped { plugin, digest } => {
                (plugin, PluginEvent::PluginVersionDropped { digest: *digest })
            }
            Self::Restored { .. } | Self::Settled => return None,
        })
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
