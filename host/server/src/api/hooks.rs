//! Requests from outside that start runs: webhooks, and deliveries of GitHub.

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::Map;

use super::Api;
use super::error::ApiError;
use super::request;
use super::types::{Delivered, FiredRun, ProblemDetails, SkippedTrigger};
use crate::triggers::webhook::{Answers, Delivery, Turned};
use crate::triggers::{FireError, Fired};

/// Deliver to a webhook
///
/// Any body of a request that is signed as the trigger wants it. The answer comes when the runs are on
/// disk. A delivery that comes again under the same `webhook-id` or `idempotency-key` gets the same run.
#[utoipa::path(post, path = "/hooks/{path}", tag = "triggers", operation_id = "deliverWebhook",
    params(
        ("path" = String, Path, description = "The webhook's path, as its trigger names it"),
        ("x-hub-signature-256" = Option<String>, Header, description = "`sha256=` and the HMAC-SHA-256 of the body in hexadecimal; or `x-signature-256`"),
        ("webhook-id" = Option<String>, Header, description = "Standard Webhooks: names the delivery"),
        ("webhook-timestamp" = Option<String>, Header, description = "Standard Webhooks: seconds since 1970, at most five minutes from now"),
        ("webhook-signature" = Option<String>, Header, description = "Standard Webhooks: `v1,` and the signature in base64; several with spaces between them"),
        ("idempotency-key" = Option<String>, Header, description = "Names a delivery of any other scheme"),
    ),
    request_body(content = Vec<u8>, content_type = "*/*", description = "Becomes `event.body`"),
    responses(
        (status = 202, description = "It was taken; what came of it", body = Delivered),
        (status = 401, description = "It is not signed as it has to be", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "Nobody listens there", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "The body is neither JSON nor text", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "The host is full", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The host is stopping", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn webhook(
    State(api): State<Api>,
    Path(path): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    request: Request,
) -> Result<Response, ApiError> {
    let delivery = read(&api, query, request).await?;
    let answers = api.app.triggers.deliver(&path, delivery).await;
    answer(answers.map_err(|turned| refuse(turned, &path))?)
}

/// Deliver an event of GitHub
///
/// The address for the webhook of a repository, an organisation or an app, with the content type
/// `application/json`. A delivery that comes again gets the same runs.
#[utoipa::path(post, path = "/hooks/github", tag = "triggers", operation_id = "deliverGithub",
    params(
        ("x-github-event" = String, Header, description = "The event"),
        ("x-github-delivery" = String, Header, description = "Names the delivery"),
        ("x-hub-signature-256" = String, Header, description = "`sha256=` and the HMAC-SHA-256 of the body in hexadecimal"),
    ),
    request_body(content = Value, description = "The payload, as GitHub sends it"),
    responses(
        (status = 202, description = "It was taken; what came of it", body = Delivered),
        (status = 401, description = "It is not signed as it has to be", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "It is no delivery of GitHub", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "The host is full", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 503, description = "The host is stopping", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn github(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let delivery = read(&api, Vec::new(), request).await?;
    let answers = api.app.triggers.deliver_github(delivery).await;
    answer(answers.map_err(|turned| refuse(turned, "github"))?)
}

async fn read(
    api: &Api,
    query: Vec<(String, String)>,
    request: Request,
) -> Result<Delivery, ApiError> {
    let headers = request.headers().clone();
    let body = request::body(request, api.body_bytes_max()).await?;
    let query = query.into_iter().map(|(name, value)| (name, value.into()));
    Ok(Delivery { headers, query: query.collect::<Map<_, _>>(), body })
}

fn refuse(turned: Turned, path: &str) -> ApiError {
    match turned {
        Turned::Nobody => ApiError::NotFound {
            kind: "webhook",
            name: path.chars().take(80).collect(),
            help: String::new(),
        },
        Turned::NotGenuine => ApiError::NotGenuine,
        Turned::Malformed(why) => ApiError::InvalidBody(why),
        Turned::Secret(error) => ApiError::Internal(error.to_string()),
    }
}

/// What came of an event. The sender is to come again only when nothing at all was done: what was
/// started would be started once more if the delivery has no name.
pub(super) fn answer(answers: Answers) -> Result<Response, ApiError> {
    let mut delivered = Delivered::default();
    let mut refused = None;
    for (trigger, answer) in answers {
        let trigger = trigger.to_string();
        match answer {
            Ok(Fired::Run { run, existing }) => {
                delivered.runs.push(FiredRun { trigger, run: run.to_string(), existing });
            }
            Ok(Fired::Waits) => delivered.waiting.push(trigger),
            Ok(Fired::Nothing(reason)) => {
                delivered.skipped.push(SkippedTrigger { trigger, reason });
            }
            Err(error) => {
                let reason = error.to_string();
                delivered.skipped.push(SkippedTrigger { trigger, reason });
                refused = Some(error);
            }
        }
    }
    match refused {
        Some(error) if delivered.runs.is_empty() && delivered.waiting.is_empty() => {
            return Err(error.into());
        }
        _ => {}
    }
    if delivered.runs.is_empty() && delivered.waiting.is_empty() && delivered.skipped.is_empty() {
        delivered.message = Some("no trigger listens to this event".to_owned());
    }
    Ok((StatusCode::ACCEPTED, Json(delivered)).into_response())
}

impl From<FireError> for ApiError {
    fn from(error: FireError) -> Self {
        match error {
            FireError::Full { what, retry_after } => Self::Full { what, retry_after },
            FireError::ShuttingDown => Self::ShuttingDown,
            FireError::Store(why) => Self::Internal(why),
        }
    }
}
