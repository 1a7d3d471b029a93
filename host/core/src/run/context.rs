//! The context of a run as its tasks write to it: what is in it now, who set it, and whether a write
//! fits.
//!
//! What a run was given is in here only where its tasks may write; elsewhere `RunStarted` refers to it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::apply::elsewhere;
use super::{RunState, TaskIndex, TaskStatus, WaitFor};
use crate::context::{
    CONTEXT_BYTES_MAX, CONTEXT_NAMES_MAX, ContextMerge, Values, WRITTEN_BYTES_MAX, entry_bytes,
};
use crate::failure::{Failure, FailureClass, code};
use crate::id::{ContextName, TaskId};
use crate::journal::RunEvent;
use crate::payload::PayloadRef;
use crate::time::Timestamp;
use crate::workflow::TaskKind;

/// What is in a run's context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContextState {
    /// What is in it now; `None` while nothing was set.
    values: Option<Values>,
    /// Who set the names that tasks set.
    setters: BTreeMap<String, Setter>,
    /// Every write of a task, the first one first.
    writes: Vec<Write>,
    /// The bytes of JSON of `values`.
    bytes: usize,
    /// The bytes of JSON of all writes.
    written: usize,
    /// The contexts of others that the run reads or sets, as they were at its start.
    shared: BTreeMap<ContextName, SharedRead>,
    /// What the run has set in them: the number of the event each time.
    published: BTreeMap<ContextName, u64>,
}

/// A shared context as it was when a run started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedRead {
    /// The number of its last event; 0 when it had none.
    pub seq: u64,
    /// Its value, if it had one and the run reads it.
    pub value: Option<PayloadRef>,
}

/// The task that set a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setter {
    /// The task.
    pub task: TaskId,
    /// Its attempt, if it was one that set it.
    pub attempt: Option<u32>,
    /// When.
    pub at: Timestamp,
    /// How many tasks had set the name by then: a merged value is of all of them.
    pub writes: u32,
}

/// What a task set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The task.
    pub task: TaskIndex,
    /// The values by name, as it set them.
    pub values: Values,
}

impl ContextState {
    /// What is in the context; `None` while it is what the run was given.
    pub const fn values(&self) -> Option<&Values> {
        self.values.as_ref()
    }

    /// Who set a name, if a task did.
    pub fn setter(&self, name: &str) -> Option<&Setter> {
        self.setters.get(name)
    }

