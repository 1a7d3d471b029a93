//! Events of a run.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use taskloom_core::attempt::AttemptUse;
use taskloom_core::failure::Next;
use taskloom_core::journal::RunEvent;
use taskloom_core::run::decision_output;
use taskloom_store::StoredRunEvent;
use utoipa::ToSchema;

use super::task::{branch_word, failed};
use super::{Failure, Outcome};

/// Something that happened to a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Its number within the run: 1, 2, 3, …
    pub seq: u64,
    /// When.
    pub at: String,
    /// What happened, such as `attempt-succeeded`.
    pub kind: String,
    /// The task it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The number of the attempt it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// How the attempt, the task or the run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What follows a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<NextStep>,
    /// Why a task was skipped or a run was asked to stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the handler was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// The slots of a claimed attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_class: Option<String>,
    /// The host that claimed an attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The plugin that a run keeps from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// The version of that plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_digest: Option<String>,
    /// What else events of this kind say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub detail: Option<Value>,
    /// What an attempt used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<EventUse>,
}

/// What follows a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextStep {
    /// `retry` or `give-up`.
    pub action: String,
    /// When the next attempt may start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// What an attempt used, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventUse {
    /// Processor time in milliseconds.
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
}

/// A part of the events of a run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EventPage {
    /// The events, in order.
    pub events: Vec<Event>,
    /// Pass it as `after` for what follows, also for what has not happened yet.
    pub next_after: u64,
    /// Whether the run has ended and these are its last events.
    pub complete: bool,
}

impl From<StoredRunEvent> for Event {
    fn from(stored: StoredRunEvent) -> Self {
        let event = stored.entry.event;
        let known = Self {
            seq: stored.seq,
            at: stored.entry.at.to_string(),
            kind: event.kind().to_owned(),
            task: event.task().map(ToString::to_string),
            ..Self::default()
        };
        known.with(event)
    }
}

