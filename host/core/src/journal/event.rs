//! Everything that can happen to a run.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DecidedBy, RunStarted};
use crate::attempt::{AttemptUse, CachedFrom, ReleaseReason};
use crate::context::Values;
use crate::failure::{Failure, Next, Outcome};
use crate::id::{ContextName, Digest, OptionId, PluginName, RunId, TaskId, WorkflowId};
use crate::payload::PayloadRef;
use crate::plugin::ResourceClass;
use crate::time::Timestamp;

/// Something that happened to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RunEvent {
    /// The run was accepted; always the first event.
    RunStarted(Box<RunStarted>),
    /// A run that was held begins: its time has come, and its key has room. Its timeout counts from
    /// here.
    RunAdmitted {
        /// When the run must have ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
    },
    /// A plugin that was not loaded when the run started now is; the run keeps this version.
    PluginPinned {
        /// The plugin.
        plugin: PluginName,
        /// The version the run keeps.
        digest: Digest,
    },
    /// The version of a plugin that the run kept is in quarantine; it keeps another one that says the
    /// same of the task types that the run uses.
    PluginRepinned {
        /// The plugin.
        plugin: PluginName,
        /// The version that it kept.
        from: Digest,
        /// The version that it keeps from now on.
        to: Digest,
        /// Why.
        reason: String,
    },
    /// The right to perform an attempt was taken, ahead of a free slot.
    AttemptClaimed {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
        /// When the task became ready.
        ready_at: Timestamp,
        /// The slots it will occupy.
        class: ResourceClass,
        /// The rank it was dispatched with.
        rank: f64,
        /// The host that claimed it.
        host: Arc<str>,
        /// The host's epoch: a result that carries another is refused.
        epoch: u64,
    },
    /// The handler of an attempt that takes a while was started. Written with the next commit,
    /// never waited for; an attempt that ends first has its start in its result alone.
    AttemptStarted {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
        /// When the handler was started.
        started_at: Timestamp,
    },
    /// The input of a task was computed; later attempts use the same.
    InputResolved {
        /// The task.
        task: TaskId,
        /// The input.
        input: PayloadRef,
    },
    /// An attempt, and with it its task, succeeded.
    AttemptSucceeded {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
        /// What the handler returned.
        output: PayloadRef,
        /// What it used.
        usage: Box<AttemptUse>,
        /// The attempt whose output it took over, if the handler was not called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cached_from: Option<Box<CachedFrom>>,
    },
    /// An attempt failed.
    AttemptFailed {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
        /// Why.
        failure: Failure,
        /// What follows, decided when the event was made.
        next: Next,
        /// What it used.
        usage: Box<AttemptUse>,
    },
    /// An attempt was stopped because its task was cancelled.
    AttemptCancelled {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
        /// Why.
        failure: Failure,
        /// What it used.
        usage: Box<AttemptUse>,
    },
    /// An attempt was given back without being counted.
    AttemptReleased {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
        /// Why.
        reason: ReleaseReason,
        /// When the task may be offered again.
        retry_at: Timestamp,
        /// What it used.
        usage: Box<AttemptUse>,
    },
    /// The host that owned an attempt died before its result was on disk.
    AttemptLost {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
        /// What follows, decided when the event was made.
        next: Next,
        /// Why.
        failure: Failure,
    },
    /// The wait before the next attempt of a task is over.
    BackoffElapsed {
        /// The task.
        task: TaskId,
    },
    /// A task will not be attempted, because something it needs did not succeed, another branch was
    /// taken, the run ends, or a person said so.
    TaskSkipped {
        /// The task.
        task: TaskId,
        /// Why, for people.
        reason: String,
        /// What a person put in place of its output: what needs it goes on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<PayloadRef>,
    },
    /// Values of the run's context were set: by a task, right before it succeeds, or as what the run was
    /// given, right after its start, when tasks may write to it.
    ContextSet {
        /// The task; `None` for what the run was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
        /// The values by name, as they were set: what becomes of them follows from those before.
        values: Values,
    },
    /// What a shared context held when the run started, which is what the run reads of it to its end.
    SharedContextRead {
        /// The context.
        name: ContextName,
        /// The number of its last event; 0 when it has none.
        seq: u64,
        /// Its value; `None` when there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<PayloadRef>,
    },
    /// What the run publishes was set in a shared context.
    ContextPublished {
        /// The context.
        name: ContextName,
        /// The number of the event by which it was set.
        seq: u64,
    },
    /// A task that was waiting or between attempts was cancelled.
    TaskCancelled {
        /// The task.
        task: TaskId,
    },
    /// Somebody asked for the run to be cancelled.
    CancelRequested {
        /// Why, for people.
        reason: String,
    },
    /// The run took longer than its timeout; what is under way is stopped.
    RunTimedOut,
    /// Whether a task runs was decided by its `run_if`.
    RunIfDecided {
        /// The task.
        task: TaskId,
        /// Whether it does.
        runs: bool,
    },
    /// A branch or switch took one of its blocks, which is at work from now on.
    BranchChosen {
        /// The task.
        task: TaskId,
        /// The block.
        branch: Branch,
    },
    /// A group or a parallel with fixed members is at work.
    GroupOpened {
        /// The task.
        task: TaskId,
    },
    /// The list of a `for_each` was computed; the task is at work.
    ItemsExpanded {
        /// The task.
        task: TaskId,
        /// The list.
        items: PayloadRef,
        /// How many items it has.
        count: u32,
    },
    /// An item of a `for_each` was taken up: the tasks of its copy exist from now on.
    ItemOpened {
        /// The task.
        task: TaskId,
        /// The item, counted from 0.
        item: u32,
    },
    /// An item of a `for_each` ended.
    ItemEnded {
        /// The task.
        task: TaskId,
        /// The item.
        item: u32,
        /// How.
        outcome: Outcome,
        /// The value of its block, if it succeeded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<PayloadRef>,
        /// Why it did not succeed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
    /// Whether a parallel succeeds is known; nothing new starts in it.
    MergeDecided {
        /// The task.
        task: TaskId,
        /// Whether it does.
        succeeds: bool,
    },
    /// The outputs of a parallel are there, and the task that reduces them can be attempted.
    ReduceOpened {
        /// The parallel.
        task: TaskId,
    },
    /// A task began to wait for a time or a signal.
    WaitBegan {
        /// The task.
        task: TaskId,
        /// The time, or the longest wait for the signal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// A signal came from outside.
    SignalReceived {
        /// The sender's id for it: the same id is taken once.
        id: Arc<str>,
        /// Its name.
        name: Arc<str>,
        /// What it says.
        payload: PayloadRef,
    },
    /// A task that waited for a signal took it, and succeeded with its payload.
    SignalTaken {
        /// The task.
        task: TaskId,
        /// The signal's id.
        signal: Arc<str>,
    },
    /// A person was asked.
    ApprovalRequested {
        /// The task.
        task: TaskId,
        /// What the person is shown.
        prompt: PayloadRef,
        /// The longest wait.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<Timestamp>,
        /// Of a decision, why nothing else made it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A person, or the deadline, answered.
    ApprovalGiven {
        /// The task.
        task: TaskId,
        /// The answer.
        approved: bool,
        /// Who; `None` when nobody did in time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// What they said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
        /// What they gave along.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<PayloadRef>,
        /// The output of the task: all of this as one value.
        output: PayloadRef,
    },
    /// An option of a decision was chosen.
    DecisionMade {
        /// The task.
        task: TaskId,
        /// The option.
        option: OptionId,
        /// Who or what chose it.
        by: DecidedBy,
        /// How sure a task was that recommended it, from 0 to 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        confidence: Option<f64>,
        /// Why, as a task or a person said; of a fallback, why it was needed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// What the decision is about, unless a person was asked: then that is said there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<PayloadRef>,
        /// The output of the task: all of this as one value.
        output: PayloadRef,
    },
    /// Another run is to be started for a task, under this id and no other.
    ChildRequested {
        /// The task.
        task: TaskId,
        /// The id of the run.
        run: RunId,
        /// Its workflow.
        workflow: WorkflowId,
        /// Its input.
        input: PayloadRef,
        /// Whether the task does not wait for its end.
        detached: bool,
    },
    /// The run that was started for a task ended, or could not be started.
    ChildEnded {
        /// The task.
        task: TaskId,
        /// The id of the run.
        run: RunId,
        /// How it ended.
        outcome: Outcome,
        /// Its output.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<PayloadRef>,
        /// Why it did not succeed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
    /// A task succeeded other than by an attempt.
    TaskSucceeded {
        /// The task.
        task: TaskId,
        /// Its output.
        output: PayloadRef,
    },
    /// A task failed other than by an attempt.
    TaskFailed {
        /// The task.
        task: TaskId,
        /// Why.
        failure: Failure,
    },
    /// A task took longer than it may while nothing of it was under way.
    TaskTimedOut {
        /// The task.
        task: TaskId,
        /// Which time was too long.
        failure: Failure,
    },
    /// What a task has under way is stopped; it ends when that has.
    TaskStopRequested {
        /// The task.
        task: TaskId,
        /// How it ends, unless it succeeds before.
        outcome: Outcome,
        /// Why.
        failure: Failure,
    },
    /// Something of the run that this one goes on from is taken over when its time comes.
    ReuseOffered {
        /// The task.
        task: TaskId,
        /// What.
        reused: Reused,
        /// What it, and all that is in it, set in the context.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        writes: Option<Values>,
    },
    /// A task that had not succeeded is tried under the key it had in an earlier run.
    KeyKept {
        /// The task.
        task: TaskId,
        /// The run that its key names.
        root: RunId,
    },
    /// A task took over the output it had in an earlier run.
    TaskReused {
        /// The task.
        task: TaskId,
        /// The output.
        output: PayloadRef,
        /// The run it is from.
        from: RunId,
    },
    /// Nothing new is claimed from now on.
    RunPaused {
        /// Why, for people.
        reason: String,
    },
    /// The run goes on after a pause.
    RunResumed,
    /// The run's priority was changed.
    PriorityChanged {
        /// Higher goes first.
        priority: i32,
    },
    /// The run did not succeed: what succeeded in it is undone, the last first.
    CompensationStarted {
        /// When this and `finally` must have ended.
        deadline: Timestamp,
    },
    /// What undoes a task can be attempted.
    CompensationOpened {
        /// The task that is undone.
        task: TaskId,
    },
    /// The tasks of `finally` begin.
    FinallyStarted {
        /// When they must have ended.
        deadline: Timestamp,
    },
    /// Compensation and `finally` took longer than they may; what is under way is stopped.
    FinallyTimedOut,
    /// The run ended; always the last event.
    RunFinished {
        /// How.
        outcome: Outcome,
        /// The run's output, when the workflow has an `output` and the run succeeded. Without one
        /// the output is the object of the outputs of the tasks that nothing depends on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<PayloadRef>,
        /// Why it did not succeed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
}

/// The block that a branch or a switch took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Branch {
    /// `then`.
    Then,
    /// `else`, which may be absent.
    Else,
    /// A case, counted from 0.
    Case(u32),
    /// `default`, which may be absent.
    Default,
}

/// What a rerun takes over for a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reused {
    /// Its output: it does not run.
    Output(PayloadRef),
    /// The block it took.
    Branch(Branch),
    /// Its list of items.
    Items {
        /// The list.
        items: PayloadRef,
        /// How many items it has.
        count: u32,
    },
}
