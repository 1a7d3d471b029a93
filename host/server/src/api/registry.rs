//! Changes workflows: put, delete, switch on and off.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use taskloom_core::definition;
use taskloom_core::id::{Digest, WorkflowId};
use taskloom_core::journal::Origin;
use taskloom_wasm::give_memory_back;

use super::error::ApiError;
use super::types::{ProblemDetails, Workflow};
use super::{Api, BASE, request, workflows};
use crate::workflows::{ChangeError, Condition, LONG_TEXT, Put, Registered};

/// Put a workflow
///
/// The body is the text of a workflow file; the id in it is the id in the path. All that is wrong
/// with it is answered at once. Task types that no loaded plugin offers make it unavailable, as
/// they do for a file. Runs that are there keep the text they started with.
#[utoipa::path(put, path = "/workflows/{id}", tag = "workflows", operation_id = "putWorkflow",
    params(
        ("id" = String, Path, description = "The workflow's id"),
        ("If-Match" = Option<String>, Header, description = "Replace only the text with this digest, as `ETag` gave it"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only if there is no such workflow"),
    ),
    request_body(content = String, content_type = "application/toml", description = "The text of a workflow file"),
    responses(
        (status = 201, description = "There was none of this name", body = Workflow,
            headers(("ETag" = String, description = "The digest of its text"), ("Location" = String, description = "The workflow"))),
        (status = 200, description = "It has this text now, or had it before", body = Workflow,
            headers(("ETag" = String, description = "The digest of its text"))),
        (status = 400, description = "A header is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "A file holds the workflow", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "It is not what `If-Match` or `If-None-Match` wants", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The text is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "Not TOML", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "The text is wrong; `problems` has each place", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn put(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let id = workflow_id(&id)?;
    let condition = condition(request.headers())?;
    let source = request::toml(request, api.body_bytes_max()).await?;
    store(&api, id, source, Origin::Api, condition).await
}

/// Checks a text, makes it the workflow's, and answers with the workflow.
pub(super) async fn store(
    api: &Api,
    id: WorkflowId,
    source: String,
    origin: Origin,
    condition: Condition,
) -> Result<Response, ApiError> {
    let workflows = api.app.workflows.clone();
    let (put, registered) = blocking(move || {
        let reading = definition::read_as("request", &source, &id);
        if source.len() > LONG_TEXT {
            give_memory_back();
        }
        let Some(definition) = reading.definition else {
            return Err(ApiError::InvalidWorkflow { id, problems: reading.problems });
        };
        Ok(workflows.put(&definition, origin, &condition)?)
    })
    .await?;
    let status = if put == Put::Created { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = (status, Json(shown(api, &registered))).into_response();
    let headers = response.headers_mut();
    headers.insert(ETAG, header(&etag(registered.digest())));
    if put == Put::Created {
        headers.insert(LOCATION, header(&format!("{BASE}/workflows/{}", registered.id())));
    }
    Ok(response)
}

/// Delete a workflow
///
/// Runs that are there go on, and its versions can still be read. A workflow of a file goes with
/// its file.
#[utoipa::path(delete, path = "/workflows/{id}", tag = "workflows", operation_id = "deleteWorkflow",
    params(
        ("id" = String, Path, description = "The workflow's id"),
        ("If-Match" = Option<String>, Header, description = "Delete only the text with this digest"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "A header is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "Unknown workflow", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "A file holds the workflow", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "It has another text", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn delete(
    State(api): State<Api>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let condition = condition(&headers)?;
    let workflows = api.app.workflows.clone();
    let Ok(id) = WorkflowId::new(&name) else { return Err(workflows::unknown(&api, &name)) };
    let deleted = blocking(move || Ok(workflows.delete(&id, &condition))).await?;
    match deleted {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(ChangeError::Unknown(id)) => Err(workflows::unknown(&api, id.as_str())),
        Err(error) => Err(error.into()),
    }
}

/// Switch a workflow on
///
/// New runs may start, whatever its text says, until it is switched off again.
#[utoipa::path(post, path = "/workflows/{id}/enable", tag = "workflows", operation_id = "enableWorkflow",
    params(("id" = String, Path, description = "The workflow's id")),
    responses(
        (status = 200, body = Workflow),
        (status = 404, description = "Unknown workflow", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn enable(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<Workflow>, ApiError> {
    switch(&api, &id, true).await
}

/// Switch a workflow off
///
/// No new run starts, whatever its text says, until it is switched on again. Runs that are there go
/// on.
#[utoipa::path(post, path = "/workflows/{id}/disable", tag = "workflows", operation_id = "disableWorkflow",
    params(("id" = String, Path, description = "The workflow's id")),
    responses(
        (status = 200, body = Workflow),
        (status = 404, description = "Unknown workflow", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn disable(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<Workflow>, ApiError> {
    switch(&api, &id, false).await
}

async fn switch(api: &Api, id: &str, enabled: bool) -> Result<Json<Workflow>, ApiError> {
    let id = workflows::find(api, id)?.id().clone();
    let workflows = api.app.workflows.clone();
    let registered = blocking(move || Ok(workflows.switch(&id, enabled)?)).await?;
    Ok(Json(shown(api, &registered)))
}

fn shown(api: &Api, registered: &Registered) -> Workflow {
    Workflow::new(registered, api.app.workflows.availability(registered))
}

/// A new workflow's id out of a path.
pub(super) fn workflow_id(text: &str) -> Result<WorkflowId, ApiError> {
    WorkflowId::new(text).map_err(|error| ApiError::InvalidBody(error.to_string()))
}

/// What a request wants to be so before it changes something.
pub(super) fn condition(headers: &HeaderMap) -> Result<Condition, ApiError> {
    let wrong = |name: &str, why: &str| ApiError::InvalidHeader(format!("{name}: {why}"));
    if let Some(value) = headers.get(IF_NONE_MATCH) {
        if value.as_bytes().trim_ascii() != b"*" {
            return Err(wrong("if-none-match", "only `*` is understood"));
        }
        return Ok(Condition::Absent);
    }
    let Some(value) = headers.get(IF_MATCH) else { return Ok(Condition::Always) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(Condition::Present);
    }
    let tags = text.split(',').map(|tag| tag.trim().trim_matches('"').parse::<Digest>());
    let digests: Result<Vec<_>, _> = tags.collect();
    digests.map(Condition::One).map_err(|_| {
        wrong("if-match", "it must be a digest in quotes, such as `ETag` gave it, or `*`")
    })
}

/// A digest as an entity tag.
pub(super) fn etag(digest: Digest) -> String {
    format!("\"{digest}\"")
}

pub(super) fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids and digests are visible ASCII")
}

/// Does what reads or writes the disk away from the threads that own timers and HTTP.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ApiError::Internal(error.to_string()))?
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Unknown(id) => Self::NotFound {
                kind: "workflow",
                name: id.to_string(),
                help: "; `GET /api/v1/workflows` lists them".to_owned(),
            },
            ChangeError::FromFile { id, file } => Self::WorkflowFromFile { id, file },
            ChangeError::Unexpected { .. } => Self::PreconditionFailed(error.to_string()),
            ChangeError::Store(error) => error.into(),
        }
    }
}

impl From<taskloom_store::Error> for ApiError {
    fn from(error: taskloom_store::Error) -> Self {
        crate::reader::ReadError::Store(error).into()
    }
}
