//! What the names in an expression stand for: gathered by reference where the run is known, read
//! where the expression is evaluated.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use taskloom_core::context::Values;
use taskloom_core::expression::{Item, References, Scope, TaskScope};
use taskloom_core::failure::{Failure, FailureClass, Outcome, code};
use taskloom_core::id::{ContextName, Digest, TaskId};
use taskloom_core::payload::PayloadRef;
use taskloom_core::run::{FrameIndex, Phase, RunState, TaskIndex};

use crate::payloads::{PayloadError, Payloads};

/// Lists of `for_each` that are kept parsed: each of their items reads one.
const LISTS_MAX: usize = 8;

/// What the names in an expression stand for, by reference.
pub(super) struct Names {
    input: Option<PayloadRef>,
    context: NamedContext,
    /// The shared contexts that are read; `None` where there is nothing.
    shared: Vec<(String, Option<PayloadRef>)>,
    /// The output of the task itself, where it is known before the names are read.
    output: Option<PayloadRef>,
    tasks: Vec<NamedTask>,
    /// What each `for_each` around is at, the innermost first.
    items: Vec<NamedItem>,
    run: Value,
    reads_config: bool,
}

/// What `context` stands for.
#[derive(Debug, Clone)]
enum NamedContext {
    /// Nobody reads it.
    Unread,
    /// The run was started without one.
    Empty,
    Given(PayloadRef),
    /// What it was when the names were gathered: tasks write to it.
    Known(Values),
}

struct NamedTask {
    id: TaskId,
    outcome: Option<Outcome>,
    output: Option<PayloadRef>,
    failure: Option<Value>,
}

struct NamedItem {
    group: TaskId,
    list: PayloadRef,
    index: u32,
}

impl Names {
    /// What the names stand for in `frame`, as far as `references` uses them.
    pub(super) fn of(state: &RunState, frame: FrameIndex, references: &References) -> Self {
        let reads_items = references.item || references.index || !references.loops.is_empty();
        Self {
            input: references.input.then(|| state.start.input.clone()),
            context: NamedContext::of(state, references),
            shared: if references.shared { shared_of(state) } else { Vec::new() },
            output: None,
            tasks: references.tasks.iter().map(|id| named_task(state, frame, id)).collect(),
            items: if reads_items { items_around(state, frame) } else { Vec::new() },
            run: if references.run { run_of(state, references) } else { Value::Null },
            reads_config: references.config,
        }
    }

    /// With the output of the task itself.
    pub(super) fn with_output(self, output: Option<PayloadRef>) -> Self {
        Self { output, ..self }
    }

    /// Whether nothing of them can differ from run to run, or from one start of the host to another.
    pub(super) fn is_empty(&self) -> bool {
        let named = self.input.is_some() || !self.tasks.is_empty() || !self.items.is_empty();
        let named = named || !self.shared.is_empty() || self.reads_config || !self.run.is_null();
        !named && matches!(self.context, NamedContext::Unread)
    }

    /// What `config` stands for, if somebody reads it.
    fn config(&self, known: &Known) -> Value {
        if self.reads_config { (*known.config).clone() } else { Value::Null }
    }

    /// Reads what the names stand for.
    pub(super) async fn read(&self, payloads: &Payloads, known: &Known) -> Result<Scope, Failure> {
        let mut tasks = BTreeMap::new();
        for task in &self.tasks {
            let output = match &task.output {
                Some(payload) => Some(payloads.value(payload).await.map_err(lost_payload)?),
                None => None,
            };
            let (outcome, failure) = (task.outcome, task.failure.clone());
            tasks.insert(task.id.clone(), TaskScope { outcome, output, failure });
        }
        let input = match &self.input {
            Some(payload) => payloads.value(payload).await.map_err(lost_payload)?,
            None => Value::Null,
        };
        let mut items = BTreeMap::new();
        let mut innermost = None;
        for named in &self.items {
            let list = known.list(&named.list, payloads).await?;
            let value = list.get(named.index as usize).cloned().unwrap_or(Value::Null);
            let item = Item::new(u64::from(named.index), value);
            innermost.get_or_insert_with(|| item.clone());
            items.insert(named.group.clone(), item);
        }
        let context = match &self.context {
            NamedContext::Given(payload) => payloads.value(payload).await.map_err(lost_payload)?,
            NamedContext::Known(values) => Value::Object((**values).clone()),
            NamedContext::Unread | NamedContext::Empty => json!({}),
        };
        let mut shared = serde_json::Map::new();
        for (name, payload) in &self.shared {
            let value = match payload {
                Some(payload) => payloads.value(payload).await.map_err(lost_payload)?,
                None => json!({}),
            };
            shared.insert(name.clone(), value);
        }
        let shared = Value::Object(shared);
        let output = match &self.output {
            Some(payload) => payloads.value(payload).await.map_err(lost_payload)?,
            None => Value::Null,
        };
        let (run, config) = (self.run.clone(), self.config(known));
        Ok(Scope {
            output,
            shared,
            input,
            tasks,
            run,
            item: innermost,
            items,
            config,
            context,
            ..Scope::default()
        })
    }
}

impl NamedContext {
    fn of(state: &RunState, references: &References) -> Self {
        if references.context { Self::now(state) } else { Self::Unread }
    }

    /// The context of a run as it is now.
    fn now(state: &RunState) -> Self {
        match (state.context().values(), &state.start.context) {
            (Some(values), _) => Self::Known(Arc::clone(values)),
            (None, Some(context)) => Self::Given(context.clone()),
            (None, None) => Self::Empty,
        }
    }
}

