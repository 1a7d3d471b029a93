//! Plain paths into what is in scope, such as `tasks.a.output.b[0].c`: the fast way.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use super::{KEYS_LISTED_MAX, Scope, SyntaxError};
use crate::document::suggest;
use crate::id::TaskId;

/// The fields of `run`. [`RUN_END_FIELDS`] are there only when the run's work has ended.
pub const RUN_FIELDS: [&str; 6] = ["id", "workflow", "version", "started_at", "outcome", "failure"];

/// The fields of `run` that only tasks of `finally` may read.
pub const RUN_END_FIELDS: [&str; 2] = ["outcome", "failure"];

/// The names an expression may begin with.
const ROOTS: [&str; 13] = [
    "input", "tasks", "run", "item", "index", "items", "indexes", "context", "config", "event",
    "params", "output", "shared",
];

/// What `tasks.<id>.failure` is of a task that has not failed.
static NULL: Value = Value::Null;

/// A name in scope and steps into its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Where it begins.
    pub root: Root,
    /// Where it goes.
    pub steps: Vec<PathStep>,
}

/// A name in scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// `input`
    Input,
    /// `tasks.<id>.output`
    Output(TaskId),
    /// `tasks.<id>.outcome`
    Outcome(TaskId),
    /// `tasks.<id>.failure`
    Failure(TaskId),
    /// `run`
    Run,
    /// `item`: of the innermost `for_each`.
    Item,
    /// `index`: of the innermost `for_each`.
    Index,
    /// `items.<id>`: the item of the `for_each` of that name.
    ItemOf(TaskId),
    /// `indexes.<id>`: the index of the `for_each` of that name.
    IndexOf(TaskId),
    /// `output`: of the task itself, in what it sets.
    OwnOutput,
    /// `shared`: contexts that runs share, by name.
    Shared,
    /// `context`
    Context,
    /// `config`
    Config,
    /// `event`
    Event,
    /// `params`
    Params,
}

/// A step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    /// To the value of a key: `.key` or `["key"]`.
    Key(String),
    /// To an item of a list: `[3]`.
    Item(usize),
}

impl Path {
    /// Parses a text that is nothing but a path; `None` when it is anything else and CEL has to
    /// look at it.
    pub(super) fn parse(text: &str) -> Option<Result<Self, Box<SyntaxError>>> {
        let lead = text.len() - text.trim_start().len();
        let (root, steps) = split(text.trim())?;
        Some(Self::resolve(root, steps, lead).map_err(Box::new))
    }

    /// The path that begins at the name `root`; `offset` is where the name stands.
    pub(super) fn resolve(
        root: &str,
        steps: Vec<PathStep>,
        offset: usize,
    ) -> Result<Self, SyntaxError> {
        let root = match root {
            "input" => Root::Input,
            "item" => Root::Item,
            "index" => Root::Index,
            "output" => Root::OwnOutput,
            "shared" => Root::Shared,
            "context" => Root::Context,
            "config" => Root::Config,
            "event" => Root::Event,
            "params" => Root::Params,
            "run" => return Self::into_run(steps, offset),
            "tasks" => return Self::into_task(steps, offset),
            "items" => return Self::into_group("items", Root::ItemOf, steps, offset),
            "indexes" => return Self::into_group("indexes", Root::IndexOf, steps, offset),
            other => {
                let error = SyntaxError::new(offset, format!("unknown name `{other}`"));
                return Err(error.help(match suggest(other, ROOTS) {
                    Some(root) => format!("did you mean `{root}`?"),
                    None => "names are `input`, `tasks.<id>`, `run`, `item`, `index`, `context` \
                             and `config`"
                        .to_owned(),
                }));
            }
        };
        Ok(Self { root, steps })
    }

    /// `items.<id>` and `indexes.<id>`.
    fn into_group(
        name: &str,
        root: fn(TaskId) -> Root,
        steps: Vec<PathStep>,
        offset: usize,
    ) -> Result<Self, SyntaxError> {
        let mut rest = steps.into_iter();
        let Some(PathStep::Key(id)) = rest.next() else {
            let message = format!("`{name}` needs the id of a group with `for_each`");
            let error = SyntaxError::new(offset, message);
            return Err(error.help(format!("write `{name}.<id>`, with the id itself")));
        };
        let group =
            TaskId::new(&id).map_err(|error| SyntaxError::new(offset, error.to_string()))?;
        Ok(Self { root: root(group), steps: rest.collect() })
    }

