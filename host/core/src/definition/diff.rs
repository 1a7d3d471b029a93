//! What two definitions say differently: key by key, task by task, and in who needs whom.
//!
//! Form does not matter: white space, comments, the order of keys, a table or an inline table.
//! Tables in a list that have an `id` are compared with the one of the same id, wherever it stands.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Definition;
use crate::workflow::{NodeIndex, Workflow};

/// What two definitions say differently.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Diff {
    /// The keys in the order of the alphabet, table by table; what only the newer text has follows.
    pub changes: Vec<Change>,
    /// Tasks of both that need other tasks than before, also by what they read.
    pub dependencies: Vec<DependencyChange>,
}

/// One key that was added, removed or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Where, such as `tasks.classify.retry.max_attempts`: tables in a list go by their `id`.
    pub path: String,
    /// What became of it.
    pub kind: ChangeKind,
    /// What it was; the ids in their order if only that has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Only the newer definition has it.
    Added,
    /// Only the older definition has it.
    Removed,
    /// Both have it, with other values.
    Changed,
    /// What stands in the list has another order.
    Reordered,
}

/// A task that needs other tasks than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencyChange {
    /// The task.
    pub task: String,
    /// What it needs now and did not need.
    pub added: Vec<String>,
    /// What it needed and does not need any more.
    pub removed: Vec<String>,
}

impl Diff {
    /// What `new` says differently from `old`.
    pub fn of(old: &Definition, new: &Definition) -> Self {
        let mut changes = Vec::new();
        objects("", &table_of(old), &table_of(new), &mut changes);
        Self { changes, dependencies: dependencies(&old.workflow, &new.workflow) }
    }

    /// Whether both say the same.
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.dependencies.is_empty()
    }
}

fn table_of(definition: &Definition) -> Map<String, Value> {
    // A definition was read from this text, so it can be read again.
    toml::from_str(&definition.source).unwrap_or_default()
}

fn values(path: &str, old: &Value, new: &Value, changes: &mut Vec<Change>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => objects(path, old, new, changes),
        (Value::Array(before), Value::Array(after)) => match (ids(before), ids(after)) {
            (Some(_), Some(_)) => lists(path, before, after, changes),
            _ => leaf(path, old, new, changes),
        },
        _ => leaf(path, old, new, changes),
    }
}

fn leaf(path: &str, old: &Value, new: &Value, changes: &mut Vec<Change>) {
    if old != new {
        changes.push(change(path, ChangeKind::Changed, Some(old), Some(new)));
    }
}

fn objects(
    path: &str,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Vec<Change>,
) {
    for (key, before) in old {
        let path = below(path, key);
        match new.get(key) {
            Some(after) => values(&path, before, after, changes),
            None => changes.push(change(&path, ChangeKind::Removed, Some(before), None)),
        }
    }
    for (key, after) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
        changes.push(change(&below(path, key), ChangeKind::Added, None, Some(after)));
    }
}

/// Lists of tables that all have an id of their own.
fn lists(path: &str, old: &[Value], new: &[Value], changes: &mut Vec<Change>) {
    let by_id = |list: &[Value]| -> Map<String, Value> {
        list.iter().filter_map(|item| Some((id(item)?.to_owned(), item.clone()))).collect()
    };
    let (before, after) = (by_id(old), by_id(new));
    objects(path, &before, &after, changes);
    let order = |list: &[Value], other: &Map<String, Value>| -> Vec<Value> {
        let known = list.iter().filter_map(id).filter(|id| other.contains_key(*id));
        known.map(Value::from).collect()
    };
    let (was, is) = (order(old, &after), order(new, &before));
    if was != is {
        let (was, is) = (Value::Array(was), Value::Array(is));
        changes.push(change(path, ChangeKind::Reordered, Some(&was), Some(&is)));
    }
}

fn ids(list: &[Value]) -> Option<BTreeSet<&str>> {
    let ids: Option<BTreeSet<_>> = list.iter().map(id).collect();
    ids.filter(|ids| ids.len() == list.len())
}

fn id(item: &Value) -> Option<&str> {
    item.get("id")?.as_str()
}

fn below(path: &str, key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let bare = !key.is_empty() && key.chars().all(is_bare);
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

fn change(path: &str, kind: ChangeKind, from: Option<&Value>, to: Option<&Value>) -> Change {
    Change { path: path.to_owned(), kind, from: from.cloned(), to: to.cloned() }
}

fn dependencies(old: &Workflow, new: &Workflow) -> Vec<DependencyChange> {
    let mut changes = Vec::new();
    for place in 0..old.tasks.len() {
        let before = NodeIndex::new(place);
        let task = &old.task(before).id;
        let Some(after) = new.node(task) else { continue };
        let (needed, needs) = (needs(old, before), needs(new, after));
        let list = |set: BTreeSet<&str>| set.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let added = list(needs.difference(&needed).copied().collect());
        let removed = list(needed.difference(&needs).copied().collect());
        if !added.is_empty() || !removed.is_empty() {
            changes.push(DependencyChange { task: task.to_string(), added, removed });
        }
    }
    changes
}

fn needs(workflow: &Workflow, node: NodeIndex) -> BTreeSet<&str> {
    let needed = workflow.graph.dependencies(node).iter();
    needed.map(|node| workflow.task(*node).id.as_str()).collect()
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        for change in &self.dependencies {
            writeln!(f, "{change}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.kind {
            ChangeKind::Added => '+',
            ChangeKind::Removed => '-',
            ChangeKind::Changed => '~',
            ChangeKind::Reordered => '↕',
        };
        write!(f, "{sign} {}", self.path)?;
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, ": {from} → {to}"),
            (Some(only), None) | (None, Some(only)) => write!(f, ": {only}"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for DependencyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "~ {} needs", self.task)?;
        let signed = self.added.iter().map(|task| ('+', task));
        for (sign, task) in signed.chain(self.removed.iter().map(|task| ('-', task))) {
            write!(f, " {sign}{task}")?;
        }
        Ok(())
    }
}
