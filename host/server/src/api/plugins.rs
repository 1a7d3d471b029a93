//! Plugins: list, show.

use axum::Json;
use axum::extract::{Path, State};
use taskloom_core::document::suggest;

use super::Api;
use super::error::ApiError;
use super::types::{Plugin, PluginList, PluginSummary, ProblemDetails};

/// List plugins
///
/// Every file of the plugins folder, with why it is refused if it is.
#[utoipa::path(get, path = "/plugins", tag = "plugins", operation_id = "listPlugins",
    responses((status = 200, body = PluginList)))]
pub(crate) async fn list(State(api): State<Api>) -> Json<PluginList> {
    let catalog = &api.app.catalog;
    let settled = catalog.is_settled();
    let mut plugins: Vec<_> = catalog
        .list()
        .iter()
        .map(|entry| PluginSummary::new(entry, catalog.current(&entry.stem).as_deref()))
        .collect();
    plugins.sort_by(|a, b| a.name.cmp(&b.name));
    Json(PluginList { plugins, settled })
}

/// Show a plugin
///
/// With its task types and their schemas, what it asks for and what it is granted.
#[utoipa::path(get, path = "/plugins/{name}", tag = "plugins", operation_id = "showPlugin",
    params(("name" = String, Path, description = "The plugin's name: the stem of its file")),
    responses(
        (status = 200, body = Plugin),
        (status = 404, description = "Unknown plugin", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn show(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<Plugin>, ApiError> {
    let catalog = &api.app.catalog;
    let entries = catalog.list();
    let Some(entry) = entries.iter().find(|entry| entry.stem.as_str() == name) else {
        let names = entries.iter().map(|entry| entry.stem.as_str());
        let help = match suggest(&name, names) {
            Some(similar) => format!("; did you mean `{similar}`?"),
            None => "; `GET /api/v1/plugins` lists them".to_owned(),
        };
        return Err(ApiError::NotFound {
            kind: "plugin",
            name: name.chars().take(80).collect(),
            help,
        });
    };
    Ok(Json(Plugin::new(entry, catalog.current(&entry.stem).as_deref())))
}