    fn into_run(steps: Vec<PathStep>, offset: usize) -> Result<Self, SyntaxError> {
        match steps.first() {
            Some(PathStep::Key(field)) if !RUN_FIELDS.contains(&&**field) => {
                let error = SyntaxError::new(offset, format!("`run` has no `{field}`"));
                Err(error.help(match suggest(field, RUN_FIELDS) {
                    Some(field) => format!("did you mean `run.{field}`?"),
                    None => "it has `run.id`, `run.workflow`, `run.version` and `run.started_at`"
                        .to_owned(),
                }))
            }
            _ => Ok(Self { root: Root::Run, steps }),
        }
    }

    fn into_task(steps: Vec<PathStep>, offset: usize) -> Result<Self, SyntaxError> {
        let mut rest = steps.into_iter();
        let Some(PathStep::Key(id)) = rest.next() else {
            let error = SyntaxError::new(offset, "`tasks` needs the id of a task");
            return Err(error.help("write `tasks.<id>.output`, with the id itself"));
        };
        let task = TaskId::new(&id).map_err(|error| SyntaxError::new(offset, error.to_string()))?;
        let field = rest.next();
        let root = match &field {
            Some(PathStep::Key(field)) if field == "output" => Root::Output(task),
            Some(PathStep::Key(field)) if field == "outcome" => Root::Outcome(task),
            Some(PathStep::Key(field)) if field == "failure" => Root::Failure(task),
            field => {
                let message = match field {
                    Some(PathStep::Key(field)) => format!("`tasks.{id}` has no `{field}`"),
                    _ => format!("`tasks.{id}` is no value"),
                };
                let error = SyntaxError::new(offset, message);
                return Err(error.help(format!(
                    "write `tasks.{id}.output`, `tasks.{id}.outcome` or `tasks.{id}.failure`"
                )));
            }
        };
        Ok(Self { root, steps: rest.collect() })
    }

    /// What the path leads to.
    ///
    /// # Errors
    /// With what is there instead.
    pub(super) fn look_up<'s>(&self, scope: &'s Scope) -> Result<Cow<'s, Value>, String> {
        let mut value = match self.begin(scope)? {
            Cow::Borrowed(value) => value,
            Cow::Owned(value) if self.steps.is_empty() => return Ok(Cow::Owned(value)),
            Cow::Owned(value) => return Err(self.misstep(0, &value)),
        };
        for (done, step) in self.steps.iter().enumerate() {
            let next = match step {
                PathStep::Key(key) => value.as_object().and_then(|object| object.get(key)),
                PathStep::Item(place) => value.as_array().and_then(|list| list.get(*place)),
            };
            value = next.ok_or_else(|| self.misstep(done, value))?;
        }
        Ok(Cow::Borrowed(value))
    }

    /// Whether the value that the path leads to has a key, as CEL's `has()` asks.
    pub(super) fn has(&self, key: &str, scope: &Scope) -> Result<bool, String> {
        let value = self.look_up(scope)?;
        match value.as_object() {
            Some(object) => Ok(object.contains_key(key)),
            None => Err(format!("`has` asks for a key of {self}, which is {}", kind_of(&value))),
        }
    }

    /// The value of the name the path begins with.
    fn begin<'s>(&self, scope: &'s Scope) -> Result<Cow<'s, Value>, String> {
        let task_scope = |task: &TaskId| {
            scope.tasks.get(task).ok_or_else(|| format!("task `{task}` is not in scope"))
        };
        let item_of = |group: &TaskId| {
            scope.items.get(group).ok_or_else(|| format!("no item of `{group}` is in scope"))
        };
        let innermost =
            || scope.item.as_ref().ok_or_else(|| format!("`{self}` is not in scope here"));
        let value = match &self.root {
            Root::Input => &scope.input,
            Root::Run => &scope.run,
            Root::OwnOutput => &scope.output,
            Root::Shared => &scope.shared,
            Root::Context => &scope.context,
            Root::Config => &scope.config,
            Root::Event => &scope.event,
            Root::Params => &scope.params,
            Root::Item => &innermost()?.value,
            Root::Index => &innermost()?.index,
            Root::ItemOf(group) => &item_of(group)?.value,
            Root::IndexOf(group) => &item_of(group)?.index,
            Root::Failure(task) => task_scope(task)?.failure.as_ref().unwrap_or(&NULL),
            Root::Output(task) => task_scope(task)?.output_of(task)?,
            Root::Outcome(task) => {
                return match task_scope(task)?.outcome {
                    Some(outcome) => Ok(Cow::Owned(Value::from(outcome.as_str()))),
                    None => Err(format!("task `{task}` has no outcome: it has not ended")),
                };
            }
        };
        Ok(Cow::Borrowed(value))
    }

    /// Why the step after `done` steps is none that `value` allows.
    fn misstep(&self, done: usize, value: &Value) -> String {
        let reached = Self { root: self.root.clone(), steps: self.steps[..done].to_vec() };
        match (&self.steps[done], value) {
            (PathStep::Key(key), Value::Object(object)) => {
                let keys = || object.keys().map(String::as_str);
                let hint = match suggest(key, keys()) {
                    Some(near) => format!("; did you mean `{near}`?"),
                    None => String::new(),
                };
                format!("no such key `{key}` in {reached} ({}){hint}", describe(value))
            }
            (PathStep::Item(place), Value::Array(_)) => {
                format!("no item {place} in {reached} ({})", describe(value))
            }
            (PathStep::Key(key), _) => {
                format!("no key `{key}` in {reached}: it is {}", kind_of(value))
            }
            (PathStep::Item(place), _) => {
                format!("no item {place} in {reached}: it is {}", kind_of(value))
            }
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            Root::Input => f.write_str("input")?,
            Root::Run => f.write_str("run")?,
            Root::Output(task) => write!(f, "tasks.{task}.output")?,
            Root::Outcome(task) => write!(f, "tasks.{task}.outcome")?,
            Root::Failure(task) => write!(f, "tasks.{task}.failure")?,
            Root::Item => f.write_str("item")?,
            Root::Index => f.write_str("index")?,
            Root::ItemOf(group) => write!(f, "items.{group}")?,
            Root::IndexOf(group) => write!(f, "indexes.{group}")?,
            Root::OwnOutput => f.write_str("output")?,
            Root::Shared => f.write_str("shared")?,
            Root::Context => f.write_str("context")?,
            Root::Config => f.write_str("config")?,
            Root::Event => f.write_str("event")?,
            Root::Params => f.write_str("params")?,
        }
        write_steps(f, &self.steps)
    }
}

