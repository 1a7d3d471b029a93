//! The context of a run, each value with where it is from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use taskloom_core::journal::RunStarted;
use taskloom_core::run::{RunState, Setter};
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
    /// The task of that run that started this one, or the task of this run that set the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The attempt of the task that set it, if it was an attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// How many tasks have set it, if more than one: a merged value is of all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes: Option<u32>,
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
    /// A task of the run.
    Task,
}

impl ContextSource {
    /// Where the context of a run is from that began with `start` at the time `at`.
    fn of(start: &RunStarted, at: &str) -> Self {
        let known = Self {
            source: ContextSourceKind::Start,
            run: None,
            task: None,
            attempt: None,
            writes: None,
            at: at.to_owned(),
        };
        if let Some(parent) = &start.parent {
            let (run, task) = (Some(parent.run.to_string()), Some(parent.task.to_string()));
            return Self { source: ContextSourceKind::Parent, run, task, ..known };
        }
        match &start.rerun {
            Some(rerun) => {
                Self { source: ContextSourceKind::Rerun, run: Some(rerun.run.to_string()), ..known }
            }
            None => known,
        }
    }

    /// A task of the run itself.
    fn task(setter: &Setter) -> Self {
        Self {
            source: ContextSourceKind::Task,
            run: None,
            task: Some(setter.task.to_string()),
            attempt: setter.attempt,
            writes: (setter.writes > 1).then_some(setter.writes),
            at: setter.at.to_string(),
        }
    }
}

/// The values of the context of a run, each with where it is from. `given` is what the run was given,
/// an object, if its tasks have set nothing.
///
/// # Errors
/// When `given` is no object.
pub(crate) fn context_values(
    state: &RunState,
    given: Option<&RawValue>,
) -> Result<BTreeMap<String, ContextValue>, serde_json::Error> {
    let values: BTreeMap<String, Box<RawValue>> = match (state.context().values(), given) {
        (Some(values), _) => serde_json::from_str(&serde_json::to_string(&**values)?)?,
        (None, Some(given)) => serde_json::from_str(given.get())?,
        (None, None) => BTreeMap::new(),
    };
    let from_start = ContextSource::of(&state.start, &state.started_at.to_string());
    let known = |(name, value): (String, Box<RawValue>)| {
        let setter = state.context().setter(&name);
        let from = setter.map_or_else(|| from_start.clone(), ContextSource::task);
        (name, ContextValue { value, from })
    };
    Ok(values.into_iter().map(known).collect())
}
