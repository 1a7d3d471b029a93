//! Triggers: list, show with what they did, fire by hand.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use serde::Deserialize;
use uuid::Uuid;

use super::Api;
use super::error::ApiError;
use super::request::{self, Params};
use super::types::{
    Delivered, FireTrigger, ProblemDetails, Trigger, TriggerHistory, TriggerList, TriggerSummary,
};
use crate::triggers::{Bound, Occurrence};

/// Which part of the history to show.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// Lines of history, from 1 to 1,000; 100 when left out.
    limit: Option<usize>,
    /// Where it begins: `next_cursor` of the answer before.
    cursor: Option<String>,
}

/// List triggers
///
/// Those of every workflow, with what they listen to, and why one does not.
#[utoipa::path(get, path = "/triggers", tag = "triggers", operation_id = "listTriggers",
    responses((status = 200, body = TriggerList)))]
pub(crate) async fn list(State(api): State<Api>) -> Json<TriggerList> {
    let index = api.app.triggers.index();
    Json(TriggerList { triggers: index.list().map(|bound| summary(&api, bound)).collect() })
}

/// Show a trigger
///
/// With what it did, the newest first.
#[utoipa::path(get, path = "/triggers/{name}", tag = "triggers", operation_id = "showTrigger",
    params(("name" = String, Path, description = "The trigger's name: `workflow.id`"), HistoryQuery),
    responses(
        (status = 200, body = Trigger),
        (status = 400, description = "A parameter is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "Unknown trigger", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Path(name): Path<String>,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<Trigger>, ApiError> {
    let bound = find(&api, &name)?;
    let limit = request::page_rows(query.limit)?;
    let before = query.cursor.map(|cursor| cursor.parse::<u64>()).transpose();
    let before = before.map_err(|_| {
        ApiError::InvalidQuery("cursor: it is no `next_cursor` of this host".to_owned())
    })?;
    let events = api.app.triggers.history(&bound.name, before, limit).await?;
    let oldest = events.last().map_or(0, |event| event.seq);
    Ok(Json(Trigger {
        summary: summary(&api, &bound),
        history: events.into_iter().map(TriggerHistory::from).collect(),
        next_cursor: (oldest > 1).then(|| oldest.to_string()),
    }))
}

/// Fire a trigger by hand
///
/// As if it had heard of this event: `when` decides and `input` is computed; `debounce`, `rate` and
/// `overlap` do not count. Under an `Idempotency-Key` it starts at most one run.
#[utoipa::path(post, path = "/triggers/{name}/fire", tag = "triggers", operation_id = "fireTrigger",
    params(
        ("name" = String, Path, description = "The trigger's name: `workflow.id`"),
        ("Idempotency-Key" = Option<String>, Header, description = "A text of up to 255 bytes that names the event"),
    ),
    request_body = FireTrigger,
    responses(
        (status = 202, description = "What came of it", body = Delivered),
        (status = 400, description = "Malformed JSON or header", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "Unknown trigger", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "The body is not what is read here", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "The host is full", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The host is stopping", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn fire(
    State(api): State<Api>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let bound = find(&api, &name)?;
    let key = request::idempotency_key(request.headers())?;
    let FireTrigger { event } = request::json_or_default(request, api.body_bytes_max()).await?;
    let key = format!("by hand: {}", key.unwrap_or_else(|| Uuid::now_v7().to_string()));
    let occurrence = Occurrence { key, due: None, event, by_hand: true };
    let answer = api.app.triggers.occur(&bound, occurrence).await;
    super::hooks::answer(vec![(bound.name.clone(), answer)])
}

fn summary(api: &Api, bound: &Bound) -> TriggerSummary {
    let triggers = &api.app.triggers;
    let next = triggers.next_at(bound).map(|at| at.to_string());
    TriggerSummary::new(bound, triggers.deaf(bound), next)
}

fn find(api: &Api, name: &str) -> Result<Arc<Bound>, ApiError> {
    let index = api.app.triggers.index();
    index.get(name).ok_or_else(|| ApiError::NotFound {
        kind: "trigger",
        name: name.chars().take(80).collect(),
        help: match index.similar(name) {
            Some(similar) => format!("; did you mean `{similar}`?"),
            None => "; `GET /api/v1/triggers` lists them".to_owned(),
        },
    })
}
