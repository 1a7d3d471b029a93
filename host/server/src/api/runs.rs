//! Runs: list, show, cancel.

#![expect(unused_qualifications, reason = "made by the macro that describes query parameters")]

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use taskloom_core::failure::Outcome;
use taskloom_core::id::{RunId, TaskId};
use taskloom_core::journal::Trigger;
use taskloom_core::payload::PayloadRef;
use taskloom_core::run::{RunState, RunStatus, TaskStatus};
use taskloom_core::time::Timestamp;
use taskloom_store::{Cursor, RunFilter};
use utoipa::IntoParams;

use super::Api;
use super::error::ApiError;
use super::request::{self, Params};
use super::types::{Cancel, Held, ProblemDetails, Run, RunPage, context_values};
use crate::app::App;

/// Which runs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunsQuery {
    /// Of this workflow.
    workflow: Option<String>,
    /// With this status: `running`, `waiting`, `cancelling` or `finished`.
    status: Option<String>,
    /// That ended this way: `succeeded`, `failed`, `cancelled` or `timed_out`.
    outcome: Option<String>,
    /// Accepted at this time (RFC 3339) or later.
    started_after: Option<String>,
    /// Accepted before this time (RFC 3339).
    started_before: Option<String>,
    /// That this started: `api`, `cli`, `workflow` or `rerun`.
    trigger: Option<String>,
    /// That a task of this run started.
    parent: Option<String>,
    /// That ran this run again.
    rerun_of: Option<String>,
    /// Rows of the page, from 1 to 1,000; 100 when left out.
    limit: Option<usize>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What to show of a run.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunQuery {
    /// `input` shows the run's input too.
    include: Option<String>,
}

