//! Plain paths into what is in scope, such as `tasks.a.output.b[0].c`: the fast way.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use super::{KEYS_LISTED_MAX, Scope, SyntaxError};
use crate::document::suggest;
use crate::id::TaskId;

/// The fields of `run`.
pub const RUN_FIELDS: [&str; 3] = ["id", "workflow", "version"];

/// The names an expression may begin with.
const ROOTS: [&str; 3] = ["input", "tasks", "run"];

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
    /// `run`
    Run,
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
        match root {
            "input" => Ok(Self { root: Root::Input, steps }),
            "run" => Self::into_run(steps, offset),
            "tasks" => Self::into_task(steps, offset),
            other => {
                let error = SyntaxError::new(offset, format!("unknown name `{other}`"));
                Err(error.help(match suggest(other, ROOTS) {
                    Some(root) => format!("did you mean `{root}`?"),
                    None => "names are `input`, `tasks.<id>` and `run`".to_owned(),
                }))
            }
        }
    }

    fn into_run(steps: Vec<PathStep>, offset: usize) -> Result<Self, SyntaxError> {
        match steps.first() {
            Some(PathStep::Key(field)) if !RUN_FIELDS.contains(&&**field) => {
                let error = SyntaxError::new(offset, format!("`run` has no `{field}`"));
                Err(error.help(match suggest(field, RUN_FIELDS) {
                    Some(field) => format!("did you mean `run.{field}`?"),
                    None => "it has `run.id`, `run.workflow` and `run.version`".to_owned(),
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
            field => {
                let message = match field {
                    Some(PathStep::Key(field)) => format!("`tasks.{id}` has no `{field}`"),
                    _ => format!("`tasks.{id}` is no value"),
                };
                let error = SyntaxError::new(offset, message);
                return Err(
                    error.help(format!("write `tasks.{id}.output` or `tasks.{id}.outcome`"))
                );
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
        match &self.root {
            Root::Input => Ok(Cow::Borrowed(&scope.input)),
            Root::Run => Ok(Cow::Borrowed(&scope.run)),
            Root::Outcome(task) => match task_scope(task)?.outcome {
                Some(outcome) => Ok(Cow::Owned(Value::from(outcome.as_str()))),
                None => Err(format!("task `{task}` has no outcome: it has not ended")),
            },
            Root::Output(task) => {
                let task_scope = task_scope(task)?;
                task_scope.output.as_ref().map(Cow::Borrowed).ok_or_else(|| {
                    match task_scope.outcome {
                        Some(outcome) => {
                            format!(
                                "task `{task}` has no output: its outcome is {}",
                                outcome.as_str()
                            )
                        }
                        None => format!("task `{task}` has no output: it has not ended"),
                    }
                })
            }
        }
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
        }
        for step in &self.steps {
            match step {
                PathStep::Item(place) => write!(f, "[{place}]")?,
                PathStep::Key(key) if is_word(key) => write!(f, ".{key}")?,
                PathStep::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
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
