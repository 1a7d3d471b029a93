//! What people can ask of the versions of a plugin.

use taskloom_core::id::{Digest, PluginName};
use tokio::sync::oneshot;

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Let a version be used again that is in quarantine; without one, that of the file, else the last.
    Release(Option<Digest>),
    /// Let new runs use another version; without one, that before the one they use.
    RollBack(Option<Digest>),
}

/// Where the answer goes: the version it was about.
pub(super) type Reply = oneshot::Sender<Result<Digest, ChangeError>>;

/// What somebody asked of a plugin was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Nothing is known of the plugin, or its file is gone.
    #[error("there is no file of plugin `{0}`")]
    NoFile(PluginName),
    /// It was never loaded, or is forgotten.
    #[error(
        "plugin `{plugin}` has had no version {digest}; `taskloom plugin show {plugin}` lists them"
    )]
    NoVersion {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        digest: Digest,
    },
    /// There is nothing to release.
    #[error("no version of plugin `{0}` is in quarantine")]
    NothingInQuarantine(PluginName),
    /// This version may be used anyway.
    #[error("version {0} is in no quarantine")]
    NotInQuarantine(Digest),
    /// It must be released first.
    #[error(
        "version {digest} is in quarantine; `taskloom plugin release {plugin} {digest}` ends that"
    )]
    InQuarantine {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        digest: Digest,
    },
    /// There is nothing to go back to.
    #[error("plugin `{0}` has no older version that may be used")]
    NothingOlder(PluginName),
    /// It is what they use.
    #[error("new runs use version {0} already")]
    InUse(Digest),
    /// It was loaded once, and cannot be any more.
    #[error("version {digest} cannot be loaded: {reason}")]
    Broken {
        /// The version.
        digest: Digest,
        /// Why.
        reason: String,
    },
    /// Another version is about to take its place.
    #[error("another version of plugin `{0}` is being loaded; try again")]
    Busy(PluginName),
    /// The host is being stopped.
    #[error("the host is stopping")]
    Stopping,
}
