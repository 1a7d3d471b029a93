//! Contexts that runs share: list, show, history, set, delete.

#![expect(unused_qualifications, reason = "made by the macro that describes query parameters")]

use axum::Json;
use axum::extract::{Path, Request, State};
use http::header::{ETAG, IF_MATCH};
use http::{HeaderMap, HeaderName, StatusCode};
use serde::Deserialize;
use taskloom_core::context::SHARED_BYTES_MAX;
use taskloom_core::id::ContextName;
use taskloom_core::journal::ContextEvent;
use utoipa::IntoParams;

use super::Api;
use super::error::ApiError;
use super::request::{self, Params};
use super::types::{
    ProblemDetails, SetContext, SharedChange, SharedContext, SharedContextPage,
    SharedContextSummary, SharedHistory,
};
use crate::contexts::{Contexts, Excess, Shared, WriteError};

/// Changes of a page of a history when the caller does not say; each comes with its value.
const CHANGES: usize = 20;

/// Changes that a caller may ask for.
const CHANGES_MAX: usize = 100;

/// Which contexts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ContextsQuery {
    /// Contexts of the page, from 1 to 1,000; 100 when left out.
    limit: Option<usize>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which changes to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// Changes after this one; from the first when left out.
    after: Option<u64>,
    /// Changes of the page, from 1 to 100; 20 when left out.
    limit: Option<usize>,
}

/// The answer that shows a context, with its entity tag.
type Shown = ([(HeaderName, String); 1], Json<SharedContext>);

