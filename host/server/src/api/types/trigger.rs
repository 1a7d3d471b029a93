//! Triggers: what they listen to, what they did, what came of an event.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use taskloom_core::journal::TriggerEvent;
use taskloom_core::trigger::Source;
use taskloom_store::StoredEvent;
use utoipa::ToSchema;

use crate::api::BASE;
use crate::triggers::Bound;

/// All triggers.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TriggerList {
    /// By name.
    pub triggers: Vec<TriggerSummary>,
}

/// A trigger, as lists show it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TriggerSummary {
    /// Its name among all triggers: the workflow and its id there.
    pub name: String,
    /// The workflow that it starts runs of.
    pub workflow: String,
    /// `cron`, `webhook`, `github`, `file` or `run`.
    pub kind: String,
    /// What it listens to, in words.
    pub source: String,
    /// Where its requests come in, for a webhook and for GitHub.
    pub path: Option<String>,
    /// Whether it listens.
    pub listening: bool,
    /// Why it does not.
    pub reason: Option<String>,
    /// When it fires next, for a schedule.
    pub next_at: Option<String>,
}

/// A trigger with what it did.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Trigger {
    /// What lists show.
    #[serde(flatten)]
    pub summary: TriggerSummary,
    /// What it did, the newest first.
    pub history: Vec<TriggerHistory>,
    /// Goes on with what was before, as `cursor`.
    pub next_cursor: Option<String>,
}

/// Something that a trigger did.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct TriggerHistory {
    /// Its number.
    pub seq: u64,
    /// When.
    pub at: String,
    /// `trigger-fired`, `trigger-skipped` or `trigger-armed`.
    pub kind: String,
    /// Names the event that it is about.
    pub key: Option<String>,
    /// The time that the event stands for, if it does.
    pub due: Option<String>,
    /// The run that was started.
    pub run: Option<String>,
    /// Why none was started.
    pub reason: Option<String>,
}

/// An event by hand.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FireTrigger {
    /// What expressions read as `event`; without one, `null`.
    #[serde(default)]
    pub event: Value,
}

/// What came of an event.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Delivered {
    /// The runs that it started.
    pub runs: Vec<FiredRun>,
    /// Triggers that start a run when it has been quiet (`debounce`).
    pub waiting: Vec<String>,
    /// Triggers that started nothing.
    pub skipped: Vec<SkippedTrigger>,
    /// Why nothing was started, if there was no trigger to start something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A run that a trigger started.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct FiredRun {
    /// The trigger.
    pub trigger: String,
    /// The run.
    pub run: String,
    /// Whether the same event had started it before.
    pub existing: bool,
}

/// A trigger that started nothing.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SkippedTrigger {
    /// The trigger.
    pub trigger: String,
    /// Why.
    pub reason: String,
}

impl TriggerSummary {
    /// A trigger, why it does not listen if it does not, and when it fires next.
    pub(crate) fn new(bound: &Bound, reason: Option<String>, next_at: Option<String>) -> Self {
        let source = &bound.trigger().source;
        let path = match source {
            Source::Webhook(webhook) => Some(format!("{BASE}/hooks/{}", webhook.path)),
            Source::Github { .. } => Some(format!("{BASE}/hooks/github")),
            _ => None,
        };
        Self {
            name: bound.name.to_string(),
            workflow: bound.workflow().to_string(),
            kind: source.kind().to_owned(),
            source: source.to_string(),
            path,
            listening: reason.is_none(),
            reason,
            next_at,
        }
    }
}

impl From<StoredEvent<TriggerEvent>> for TriggerHistory {
    fn from(stored: StoredEvent<TriggerEvent>) -> Self {
        use taskloom_core::journal::StreamEvent as _;
        let (seq, at) = (stored.seq, stored.entry.at.to_string());
        let kind = stored.entry.event.kind().to_owned();
        let (key, due, run, reason) = match stored.entry.event {
            TriggerEvent::TriggerFired { key, due, run } => {
                (Some(key), due, Some(run.to_string()), None)
            }
            TriggerEvent::TriggerSkipped { key, due, reason } => {
                (Some(key), due, None, Some(reason))
            }
            TriggerEvent::TriggerArmed { since, source } => {
                (None, Some(since), None, Some(format!("it listens to {source} from here on")))
            }
        };
        Self { seq, at, kind, key, due: due.map(|due| due.to_string()), run, reason }
    }
}
