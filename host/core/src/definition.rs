//! Reads workflow files: TOML text into a [`Workflow`], or all that is wrong with it.
//!
//! ```text
//! source ─ document ─┬─ head    id, version, [input], [config], output
//!                    └─ task    [[tasks]] with [defaults]
//!                          │
//!                        links  needs and references ─ graph, without cycles
//!                          │
//!                      Definition ─ check_types: against the task types that are loaded
//! ```
//!
//! `docs/workflows.md` is the guide of the format.

mod head;
mod links;
mod paths;
mod policy;
mod task;
mod types;
mod version;

use std::sync::Arc;

use serde_json::Value;

use crate::document::{Document, Problem, Step, Table};
use crate::expression::{PathStep, Template, TemplateError, TemplateReader};
use crate::id::Digest;
use crate::workflow::{Block, NodeIndex, Parts, Workflow};

pub use policy::{
    FUEL_MAX, MAX_PARALLEL_MAX, MEMORY_MAX, MEMORY_MIN, OUTPUT_MAX, PRIORITY_MAX, RETRY_WAIT_MAX,
    RUN_TIMEOUT_MAX, TASK_ATTEMPTS_MAX, TASK_TIMEOUT_MAX,
};
pub use version::is_version;

use head::Head;
use task::RawTask;

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
    let workflow = read_workflow(&document, source);
    let problems = document.problems();
    let definition = workflow.filter(|_| problems.is_empty()).map(|workflow| {
        Arc::new(Definition {
            workflow: Arc::new(workflow),
            source: source.into(),
            origin: origin.to_owned(),
        })
    });
    Reading { definition, problems }
}

fn read_workflow(document: &Document<'_>, source: &str) -> Option<Workflow> {
    let mut templates = TemplateReader::default();
    let mut root = document.root();
    let head = Head::read(&mut root, &mut templates);
    let defaults = policy::Defaults::read(&mut root);
    let tasks = task::read_all(&mut root, &defaults, &mut templates);
    root.finish();

    paths::check(document, &head, &tasks);
    let graph = links::link(document, &tasks, head.output.as_ref())?;
    let id = head.id?;
    let tasks: Option<Vec<_>> = tasks.into_iter().map(RawTask::into_task).collect();
    let tasks = tasks?;
    let block =
        Block { owner: None, tasks: (0..tasks.len()).map(NodeIndex::new).collect(), output: None };
    let parts = Parts {
        name: head.name.unwrap_or_else(|| id.to_string()),
        id,
        description: head.description.unwrap_or_default(),
        version: head.version?,
        digest: Digest::of(source.as_bytes()),
        enabled: true,
        input_schema: head.input_schema,
        config: head.config,
        tasks,
        blocks: vec![block],
        graph,
        finally: None,
        output: head.output,
    };
    Some(Workflow::assemble(parts))
}

/// Parses the value at `path` as a template, and notes what is wrong in it.
fn read_template(
    table: &Table<'_>,
    path: &[Step<'_>],
    value: &Value,
    templates: &mut TemplateReader,
) -> Option<Template> {
    match templates.read(value) {
        Ok(template) => Some(template),
        Err(errors) => {
            for TemplateError { path: inside, error } in errors {
                let mut steps = path.to_vec();
                steps.extend(inside.iter().map(step_of));
                steps.push(Step::Byte(error.offset));
                table.report(&steps, "bad-expression", error.message, error.help);
            }
            None
        }
    }
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
