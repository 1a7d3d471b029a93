//! What the API says, in types of its own: the journal's types and the core's can change without
//! changing an answer, and the other way round.

mod context;
mod event;
mod held;
mod plugin;
mod problem;
mod run;
mod shared;
mod steer;
mod task;
mod word;
mod workflow;

pub(crate) use context::context_values;
pub use context::{ContextSource, ContextSourceKind, ContextValue};
pub use event::{Event, EventPage, EventUse, NextStep};
pub use held::Held;
pub use plugin::{
    Capability, Grant, Plugin, PluginList, PluginState, PluginSummary, TaskType, TaskTypeLimits,
};
pub use problem::{Problem, ProblemDetails};
pub use run::{Cancel, LogLine, LogPage, ParentTask, Run, RunPage, RunSummary, StartRun};
pub(crate) use run::{tasks, visible};
pub use shared::{
    SetContext, SharedChange, SharedContext, SharedContextPage, SharedContextSummary,
    SharedHistory, SharedSource, SharedValue,
};
pub use steer::{Approve, Pause, Priority, Rerun, RerunPreview, RerunStart, Signal, Skip};
pub use task::{Attempt, Failure, Task, TaskDetail, TaskPage};
pub use word::{AvailabilityWord, OnFailureWord, Outcome, RunStatus, TaskStatus};
pub use workflow::{
    BrokenFile, RetryPolicy, ValidatedWorkflow, Validation, Workflow, WorkflowList,
    WorkflowSummary, WorkflowTask,
};
