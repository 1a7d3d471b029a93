//! What a file says of the workflow as a whole.

use serde_json::Value;

use super::{DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, is_version, policy, read_template, step_of};
use crate::document::{Step, Table};
use crate::expression::{PathStep, Template, TemplateReader};
use crate::id::WorkflowId;
use crate::schema::Schema;
use crate::workflow::RunConfig;

/// Everything but the tasks; `None` where a key is absent or wrong.
pub(super) struct Head {
    pub(super) id: Option<WorkflowId>,
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) version: Option<String>,
    pub(super) input_schema: Value,
    pub(super) config: RunConfig,
    pub(super) output: Option<Template>,
}

impl Head {
    pub(super) fn read(root: &mut Table<'_>, templates: &mut TemplateReader) -> Self {
        root.require(&["id", "version"]);
        Self {
            id: root.parsed("id"),
            name: read_text(root, "name", NAME_CHARS_MAX),
            description: read_text(root, "description", DESCRIPTION_CHARS_MAX),
            version: read_version(root),
            input_schema: read_input_schema(root),
            config: policy::read_config(root),
            output: root
                .json("output")
                .and_then(|output| read_template(root, &[Step::Key("output")], &output, templates)),
        }
    }
}

fn read_text(root: &mut Table<'_>, key: &'static str, chars_max: usize) -> Option<String> {
    let text = root.string(key)?;
    let chars = text.chars().count();
    if chars > chars_max {
        let help = format!("the most is {chars_max}");
        let message = format!("it has {chars} characters");
        root.report(&[Step::Key(key)], "too-long", message, Some(help));
    }
    Some(text)
}

fn read_version(root: &mut Table<'_>) -> Option<String> {
    let version = root.string("version")?;
    if is_version(&version) {
        return Some(version);
    }
    let message = "the version is no semantic version";
    let help = "write three numbers, such as \"1.0.0\"".to_owned();
    root.report(&[Step::Key("version")], "invalid-version", message, Some(help));
    None
}

/// Reads `[input]`, the schema of the run's input. Anything is welcome when there is none.
fn read_input_schema(root: &mut Table<'_>) -> Value {
    let Some(schema) = root.json("input") else { return Value::Bool(true) };
    if let Err(error) = Schema::compile(&schema) {
        for violation in &error.violations {
            let path = steps_of(&schema, &violation.pointer);
            let mut steps = vec![Step::Key("input")];
            steps.extend(path.iter().map(step_of));
            root.report(&steps, "invalid-schema", violation.message.clone(), None);
        }
        return Value::Bool(true);
    }
    schema
}

/// A JSON Pointer as steps into `value`, which tells items from keys.
fn steps_of(value: &Value, pointer: &str) -> Vec<PathStep> {
    let mut steps = Vec::new();
    let mut value = Some(value);
    for token in pointer.split('/').skip(1) {
        let key = token.replace("~1", "/").replace("~0", "~");
        let (step, next) = match (value, key.parse::<usize>()) {
            (Some(Value::Array(items)), Ok(place)) => (PathStep::Item(place), items.get(place)),
            (value, _) => {
                let next = value.and_then(|value| value.get(&key));
                (PathStep::Key(key), next)
            }
        };
        steps.push(step);
        value = next;
    }
    steps
}