/// List shared contexts
#[utoipa::path(get, path = "/contexts", tag = "contexts", operation_id = "listContexts",
    params(ContextsQuery),
    responses(
        (status = 200, body = SharedContextPage),
        (status = 400, description = "An unknown or wrong parameter", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    State(api): State<Api>,
    Params(query): Params<ContextsQuery>,
) -> Result<Json<SharedContextPage>, ApiError> {
    let limit = request::page_rows(query.limit)?;
    work(&api, move |contexts| {
        let mut names = contexts.names().map_err(of_store)?;
        names.sort();
        let after = query.cursor.unwrap_or_default();
        let mut page = SharedContextPage { contexts: Vec::new(), next_cursor: None };
        for name in names.into_iter().filter(|name| *name.as_str() > *after) {
            let Some(shared) = contexts.latest(&name).map_err(of_store)? else { continue };
            let Some(payload) = &shared.payload else { continue };
            if page.contexts.len() == limit {
                page.next_cursor = page.contexts.last().map(|last| last.name.clone());
                break;
            }
            page.contexts.push(SharedContextSummary {
                name: name.to_string(),
                seq: shared.seq,
                updated_at: shared.at.to_string(),
                names: shared.sources.keys().cloned().collect(),
                bytes: payload.bytes,
            });
        }
        Ok(Json(page))
    })
    .await
}

/// Show a shared context
///
/// With each value and who set it. The entity tag is the number of its last event.
#[utoipa::path(get, path = "/contexts/{name}", tag = "contexts", operation_id = "showContext",
    params(("name" = String, Path, description = "The context's name")),
    responses(
        (status = 200, body = SharedContext),
        (status = 404, description = "Unknown context, or deleted", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Shown, ApiError> {
    let id = known_name(&name)?;
    work(&api, move |contexts| {
        let shared = contexts.latest(&id).map_err(of_store)?;
        let shared = shared.filter(|shared| shared.payload.is_some());
        shown(contexts, &id, &shared.ok_or_else(|| unknown(&name))?)
    })
    .await
}

/// Show what happened to a shared context
///
/// Every value it has had, and who set it; also of one that was deleted.
#[utoipa::path(get, path = "/contexts/{name}/history", tag = "contexts", operation_id = "listContextHistory",
    params(("name" = String, Path, description = "The context's name"), HistoryQuery),
    responses(
        (status = 200, body = SharedHistory),
        (status = 400, description = "An unknown or wrong parameter", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "Unknown context", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn history(
    State(api): State<Api>,
    Path(name): Path<String>,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<SharedHistory>, ApiError> {
    let limit = query.limit.unwrap_or(CHANGES);
    if !(1..=CHANGES_MAX).contains(&limit) {
        let why = format!("limit: {limit} is not from 1 to {CHANGES_MAX}");
        return Err(ApiError::InvalidQuery(why));
    }
    let (id, after) = (known_name(&name)?, query.after.unwrap_or(0));
    work(&api, move |contexts| {
        if contexts.latest(&id).map_err(of_store)?.is_none() {
            return Err(unknown(&name));
        }
        let page = contexts.history(&id, after, limit).map_err(of_store)?;
        let mut events = Vec::with_capacity(page.len());
        for stored in &page {
            let values = match &stored.entry.event {
                ContextEvent::ContextSet { value, .. } => {
                    let value = contexts.payload(value).map_err(|error| of_write(&name, error))?;
                    Some(value)
                }
                ContextEvent::ContextDeleted { .. } => None,
            };
            events.push(SharedChange::new(stored, values));
        }
        let next_after = page.last().map_or(after, |stored| stored.seq);
        Ok(Json(SharedHistory { events, next_after }))
    })
    .await
}

/// Set a shared context
///
/// Gives it these values and no others. With `If-Match`, only if nobody has changed it since.
#[utoipa::path(put, path = "/contexts/{name}", tag = "contexts", operation_id = "setContext",
    params(
        ("name" = String, Path, description = "The context's name"),
        ("if-match" = Option<String>, Header, description = "The entity tag that the caller has seen; `\"0\"` for none yet"),
    ),
    request_body = SetContext,
    responses(
        (status = 200, body = SharedContext),
        (status = 412, description = "Somebody has changed it", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body, or the context, is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "A name or values that do not fit", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn set(
    State(api): State<Api>,
    Path(name): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<Shown, ApiError> {
    let expected = expected(&headers)?;
    let body: SetContext = request::json(request, api.body_bytes_max()).await?;
    let id = ContextName::new(&name).map_err(|error| ApiError::InvalidBody(error.to_string()))?;
    work(&api, move |contexts| {
        let shared = contexts.set(&id, body.values, expected);
        shown(contexts, &id, &shared.map_err(|error| of_write(&name, error))?)
    })
    .await
}

/// Delete a shared context
///
/// Runs that start later find an empty one. Its history stays.
#[utoipa::path(delete, path = "/contexts/{name}", tag = "contexts", operation_id = "deleteContext",
    params(
        ("name" = String, Path, description = "The context's name"),
        ("if-match" = Option<String>, Header, description = "The entity tag that the caller has seen"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "Unknown context, or deleted", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 412, description = "Somebody has changed it", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn delete(
    State(api): State<Api>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let (expected, id) = (expected(&headers)?, known_name(&name)?);
    work(&api, move |contexts| {
        let shared = contexts.latest(&id).map_err(of_store)?;
        let Some(shared) = shared.filter(|shared| shared.payload.is_some()) else {
            return Err(unknown(&name));
        };
        // What was looked at is what is deleted.
        let expected = expected.unwrap_or(shared.seq);
        contexts.delete(&id, Some(expected)).map_err(|error| of_write(&name, error))?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

fn shown(contexts: &Contexts, name: &ContextName, shared: &Shared) -> Result<Shown, ApiError> {
    let values = contexts.value(shared).map_err(|error| of_write(name.as_str(), error))?;
    let tag = [(ETAG, format!("\"{}\"", shared.seq))];
    Ok((tag, Json(SharedContext::new(name.as_str(), shared, values))))
}

/// Does what reads or writes the store, where it holds nobody up.
async fn work<T: Send + 'static>(
    api: &Api,
    work: impl FnOnce(&Contexts) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let contexts = api.app.contexts.clone();
    let done = tokio::task::spawn_blocking(move || work(&contexts)).await;
    done.map_err(|error| ApiError::Internal(error.to_string()))?
}

/// The number in `If-Match`, if there is one; `*` asks for nothing here.
fn expected(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or("").trim();
    if text == "*" {
        return Ok(None);
    }
    let number = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let number = number.and_then(|number| number.parse().ok());
    let wrong = || {
        let why = "if-match: send one entity tag as it was given, such as `\"7\"`".to_owned();
        ApiError::InvalidHeader(why)
    };
    number.map(Some).ok_or_else(wrong)
}

/// A name out of a path: what is no name names nothing.
fn known_name(text: &str) -> Result<ContextName, ApiError> {
    ContextName::new(text).map_err(|_| unknown(text))
}

fn unknown(name: &str) -> ApiError {
    let help = "; `GET /api/v1/contexts` lists them".to_owned();
    ApiError::NotFound { kind: "context", name: name.chars().take(80).collect(), help }
}

fn of_store(error: taskloom_store::Error) -> ApiError {
    match error {
        taskloom_store::Error::Stopped { .. } => ApiError::ShuttingDown,
        error => ApiError::Internal(error.to_string()),
    }
}

fn of_write(name: &str, error: WriteError) -> ApiError {
    match error {
        WriteError::Store(error) => of_store(error),
        WriteError::Changed { found, .. } => ApiError::PreconditionFailed(format!(
            "shared context `{name}` is at \"{found}\" by now, since somebody else has changed it; read it, \
             and send `if-match: \"{found}\"` if you still want to change it"
        )),
        WriteError::TooLarge(Excess::Bytes(bytes)) => {
            ApiError::ContextTooLarge { bytes, limit: SHARED_BYTES_MAX }
        }
        error @ WriteError::TooLarge(Excess::Names(_)) => {
            ApiError::InvalidBody(format!("values: {error}"))
        }
        WriteError::Unreadable(why) => ApiError::Internal(format!("context {name}: {why}")),
    }
}
