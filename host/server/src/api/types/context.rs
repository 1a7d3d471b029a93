//! The context of a run, each value with where it is from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use taskloom_core::journal::RunStarted;
use utoipa::ToSchema;

/// A value of a run's context.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ContextValue {
    /// The value.
    #[schema(value_type = Value)]
    pub value: Box<RawValue>,
    /// Where it is from.
    pub from: ContextSource,
}

/// Where a value of a run's context is from.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ContextSource {
    /// What gave it to the run.
    pub source: ContextSourceKind,
    /// The run it was taken over from: the parent, or the run that this one runs again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The task of that run that started this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// When this run got it.
    pub at: String,
}

/// What gave a run a value of its context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContextSourceKind {
    /// The request or the command that started it.
    Start,
    /// The run whose task started it.
    Parent,
    /// The run that it runs again.
    Rerun,
}

impl ContextSource {
    /// Where the context of a run is from that began with `start` at the time `at`.
    fn of(start: &RunStarted, at: &str) -> Self {
        let at = at.to_owned();
        if let Some(parent) = &start.parent {
            let (run, task) = (Some(parent.run.to_string()), Some(parent.task.to_string()));
            return Self { source: ContextSourceKind::Parent, run, task, at };
        }
        match &start.rerun {
            Some(rerun) => {
                let run = Some(rerun.run.to_string());
                Self { source: ContextSourceKind::Rerun, run, task: None, at }
            }
            None => Self { source: ContextSourceKind::Start, run: None, task: None, at },
        }
    }
}

/// The values of `context`, an object, each with where it is from.
///
/// # Errors
/// When it is no object.
pub(crate) fn context_values(
    start: &RunStarted,
    at: &str,
    context: &RawValue,
) -> Result<BTreeMap<String, ContextValue>, serde_json::Error> {
    let values: BTreeMap<String, Box<RawValue>> = serde_json::from_str(context.get())?;
    let from = ContextSource::of(start, at);
    let known = |value| ContextValue { value, from: from.clone() };
    Ok(values.into_iter().map(|(name, value)| (name, known(value))).collect())
}