    /// The names that tasks set, with what they have now.
    pub fn written(&self) -> Values {
        let values = self.values.iter().flat_map(|values| values.iter());
        let written = values.filter(|(name, _)| self.setters.contains_key(*name));
        Arc::new(written.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// The contexts of others that the run reads or sets, as they were at its start.
    pub const fn shared(&self) -> &BTreeMap<ContextName, SharedRead> {
        &self.shared
    }

    /// What the run has set in contexts of others: the number of the event each time.
    pub const fn published(&self) -> &BTreeMap<ContextName, u64> {
        &self.published
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.values.as_ref()?.get(name)
    }

    /// What `name` has after a task set it to `new`; `None` when that is a conflict.
    fn merged(&self, name: &str, new: &Value, policy: ContextMerge) -> Option<Value> {
        match (self.value(name), policy) {
            (Some(before), ContextMerge::Deep) => policy.merge(before, new),
            // What the run was given is no write of a task: the first one replaces it.
            (Some(before), _) if self.setters.contains_key(name) => policy.merge(before, new),
            _ => Some(new.clone()),
        }
    }

    /// Why a task cannot set `values`, if it cannot.
    fn refusal(&self, values: &Values, policy: ContextMerge) -> Option<Failure> {
        let (mut bytes, mut names) = (self.bytes.max(2), 0);
        for (name, new) in values.iter() {
            let Some(merged) = self.merged(name, new, policy) else {
                return Some(self.conflict(name));
            };
            bytes += entry_bytes(name, &merged);
            match self.value(name) {
                Some(before) => bytes -= entry_bytes(name, before),
                None => names += 1,
            }
        }
        let names = names + self.values.as_ref().map_or(0, |values| values.len());
        let written = self.written + bytes_of(values);
        let what = if bytes > CONTEXT_BYTES_MAX {
            format!("the context would have {bytes} bytes, and the limit is {CONTEXT_BYTES_MAX}")
        } else if names > CONTEXT_NAMES_MAX {
            format!("the context would have {names} names, and the limit is {CONTEXT_NAMES_MAX}")
        } else if written > WRITTEN_BYTES_MAX {
            format!(
                "the tasks of the run would have set {written} bytes in all, and the limit is {WRITTEN_BYTES_MAX}"
            )
        } else {
            return None;
        };
        let message = format!("{what}; set what other tasks read, and return the rest as output");
        Some(Failure::new(FailureClass::Limit, code::CONTEXT_TOO_LARGE, message))
    }

    fn conflict(&self, name: &str) -> Failure {
        let before = self.setters.get(name).map(|setter| setter.task.to_string());
        let before = before.unwrap_or_default();
        let message = format!(
            "task `{before}` has set `context.{name}` to another value; choose a name of its own, or \
             another `context_merge` in `[config]`"
        );
        let details = serde_json::json!({ "name": name, "task": before });
        let failure = Failure::new(FailureClass::Permanent, code::CONTEXT_CONFLICT, message);
        Failure { details: Some(details), ..failure }
    }

    /// Sets one name.
    fn set(&mut self, name: &str, value: Value) {
        self.bytes = self.bytes.max(2) + entry_bytes(name, &value);
        let values = Arc::make_mut(self.values.get_or_insert_default());
        if let Some(before) = values.insert(name.to_owned(), value) {
            self.bytes -= entry_bytes(name, &before);
        }
    }
}

impl RunState {
    /// The context, as far as it is known here.
    pub const fn context(&self) -> &ContextState {
        &self.context
    }

    /// The event by which a task sets `values`, or why it cannot.
    pub(super) fn writes_of(&self, index: TaskIndex, values: Values) -> Result<RunEvent, Failure> {
        let policy = self.workflow.config.context_merge;
        match self.context.refusal(&values, policy) {
            Some(failure) => Err(failure),
            None => Ok(RunEvent::ContextSet { task: Some(self.task(index).id.clone()), values }),
        }
    }

    /// As [`Self::writes_of`], where the journal may not yet say what the run was given.
    pub(super) fn first_writes_of(
        &self,
        index: TaskIndex,
        values: Values,
        given: Option<Values>,
    ) -> Result<Vec<RunEvent>, Failure> {
        let Some(given) = given.filter(|_| self.context.values.is_none()) else {
            return Ok(vec![self.writes_of(index, values)?]);
        };
        let mut context = self.context.clone();
        given.iter().for_each(|(name, value)| context.set(name, value.clone()));
        match context.refusal(&values, self.workflow.config.context_merge) {
            Some(failure) => Err(failure),
            None => {
                let task = Some(self.task(index).id.clone());
                let given = RunEvent::ContextSet { task: None, values: given };
                Ok(vec![given, RunEvent::ContextSet { task, values }])
            }
        }
    }

    /// Whether a task whose work is done has yet to set what it sets.
    pub(super) fn owes_writes(&self, index: TaskIndex) -> bool {
        self.definition(index).set.is_some() && !self.task(index).has_written
    }

    /// What each task, with every task in it, has set, merged as it was in the run.
    pub(super) fn writes_by_task(&self) -> HashMap<TaskIndex, Values> {
        let policy = self.workflow.config.context_merge;
        let mut found: HashMap<TaskIndex, ContextState> = HashMap::new();
        for write in &self.context.writes {
            for place in std::iter::successors(Some(write.task), |inner| self.owner_of(*inner)) {
                let merged = found.entry(place).or_default();
                for (name, new) in write.values.iter() {
                    let before = merged.value(name);
                    // A conflict would not have been written.
                    let value = before.and_then(|before| policy.merge(before, new));
                    merged.set(name, value.unwrap_or_else(|| new.clone()));
                }
            }
        }
        found.into_iter().filter_map(|(task, merged)| Some((task, merged.values?))).collect()
    }

    /// Notes what a shared context held at the start, or what was set in it at the end.
    pub(super) fn fold_shared(&mut self, event: &RunEvent) -> Result<(), String> {
        match event {
            RunEvent::SharedContextRead { name, seq, value } => {
                let read = SharedRead { seq: *seq, value: value.clone() };
                self.context.shared.insert(name.clone(), read);
            }
            RunEvent::ContextPublished { name, seq } => {
                self.context.published.insert(name.clone(), *seq);
            }
            other => return elsewhere(other),
        }
        Ok(())
    }

    pub(super) fn fold_context(
        &mut self,
        task: Option<&TaskId>,
        values: &Values,
        at: Timestamp,
    ) -> Result<(), String> {
        let Some(task) = task else {
            if !self.context.writes.is_empty() {
                return Err("tasks have written to the context".to_owned());
            }
            for (name, value) in values.iter() {
                self.context.set(name, value.clone());
            }
            return Ok(());
        };
        let index = self.expect(task, |status| status.outcome().is_none())?;
        let policy = self.workflow.config.context_merge;
        if let Some(failure) = self.context.refusal(values, policy) {
            return Err(failure.message);
        }
        let attempt = self.task(index).attempts.last().map(|attempt| attempt.number);
        for (name, new) in values.iter() {
            let value = self.context.merged(name, new, policy).ok_or("it is a conflict")?;
            let writes = self.context.setter(name).map_or(0, |setter| setter.writes) + 1;
            let stays = policy == ContextMerge::First && writes > 1;
            self.context.set(name, value);
            if stays {
                continue;
            }
            let setter = Setter { task: task.clone(), attempt, at, writes };
            self.context.setters.insert(name.clone(), setter);
        }
        self.context.written += bytes_of(values);
        self.context.writes.push(Write { task: index, values: Arc::clone(values) });
        // What a run of its own has set comes before what the task itself sets.
        let of_child = self.task(index).status == TaskStatus::Waiting(WaitFor::Child);
        if !of_child {
            self.task_mut(index).has_written = true;
        }
        Ok(())
    }

    /// Whether the task takes over what its run has set.
    pub fn takes_context(&self, index: TaskIndex) -> bool {
        matches!(&self.definition(index).kind, TaskKind::Workflow(child) if child.returns_context)
    }
}

fn bytes_of(values: &Values) -> usize {
    values.iter().map(|(name, value)| entry_bytes(name, value)).sum()
}
