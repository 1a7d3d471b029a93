//! Signals: messages from outside, kept until a task waits for them.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use super::{RunState, TaskIndex, TaskStatus, WaitFor};
use crate::payload::PayloadRef;

/// Signals that a run keeps while nobody waits for them. More than a person or a service sends to one
/// run by intention.
pub const SIGNALS_KEPT_MAX: usize = 1_000;

/// Signals that a run takes in its life: their ids are remembered, so that none is taken twice.
pub const SIGNALS_MAX: usize = 100_000;

/// What a run knows of signals.
#[derive(Debug, Default)]
pub struct Signals {
    seen: HashSet<Arc<str>>,
    kept: BTreeMap<Arc<str>, VecDeque<Signal>>,
    count: usize,
    /// Tasks that began to wait, by name, the first one first; some may wait no longer.
    waiters: BTreeMap<Arc<str>, VecDeque<TaskIndex>>,
}

/// A signal that nobody has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// The sender's id for it.
    pub id: Arc<str>,
    /// What it says.
    pub payload: PayloadRef,
}

impl Signals {
    /// Whether a signal of this id was received before.
    pub fn knows(&self, id: &str) -> bool {
        self.seen.contains(id)
    }

    /// How many are kept.
    pub const fn kept(&self) -> usize {
        self.count
    }

    /// How many were received.
    pub fn received(&self) -> usize {
        self.seen.len()
    }

    /// Those that are kept, each with its name, by name and in the order they came.
    pub fn all_kept(&self) -> impl Iterator<Item = (&Arc<str>, &Signal)> {
        self.kept.iter().flat_map(|(name, kept)| kept.iter().map(move |signal| (name, signal)))
    }

    /// The tasks that began to wait for a signal of this name, the first one first.
    pub(super) fn waiters_of(&self, name: &str) -> impl Iterator<Item = TaskIndex> {
        self.waiters.get(name).into_iter().flatten().copied()
    }

    pub(super) fn receive(&mut self, id: &Arc<str>, name: &Arc<str>, payload: &PayloadRef) {
        self.seen.insert(Arc::clone(id));
        self.count += 1;
        let signal = Signal { id: Arc::clone(id), payload: payload.clone() };
        self.kept.entry(Arc::clone(name)).or_default().push_back(signal);
    }

    pub(super) fn wait(&mut self, name: &Arc<str>, task: TaskIndex) {
        self.waiters.entry(Arc::clone(name)).or_default().push_back(task);
    }

    /// Takes the signal `id` out, for `task`.
    pub(super) fn take(&mut self, name: &str, id: &str, task: TaskIndex) -> Option<Signal> {
        let kept = self.kept.get_mut(name)?;
        let place = kept.iter().position(|signal| &*signal.id == id)?;
        let signal = kept.remove(place)?;
        if kept.is_empty() {
            self.kept.remove(name);
        }
        self.count -= 1;
        if let Some(waiters) = self.waiters.get_mut(name) {
            // Those before it wait no longer: it was the first that did.
            while waiters.pop_front().is_some_and(|waiter| waiter != task) {}
        }
        Some(signal)
    }
}

impl RunState {
    /// What the run knows of signals.
    pub const fn signals(&self) -> &Signals {
        &self.signals
    }

    /// The next kept signal of this name and the task that waits for it first.
    pub(super) fn signal_to_take(&self, name: &str) -> Option<(TaskIndex, Arc<str>)> {
        let signal = self.signals.kept.get(name)?.front()?;
        let waits = |task: &&TaskIndex| {
            matches!(self.task(**task).status, TaskStatus::Waiting(WaitFor::Signal { .. }))
        };
        let waiter = self.signals.waiters.get(name)?.iter().find(waits)?;
        Some((*waiter, Arc::clone(&signal.id)))
    }
}
