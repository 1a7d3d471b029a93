//! One live run in the engine's memory.

use std::collections::HashMap;
use std::sync::Arc;

use taskloom_core::attempt::AttemptEnding;
use taskloom_core::failure::FailureClass;
use taskloom_core::id::PluginName;
use taskloom_core::run::RunState;
use taskloom_core::run::TaskIndex;
use taskloom_store::{AttemptRow, RunRow};
use taskloom_wasm::{CancelToken, Plugin};

/// A live run: its state, and what belongs to it but is no truth.
pub(super) struct Resident {
    pub(super) state: RunState,
    /// The loaded versions of the plugins it pinned.
    pub(super) plugins: HashMap<PluginName, Arc<Plugin>>,
    /// Ready tasks that wait for a plugin.
    pub(super) blocked: Vec<TaskIndex>,
    /// Stops the attempts that are under way.
    pub(super) cancels: HashMap<TaskIndex, CancelToken>,
}

impl Resident {
    pub(super) fn new(state: RunState) -> Self {
        Self { state, plugins: HashMap::new(), blocked: Vec::new(), cancels: HashMap::new() }
    }

    /// The run as the list of runs has it.
    pub(super) fn row(&self) -> RunRow {
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
            // Theirs, once `RunStarted` has them.
            concurrency_key: None,
            trigger_name: None,
        }
    }

    /// A task's last attempt as the history has it; `None` while it is under way.
    pub(super) fn attempt_row(&self, task: TaskIndex) -> Option<AttemptRow> {
        let state = self.state.task(task);
        let attempt = state.attempts.last()?;
        let usage = &attempt.usage;
        Some(AttemptRow {
            run: self.state.id,
            task: state.id.clone(),
            number: attempt.number,
            task_type: self.state.definition(task).kind.task_type()?.clone(),
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
