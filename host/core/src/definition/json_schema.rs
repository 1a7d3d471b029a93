//! The format as a JSON Schema, for editors: completion, hints and checks while one writes.
//!
//! Made from the table of [`super::keys`], so it has every key that is read. It says less than the
//! reader checks: references, expressions and what depends on the plugins are not in it.

use serde_json::{Map, Value, json};

use super::keys::{HEAD, Key, Section, Shape, Tag};
use crate::expression::TEXT_BYTES_MAX;

/// The JSON Schema (draft 2020-12) of workflow files.
pub fn json_schema() -> Value {
    let mut sections = Vec::new();
    collect(&HEAD, &mut sections);
    let defs = sections.iter().skip(1).map(|section| (section.name.to_owned(), schema_of(section)));
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Taskloom workflow",
    });
    if let (Some(schema), Value::Object(head)) = (schema.as_object_mut(), schema_of(&HEAD)) {
        schema.extend(head);
        schema.insert("$defs".to_owned(), Value::Object(defs.collect()));
    }
    schema
}

/// Adds a section and all that it refers to, each once.
fn collect(section: &'static Section, found: &mut Vec<&'static Section>) {
    if found.iter().any(|known| known.name == section.name) {
        return;
    }
    found.push(section);
    for key in section.keys {
        if let Shape::Table(inner) | Shape::Tables(inner) = key.shape {
            collect(inner, found);
        }
    }
}

fn schema_of(section: &Section) -> Value {
    let properties = section.keys.iter().map(|key| (key.name.to_owned(), property(key)));
    let everywhere = section.keys.iter().filter(|key| key.kinds.is_empty() && key.is_required);
    let mut schema = json!({
        "type": "object",
        "properties": properties.collect::<Map<_, _>>(),
        "required": everywhere.map(|key| key.name).collect::<Vec<_>>(),
        "additionalProperties": false,
    });
    if let Some(tag) = &section.tag {
        let kinds = tag.words.iter().map(|word| rules_of(section, tag, word));
        schema["allOf"] = kinds.collect();
    }
    schema
}

/// What holds for the tables of one kind: which keys they must have, and which they have not.
fn rules_of(section: &Section, tag: &Tag, word: &str) -> Value {
    let required = section
        .keys
        .iter()
        .filter(|key| key.is_required && !key.kinds.is_empty() && key.belongs_to(Some(word)));
    let foreign = section.keys.iter().filter(|key| !key.belongs_to(Some(word)));
    let foreign = foreign.map(|key| (key.name.to_owned(), Value::Bool(false)));
    let is_said = match tag.default {
        // A table that does not say is of this kind too.
        Some(default) if default == word => json!([]),
        _ => json!([tag.key]),
    };
    json!({
        "if": { "properties": { tag.key: { "const": word } }, "required": is_said },
        "then": {
            "required": required.map(|key| key.name).collect::<Vec<_>>(),
            "properties": foreign.collect::<Map<_, _>>(),
        },
    })
}

fn property(key: &Key) -> Value {
    let mut schema = match &key.shape {
        // In a template a parameter may stand in the place of any value.
        Shape::Pattern(_)
        | Shape::Truth
        | Shape::Number(..)
        | Shape::Fraction
        | Shape::Duration
        | Shape::Size
        | Shape::Choice(_) => {
            let parameter = json!({ "type": "string", "pattern": "\\$\\{.*params" });
            json!({ "anyOf": [shape(&key.shape), parameter] })
        }
        other => shape(other),
    };
    schema["description"] = Value::from(key.about);
    schema
}

fn shape(shape: &Shape) -> Value {
    let reference = |section: &Section| json!({ "$ref": format!("#/$defs/{}", section.name) });
    match shape {
        Shape::Text | Shape::TextTemplate => json!({ "type": "string" }),
        Shape::Pattern(pattern) => json!({ "type": "string", "pattern": pattern }),
        Shape::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Shape::Truth => json!({ "type": "boolean" }),
        Shape::Number(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Shape::Fraction => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Shape::Duration => json!({ "type": "string", "pattern": "^[0-9]+ *(ms|s|m|h|d)$" }),
        Shape::Size => json!({
            "type": ["integer", "string"],
            "minimum": 0,
            "pattern": "^[0-9]+ *(B|KB|MB|GB|KiB|MiB|GiB)$",
        }),
        Shape::Expression => json!({ "type": "string", "maxLength": TEXT_BYTES_MAX }),
        Shape::Value | Shape::Constant => json!({}),
        Shape::JsonSchema => json!({ "type": ["object", "boolean"] }),
        Shape::Choice(words) => json!({ "enum": words }),
        Shape::Table(section) => reference(section),
        Shape::Tables(section) => {
            json!({ "type": "array", "minItems": 1, "items": reference(section) })
        }
    }
}
