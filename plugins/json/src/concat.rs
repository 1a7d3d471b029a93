//! `json.concat`: several lists become one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use taskloom_sdk::Result;

/// The form in which a group with `merge.strategy = "reduce"` hands over the outputs of its members.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// What to join: the items of a list one by one, anything else as one item.
    items: Vec<Value>,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// One list.
    value: Vec<Value>,
    /// How many items it has.
    count: usize,
}

pub(crate) fn run(input: Input) -> Result<Output> {
    let parts = input.items.into_iter().map(|item| match item {
        Value::Array(items) => items,
        item => vec![item],
    });
    let value: Vec<_> = parts.flatten().collect();
    Ok(Output { count: value.len(), value })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_joined_in_their_order_and_other_values_are_items() {
        for (items, value) in [
            (json!([[1, 2], [], [3]]), json!([1, 2, 3])),
            (json!([{ "a": 1 }, null, "b"]), json!([{ "a": 1 }, null, "b"])),
            (json!([[[1], [2]]]), json!([[1], [2]])),
            (json!([]), json!([])),
        ] {
            let input = serde_json::from_value(json!({ "items": items })).expect("an input");
            let output = run(input).expect("it never fails");
            assert_eq!(json!(output.value), value);
            assert_eq!(output.count, output.value.len());
        }
    }
}
