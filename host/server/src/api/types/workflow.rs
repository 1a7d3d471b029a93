//! Workflows.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use taskloom_core::retry::{self, Jitter};
use taskloom_core::workflow::{self as core, NodeIndex};
use utoipa::ToSchema;

use super::{AvailabilityWord, EnabledBy, OnFailureWord, Origin, Problem};
use crate::workflows::{self, Availability, Registered};

/// The registered workflows.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WorkflowList {
    /// The workflows, by id.
    pub workflows: Vec<WorkflowSummary>,
    /// Files of the folder that hold no workflow, and why.
    pub broken_files: Vec<BrokenFile>,
}

/// A workflow in the list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WorkflowSummary {
    /// Its id.
    pub id: String,
    /// Its title.
    pub name: String,
    /// Its version, as its author wrote it.
    pub version: String,
    /// The digest of its definition: what a run keeps.
    pub digest: String,
    /// The name of its file; null for a workflow that a request put.
    pub file: Option<String>,
    /// Where its text comes from.
    pub origin: Origin,
    /// Since when it has this text; null when that is not known.
    pub since: Option<String>,
    /// Whether new runs may start.
    pub enabled: bool,
    /// Who decided that.
    pub enabled_by: EnabledBy,
    /// When a request did, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switched_at: Option<String>,
    /// The digest of the text that a request gave it and that is not served, since a file has the
    /// same id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<String>,
    /// Whether its plugins are there: a run that is started now can be performed.
    pub available: bool,
    /// Whether its plugins are there, may be loading, or are missing.
    pub availability: AvailabilityWord,
    /// How many tasks it has.
    pub tasks_total: usize,
    /// What is wrong: why it is unavailable, or with a newer text of the file that is not served.
    pub problems: Vec<Problem>,
}

/// A file that holds no workflow.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BrokenFile {
    /// Its name.
    pub file: String,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// A workflow.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Workflow {
    /// What the list has of it.
    #[serde(flatten)]
    pub summary: WorkflowSummary,
    /// What it is for.
    pub description: String,
    /// JSON Schema (2020-12) of the run's input.
    #[schema(value_type = Value)]
    pub input_schema: Value,
    /// The run's time from start to end in milliseconds; null for no limit.
    pub timeout_ms: Option<u64>,
    /// Attempts of a run at the same time; null for as many as there are slots.
    pub max_parallel: Option<u32>,
    /// Higher goes first.
    pub priority: i32,
    /// What a failed task means for tasks that do not need it.
    pub on_failure: OnFailureWord,
    /// Its tasks, in the order of the file.
    pub tasks: Vec<WorkflowTask>,
    /// The text of the file.
    pub source: String,
}

/// A task of a workflow.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WorkflowTask {
    /// Its name.
    pub id: String,
    /// What it does: `task`, `branch`, `switch`, `group`, `parallel`, `decision`, `wait`, `approval`
    /// or `workflow`.
    pub kind: String,
    /// The task type it calls; for other kinds, the kind.
    #[serde(rename = "type")]
    pub task_type: String,
    /// The group it is in, if it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The tasks it needs, declared or read by its input.
    pub needs: Vec<String>,
    /// How often it is tried.
    pub retry: RetryPolicy,
    /// Wall-clock time of one attempt in milliseconds, if the task says.
    pub timeout_ms: Option<u64>,
    /// Fuel of one attempt, if the task says.
    pub fuel: Option<u64>,
    /// Memory of one attempt in bytes, if the task says.
    pub memory_bytes: Option<u64>,
    /// Output of one attempt in bytes, if the task says.
    pub output_bytes: Option<u64>,
}

/// How often and after which waits a task is tried.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub max_attempts: u32,
    /// The wait before the second attempt in milliseconds, before jitter.
    pub initial_ms: u64,
    /// No wait is longer than this, in milliseconds.
    pub max_ms: u64,
    /// `none`, `equal` or `full`.
    pub jitter: String,
}

/// What came of checking a text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Validation {
    /// Whether it is a workflow that could run here.
    pub valid: bool,
    /// The workflow, if the text is one.
    pub workflow: Option<ValidatedWorkflow>,
    /// Everything that is wrong, in the order of the text.
    pub problems: Vec<Problem>,
}

