//! Starts a run.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{HeaderName, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use taskloom_core::context;
use taskloom_core::definition::PRIORITY_MAX;
use taskloom_core::id::WorkflowId;
use taskloom_core::journal::{IdempotencyKey, Trigger};

use super::error::ApiError;
use super::registry::blocking;
use super::types::{self, ProblemDetails, Run};
use super::{Api, BASE, delay, idempotency, request, runs, versions, workflows};
use crate::engine::{StartRun, Started};
use crate::workflows::{Availability, Registered};

/// A longer input is checked away from the threads that serve other requests.
const QUICK_INPUT_BYTES: usize = 64 * 1024;

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Start a run
///
/// The answer comes when the run is on disk. While plugins are still loading, a run is accepted
/// and waits for them. A run that is to begin later, or whose concurrency key is full, is held: it
/// is `waiting`, and says why in `held`.
#[utoipa::path(post, path = "/workflows/{id}/runs", tag = "runs", operation_id = "startRun",
    params(
        ("id" = String, Path, description = "The workflow's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "A text of up to 255 bytes under which the run is started at most once per workflow; repeating the request gives the same run"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`: wait up to N seconds for the end of the run (RFC 7240)"),
        ("traceparent" = Option<String>, Header, description = "The caller's trace (W3C), handed on to handlers"),
    ),
    request_body = types::StartRun,
    responses(
        (status = 201, description = "The run was started", body = Run,
            headers(("Location" = String, description = "The run"), ("Preference-Applied" = Option<String>, description = "The wait that was granted"))),
        (status = 200, description = "The run has ended within the preferred wait, or was started before under the same key", body = Run,
            headers(("Idempotent-Replayed" = Option<String>, description = "`true` when nothing was started"))),
        (status = 400, description = "Malformed JSON or header", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "Unknown workflow", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "The workflow cannot run with the plugins that are loaded, or its concurrency key is busy and refuses", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body, or the context, is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "The input does not fit, gives no concurrency key, or the idempotency key belongs to another request", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "The host is full", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The host is stopping", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn start(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let registered = workflows::find(&api, &id)?;
    let headers = request.headers().clone();
    let key = request::idempotency_key(&headers)?;
    let body: types::StartRun = request::json(request, api.body_bytes_max()).await?;
    let idempotency = match key {
        Some(key) => Some(keyed(key, &body).await?),
        None => None,
    };
    let started = match replayed(&api, registered.id(), idempotency.as_ref()).await? {
        Some(started) => started,
        None => {
            let start = accept(&api, registered, body, idempotency, &headers).await?;
            api.app.engine.start_run(start).await?
        }
    };
    let wait = request::preferred_wait(&headers, api.app.config.server.prefer_wait_max);
    answer(&api, started, wait).await
}

/// The caller's key with the digest of what it asks for.
async fn keyed(key: String, body: &types::StartRun) -> Result<IdempotencyKey, ApiError> {
    let (input, context, priority) = (input_text(body), context_text(body), body.priority);
    let off = (body.cache == Some(types::CacheUse::Off)).then(|| "off".to_owned());
    let more = [
        ("start_at", body.start_at.clone()),
        ("delay", body.delay.clone()),
        ("definition", body.definition.clone()),
        ("cache", off),
    ];
    checked(Arc::clone(&input), move || {
        let context = context.map(|context| parse(&context)).transpose()?;
        Ok(idempotency::key(key, &parse(&input)?, context.as_ref(), priority, &more))
    })
    .await
}

/// The run that was started under the key before. A repeated request gets it whatever has become
/// of the workflow and its plugins since.
async fn replayed(
    api: &Api,
    workflow: &WorkflowId,
    idempotency: Option<&IdempotencyKey>,
) -> Result<Option<Started>, ApiError> {
    let Some(IdempotencyKey { key, request }) = idempotency else { return Ok(None) };
    match api.app.reader.run_of_key(workflow.clone(), key.clone()).await? {
        Some((run, asked)) if asked == *request => {
            let watch = api.app.engine.watch(run);
            Ok(Some(Started { run, watch, existing: true }))
        }
        Some((run, _)) => Err(ApiError::KeyReused { run }),
        None => Ok(None),
    }
}

/// Checks everything that can be checked before the engine is asked.
async fn accept(
    api: &Api,
    registered: Arc<Registered>,
    body: types::StartRun,
    idempotency: Option<IdempotencyKey>,
    headers: &HeaderMap,
) -> Result<StartRun, ApiError> {
    let priority = body.priority;
    if let Some(priority) = priority.filter(|p| i64::from(*p).abs() > PRIORITY_MAX) {
        return Err(ApiError::InvalidBody(format!(
            "priority: {priority} is not from -{PRIORITY_MAX} to {PRIORITY_MAX}"
        )));
    }
    let begins = delay::begins(body.start_at.as_deref(), body.delay.as_deref())
        .map_err(|(field, why)| ApiError::InvalidBody(format!("{field}: {why}")))?;
    if !registered.enabled() {
        return Err(ApiError::WorkflowDisabled(registered.id().clone()));
    }
    let registered = match &body.definition {
        Some(digest) => version(api, &registered, digest.clone()).await?,
        None => registered,
    };
    available(api, &registered)?;
    let context = context_text(&body);
    check_context(context.as_deref())?;
    let input = input_text(&body);
    let definition = Arc::clone(&registered.definition);
    let text = Arc::clone(&input);
    checked(Arc::clone(&input), move || check_input(&registered, &text)).await?;
    Ok(StartRun {
        definition,
        input,
        context,
        trigger: Trigger::Api,
        trigger_name: None,
        idempotency,
        traceparent: request::traceparent(headers),
        priority,
        rerun: None,
        parent: None,
        run: None,
        no_cache: body.cache == Some(types::CacheUse::Off),
        begins,
    })
}

/// The workflow with the text that the caller names.
async fn version(
    api: &Api,
    registered: &Arc<Registered>,
    digest: String,
) -> Result<Arc<Registered>, ApiError> {
    if digest == registered.digest().to_string() {
        return Ok(Arc::clone(registered));
    }
    let (workflows, id) = (api.app.workflows.clone(), registered.id().clone());
    let definition = blocking(move || versions::definition_of(&workflows, &id, &digest)).await?;
    Ok(Arc::new(registered.with(definition)))
}

/// The input as it was sent; without one, an empty object.
fn input_text(body: &types::StartRun) -> Arc<str> {
    body.input.as_ref().map_or("{}", |input| input.get()).into()
}

fn context_text(body: &types::StartRun) -> Option<Arc<str>> {
    body.context.as_ref().map(|context| context.get().into())
}

fn check_context(text: Option<&str>) -> Result<(), ApiError> {
    let (bytes, limit) = (text.map_or(0, str::len), context::CONTEXT_BYTES_MAX);
    if bytes > limit {
        return Err(ApiError::ContextTooLarge { bytes, limit });
    }
    let violations = text.map(context::violations).unwrap_or_default();
    if violations.is_empty() {
        return Ok(());
    }
    Err(ApiError::InvalidBody(format!("context: {}", violations.join("; "))))
}

/// Does work that grows with the input where it holds nobody up.
async fn checked<T: Send + 'static>(
    input: Arc<str>,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    if input.len() <= QUICK_INPUT_BYTES {
        return work();
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ApiError::Internal(error.to_string()))?
}

