//! A workflow as the rest of the host sees it: checked, compiled, and unable to be wrong.
//!
//! Made from a TOML text by [`crate::definition::read`]. How blocks, bodies and groups fit together
//! is told in `docs/decisions/0009-groups-sections-and-frames.md`.

mod decision;
pub mod graph;
mod kind;
mod layout;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use semver::VersionReq;
use serde_json::{Map, Value};

use crate::context::ContextMerge;
use crate::expression::{Expression, Template};
use crate::id::{ContextName, Digest, PluginName, TaskId, TaskType, WorkflowId};
use crate::plugin::LimitsWish;
use crate::retry::RetryPolicy;
use crate::trigger::Trigger;

pub use decision::{Decision, DecisionOption, Fallback, Recommend};
pub use graph::{Graph, NodeIndex};
pub use kind::{
    Approval, Case, ChildWorkflow, Conflicts, FOR_EACH_ITEMS_MAX, Members, Merge, OnDeadline,
    OnTimeout, TaskKind, Wait, WaitUntil,
};
pub use layout::Parts;

pub(crate) use kind::by_value;

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
    /// Whether new runs may start.
    pub enabled: bool,
    /// JSON Schema (2020-12) of the run's input; `true` when none was given.
    pub input_schema: Value,
    /// How a run behaves as a whole.
    pub config: RunConfig,
    /// Every task, a group before what is in it; a [`NodeIndex`] is a place in here.
    pub tasks: Vec<Task>,
    /// The lists of tasks that stand side by side; the first is the workflow's own.
    pub blocks: Vec<Block>,
    /// What each `for_each` repeats; the first is the workflow itself.
    pub bodies: Vec<Body>,
    /// Who needs whom; only tasks of one block need each other.
    pub graph: Graph,
    /// What runs at the end, however the run ended.
    pub finally: Option<BlockIndex>,
    /// The run's output; `None` for the object of the outputs of the tasks nothing depends on.
    pub output: Option<Template>,
    /// What starts runs, besides people and other workflows.
    pub triggers: Vec<Trigger>,
    /// Where each task is.
    pub index: HashMap<TaskId, NodeIndex>,
}

/// A block's place within its workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockIndex(pub u32);

impl BlockIndex {
    /// The workflow's own list of tasks.
    pub const ROOT: Self = Self(0);
}

/// A body's place within its workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BodyIndex(pub u32);

impl BodyIndex {
    /// The workflow itself, as far as no `for_each` repeats it.
    pub const ROOT: Self = Self(0);
}

/// Tasks that stand side by side.
#[derive(Debug)]
pub struct Block {
    /// The group they are in, or the task that they compensate; `None` for the workflow's own tasks
    /// and for `finally`.
    pub owner: Option<NodeIndex>,
    /// The tasks, in the order of the file.
    pub tasks: Vec<NodeIndex>,
    /// The value of the block; `None` for the object of the outputs of the tasks nothing in it
    /// depends on.
    pub output: Option<Template>,
}

/// What one `for_each` repeats, down to the next `for_each` inside it.
#[derive(Debug)]
pub struct Body {
    /// The `for_each`; `None` for the workflow itself.
    pub owner: Option<NodeIndex>,
    /// Its tasks, in the order of the file, of all its blocks.
    pub tasks: Vec<NodeIndex>,
}

impl Workflow {
    /// The place of the task called `id`.
    pub fn node(&self, id: &TaskId) -> Option<NodeIndex> {
        self.index.get(id).copied()
    }

    /// The task at `index`.
    pub fn task(&self, index: NodeIndex) -> &Task {
        &self.tasks[index.as_usize()]
    }

    /// The block at `index`.
    pub fn block(&self, index: BlockIndex) -> &Block {
        &self.blocks[index.0 as usize]
    }

    /// The body at `index`.
    pub fn body(&self, index: BodyIndex) -> &Body {
        &self.bodies[index.0 as usize]
    }

