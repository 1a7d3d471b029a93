//! Templates of workflows: files with `[params]`, of which workflows are made.
//!
//! A template is a text, and making a workflow of it makes another text: parameters are put into
//! expressions and values, comments and order stay. The result is read like any other file, so
//! nothing else in the host knows of templates.

mod fill;
mod save;

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Reading, head, is_version, read};
use crate::document::{Document, Problem, Step};
use crate::id::WorkflowId;
use crate::schema::{Schema, Violation};

pub use save::{Parameter, SaveProblem, save_as_template};

/// A template and the text it was read from.
#[derive(Debug)]
pub struct WorkflowTemplate {
    /// Its name.
    pub id: WorkflowId,
    /// A title for people; the id when none was given.
    pub name: String,
    /// What it is for, possibly empty.
    pub description: String,
    /// The author's version.
    pub version: String,
    /// JSON Schema (2020-12) of its parameters.
    pub params_schema: Value,
    /// The text.
    pub source: Arc<str>,
    /// Where the text came from, for messages.
    pub origin: String,
}

/// What came of reading a text: a template, or at least one problem.
#[derive(Debug)]
pub struct TemplateReading {
    /// The template, if nothing is wrong.
    pub template: Option<Arc<WorkflowTemplate>>,
    /// Everything that is wrong, in the order of the text.
    pub problems: Vec<Problem>,
}

/// Why no workflow could be made of a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstantiateError {
    /// The parameters do not fit the template's schema; at least one place.
    #[error("the parameters do not fit: {}", list(.0))]
    Params(Vec<Violation>),
    /// An expression over parameters failed.
    #[error("{field}: {message}")]
    Expression {
        /// The key it stands in, such as `tasks[2].input.title`.
        field: String,
        /// What is wrong.
        message: String,
    },
}

fn list(violations: &[Violation]) -> String {
    let one = |violation: &Violation| match violation.pointer.as_str() {
        "" => violation.message.clone(),
        pointer => format!("{pointer}: {}", violation.message),
    };
    violations.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Whether a text is a template rather than a workflow: whether it has `[params]`.
pub fn is_template(source: &str) -> bool {
    source.contains("params") && Document::parse("", source).root().has("params")
}

/// Reads a template from its TOML text; `origin` names the text in problems.
///
/// What depends on parameters can be judged only with their values: when all have defaults, the
/// workflow that these make is checked too.
pub fn read_template(origin: &str, source: &str) -> TemplateReading {
    let document = Document::parse(origin, source);
    let template = read_head(&document, source);
    let mut problems = document.problems();
    if let Some(template) = template.as_ref().filter(|_| problems.is_empty()) {
        problems = template.check_with_defaults();
    }
    let template = template.filter(|_| problems.is_empty()).map(Arc::new);
    TemplateReading { template, problems }
}

fn read_head(document: &Document<'_>, source: &str) -> Option<WorkflowTemplate> {
    let mut root = document.root();
    root.require(&["id", "version", "params", "tasks"]);
    let id: Option<WorkflowId> = root.parsed("id");
    let version = root.string("version");
    if version.as_ref().is_some_and(|version| !is_version(version)) {
        let help = "write three numbers, such as \"1.0.0\"".to_owned();
        let message = "the version is no semantic version";
        root.report(&[Step::Key("version")], "invalid-version", message, Some(help));
    }
    let name = head::read_text(&mut root, "name", super::NAME_CHARS_MAX);
    let description = head::read_text(&mut root, "description", super::DESCRIPTION_CHARS_MAX);
    let params_schema = head::read_schema(&mut root, "params");
    let id = id?;
    Some(WorkflowTemplate {
        name: name.unwrap_or_else(|| id.to_string()),
        id,
        description: description.unwrap_or_default(),
        version: version?,
        params_schema: params_schema?,
        source: source.into(),
        origin: document.origin().to_owned(),
    })
}

impl WorkflowTemplate {
    /// The text of a workflow with these parameters (an object) and another id. Parameters that are
    /// absent have their defaults.
    ///
    /// The text may still be wrong, as far as that depends on the parameters: read it.
    ///
    /// # Errors
    /// When the parameters do not fit, or an expression over them fails.
    pub fn instantiate(
        &self,
        params: &Value,
        new_id: &WorkflowId,
    ) -> Result<String, InstantiateError> {
        if !params.is_object() {
            let message = "the parameters must be an object".to_owned();
            let violation = Violation { pointer: String::new(), message };
            return Err(InstantiateError::Params(vec![violation]));
        }
        let params = self.with_defaults(params);
        let schema = Schema::compile(&self.params_schema).expect("it was checked when it was read");
        let violations = schema.violations(&params);
        if !violations.is_empty() {
            return Err(InstantiateError::Params(violations));
        }
        fill::fill(&self.source, &params, new_id)
    }

    /// The parameters, with the defaults of those that are absent.
    pub fn with_defaults(&self, params: &Value) -> Value {
        let Value::Object(given) = params else { return params.clone() };
        let known = self.params_schema.get("properties").and_then(Value::as_object);
        let defaults = known
            .into_iter()
            .flatten()
            .filter_map(|(key, schema)| Some((key.clone(), schema.get("default")?.clone())));
        let mut all: Map<_, _> = defaults.collect();
        all.extend(given.iter().map(|(key, value)| (key.clone(), value.clone())));
        Value::Object(all)
    }

    /// What is wrong with the workflow that the defaults make, if they make one. Lines are those of
    /// the template as long as no text over several lines is put in.
    fn check_with_defaults(&self) -> Vec<Problem> {
        let problem = |field: String, message: String| Problem {
            origin: self.origin.clone(),
            line: 1,
            column: 1,
            field,
            code: "bad-expression",
            message,
            help: None,
        };
        match self.instantiate(&Value::Object(Map::new()), &self.id) {
            Err(InstantiateError::Params(_)) => Vec::new(),
            Err(InstantiateError::Expression { field, message }) => vec![problem(field, message)],
            Ok(source) => {
                let Reading { mut problems, .. } = read(&self.origin, &source);
                for problem in &mut problems {
                    problem.message.push_str(" (with the default parameters)");
                }
                problems
            }
        }
    }
}
