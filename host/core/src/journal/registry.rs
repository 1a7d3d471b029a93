//! What happens to the definitions of workflows and templates.

use serde::{Deserialize, Serialize};

use super::StreamEvent;
use crate::id::{Digest, TemplateId};

/// Something that happened to a workflow's definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkflowEvent {
    /// The workflow has this definition from now on. Runs that are there keep theirs.
    WorkflowPut {
        /// The digest of its text, which the store keeps.
        source: Digest,
        /// The version that its author gave it.
        version: String,
        /// Where it comes from.
        origin: Origin,
    },
    /// The workflow is gone; runs that are there go on.
    WorkflowDeleted,
    /// Somebody switched it on or off, whatever its definition says.
    WorkflowSwitched {
        /// Whether new runs may start.
        enabled: bool,
    },
}

/// Something that happened to a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TemplateEvent {
    /// The template has this text from now on. Workflows that were made of it stay as they are.
    TemplatePut {
        /// The digest of its text, which the store keeps.
        source: Digest,
        /// The version that its author gave it.
        version: String,
        /// Where it comes from.
        origin: Origin,
    },
    /// The template is gone.
    TemplateDeleted,
}

/// Where a definition comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A file in the host's folder, by its name there.
    File(String),
    /// A request to the API.
    Api,
    /// It was made of a template.
    Template {
        /// The template.
        id: TemplateId,
        /// Its text at that time.
        source: Digest,
    },
}

impl StreamEvent for WorkflowEvent {
    fn kind(&self) -> &'static str {
        match self {
            Self::WorkflowPut { .. } => "workflow-put",
            Self::WorkflowDeleted => "workflow-deleted",
            Self::WorkflowSwitched { .. } => "workflow-switched",
        }
    }

    fn texts(&self) -> Vec<Digest> {
        match self {
            Self::WorkflowPut { source, .. } => vec![*source],
            _ => Vec::new(),
        }
    }
}

impl StreamEvent for TemplateEvent {
    fn kind(&self) -> &'static str {
        match self {
            Self::TemplatePut { .. } => "template-put",
            Self::TemplateDeleted => "template-deleted",
        }
    }

    fn texts(&self) -> Vec<Digest> {
        match self {
            Self::TemplatePut { source, .. } => vec![*source],
            _ => Vec::new(),
        }
    }
}
