//! Counts of the host for whoever watches it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use super::Api;

/// What the text is.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Read counts
///
/// As OpenMetrics text, which Prometheus reads: what plugins were refused, their secrets and their use of
/// models since the start of the host.
#[utoipa::path(get, path = "/metrics", tag = "host", operation_id = "metrics",
    responses((status = 200, description = "The counts", body = String, content_type = "application/openmetrics-text")))]
pub(crate) async fn metrics(State(api): State<Api>) -> Response {
    ([(CONTENT_TYPE, OPEN_METRICS)], api.app.audit.text()).into_response()
}
