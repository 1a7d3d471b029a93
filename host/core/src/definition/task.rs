//! Reads `[[tasks]]`.

use serde_json::{Map, Value};

use super::policy::Defaults;
use super::read_template;
use crate::document::{Step, Table};
use crate::expression::{Template, TemplateReader};
use crate::id::{TaskId, TaskType};
use crate::workflow::{Task, graph::TASKS_MAX};

/// Words that CEL keeps for itself. `tasks.if.output` would be no expression.
const RESERVED: [&str; 21] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// A task as it stands in the file; `None` where a key is absent or wrong.
pub(super) struct RawTask {
    pub(super) id: Option<TaskId>,
    pub(super) task_type: Option<TaskType>,
    /// The names in `needs`, whatever they are.
    pub(super) needs: Vec<String>,
    pub(super) input: Option<Template>,
    policy: Defaults,
}

/// Reads every task. Notes when there is none.
pub(super) fn read_all<'d>(
    root: &mut Table<'d>,
    defaults: &Defaults,
    templates: &mut TemplateReader,
) -> Vec<RawTask> {
    let wrong_before = root.document().count();
    let tables = root.tables("tasks");
    if tables.len() > TASKS_MAX {
        let message = format!("the workflow has {} tasks", tables.len());
        let help = format!("the most is {TASKS_MAX}");
        root.report(&[Step::Key("tasks")], "too-many-tasks", message, Some(help));
        return Vec::new();
    }
    let is_sound = root.document().count() == wrong_before && !root.document().is_damaged();
    if tables.is_empty() && is_sound {
        let help = "add one: `[[tasks]]` with an `id` and a `type`".to_owned();
        root.report(&[], "no-tasks", "a workflow needs at least one task", Some(help));
    }
    tables.into_iter().map(|table| RawTask::read(table, defaults, templates)).collect()
}

impl RawTask {
    fn read(mut table: Table<'_>, defaults: &Defaults, templates: &mut TemplateReader) -> Self {
        table.require(&["id", "type"]);
        let id = read_id(&mut table);
        let task_type = table.parsed("type");
        let needs = table.strings("needs").unwrap_or_default();
        let has_input = table.has("input");
        let input = match table.json("input") {
            Some(input) => read_template(&table, &[Step::Key("input")], &input, templates),
            None if has_input => None,
            None => Some(Template::constant(Value::Object(Map::new()))),
        };
        let policy = defaults.read_task(&mut table);
        table.finish();
        Self { id, task_type, needs, input, policy }
    }

    /// The task, if nothing of it is wrong.
    pub(super) fn into_task(self) -> Option<Task> {
        Some(Task {
            retry: self.policy.retry,
            limits: self.policy.limits,
            ..Task::call(self.id?, self.task_type?, self.input?)
        })
    }
}

fn read_id(table: &mut Table<'_>) -> Option<TaskId> {
    let id: TaskId = table.parsed("id")?;
    let refusal = if id.as_str().contains(['.', '[']) {
        "dots and brackets are for tasks that the host makes"
    } else if RESERVED.contains(&id.as_str()) {
        "the word belongs to the expression language"
    } else {
        return Some(id);
    };
    let message = format!("`{id}` is no id for a task");
    table.report(&[Step::Key("id")], "invalid-value", message, Some(refusal.to_owned()));
    None
}
