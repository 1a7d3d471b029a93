//! What a file says of the workflow as a whole.

use serde_json::Value;

use super::formula::{Formula, Reader, What, read_template};
use super::{DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, config, is_version, sharing, step_of};
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
    pub(super) enabled: bool,
    pub(super) input_schema: Value,
    pub(super) config: RunConfig,
    pub(super) output: Option<Template>,
}

impl Head {
    /// Reads it, and adds what is computed in it to `formulas`.
    pub(super) fn read(
        root: &mut Table<'_>,
        templates: &mut TemplateReader,
        formulas: &mut Vec<Formula>,
    ) -> Self {
        root.require(&["id", "version"]);
        let head = Self {
            id: root.parsed("id"),
            name: read_text(root, "name", NAME_CHARS_MAX),
            description: read_text(root, "description", DESCRIPTION_CHARS_MAX),
            version: read_version(root),
            enabled: root.boolean("enabled").unwrap_or(true),
            input_schema: read_schema(root, "input").unwrap_or(Value::Bool(true)),
            config: RunConfig {
                sharing: sharing::read(root, templates, formulas),
                ..config::read(root, templates, formulas)
            },
            output: read_template(root, "output", templates),
        };
        if let Some(output) = &head.output {
            let what = What::Template(output.clone());
            let path = vec![Step::Key("output")];
            formulas.push(Formula { task: None, path, reader: Reader::Run, what });
        }
        head
    }
}

/// Reads a text of at most `chars_max` characters.
pub(super) fn read_text(
    root: &mut Table<'_>,
    key: &'static str,
    chars_max: usize,
) -> Option<String> {
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

/// Reads a JSON Schema; `None` when there is none, or it is wrong.
pub(super) fn read_schema(table: &mut Table<'_>, key: &'static str) -> Option<Value> {
    let schema = table.json(key)?;
    let Err(error) = Schema::compile(&schema) else { return Some(schema) };
    for violation in &error.violations {
        let path = steps_of(&schema, &violation.pointer);
        let mut steps = vec![Step::Key(key)];
        steps.extend(path.iter().map(step_of));
        table.report(&steps, "invalid-schema", violation.message.clone(), None);
    }
    None
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