impl Event {
    /// Adds what events of this kind have to say.
    fn with(self, event: RunEvent) -> Self {
        use RunEvent as E;
        match event {
            E::RunStarted(_)
            | E::RunAdmitted { .. }
            | E::InputResolved { .. }
            | E::BackoffElapsed { .. }
            | E::GroupOpened { .. }
            | E::ReduceOpened { .. }
            | E::CompensationOpened { .. }
            | E::KeyKept { .. }
            | E::ReuseOffered { .. }
            | E::RunResumed
            | E::FinallyTimedOut
            | E::RunTimedOut => self,
            E::SharedContextRead { name, seq, .. } | E::ContextPublished { name, seq } => {
                self.detailed(json!({ "context": name.as_str(), "seq": seq }))
            }
            E::ContextSet { values, .. } => {
                let names: Vec<&String> = values.keys().collect();
                self.detailed(json!({ "names": names }))
            }
            E::RunIfDecided { runs, .. } => self.detailed(json!({ "runs": runs })),
            E::BranchChosen { branch, .. } => {
                self.detailed(json!({ "branch": branch_word(branch) }))
            }
            E::ItemsExpanded { count, .. } => self.detailed(json!({ "count": count })),
            E::ItemOpened { item, .. } => self.detailed(json!({ "item": item })),
            E::ItemEnded { item, outcome, failure, .. } => Self {
                outcome: Some(outcome.into()),
                failure: failure.as_ref().map(Failure::from),
                ..self.detailed(json!({ "item": item }))
            },
            E::MergeDecided { succeeds, .. } => self.detailed(json!({ "succeeds": succeeds })),
            E::WaitBegan { until, .. } => {
                self.detailed(json!({ "until": until.map(|at| at.to_string()) }))
            }
            E::SignalReceived { id, name, .. } => {
                self.detailed(json!({ "signal": *id, "name": *name }))
            }
            E::SignalTaken { signal, .. } => self.detailed(json!({ "signal": *signal })),
            E::ApprovalRequested { deadline, reason, .. } => Self {
                reason,
                ..self.detailed(json!({ "deadline": deadline.map(|at| at.to_string()) }))
            },
            E::ApprovalGiven { approved, by, comment, .. } => {
                self.detailed(json!({ "approved": approved, "by": by, "comment": comment }))
            }
            E::DecisionMade { option, by, confidence, reason, .. } => {
                let output = decision_output(&option, &by, confidence, None);
                Self { outcome: Some(Outcome::Succeeded), reason, ..self.detailed(output) }
            }
            E::ChildRequested { run, workflow, detached, .. } => self.detailed(
                json!({ "run": run.to_string(), "workflow": workflow.as_str(), "detached": detached }),
            ),
            E::ChildEnded { run, outcome, failure, .. } => Self {
                outcome: Some(outcome.into()),
                failure: failure.as_ref().map(Failure::from),
                ..self.detailed(json!({ "run": run.to_string() }))
            },
            E::TaskSucceeded { .. } => Self { outcome: Some(Outcome::Succeeded), ..self },
            E::TaskFailed { failure, .. } => Self {
                outcome: Some(failed(&failure)),
                failure: Some((&failure).into()),
                ..self
            },
            E::TaskTimedOut { failure, .. } => Self {
                outcome: Some(Outcome::TimedOut),
                failure: Some((&failure).into()),
                ..self
            },
            E::TaskStopRequested { failure, .. } => {
                Self { reason: Some(failure.message), ..self }
            }
            E::TaskReused { from, .. } => Self {
                outcome: Some(Outcome::Succeeded),
                ..self.detailed(json!({ "from": from.to_string() }))
            },
            E::RunPaused { reason } => Self { reason: Some(reason), ..self },
            E::PriorityChanged { priority } => self.detailed(json!({ "priority": priority })),
            E::CompensationStarted { deadline } | E::FinallyStarted { deadline } => {
                self.detailed(json!({ "deadline": deadline.to_string() }))
            }
            E::PluginPinned { plugin, digest } => Self {
                plugin: Some(plugin.to_string()),
                plugin_digest: Some(digest.to_string()),
                ..self
            },
            E::PluginRepinned { plugin, from, to, reason } => Self {
                plugin: Some(plugin.to_string()),
                plugin_digest: Some(to.to_string()),
                reason: Some(reason),
                ..self.detailed(json!({ "from": from.to_string() }))
            },
            E::AttemptClaimed { number, class, host, .. } => Self {
                number: Some(number),
                resource_class: Some(class.as_str().to_owned()),
                host: Some(host.to_string()),
                ..self
            },
            E::AttemptStarted { number, started_at, .. } => {
                Self { number: Some(number), started_at: Some(started_at.to_string()), ..self }
            }
            E::AttemptSucceeded { number, usage, .. } => {
                self.ended(number, Outcome::Succeeded, None, Some(&usage))
            }
            E::AttemptFailed { number, failure, next, usage, .. } => Self {
                next: Some(next.into()),
                ..self.ended(number, failed(&failure), Some((&failure).into()), Some(&usage))
            },
            E::AttemptCancelled { number, failure, usage, .. } => {
                self.ended(number, Outcome::Cancelled, Some((&failure).into()), Some(&usage))
            }
            E::AttemptReleased { number, reason, retry_at, usage, .. } => Self {
                next: Some(Next::RetryAt(retry_at).into()),
                ..self.ended(number, Outcome::Cancelled, Some(reason.into()), Some(&usage))
            },
            E::AttemptLost { number, next, failure, .. } => Self {
                next: Some(next.into()),
                ..self.ended(number, Outcome::Failed, Some((&failure).into()), None)
            },
            E::TaskSkipped { reason, .. } => {
                Self { outcome: Some(Outcome::Skipped), reason: Some(reason), ..self }
            }
            E::TaskCancelled { .. } => Self { outcome: Some(Outcome::Cancelled), ..self },
            E::CancelRequested { reason } => Self { reason: Some(reason), ..self },
            E::RunFinished { outcome, failure, .. } => Self {
                outcome: Some(outcome.into()),
                failure: failure.as_ref().map(Failure::from),
                ..self
            },
        }
    }

    fn detailed(self, detail: Value) -> Self {
        Self { detail: Some(detail), ..self }
    }

    /// Adds how an attempt ended.
    fn ended(
        self,
        number: u32,
        outcome: Outcome,
        failure: Option<Failure>,
        usage: Option<&AttemptUse>,
    ) -> Self {
        Self {
            number: Some(number),
            outcome: Some(outcome),
            failure,
            started_at: usage.and_then(|usage| usage.started_at).map(|at| at.to_string()),
            usage: usage.map(EventUse::from),
            ..self
        }
    }
}

impl From<&AttemptUse> for EventUse {
    fn from(usage: &AttemptUse) -> Self {
        Self {
            cpu_ms: usage.cpu_ms,
            host_wait_ms: usage.host_wait_ms,
            fuel_used: usage.fuel_used,
            fuel_limit: usage.fuel_limit,
            memory_peak_bytes: usage.memory_peak_bytes,
            memory_limit_bytes: usage.memory_limit_bytes,
        }
    }
}

impl From<Next> for NextStep {
    fn from(next: Next) -> Self {
        match next {
            Next::RetryAt(at) => Self { action: "retry".to_owned(), at: Some(at.to_string()) },
            Next::GiveUp => Self { action: "give-up".to_owned(), at: None },
        }
    }
}
