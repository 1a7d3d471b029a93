//! One live run in the engine's memory.

use std::collections::HashMap;
use std::sync::Arc;

use taskloom_core::attempt::{Attempt, AttemptEnding};
use taskloom_core::failure::FailureClass;
use taskloom_core::id::PluginName;
use taskloom_core::journal::{Entry, RunEvent};
use taskloom_core::run::{RunState, RunStatus, TaskIndex, TaskState};
use taskloom_store::{ArtefactRow, AttemptRow, RefusalRow, RunRow};
use taskloom_wasm::{CancelToken, Catalog, Plugin};

/// A live run: its state, and what belongs to it but is no truth.
pub(super) struct Resident {
    pub(super) state: RunState,
    /// The loaded versions of the plugins it pinned.
    pub(super) plugins: HashMap<PluginName, Arc<Plugin>>,
    /// Ready tasks that wait for a plugin.
    pub(super) blocked: Vec<TaskIndex>,
    /// Whether its end waits for the plugin that merges what it publishes.
    pub(super) end_is_blocked: bool,
    /// Stops the attempts that are under way.
    pub(super) cancels: HashMap<TaskIndex, CancelToken>,
    /// Attempts that ended and are not in the history yet.
    history: Vec<AttemptRow>,
    /// What the list of runs says, as far as it was written since the run is in memory.
    listed: Option<(RunStatus, i32)>,
}

/// Attempts that a run may be ahead of its history. The history is a view for questions across runs; to write
/// each attempt into it by itself would be half of what a step of a chain writes.
const HISTORY_BEHIND_MAX: usize = 64;

impl Resident {
    pub(super) fn new(state: RunState) -> Self {
        let (plugins, blocked, cancels) = (HashMap::new(), Vec::new(), HashMap::new());
        let (end_is_blocked, history, listed) = (false, Vec::new(), None);
        Self { state, plugins, blocked, end_is_blocked, cancels, history, listed }
    }

    /// The loaded version of a plugin that the run pinned.
    pub(super) fn plugin(&mut self, catalog: &Catalog, name: &PluginName) -> Option<Arc<Plugin>> {
        if let Some(plugin) = self.plugins.get(name) {
            return Some(Arc::clone(plugin));
        }
        let plugin = catalog.plugin(name, self.state.pins.get(name)?)?;
        self.plugins.insert(name.clone(), Arc::clone(&plugin));
        Some(plugin)
    }

    /// A run that was read from its journal: its history may lack the last attempts, so all are
    /// written again.
    pub(super) fn read(state: RunState) -> Self {
        let mut resident = Self::new(state);
        let state = &resident.state;
        let ended = state.tasks().flat_map(|(_, task)| {
            task.attempts.iter().filter_map(|attempt| attempt_row(state, task, attempt))
        });
        resident.history = ended.collect();
        resident
    }

    /// Notes that the last attempt of a task ended.
    pub(super) fn note_ended(&mut self, task: TaskIndex) {
        let state = self.state.task(task);
        let attempt = state.attempts.last();
        self.history.extend(attempt.and_then(|last| attempt_row(&self.state, state, last)));
    }

    /// The files that the last attempt of a task left.
    pub(super) fn left_last(&self, task: TaskIndex) -> impl Iterator<Item = ArtefactRow> {
        let task = self.state.task(task);
        let last = task.attempts.last().into_iter();
        last.flat_map(move |attempt| {
            attempt.usage.artefacts.iter().map(move |left| ArtefactRow {
                run: self.state.id,
                task: task.id.clone(),
                attempt: attempt.number,
                name: left.name.clone(),
                media_type: left.media_type.clone(),
                bytes: left.bytes,
                digest: left.digest,
            })
        })
    }

