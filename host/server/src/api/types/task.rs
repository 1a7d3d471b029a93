//! Tasks and attempts of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use taskloom_core::attempt::{self, AttemptEnding, ReleaseReason};
use taskloom_core::failure::{self, FailureClass};
use taskloom_core::journal::Branch;
use taskloom_core::run::{RunState, TaskIndex};
use utoipa::ToSchema;

use super::{Artefact, DecisionPoint, Outcome, TaskStatus};
use crate::engine;

/// One task of a run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// Its name within the workflow.
    pub id: String,
    /// What it does: `task`, `branch`, `switch`, `group`, `parallel`, `decision`, `wait`, `approval`
    /// or `workflow`.
    pub kind: String,
    /// The task type it runs, such as `text.render`; for other kinds, the kind.
    #[serde(rename = "type")]
    pub task_type: String,
    /// What a branch or switch took: `then`, `else`, `case 0`, …, or `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The run it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child_run: Option<String>,
    /// The run whose output it took over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused_from: Option<String>,
    /// What it is doing now.
    pub status: TaskStatus,
    /// How it ended; null until then.
    pub outcome: Option<Outcome>,
    /// Why it has not ended: what it needs or waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// When its next attempt may start, while it waits for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<String>,
    /// Why it was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_reason: Option<String>,
    /// Why its last attempt did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// When it last became ready.
    pub ready_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// How far its attempt is, as the handler said last; only while it is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// Its attempts, the first one first.
    pub attempts: Vec<Attempt>,
}

/// How far an attempt is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// From 0 to 1.
    pub fraction: f64,
    /// What the handler says to it.
    pub note: String,
    /// When it said so.
    pub at: String,
}

/// The attempt whose output another one took over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CachedFrom {
    /// Its run, which may have been deleted since.
    pub run: String,
    /// Its task in that run.
    pub task: String,
    /// Its number.
    pub attempt: u32,
    /// When it had succeeded.
    pub at: String,
}

/// A task with what went in and came out.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskDetail {
    /// The task.
    #[serde(flatten)]
    pub task: Task,
    /// Tasks it needs.
    pub needs: Vec<String>,
    /// Of a decision, what it chooses from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionPoint>,
    /// Its input, once computed; else null.
    #[schema(value_type = Value)]
    pub input: Option<Box<RawValue>>,
    /// Its output, if it succeeded; else null.
    #[schema(value_type = Value)]
    pub output: Option<Box<RawValue>>,
}

/// A part of the tasks of a run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskPage {
    /// The tasks, in the order of the workflow.
    pub tasks: Vec<Task>,
    /// How many tasks the run has.
    pub total: usize,
    /// Pass it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// One try of a task: when, where, how it ended, and what it used of what it was allowed. What it
/// used is null until it has ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// 1, 2, 3, …
    pub number: u32,
    /// Whether it consumed one of the task's `max_attempts`.
    pub counted: bool,
    /// How it ended; null while it is under way. An attempt that was given back, such as at a
    /// shutdown, is `cancelled` and not counted; one that was lost with its host is `failed` with
    /// a failure of class `lost`, and not counted.
    pub outcome: Option<Outcome>,
    /// Why it did not succeed.
    pub failure: Option<Failure>,
    /// The attempt whose output it took over: the handler was not called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<CachedFrom>,
    /// When the task became ready for it.
    pub ready_at: String,
    /// When it was claimed.
    pub claimed_at: String,
    /// When its handler was started.
    pub started_at: Option<String>,
    /// When its result was accepted.
    pub ended_at: Option<String>,
    /// Processor time in milliseconds.
    pub cpu_ms: Option<u64>,
    /// Time spent waiting inside host calls, in milliseconds.
    pub host_wait_ms: Option<u64>,
    /// Fuel used.
    pub fuel_used: Option<u64>,
    /// Fuel granted.
    pub fuel_limit: Option<u64>,
    /// The most memory held at once, in bytes.
    pub memory_peak_bytes: Option<u64>,
    /// Memory granted, in bytes.
    pub memory_limit_bytes: Option<u64>,
    /// Wall-clock time granted, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The version of the plugin that ran.
    pub plugin_digest: Option<String>,
    /// Length of the input in bytes.
    pub input_bytes: Option<u64>,
    /// Length of the output in bytes.
    pub output_bytes: Option<u64>,
    /// Output granted, in bytes.
    pub output_limit_bytes: Option<u64>,
    /// Log lines kept.
    pub log_lines: Option<u64>,
    /// Log lines granted.
    pub log_lines_limit: Option<u64>,
    /// Bytes of log lines kept.
    pub log_bytes: Option<u64>,
    /// Bytes of log lines granted.
    pub log_bytes_limit: Option<u64>,
    /// Calls from the guest into the host.
    pub host_calls: Option<u64>,
    /// Calls into the host granted.
    pub host_calls_limit: Option<u64>,
    /// Outbound requests sent.
    pub requests: Option<u64>,
    /// Bytes of responses received.
    pub response_bytes: Option<u64>,
    /// The files that it left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artefacts: Vec<Artefact>,
    /// What it measured, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// Whether its instance had served a call before; only where plugin and operator both want that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reused_instance: bool,
    /// What it did with secrets, models and the context of the run, and what the host refused it; absent
    /// if nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<CapabilityUse>,
    /// The slots it occupied: `cpu`, `io`, `ai` or `github`.
    pub resource_class: String,
    /// The rank it was dispatched with: higher goes first.
    pub rank: f64,
    /// The host that performed it.
    pub host: String,
    /// Which start of that host it was.
    pub epoch: u64,
}

