//! What the API says, in types of its own: the journal's types and the core's can change without
//! changing an answer, and the other way round.

mod artefact;
mod context;
mod decision;
mod diff;
mod event;
mod held;
mod plugin;
mod plugin_version;
mod problem;
mod rerun;
mod run;
mod shared;
mod steer;
mod task;
mod template;
mod trigger;
mod version;
mod word;
mod workflow;

pub use artefact::{Artefact, ArtefactList, RunArtefact};
pub(crate) use context::context_values;
pub use context::{ContextSource, ContextSourceKind, ContextValue};
pub use decision::{DecisionOption, DecisionPoint};
pub use diff::{KeyChange, TaskChange, TaskPlace, WorkflowDiff};
pub use event::{Event, EventPage, EventUse, NextStep};
pub use held::Held;
pub use plugin::{
    AiGrant, Capability, Grant, Plugin, PluginEvent, PluginEventPage, PluginList, PluginRefusal,
    PluginState, PluginSummary, RefusalPage, SecretGrant, TaskType, TaskTypeLimits,
};
pub use plugin_version::{ChoosePluginVersion, PluginQuarantine, PluginVersion, named_version};
pub use problem::{Problem, ProblemDetails};
pub use rerun::{Rerun, RerunMany, RerunOfOne, RerunPreview, RerunStart, RerunsOfMany, RunFilter};
pub use run::{CacheUse, Cancel, LogLine, LogPage, ParentTask, Run, RunPage, RunSummary, StartRun};
pub(crate) use run::{tasks, visible};
pub use shared::{
    SetContext, SharedChange, SharedContext, SharedContextPage, SharedContextSummary,
    SharedHistory, SharedSource, SharedValue,
};
pub use steer::{Approve, Pause, Priority, Signal, Skip};
pub use task::{
    AiUse, Attempt, CachedFrom, CapabilityUse, Failure, Progress, Refusal, Task, TaskDetail,
    TaskPage,
};
pub use template::{
    MakeWorkflow, SaveParam, SaveTemplate, Template, TemplateList, TemplateSummary,
};
pub use trigger::{
    Delivered, FireTrigger, FiredRun, SkippedTrigger, Trigger, TriggerHistory, TriggerList,
    TriggerSummary,
};
pub use version::{
    EnabledBy, Origin, OriginKind, WorkflowVersion, WorkflowVersionText, WorkflowVersions,
};
pub use word::{AvailabilityWord, OnFailureWord, Outcome, RunStatus, TaskStatus};
pub use workflow::{
    BrokenFile, RetryPolicy, ValidatedWorkflow, Validation, Workflow, WorkflowList,
    WorkflowSummary, WorkflowTask,
};