    /// The group that the task at `index` is directly in.
    pub fn parent(&self, index: NodeIndex) -> Option<NodeIndex> {
        self.block(self.task(index).block).owner
    }

    /// Whether something is computed when all tasks of a run have succeeded.
    pub fn ends_with_a_value(&self) -> bool {
        self.output.is_some() || !self.config.sharing.publishes.is_empty()
    }

    /// Whether its tasks may write to the context.
    pub fn writes_context(&self) -> bool {
        self.tasks.iter().any(|task| {
            let returns = matches!(&task.kind, TaskKind::Workflow(child) if child.returns_context);
            returns || task.set.is_some()
        })
    }

    /// The task types it uses.
    pub fn task_types(&self) -> BTreeSet<&TaskType> {
        let merges = self.config.sharing.merge.task_type();
        self.tasks.iter().filter_map(|task| task.kind.task_type()).chain(merges).collect()
    }

    /// The plugins it uses.
    pub fn plugins(&self) -> BTreeSet<PluginName> {
        self.task_types().into_iter().map(TaskType::plugin).collect()
    }
}

/// How a run behaves as a whole.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// The run's time from start to end; `None` for no limit. `finally` has its own time.
    pub timeout: Option<Duration>,
    /// The time that `finally` and compensation may take together.
    pub finally_timeout: Duration,
    /// Attempts of the run at the same time; `None` for as many as there are slots.
    pub max_parallel: Option<u32>,
    /// Higher goes first; from -100 to 100.
    pub priority: i32,
    /// What a failed task means for the rest.
    pub on_failure: OnFailure,
    /// How many runs of one key may be at work at the same time.
    pub concurrency: Option<Concurrency>,
    /// What becomes of a name of the context that two tasks set.
    pub context_merge: ContextMerge,
    /// What its runs share with others.
    pub sharing: Sharing,
}

/// Contexts that runs share: what they read, and what they leave.
#[derive(Debug, Clone, Default)]
pub struct Sharing {
    /// The contexts that a run reads at its start.
    pub reads: Vec<ContextName>,
    /// What a run that succeeds sets, an object each.
    pub publishes: Vec<(ContextName, Template)>,
    /// What becomes of a name that is there already.
    pub merge: SharedMerge,
}

/// What becomes of a name of a shared context that is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SharedMerge {
    /// A rule of the host's own.
    Policy(ContextMerge),
    /// What a task type makes of the two values.
    Type(TypeMerge),
}

/// Two values become one by a task type: it is called with `{ values: [before, new] }`, and what its
/// output has as `value` stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeMerge {
    /// What is called.
    pub task_type: TaskType,
    /// What its input has beside `values`.
    pub input: Map<String, Value>,
}

impl SharedMerge {
    /// The task type that merges, if one does.
    pub const fn task_type(&self) -> Option<&TaskType> {
        match self {
            Self::Policy(_) => None,
            Self::Type(merge) => Some(&merge.task_type),
        }
    }
}

impl Default for SharedMerge {
    fn default() -> Self {
        Self::Policy(ContextMerge::default())
    }
}

impl TypeMerge {
    /// The key of the input that has the values, and that `input` cannot have.
    pub const VALUES: &str = "values";

    /// The key of the output that has what stays.
    pub const VALUE: &str = "value";

    /// The input that merges `new` into `before`.
    pub fn input_of(&self, before: &Value, new: &Value) -> Value {
        let mut input = self.input.clone();
        input.insert(Self::VALUES.to_owned(), Value::from(vec![before.clone(), new.clone()]));
        Value::Object(input)
    }
}

impl Sharing {
    /// Every context that a run has to do with, once.
    pub fn names(&self) -> BTreeSet<&ContextName> {
        self.reads.iter().chain(self.publishes.iter().map(|(name, _)| name)).collect()
    }
}