    /// What an event says that an attempt of a task was refused; of most nothing.
    pub(super) fn refused(&self, task: TaskIndex, entry: &Entry<RunEvent>) -> Vec<RefusalRow> {
        let uses = entry.event.used().and_then(|(_, _, usage)| usage.capabilities.as_ref());
        match (uses, self.state.definition(task).kind.task_type()) {
            (Some(_), Some(task_type)) => RefusalRow::of(self.state.id, &task_type.plugin(), entry),
            _ => Vec::new(),
        }
    }

    /// Takes what the history lacks, if it is time to write it: when there is enough of it, or the run
    /// does not go on at once.
    pub(super) fn take_history(&mut self) -> Vec<AttemptRow> {
        let enough = self.history.len() >= HISTORY_BEHIND_MAX;
        if enough || self.state.status() != RunStatus::Running {
            return std::mem::take(&mut self.history);
        }
        Vec::new()
    }

    /// The run's row, if it says more than how far the run has come, or `must` be written.
    pub(super) fn row_if_due(&mut self, must: bool) -> Option<RunRow> {
        let now = (self.state.status(), self.state.priority);
        if !must && now.0 == RunStatus::Running && self.listed == Some(now) {
            return None;
        }
        self.listed = Some(now);
        Some(self.row())
    }

    /// The run as the list of runs has it.
    fn row(&self) -> RunRow {
        let state = &self.state;
        RunRow {
            id: state.id,
            workflow: state.start.workflow.clone(),
            version: state.start.version.clone(),
            definition: state.start.definition,
            status: state.status(),
            outcome: state.outcome(),
            priority: state.priority,
            started_at: state.started_at,
            ended_at: state.finish.as_ref().map(|finish| finish.at),
            tasks_total: count(state.tasks().len()),
            tasks_ended: count(state.ended_tasks()),
            wake_at: state.next_wake(),
            idempotency: state.start.idempotency.clone(),
            trigger: state.start.trigger,
            parent: state.start.parent.as_ref().map(|parent| parent.run),
            rerun_of: state.start.rerun.as_ref().map(|rerun| rerun.run),
            concurrency_key: start_key(state),
            trigger_name: state.start.trigger_name.as_ref().map(ToString::to_string),
        }
    }
}

/// The concurrency key that a run was started under.
fn start_key(state: &RunState) -> Option<String> {
    state.start.concurrency.as_ref().map(|concurrency| concurrency.key.clone())
}

/// An attempt as the history has it; `None` while it is under way.
fn attempt_row(run: &RunState, task: &TaskState, attempt: &Attempt) -> Option<AttemptRow> {
    let usage = &attempt.usage;
    Some(AttemptRow {
        run: run.id,
        task: task.id.clone(),
        number: attempt.number,
        task_type: run.workflow.task(task.node).kind.task_type()?.clone(),
        outcome: word_of(attempt.end.as_ref()?).to_owned(),
        class: attempt.class,
        ready_at: attempt.ready_at,
        claimed_at: attempt.claimed_at,
        started_at: attempt.started_at,
        ended_at: attempt.ended_at?,
        cpu_ms: usage.cpu_ms,
        host_wait_ms: usage.host_wait_ms,
        fuel_used: usage.fuel_used,
        memory_peak_bytes: usage.memory_peak_bytes,
        input_bytes: usage.input_bytes,
        output_bytes: usage.output_bytes,
        plugin_digest: usage.plugin_digest,
    })
}

/// How an attempt ended, in the one word that the history has for it.
fn word_of(ending: &AttemptEnding) -> &'static str {
    match ending {
        AttemptEnding::Succeeded(_) => "succeeded",
        AttemptEnding::Failed(failure, _) if failure.class == FailureClass::Timeout => "timed_out",
        AttemptEnding::Failed(..) => "failed",
        AttemptEnding::Cancelled(_) => "cancelled",
        AttemptEnding::Released(_) => "released",
        AttemptEnding::Lost(..) => "lost",
    }
}

/// A count as the store keeps it.
fn count(number: usize) -> u32 {
    u32::try_from(number).expect("a workflow has at most TASKS_MAX tasks")
}