/// List runs
///
/// The newest first. Runs that start while you page never make another appear twice or not at all.
#[utoipa::path(get, path = "/runs", tag = "runs", operation_id = "listRuns", params(RunsQuery),
    responses(
        (status = 200, body = RunPage),
        (status = 400, description = "An unknown or wrong parameter", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    State(api): State<Api>,
    Params(query): Params<RunsQuery>,
) -> Result<Json<RunPage>, ApiError> {
    let limit = request::page_rows(query.limit)?;
    let page = api.app.reader.list(query.filter()?, limit).await?;
    Ok(Json(RunPage {
        runs: page.items.into_iter().map(Into::into).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    }))
}

/// Show a run
///
/// As far as it is on disk, with its first 1,000 tasks and all their attempts.
#[utoipa::path(get, path = "/runs/{id}", tag = "runs", operation_id = "showRun",
    params(("id" = String, Path, description = "The run's id"), RunQuery),
    responses(
        (status = 200, body = Run),
        (status = 404, description = "Unknown run", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
    Params(query): Params<RunQuery>,
) -> Result<Json<Run>, ApiError> {
    let with_input = match query.include.as_deref() {
        None => false,
        Some("input") => true,
        Some(other) => {
            return Err(ApiError::InvalidQuery(format!("include: `{other}` is not `input`")));
        }
    };
    Ok(Json(view(&api.app, request::run_id(&id)?, with_input).await?))
}

/// Cancel a run
///
/// The answer comes when the request is on disk. Attempts that are under way are told, and stopped
/// after a grace period; then the run ends as `cancelled`.
#[utoipa::path(post, path = "/runs/{id}/cancel", tag = "runs", operation_id = "cancelRun",
    params(("id" = String, Path, description = "The run's id")),
    request_body(content = Option<Cancel>, content_type = "application/json"),
    responses(
        (status = 202, description = "The run is being stopped", body = Run),
        (status = 404, description = "Unknown run", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "The run has ended or is being stopped already", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn cancel(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<Run>), ApiError> {
    /// The longest reason in characters: it stands in every failure that follows.
    const REASON_CHARS_MAX: usize = 1_000;

    let run = request::run_id(&id)?;
    let body: Cancel = request::json_or_default(request, api.body_bytes_max()).await?;
    let reason = body.reason.filter(|reason| !reason.trim().is_empty());
    let reason = reason.unwrap_or_else(|| "cancelled by a request".to_owned());
    if reason.chars().count() > REASON_CHARS_MAX {
        return Err(ApiError::InvalidBody(format!(
            "reason: it has more than {REASON_CHARS_MAX} characters"
        )));
    }
    let row = api.app.reader.row(run).await?.ok_or_else(|| unknown(run))?;
    if let Err(error) = api.app.engine.cancel_run(run, reason).await {
        return Err(match ApiError::of_command(run, error) {
            ApiError::RunEnded { run, outcome: None } => {
                ApiError::RunEnded { run, outcome: row.outcome }
            }
            error => error,
        });
    }
    Ok((StatusCode::ACCEPTED, Json(view(&api.app, run, false).await?)))
}

impl RunsQuery {
    fn filter(&self) -> Result<RunFilter, ApiError> {
        fn read<T>(
            name: &str,
            text: &Option<String>,
            read: impl Fn(&str) -> Result<T, String>,
        ) -> Result<Option<T>, ApiError> {
            let wrong = |why| ApiError::InvalidQuery(format!("{name}: {why}"));
            text.as_deref().map(read).transpose().map_err(wrong)
        }
        let word = |text: &str, words: &str| format!("`{text}` is none of {words}");
        let status = |text: &str| {
            RunStatus::parse(text)
                .ok_or_else(|| word(text, "running, waiting, cancelling, finished"))
        };
        let outcome = |text: &str| {
            let outcome = Outcome::parse(text).filter(|outcome| *outcome != Outcome::Skipped);
            outcome.ok_or_else(|| word(text, "succeeded, failed, cancelled, timed_out"))
        };
        let trigger = |text: &str| {
            serde_json::from_value::<Trigger>(text.into()).map_err(|error| error.to_string())
        };
        let id =
            |text: &str| text.parse::<RunId>().map_err(|_| format!("`{text}` is no id of a run"));
        Ok(RunFilter {
            workflow: read("workflow", &self.workflow, |text| {
                text.parse().map_err(|error: taskloom_core::id::InvalidId| error.to_string())
            })?,
            status: read("status", &self.status, status)?,
            outcome: read("outcome", &self.outcome, outcome)?,
            started_after: read("started_after", &self.started_after, time)?,
            started_before: read("started_before", &self.started_before, time)?,
            trigger: read("trigger", &self.trigger, trigger)?,
            parent: read("parent", &self.parent, id)?,
            rerun_of: read("rerun_of", &self.rerun_of, id)?,
            after: read("cursor", &self.cursor, |text| {
                text.parse::<Cursor>().map_err(|error| error.to_string())
            })?,
        })
    }
}

fn time(text: &str) -> Result<Timestamp, String> {
    let parsed = text.parse::<jiff::Timestamp>();
    parsed.map(|time| Timestamp::from_ms(time.as_millisecond())).map_err(|_| {
        let text: String = text.chars().take(80).collect();
        format!("`{text}` is no RFC 3339 time such as `2026-11-22T09:30:00Z`")
    })
}

/// A run as the API shows it.
pub(super) async fn view(app: &App, run: RunId, with_input: bool) -> Result<Run, ApiError> {
    let state = folded(app, run).await?;
    let waits = waits(app, &state).await;
    let output = app.reader.output(&state).await?;
    let input = if with_input { Some(payload(app, &state.start.input).await?) } else { None };
    let mut shown = Run::new(&state, output, input, &waits);
    if state.is_held() && state.start.concurrency.is_some() {
        shown.held = Held::new(&state, &app.engine.behind(run).await);
    }
    let given = match &state.start.context {
        Some(context) if state.context().values().is_none() => Some(payload(app, context).await?),
        _ => None,
    };
    shown.context = context_values(&state, given.as_deref())
        .map_err(|error| ApiError::Internal(format!("context of run {run}: {error}")))?;
    Ok(shown)
}

/// A run as far as it is on disk.
pub(super) async fn folded(app: &App, run: RunId) -> Result<Arc<RunState>, ApiError> {
    app.reader.run(run).await?.ok_or_else(|| unknown(run))
}

/// Why ready tasks of a run do not run.
pub(super) async fn waits(app: &App, state: &RunState) -> HashMap<TaskId, String> {
    let is_ready = state.tasks().any(|(_, task)| task.status == TaskStatus::Ready);
    if !is_ready || state.finish.is_some() {
        return HashMap::new();
    }
    app.engine.waits(state.id).await.into_iter().collect()
}

/// The JSON behind a reference.
pub(super) async fn payload(app: &App, payload: &PayloadRef) -> Result<Box<RawValue>, ApiError> {
    let text = app.reader.payload(payload).await?;
    RawValue::from_string(text.as_ref().to_owned())
        .map_err(|error| ApiError::Internal(format!("payload {}: {error}", payload.digest)))
}

pub(super) fn unknown(run: RunId) -> ApiError {
    ApiError::NotFound {
        kind: "run",
        name: run.to_string(),
        help: "; `GET /api/v1/runs` lists them".to_owned(),
    }
}
