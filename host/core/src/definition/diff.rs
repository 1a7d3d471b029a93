//! What is different between two workflows: tasks by their ids, everything else key by key.
//!
//! What a text means is compared, not how it is written: comments, blanks, the order of keys and of
//! tasks, and how a table is written make no difference. Dependencies are those the host would use,
//! whether a file declares them or expressions make them.

mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};
use toml_edit::DocumentMut;

use super::Definition;
use super::template::toml_to_json;
use crate::workflow::{NodeIndex, Workflow};

/// The keys that hold tasks.
const TASK_LISTS: [&str; 5] = ["tasks", "finally", "then", "else", "default"];

/// What is different between two workflows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Diff {
    /// Keys of the workflow itself, such as `version` and `config.timeout`.
    pub workflow: Vec<Change>,
    /// Tasks that only the second has, with where they stand.
    pub added: Vec<Place>,
    /// Tasks that only the first has, with where they stand.
    pub removed: Vec<Place>,
    /// Tasks that both have and that are different.
    pub changed: Vec<TaskDiff>,
}

/// A key whose value is different. A value that is left out is not there on that side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The key, such as `retry.max_attempts`.
    pub key: String,
    /// Its value in the first, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// Its value in the second, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// A task, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The task.
    pub task: String,
    /// The list that it stands in: `tasks`, `finally`, or a task's own, such as `size.then`.
    pub list: String,
}

/// A task that is different.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskDiff {
    /// The task.
    pub task: String,
    /// Its keys that are different.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What it needs in the second only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs_added: Vec<String>,
    /// What it needs in the first only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs_removed: Vec<String>,
}

/// One task of a text.
#[derive(Debug, Default)]
struct Task {
    list: String,
    keys: Map<String, Value>,
    needs: BTreeSet<String>,
}

/// One text, taken apart.
#[derive(Default)]
struct Parts {
    head: Map<String, Value>,
    tasks: BTreeMap<String, Task>,
}

/// What is different in `to` from what it is in `from`.
pub fn diff(from: &Definition, to: &Definition) -> Diff {
    let (from, to) = (Parts::of(from), Parts::of(to));
    let mut diff = Diff { workflow: changes(&from.head, &to.head), ..Diff::default() };
    for (id, task) in &from.tasks {
        match to.tasks.get(id) {
            Some(other) => diff.changed.extend(task.diff(id, other)),
            None => diff.removed.push(task.place(id)),
        }
    }
    let new = to.tasks.iter().filter(|(id, _)| !from.tasks.contains_key(*id));
    diff.added = new.map(|(id, task)| task.place(id)).collect();
    diff
}

impl Diff {
    /// Whether nothing is different.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Parts {
    fn of(definition: &Definition) -> Self {
        let document: DocumentMut =
            definition.source.parse().expect("the text of a definition has been read as TOML");
        let Some(Value::Object(mut head)) = toml_to_json(document.as_item()) else {
            return Self::default();
        };
        let mut parts = Self::default();
        for list in ["tasks", "finally"] {
            parts.take(list, head.remove(list));
        }
        parts.head = head;
        parts.connect(&definition.workflow);
        parts
    }

    /// Takes the tasks of a list out of a text, and those below them.
    fn take(&mut self, list: &str, tasks: Option<Value>) {
        let Some(Value::Array(tasks)) = tasks else { return };
        for task in tasks {
            let Value::Object(mut keys) = task else { continue };
            let Some(Value::String(id)) = keys.remove("id") else { continue };
            keys.remove("needs");
            for inner in TASK_LISTS {
                self.take(&format!("{id}.{inner}"), keys.remove(inner));
            }
            if let Some(Value::Array(cases)) = keys.get_mut("cases") {
                for (number, case) in cases.iter_mut().enumerate() {
                    let tasks = case.as_object_mut().and_then(|case| case.remove("tasks"));
                    self.take(&format!("{id}.cases[{number}]"), tasks);
                }
            }
            self.tasks.insert(id, Task { list: list.to_owned(), keys, needs: BTreeSet::new() });
        }
    }

    /// Adds what each task needs.
    fn connect(&mut self, workflow: &Workflow) {
        for place in 0..workflow.tasks.len() {
            let node = NodeIndex::new(place);
            let Some(task) = self.tasks.get_mut(workflow.task(node).id.as_str()) else { continue };
            let needs = workflow.graph.dependencies(node).iter();
            task.needs = needs.map(|need| workflow.task(*need).id.to_string()).collect();
        }
    }
}

impl Task {
    fn place(&self, id: &str) -> Place {
        Place { task: id.to_owned(), list: self.list.clone() }
    }

    fn diff(&self, id: &str, to: &Self) -> Option<TaskDiff> {
        let mut changes = changes(&self.keys, &to.keys);
        if self.list != to.list {
            let list = |task: &Self| Some(Value::from(task.list.as_str()));
            changes.insert(0, Change { key: "list".to_owned(), from: list(self), to: list(to) });
        }
        let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect();
        let diff = TaskDiff {
            task: id.to_owned(),
            changes,
            needs_added: only(&to.needs, &self.needs),
            needs_removed: only(&self.needs, &to.needs),
        };
        let is_same = diff.changes.is_empty() && self.needs == to.needs;
        (!is_same).then_some(diff)
    }
}

/// The keys that are different, in alphabetical order. Tables are compared key by key, lists as a
/// whole.
fn changes(from: &Map<String, Value>, to: &Map<String, Value>) -> Vec<Change> {
    let mut found = Vec::new();
    compare("", from, to, &mut found);
    found
}

fn compare(path: &str, from: &Map<String, Value>, to: &Map<String, Value>, into: &mut Vec<Change>) {
    let keys: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    for key in keys {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (from.get(key), to.get(key)) {
            (Some(Value::Object(from)), Some(Value::Object(to))) => compare(&path, from, to, into),
            (from, to) if from == to => {}
            (from, to) => into.push(Change { key: path, from: from.cloned(), to: to.cloned() }),
        }
    }
}
