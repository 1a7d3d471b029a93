//! Runs again what has ended.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use http::StatusCode;
use taskloom_core::id::RunId;
use taskloom_core::journal::{IdempotencyKey, RerunFrom, Trigger};
use taskloom_core::run::{RerunPlan, RunState, plan};

use super::Api;
use super::error::ApiError;
use super::request;
use super::runs;
use super::steer::{optional, task_id};
use super::types::{ProblemDetails, Rerun, RerunPreview, RerunStart, Run};
use crate::engine::{StartRun, Started};

/// Run again
///
/// A rerun is a new run with the same definition and input. It takes over what succeeded and does not
/// run again, and keeps the idempotency keys of what had not succeeded.
#[utoipa::path(post, path = "/runs/{id}/rerun", tag = "runs", operation_id = "rerunRun",
    params(("id" = String, Path, description = "The id of a run that has ended")),
    request_body(content = Option<Rerun>, content_type = "application/json"),
    responses(
        (status = 201, description = "The new run", body = Run),
        (status = 404, description = "Unknown run or task", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "The run has not ended, there is nothing to run again, or its concurrency key is busy and refuses", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "The host is full", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn rerun(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<(StatusCode, Json<Run>), ApiError> {
    let body: Rerun = optional(&api, request).await?;
    let (state, plan) = planned(&api, request::run_id(&id)?, &body).await?;
    let run = started(&api, &state, plan, None).await?.run;
    Ok((StatusCode::CREATED, Json(runs::view(&api.app, run, false).await?)))
}

/// Starts the rerun that `plan` says.
pub(super) async fn started(
    api: &Api,
    state: &RunState,
    plan: RerunPlan,
    idempotency: Option<IdempotencyKey>,
) -> Result<Started, ApiError> {
    let input = api.app.reader.payload(&state.start.input).await?;
    let context = match &state.start.context {
        Some(context) => Some(api.app.reader.payload(context).await?),
        None => None,
    };
    let start = StartRun {
        definition: api.app.reader.definition_of(state).await?,
        input,
        context,
        trigger: Trigger::Rerun,
        idempotency,
        traceparent: None,
        priority: Some(state.priority),
        rerun: Some(plan),
        parent: None,
        run: None,
        no_cache: false,
        begins: None,
    };
    Ok(api.app.engine.start_run(start).await?)
}

/// Preview a rerun
///
/// What a rerun would take over and what it would do again. Nothing is started.
#[utoipa::path(post, path = "/runs/{id}/rerun/preview", tag = "runs", operation_id = "previewRerun",
    params(("id" = String, Path, description = "The id of a run that has ended")),
    request_body(content = Option<Rerun>, content_type = "application/json"),
    responses(
        (status = 200, body = RerunPreview),
        (status = 404, description = "Unknown run or task", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "The run has not ended, or there is nothing to run again", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn preview(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<RerunPreview>, ApiError> {
    let body: Rerun = optional(&api, request).await?;
    let (_, rerun) = planned(&api, request::run_id(&id)?, &body).await?;
    Ok(Json(RerunPreview {
        reused: rerun.reused().map(ToString::to_string).collect(),
        again: rerun.again.iter().map(ToString::to_string).collect(),
    }))
}

/// A run that has ended, and what running it again would do.
pub(super) async fn planned(
    api: &Api,
    run: RunId,
    body: &Rerun,
) -> Result<(Arc<RunState>, RerunPlan), ApiError> {
    let state = runs::folded(&api.app, run).await?;
    let from = match (&body.from, &body.tasks) {
        (None | Some(RerunStart::Tasks), Some(tasks)) => {
            RerunFrom::Tasks(tasks.iter().map(|task| task_id(task)).collect::<Result<_, _>>()?)
        }
        (Some(RerunStart::Tasks), None) => {
            let why = "tasks: name the tasks that are to run again";
            return Err(ApiError::InvalidBody(why.to_owned()));
        }
        (Some(_), Some(_)) => {
            let why = "tasks: leave it out, or say `\"from\": \"tasks\"`";
            return Err(ApiError::InvalidBody(why.to_owned()));
        }
        (Some(RerunStart::Start), None) => RerunFrom::Start,
        (Some(RerunStart::Failed) | None, None) => RerunFrom::Failed,
    };
    let rerun = plan(&state, from).map_err(|refusal| ApiError::of_command(run, refusal.into()))?;
    Ok((state, rerun))
}
