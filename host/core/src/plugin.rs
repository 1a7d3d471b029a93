//! What a plugin says about itself, in terms the planner and the validator can use.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{PluginName, TaskType};

/// The checked content of a plugin's `describe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The name of the plugin; equals the stem of its file.
    pub name: PluginName,
    /// The plugin's own version, semantic versioning.
    pub version: String,
    /// One line on what the plugin is for.
    pub summary: String,
    /// What the plugin asks to be granted.
    pub capabilities: Capabilities,
    /// The task types it offers, by their full name.
    pub task_types: BTreeMap<TaskType, TaskTypeSpec>,
}

/// What a plugin asks for. Asking is not having: the operator's policy grants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Hosts it wants to call, such as `api.github.com`; `*` means that the input decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<String>,
    /// Secrets it wants to use, by name; `*` means that the input decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Whether it wants to ask models.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ai: bool,
    /// What it wants to do with the context of a run.
    #[serde(default, skip_serializing_if = "ContextNames::is_empty")]
    pub context: ContextNames,
    /// Whether its instances may serve one call after another: what a call leaves behind in the memory of
    /// its instance is nothing that a later one would mind.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reuse: bool,
}

/// Names of the context of a run, by what is done with them; `*` stands for every name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextNames {
    /// Names that are read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<String>,
    /// Names that are set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<String>,
}

impl ContextNames {
    /// Whether nothing is read and nothing set.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.write.is_empty()
    }
}

/// Whether a list of names, in which `*` stands for every one, has `name`.
pub fn covers(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known == "*" || known == name)
}

/// What the host does for a plugin, and can refuse it: only when an operator grants it, or within limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    /// Outbound requests.
    Http,
    /// Secrets in them.
    Secrets,
    /// Models.
    Ai,
    /// The context of the run.
    Context,
    /// Instances that serve one call after another.
    Reuse,
    /// Files that it leaves. Every plugin may, within the limits of its call.
    Artefacts,
}

impl Capability {
    /// The word for this capability, as in the manifest, the policy and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Secrets => "secrets",
            Self::Ai => "ai",
            Self::Context => "context",
            Self::Reuse => "reuse",
            Self::Artefacts => "artefacts",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One task type: what goes in, what comes out, what it may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskTypeSpec {
    /// One line on what the task type does.
    pub summary: String,
    /// A longer description in Markdown, possibly empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub docs: String,
    /// JSON Schema (2020-12) of the input.
    pub input_schema: Value,
    /// JSON Schema (2020-12) of the output.
    pub output_schema: Value,
    /// What a call may do to the world.
    pub effects: Effects,
    /// Which slots its attempts occupy.
    pub resource_class: ResourceClass,
    /// Whether a second call with the same idempotency key does no further harm.
    pub idempotent: bool,
    /// Limits the author thinks right; the operator's and the task's own go before them.
    #[serde(default)]
    pub limits: LimitsWish,
}

impl TaskTypeSpec {
    /// Whether a run that was started with `other` can go on with this one: the same schemas, since its
    /// inputs were checked against them and its expressions read such outputs, and the same effects,
    /// since what may be done to the world was accepted with the workflow.
    pub fn can_stand_in_for(&self, other: &Self) -> bool {
        self.input_schema == other.input_schema
            && self.output_schema == other.output_schema
            && self.effects == other.effects
    }
}

/// What a call of a task type may do to the world. Enforced by the host, not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effects {
    /// Equal input gives equal output; no HTTP at all.
    Pure,
    /// Reads the world: GET and HEAD only.
    Reads,
    /// May change the world.
    Writes,
}

impl Effects {
    /// The word for these effects, as in the manifest and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Reads => "reads",
            Self::Writes => "writes",
        }
    }
}

/// Which kind of slot an attempt occupies while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

impl ResourceClass {
    /// Every class, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Io, Self::Ai, Self::Github];

    /// The word for this class, as in the manifest, the configuration and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Io => "io",
            Self::Ai => "ai",
            Self::Github => "github",
        }
    }
}

impl fmt::Display for ResourceClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Limits of one call that somebody wishes for; `None` leaves the choice to the next in line
/// (task, then plugin, then the host's configuration), under the host's ceiling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsWish {
    /// Units of deterministic work (about one a WebAssembly instruction).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Bytes over all linear memories and tables of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Wall-clock time of the call in milliseconds, host calls included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Bytes of the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec() -> TaskTypeSpec {
        TaskTypeSpec {
            summary: "Reads a page.".to_owned(),
            docs: String::new(),
            input_schema: json!({ "type": "object", "required": ["url"] }),
            output_schema: json!({ "type": "string" }),
            effects: Effects::Reads,
            resource_class: ResourceClass::Io,
            idempotent: true,
            limits: LimitsWish::default(),
        }
    }

    #[test]
    fn a_version_stands_in_for_another_with_equal_schemas_and_effects() {
        let other_words =
            TaskTypeSpec { summary: "Fetches it.".to_owned(), idempotent: false, ..spec() };
        assert!(other_words.can_stand_in_for(&spec()));
        let more = json!({ "type": "object", "required": ["url", "method"] });
        for changed in [
            TaskTypeSpec { input_schema: more, ..spec() },
            TaskTypeSpec { output_schema: json!({ "type": "object" }), ..spec() },
            TaskTypeSpec { effects: Effects::Writes, ..spec() },
        ] {
            assert!(!changed.can_stand_in_for(&spec()), "{changed:?}");
        }
    }
}
