//! Tasks of a run: list, show.

#![expect(unused_qualifications, reason = "made by the macro that describes query parameters")]

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use taskloom_core::document::suggest;
use taskloom_core::id::TaskId;
use taskloom_core::run::RunState;
use taskloom_core::run::TaskIndex;
use utoipa::IntoParams;

use super::error::ApiError;
use super::request::{self, Params};
use super::types::{DecisionPoint, ProblemDetails, Task, TaskDetail, TaskPage};
use super::{Api, runs};

/// Which tasks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TasksQuery {
    /// Rows of the page, from 1 to 1,000; 100 when left out.
    limit: Option<usize>,
    /// Where the page begins: `next_cursor` of the page before, or `tasks_next_cursor` of the run.
    cursor: Option<String>,
}

/// List the tasks of a run
///
/// In the order of the workflow, with all their attempts.
#[utoipa::path(get, path = "/runs/{id}/tasks", tag = "runs", operation_id = "listTasks",
    params(("id" = String, Path, description = "The run's id"), TasksQuery),
    responses(
        (status = 200, body = TaskPage),
        (status = 400, description = "An unknown or wrong parameter", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "Unknown run", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    State(api): State<Api>,
    Path(id): Path<String>,
    Params(query): Params<TasksQuery>,
) -> Result<Json<TaskPage>, ApiError> {
    let limit = request::page_rows(query.limit)?;
    let from = query.cursor.as_deref().map_or(Ok(0), str::parse).map_err(|_| {
        ApiError::InvalidQuery("cursor: leave it out to begin with the first page".to_owned())
    })?;
    let state = runs::folded(&api.app, request::run_id(&id)?).await?;
    let waits = runs::waits(&api.app, &state).await;
    let (mut tasks, next) = super::types::tasks(&state, from, limit, &waits);
    runs::show_progress(&api.app, &state, &mut tasks);
    Ok(Json(TaskPage {
        tasks,
        total: super::types::visible(&state).len(),
        next_cursor: next.map(|place| place.to_string()),
    }))
}

/// Show a task of a run
///
/// With its input and output.
#[utoipa::path(get, path = "/runs/{id}/tasks/{task}", tag = "runs", operation_id = "showTask",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("task" = String, Path, description = "The task's id"),
    ),
    responses(
        (status = 200, body = TaskDetail),
        (status = 404, description = "Unknown run or task", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Path((id, task)): Path<(String, String)>,
) -> Result<Json<TaskDetail>, ApiError> {
    let state = runs::folded(&api.app, request::run_id(&id)?).await?;
    let index = find(&state, &task)?;
    let task_state = state.task(index);
    let waits = runs::waits(&api.app, &state).await;
    let input = match &task_state.input {
        Some(input) => Some(runs::payload(&api.app, input).await?),
        None => None,
    };
    let output = match task_state.output() {
        Some(output) => Some(runs::payload(&api.app, output).await?),
        None => None,
    };
    let needs = state.workflow.graph.dependencies(task_state.node).iter();
    let mut task = Task::new(&state, index, waits.why(&state, index));
    runs::show_progress(&api.app, &state, std::slice::from_mut(&mut task));
    Ok(Json(TaskDetail {
        task,
        decision: DecisionPoint::of(&state, index),
        needs: needs.map(|need| state.workflow.task(*need).id.to_string()).collect(),
        input,
        output,
    }))
}

fn find(state: &RunState, task: &str) -> Result<TaskIndex, ApiError> {
    let found = TaskId::new(task).ok().and_then(|id| state.index_of(&id));
    found.ok_or_else(|| {
        let ids = state.workflow.tasks.iter().map(|task| task.id.as_str());
        let help = suggest(task, ids).map(|id| format!("; did you mean `{id}`?"));
        ApiError::NotFound {
            kind: "task",
            name: task.chars().take(80).collect(),
            help: help.unwrap_or_default(),
        }
    })
}
