//! The record of one attempt: what the optimiser learns from and people look at.

use serde::{Deserialize, Serialize};

use crate::artefact::Artefact;
use crate::failure::{Failure, Next};
use crate::id::{Digest, RunId, TaskId};
use crate::payload::PayloadRef;
use crate::plugin::ResourceClass;
use crate::time::Timestamp;

/// What an attempt used, each beside its limit. Recorded with the result, whatever the result is:
/// history cannot be made up later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptUse {
    /// When the handler was started; `None` if it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Processor time in milliseconds, as the epochs counted it.
    pub cpu_ms: u64,
    /// Time spent waiting inside host calls, in milliseconds.
    pub host_wait_ms: u64,
    /// Fuel used.
    pub fuel_used: u64,
    /// Fuel granted.
    pub fuel_limit: u64,
    /// The most memory held at once, in bytes.
    pub memory_peak_bytes: u64,
    /// Memory granted, in bytes.
    pub memory_limit_bytes: u64,
    /// Length of the input in bytes.
    pub input_bytes: u64,
    /// Length of the output in bytes.
    pub output_bytes: u64,
    /// Output bytes granted.
    pub output_limit_bytes: u64,
    /// Log lines kept.
    pub log_lines: u64,
    /// Log lines granted.
    pub log_lines_limit: u64,
    /// Log bytes kept.
    pub log_bytes: u64,
    /// Log bytes granted.
    pub log_bytes_limit: u64,
    /// Calls from the guest into the host.
    pub host_calls: u64,
    /// Calls into the host granted.
    pub host_calls_limit: u64,
    /// Outbound requests sent.
    pub requests: u64,
    /// Bytes of responses received.
    pub response_bytes: u64,
    /// Wall-clock milliseconds granted.
    pub timeout_ms: u64,
    /// The plugin version that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_digest: Option<Digest>,
    /// The files that it left, whatever its result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artefacts: Vec<Artefact>,
}

/// What made an attempt come back, as the engine hands it to the planner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The handler returned this output.
    Succeeded(PayloadRef),
    /// Nothing was called: an earlier attempt had this output for the same input.
    Cached(PayloadRef, Box<CachedFrom>),
    /// The handler or the host ended it with a failure.
    Failed {
        /// The reason.
        failure: Failure,
        /// Not before this many milliseconds, if the handler asked for a wait.
        retry_after_ms: Option<u64>,
    },
    /// It could not run for a reason that is not its own; it consumes no attempt.
    Released(ReleaseReason),
}

/// The attempt whose output another one took over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedFrom {
    /// Its run.
    pub run: RunId,
    /// Its task in that run.
    pub task: TaskId,
    /// Its number.
    pub attempt: u32,
    /// When it had succeeded.
    pub at: Timestamp,
}

/// Why an attempt was given back unperformed or unfinished, without being counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseReason {
    /// The host is shutting down; the task resumes at its next start.
    Shutdown,
    /// No memory or no free instance; the task is offered again soon.
    HostBusy,
    /// The pinned plugin is not loaded; the task waits for it.
    PluginMissing,
}

impl ReleaseReason {
    /// The word for this reason, as in the journal and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shutdown => "shutdown",
            Self::HostBusy => "host_busy",
            Self::PluginMissing => "plugin_missing",
        }
    }
}

/// One try of one task, folded from the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// 1, 2, 3, …: stored, never counted from the log.
    pub number: u32,
    /// Whether it consumed one of the task's `max_attempts`.
    pub counted: bool,
    /// When the task became ready for this attempt.
    pub ready_at: Timestamp,
    /// When the attempt was claimed.
    pub claimed_at: Timestamp,
    /// When the handler was started, once that is known.
    pub started_at: Option<Timestamp>,
    /// When the result was accepted.
    pub ended_at: Option<Timestamp>,
    /// The slots it occupied.
    pub class: ResourceClass,
    /// The rank it was dispatched with: higher goes first.
    pub rank: f64,
    /// The host that performed it.
    pub host: std::sync::Arc<str>,
    /// The epoch of that host: which of its starts it was.
    pub epoch: u64,
    /// How it ended; `None` while it is claimed or running.
    pub end: Option<AttemptEnding>,
    /// What it used.
    pub usage: AttemptUse,
    /// Whose output it took over instead of calling the handler.
    pub cached_from: Option<Box<CachedFrom>>,
}

/// How an attempt ended, as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptEnding {
    /// With an output.
    Succeeded(PayloadRef),
    /// With a failure, and this consequence.
    Failed(Failure, Next),
    /// Stopped by a person or the end of the run.
    Cancelled(Failure),
    /// Given back without being counted.
    Released(ReleaseReason),
    /// Its host died.
    Lost(Failure, Next),
}
