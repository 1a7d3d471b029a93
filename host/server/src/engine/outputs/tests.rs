use taskloom_store::{Options, Store};

use super::*;

/// Members called `a`, `b`, … with these outputs; `None` for one that has none.
fn parts(outputs: &[Option<Value>], payloads: &Payloads) -> Vec<Part> {
    let keep = |value: &Value| payloads.keep(value.to_string()).expect("it is JSON").0;
    let names = ('a'..='z').map(String::from);
    names
        .zip(outputs)
        .map(|(name, output)| Part { name, output: output.as_ref().map(keep) })
        .collect()
}

/// What comes of the outputs: the value, or the code of the failure and its message.
fn merge(merge: &Merge, outputs: &[Option<Value>]) -> Result<Value, (String, String)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path(), Options::default()).expect("a store");
    let payloads = Payloads::new(store);
    let parts = parts(outputs, &payloads);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let merged = runtime.block_on(merged(merge, &parts, &payloads));
    merged.map_err(|failure| (failure.code, failure.message))
}

#[track_caller]
fn check(merge_by: &Merge, outputs: Value, expected: Value) {
    let Value::Array(outputs) = outputs else { panic!("a list of outputs") };
    // What a member left that has no output.
    let absent = |value: Value| (value != "absent").then_some(value);
    let outputs: Vec<_> = outputs.into_iter().map(absent).collect();
    match merge(merge_by, &outputs) {
        Ok(value) => assert_eq!(value, expected, "{merge_by:?} of {outputs:?}"),
        Err((code, message)) => assert_eq!(json!(code), expected, "{merge_by:?}: {message}"),
    }
}

const DEEP: Merge = Merge::Deep { conflicts: Conflicts::Last };
const FIRST: Merge = Merge::Deep { conflicts: Conflicts::First };
const FAIL: Merge = Merge::Deep { conflicts: Conflicts::Fail };

#[test]
fn lists_keep_the_order_of_the_members() {
    let some = json!([1, "absent", null, [2]]);
    check(&Merge::Array, json!([]), json!([]));
    check(&Merge::Array, some.clone(), json!([1, null, null, [2]]));
    check(&Merge::Any, some.clone(), json!([1, null, [2]]));
    check(&Merge::Any, json!(["absent"]), json!([]));
    check(&Merge::Quorum { count: 2 }, some.clone(), json!([1, null]));
    check(&Merge::Quorum { count: 5 }, some.clone(), json!([1, null, [2]]));
    check(&Merge::First, json!(["absent", { "x": 1 }, 2]), json!({ "x": 1 }));
    check(&Merge::First, json!([]), json!(null));
    check(&Merge::Object, some, json!({ "a": 1, "c": null, "d": [2] }));
    check(&Merge::Object, json!([]), json!({}));
}

#[test]
fn a_long_output_is_merged_as_a_short_one() {
    let long = json!({ "text": "x".repeat(10_000) });
    check(&Merge::Object, json!([long, 1]), json!({ "a": long, "b": 1 }));
    check(&DEEP, json!([long, { "n": 1 }]), json!({ "text": long["text"], "n": 1 }));
}

#[test]
fn objects_are_merged_key_by_key() {
    for deep in [DEEP, FIRST, FAIL] {
        check(&deep, json!([]), json!({}));
        check(&deep, json!(["absent", { "x": 1 }]), json!({ "x": 1 }));
        let nested = json!([{ "x": { "a": 1 }, "l": [1] }, { "x": { "b": { "c": 2 } } }, {}]);
        check(&deep, nested, json!({ "x": { "a": 1, "b": { "c": 2 } }, "l": [1] }));
        check(&deep, json!([{ "x": [1] }, { "x": [1] }]), json!({ "x": [1] }));
        check(&deep, json!([{ "x": 1 }, [2]]), json!("merge-not-an-object"));
        check(&deep, json!([null]), json!("merge-not-an-object"));
    }
}

#[test]
fn a_conflict_is_decided_where_it_is() {
    let differ = json!([{ "x": { "a": 1, "b": 1 } }, { "x": { "a": 2 } }, { "x": { "a": 3 } }]);
    check(&DEEP, differ.clone(), json!({ "x": { "a": 3, "b": 1 } }));
    check(&FIRST, differ.clone(), json!({ "x": { "a": 1, "b": 1 } }));
    check(&FAIL, differ, json!("merge-conflict"));
    // Lists and nulls are values; only objects are merged.
    for (before, after) in
        [(json!([1]), json!([2])), (json!(null), json!({})), (json!({}), json!(1))]
    {
        let differ = json!([{ "x": before }, { "x": after }]);
        check(&DEEP, differ.clone(), json!({ "x": after }));
        check(&FIRST, differ.clone(), json!({ "x": before }));
        check(&FAIL, differ, json!("merge-conflict"));
    }
}

#[test]
fn a_conflict_names_the_key_and_the_member() {
    let outputs = [json!({ "x": { "a": 1 } }), json!({ "x": { "a": 2 } })].map(Some);
    let (_, message) = merge(&FAIL, &outputs).expect_err("they differ");
    assert!(message.starts_with("`b` gives another value to `x.a`"), "{message}");
    let (_, message) =
        merge(&DEEP, &[Some(json!({})), Some(json!("text"))]).expect_err("no object");
    assert!(message.starts_with("the output of `b` is a text"), "{message}");
}

#[test]
fn what_is_reduced_is_the_list_of_the_outputs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let payloads = Payloads::new(Store::open(folder.path(), Options::default()).expect("a store"));
    let parts = parts(&[Some(json!(1)), None, Some(json!([2]))], &payloads);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let items = runtime.block_on(items_of(&parts, &payloads)).expect("a value");
    assert_eq!(items, json!({ "items": [1, null, [2]] }));
}
