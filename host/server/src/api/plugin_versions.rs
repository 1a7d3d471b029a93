//! Versions of plugins: another one for new runs, and an end to a quarantine.

use axum::Json;
use axum::extract::{Path, Request, State};
use taskloom_core::id::{Digest, PluginName};
use taskloom_wasm::ChangeError;

use super::Api;
use super::error::ApiError;
use super::plugins;
use super::steer::optional;
use super::types::{self, ChoosePluginVersion, Plugin, ProblemDetails};

/// Roll a plugin back
///
/// New runs use another version of it that was loaded before, until another file comes; by default the
/// one before that which they use. Runs that have pinned a version keep it.
#[utoipa::path(post, path = "/plugins/{name}/rollback", tag = "plugins", operation_id = "rollBackPlugin",
    params(("name" = String, Path, description = "The plugin's name: the stem of its file")),
    request_body(content = Option<ChoosePluginVersion>, content_type = "application/json"),
    responses(
        (status = 200, body = Plugin),
        (status = 404, description = "Unknown plugin or version", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "There is no such version to go back to", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn roll_back(
    State(api): State<Api>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<Plugin>, ApiError> {
    let (plugin, digest) = chosen(&api, &name, request).await?;
    let changed = api.app.catalog.roll_back(&plugin, digest).await;
    changed.map_err(|error| of_change(&api, &name, error))?;
    plugins::shown(&api, &name)
}

/// Release a plugin from quarantine
///
/// Lets a version be used again that crashed again and again; by default that of the file, else the
/// newest that is in quarantine. New runs use it at once when it is the one in the file, and runs that
/// have pinned it go on.
#[utoipa::path(post, path = "/plugins/{name}/release", tag = "plugins", operation_id = "releasePlugin",
    params(("name" = String, Path, description = "The plugin's name: the stem of its file")),
    request_body(content = Option<ChoosePluginVersion>, content_type = "application/json"),
    responses(
        (status = 200, body = Plugin),
        (status = 404, description = "Unknown plugin or version", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "It is in no quarantine", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn release(
    State(api): State<Api>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Json<Plugin>, ApiError> {
    let (plugin, digest) = chosen(&api, &name, request).await?;
    let changed = api.app.catalog.release(&plugin, digest).await;
    changed.map_err(|error| of_change(&api, &name, error))?;
    plugins::shown(&api, &name)
}

/// The plugin and the version that a request is about.
async fn chosen(
    api: &Api,
    name: &str,
    request: Request,
) -> Result<(PluginName, Option<Digest>), ApiError> {
    let ChoosePluginVersion { digest } = optional(api, request).await?;
    let plugin = PluginName::new(name).map_err(|_| plugins::unknown(api, name))?;
    let life = api.app.catalog.life(&plugin).ok_or_else(|| plugins::unknown(api, name))?;
    let named = |text: String| {
        types::named_version(&life, &text).map_err(|why| ApiError::NotFound {
            kind: "version",
            name: text.chars().take(80).collect(),
            help: format!("; {why}; `GET /api/v1/plugins/{name}` lists them"),
        })
    };
    Ok((plugin, digest.map(named).transpose()?))
}

fn of_change(api: &Api, name: &str, error: ChangeError) -> ApiError {
    match error {
        ChangeError::NoFile(_) => plugins::unknown(api, name),
        ChangeError::NoVersion { digest, .. } => ApiError::NotFound {
            kind: "version",
            name: digest.to_string(),
            help: format!("; `GET /api/v1/plugins/{name}` lists them"),
        },
        ChangeError::Stopping => ApiError::ShuttingDown,
        error => ApiError::PluginNotNow(error),
    }
}
