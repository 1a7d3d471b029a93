//! Makes workflows of templates, and templates of workflows.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde_json::Value;
use taskloom_core::definition::template::{InstantiateError, Parameter, save_as_template};
use taskloom_core::id::WorkflowId;
use taskloom_core::journal::Origin;

use super::error::ApiError;
use super::registry::{self, blocking};
use super::types::{MakeWorkflow, Problem, ProblemDetails, SaveTemplate, Template, Workflow};
use super::{Api, request, templates, workflows};
use crate::templates::Known;
use crate::workflows::Condition;

/// Make a workflow of a template
///
/// The parameters are checked against the template's schema; the text that comes of them is checked
/// like any other and put as a workflow, which knows its template from then on.
#[utoipa::path(post, path = "/templates/{id}/workflows", tag = "templates", operation_id = "makeWorkflow",
    params(
        ("id" = String, Path, description = "The template's id"),
        ("If-Match" = Option<String>, Header, description = "Replace the workflow with this digest; without it the workflow must be new"),
    ),
    request_body = MakeWorkflow,
    responses(
        (status = 201, description = "The workflow was made", body = Workflow),
        (status = 200, description = "It has this text now, or had it before", body = Workflow),
        (status = 400, description = "Malformed JSON or header", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "Unknown template", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "A file holds a workflow of this id", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "There is such a workflow already", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "The parameters do not fit, or what comes of them is wrong", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn make(
    State(api): State<Api>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let condition = new_unless_told(registry::condition(request.headers())?);
    let MakeWorkflow { id, params } = request::json(request, api.body_bytes_max()).await?;
    let templates = api.app.templates.clone();
    let (id, source, origin) = blocking(move || {
        let known = templates::find(&templates, &name)?;
        let id = registry::workflow_id(&id)?;
        let source = filled(&known, &Value::Object(params), &id)?;
        Ok((id, source, Origin::Template { id: known.id, source: known.digest }))
    })
    .await?;
    registry::store(&api, id, source, origin, condition).await
}

/// Make a template of a workflow
///
/// The values that `params` names become parameters. With the values that stand there now the
/// template makes the same workflow again; that is checked.
#[utoipa::path(post, path = "/workflows/{id}/template", tag = "templates", operation_id = "saveTemplate",
    params(
        ("id" = String, Path, description = "The workflow's id"),
        ("If-Match" = Option<String>, Header, description = "Replace the template with this digest; without it the template must be new"),
    ),
    request_body = SaveTemplate,
    responses(
        (status = 201, description = "The template was made", body = Template),
        (status = 200, description = "It has this text now, or had it before", body = Template),
        (status = 400, description = "Malformed JSON or header", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "Unknown workflow", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "A file holds a template of this id", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "There is such a template already", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "A value cannot become a parameter", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn save(
    State(api): State<Api>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let registered = workflows::find(&api, &name)?;
    let condition = new_unless_told(registry::condition(request.headers())?);
    let SaveTemplate { id, params } = request::json(request, api.body_bytes_max()).await?;
    templates::template_id(&id)?;
    let parameters: Vec<_> = params
        .into_iter()
        .map(|(name, param)| Parameter { name, at: param.at, schema: param.schema })
        .collect();
    let source = registered.definition.source.clone();
    let template = id.clone();
    let text = blocking(move || saved(&source, &template, &parameters)).await?;
    templates::store(&api, id, text, condition).await
}

/// The text of a workflow that is made of a template.
fn filled(known: &Known, params: &Value, id: &WorkflowId) -> Result<String, ApiError> {
    known.template.instantiate(params, id).map_err(|error| {
        let problems = match error {
            InstantiateError::Params(violations) => {
                violations.into_iter().map(Problem::from).collect()
            }
            InstantiateError::Expression { field, message } => vec![expression(field, message)],
        };
        ApiError::InvalidParams { template: known.id.clone(), problems }
    })
}

fn expression(field: String, message: String) -> Problem {
    let code = Some("bad-expression".to_owned());
    Problem { message, code, field: Some(field), ..Problem::default() }
}

/// The text of a template that is made of a workflow.
fn saved(source: &str, id: &str, parameters: &[Parameter]) -> Result<String, ApiError> {
    save_as_template(source, id, parameters).map_err(|problems| {
        let told = problems.into_iter().map(|problem| Problem {
            pointer: problem.parameter.map(|name| format!("/params/{name}")),
            message: problem.message,
            ..Problem::default()
        });
        ApiError::InvalidTemplate {
            what: "the workflow cannot be made a template this way".to_owned(),
            problems: told.collect(),
        }
    })
}

/// What is made by name must be new, unless the caller says what it replaces.
fn new_unless_told(condition: Condition) -> Condition {
    if condition == Condition::Always { Condition::Absent } else { condition }
}
