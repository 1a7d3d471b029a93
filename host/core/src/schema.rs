//! JSON Schema 2020-12: compiled once, and every violation at once.
//!
//! Nothing is fetched: a `$ref` to another document is an error. Patterns are matched by an
//! automaton, in time linear in the text, so a pattern cannot be a trap; look-around and
//! back-references are refused. `format` is an annotation, as the specification has it by default.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::{Location, LocationSegment};
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

/// The most violations that are listed.
pub const VIOLATIONS_MAX: usize = 50;

/// The longest message of one violation, in characters: messages quote values.
const MESSAGE_CHARS_MAX: usize = 300;

/// The largest compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// The most schemas that may apply to one and the same value, `$ref`s followed.
const APPLIED_MAX: u64 = 10_000;

/// A compiled schema.
pub struct Schema(Validator);

/// A place where a value does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where in the value: a JSON Pointer (RFC 6901), empty for the whole.
    pub pointer: String,
    /// What does not fit.
    pub message: String,
}

/// A JSON value that is no schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", join(violations))]
pub struct SchemaError {
    /// What is wrong with it, by its place in the schema; at least one.
    pub violations: Vec<Violation>,
}

/// A violation with what it takes to judge whether it depends on a part of the value.
pub(crate) struct Detail {
    /// The way to the place in the value.
    pub(crate) place: Vec<Segment>,
    /// The keyword that is violated.
    pub(crate) keyword: String,
    /// The keywords on the way to it.
    pub(crate) way: Vec<String>,
    /// Keys that should not be there.
    pub(crate) unexpected: Vec<String>,
    /// What does not fit.
    pub(crate) message: String,
}

/// A step into a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Segment {
    /// To the value of a key.
    Key(String),
    /// To an item.
    Item(usize),
}

impl Schema {
    /// Checks a schema against its meta-schema and compiles it.
    ///
    /// # Errors
    /// With every violation of the meta-schema; or with the first reason why it cannot be
    /// compiled, such as a `$ref` to another document or a pattern that is no regular expression.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        let meta = jsonschema::draft202012::meta::validator();
        let mut violations: Vec<_> = meta
            .iter_errors(schema)
            .take(VIOLATIONS_MAX)
            .map(|error| meta_violation(&error))
            .collect();
        // The meta-schema is made of several vocabularies, each of which says the same.
        violations.dedup();
        if !violations.is_empty() {
            return Err(SchemaError { violations });
        }
        let alone = |message: String| SchemaError {
            violations: vec![Violation { pointer: String::new(), message }],
        };
        if let Some(message) = refused(schema) {
            return Err(alone(message));
        }
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(
                PatternOptions::regex()
                    .size_limit(PATTERN_BYTES_MAX)
                    .dfa_size_limit(PATTERN_BYTES_MAX),
            )
            .offline();
        match catch_unwind(AssertUnwindSafe(|| options.build(schema))) {
            Ok(Ok(validator)) => Ok(Self(validator)),
            Ok(Err(error)) => Err(SchemaError { violations: vec![violation(&error)] }),
            Err(_) => Err(alone("the schema cannot be compiled".to_owned())),
        }
    }

    /// Whether `value` fits.
    pub fn accepts(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }

    /// Where `value` does not fit, at most [`VIOLATIONS_MAX`] places; empty when it fits.
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        if self.0.is_valid(value) {
            return Vec::new();
        }
        self.0.iter_errors(value).take(VIOLATIONS_MAX).map(|error| violation(&error)).collect()
    }

    /// As [`Self::violations`], with details.
    pub(crate) fn details(&self, value: &Value) -> Vec<Detail> {
        if self.0.is_valid(value) {
            return Vec::new();
        }
        self.0.iter_errors(value).take(VIOLATIONS_MAX).map(|error| detail(&error)).collect()
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

impl fmt::Display for Violation {
    /// `/issue/number: "x" is not of type "integer"`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.pointer, self.message)
    }
}

/// The violations as one text.
pub fn join(violations: &[Violation]) -> String {
    let texts: Vec<_> = violations.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

fn violation(error: &ValidationError<'_>) -> Violation {
    Violation { pointer: error.instance_path().as_str().to_owned(), message: message_of(error) }
}

/// A violation of the meta-schema. Of an unknown type it would say "not valid under any of the
/// schemas listed".
fn meta_violation(error: &ValidationError<'_>) -> Violation {
    let plain = violation(error);
    let is_type = plain.pointer.ends_with("/type") && error.kind().keyword() == "anyOf";
    if !is_type {
        return plain;
    }
    let message = format!(
        "{} is no type; types are array, boolean, integer, null, number, object, string",
        clip(&error.instance().to_string())
    );
    Violation { message, ..plain }
}

fn detail(error: &ValidationError<'_>) -> Detail {
    let unexpected = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected.clone(),
        _ => Vec::new(),
    };
    let word = |segment: LocationSegment<'_>| segment.to_string();
    Detail {
        place: segments(error.instance_path()),
        keyword: error.kind().keyword().to_owned(),
        way: error.evaluation_path().iter().map(word).collect(),
        unexpected,
        message: message_of(error),
    }
}

