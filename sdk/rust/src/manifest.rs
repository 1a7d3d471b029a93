//! What a plugin says about itself: the JSON that `describe` returns.
//!
//! Its published form is in `wit/README.md`. The builder methods are the keys of [`plugin!`](crate::plugin!),
//! so an unknown key is a compile error that names the ones there are.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::Result;

/// The version of the contract that this SDK speaks.
const CONTRACT: &str = "1.0.0";

/// What a call of a task type may do to the world. The host enforces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effects {
    /// Equal input gives equal output: no HTTP, and nothing that differs between two calls.
    Pure,
    /// Reads the world: GET and HEAD only.
    Reads,
    /// May change the world.
    Writes,
}

/// Which kind of slot an attempt occupies while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceClass {
    /// Computes: one slot a core.
    Cpu,
    /// Mostly waits for something outside.
    Io,
    /// Waits for a model and spends its budget.
    Ai,
    /// Waits for GitHub, within its rate limits.
    Github,
}

/// The manifest of a plugin.
#[derive(Debug, Serialize)]
pub struct Manifest {
    name: String,
    version: String,
    summary: String,
    contract: &'static str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    capabilities: Map<String, Value>,
    task_types: Map<String, Value>,
}

impl Manifest {
    /// A manifest without task types, from what `Cargo.toml` says.
    pub fn new(name: &str, version: &str, summary: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            contract: CONTRACT,
            capabilities: Map::new(),
            task_types: Map::new(),
        }
    }

    /// The plugin's name, where it is not the package's: it must equal the stem of the `.wasm` file.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// What the plugin is for, in one line, where it is not the package's `description`.
    #[must_use]
    pub fn summary(mut self, summary: &str) -> Self {
        summary.clone_into(&mut self.summary);
        self
    }

    /// Hosts the plugin wants to call, such as `api.github.com`; `*` means that the input decides.
    /// Asking is not having: the operator grants them in `plugins/<name>.policy.toml`.
    #[must_use]
    pub fn http<const N: usize>(mut self, hosts: [&str; N]) -> Self {
        self.capabilities.insert("http".to_owned(), json!(hosts.to_vec()));
        self
    }

    /// Secrets the plugin wants to use, by name; `*` means that the input decides. The operator grants
    /// each with the destinations that it may go to.
    #[must_use]
    pub fn secrets<const N: usize>(mut self, names: [&str; N]) -> Self {
        self.capabilities.insert("secrets".to_owned(), json!(names.to_vec()));
        self
    }

    /// Whether the plugin wants to ask models.
    #[must_use]
    pub fn ai(mut self, asks: bool) -> Self {
        self.capabilities.insert("ai".to_owned(), json!(asks));
        self
    }

    /// Whether an instance of the plugin may serve one call after another: what a call leaves in memory (statics,
    /// thread-locals) is nothing that a later one would mind. The operator grants it by `[reuse]`.
    #[must_use]
    pub fn reuse(mut self, asks: bool) -> Self {
        self.capabilities.insert("reuse".to_owned(), json!(asks));
        self
    }

    /// Names of the run's context that the plugin wants to read; `*` for every name.
    #[must_use]
    pub fn reads_context<const N: usize>(self, names: [&str; N]) -> Self {
        self.context("read", &names)
    }

    /// Names of the run's context that the plugin wants to set; `*` for every name.
    #[must_use]
    pub fn writes_context<const N: usize>(self, names: [&str; N]) -> Self {
        self.context("write", &names)
    }

    fn context(mut self, key: &str, names: &[&str]) -> Self {
        self.capabilities.entry("context").or_insert_with(|| json!({}))[key] = json!(names);
        self
    }

    /// Adds a task type under its short name.
    #[must_use]
    pub fn task_type(mut self, name: &str, task_type: TaskType) -> Self {
        let value = serde_json::to_value(task_type).expect("a task type is plain data");
        self.task_types.insert(name.to_owned(), value);
        self
    }
}

/// One task type of a plugin.
#[derive(Debug, Serialize)]
pub struct TaskType {
    summary: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    docs: String,
    input_schema: Schema,
    output_schema: Schema,
    effects: Effects,
    resource_class: ResourceClass,
    idempotent: bool,
    #[serde(skip_serializing_if = "Map::is_empty")]
    limits: Map<String, Value>,
}

impl TaskType {
    /// The task type that `handler` executes, with the schemas of its types.
    ///
    /// Until it says otherwise it may change the world, computes, and is not idempotent: the choice
    /// that is never wrong, only slower.
    pub fn of<I: JsonSchema, O: JsonSchema>(_handler: fn(I) -> Result<O>) -> Self {
        let settings = SchemaSettings::draft2020_12();
        let input = settings.clone().into_generator();
        let output = settings.for_serialize().into_generator();
        Self {
            summary: String::new(),
            docs: String::new(),
            input_schema: input.into_root_schema_for::<I>(),
            output_schema: output.into_root_schema_for::<O>(),
            effects: Effects::Writes,
            resource_class: ResourceClass::Cpu,
            idempotent: false,
            limits: Map::new(),
        }
    }

    /// One line on what the task type does.
    #[must_use]
    pub fn summary(mut self, summary: &str) -> Self {
        summary.clone_into(&mut self.summary);
        self
    }

    /// A longer description in Markdown.
    #[must_use]
    pub fn docs(mut self, docs: &str) -> Self {
        docs.clone_into(&mut self.docs);
        self
    }

    /// What a call may do to the world; `Writes` unless said otherwise. A pure task type is idempotent.
    #[must_use]
    pub fn effects(mut self, effects: Effects) -> Self {
        self.effects = effects;
        self.idempotent |= effects == Effects::Pure;
        self
    }

    /// Which kind of slot an attempt occupies; `Cpu` unless said otherwise.
    #[must_use]
    pub fn class(mut self, class: ResourceClass) -> Self {
        self.resource_class = class;
        self
    }

    /// Whether a second call with the same idempotency key does no further harm.
    #[must_use]
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }

    /// Fuel the author thinks right for one call: about one unit a WebAssembly instruction.
    #[must_use]
    pub fn fuel(self, units: u64) -> Self {
        self.limit("fuel", units)
    }

    /// Bytes of memory the author thinks right for one call.
    #[must_use]
    pub fn memory_bytes(self, bytes: u64) -> Self {
        self.limit("memory_bytes", bytes)
    }

    /// Milliseconds one call may take, waiting included.
    #[must_use]
    pub fn timeout_ms(self, milliseconds: u64) -> Self {
        self.limit("timeout_ms", milliseconds)
    }

    /// Bytes of output the author thinks right for one call.
    #[must_use]
    pub fn output_bytes(self, bytes: u64) -> Self {
        self.limit("output_bytes", bytes)
    }

    fn limit(mut self, name: &str, value: u64) -> Self {
        self.limits.insert(name.to_owned(), value.into());
        self
    }
}

/// Takes the lines of a doc comment apart: the first paragraph is the summary, the rest the docs.
pub fn summary_and_docs(lines: &[&str]) -> (String, String) {
    let mut lines = lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    let summary = lines.by_ref().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let docs = lines.collect::<Vec<_>>().join("\n");
    (summary, docs.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doc_comment_is_a_summary_and_docs() {
        let (summary, docs) =
            summary_and_docs(&[" Greets", " somebody.", "", " ```json", "   {}", " ```"]);
        assert_eq!(summary, "Greets somebody.");
        assert_eq!(docs, "```json\n  {}\n```");
        assert_eq!(summary_and_docs(&[]), (String::new(), String::new()));
    }
}
