//! A workflow as the rest of the host sees it: checked, compiled, and unable to be wrong.
//!
//! Made from a TOML text by [`crate::definition::read`]; nothing else makes one.

pub mod graph;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde_json::Value;

use crate::expression::Template;
use crate::id::{Digest, PluginName, TaskId, TaskType, WorkflowId};
use crate::plugin::LimitsWish;
use crate::retry::RetryPolicy;

pub use graph::{Graph, TaskIndex};

/// One version of a workflow.
#[derive(Debug)]
pub struct Workflow {
    /// Its name in the API, the file and the journal.
    pub id: WorkflowId,
    /// A title for people; the id when none was given.
    pub name: String,
    /// What it is for, possibly empty.
    pub description: String,
    /// The author's version.
    pub version: String,
    /// The digest of the definition's source.
    pub digest: Digest,
    /// JSON Schema (2020-12) of the run's input; `true` when none was given.
    pub input_schema: Value,
    /// How a run behaves as a whole.
    pub config: RunConfig,
    /// The tasks, in the order of the file; a [`TaskIndex`] is a place in here.
    pub tasks: Vec<Task>,
    /// Who needs whom.
    pub graph: Graph,
    /// The run's output; `None` for the object of the outputs of the tasks nothing depends on.
    pub output: Option<Template>,
    /// Where each task is.
    pub index: HashMap<TaskId, TaskIndex>,
}

impl Workflow {
    /// The place of the task called `id`.
    pub fn task_index(&self, id: &TaskId) -> Option<TaskIndex> {
        self.index.get(id).copied()
    }

    /// The task at `index`.
    pub fn task(&self, index: TaskIndex) -> &Task {
        &self.tasks[index.as_usize()]
    }

    /// The task types it uses.
    pub fn task_types(&self) -> BTreeSet<&TaskType> {
        self.tasks.iter().map(|task| &task.task_type).collect()
    }

    /// The plugins it uses.
    pub fn plugins(&self) -> BTreeSet<PluginName> {
        self.task_types().into_iter().map(TaskType::plugin).collect()
    }
}

/// How a run behaves as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunConfig {
    /// The run's time from start to end; `None` for no limit.
    pub timeout: Option<Duration>,
    /// Attempts of the run at the same time; `None` for as many as there are slots.
    pub max_parallel: Option<u32>,
    /// Higher goes first; from -100 to 100.
    pub priority: i32,
    /// What a failed task means for the rest.
    pub on_failure: OnFailure,
}

/// What a failed task means for tasks that do not need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Nothing new starts; what is running ends; the run has failed.
    Stop,
    /// Independent branches go on; the run has failed when they have ended.
    Continue,
}

/// One node of a workflow.
#[derive(Debug)]
pub struct Task {
    /// Its name.
    pub id: TaskId,
    /// What it runs.
    pub task_type: TaskType,
    /// What the handler is given.
    pub input: Template,
    /// How often it is tried.
    pub retry: RetryPolicy,
    /// What one attempt may use; `timeout` of the file is `timeout_ms` in here.
    pub limits: LimitsWish,
}

/// The task types that are known where a definition is checked.
pub type KnownTypes<'a> = BTreeMap<&'a TaskType, &'a crate::plugin::TaskTypeSpec>;
