//! Contexts that runs share.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use taskloom_core::journal::{Author, ContextEvent};
use taskloom_store::StoredEvent;
use utoipa::ToSchema;

use crate::contexts::Shared;

/// A shared context in a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SharedContextSummary {
    /// Its name.
    pub name: String,
    /// The number of its last event.
    pub seq: u64,
    /// When it was changed last.
    pub updated_at: String,
    /// The names in it.
    pub names: Vec<String>,
    /// The length of its value as JSON.
    pub bytes: u64,
}

/// A part of the list of shared contexts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SharedContextPage {
    /// The contexts that have a value, by name.
    pub contexts: Vec<SharedContextSummary>,
    /// Pass it as `cursor` for what follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A shared context with its value.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SharedContext {
    /// Its name.
    pub name: String,
    /// The number of its last event; also the entity tag, in quotes.
    pub seq: u64,
    /// When it was changed last.
    pub updated_at: String,
    /// Its values by name, each with who set it.
    pub values: BTreeMap<String, SharedValue>,
}

/// A value of a shared context.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SharedValue {
    /// The value.
    pub value: Value,
    /// Who set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<SharedSource>,
}

/// Who set a value of a shared context.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SharedSource {
    /// `caller` for the API and the command line, `run` for a run that published it.
    pub source: String,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The number of the event by which it was set.
    pub seq: u64,
    /// When.
    pub at: String,
}

/// A new value for a shared context.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetContext {
    /// All its values by name, at most 256 KiB and 256 names.
    #[schema(value_type = Object)]
    pub values: Map<String, Value>,
}

/// A part of the history of a shared context.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SharedHistory {
    /// What happened, the oldest first.
    pub events: Vec<SharedChange>,
    /// Pass it as `after` for what follows.
    pub next_after: u64,
}

/// A change of a shared context.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SharedChange {
    /// Its number, counted from 1.
    pub seq: u64,
    /// When.
    pub at: String,
    /// `context-set` or `context-deleted`.
    pub kind: String,
    /// Who did it: `caller` or `run`.
    pub source: String,
    /// The run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The names that were set to another value.
    pub set: Vec<String>,
    /// The whole value from then on, unless it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub values: Option<Map<String, Value>>,
}

impl SharedContext {
    pub(crate) fn new(name: &str, shared: &Shared, values: Map<String, Value>) -> Self {
        let source = |name: &str| {
            let source = shared.sources.get(name)?;
            let (word, run) = author(&source.by);
            Some(SharedSource {
                source: word.to_owned(),
                run,
                seq: source.seq,
                at: source.at.to_string(),
            })
        };
        let value = |(name, value): (String, Value)| {
            let from = source(&name);
            (name, SharedValue { value, from })
        };
        Self {
            name: name.to_owned(),
            seq: shared.seq,
            updated_at: shared.at.to_string(),
            values: values.into_iter().map(value).collect(),
        }
    }
}

impl SharedChange {
    pub(crate) fn new(
        stored: &StoredEvent<ContextEvent>,
        values: Option<Map<String, Value>>,
    ) -> Self {
        let (by, set) = match &stored.entry.event {
            ContextEvent::ContextSet { by, sources, .. } => {
                let own = sources.iter().filter(|(_, source)| source.seq == stored.seq);
                (by, own.map(|(name, _)| name.clone()).collect())
            }
            ContextEvent::ContextDeleted { by } => (by, Vec::new()),
        };
        let (word, run) = author(by);
        Self {
            seq: stored.seq,
            at: stored.entry.at.to_string(),
            kind: taskloom_core::journal::StreamEvent::kind(&stored.entry.event).to_owned(),
            source: word.to_owned(),
            run,
            set,
            values,
        }
    }
}

/// The word for who did something, and the run.
fn author(by: &Author) -> (&'static str, Option<String>) {
    match by {
        Author::Caller => ("caller", None),
        Author::Run { run } => ("run", Some(run.to_string())),
        Author::Task { run, .. } => ("task", Some(run.to_string())),
    }
}
