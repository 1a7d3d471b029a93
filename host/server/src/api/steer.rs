//! Steers a live run: pause, resume, signal, approve, skip, priority.

use axum::Json;
use axum::extract::{Path, Request, State};
use http::StatusCode;
use serde::de::DeserializeOwned;
use taskloom_core::definition::PRIORITY_MAX;
use taskloom_core::id::{OptionId, TaskId};
use taskloom_core::run::{RunState, TaskStatus};
use taskloom_core::schema::Schema;
use taskloom_core::workflow::{Decision, TaskKind};

use super::Api;
use super::error::ApiError;
use super::request;
use super::runs;
use super::types::{Approve, Pause, Priority, ProblemDetails, Run, Signal, Skip};
use crate::engine::Steer;

/// The longest text for people that comes with a request, in characters.
const TEXT_CHARS_MAX: usize = 1_000;

type Accepted = (StatusCode, Json<Run>);

/// Pause a run
///
/// Nothing new starts; what is under way ends. Timers go on.
#[utoipa::path(post, path = "/runs/{id}/pause", tag = "runs", operation_id = "pauseRun",
    params(("id" = String, Path, description = "The run's id")),
    request_body(content = Option<Pause>, content_type = "application/json"),
    responses(
        (status = 202, body = Run),
        (status = 404, description = "Unknown run", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "The run has ended or is paused already, or its attempts are being stopped", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn pause(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Accepted, ApiError> {
    let body: Pause = optional(&api, request).await?;
    let reason = text("reason", body.reason)?.unwrap_or_else(|| "paused by a request".to_owned());
    steer(&api, &id, Steer::Pause { reason }).await
}

/// Resume a run
///
/// Lets a paused run go on.
#[utoipa::path(post, path = "/runs/{id}/resume", tag = "runs", operation_id = "resumeRun",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 202, body = Run),
        (status = 404, description = "Unknown run", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "The run has ended or is not paused", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn resume(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Accepted, ApiError> {
    steer(&api, &id, Steer::Resume).await
}

/// Change the priority of a run
#[utoipa::path(put, path = "/runs/{id}/priority", tag = "runs", operation_id = "setRunPriority",
    params(("id" = String, Path, description = "The run's id")),
    request_body(content = Priority, content_type = "application/json"),
    responses(
        (status = 202, body = Run),
        (status = 404, description = "Unknown run", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "The run has ended", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "Out of range", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn priority(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Accepted, ApiError> {
    let Priority { priority } = request::json(request, api.body_bytes_max()).await?;
    if i64::from(priority).abs() > PRIORITY_MAX {
        return Err(ApiError::InvalidBody(format!(
            "priority: {priority} is not from -{PRIORITY_MAX} to {PRIORITY_MAX}"
        )));
    }
    steer(&api, &id, Steer::SetPriority { priority }).await
}

/// Send a signal to a run
///
/// The first task that waits for a signal of this name takes it; while none does it is kept, up to
/// 1,000 a run. The same `id` twice does nothing.
#[utoipa::path(post, path = "/runs/{id}/signals", tag = "runs", operation_id = "signalRun",
    params(("id" = String, Path, description = "The run's id")),
    request_body(content = Signal, content_type = "application/json"),
    responses(
        (status = 202, body = Run),
        (status = 404, description = "Unknown run", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "The run has ended, is being stopped or keeps too many signals", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn signal(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Accepted, ApiError> {
    let Signal { name, payload, id: signal } = request::json(request, api.body_bytes_max()).await?;
    let name = text("name", Some(name))?
        .ok_or_else(|| ApiError::InvalidBody("name: it is empty".to_owned()))?;
    let signal = text("id", signal)?.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    let payload = payload.map_or_else(|| "null".to_owned(), |value| value.to_string());
    steer(&api, &id, Steer::Signal { id: signal, name, payload }).await
}

/// Answer an approval, or make a decision
///
/// A person's choice for a decision is its `input`: the name of one of the options.
#[utoipa::path(post, path = "/runs/{id}/tasks/{task}/approve", tag = "runs", operation_id = "approveTask",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("task" = String, Path, description = "The id of the approval or the decision"),
    ),
    request_body(content = Option<Approve>, content_type = "application/json"),
    responses(
        (status = 202, body = Run),
        (status = 404, description = "Unknown run or task", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "The task does not wait for a person", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "The input does not fit what the approval asks for, or is no option of the decision", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn approve(
    State(api): State<Api>,
    Path((id, task)): Path<(String, String)>,
    request: Request,
) -> Result<Accepted, ApiError> {
    let body: Approve = optional(&api, request).await?;
    let task = task_id(&task)?;
    let state = runs::folded(&api.app, request::run_id(&id)?).await?;
    check_answer(&state, &task, &body)?;
    let approved = body.approved.unwrap_or(true);
    let option = option_of(&state, &task, &body);
    let by = text("by", body.by)?.unwrap_or_else(|| "api".to_owned());
    let comment = text("comment", body.comment)?;
    let input = body.input.map(|input| input.to_string());
    let answer = match option {
        Some(option) if approved => Steer::Choose { task, option, by, comment },
        _ => Steer::Approve { task, approved, by, comment, input },
    };
    steer(&api, &id, answer).await
}

/// Skip a task
///
/// For a task that has nothing under way. With an `output`, what needs the task goes on as if it had
/// succeeded with it; without one, what needs it is skipped too.
#[utoipa::path(post, path = "/runs/{id}/tasks/{task}/skip", tag = "runs", operation_id = "skipTask",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("task" = String, Path, description = "The task's id"),
    ),
    request_body(content = Option<Skip>, content_type = "application/json"),
    responses(
        (status = 202, body = Run),
        (status = 404, description = "Unknown run or task", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "The task is under way or has ended", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn skip(
    State(api): State<Api>,
    Path((id, task)): Path<(String, String)>,
    request: Request,
) -> Result<Accepted, ApiError> {
    let body: Skip = optional(&api, request).await?;
    let reason = text("reason", body.reason)?.unwrap_or_else(|| "skipped by a request".to_owned());
    let output = body.output.map(|output| output.to_string());
    steer(&api, &id, Steer::Skip { task: task_id(&task)?, output, reason }).await
}

async fn steer(api: &Api, id: &str, steer: Steer) -> Result<Accepted, ApiError> {
    let run = request::run_id(id)?;
    let row = api.app.reader.row(run).await?.ok_or_else(|| runs::unknown(run))?;
    if let Err(error) = api.app.engine.steer(run, steer).await {
        return Err(match ApiError::of_command(run, error) {
            ApiError::RunEnded { run, outcome: None } => {
                ApiError::RunEnded { run, outcome: row.outcome }
            }
            error => error,
        });
    }
    Ok((StatusCode::ACCEPTED, Json(runs::view(&api.app, run, false).await?)))
}

/// Checks what a person gives along against what the approval asks for.
fn check_answer(state: &RunState, task: &TaskId, body: &Approve) -> Result<(), ApiError> {
    // The planner says what is wrong with an answer that nobody waits for.
    let Some(index) = state.index_of(task) else { return Ok(()) };
    if !matches!(state.task(index).status, TaskStatus::Waiting(_)) {
        return Ok(());
    }
    let schema = match &state.definition(index).kind {
        TaskKind::Approval(approval) => approval.input_schema.clone(),
        TaskKind::Decision(decision) => Some(schema_of(decision)),
        _ => None,
    };
    let (Some(schema), Some(true) | None) = (schema, body.approved) else { return Ok(()) };
    let schema = Schema::compile(&schema).map_err(|error| ApiError::Internal(error.to_string()))?;
    let given = body.input.clone().unwrap_or(serde_json::Value::Null);
    let violations = schema.violations(&given);
    if violations.is_empty() {
        return Ok(());
    }
    let workflow = state.start.workflow.clone();
    Err(ApiError::InvalidInput { workflow, violations })
}

/// What a person may give along to a decision: the name of an option.
fn schema_of(decision: &Decision) -> serde_json::Value {
    let options = decision.options.iter().map(|option| option.id.as_str());
    serde_json::json!({ "enum": options.collect::<Vec<_>>() })
}

/// The option that a person chooses, if the task is a decision.
fn option_of(state: &RunState, task: &TaskId, body: &Approve) -> Option<OptionId> {
    let kind = &state.definition(state.index_of(task)?).kind;
    let TaskKind::Decision(_) = kind else { return None };
    body.input.as_ref()?.as_str()?.parse().ok()
}

/// A task's id out of a path or a body.
pub(super) fn task_id(text: &str) -> Result<TaskId, ApiError> {
    TaskId::new(text).map_err(|_| ApiError::NotFound {
        kind: "task",
        name: text.chars().take(80).collect(),
        help: String::new(),
    })
}

/// The body of a request that may have none.
pub(super) async fn optional<T: DeserializeOwned + Default>(
    api: &Api,
    request: Request,
) -> Result<T, ApiError> {
    request::json_or_default(request, api.body_bytes_max()).await
}

/// A text for people: nothing when it is blank.
fn text(field: &str, text: Option<String>) -> Result<Option<String>, ApiError> {
    let text = text.filter(|text| !text.trim().is_empty());
    if text.as_ref().is_some_and(|text| text.chars().count() > TEXT_CHARS_MAX) {
        return Err(ApiError::InvalidBody(format!(
            "{field}: it has more than {TEXT_CHARS_MAX} characters"
        )));
    }
    Ok(text)
}