fn segments(location: &Location) -> Vec<Segment> {
    let segment = |segment: LocationSegment<'_>| match segment {
        LocationSegment::Property(key) => Segment::Key(key.to_string()),
        LocationSegment::Index(place) => Segment::Item(place),
    };
    location.iter().map(segment).collect()
}

fn message_of(error: &ValidationError<'_>) -> String {
    clip(&error.to_string())
}

fn clip(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

/// Why a schema that fits the meta-schema is refused all the same: the validator follows a `$ref`
/// that leads back to itself for ever, and `$ref`s that fan out make a small schema a large one.
fn refused(schema: &Value) -> Option<String> {
    let mut costs = Costs { root: schema, known: HashMap::new(), refusal: None };
    let most = costs.largest(schema);
    if costs.refusal.is_some() {
        return costs.refusal;
    }
    (most > APPLIED_MAX)
        .then(|| format!("the schema applies more than {APPLIED_MAX} schemas to one value"))
}

/// How many schemas apply to the same value, by the schema they begin at.
struct Costs<'s> {
    root: &'s Value,
    /// By address, since equal schemas stand in many places; `None` while it is being counted.
    known: HashMap<*const Value, Option<u64>>,
    /// Why the schema is refused, if it is.
    refusal: Option<String>,
}

impl<'s> Costs<'s> {
    /// The largest cost of `schema` and of all schemas in it.
    fn largest(&mut self, schema: &'s Value) -> u64 {
        let mut largest = self.cost(schema);
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            let inside: Vec<&Value> = match (keyword.as_str(), value) {
                ("const" | "enum" | "default" | "examples", _) => Vec::new(),
                ("$id", Value::String(_)) if !std::ptr::eq(schema, self.root) => {
                    self.refuse("`$id` inside a schema is not supported".to_owned());
                    Vec::new()
                }
                ("$dynamicRef", _) => {
                    self.refuse("`$dynamicRef` is not supported".to_owned());
                    Vec::new()
                }
                ("$ref", Value::String(to)) if to != "#" && !to.starts_with("#/") => {
                    self.refuse(format!(
                        "`$ref` to `{to}`: only references within the schema (`#/…`) are supported"
                    ));
                    Vec::new()
                }
                (
                    "properties" | "patternProperties" | "dependentSchemas" | "$defs"
                    | "definitions",
                    Value::Object(schemas),
                ) => schemas.values().collect(),
                (_, Value::Array(schemas)) => schemas.iter().collect(),
                (_, schema) => vec![schema],
            };
            for schema in inside {
                largest = largest.max(self.largest(schema));
            }
        }
        largest
    }

    fn refuse(&mut self, why: String) {
        self.refusal.get_or_insert(why);
    }

    /// How many schemas `schema` applies to a value, itself included.
    fn cost(&mut self, schema: &'s Value) -> u64 {
        let Value::Object(entries) = schema else { return 1 };
        match self.known.get(&std::ptr::from_ref(schema)) {
            Some(Some(cost)) => return *cost,
            Some(None) => {
                let reference = entries.get("$ref").and_then(Value::as_str).unwrap_or("#");
                self.refuse(format!("`$ref` to `{reference}` leads back to itself"));
                return 1;
            }
            None => {}
        }
        self.known.insert(schema, None);
        let mut cost: u64 = 1;
        for (keyword, value) in entries {
            let applied = match (keyword.as_str(), value) {
                ("$ref", Value::String(reference)) => {
                    follow(self.root, reference).map_or(0, |target| self.cost(target))
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                    schemas.iter().fold(0, |sum: u64, schema| sum.saturating_add(self.cost(schema)))
                }
                ("not" | "if" | "then" | "else", schema) => self.cost(schema),
                ("dependentSchemas", Value::Object(schemas)) => schemas
                    .values()
                    .fold(0, |sum: u64, schema| sum.saturating_add(self.cost(schema))),
                _ => 0,
            };
            cost = cost.saturating_add(applied);
        }
        self.known.insert(schema, Some(cost));
        cost
    }
}

