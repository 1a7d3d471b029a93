//! What can be asked of a run.

use std::sync::Arc;

use super::{Answer, Question, TaskIndex, Timer};
use crate::attempt::{AttemptEnd, AttemptUse};
use crate::context::Values;
use crate::failure::{Failure, Outcome};
use crate::id::{ContextName, Digest, OptionId, PluginName, RunId};
use crate::payload::PayloadRef;
use crate::plugin::ResourceClass;
use crate::time::Timestamp;

/// What somebody or something asks of a run.
#[derive(Debug, Clone)]
pub enum Command {
    /// Let a run begin that is held.
    Admit,
    /// Keep this version of a plugin that was not loaded when the run started.
    PinPlugin {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        digest: Digest,
    },
    /// Keep another version of a plugin, since none may use the one that the run keeps. It must say the
    /// same of the task types that the run uses.
    RepinPlugin {
        /// The plugin.
        plugin: PluginName,
        /// The version that the run keeps.
        from: Digest,
        /// The version that it shall keep.
        to: Digest,
        /// Why.
        reason: String,
    },
    /// Take the right to perform the next attempt of a ready task.
    Claim {
        /// The task.
        task: TaskIndex,
        /// The slots it will occupy.
        class: ResourceClass,
        /// The rank it was dispatched with.
        rank: f64,
        /// The host that claims it.
        host: Arc<str>,
        /// That host's epoch.
        epoch: u64,
    },
    /// The handler of an attempt was started.
    Started {
        /// The task.
        task: TaskIndex,
        /// The attempt's number.
        number: u32,
        /// When.
        started_at: Timestamp,
    },
    /// An attempt came back.
    AttemptEnded(Box<AttemptResult>),
    /// The time of a task's timer has come.
    Wake {
        /// The task.
        task: TaskIndex,
        /// The timer.
        timer: Timer,
    },
    /// What was asked by [`super::Effect::Ask`] was computed, or why it could not be.
    Answered {
        /// The task.
        task: TaskIndex,
        /// The question.
        question: Question,
        /// Its answer.
        answer: Result<Answer, Failure>,
    },
    /// Something outside says something to the run. The same id twice does nothing.
    Signal {
        /// The sender's id for it.
        id: Arc<str>,
        /// Its name.
        name: Arc<str>,
        /// What it says.
        payload: PayloadRef,
    },
    /// A person answers.
    Approve {
        /// The task.
        task: TaskIndex,
        /// The answer.
        approved: bool,
        /// Who.
        by: String,
        /// What they say.
        comment: Option<String>,
        /// What they give along, checked against the approval's schema.
        input: Option<PayloadRef>,
        /// The text of [`super::approval_output`] for all this.
        output: PayloadRef,
    },
    /// A person chooses an option of a decision.
    Choose {
        /// The task.
        task: TaskIndex,
        /// The option.
        option: OptionId,
        /// Who.
        by: String,
        /// Why they say they do.
        comment: Option<String>,
        /// The text of [`super::decision_output`] for all this.
        output: PayloadRef,
    },
    /// The run of a task that does not wait for its end was started.
    ChildStarted {
        /// The task.
        task: TaskIndex,
        /// The run.
        run: RunId,
    },
    /// The run of a task ended, or could not be started.
    ChildEnded {
        /// The task.
        task: TaskIndex,
        /// The run.
        run: RunId,
        /// How it ended.
        outcome: Outcome,
        /// Its output.
        output: Option<PayloadRef>,
        /// Why it did not succeed.
        failure: Option<Failure>,
        /// What the tasks of the run set in its context, if the task takes that over.
        writes: Option<Values>,
    },
    /// Claim nothing new.
    Pause {
        /// Why, for people.
        reason: String,
    },
    /// Go on after a pause.
    Resume,
    /// Do not run a task that has nothing under way.
    SkipTask {
        /// The task.
        task: TaskIndex,
        /// What stands in for its output: what needs it goes on.
        output: Option<PayloadRef>,
        /// Why, for people.
        reason: String,
    },
    /// Let the run go before or after others.
    SetPriority {
        /// Higher goes first.
        priority: i32,
    },
    /// Somebody wants the run to stop.
    Cancel {
        /// Why, for people.
        reason: String,
    },
    /// The run's timeout has come.
    Deadline,
    /// The time of compensation and `finally` is over.
    ClosingDeadline,
    /// The value of the workflow's `output`, if it has one, or why the run has none; what it publishes
    /// is set.
    OutputResolved(Result<Option<PayloadRef>, Failure>, Vec<Published>),
}

/// Something that a run has set in a context of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The context.
    pub name: ContextName,
    /// The number of the event by which it was set.
    pub seq: u64,
}

/// An attempt's way back to the planner.
#[derive(Debug, Clone)]
pub struct AttemptResult {
    /// The task.
    pub task: TaskIndex,
    /// The attempt's number.
    pub number: u32,
    /// The input, if this attempt computed it.
    pub input: Option<PayloadRef>,
    /// What the task and its handler set in the context, if the attempt succeeded.
    pub writes: Option<Values>,
    /// What the run was given as its context, where a handler has set something: the journal says it
    /// from the start only for workflows whose tasks say that they write.
    pub given: Option<Values>,
    /// How it came back.
    pub end: AttemptEnd,
    /// What it used.
    pub usage: Box<AttemptUse>,
}

/// How often one task may be lost with its host before it has failed: a task that kills its host
/// must not kill it for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossLimits {
    /// After its handler had been started.
    pub started: u32,
    /// While it was claimed and waited for a slot; higher, as it was hardly the task's doing.
    pub claimed: u32,
}

impl Default for LossLimits {
    fn default() -> Self {
        Self { started: 5, claimed: 100 }
    }
}