fn parse(text: &str) -> Result<Value, ApiError> {
    serde_json::from_str(text).map_err(|error| ApiError::MalformedJson(format!("input: {error}")))
}

fn check_input(registered: &Registered, text: &str) -> Result<(), ApiError> {
    let violations = registered.input_schema.violations(&parse(text)?);
    if violations.is_empty() {
        return Ok(());
    }
    Err(ApiError::InvalidInput { workflow: registered.id().clone(), violations })
}

fn available(api: &Api, registered: &Registered) -> Result<(), ApiError> {
    let workflows = &api.app.workflows;
    match workflows.availability(registered) {
        Availability::Available | Availability::Loading => Ok(()),
        Availability::Unavailable(problems) => Err(ApiError::WorkflowUnavailable {
            workflow: registered.id().clone(),
            problems,
            hints: workflows
                .refusals(registered.plugins())
                .iter()
                .map(|hint| format!("; {hint}"))
                .collect(),
        }),
    }
}

async fn answer(api: &Api, started: Started, wait: Option<Duration>) -> Result<Response, ApiError> {
    let Started { run, existing, .. } = started;
    let ended = match wait {
        Some(wait) => ends_within(api, started, wait).await?,
        None => false,
    };
    let status = if ended || existing { StatusCode::OK } else { StatusCode::CREATED };
    let shown = runs::view(&api.app, run, false).await?;
    let mut response = (status, Json(shown)).into_response();
    let headers = response.headers_mut();
    headers.insert(LOCATION, value(&format!("{BASE}/runs/{run}")));
    if existing {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    if let Some(wait) = wait {
        headers.insert(PREFERENCE_APPLIED, value(&format!("wait={}", wait.as_secs())));
    }
    Ok(response)
}

/// Waits for the end of a run, at most `wait`.
async fn ends_within(api: &Api, started: Started, wait: Duration) -> Result<bool, ApiError> {
    let Started { run, existing, mut watch } = started;
    // A run that was just started is watched from before its first step; an older one may have
    // ended before it was watched.
    if existing {
        let row = api.app.reader.row(run).await?;
        if row.is_some_and(|row| row.outcome.is_some()) {
            return Ok(true);
        }
    }
    Ok(tokio::time::timeout(wait, watch.ended()).await.unwrap_or(false))
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids and numbers are visible ASCII")
}
