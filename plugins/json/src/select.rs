//! `json.select`: a value by its place.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use serde_json_path::JsonPath;
use taskloom_sdk::{Error, Result};

/// Exactly one of `pointer` and `path` must be given.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["pointer"] }, { "required": ["path"] }]))]
pub(crate) struct Input {
    /// What to select from.
    value: Value,
    /// A JSON Pointer, such as `/issue/labels/0/name`; empty for the whole value.
    pointer: Option<String>,
    /// A JSONPath, such as `$.issue.labels[*].name`.
    path: Option<String>,
    /// What to give when nothing is found.
    #[serde(default, deserialize_with = "present")]
    default: Option<Value>,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// Whether anything was found.
    found: bool,
    /// The value at the pointer, or the first match of the path, or the default.
    value: Value,
    /// All matches of the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    matches: Option<Vec<Value>>,
}

pub(crate) fn run(input: Input) -> Result<Output> {
    match (&input.pointer, &input.path) {
        (Some(pointer), None) => at(pointer, &input.value, input.default),
        (None, Some(path)) => matches(path, &input.value, input.default),
        _ => Err(Error::invalid_input("invalid-input", "give either `pointer` or `path`")),
    }
}

fn at(pointer: &str, value: &Value, default: Option<Value>) -> Result<Output> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        let message = format!("`{pointer}` is no JSON Pointer: it must be empty or begin with `/`");
        return Err(Error::invalid_input("invalid-pointer", message));
    }
    match (value.pointer(pointer), default) {
        (Some(value), _) => Ok(Output { found: true, value: value.clone(), matches: None }),
        (None, Some(value)) => Ok(Output { found: false, value, matches: None }),
        (None, None) => Err(not_found(pointer, value)),
    }
}

/// Says how far the pointer leads, and what is there.
fn not_found(pointer: &str, value: &Value) -> Error {
    let mut reached = "";
    for (slash, _) in pointer.match_indices('/').skip(1).chain([(pointer.len(), "")]) {
        if value.pointer(&pointer[..slash]).is_none() {
            break;
        }
        reached = &pointer[..slash];
    }
    let there = match value.pointer(reached) {
        Some(Value::Object(object)) => {
            let keys: Vec<_> =
                object.keys().take(KEYS_SHOWN).map(|key| format!("`{key}`")).collect();
            format!("an object with {} keys: {}", object.len(), keys.join(", "))
        }
        Some(Value::Array(array)) => format!("an array of {}", array.len()),
        _ => "a value without parts".to_owned(),
    };
    let message = format!("nothing is at `{pointer}`: at `{reached}` is {there}");
    Error::invalid_input("not-found", message)
        .with_details(json!({ "pointer": pointer, "reached": reached }))
}

/// Enough to see a misspelt key, few enough for a message.
const KEYS_SHOWN: usize = 12;

fn matches(path: &str, value: &Value, default: Option<Value>) -> Result<Output> {
    let parsed = JsonPath::parse(path).map_err(|error| {
        let column = error.position() + 1;
        let message = format!("`{path}` is no JSONPath: column {column}: {}", error.message());
        Error::invalid_input("invalid-path", message).with_details(json!({ "column": column }))
    })?;
    let matches: Vec<_> = parsed.query(value).all().into_iter().cloned().collect();
    let first = matches.first().cloned().or(default);
    let found = !matches.is_empty();
    Ok(Output { found, value: first.unwrap_or(Value::Null), matches: Some(matches) })
}

/// Tells a `null` that is given from a field that is missing.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(mut input: Value) -> Result<Output> {
        input["value"] = json!({
            "issue": { "title": "It breaks", "labels": [{ "name": "bug" }, { "name": "ui" }] },
            "a/b": null,
        });
        run(serde_json::from_value(input).expect("an input"))
    }

    #[test]
    fn a_pointer_gives_one_value() {
        for (pointer, value) in [
            ("/issue/title", json!("It breaks")),
            ("/issue/labels/1/name", json!("ui")),
            ("/a~1b", Value::Null),
        ] {
            let output = select(json!({ "pointer": pointer })).expect(pointer);
            assert_eq!(output, Output { found: true, value, matches: None });
        }
    }

    #[test]
    fn a_path_gives_all_matches_and_the_first() {
        let output = select(json!({ "path": "$.issue.labels[*].name" })).expect("selected");
        assert_eq!(output.matches, Some(vec![json!("bug"), json!("ui")]));
        assert_eq!((output.found, output.value), (true, json!("bug")));
        let output = select(json!({ "path": "$..labels[?@.name == 'ui']" })).expect("selected");
        assert_eq!(output.value, json!({ "name": "ui" }));
        let output = select(json!({ "path": "$.issue[?length(@) > 2].x" })).expect("selected");
        assert_eq!(
            (output.found, output.value, output.matches),
            (false, Value::Null, Some(vec![]))
        );
    }

    #[test]
    fn a_default_stands_in() {
        let output = select(json!({ "pointer": "/issue/body", "default": null })).expect("default");
        assert_eq!(output, Output { found: false, value: Value::Null, matches: None });
        let output = select(json!({ "path": "$.x", "default": 3 })).expect("default");
        assert_eq!(output.value, json!(3));
    }

    #[test]
    fn what_is_missing_is_told_with_what_is_there() {
        let error = select(json!({ "pointer": "/issue/titel" })).expect_err("misspelt");
        assert_eq!(error.code(), "not-found");
        assert_eq!(
            error.message(),
            "nothing is at `/issue/titel`: at `/issue` is an object with 2 keys: `labels`, `title`"
        );
        let error = select(json!({ "pointer": "/issue/labels/2" })).expect_err("too far");
        assert!(error.message().ends_with("at `/issue/labels` is an array of 2"), "{error}");
    }

    #[test]
    fn a_wrong_question_says_where() {
        let error = select(json!({ "path": "$.issue[" })).expect_err("unfinished");
        assert_eq!(error.code(), "invalid-path");
        assert!(error.message().contains("column "), "{error}");
        let error = select(json!({ "pointer": "issue" })).expect_err("no slash");
        assert_eq!(error.code(), "invalid-pointer");
        for input in [json!({}), json!({ "pointer": "", "path": "$" })] {
            assert_eq!(select(input).expect_err("not one").code(), "invalid-input");
        }
    }
}
