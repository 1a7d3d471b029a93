//! Reads workflow files: TOML text into a [`Workflow`], or all that is wrong with it.
//!
//! ```text
//! source ─ document ─┬─ head     id, version, [input], [config], output
//!                    ├─ trigger  [[triggers]]
//!                    └─ task     [[tasks]] and [[finally]], with the tasks in them (group, decision, pause)
//!                          │        what is computed in all of them: formulas
//!                        reach   what a name of a task means to whoever reads it
//!                        links   needs and references ─ graph, without cycles
//!                        scopes  which names are in scope
//!                        paths   what the schema of the input allows
//!                          │
//!                      Definition ─ check_types: against the task types that are loaded
//! ```
//!
//! Every key is in one table ([`keys`]), from which the JSON Schema for editors is made as well.
//!
//! `docs/workflows.md` is the guide of the format.

mod config;
mod context;
mod decision;
pub mod diff;
mod formula;
mod group;
mod head;
mod json_schema;
mod keys;
mod kind;
mod links;
mod paths;
mod pause;
mod policy;
mod reach;
mod scopes;
mod sharing;
mod site;
mod task;
pub mod template;
mod trigger;
mod trigger_host;
mod types;
mod values;
mod version;

use std::sync::Arc;

use crate::document::{Document, Problem, Step};
use crate::expression::{PathStep, TemplateReader};
use crate::id::{Digest, WorkflowId};
use crate::workflow::{Parts, Workflow};

pub use config::{CONCURRENCY_MAX, RUN_TIMEOUT_MAX};
pub use decision::{OPTIONS_MAX, QUESTION_CHARS_MAX};
pub use json_schema::json_schema;
pub use pause::{PROMPT_CHARS_MAX, SIGNAL_BYTES_MAX};
pub use policy::{
    FUEL_MAX, MAX_PARALLEL_MAX, MEMORY_MAX, MEMORY_MIN, OUTPUT_MAX, PRIORITY_MAX, RETRY_CODES_MAX,
    RETRY_WAIT_MAX, TASK_ATTEMPTS_MAX, TASK_TIMEOUT_MAX,
};
pub use task::TASKS_DEPTH_MAX;
pub use trigger::{DEBOUNCE_MAX, RATE_MAX, TRIGGERS_MAX};
pub use trigger_host::HostOffers;
pub use types::KnownVersions;
pub use values::NO_CONFIG_VALUE;
pub use version::is_version;

use formula::Formula;
use head::Head;
use policy::Policy;
use reach::Map;
use site::Site;

/// The longest name of a workflow, in characters.
pub const NAME_CHARS_MAX: usize = 200;

/// The longest description of a workflow, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 10_000;

/// A workflow and the text it was read from.
#[derive(Debug)]
pub struct Definition {
    /// The checked workflow.
    pub workflow: Arc<Workflow>,
    /// The text, as the store keeps it.
    pub source: Arc<str>,
    /// Where the text came from, for messages: the file's name, or `request`.
    pub origin: String,
    /// Where each task stands in it, by its place in the workflow.
    sites: Vec<Site>,
    /// Everything that is computed.
    formulas: Vec<Formula>,
}

/// What came of reading a text: a definition, or at least one problem.
#[derive(Debug)]
pub struct Reading {
    /// The definition, if nothing is wrong.
    pub definition: Option<Arc<Definition>>,
    /// Everything that is wrong, in the order of the text.
    pub problems: Vec<Problem>,
}

/// Reads a workflow from its TOML text; `origin` names the text in problems.
///
/// What can only be judged with the plugins at hand is left to [`Definition::check_types`].
pub fn read(origin: &str, source: &str) -> Reading {
    let document = Document::parse(origin, source);
    let read = read_workflow(&document, source);
    let problems = document.problems();
    let definition = read.filter(|_| problems.is_empty()).map(|(workflow, sites, formulas)| {
        Arc::new(Definition {
            workflow: Arc::new(workflow),
            source: source.into(),
            origin: origin.to_owned(),
            sites,
            formulas,
        })
    });
    Reading { definition, problems }
}

/// As [`read`], and the text must call itself `id`: it was sent to where that workflow is.
pub fn read_as(origin: &str, source: &str, id: &WorkflowId) -> Reading {
    let Reading { definition, mut problems } = read(origin, source);
    let document = Document::parse(origin, source);
    let mut root = document.root();
    if let Some(own) = root.string("id").filter(|own| own != id.as_str()) {
        let help = format!("write `id = \"{id}\"`, or put it to `{own}`");
        let message = format!("the text is of workflow `{own}`, not of `{id}`");
        root.report(&[Step::Key("id")], "other-id", message, Some(help));
        let other = document.problems().into_iter().filter(|problem| problem.code == "other-id");
        problems.splice(0..0, other);
    }
    Reading { definition: definition.filter(|_| problems.is_empty()), problems }
}

/// The id that a text calls itself by, however wrong the rest of it is.
pub fn id_of(source: &str) -> Option<String> {
    Document::parse("", source).root().string("id")
}

fn read_workflow(
    document: &Document<'_>,
    source: &str,
) -> Option<(Workflow, Vec<Site>, Vec<Formula>)> {
    let mut templates = TemplateReader::default();
    let mut formulas = Vec::new();
    let mut root = document.root();
    let head = Head::read(&mut root, &mut templates, &mut formulas);
    let triggers = trigger::read_all(&mut root, &mut templates, &mut formulas);
    let defaults = Policy::read_defaults(&mut root);
    let raw = task::read_all(&mut root, &defaults, &mut templates, &mut formulas);
    if root.has("params") {
        head::read_schema(&mut root, "params");
        let help = "take a template to make workflows of it, or leave `[params]` out".to_owned();
        let message = "`[params]` makes this a template, and no workflow";
        root.report(&[Step::Key("params")], "is-template", message, Some(help));
    }
    keys::finish(&root, &keys::HEAD);

    let map = Map::new(&raw);
    paths::check(document, &head.input_schema, &raw, &formulas);
    scopes::check(document, &map, &formulas);
    sharing::check(document, &raw, &head.config.sharing, &formulas);
    let graph = links::link(document, &map, &formulas)?;
    let (id, finally) = (head.id?, raw.finally);
    let (tasks, blocks, sites) = raw.into_parts()?;
    let parts = Parts {
        name: head.name.unwrap_or_else(|| id.to_string()),
        id,
        description: head.description.unwrap_or_default(),
        version: head.version?,
        digest: Digest::of(source.as_bytes()),
        enabled: head.enabled,
        input_schema: head.input_schema,
        config: head.config,
        tasks,
        blocks,
        graph,
        finally,
        output: head.output,
    };
    let workflow = Workflow { triggers, ..Workflow::assemble(parts) };
    Some((workflow, sites, formulas))
}

/// A step of a JSON value as a step of the document it came from.
fn step_of(step: &PathStep) -> Step<'_> {
    match step {
        PathStep::Key(key) => Step::Key(key),
        PathStep::Item(place) => Step::Item(*place),
    }
}

#[cfg(test)]
mod tests;
