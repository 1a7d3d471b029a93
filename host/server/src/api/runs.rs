//! Runs: list, show, cancel, delete.

#![expect(unused_qualifications, reason = "made by the macro that describes query parameters")]

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Request, State};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use taskloom_core::failure::Outcome;
use taskloom_core::id::{RunId, TaskId};
use taskloom_core::journal::Trigger;
use taskloom_core::payload::PayloadRef;
use taskloom_core::run::{RunState, RunStatus, TaskStatus};
use taskloom_core::time::Timestamp;
use taskloom_store::{Cursor, Error, RunFilter};
use utoipa::IntoParams;

use super::Api;
use super::error::ApiError;
use super::request::{self, Params};
use super::types::{self, Cancel, Held, ProblemDetails, Run, RunPage, Task, context_values};
use crate::app::App;
use crate::engine::Waits;
use crate::reader::ReadError;

/// Which runs to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
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
    /// That this started: `api`, `cli`, `workflow`, `rerun`, or the kind of a trigger: `cron`,
    /// `webhook`, `github`, `file`, `run`.
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
    params(
        ("id" = String, Path, description = "The run's id"),
        RunQuery,
        ("Prefer" = Option<String>, Header, description = "`wait=N`: wait up to N seconds for the end of the run (RFC 7240)"),
    ),
    responses(
        (status = 200, body = Run),
        (status = 404, description = "Unknown run", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
    Params(query): Params<RunQuery>,
    headers: HeaderMap,
) -> Result<Json<Run>, ApiError> {
    let with_input = match query.include.as_deref() {
        None => false,
        Some("input") => true,
        Some(other) => {
            return Err(ApiError::InvalidQuery(format!("include: `{other}` is not `input`")));
        }
    };
    let run = request::run_id(&id)?;
    if let Some(wait) = request::preferred_wait(&headers, api.app.config.server.prefer_wait_max) {
        ends_within(&api.app, run, wait).await?;
    }
    Ok(Json(view(&api.app, run, with_input).await?))
}

/// Waits for the end of a run, at most `wait`.
async fn ends_within(app: &App, run: RunId, wait: Duration) -> Result<(), ApiError> {
    // Watched from before it is looked at, so that no end comes in between.
    let mut watch = app.engine.watch(run);
    let row = app.reader.row(run).await?.ok_or_else(|| unknown(run))?;
    if row.outcome.is_none() {
        // Whether it ended or the time did: the answer says which.
        let _ = tokio::time::timeout(wait, watch.ended()).await;
    }
    Ok(())
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

/// Delete a run
///
/// A run that has ended goes with its events, logs and artefacts, and with its idempotency key: the
/// same request would start a new run. What it shares with other runs stays.
#[utoipa::path(delete, path = "/runs/{id}", tag = "runs", operation_id = "deleteRun",
    params(("id" = String, Path, description = "The id of a run that has ended")),
    responses(
        (status = 204, description = "The run is deleted"),
        (status = 404, description = "Unknown run", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "The run has not ended, or a live run needs it", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn delete(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let run = request::run_id(&id)?;
    match api.app.reader.delete_run(run).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(ReadError::Store(Error::RunUnknown { .. })) => Err(unknown(run)),
        Err(ReadError::Store(Error::RunLive { .. })) => {
            let reason = "it has not ended; cancel it first".to_owned();
            Err(ApiError::NotNow { run, reason })
        }
        Err(ReadError::Store(Error::RunHeld { by, .. })) => {
            let reason = format!("run {by}, which has not ended, needs it; cancel that first");
            Err(ApiError::NotNow { run, reason })
        }
        Err(error) => Err(error.into()),
    }
}

impl RunsQuery {
    /// As a body says it.
    pub(super) fn of(wanted: &types::RunFilter) -> Self {
        let wanted = wanted.clone();
        Self {
            workflow: wanted.workflow,
            outcome: wanted.outcome,
            started_after: wanted.started_after,
            started_before: wanted.started_before,
            trigger: wanted.trigger,
            cursor: wanted.cursor,
            ..Self::default()
        }
    }

    pub(super) fn filter(&self) -> Result<RunFilter, ApiError> {
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
    shown.waiting_for = waits.end;
    show_progress(app, &state, &mut shown.tasks);
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

/// Adds to tasks how far they are.
pub(super) fn show_progress(app: &App, state: &RunState, tasks: &mut [Task]) {
    if state.finish.is_some() {
        return;
    }
    for task in tasks.iter_mut().filter(|task| task.outcome.is_none()) {
        let index = TaskId::new(&task.id).ok().and_then(|id| state.index_of(&id));
        let progress = index.and_then(|index| app.engine.progress(state.id, index));
        task.progress = progress.map(Into::into);
    }
}

/// What the host knows of why tasks of a run do not run, or why it does not end.
pub(super) async fn waits(app: &App, state: &RunState) -> Waits {
    let waits = |status| matches!(status, TaskStatus::Ready | TaskStatus::Claimed { .. });
    let is_ready = state.tasks().any(|(_, task)| waits(task.status));
    let is_done = state.ended_tasks() == state.tasks().len();
    if !(is_ready || is_done) || state.finish.is_some() {
        return Waits::default();
    }
    app.engine.waits(state.id).await
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
