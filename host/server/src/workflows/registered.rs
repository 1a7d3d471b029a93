//! One workflow that runs can be started of, and how it came to be.

use std::sync::Arc;

use taskloom_core::definition::Definition;
use taskloom_core::document::Problem;
use taskloom_core::id::{Digest, PluginName, WorkflowId};
use taskloom_core::journal::Origin;
use taskloom_core::schema::Schema;
use taskloom_core::time::Timestamp;

use super::availability::Verdict;
use crate::ledger::Switched;

/// One workflow that runs can be started of.
pub struct Registered {
    /// The definition that new runs get.
    pub definition: Arc<Definition>,
    /// Where it comes from, and what was decided about it.
    pub standing: Standing,
    /// The schema of the run's input, compiled.
    pub input_schema: Schema,
    /// What is wrong with the file as it is now, if it changed and the version before it is
    /// served; or that another file holds the same id.
    pub problems: Vec<Problem>,
    pub(super) plugins: Vec<PluginName>,
    pub(super) verdict: Verdict,
}

/// What is known of a workflow beside its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Where the text comes from.
    pub origin: Origin,
    /// When it came to be the workflow's text; `None` when that could not be written down.
    pub since: Option<Timestamp>,
    /// Who switched it on or off by a request, if anybody did.
    pub switched: Option<Switched>,
    /// The text that a request gave it and that is not served, because a file has the same id.
    pub hidden: Option<Digest>,
}

impl Registered {
    pub(super) fn new(
        definition: Arc<Definition>,
        standing: Standing,
        problems: Vec<Problem>,
    ) -> Self {
        let workflow = &definition.workflow;
        let input_schema = Schema::compile(&workflow.input_schema)
            .expect("reading the definition has compiled the schema");
        let plugins = workflow.plugins().into_iter().collect();
        Self { standing, input_schema, problems, plugins, verdict: Verdict::default(), definition }
    }

    /// The workflow's id.
    pub fn id(&self) -> &WorkflowId {
        &self.definition.workflow.id
    }

    /// The digest of its text.
    pub fn digest(&self) -> Digest {
        self.definition.workflow.digest
    }

    /// The name of its file, if it comes from one.
    pub fn file(&self) -> Option<&str> {
        match &self.standing.origin {
            Origin::File(name) => Some(name),
            Origin::Api | Origin::Template { .. } => None,
        }
    }

    /// Whether new runs may start: what a request decided, else what its text says.
    pub fn enabled(&self) -> bool {
        self.standing.switched.map_or(self.definition.workflow.enabled, |switched| switched.enabled)
    }

    /// The plugins it uses.
    pub fn plugins(&self) -> &[PluginName] {
        &self.plugins
    }

    /// The same workflow with another of its texts.
    pub fn with(&self, definition: Arc<Definition>) -> Self {
        Self::new(definition, self.standing.clone(), Vec::new())
    }
}
