//! Lets runs begin that were held: when their time has come, and when the runs of their concurrency
//! key leave room.
//!
//! Nothing of this is written down but [`taskloom_core::journal::RunEvent::RunAdmitted`]. A start of
//! the host goes through the same steps with what it reads, so a host that dies between the end of one
//! run and the admission of the next loses nothing.

use taskloom_core::id::RunId;
use taskloom_core::journal::{ConcurrencyKey, IdempotencyKey, Parent};
use taskloom_core::run::{Command, Refusal, RunState};
use taskloom_core::time::Timestamp;
use taskloom_core::workflow::{WhenFull, Workflow};

use super::handle::{CommandError, StartError};
use super::keys::Key;
use super::service::Service;
use super::timers::Timer;

/// Runs that a message names.
const NAMED_MAX: usize = 10;

impl Service {
    /// Notes a run that was taken into memory under its concurrency key, if it has one.
    pub(super) fn note_key(&mut self, run: RunId) {
        let Some(state) = self.runs.get(&run).map(|resident| &resident.state) else { return };
        if let Some(key) = key_of(state) {
            self.keys.note(run, key, state.is_held());
        }
    }

    /// A run asks to be admitted, not before a time.
    pub(super) fn hold(&mut self, run: RunId, until: Option<Timestamp>) {
        match until.filter(|at| *at > self.clock.now()) {
            Some(at) => self.timers.set(at, Timer::Admit(run)),
            None => self.arrivals.push_back(run),
        }
    }

    /// Lets everything begin that may. To be called whenever something was handled, and after every
    /// run of a start was read: only then is it known who holds which key.
    pub(super) fn admit_runs(&mut self) {
        while self.draining.is_none() {
            if let Some(run) = self.arrivals.pop_front() {
                self.arrive(run);
            } else if let Some(key) = self.keys.take_changed() {
                self.fill(&key);
            } else {
                return;
            }
        }
    }

    /// The time of a held run has come.
    fn arrive(&mut self, run: RunId) {
        let Some(state) = self.runs.get(&run).map(|resident| &resident.state) else { return };
        if !state.is_held() {
            return;
        }
        let (Some(key), Some(concurrency)) = (key_of(state), state.start.concurrency.clone())
        else {
            return self.let_begin(run);
        };
        if self.is_duplicate(run, &key, state.start.idempotency.as_ref()) {
            // The store refuses it; what it would do to other runs must not happen.
            return;
        }
        let busy = self.keys.admitted(&key);
        match when_full(&state.workflow) {
            WhenFull::Reject if busy.len() >= concurrency.limit as usize => {
                let reason = busy_reason(&concurrency.key, &busy);
                // Nothing of it has begun, so it can always be cancelled.
                let _ = self.command(run, Command::Cancel { reason });
                return;
            }
            WhenFull::CancelRunning => {
                let reason = format!("run {run} takes its concurrency key `{}`", concurrency.key);
                let older = self.keys.waiting_before(run);
                for victim in older.iter().chain(surplus(&busy, concurrency.limit)) {
                    // Refused when it is being stopped or is ending already: its end comes.
                    let _ = self.command(*victim, Command::Cancel { reason: reason.clone() });
                }
            }
            WhenFull::Queue | WhenFull::Reject => {}
        }
        self.keys.wait(run);
    }

    /// Admits what waits for a key, as far as there is room.
    fn fill(&mut self, key: &Key) {
        while let Some((run, at_work)) = self.keys.next(key) {
            let state = self.runs.get(&run).map(|resident| &resident.state);
            match state.filter(|state| state.is_held()) {
                // It was stopped while it waited.
                None => self.keys.give_up(run),
                Some(state) if at_work >= limit_of(state) => return,
                Some(_) => self.let_begin(run),
            }
        }
    }

