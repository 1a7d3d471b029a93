//! Versions of workflows, and where texts come from.

use serde::{Deserialize, Serialize};
use taskloom_core::journal;
use utoipa::ToSchema;

use crate::ledger::Put;

/// The texts that a workflow has had.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WorkflowVersions {
    /// The texts, that which was put last first.
    pub versions: Vec<WorkflowVersion>,
}

/// A text that a workflow has or had.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WorkflowVersion {
    /// The digest of the text.
    pub digest: String,
    /// The version that its author gave it.
    pub version: String,
    /// Where it came from when it was put last.
    pub origin: Origin,
    /// When it was put last.
    pub since: String,
    /// Whether new runs get it.
    pub current: bool,
}

/// A version with its text.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WorkflowVersionText {
    /// What the list has of it.
    #[serde(flatten)]
    pub version: WorkflowVersion,
    /// The text.
    pub source: String,
}

/// Where a text comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Origin {
    /// A file, a request, or a template.
    pub kind: OriginKind,
    /// The name of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The template it was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// The digest of the template's text at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_digest: Option<String>,
}

/// What a text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OriginKind {
    /// A file of the host's folder.
    File,
    /// A request.
    Api,
    /// A template, by a request.
    Template,
}

impl OriginKind {
    /// The word, as in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Api => "api",
            Self::Template => "template",
        }
    }
}

/// Who decided whether a workflow is switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnabledBy {
    /// Its text: the key `enabled`, true when it is left out.
    Definition,
    /// A request to switch it on or off.
    Request,
}

impl WorkflowVersion {
    /// A version; `current` says whether new runs get it.
    pub fn new(version: Put, current: bool) -> Self {
        Self {
            digest: version.source.to_string(),
            version: version.version,
            origin: (&version.origin).into(),
            since: version.at.to_string(),
            current,
        }
    }
}

impl From<&journal::Origin> for Origin {
    fn from(origin: &journal::Origin) -> Self {
        let of = |kind| Self { kind, file: None, template: None, template_digest: None };
        match origin {
            journal::Origin::File(name) => {
                Self { file: Some(name.clone()), ..of(OriginKind::File) }
            }
            journal::Origin::Api => of(OriginKind::Api),
            journal::Origin::Template { id, source } => Self {
                template: Some(id.to_string()),
                template_digest: Some(source.to_string()),
                ..of(OriginKind::Template)
            },
        }
    }
}