/// The context that a run hands down, as it was when it was asked for.
#[derive(Debug, Clone)]
pub(super) struct Handed(NamedContext);

impl Handed {
    pub(super) fn of(state: &RunState) -> Self {
        Self(NamedContext::now(state))
    }

    /// Its values by name.
    pub(super) async fn values(&self, payloads: &Payloads) -> Result<Values, PayloadError> {
        Ok(match &self.0 {
            NamedContext::Unread | NamedContext::Empty => Values::default(),
            NamedContext::Known(values) => Arc::clone(values),
            NamedContext::Given(payload) => match payloads.value(payload).await? {
                Value::Object(values) => Arc::new(values),
                _ => Values::default(),
            },
        })
    }

    /// Its text; `None` for an empty one.
    pub(super) async fn text(&self, payloads: &Payloads) -> Result<Option<Arc<str>>, PayloadError> {
        Ok(match &self.0 {
            NamedContext::Unread | NamedContext::Empty => None,
            NamedContext::Given(payload) => Some(payloads.text(payload).await?),
            NamedContext::Known(values) => {
                let text = serde_json::to_string(&**values).expect("JSON prints as JSON");
                Some(text.into())
            }
        })
    }
}

/// The shared contexts that a run reads, as they were at its start.
fn shared_of(state: &RunState) -> Vec<(String, Option<PayloadRef>)> {
    let read = |name: &ContextName| {
        let known = state.context().shared().get(name);
        (name.to_string(), known.and_then(|known| known.value.clone()))
    };
    state.workflow.config.sharing.reads.iter().map(read).collect()
}

fn named_task(state: &RunState, frame: FrameIndex, id: &TaskId) -> NamedTask {
    let Some(index) = visible(state, frame, id) else {
        return NamedTask { id: id.clone(), outcome: None, output: None, failure: None };
    };
    let task = state.task(index);
    let failure = task.status.outcome().and_then(|_| task.failure());
    NamedTask {
        id: id.clone(),
        outcome: task.status.outcome(),
        output: task.output().cloned(),
        failure: failure.map(described),
    }
}

/// The task called `id` that is seen from `frame`: in it or in one around it.
fn visible(state: &RunState, frame: FrameIndex, id: &TaskId) -> Option<TaskIndex> {
    let node = state.workflow.node(id)?;
    let body = state.workflow.task(node).body;
    let mut frame = Some(frame);
    while let Some(here) = frame {
        if state.frame(here).body == body {
            return Some(state.place(here, node));
        }
        frame = state.frame(here).item.map(|(list, _)| state.task(list).frame);
    }
    None
}

fn items_around(state: &RunState, frame: FrameIndex) -> Vec<NamedItem> {
    let mut items = Vec::new();
    let mut here = state.frame(frame);
    while let Some((list, index)) = here.item {
        let task = state.task(list);
        let group = state.definition(list).id.clone();
        if let Some(list) = task.group.as_ref().and_then(|group| group.items.clone()) {
            items.push(NamedItem { group, list, index });
        }
        here = state.frame(task.frame);
    }
    items
}

fn run_of(state: &RunState, references: &References) -> Value {
    let mut run = json!({
        "id": state.id.to_string(),
        "workflow": state.start.workflow.as_str(),
        "version": state.start.version,
        "started_at": state.started_at.to_string(),
    });
    if references.run_end && state.closing().phase > Phase::Main {
        let failure = state.main_failure();
        let outcome = failure.as_ref().map_or(Outcome::Succeeded, |(outcome, _)| *outcome);
        run["outcome"] = outcome.as_str().into();
        run["failure"] = failure.map_or(Value::Null, |(_, failure)| described(&failure));
    }
    run
}

/// A failure as expressions see it.
fn described(failure: &Failure) -> Value {
    json!({
        "code": failure.code,
        "message": failure.message,
        "class": failure.class.as_str(),
        "details": failure.details,
    })
}

/// What the expressions of all runs share: the host's values for workflows, and the lists of
/// `for_each` that were read lately, parsed.
pub(super) struct Known {
    config: Arc<Value>,
    parsed: Mutex<VecDeque<(Digest, Arc<Vec<Value>>)>>,
}

impl Known {
    /// `config` is what expressions read by that name.
    pub(super) fn new(config: Arc<Value>) -> Self {
        Self { config, parsed: Mutex::default() }
    }

    async fn list(
        &self,
        list: &PayloadRef,
        payloads: &Payloads,
    ) -> Result<Arc<Vec<Value>>, Failure> {
        let known = |lists: &VecDeque<(Digest, Arc<Vec<Value>>)>| {
            lists.iter().find(|(digest, _)| *digest == list.digest).map(|(_, l)| Arc::clone(l))
        };
        if let Some(list) = known(&self.lock()) {
            return Ok(list);
        }
        let value = payloads.value(list).await.map_err(lost_payload)?;
        let items = match value {
            Value::Array(items) => Arc::new(items),
            _ => Arc::default(),
        };
        let mut lists = self.lock();
        lists.push_front((list.digest, Arc::clone(&items)));
        lists.truncate(LISTS_MAX);
        Ok(items)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(Digest, Arc<Vec<Value>>)>> {
        self.parsed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn lost_payload(error: PayloadError) -> Failure {
    Failure::new(FailureClass::Permanent, code::PAYLOAD_UNREADABLE, error.to_string())
}
