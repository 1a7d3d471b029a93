//! Templates.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{BrokenFile, Origin};
use crate::templates::{Known, Shelf};

/// The templates.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TemplateList {
    /// The templates, by id.
    pub templates: Vec<TemplateSummary>,
    /// Files of the folder that hold no template, and why.
    pub broken_files: Vec<BrokenFile>,
}

/// A template in the list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TemplateSummary {
    /// Its id.
    pub id: String,
    /// Its title.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its version, as its author wrote it.
    pub version: String,
    /// The digest of its text.
    pub digest: String,
    /// Where its text comes from.
    pub origin: Origin,
    /// Since when it has this text; null when that is not known.
    pub since: Option<String>,
    /// The names of its parameters.
    pub params: Vec<String>,
}

/// A template.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Template {
    /// What the list has of it.
    #[serde(flatten)]
    pub summary: TemplateSummary,
    /// JSON Schema (2020-12) of its parameters.
    #[schema(value_type = Value)]
    pub params_schema: Value,
    /// The parameters that have defaults, with them.
    #[schema(value_type = Object)]
    pub defaults: Value,
    /// Its text.
    pub source: String,
}

/// Makes a workflow of a template.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakeWorkflow {
    /// The id of the workflow.
    pub id: String,
    /// The parameters; those that are left out have their defaults.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub params: Map<String, Value>,
}

/// Makes a template of a workflow.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveTemplate {
    /// The id of the template.
    pub id: String,
    /// Which values become parameters, by the names of these.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, SaveParam>,
}

/// A value of a workflow that becomes a parameter.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveParam {
    /// Where it stands: `tasks[0].input.url`, or by the task's id, `tasks[fetch].input.url`.
    pub at: String,
    /// The parameter's JSON Schema; without a `default` in it the parameter must be given. When the
    /// schema is left out, the parameter has the type of the value, and the value as its default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub schema: Option<Value>,
}

impl From<Shelf> for TemplateList {
    fn from(shelf: Shelf) -> Self {
        Self {
            templates: shelf.templates.values().map(Into::into).collect(),
            broken_files: shelf.broken.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<&Known> for TemplateSummary {
    fn from(known: &Known) -> Self {
        let template = &known.template;
        let properties = template.params_schema.get("properties").and_then(Value::as_object);
        Self {
            id: known.id.to_string(),
            name: template.name.clone(),
            description: template.description.clone(),
            version: template.version.clone(),
            digest: known.digest.to_string(),
            origin: (&known.origin).into(),
            since: known.since.map(|since| since.to_string()),
            params: properties.into_iter().flat_map(Map::keys).cloned().collect(),
        }
    }
}

impl From<&Known> for Template {
    fn from(known: &Known) -> Self {
        Self {
            summary: known.into(),
            params_schema: known.template.params_schema.clone(),
            defaults: known.template.with_defaults(&Value::Object(Map::new())),
            source: known.template.source.to_string(),
        }
    }
}
