//! The record of one attempt: what the optimiser learns from and people look at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::artefact::Artefact;
use crate::failure::{Failure, Next};
use crate::id::{Digest, RunId, TaskId};
use crate::payload::PayloadRef;
use crate::plugin::{Capability, ResourceClass};
use crate::time::Timestamp;

/// What an attempt used, each beside its limit. Recorded with the result, whatever the result is:
/// history cannot be made up later. What it did not use at all is not written down: most attempts send no
/// request and log nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttemptUse {
    /// When the handler was started; `None` if it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Processor time in milliseconds. Stretches of less than one are told by the time of day.
    #[serde(skip_serializing_if = "is_zero")]
    pub cpu_ms: u64,
    /// Time spent waiting inside host calls, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub host_wait_ms: u64,
    /// Fuel used.
    #[serde(skip_serializing_if = "is_zero")]
    pub fuel_used: u64,
    /// Fuel granted.
    #[serde(skip_serializing_if = "is_zero")]
    pub fuel_limit: u64,
    /// The most memory held at once, in bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub memory_peak_bytes: u64,
    /// Memory granted, in bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub memory_limit_bytes: u64,
    /// Length of the input in bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub input_bytes: u64,
    /// Length of the output in bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub output_bytes: u64,
    /// Output bytes granted.
    #[serde(skip_serializing_if = "is_zero")]
    pub output_limit_bytes: u64,
    /// Log lines kept.
    #[serde(skip_serializing_if = "is_zero")]
    pub log_lines: u64,
    /// Log lines granted.
    #[serde(skip_serializing_if = "is_zero")]
    pub log_lines_limit: u64,
    /// Log bytes kept.
    #[serde(skip_serializing_if = "is_zero")]
    pub log_bytes: u64,
    /// Log bytes granted.
    #[serde(skip_serializing_if = "is_zero")]
    pub log_bytes_limit: u64,
    /// Calls from the guest into the host.
    #[serde(skip_serializing_if = "is_zero")]
    pub host_calls: u64,
    /// Calls into the host granted.
    #[serde(skip_serializing_if = "is_zero")]
    pub host_calls_limit: u64,
    /// Outbound requests sent.
    #[serde(skip_serializing_if = "is_zero")]
    pub requests: u64,
    /// Bytes of responses received.
    #[serde(skip_serializing_if = "is_zero")]
    pub response_bytes: u64,
    /// Wall-clock milliseconds granted.
    #[serde(skip_serializing_if = "is_zero")]
    pub timeout_ms: u64,
    /// The plugin version that ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin_digest: Option<Digest>,
    /// The files that it left, whatever its result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub artefacts: Vec<Artefact>,
    /// What it measured, the last value of each name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, Number>,
    /// Whether its instance had served a call before; only where plugin and operator both want that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reused_instance: bool,
    /// What it did with capabilities; `None` if nothing, as most attempts do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Box<CapabilityUse>>,
}

const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What an attempt did, or wanted to do, with capabilities other than requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapabilityUse {
    /// Secrets that went out in its requests, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// What it used of models; `None` if it asked none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ai: Option<AiUse>,
    /// Names of the context that it asked for, once for each time.
    #[serde(default)]
    pub context_reads: u64,
    /// Names of the context that it set, once for each time.
    #[serde(default)]
    pub context_writes: u64,
    /// What the host refused it: the first [`REFUSALS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refused>,
    /// How often the host refused it something.
    #[serde(default)]
    pub refused: u64,
}

/// Refusals of one attempt that are kept whole; all are counted.
pub const REFUSALS_MAX: usize = 16;

/// What the host refused an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Of which capability.
    pub capability: Capability,
    /// What, and which grant would allow it.
    pub message: String,
}

/// What an attempt used of models, beside its limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AiUse {
    /// Requests that were sent.
    pub requests: u64,
    /// Tokens of them.
    pub input_tokens: u64,
    /// Tokens of the answers.
    pub output_tokens: u64,
    /// Tokens granted for one request with its answer.
    pub call_tokens_limit: u64,
    /// Tokens granted to the plugin in one run.
    pub run_tokens_limit: u64,
    /// What the provider charges, in millionths of a US dollar.
    pub usd_micros: u64,
    /// What the plugin may spend in one run, in millionths of a US dollar.
    pub run_usd_micros_limit: u64,
}

/// What a plugin has spent on models in one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AiSpent {
    /// Tokens of requests and answers.
    pub tokens: u64,
    /// Money, in millionths of a US dollar.
    pub usd_micros: u64,
}

impl AiSpent {
    /// With what one more attempt used.
    #[must_use]
    pub const fn and(self, used: &AiUse) -> Self {
        let tokens = used.input_tokens.saturating_add(used.output_tokens);
        Self {
            tokens: self.tokens.saturating_add(tokens),
            usd_micros: self.usd_micros.saturating_add(used.usd_micros),
        }
    }
}

impl AttemptUse {
    /// Whether the result depends on more than the input, or was more than an output: it is then not
    /// taken over by other attempts.
    pub fn is_for_this_attempt_alone(&self) -> bool {
        let uses = self.capabilities.as_deref();
        let of_run = uses.is_some_and(|uses| {
            uses.ai.is_some() || uses.context_reads > 0 || uses.context_writes > 0
        });
        of_run || !self.artefacts.is_empty()
    }
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
    /// The pinned version of the plugin is not loaded, or is in quarantine; the task waits for one that may
    /// be used.
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