/// A workflow that was checked.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ValidatedWorkflow {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// The digest it would have.
    pub digest: String,
    /// How many tasks it has.
    pub tasks_total: usize,
}

impl WorkflowSummary {
    /// A registered workflow, given whether it can run.
    pub fn new(registered: &Registered, availability: Availability) -> Self {
        let Registered { definition, standing, .. } = registered;
        let workflow = &definition.workflow;
        let (word, missing) = match availability {
            Availability::Available => (AvailabilityWord::Available, Vec::new()),
            Availability::Loading => (AvailabilityWord::Loading, Vec::new()),
            Availability::Unavailable(problems) => (AvailabilityWord::Unavailable, problems),
        };
        let problems = registered.problems.iter().cloned().chain(missing);
        Self {
            id: workflow.id.to_string(),
            name: workflow.name.clone(),
            version: workflow.version.clone(),
            digest: workflow.digest.to_string(),
            file: registered.file().map(str::to_owned),
            origin: (&standing.origin).into(),
            since: standing.since.map(|since| since.to_string()),
            enabled: registered.enabled(),
            enabled_by: match standing.switched {
                Some(_) => EnabledBy::Request,
                None => EnabledBy::Definition,
            },
            switched_at: standing.switched.map(|switched| switched.at.to_string()),
            hidden: standing.hidden.map(|digest| digest.to_string()),
            available: word == AvailabilityWord::Available,
            availability: word,
            tasks_total: workflow.tasks.len(),
            problems: problems.map(Problem::from).collect(),
        }
    }
}

impl Workflow {
    /// A registered workflow, given whether it can run.
    pub fn new(registered: &Registered, availability: Availability) -> Self {
        let workflow = &registered.definition.workflow;
        let task = |place| WorkflowTask::new(workflow, NodeIndex::new(place));
        Self {
            summary: WorkflowSummary::new(registered, availability),
            description: workflow.description.clone(),
            input_schema: workflow.input_schema.clone(),
            timeout_ms: workflow.config.timeout.map(milliseconds),
            max_parallel: workflow.config.max_parallel,
            priority: workflow.config.priority,
            on_failure: workflow.config.on_failure.into(),
            tasks: (0..workflow.tasks.len()).map(task).collect(),
            source: registered.definition.source.to_string(),
        }
    }
}

impl WorkflowTask {
    fn new(workflow: &core::Workflow, index: NodeIndex) -> Self {
        let task = workflow.task(index);
        let needs = workflow.graph.dependencies(index).iter();
        Self {
            id: task.id.to_string(),
            kind: task.kind.as_str().to_owned(),
            task_type: task.kind.task_type().map_or(task.kind.as_str(), |t| t.as_str()).to_owned(),
            group: workflow.parent(index).map(|group| workflow.task(group).id.to_string()),
            needs: needs.map(|need| workflow.task(*need).id.to_string()).collect(),
            retry: (&task.retry).into(),
            timeout_ms: task.limits.timeout_ms,
            fuel: task.limits.fuel,
            memory_bytes: task.limits.memory_bytes,
            output_bytes: task.limits.output_bytes,
        }
    }
}

impl From<&retry::RetryPolicy> for RetryPolicy {
    fn from(policy: &retry::RetryPolicy) -> Self {
        Self {
            max_attempts: policy.max_attempts,
            initial_ms: milliseconds(policy.initial),
            max_ms: milliseconds(policy.max),
            jitter: match policy.jitter {
                Jitter::None => "none".to_owned(),
                Jitter::Equal => "equal".to_owned(),
                Jitter::Full => "full".to_owned(),
            },
        }
    }
}

impl From<&core::Workflow> for ValidatedWorkflow {
    fn from(workflow: &core::Workflow) -> Self {
        Self {
            id: workflow.id.to_string(),
            version: workflow.version.clone(),
            digest: workflow.digest.to_string(),
            tasks_total: workflow.tasks.len(),
        }
    }
}

impl From<workflows::BrokenFile> for BrokenFile {
    fn from(broken: workflows::BrokenFile) -> Self {
        let problems = broken.problems.into_iter().map(Problem::from).collect();
        Self { file: broken.file, problems }
    }
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
