//! The texts that a workflow has had.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use taskloom_core::definition::{self, Definition};
use taskloom_core::id::{Digest, WorkflowId};

use super::error::ApiError;
use super::registry::blocking;
use super::types::{ProblemDetails, WorkflowVersion, WorkflowVersionText, WorkflowVersions};
use super::{Api, workflows};
use crate::ledger::Put;
use crate::workflows::Workflows;

/// List the versions of a workflow
///
/// Every text it has had, that which was put last first. Those of a workflow that was deleted can
/// still be read.
#[utoipa::path(get, path = "/workflows/{id}/versions", tag = "workflows", operation_id = "listWorkflowVersions",
    params(("id" = String, Path, description = "The workflow's id")),
    responses(
        (status = 200, body = WorkflowVersions),
        (status = 404, description = "Unknown workflow", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<WorkflowVersions>, ApiError> {
    let Ok(id) = WorkflowId::new(&name) else { return Err(workflows::unknown(&api, &name)) };
    let current = current(&api, &id);
    let workflows = api.app.workflows.clone();
    let versions = blocking(move || Ok(workflows.versions(&id)?)).await?;
    if versions.is_empty() {
        return Err(workflows::unknown(&api, &name));
    }
    let shown = |version: Put| {
        let is_current = current == Some(version.source);
        WorkflowVersion::new(version, is_current)
    };
    Ok(Json(WorkflowVersions { versions: versions.into_iter().map(shown).collect() }))
}

/// Show a version of a workflow
///
/// With its text.
#[utoipa::path(get, path = "/workflows/{id}/versions/{digest}", tag = "workflows", operation_id = "showWorkflowVersion",
    params(
        ("id" = String, Path, description = "The workflow's id"),
        ("digest" = String, Path, description = "The digest of the text, `sha256:…`"),
    ),
    responses(
        (status = 200, body = WorkflowVersionText),
        (status = 404, description = "Unknown workflow or version", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Path((name, digest)): Path<(String, String)>,
) -> Result<Json<WorkflowVersionText>, ApiError> {
    let Ok(id) = WorkflowId::new(&name) else { return Err(workflows::unknown(&api, &name)) };
    let current = current(&api, &id);
    let workflows = api.app.workflows.clone();
    let (version, text) = blocking(move || text_of(&workflows, &id, &digest)).await?;
    let is_current = current == Some(version.source);
    let version = WorkflowVersion::new(version, is_current);
    Ok(Json(WorkflowVersionText { version, source: text.to_string() }))
}

/// The definition with a digest out of those that a workflow has had.
pub(super) fn definition_of(
    workflows: &Workflows,
    id: &WorkflowId,
    digest: &str,
) -> Result<Arc<Definition>, ApiError> {
    let (version, text) = text_of(workflows, id, digest)?;
    let reading = definition::read(&format!("{id}@{}", version.source), &text);
    let problems = reading.problems;
    reading.definition.ok_or_else(|| ApiError::InvalidWorkflow { id: id.clone(), problems })
}

/// A text that a workflow has had. Reads the disk.
pub(super) fn text_of(
    workflows: &Workflows,
    id: &WorkflowId,
    digest: &str,
) -> Result<(Put, Arc<str>), ApiError> {
    let found = match digest.parse::<Digest>() {
        Ok(digest) => workflows.version(id, digest)?,
        Err(_) => None,
    };
    found.ok_or_else(|| ApiError::NotFound {
        kind: "version",
        name: digest.chars().take(80).collect(),
        help: format!(" of workflow `{id}`; `GET /api/v1/workflows/{id}/versions` lists them"),
    })
}

fn current(api: &Api, id: &WorkflowId) -> Option<Digest> {
    api.app.workflows.get(id).map(|registered| registered.digest())
}
