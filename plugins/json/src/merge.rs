//! `json.merge`: several values become one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use taskloom_sdk::{Error, Result};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// What to merge, the first one first.
    #[schemars(length(min = 1))]
    values: Vec<Value>,
    /// How two values become one; `deep` if nothing is said.
    #[serde(default)]
    strategy: Strategy,
    /// Which of two values that differ stays; `last` if nothing is said. Not with `patch`.
    on_conflict: Option<OnConflict>,
    /// What becomes of two arrays; `replace` if nothing is said. Not with `patch`.
    arrays: Option<Arrays>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Strategy {
    #[default]
    Deep,
    Shallow,
    Patch,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum OnConflict {
    #[default]
    Last,
    First,
    Fail,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Arrays {
    #[default]
    Replace,
    Concat,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The merged value.
    value: Value,
    /// Where values differed, the first 100.
    conflicts: Vec<Conflict>,
    /// How many conflicts there were.
    conflict_count: usize,
}

/// A place where two values differ.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Conflict {
    /// The place, a JSON Pointer into the merged value.
    path: String,
    /// The index in `values` of the one that disagrees with those before it.
    index: usize,
}

/// How many conflicts are listed. Beyond, only their number tells more.
const CONFLICTS_LISTED: usize = 100;

pub(crate) fn run(input: Input) -> Result<Output> {
    let mut values = input.values.into_iter();
    let Some(first) = values.next() else {
        return Err(Error::invalid_input("invalid-input", "`values` is empty"));
    };
    if input.strategy == Strategy::Patch {
        if input.on_conflict.is_some() || input.arrays.is_some() {
            let message = "a merge patch knows no conflicts: leave out `on_conflict` and `arrays`";
            return Err(Error::invalid_input("invalid-input", message));
        }
        let value = values.fold(first, patch);
        return Ok(Output { value, conflicts: Vec::new(), conflict_count: 0 });
    }
    let mut merge = Merge {
        depth_max: if input.strategy == Strategy::Shallow { 1 } else { usize::MAX },
        keeps_first: input.on_conflict == Some(OnConflict::First),
        concatenates: input.arrays == Some(Arrays::Concat),
        index: 0,
        path: Vec::new(),
        conflicts: Vec::new(),
        conflict_count: 0,
    };
    let value = values.fold(first, |value, next| merge.next(value, next));
    merge.output(value, input.on_conflict == Some(OnConflict::Fail))
}

/// A merge on its way through the values.
struct Merge {
    /// Objects above this depth are merged; the top has depth 0.
    depth_max: usize,
    keeps_first: bool,
    concatenates: bool,
    /// Which value is being merged into those before it.
    index: usize,
    /// The keys that lead to the place of the merge.
    path: Vec<String>,
    conflicts: Vec<Conflict>,
    conflict_count: usize,
}

impl Merge {
    fn next(&mut self, value: Value, next: Value) -> Value {
        self.index += 1;
        self.merge(value, next)
    }

    fn merge(&mut self, left: Value, right: Value) -> Value {
        match (left, right) {
            (Value::Object(left), Value::Object(right)) if self.path.len() < self.depth_max => {
                Value::Object(self.objects(left, right))
            }
            (Value::Array(mut left), Value::Array(right)) if self.concatenates => {
                left.extend(right);
                Value::Array(left)
            }
            (left, right) if left == right => left,
            (left, right) => {
                self.conflict();
                if self.keeps_first { left } else { right }
            }
        }
    }

    fn objects(
        &mut self,
        mut left: Map<String, Value>,
        right: Map<String, Value>,
    ) -> Map<String, Value> {
        for (key, value) in right {
            let merged = match left.remove(&key) {
                None => value,
                Some(before) => {
                    self.path.push(key.clone());
                    let merged = self.merge(before, value);
                    self.path.pop();
                    merged
                }
            };
            left.insert(key, merged);
        }
        left
    }

    fn conflict(&mut self) {
        self.conflict_count += 1;
        if self.conflicts.len() < CONFLICTS_LISTED {
            let path = self.path.iter().fold(String::new(), |path, key| {
                path + "/" + &key.replace('~', "~0").replace('/', "~1")
            });
            self.conflicts.push(Conflict { path, index: self.index });
        }
    }

    fn output(self, value: Value, fails: bool) -> Result<Output> {
        let Self { conflicts, conflict_count, .. } = self;
        match conflicts.first() {
            Some(first) if fails => Err(Error::permanent(
                "merge-conflict",
                format!(
                    "{conflict_count} conflicts, the first at `{}` in values[{}]",
                    first.path, first.index
                ),
            )
            .with_details(json!({ "conflicts": conflicts, "conflict_count": conflict_count }))),
            _ => Ok(Output { value, conflicts, conflict_count }),
        }
    }
}

/// Applies a JSON Merge Patch (RFC 7396, section 2).
fn patch(target: Value, patch_value: Value) -> Value {
    let Value::Object(changes) = patch_value else { return patch_value };
    let mut target = match target {
        Value::Object(target) => target,
        _ => Map::new(),
    };
    for (key, change) in changes {
        let before = target.remove(&key);
        if !change.is_null() {
            target.insert(key, patch(before.unwrap_or(Value::Null), change));
        }
    }
    Value::Object(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(input: Value) -> Result<Output> {
        run(serde_json::from_value(input).expect("an input"))
    }

    fn values() -> Value {
        json!([
            { "a": 1, "deep": { "x": 1, "y/z": [1] }, "same": true },
            { "a": 2, "deep": { "x": 1, "y/z": [2], "new": null }, "same": true },
        ])
    }

    #[test]
    fn each_strategy_treats_the_same_values_in_its_way() {
        for (options, value, conflicts) in [
            (
                json!({}),
                json!({ "a": 2, "deep": { "x": 1, "y/z": [2], "new": null }, "same": true }),
                json!([{ "path": "/a", "index": 1 }, { "path": "/deep/y~1z", "index": 1 }]),
            ),
            (
                json!({ "arrays": "concat" }),
                json!({ "a": 2, "deep": { "x": 1, "y/z": [1, 2], "new": null }, "same": true }),
                json!([{ "path": "/a", "index": 1 }]),
            ),
            (
                json!({ "on_conflict": "first" }),
                json!({ "a": 1, "deep": { "x": 1, "y/z": [1], "new": null }, "same": true }),
                json!([{ "path": "/a", "index": 1 }, { "path": "/deep/y~1z", "index": 1 }]),
            ),
            (
                json!({ "strategy": "shallow", "on_conflict": "first" }),
                json!({ "a": 1, "deep": { "x": 1, "y/z": [1] }, "same": true }),
                json!([{ "path": "/a", "index": 1 }, { "path": "/deep", "index": 1 }]),
            ),
            (
                json!({ "strategy": "patch" }),
                json!({ "a": 2, "deep": { "x": 1, "y/z": [2] }, "same": true }),
                json!([]),
            ),
        ] {
            let mut input = options.clone();
            input["values"] = values();
            let output = merge(input).expect("merged");
            assert_eq!((output.value, json!(output.conflicts)), (value, conflicts), "{options}");
        }
    }

    #[test]
    fn a_conflict_can_be_a_failure() {
        let error =
            merge(json!({ "values": values(), "on_conflict": "fail" })).expect_err("differ");
        assert_eq!(error.code(), "merge-conflict");
        assert_eq!(error.message(), "2 conflicts, the first at `/a` in values[1]");
        assert_eq!(error.details().expect("details")["conflict_count"], 2);
        let output = merge(json!({ "values": [1, 1, 1], "on_conflict": "fail" })).expect("equal");
        assert_eq!(output.value, json!(1));
    }

    #[test]
    fn values_of_different_kinds_are_in_conflict() {
        let output = merge(json!({ "values": [{ "a": 1 }, [1], null] })).expect("merged");
        assert_eq!(output.value, Value::Null);
        assert_eq!(
            json!(output.conflicts),
            json!([{ "path": "", "index": 1 }, { "path": "", "index": 2 }])
        );
        let output = merge(json!({ "values": [1, 1.0] })).expect("merged");
        assert_eq!(output.conflict_count, 1);
    }

    #[test]
    fn many_conflicts_are_counted_but_not_all_listed() {
        let object = |value: u32| {
            Value::Object((0..150).map(|key| (format!("{key}"), json!(value))).collect())
        };
        let output = merge(json!({ "values": [object(1), object(2)] })).expect("merged");
        assert_eq!((output.conflicts.len(), output.conflict_count), (100, 150));
    }

    #[test]
    fn merge_patches_follow_the_examples_of_rfc_7396() {
        for (target, change, result) in [
            (json!({ "a": "b" }), json!({ "a": "c" }), json!({ "a": "c" })),
            (json!({ "a": "b" }), json!({ "b": "c" }), json!({ "a": "b", "b": "c" })),
            (json!({ "a": "b" }), json!({ "a": null }), json!({})),
            (json!({ "a": ["b"] }), json!({ "a": "c" }), json!({ "a": "c" })),
            (
                json!({ "a": { "b": "c" } }),
                json!({ "a": { "b": "d", "c": null } }),
                json!({ "a": { "b": "d" } }),
            ),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({ "a": "foo" }), json!(null), json!(null)),
            (json!({ "e": null }), json!({ "a": 1 }), json!({ "e": null, "a": 1 })),
            (json!([1, 2]), json!({ "a": "b", "c": null }), json!({ "a": "b" })),
            (json!({}), json!({ "a": { "bb": { "ccc": null } } }), json!({ "a": { "bb": {} } })),
        ] {
            assert_eq!(patch(target.clone(), change.clone()), result, "{target} + {change}");
        }
    }

    #[test]
    fn a_merge_patch_takes_no_further_options() {
        let error = merge(json!({ "values": [1], "strategy": "patch", "arrays": "concat" }));
        assert_eq!(error.expect_err("no such option").code(), "invalid-input");
        assert_eq!(merge(json!({ "values": [] })).expect_err("nothing").code(), "invalid-input");
    }
}
