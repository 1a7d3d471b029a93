//! Whether the host is well.

use axum::Json;
use axum::extract::State;
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use taskloom_store::RunFilter;
use taskloom_wasm::PluginState;
use utoipa::ToSchema;

use super::Api;
use super::error::ApiError;
use super::types::ProblemDetails;

/// The process is alive.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: String,
    /// The version of the program.
    version: String,
}

/// The host takes runs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready`.
    status: String,
    /// Workflows that were read.
    workflows: usize,
    /// Workflow files that are wrong.
    broken_files: usize,
    /// How far the plugins are. They need not be loaded for the host to be ready: runs wait.
    plugins: PluginCounts,
    /// Runs that have not ended.
    live_runs: usize,
    /// `ok`: the journal can be read.
    store: String,
}

/// Plugin files by state.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct PluginCounts {
    /// Whether every file that was there at the start has been looked at.
    settled: bool,
    /// Being looked at or compiled.
    loading: usize,
    /// Used by new runs.
    active: usize,
    /// Refused.
    refused: usize,
    /// Loaded, and in quarantine; an older version may be used by new runs.
    quarantined: usize,
}

/// Whether the process is alive
#[utoipa::path(get, path = "/health", tag = "host", operation_id = "health",
    responses((status = 200, body = Health)))]
pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// Whether the host takes runs
///
/// Workflows are read before the host listens; plugins may still be loading.
#[utoipa::path(get, path = "/ready", tag = "host", operation_id = "ready",
    responses(
        (status = 200, body = Readiness),
        (status = 503, description = "The host is stopping", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn ready(State(api): State<Api>) -> Result<Json<Readiness>, ApiError> {
    let app = &api.app;
    if app.stopped().now_or_never().is_some() {
        return Err(ApiError::ShuttingDown);
    }
    app.reader.list(RunFilter::default(), 1).await?;
    let mut plugins = PluginCounts { settled: app.catalog.is_settled(), ..Default::default() };
    for entry in app.catalog.list() {
        match entry.state {
            PluginState::Loading => plugins.loading += 1,
            PluginState::Active | PluginState::RolledBack => plugins.active += 1,
            PluginState::Quarantined { .. } => plugins.quarantined += 1,
            PluginState::Refused { .. } => plugins.refused += 1,
            PluginState::Removed => {}
        }
    }
    Ok(Json(Readiness {
        status: "ready".to_owned(),
        workflows: app.workflows.list().len(),
        broken_files: app.workflows.broken().len(),
        plugins,
        live_runs: app.engine.live_runs().await,
        store: "ok".to_owned(),
    }))
}
