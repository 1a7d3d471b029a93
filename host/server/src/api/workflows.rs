//! Workflows: list, show, validate.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use taskloom_core::definition;
use taskloom_core::id::WorkflowId;
use taskloom_wasm::give_memory_back;

use super::Api;
use super::error::ApiError;
use super::request;
use super::types::{Problem, ProblemDetails, Validation, Workflow, WorkflowList, WorkflowSummary};
use crate::workflows::{LONG_TEXT, Registered};

/// List workflows
#[utoipa::path(get, path = "/workflows", tag = "workflows", operation_id = "listWorkflows",
    responses((status = 200, body = WorkflowList)))]
pub(crate) async fn list(State(api): State<Api>) -> Json<WorkflowList> {
    let workflows = &api.app.workflows;
    let summary = |registered: Arc<Registered>| {
        WorkflowSummary::new(&registered, workflows.availability(&registered))
    };
    Json(WorkflowList {
        workflows: workflows.list().into_iter().map(summary).collect(),
        broken_files: workflows.broken().into_iter().map(Into::into).collect(),
    })
}

/// Show a workflow
///
/// With its tasks, the schema of its input, its text, and whether it can run.
#[utoipa::path(get, path = "/workflows/{id}", tag = "workflows", operation_id = "showWorkflow",
    params(("id" = String, Path, description = "The workflow's id")),
    responses(
        (status = 200, body = Workflow),
        (status = 404, description = "Unknown workflow", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<Workflow>, ApiError> {
    let registered = find(&api, &id)?;
    let availability = api.app.workflows.availability(&registered);
    Ok(Json(Workflow::new(&registered, availability)))
}

/// Check a workflow
///
/// Answers with everything that is wrong with a TOML text, with line and column. Task types are
/// checked against the plugins that are loaded. Nothing is registered.
#[utoipa::path(post, path = "/workflows/validate", tag = "workflows", operation_id = "validateWorkflow",
    request_body(content = String, content_type = "application/toml", description = "The text of a workflow file"),
    responses(
        (status = 200, description = "What is wrong, if anything", body = Validation),
        (status = 413, description = "The text is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "Not TOML", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "Not UTF-8", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn validate(
    State(api): State<Api>,
    request: Request,
) -> Result<Json<Validation>, ApiError> {
    let source = request::toml(request, api.body_bytes_max()).await?;
    // A long text takes a while to read; other requests should not wait for it.
    let check = move || {
        let checked = check(&api, &source);
        if source.len() > LONG_TEXT {
            give_memory_back();
        }
        checked
    };
    let checked = tokio::task::spawn_blocking(check).await;
    checked.map(Json).map_err(|error| ApiError::Internal(error.to_string()))
}

fn check(api: &Api, source: &str) -> Validation {
    let reading = definition::read("request", source);
    let types =
        reading.definition.as_ref().map(|definition| api.app.workflows.check_types(definition));
    let problems = reading.problems.into_iter().chain(types.into_iter().flatten());
    let problems: Vec<_> = problems.map(Problem::from).collect();
    Validation {
        valid: problems.is_empty(),
        workflow: reading.definition.map(|definition| (&*definition.workflow).into()),
        problems,
    }
}

/// The workflow called `id`.
pub(super) fn find(api: &Api, id: &str) -> Result<Arc<Registered>, ApiError> {
    let workflows = &api.app.workflows;
    let found = WorkflowId::new(id).ok().and_then(|id| workflows.get(&id));
    found.ok_or_else(|| unknown(api, id))
}

/// That there is no workflow called `id`, and what may have been meant.
pub(super) fn unknown(api: &Api, id: &str) -> ApiError {
    let workflows = &api.app.workflows;
    let file = format!("{id}.toml");
    let broken = workflows.broken().into_iter().any(|broken| broken.file == file);
    let help = match workflows.similar(id) {
        _ if broken => format!("; the file `{file}` is wrong, see `GET /api/v1/workflows`"),
        Some(similar) => format!("; did you mean `{similar}`?"),
        None => "; `GET /api/v1/workflows` lists them".to_owned(),
    };
    ApiError::NotFound { kind: "workflow", name: id.chars().take(80).collect(), help }
}
