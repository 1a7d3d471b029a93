//! What the journal holds: streams of numbered events, in the past tense.
//!
//! These types are stored for years. A field may be added with a default; nothing may be removed,
//! renamed or given another meaning. `tests/journal_fixture.rs` reads entries of every released
//! version.

mod context;
mod decided;
mod event;
mod kind;
mod plugin;
mod registry;
mod start;
mod texts;
mod trigger;

use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::id::{ContextName, Digest, PluginName, RunId, TemplateId, TriggerName, WorkflowId};
use crate::time::Timestamp;

pub use context::{Author, ContextEvent, ContextSource};
pub use decided::DecidedBy;
pub use event::{Branch, Reused, RunEvent};
pub use plugin::PluginEvent;
pub use registry::{Origin, TemplateEvent, WorkflowEvent};
pub use start::{ConcurrencyKey, IdempotencyKey, Parent, RerunFrom, RerunOf, RunStarted, Trigger};
pub use trigger::TriggerEvent;

/// Names a stream of events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// Everything that happened to one run.
    Run(RunId),
    /// Everything that happened to one plugin.
    Plugin(PluginName),
    /// Everything that happened to one workflow's definition.
    Workflow(WorkflowId),
    /// Everything that happened to one template.
    Template(TemplateId),
    /// What one trigger has started and let pass.
    Trigger(TriggerName),
    /// Every value that one shared context has had.
    Context(ContextName),
}

/// What an event of any stream can do.
pub trait StreamEvent: Serialize + DeserializeOwned {
    /// The event's name in kebab case, as in the store and the API.
    fn kind(&self) -> &'static str;

    /// The texts that the event refers to and does not hold itself: the store keeps them.
    fn texts(&self) -> Vec<Digest> {
        Vec::new()
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(run) => write!(f, "run/{run}"),
            Self::Plugin(plugin) => write!(f, "plugin/{plugin}"),
            Self::Workflow(workflow) => write!(f, "workflow/{workflow}"),
            Self::Template(template) => write!(f, "template/{template}"),
            Self::Trigger(trigger) => write!(f, "trigger/{trigger}"),
            Self::Context(context) => write!(f, "context/{context}"),
        }
    }
}

impl FromStr for StreamId {
    type Err = crate::id::InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some(("run", run)) => run.parse().map(Self::Run),
            Some(("plugin", plugin)) => plugin.parse().map(Self::Plugin),
            Some(("workflow", workflow)) => workflow.parse().map(Self::Workflow),
            Some(("template", template)) => template.parse().map(Self::Template),
            Some(("trigger", trigger)) => trigger.parse().map(Self::Trigger),
            Some(("context", context)) => context.parse().map(Self::Context),
            _ => Err(crate::id::InvalidId {
                kind: "stream",
                text: text.chars().take(80).collect(),
                rule: "`run/<id>`, or `plugin`, `workflow`, `template`, `trigger` or `context` and a name",
            }),
        }
    }
}

/// One event with its place in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry<E> {
    /// When the host decided it.
    pub at: Timestamp,
    /// What happened.
    pub event: E,
}
