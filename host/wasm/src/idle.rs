//! Instances that have served a call and wait for the next one.
//!
//! A call has an instance of its own, unless the plugin asks for `reuse` and its operator grants it: then
//! what a call leaves in the memory of its instance is there in the next one. What it leaves on the host's
//! side is not: an instance is kept only after a call that came back, sent no request and holds no secret,
//! and everything that belongs to the call is made anew.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use taskloom_core::id::{RunId, WorkflowId};
use tokio::runtime::Handle;
use wasmtime::Store;

use crate::bindings;
use crate::call::{Call, CallIdentity};
use crate::guest::Guest;
use crate::policy::{Reuse, Within};

/// Instances of one plugin that are kept: more than run at once on most machines.
const INSTANCES_MAX: usize = 16;

/// How long one is kept without a call: long against the pause between two tasks, short for a memory
/// that somebody else could use and for what a run has left in it.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// An instance between two calls.
pub(crate) struct Instance {
    pub(crate) store: Store<Guest>,
    pub(crate) plugin: bindings::Plugin,
    /// Whom it may serve: as it was granted when it was made.
    pub(crate) lineage: Lineage,
}

/// The calls that an instance has served and may serve.
#[derive(Debug, Clone)]
pub(crate) struct Lineage {
    reuse: Reuse,
    run: RunId,
    workflow: WorkflowId,
    /// Calls that were served.
    calls: u32,
}

impl Lineage {
    /// That of an instance which is made for a call.
    pub(crate) fn new(reuse: Reuse, identity: &CallIdentity) -> Self {
        let (run, workflow) = (identity.run_id, identity.workflow_id.clone());
        Self { reuse, run, workflow, calls: 0 }
    }

    /// Whether an instance may serve this call, now that `reuse` is granted.
    fn admits(&self, reuse: Reuse, identity: &CallIdentity) -> bool {
        let common = match reuse.within {
            Within::Run => self.run == identity.run_id,
            Within::Workflow => self.workflow == identity.workflow_id,
            Within::Plugin => true,
        };
        common && self.reuse == reuse && self.calls < reuse.calls
    }

    /// After one more call.
    #[must_use]
    pub(crate) fn after_a_call(self) -> Self {
        Self { calls: self.calls + 1, ..self }
    }
}

/// The instances of one plugin that wait.
#[derive(Default)]
pub(crate) struct Idle(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    /// Whether somebody looks after those that wait for too long.
    is_watched: bool,
}

struct Waiting {
    instance: Instance,
    since: Instant,
}

impl Idle {
    /// An instance that may serve this call, the one that was used last.
    pub(crate) fn take(&self, reuse: Reuse, call: &Call) -> Option<Instance> {
        let mut state = self.lock();
        let may = |waiting: &Waiting| {
            let Instance { store, lineage, .. } = &waiting.instance;
            let fits = store.data().memory.used() <= call.limits.memory_bytes;
            fits && lineage.admits(reuse, &call.identity)
        };
        let place = state.waiting.iter().rposition(may)?;
        Some(state.waiting.remove(place).instance)
    }

    /// Keeps an instance for the next call, if there is room and it has calls left; `services` has the
    /// timer by which it ends.
    pub(crate) fn put(self: &Arc<Self>, instance: Instance, services: &Handle) {
        let Lineage { reuse, calls, .. } = &instance.lineage;
        if *calls >= reuse.calls {
            return;
        }
        let mut state = self.lock();
        if state.waiting.len() >= INSTANCES_MAX {
            return;
        }
        state.waiting.push(Waiting { instance, since: Instant::now() });
        if !std::mem::replace(&mut state.is_watched, true) {
            drop(state);
            services.spawn(Arc::clone(self).watch());
        }
    }

    /// Ends instances that nobody called for a while, until none is left.
    async fn watch(self: Arc<Self>) {
        while let Some(next) = self.end_old(Instant::now()) {
            tokio::time::sleep_until(next.into()).await;
        }
    }

    /// Ends what waits for too long; gives when to look again, or `None` if nothing waits.
    fn end_old(&self, now: Instant) -> Option<Instant> {
        let mut state = self.lock();
        let is_old = |waiting: &mut Waiting| waiting.since + IDLE_MAX <= now;
        let old: Vec<_> = state.waiting.extract_if(.., is_old).collect();
        let next = state.waiting.iter().map(|waiting| waiting.since + IDLE_MAX).min();
        state.is_watched = next.is_some();
        // Not under the lock: an instance gives back its memory when it ends.
        drop(state);
        drop(old);
        next
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use taskloom_core::id::TaskId;

    use super::*;

    fn identity(run: &str, workflow: &str) -> CallIdentity {
        CallIdentity {
            run_id: format!("00000000-0000-7000-8000-00000000000{run}").parse().expect("an id"),
            workflow_id: WorkflowId::new(workflow).expect("valid"),
            task_id: TaskId::new("task").expect("valid"),
            attempt: 1,
            max_attempts: 1,
            idempotency_key: String::new(),
            traceparent: None,
        }
    }

    #[test]
    fn an_instance_serves_calls_that_have_in_common_what_is_granted() {
        for (within, same_run, same_workflow, other_workflow) in [
            (Within::Run, true, false, false),
            (Within::Workflow, true, true, false),
            (Within::Plugin, true, true, true),
        ] {
            let reuse = Reuse { within, calls: 2 };
            let lineage = Lineage::new(reuse, &identity("1", "a")).after_a_call();
            let served = [("1", "a"), ("2", "a"), ("2", "b")]
                .map(|(run, workflow)| lineage.admits(reuse, &identity(run, workflow)));
            assert_eq!(served, [same_run, same_workflow, other_workflow], "{within:?}");
        }
    }

    #[test]
    fn an_instance_ends_with_its_calls_and_with_its_grant() {
        let reuse = Reuse { within: Within::Plugin, calls: 2 };
        let call = identity("1", "a");
        let once = Lineage::new(reuse, &call).after_a_call();
        assert!(once.admits(reuse, &call));
        assert!(!once.clone().after_a_call().admits(reuse, &call), "it has served its calls");
        let narrower = Reuse { within: Within::Run, calls: 2 };
        assert!(!once.admits(narrower, &call), "it may hold what other runs have left");
    }
}
