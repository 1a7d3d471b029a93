//! What can be asked of a run.

use std::sync::Arc;

use super::TaskIndex;
use crate::attempt::{AttemptEnd, AttemptUse};
use crate::failure::Failure;
use crate::id::{Digest, PluginName};
use crate::payload::PayloadRef;
use crate::plugin::ResourceClass;
use crate::time::Timestamp;

/// What somebody or something asks of a run.
#[derive(Debug, Clone)]
pub enum Command {
    /// Keep this version of a plugin that was not loaded when the run started.
    PinPlugin {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        digest: Digest,
    },
    /// Take the right to perform the next attempt of a ready task.
    Claim {
        /// The task.
        task: TaskIndex,
        /// The slots it will occupy.
        class: ResourceClass,
        /// The rank it was dispatched with.
        rank: f64,
        /// The host that claims it.
        host: Arc<str>,
        /// That host's epoch.
        epoch: u64,
    },
    /// The handler of an attempt was started.
    Started {
        /// The task.
        task: TaskIndex,
        /// The attempt's number.
        number: u32,
        /// When.
        started_at: Timestamp,
    },
    /// An attempt came back.
    AttemptEnded(Box<AttemptResult>),
    /// The time of a task's next attempt has come.
    Wake {
        /// The task.
        task: TaskIndex,
    },
    /// Somebody wants the run to stop.
    Cancel {
        /// Why, for people.
        reason: String,
    },
    /// The run's timeout has come.
    Deadline,
    /// The value of the workflow's `output`, or why it has none.
    OutputResolved(Result<PayloadRef, Failure>),
}

/// An attempt's way back to the planner.
#[derive(Debug, Clone)]
pub struct AttemptResult {
    /// The task.
    pub task: TaskIndex,
    /// The attempt's number.
    pub number: u32,
    /// The input, if this attempt computed it.
    pub input: Option<PayloadRef>,
    /// How it came back.
    pub end: AttemptEnd,
    /// What it used.
    pub usage: Box<AttemptUse>,
}

/// How often one task may be lost with its host before it has failed: a task that kills its host
/// must not kill it for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossLimits {
    /// After its handler had been started.
    pub started: u32,
    /// While it was claimed and waited for a slot; higher, as it was hardly the task's doing.
    pub claimed: u32,
}

impl Default for LossLimits {
    fn default() -> Self {
        Self { started: 5, claimed: 100 }
    }
}
