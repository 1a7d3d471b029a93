//! What is read of an issue: the parts of a GitHub `issues` or `issue_comment` payload.
//!
//! Everything else in a payload is ignored, and nothing but the issue has to be there: old payloads
//! lack fields that new ones have, and empty bodies are null.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Labels of an issue that are read. GitHub allows 100.
const LABELS_MAX: usize = 200;
/// Bytes of a label's name that are read.
const LABEL_BYTES_MAX: usize = 200;

/// The input of `github.extract-facts`: a webhook payload, or just its relevant parts.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
pub struct Payload {
    /// The issue.
    pub issue: Issue,
    /// The comment, in payloads of `issue_comment`.
    #[serde(default)]
    pub comment: Option<Comment>,
    /// The repository of the issue: it gives `#12` an address.
    #[serde(default)]
    pub repository: Option<Repository>,
}

/// An issue as GitHub describes it.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
pub struct Issue {
    /// Its number in the repository.
    #[serde(default)]
    pub number: Option<u64>,
    /// Its title.
    #[serde(default)]
    pub title: Option<String>,
    /// Its description in Markdown; null when empty.
    #[serde(default)]
    pub body: Option<String>,
    /// Its page.
    #[serde(default)]
    pub html_url: Option<String>,
    /// Its labels: objects with a name, or names.
    #[serde(default)]
    pub labels: Option<Vec<Label>>,
    /// Present when the issue is a pull request.
    #[serde(default)]
    pub pull_request: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A label of an issue.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Label {
    /// Only its name.
    Name(String),
    /// As GitHub describes it.
    Object {
        /// Its name.
        name: Option<String>,
    },
    /// An empty place in the list.
    Nothing(()),
}

/// A comment as GitHub describes it.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
pub struct Comment {
    /// Its text in Markdown.
    #[serde(default)]
    pub body: Option<String>,
}

/// A repository as GitHub describes it.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
pub struct Repository {
    /// `owner/name`.
    #[serde(default)]
    pub full_name: Option<String>,
    /// Its page.
    #[serde(default)]
    pub html_url: Option<String>,
}

impl Payload {
    /// The names of the issue's labels.
    pub fn label_names(&self) -> Vec<String> {
        let labels = self.issue.labels.as_deref().unwrap_or_default();
        let name = |label: &Label| match label {
            Label::Name(name) => Some(name.clone()),
            Label::Object { name } => name.clone(),
            Label::Nothing(()) => None,
        };
        labels.iter().filter_map(name).take(LABELS_MAX).map(|name| short(&name)).collect()
    }
}

fn short(name: &str) -> String {
    name[..name.floor_char_boundary(LABEL_BYTES_MAX)].to_owned()
}
