//! Plugins: list, show, what happened to them, what they were refused.

#![expect(unused_qualifications, reason = "made by the macro that describes query parameters")]

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use taskloom_core::document::suggest;
use taskloom_core::id::PluginName;
use taskloom_store::Cursor;
use taskloom_wasm::PluginEntry;
use utoipa::IntoParams;

use super::Api;
use super::error::ApiError;
use super::request::{self, Params};
use super::types::{
    Plugin, PluginEvent, PluginEventPage, PluginList, PluginRefusal, PluginSummary, PluginVersion,
    ProblemDetails, RefusalPage,
};

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
        .map(|entry| {
            let versions = PluginVersion::all(catalog, &entry.stem);
            PluginSummary::new(entry, catalog.current(&entry.stem).as_deref(), versions)
        })
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
    shown(&api, &name)
}

/// A plugin as it is now.
pub(super) fn shown(api: &Api, name: &str) -> Result<Json<Plugin>, ApiError> {
    let catalog = &api.app.catalog;
    let entry = entry(api, name)?;
    let versions = PluginVersion::all(catalog, &entry.stem);
    let (policy_file, plugin) = (catalog.policy_origin(&entry.stem), catalog.current(&entry.stem));
    Ok(Json(Plugin::new(&entry, policy_file, plugin.as_deref(), versions)))
}

/// A file of the plugins folder.
fn entry(api: &Api, name: &str) -> Result<PluginEntry, ApiError> {
    let entries = api.app.catalog.list();
    let entry = entries.into_iter().find(|entry| entry.stem.as_str() == name);
    entry.ok_or_else(|| unknown(api, name))
}

/// A page of refusals.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RefusalsQuery {
    /// Refusals of the page, from 1 to 1,000; 100 when left out.
    limit: Option<usize>,
    /// Where the page begins: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List what a plugin was refused
///
/// What the host refused its attempts, the newest first, for as long as their runs are kept. An attempt that is
/// under way is listed once it has ended. Those of a plugin whose file is gone can still be read.
#[utoipa::path(get, path = "/plugins/{name}/refusals", tag = "plugins", operation_id = "listRefusals",
    params(("name" = String, Path, description = "The plugin's name: the stem of its file"), RefusalsQuery),
    responses(
        (status = 200, body = RefusalPage),
        (status = 400, description = "An unknown or wrong parameter", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "Unknown plugin", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn refusals(
    State(api): State<Api>,
    Path(name): Path<String>,
    Params(query): Params<RefusalsQuery>,
) -> Result<Json<RefusalPage>, ApiError> {
    let limit = request::page_rows(query.limit)?;
    let after = query.cursor.as_deref().map(str::parse::<Cursor>).transpose();
    let after = after.map_err(|error| ApiError::InvalidQuery(format!("cursor: {error}")))?;
    let plugin = PluginName::new(&name).map_err(|_| unknown(&api, &name))?;
    let page = api.app.reader.refusals(plugin.clone(), after, limit).await?;
    if page.items.is_empty() && after.is_none() && !is_listed(&api, &plugin) {
        return Err(unknown(&api, &name));
    }
    Ok(Json(RefusalPage {
        refusals: page.items.into_iter().map(PluginRefusal::from).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    }))
}

/// Which part of the events to show.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PluginEventsQuery {
    /// Events of the page, from 1 to 1,000; 100 when left out.
    limit: Option<usize>,
    /// Where it begins: `next_cursor` of the answer before.
    cursor: Option<String>,
}

/// List what happened to a plugin
///
/// Each version that was loaded, each file that was refused and why, each removal, quarantine, release and
/// roll-back; the newest first.
/// Those of a plugin whose file is gone can still be read.
#[utoipa::path(get, path = "/plugins/{name}/events", tag = "plugins", operation_id = "listPluginEvents",
    params(
        ("name" = String, Path, description = "The plugin's name: the stem of its file"),
        PluginEventsQuery,
    ),
    responses(
        (status = 200, body = PluginEventPage),
        (status = 400, description = "A parameter is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "Unknown plugin", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn events(
    State(api): State<Api>,
    Path(name): Path<String>,
    Params(query): Params<PluginEventsQuery>,
) -> Result<Json<PluginEventPage>, ApiError> {
    let limit = request::page_rows(query.limit)?;
    let before = query.cursor.map(|cursor| cursor.parse::<u64>()).transpose();
    let before = before.map_err(|_| {
        ApiError::InvalidQuery("cursor: it is no `next_cursor` of this host".to_owned())
    })?;
    let plugin = PluginName::new(&name).map_err(|_| unknown(&api, &name))?;
    let events = api.app.reader.plugin_events(&plugin, before, limit).await?;
    if events.is_empty() && before.is_none() && !is_listed(&api, &plugin) {
        return Err(unknown(&api, &name));
    }
    let oldest = events.last().map_or(0, |event| event.seq);
    Ok(Json(PluginEventPage {
        events: events.into_iter().map(PluginEvent::from).collect(),
        next_cursor: (oldest > 1).then(|| oldest.to_string()),
    }))
}

/// Whether the folder of plugins has, or had, a file of this name.
fn is_listed(api: &Api, plugin: &PluginName) -> bool {
    api.app.catalog.list().iter().any(|entry| entry.stem == *plugin)
}

/// No plugin has this name.
pub(super) fn unknown(api: &Api, name: &str) -> ApiError {
    let entries = api.app.catalog.list();
    let help = match suggest(name, entries.iter().map(|entry| entry.stem.as_str())) {
        Some(similar) => format!("; did you mean `{similar}`?"),
        None => "; `GET /api/v1/plugins` lists them".to_owned(),
    };
    ApiError::NotFound { kind: "plugin", name: name.chars().take(80).collect(), help }
}