/// What a `$ref` within the same document (`#/…`) leads to.
pub(crate) fn follow<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    root.pointer(reference.strip_prefix('#')?)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn check(schema: &Value, value: &Value, expected: Expect) {
        let text = match Schema::compile(schema) {
            Ok(schema) => join(&schema.violations(value)),
            Err(error) => format!("no schema: {error}"),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn every_violation_is_listed_with_its_pointer() {
        let schema = json!({
            "type": "object", "required": ["title"], "additionalProperties": false,
            "properties": {"issue": {"properties": {"number": {"type": "integer"}}}, "title": {}},
        });
        check(&schema, &json!({"title": 1, "issue": {"number": 2}}), expect![[""]]);
        check(
            &schema,
            &json!({"issue": {"number": "x"}, "a~/b": {}}),
            expect![[
                r#"/issue/number: "x" is not of type "integer"; Additional properties are not allowed ('a~/b' was unexpected); "title" is a required property"#
            ]],
        );
        check(&schema, &json!(3), expect![[r#"3 is not of type "object""#]]);
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for (schema, expected) in [
            (
                json!({"type": "strng"}),
                expect![[
                    r#"no schema: /type: "strng" is no type; types are array, boolean, integer, null, number, object, string"#
                ]],
            ),
            (
                json!({"properties": {"a": {"minimum": "x"}}, "required": 3}),
                expect![[
                    r#"no schema: /properties/a/minimum: "x" is not of type "number"; /required: 3 is not of type "array""#
                ]],
            ),
            (json!("text"), expect![[r#"no schema: "text" is not of types "boolean", "object""#]]),
            (
                json!({"$ref": "https://example.com/other.json"}),
                expect![
                    "no schema: `$ref` to `https://example.com/other.json`: only references within the schema (`#/…`) are supported"
                ],
            ),
            (
                json!({"$ref": "file:///etc/passwd"}),
                expect![
                    "no schema: `$ref` to `file:///etc/passwd`: only references within the schema (`#/…`) are supported"
                ],
            ),
            (
                json!({"$ref": "#/$defs/nowhere"}),
                expect!["no schema: Pointer '/$defs/nowhere' does not exist"],
            ),
            (json!({"$ref": "#"}), expect!["no schema: `$ref` to `#` leads back to itself"]),
            (
                json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
                expect!["no schema: `$ref` to `#/$defs/b` leads back to itself"],
            ),
            (
                json!({"properties": {"a": {"allOf": [{"$ref": "#/properties/a"}]}}}),
                expect!["no schema: `$ref` to `#` leads back to itself"],
            ),
            (
                json!({"$anchor": "a", "$ref": "#a"}),
                expect![
                    "no schema: `$ref` to `#a`: only references within the schema (`#/…`) are supported"
                ],
            ),
            (
                json!({"properties": {"default": {"$dynamicRef": "#"}}}),
                expect!["no schema: `$dynamicRef` is not supported"],
            ),
            (
                json!({"const": {"$ref": "x", "$id": "y"}}),
                expect![[r#"{"$id":"y","$ref":"x"} was expected"#]],
            ),
            (
                fan(20),
                expect!["no schema: the schema applies more than 10000 schemas to one value"],
            ),
            (
                json!({"pattern": "(?=a)b"}),
                expect![[r#"no schema: /pattern: "(?=a)b" is not a "regex""#]],
            ),
            (json!({"pattern": "("}), expect![[r#"no schema: /pattern: "(" is not a "regex""#]]),
        ] {
            check(&schema, &json!({}), expected);
        }
    }

    /// A schema of `levels` definitions, each of which applies the one below twice.
    fn fan(levels: usize) -> Value {
        let level = |n: usize| {
            let below = json!({"$ref": format!("#/$defs/l{}", n - 1)});
            (format!("l{n}"), json!({"allOf": [below.clone(), below]}))
        };
        let mut definitions: serde_json::Map<_, _> = (1..levels).map(level).collect();
        definitions.insert("l0".to_owned(), json!({}));
        json!({"$ref": format!("#/$defs/l{}", levels - 1), "$defs": definitions})
    }

    #[test]
    fn a_recursive_schema_is_fine() {
        let tree = json!({
            "$ref": "#/$defs/tree",
            "$defs": {"tree": {"type": "object", "properties": {"next": {"$ref": "#/$defs/tree"}}}},
        });
        check(
            &tree,
            &json!({"next": {"next": {"next": 1}}}),
            expect![[r#"/next/next/next: 1 is not of type "object""#]],
        );
    }

    #[test]
    fn long_values_do_not_make_long_messages() {
        let schema = Schema::compile(&json!({"type": "integer"})).expect("a schema");
        let violations = schema.violations(&json!("x".repeat(100_000)));
        assert!(violations[0].message.len() < 400);
        let many = json!({"items": {"type": "integer"}});
        let schema = Schema::compile(&many).expect("a schema");
        assert_eq!(schema.violations(&json!(vec!["x"; 1_000])).len(), VIOLATIONS_MAX);
    }
}