/// Writes steps as they follow a name: `.key`, `["odd key"]`, `[3]`.
///
/// # Errors
/// When nothing can be written.
pub fn write_steps(to: &mut impl fmt::Write, steps: &[PathStep]) -> fmt::Result {
    for step in steps {
        match step {
            PathStep::Item(place) => write!(to, "[{place}]")?,
            PathStep::Key(key) if is_word(key) => write!(to, ".{key}")?,
            PathStep::Key(key) => write!(to, "[{key:?}]")?,
        }
    }
    Ok(())
}

/// What kind of value it is, with its article.
pub(super) const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What kind of value it is and what it holds.
fn describe(value: &Value) -> String {
    match value {
        Value::Object(object) if object.is_empty() => "empty object".to_owned(),
        Value::Object(object) => {
            let listed: Vec<_> = object.keys().take(KEYS_LISTED_MAX).map(String::as_str).collect();
            let more = if object.len() > KEYS_LISTED_MAX { ", …" } else { "" };
            format!("object with keys: {}{more}", listed.join(", "))
        }
        Value::Array(list) => format!("list of {}", list.len()),
        other => kind_of(other).to_owned(),
    }
}

/// Splits `a.b["c"][0]` into its name and steps; `None` for anything else.
fn split(text: &str) -> Option<(&str, Vec<PathStep>)> {
    let (root, mut rest) = word(text)?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let (key, after) = word(after)?;
            steps.push(PathStep::Key(key.to_owned()));
            rest = after;
        } else {
            let inside = rest.strip_prefix('[')?;
            let (step, after) = index(inside)?;
            steps.push(step);
            rest = after.strip_prefix(']')?;
        }
    }
    Some((root, steps))
}

/// The word at the beginning of `text`, if it is none of CEL's own.
fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let reserved = matches!(word, "true" | "false" | "null" | "in");
    (is_word(word) && !reserved).then_some((word, rest))
}

/// The number or the quoted key at the beginning of `text`.
fn index(text: &str) -> Option<(PathStep, &str)> {
    for quote in ['"', '\''] {
        if let Some(inside) = text.strip_prefix(quote) {
            let (key, after) = inside.split_once(quote)?;
            let plain = !key.is_empty() && !key.contains(['\\', '\n', '"', '\'']);
            return plain.then(|| (PathStep::Key(key.to_owned()), after));
        }
    }
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let place = text[..end].parse::<u32>().ok()?;
    Some((PathStep::Item(usize::try_from(place).ok()?), &text[end..]))
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
