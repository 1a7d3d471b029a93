//! The HTTP API, version 1: workflows, runs, their events, plugins, health.
//!
//! Every operation is described by the code that performs it; the OpenAPI document at
//! `/api/v1/openapi.json` and the page at `/api/v1/docs/` are made from that. Nothing in here
//! decides: requests become commands of the engine or questions to the reader.

mod artefacts;
mod contexts;
pub(crate) mod delay;
mod error;
mod events;
mod guard;
mod health;
mod hooks;
mod idempotency;
mod logs;
mod metrics;
mod page;
mod plugin_versions;
mod plugins;
mod registry;
mod request;
mod rerun;
mod rerun_many;
mod runs;
mod start;
mod steer;
mod tasks;
mod template_use;
mod templates;
mod triggers;
pub mod types;
mod versions;
mod workflows;

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use http::{Method, Uri};
use taskloom_core::id::RunId;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config as SwaggerConfig, SwaggerUi};

use crate::app::App;
use types::Run;

pub use error::{ApiError, PROBLEM_JSON};

/// Where everything of this version is.
pub const BASE: &str = "/api/v1";

/// Streams of events that may be open at the same time. Each costs a connection, a task and a
/// little memory; a thousand is more than people look at.
const EVENT_STREAMS_MAX: usize = 1_000;

/// What every operation has at hand.
#[derive(Clone)]
pub(crate) struct Api {
    /// The host.
    app: Arc<App>,
    /// Room for streams of events.
    streams: Arc<Semaphore>,
}

impl Api {
    /// Bytes of a request's body.
    fn body_bytes_max(&self) -> u64 {
        self.app.config.server.body_bytes_max
    }
}

/// What the API says about itself as a whole.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Taskloom",
        description = "Workflows of sandboxed tasks: start runs, follow them, stop them.\n\n\
            Times are RFC 3339 in UTC. Lists come in pages: pass `next_cursor` as `cursor`. Errors \
            are RFC 9457 problem details with a stable `code`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "workflows", description = "What runs can be started of."),
        (name = "templates", description = "What workflows can be made of."),
        (name = "runs", description = "Executions of a workflow: their tasks, attempts, logs and events."),
        (name = "triggers", description = "What starts runs by itself, and the requests that do."),
        (name = "contexts", description = "What runs share with each other."),
        (name = "plugins", description = "What offers task types."),
        (name = "host", description = "Whether the host is well."),
    )
)]
struct Description;

/// The API's operations on a host.
pub fn router(app: Arc<App>) -> Router {
    let allowed: Arc<[String]> = app.config.server.allowed_hosts.clone().into();
    let api = Api { app, streams: Arc::new(Semaphore::new(EVENT_STREAMS_MAX)) };
    let (router, description) = operations().split_for_parts();
    let router = router.with_state(api).merge(page::router()).merge(reference(description));
    router
        .fallback(no_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(allowed, guard::refuse_strangers))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(TraceLayer::new_for_http())
}

/// The OpenAPI document.
pub fn description() -> utoipa::openapi::OpenApi {
    operations().split_for_parts().1
}

/// A run as `GET /runs/{id}` shows it.
///
/// # Errors
/// When there is no such run or it cannot be read.
pub async fn show_run(app: &App, run: RunId) -> Result<Run, ApiError> {
    runs::view(app, run, false).await
}

fn operations() -> OpenApiRouter<Api> {
    let operations = OpenApiRouter::new()
        .routes(routes!(workflows::list))
        .routes(routes!(workflows::show))
        .routes(routes!(workflows::validate))
        .routes(routes!(registry::put))
        .routes(routes!(registry::delete))
        .routes(routes!(registry::enable))
        .routes(routes!(registry::disable))
        .routes(routes!(versions::list))
        .routes(routes!(versions::show))
        .routes(routes!(versions::diff))
        .routes(routes!(templates::list))
        .routes(routes!(templates::show))
        .routes(routes!(templates::put))
        .routes(routes!(templates::delete))
        .routes(routes!(templates::versions))
        .routes(routes!(templates::version))
        .routes(routes!(template_use::make))
        .routes(routes!(template_use::save))
        .routes(routes!(start::start))
        .routes(routes!(runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(runs::cancel))
        .routes(routes!(runs::delete))
        .routes(routes!(steer::pause))
        .routes(routes!(steer::resume))
        .routes(routes!(steer::priority))
        .routes(routes!(steer::signal))
        .routes(routes!(steer::approve))
        .routes(routes!(steer::skip))
        .routes(routes!(rerun::rerun))
        .routes(routes!(rerun::preview))
        .routes(routes!(rerun_many::rerun))
        .routes(routes!(tasks::list))
        .routes(routes!(tasks::show))
        .routes(routes!(artefacts::list))
        .routes(routes!(artefacts::read))
        .routes(routes!(logs::list))
        .routes(routes!(events::list))
        .routes(routes!(triggers::list))
        .routes(routes!(triggers::show))
        .routes(routes!(triggers::fire))
        .routes(routes!(hooks::github))
        .routes(routes!(hooks::webhook))
        .routes(routes!(contexts::list))
        .routes(routes!(contexts::show, contexts::set, contexts::delete))
        .routes(routes!(contexts::history))
        .routes(routes!(plugins::list))
        .routes(routes!(plugins::show))
        .routes(routes!(plugins::events))
        .routes(routes!(plugin_versions::roll_back))
        .routes(routes!(plugin_versions::release))
        .routes(routes!(plugins::refusals))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics));
    OpenApiRouter::with_openapi(Description::openapi()).nest(BASE, operations)
}

/// The document, and the page that shows it. The page comes out of the program and asks no other
/// server for anything.
fn reference(description: utoipa::openapi::OpenApi) -> Router {
    let config = SwaggerConfig::default().validator_url("none").try_it_out_enabled(true);
    SwaggerUi::new(format!("{BASE}/docs"))
        .url(format!("{BASE}/openapi.json"), description)
        .config(config)
        .into()
}

async fn no_route(uri: Uri) -> ApiError {
    ApiError::NoRoute(uri.path().chars().take(200).collect())
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let path = uri.path().chars().take(200).collect();
    ApiError::MethodNotAllowed { method: method.to_string(), path }
}

/// A panic of one request ends that request alone. The panic itself has been logged.
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    ApiError::Internal(format!("panicked: {}", text.unwrap_or_default())).into_response()
}