/// What an attempt did with capabilities, and what it was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CapabilityUse {
    /// Secrets that went out in its requests, by name.
    pub secrets: Vec<String>,
    /// What it used of models; absent if it asked none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ai: Option<AiUse>,
    /// How often it read a name of the context.
    pub context_reads: u64,
    /// How often it set a name of the context.
    pub context_writes: u64,
    /// What it was refused: the first 16.
    pub refusals: Vec<Refusal>,
    /// How often it was refused something.
    pub refused: u64,
}

/// What an attempt used of models, beside its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AiUse {
    /// Requests that were sent.
    pub requests: u64,
    /// Tokens of them.
    pub input_tokens: u64,
    /// Tokens of the answers.
    pub output_tokens: u64,
    /// Tokens granted for one request with its answer.
    pub call_tokens_limit: u64,
    /// Tokens granted to the plugin in the run.
    pub run_tokens_limit: u64,
    /// What it cost, in US dollars.
    pub usd: f64,
    /// What the plugin may spend in the run, in US dollars.
    pub run_usd_limit: f64,
}

/// What a plugin was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    /// Of which capability: `http`, `secrets`, `ai`, `context` or `artefacts`.
    pub capability: String,
    /// What, and which grant would allow it.
    pub message: String,
}

/// The recorded reason of an unsuccessful attempt, task or run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// A stable, machine-readable word, such as `timeout` or a code of the plugin's own.
    pub code: String,
    /// What happened, where and why.
    pub message: String,
    /// What it means for another attempt: `retryable`, `permanent`, `crash`, `limit`, `timeout`,
    /// `cancelled` or `lost`.
    pub class: String,
    /// More that the plugin or the host had to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    pub details: Option<Value>,
}

impl Task {
    /// A task of a run, with why it does not run as far as the host alone knows that.
    pub fn new(run: &RunState, index: TaskIndex, waiting_for: Option<String>) -> Self {
        let (state, kind) = (run.task(index), &run.definition(index).kind);
        let why = || run.why(index).map(|why| why.to_string());
        let group = state.group.as_deref();
        Self {
            id: state.id.to_string(),
            kind: kind.as_str().to_owned(),
            task_type: kind.task_type().map_or(kind.as_str(), |t| t.as_str()).to_owned(),
            branch: group.and_then(|group| group.branch).map(branch_word),
            child_run: state.child.as_ref().map(|child| child.run.to_string()),
            reused_from: state.result.as_ref().and_then(|r| r.from).map(|run| run.to_string()),
            status: state.status.into(),
            outcome: state.status.outcome().map(Outcome::from),
            waiting_for: waiting_for.or_else(why),
            retry_at: state.wake_at().map(|at| at.to_string()),
            skip_reason: state.skip_reason.clone(),
            failure: state.failure().map(Failure::from),
            ready_at: state.ready_at.map(|at| at.to_string()),
            ended_at: state.ended_at.map(|at| at.to_string()),
            progress: None,
            attempts: state.attempts.iter().map(Attempt::from).collect(),
        }
    }
}

/// What a group took, in a word.
pub(super) fn branch_word(branch: Branch) -> String {
    match branch {
        Branch::Then => "then".to_owned(),
        Branch::Else => "else".to_owned(),
        Branch::Case(case) => format!("case {case}"),
        Branch::Default => "default".to_owned(),
    }
}

