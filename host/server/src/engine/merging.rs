//! Values of shared contexts that a task type makes one of two.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use taskloom_core::attempt::AiSpent;
use taskloom_core::context::Values;
use taskloom_core::failure::{Failure, FailureClass, code};
use taskloom_core::id::{RunId, TaskId, WorkflowId};
use taskloom_core::plugin::{LimitsWish, ResourceClass};
use taskloom_core::run::RunState;
use taskloom_core::time::Timestamp;
use taskloom_core::workflow::{SharedMerge, TypeMerge};
use taskloom_wasm::{
    Call, CallIdentity, CallObserver, CallReport, CancelToken, Ending, LogRecord, Plugin, Runtime,
};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::clock::Clock;
use super::resident::Resident;
use super::service::Service;
use crate::contexts::Merger;
use crate::crashes::CrashWatch;

/// How often a merge looks for room for its call, and how long it leaves between.
const ROOM_TRIES: u32 = 200;
const ROOM_PAUSE: Duration = Duration::from_millis(50);

/// Merges the values of one run by a task type.
pub(super) struct TypeMerger {
    plugin: Arc<Plugin>,
    merge: TypeMerge,
    class: ResourceClass,
    run: RunId,
    workflow: WorkflowId,
}

/// What merges are performed with.
#[derive(Clone)]
pub(super) struct MergeTools {
    pub(super) runtime: Runtime,
    pub(super) slots: [Arc<Semaphore>; 4],
    pub(super) clock: Clock,
    pub(super) crashes: CrashWatch,
}

impl Service {
    /// Has the end of a run computed, once the plugin is there that merges what it publishes.
    pub(super) fn resolve_output(&mut self, run: RunId) {
        let Some(resident) = self.runs.get(&run) else { return };
        let Some(task_type) = resident.merge_type().cloned() else {
            self.performer.resolve_output(&resident.state, None);
            return;
        };
        self.pin(run, &task_type.plugin());
        let Some(resident) = self.runs.get_mut(&run) else { return };
        let plugin = resident.plugin(&self.catalog, &task_type.plugin());
        let merger = plugin.and_then(|plugin| TypeMerger::of(&resident.state, plugin));
        resident.end_is_blocked = merger.is_none();
        if merger.is_some() {
            self.performer.resolve_output(&resident.state, merger);
        }
    }
}

impl TypeMerger {
    /// The merger of a run; `None` when its workflow has none or the plugin does not offer it.
    fn of(state: &RunState, plugin: Arc<Plugin>) -> Option<Self> {
        let SharedMerge::Type(merge) = &state.workflow.config.sharing.merge else { return None };
        let class = plugin.manifest().task_types.get(&merge.task_type)?.resource_class;
        let (merge, run, workflow) = (merge.clone(), state.id, state.workflow.id.clone());
        Some(Self { plugin, merge, class, run, workflow })
    }

    /// Merges by calls of the plugin, wherever it is asked to and may block.
    pub(super) fn into_merger(self, tools: MergeTools) -> Merger {
        let threads = Handle::current();
        Merger::Function(Box::new(move |before, new| {
            threads.block_on(self.merge(&tools, &self.merge.input_of(before, new)))
        }))
    }

    async fn merge(&self, tools: &MergeTools, input: &Value) -> Result<Value, Failure> {
        let input: Arc<str> = input.to_string().into();
        for _ in 0..ROOM_TRIES {
            // Closed by the host's stop: the next start asks again.
            let slot = tools.slots[self.class as usize].acquire().await;
            let _slot = slot.map_err(|_| stopping())?;
            let call = self.call(tools, Arc::clone(&input));
            let task = call.identity.task_id.clone();
            let CallReport { ending, .. } = tools.runtime.call(&self.plugin, call).await;
            tools.crashes.note(&self.plugin, tools.clock.now(), (self.run, &task), &ending);
            match ending {
                Ending::Succeeded(output) => return self.value_of(&output),
                Ending::Failed { failure, .. } | Ending::Cancelled(failure) => return Err(failure),
                Ending::Waiting(_) => std::thread::sleep(ROOM_PAUSE),
            }
        }
        let message = format!("the host had no room to call `{}`", self.merge.task_type);
        Err(Failure::new(FailureClass::Retryable, code::NO_ROOM, message))
    }

    fn value_of(&self, output: &str) -> Result<Value, Failure> {
        let output: Option<Value> = serde_json::from_str(output).ok();
        let value = output.and_then(|mut output| Some(output.get_mut(TypeMerge::VALUE)?.take()));
        value.ok_or_else(|| {
            let (called, key) = (&self.merge.task_type, TypeMerge::VALUE);
            let message = format!("the output of `{called}` has no `{key}`");
            Failure::new(FailureClass::Permanent, code::INVALID_OUTPUT, message)
        })
    }

    fn call(&self, tools: &MergeTools, input: Arc<str>) -> Call {
        let task_type = self.merge.task_type.clone();
        Call {
            limits: tools.runtime.limits(&self.plugin, &task_type, &LimitsWish::default()),
            task_type,
            input,
            identity: CallIdentity {
                run_id: self.run,
                workflow_id: self.workflow.clone(),
                task_id: TaskId::new("context").expect("a name"),
                attempt: 1,
                max_attempts: 1,
                idempotency_key: format!("{}/context", self.run),
                traceparent: None,
            },
            context: Values::default(),
            ai_spent: AiSpent::default(),
            heartbeat: None,
            cancel: CancelToken::new(),
            observer: Arc::new(MergeLog { run: self.run, clock: tools.clock }),
        }
    }
}

impl Resident {
    /// The task type that merges what the run publishes.
    pub(super) fn merge_type(&self) -> Option<&taskloom_core::id::TaskType> {
        let sharing = &self.state.workflow.config.sharing;
        sharing.merge.task_type().filter(|_| !sharing.publishes.is_empty())
    }
}

/// Whether a merge did not happen because the host stops.
pub(super) fn is_stopping(failure: &Failure) -> bool {
    failure.class == FailureClass::Cancelled
}

fn stopping() -> Failure {
    Failure::new(FailureClass::Cancelled, code::SHUTDOWN, "the host is stopping")
}

/// Puts what a handler says while it merges into the host's log: it belongs to no task.
struct MergeLog {
    run: RunId,
    clock: Clock,
}

impl CallObserver for MergeLog {
    fn started(&self) -> Timestamp {
        self.clock.now()
    }

    fn log(&self, record: LogRecord) {
        tracing::debug!(run = %self.run, level = record.level, "{}", record.message);
    }
}
