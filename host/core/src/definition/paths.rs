//! Whether a schema can hold what an expression reads.

use serde_json::Value;

use super::formula::{Formula, What};
use super::links::base_path;
use super::step_of;
use super::task::RawTasks;
use crate::document::{Document, Step, suggest};
use crate::expression::{Path, PathStep, Root};
use crate::schema::follow;

/// The most `$ref`s followed in a row.
const REFERENCES_MAX: usize = 32;

/// Notes every expression that reads something of `input` that its schema does not allow.
pub(super) fn check(document: &Document<'_>, schema: &Value, raw: &RawTasks, formulas: &[Formula]) {
    if schema == &Value::Bool(true) {
        return;
    }
    for formula in formulas.iter().filter(|formula| formula.what.references().input) {
        let schemas = |root: &Root| matches!(root, Root::Input).then_some(schema);
        for (inside, offset, why) in impossible_reads(&formula.what, schemas) {
            let mut steps = base_path(raw, formula);
            steps.extend(inside.iter().map(step_of));
            steps.push(Step::Byte(offset));
            let (message, help) = why;
            document.root().report(&steps, "unknown-input", message, help);
        }
    }
}

/// A read that cannot succeed: the way to its string, its place there, and why with a hint.
pub(super) type ImpossibleRead = (Vec<PathStep>, usize, (String, Option<String>));

/// Every path in a formula that the schema of its root, where there is one, does not allow.
pub(super) fn impossible_reads<'s>(
    what: &What,
    schema_of: impl Fn(&Root) -> Option<&'s Value>,
) -> Vec<ImpossibleRead> {
    let mut found = Vec::new();
    what.expressions(&mut |inside, offset, expression| {
        for path in expression.paths() {
            let why = schema_of(&path.root).and_then(|schema| forbids(schema, path));
            found.extend(why.map(|why| (inside.to_vec(), offset, why)));
        }
    });
    found
}

/// Why `schema` rules out what `path` leads to; `None` when it allows it or leaves it open.
fn forbids(schema: &Value, path: &Path) -> Option<(String, Option<String>)> {
    let mut here = schema;
    for (done, step) in path.steps.iter().enumerate() {
        here = resolve(here, schema)?;
        let reached = || Path { root: path.root.clone(), steps: path.steps[..done].to_vec() };
        if here == &Value::Bool(false) {
            return Some((format!("{} is never there, by its schema", reached()), None));
        }
        let kind = if matches!(step, PathStep::Key(_)) { "object" } else { "array" };
        if let Some(types) = other_types(here, kind) {
            let what = match step {
                PathStep::Key(key) => format!("key `{key}`"),
                PathStep::Item(_) => "items".to_owned(),
            };
            return Some((
                format!("{} has no {what}: it is {types}, by its schema", reached()),
                None,
            ));
        }
        here = match step {
            PathStep::Key(key) => match property(here, key) {
                Property::Open => return None,
                Property::Schema(schema) => schema,
                Property::Forbidden => {
                    let known = here.get("properties").and_then(Value::as_object);
                    let keys = || known.into_iter().flatten().map(|(key, _)| key.as_str());
                    let help = match suggest(key, keys()) {
                        Some(near) => Some(format!("did you mean `{near}`?")),
                        None => {
                            let keys: Vec<_> = keys().take(12).collect();
                            (!keys.is_empty()).then(|| format!("it has: {}", keys.join(", ")))
                        }
                    };
                    return Some((format!("{} has no `{key}`, by its schema", reached()), help));
                }
            },
            // `prefixItems` and `items` both apply; leave lists with the former open.
            PathStep::Item(_) if here.get("prefixItems").is_some() => return None,
            PathStep::Item(_) => here.get("items")?,
        };
    }
    None
}

/// What a schema says of a key.
enum Property<'s> {
    /// Nothing that would rule it out.
    Open,
    /// This.
    Schema(&'s Value),
    /// That it must not be there.
    Forbidden,
}

fn property<'s>(schema: &'s Value, key: &str) -> Property<'s> {
    if let Some(known) = schema.get("properties").and_then(|properties| properties.get(key)) {
        return Property::Schema(known);
    }
    if schema.get("patternProperties").is_some() {
        return Property::Open;
    }
    match schema.get("additionalProperties") {
        Some(Value::Bool(false)) => Property::Forbidden,
        Some(schema @ Value::Object(_)) => Property::Schema(schema),
        _ => Property::Open,
    }
}

/// Follows the `$ref`s of a schema that says nothing else; `None` leaves it open.
fn resolve<'s>(schema: &'s Value, root: &'s Value) -> Option<&'s Value> {
    let mut schema = schema;
    for _ in 0..REFERENCES_MAX {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => schema = follow(root, reference)?,
            None => return Some(schema),
        }
    }
    None
}

/// The types that a schema allows, if `wanted` is none of them.
fn other_types(schema: &Value, wanted: &str) -> Option<String> {
    match schema.get("type")? {
        Value::String(only) if only != wanted => Some(format!("of type {only}")),
        Value::Array(types) if !types.iter().any(|one| one == wanted) => {
            let types: Vec<_> = types.iter().filter_map(Value::as_str).collect();
            Some(format!("of type {}", types.join(" or ")))
        }
        _ => None,
    }
}