    fn let_begin(&mut self, run: RunId) {
        match self.command(run, Command::Admit) {
            Ok(()) => self.keys.admit(run),
            Err(error) => {
                self.keys.give_up(run);
                // A run that was read again for this must not be tried again at once, and for ever.
                self.arrivals.retain(|other| *other != run);
                match error {
                    CommandError::Refused(Refusal::TooEarly(at)) => {
                        self.timers.set(at, Timer::Admit(run));
                    }
                    error => tracing::error!(%run, %error, "a held run could not begin"),
                }
            }
        }
    }

    /// Whether a run of the key was started under the same idempotency key and is not on disk yet.
    fn is_duplicate(&self, run: RunId, key: &Key, asked: Option<&IdempotencyKey>) -> bool {
        let Some(asked) = asked else { return false };
        let waiting = self.keys.waiting_before(run);
        self.keys.admitted(key).iter().chain(&waiting).filter(|other| **other != run).any(|other| {
            let start = self.runs.get(other).map(|resident| &resident.state.start);
            start.and_then(|start| start.idempotency.as_ref()).is_some_and(|i| i.key == asked.key)
        })
    }

    /// Why a run may not be started under its key; a delayed one only learns that when its time comes.
    pub(super) fn may_hold(
        &self,
        workflow: &Workflow,
        concurrency: &ConcurrencyKey,
        idempotency: Option<&IdempotencyKey>,
        parent: Option<&Parent>,
    ) -> Result<(), StartError> {
        let key = (workflow.id.clone(), concurrency.key.clone());
        let busy = self.keys.admitted(&key);
        if busy.len() < concurrency.limit as usize {
            return Ok(());
        }
        let ancestors = self.ancestors(parent);
        let when_full = when_full(workflow);
        let ends = |run: &RunId| !ancestors.contains(run);
        let taken = surplus(&busy, concurrency.limit);
        if !busy.iter().any(ends) || when_full == WhenFull::CancelRunning && !taken.iter().all(ends)
        {
            return Err(StartError::KeyOfAncestor(concurrency.key.clone()));
        }
        let known = idempotency.is_some_and(|asked| {
            let starts = busy.iter().filter_map(|run| Some(&self.runs.get(run)?.state.start));
            starts.filter_map(|start| start.idempotency.as_ref()).any(|i| i.key == asked.key)
        });
        if when_full == WhenFull::Reject && !known {
            let why = busy_reason(&concurrency.key, &busy);
            return Err(StartError::KeyBusy { why, runs: busy });
        }
        Ok(())
    }

    /// The runs that wait for the end of what `parent` starts.
    fn ancestors(&self, parent: Option<&Parent>) -> Vec<RunId> {
        let mut ancestors = Vec::new();
        let mut next = parent;
        while let Some(Parent { run, task, .. }) = next {
            let Some(state) = self.runs.get(run).map(|resident| &resident.state) else { break };
            let child = state.index_of(task).and_then(|task| state.task(task).child.as_deref());
            if child.is_none_or(|child| child.detached) {
                break;
            }
            ancestors.push(*run);
            next = state.start.parent.as_ref();
        }
        ancestors
    }
}

/// The key that a run was started under.
fn key_of(state: &RunState) -> Option<Key> {
    let concurrency = state.start.concurrency.as_ref()?;
    Some((state.start.workflow.clone(), concurrency.key.clone()))
}

fn limit_of(state: &RunState) -> usize {
    state.start.concurrency.as_ref().map_or(usize::MAX, |concurrency| concurrency.limit as usize)
}

fn when_full(workflow: &Workflow) -> WhenFull {
    let concurrency = workflow.config.concurrency.as_ref();
    concurrency.map_or(WhenFull::Queue, |concurrency| concurrency.when_full)
}

/// The oldest of the runs at work, as many as have to go for another.
fn surplus(busy: &[RunId], limit: u32) -> &[RunId] {
    let stay = limit as usize - 1;
    &busy[..busy.len().saturating_sub(stay)]
}

fn busy_reason(key: &str, busy: &[RunId]) -> String {
    let named: Vec<String> = busy.iter().take(NAMED_MAX).map(ToString::to_string).collect();
    let more = busy.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("the concurrency key `{key}` is busy with {}{more}", named.join(", "))
}