impl From<&attempt::Attempt> for Attempt {
    fn from(attempt: &attempt::Attempt) -> Self {
        let (outcome, failure) = attempt.end.as_ref().map(ending).unzip();
        let usage = attempt.end.as_ref().map(|_| &attempt.usage);
        let used = |of: fn(&attempt::AttemptUse) -> u64| usage.map(of);
        Self {
            number: attempt.number,
            counted: attempt.counted,
            outcome,
            failure: failure.flatten(),
            cached: attempt.cached_from.as_deref().map(CachedFrom::from),
            ready_at: attempt.ready_at.to_string(),
            claimed_at: attempt.claimed_at.to_string(),
            started_at: attempt.started_at.map(|at| at.to_string()),
            ended_at: attempt.ended_at.map(|at| at.to_string()),
            cpu_ms: used(|usage| usage.cpu_ms),
            host_wait_ms: used(|usage| usage.host_wait_ms),
            fuel_used: used(|usage| usage.fuel_used),
            fuel_limit: used(|usage| usage.fuel_limit),
            memory_peak_bytes: used(|usage| usage.memory_peak_bytes),
            memory_limit_bytes: used(|usage| usage.memory_limit_bytes),
            timeout_ms: used(|usage| usage.timeout_ms),
            plugin_digest: usage.and_then(|usage| usage.plugin_digest.map(|d| d.to_string())),
            input_bytes: used(|usage| usage.input_bytes),
            output_bytes: used(|usage| usage.output_bytes),
            output_limit_bytes: used(|usage| usage.output_limit_bytes),
            log_lines: used(|usage| usage.log_lines),
            log_lines_limit: used(|usage| usage.log_lines_limit),
            log_bytes: used(|usage| usage.log_bytes),
            log_bytes_limit: used(|usage| usage.log_bytes_limit),
            host_calls: used(|usage| usage.host_calls),
            host_calls_limit: used(|usage| usage.host_calls_limit),
            requests: used(|usage| usage.requests),
            response_bytes: used(|usage| usage.response_bytes),
            artefacts: attempt.usage.artefacts.iter().map(Artefact::from).collect(),
            metrics: measured(&attempt.usage),
            reused_instance: attempt.usage.reused_instance,
            capabilities: attempt.usage.capabilities.as_deref().map(CapabilityUse::from),
            resource_class: attempt.class.as_str().to_owned(),
            rank: attempt.rank,
            host: attempt.host.to_string(),
            epoch: attempt.epoch,
        }
    }
}

fn measured(usage: &attempt::AttemptUse) -> BTreeMap<String, f64> {
    let values = usage.metrics.iter();
    values.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
}

impl From<&attempt::CapabilityUse> for CapabilityUse {
    fn from(uses: &attempt::CapabilityUse) -> Self {
        Self {
            secrets: uses.secrets.clone(),
            ai: uses.ai.as_ref().map(AiUse::from),
            context_reads: uses.context_reads,
            context_writes: uses.context_writes,
            refusals: uses.refusals.iter().map(Refusal::from).collect(),
            refused: uses.refused,
        }
    }
}

impl From<&attempt::AiUse> for AiUse {
    fn from(used: &attempt::AiUse) -> Self {
        let usd = |micros: u64| micros as f64 / 1e6;
        Self {
            requests: used.requests,
            input_tokens: used.input_tokens,
            output_tokens: used.output_tokens,
            call_tokens_limit: used.call_tokens_limit,
            run_tokens_limit: used.run_tokens_limit,
            usd: usd(used.usd_micros),
            run_usd_limit: usd(used.run_usd_micros_limit),
        }
    }
}

impl From<&attempt::Refused> for Refusal {
    fn from(refused: &attempt::Refused) -> Self {
        let attempt::Refused { capability, message } = refused;
        Self { capability: capability.to_string(), message: message.clone() }
    }
}

/// How an attempt ended, in the words of the API.
fn ending(ending: &AttemptEnding) -> (Outcome, Option<Failure>) {
    match ending {
        AttemptEnding::Succeeded(_) => (Outcome::Succeeded, None),
        AttemptEnding::Failed(failure, _) => (failed(failure), Some(failure.into())),
        AttemptEnding::Cancelled(failure) => (Outcome::Cancelled, Some(failure.into())),
        AttemptEnding::Released(reason) => (Outcome::Cancelled, Some((*reason).into())),
        AttemptEnding::Lost(failure, _) => (Outcome::Failed, Some(failure.into())),
    }
}

/// The outcome of an attempt that failed.
pub(super) fn failed(failure: &failure::Failure) -> Outcome {
    match failure.class {
        FailureClass::Timeout => Outcome::TimedOut,
        _ => Outcome::Failed,
    }
}

impl From<&attempt::CachedFrom> for CachedFrom {
    fn from(from: &attempt::CachedFrom) -> Self {
        Self {
            run: from.run.to_string(),
            task: from.task.to_string(),
            attempt: from.attempt,
            at: from.at.to_string(),
        }
    }
}

impl From<engine::Progress> for Progress {
    fn from(progress: engine::Progress) -> Self {
        let engine::Progress { fraction, note, at } = progress;
        Self { fraction, note, at: at.to_string() }
    }
}

impl From<&failure::Failure> for Failure {
    fn from(failure: &failure::Failure) -> Self {
        Self {
            code: failure.code.clone(),
            message: failure.message.clone(),
            class: failure.class.as_str().to_owned(),
            details: failure.details.clone(),
        }
    }
}

impl From<ReleaseReason> for Failure {
    fn from(reason: ReleaseReason) -> Self {
        let message = match reason {
            ReleaseReason::Shutdown => "the host was shut down; the task goes on at its next start",
            ReleaseReason::HostBusy => {
                "the host had no memory or no instance free; the task is offered again"
            }
            ReleaseReason::PluginMissing => {
                "the plugin version that the run keeps is not loaded or in quarantine; the task waits"
            }
        };
        Self {
            code: reason.as_str().replace('_', "-"),
            message: message.to_owned(),
            class: FailureClass::Cancelled.as_str().to_owned(),
            details: None,
        }
    }
}