/// What a failed task means for tasks that do not need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Nothing new starts beside it; what is running ends; its group, or the run, has failed.
    Stop,
    /// Independent branches go on; the group, or the run, has failed when they have ended.
    Continue,
}

/// Runs with the same key share a limit.
#[derive(Debug, Clone)]
pub struct Concurrency {
    /// The key, computed from `input` when a run is started.
    pub key: Template,
    /// Runs of one key at work at the same time.
    pub limit: u32,
    /// What happens to a start beyond it.
    pub when_full: WhenFull,
}

/// What happens to a start when the runs of its concurrency key are at their limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// It waits for its turn.
    Queue,
    /// It is refused.
    Reject,
    /// The oldest runs of the key are cancelled for it.
    CancelRunning,
}

/// One node of a workflow.
#[derive(Debug)]
pub struct Task {
    /// Its name in the file.
    pub id: TaskId,
    /// What it does.
    pub kind: TaskKind,
    /// The block it stands in.
    pub block: BlockIndex,
    /// The body that repeats it.
    pub body: BodyIndex,
    /// Its place within the body's tasks.
    pub offset: u32,
    /// Decides over the outcomes of what it needs whether it runs; without it, it runs when all
    /// it needs has succeeded.
    pub run_if: Option<Expression>,
    /// Whether its failure stays its own: what needs it goes on, and nothing else fails by it.
    pub allow_failure: bool,
    /// What the handler, the child workflow or the person is given.
    pub input: Template,
    /// What it sets in the context when it succeeds: an object, which may read its `output`.
    pub set: Option<Template>,
    /// How often it is tried.
    pub retry: RetryPolicy,
    /// What one attempt may use; `timeout` of the file is `timeout_ms` in here.
    pub limits: LimitsWish,
    /// Times over more than one attempt.
    pub timeouts: Timeouts,
    /// Whether an earlier result for the same input will do.
    pub cache: Option<CachePolicy>,
    /// What undoes it when the run does not succeed after it did.
    pub compensation: Option<NodeIndex>,
    /// Which versions of the plugin it may be run with; `None` for any.
    pub version: Option<VersionReq>,
}

/// Times over more than one attempt; `None` for no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// From ready to started, of each attempt.
    pub queue: Option<Duration>,
    /// From the first time it became ready to its end.
    pub total: Option<Duration>,
    /// Without progress from the handler of an attempt.
    pub heartbeat: Option<Duration>,
}

/// When an earlier result is taken instead of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachePolicy {
    /// How old it may be.
    pub ttl: Duration,
}

/// The task types that are known where a definition is checked.
pub type KnownTypes<'a> = BTreeMap<&'a TaskType, &'a crate::plugin::TaskTypeSpec>;

impl Task {
    /// A task that calls `task_type` with `input`, and everything else as it is by default.
    pub fn call(id: TaskId, task_type: TaskType, input: Template) -> Self {
        Self::new(id, TaskKind::Call(task_type), input)
    }

    /// A task of any kind, and everything else as it is by default.
    pub fn new(id: TaskId, kind: TaskKind, input: Template) -> Self {
        Self {
            id,
            kind,
            block: BlockIndex::ROOT,
            body: BodyIndex::ROOT,
            offset: 0,
            run_if: None,
            allow_failure: false,
            input,
            set: None,
            retry: RetryPolicy::default(),
            limits: LimitsWish::default(),
            timeouts: Timeouts::default(),
            cache: None,
            compensation: None,
            version: None,
        }
    }
}

impl RunConfig {
    /// The time that `finally` and compensation have when nothing else is said.
    pub const FINALLY_TIMEOUT: Duration = Duration::from_secs(5 * 60);
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            timeout: None,
            finally_timeout: Self::FINALLY_TIMEOUT,
            max_parallel: None,
            priority: 0,
            on_failure: OnFailure::Stop,
            concurrency: None,
            context_merge: ContextMerge::Last,
            sharing: Sharing::default(),
        }
    }
}
