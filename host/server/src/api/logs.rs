//! The log of a run.

#![expect(unused_qualifications, reason = "made by the macro that describes query parameters")]

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use taskloom_core::id::TaskId;
use taskloom_store::{Cursor, LogFilter};
use utoipa::IntoParams;

use super::error::ApiError;
use super::request::{self, Params};
use super::types::{LogPage, ProblemDetails};
use super::{Api, runs};

/// Which lines to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogsQuery {
    /// Of this task.
    task: Option<String>,
    /// Of attempts with this number.
    attempt: Option<u32>,
    /// Lines of the page, from 1 to 1,000; 100 when left out.
    limit: Option<usize>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Read the log of a run
///
/// What the handlers of its tasks logged, the oldest first. Lines are written shortly after they
/// were logged.
#[utoipa::path(get, path = "/runs/{id}/logs", tag = "runs", operation_id = "listLogs",
    params(("id" = String, Path, description = "The run's id"), LogsQuery),
    responses(
        (status = 200, body = LogPage),
        (status = 400, description = "An unknown or wrong parameter", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "Unknown run", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    State(api): State<Api>,
    Path(id): Path<String>,
    Params(query): Params<LogsQuery>,
) -> Result<Json<LogPage>, ApiError> {
    let run = request::run_id(&id)?;
    let limit = request::page_rows(query.limit)?;
    let wrong = |name: &str, why: String| ApiError::InvalidQuery(format!("{name}: {why}"));
    let task = query.task.as_deref().map(TaskId::new).transpose();
    let after = query.cursor.as_deref().map(str::parse::<Cursor>).transpose();
    let filter = LogFilter {
        task: task.map_err(|error| wrong("task", error.to_string()))?,
        attempt: query.attempt,
        after: after.map_err(|error| wrong("cursor", error.to_string()))?,
    };
    if api.app.reader.row(run).await?.is_none() {
        return Err(runs::unknown(run));
    }
    let page = api.app.reader.logs(run, filter, limit).await?;
    Ok(Json(LogPage {
        lines: page.items.into_iter().map(Into::into).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    }))
}
