//! What becomes of the outputs of a `parallel`, one workflow a strategy.

use serde_json::{Value, json};

use crate::host::{finished, put_workflow};

/// Members that give what the input has for them; one without an input fails.
const MEMBERS: &str = r#"
[[tasks.tasks]]
id = "one"
type = "hostile.echo"
input = "${input.one}"
[[tasks.tasks]]
id = "two"
type = "hostile.echo"
input = "${input.two}"
[[tasks.tasks]]
id = "three"
type = "hostile.echo"
input = "${input.three}"
"#;

/// The strategy as it stands in a file, the outputs of the members, and the output or the code of the
/// failure.
fn check(name: &str, merge: &str, input: Value, expected: Value) {
    let id = format!("merges-{name}");
    let head = format!("id = \"{id}\"\nversion = \"1.0.0\"\noutput = \"${{tasks.all.output}}\"\n");
    let group = format!("[[tasks]]\nid = \"all\"\nkind = \"parallel\"\nmerge = {merge}\n{MEMBERS}");
    put_workflow(&id, format!("{head}{group}"));
    let run = finished(&id, input);
    let outcome = match run["outcome"].as_str() {
        Some("succeeded") => &run["output"],
        _ => &run["failure"]["details"]["code"],
    };
    assert_eq!(*outcome, expected, "{name}: {run:#}");
}

#[test]
fn every_strategy_gives_what_the_guide_says() {
    let all = || json!({ "one": { "n": 1 }, "two": { "n": 2 }, "three": { "m": 3 } });
    let some = || json!({ "one": { "n": 1 }, "three": { "m": 3 } });
    check("array", "{ strategy = \"array\" }", all(), json!([{ "n": 1 }, { "n": 2 }, { "m": 3 }]));
    let object = json!({ "one": { "n": 1 }, "two": { "n": 2 }, "three": { "m": 3 } });
    check("object", "{ strategy = \"object\" }", all(), object);
    check("first", "{ strategy = \"first\" }", json!({ "two": { "n": 2 } }), json!({ "n": 2 }));
    check("any", "{ strategy = \"any\" }", some(), json!([{ "n": 1 }, { "m": 3 }]));
    let quorum = "{ strategy = \"quorum\", count = 2 }";
    check("quorum", quorum, some(), json!([{ "n": 1 }, { "m": 3 }]));
    check("deep", "{ strategy = \"deep\" }", all(), json!({ "n": 2, "m": 3 }));
    let first = "{ strategy = \"deep\", conflicts = \"first\" }";
    check("deep-first", first, all(), json!({ "n": 1, "m": 3 }));
    let reduce = "{ strategy = \"reduce\", type = \"hostile.echo\" }";
    check("reduce", reduce, all(), json!({ "items": [{ "n": 1 }, { "n": 2 }, { "m": 3 }] }));
}

#[test]
fn every_strategy_fails_as_the_guide_says() {
    let all = || json!({ "one": { "n": 1 }, "two": { "n": 2 }, "three": 3 });
    let none = || json!({});
    for strategy in ["array", "object", "deep"] {
        let merge = format!("{{ strategy = \"{strategy}\" }}");
        check(&format!("failed-{strategy}"), &merge, none(), json!("expression-failed"));
    }
    let few = [
        ("first", "{ strategy = \"first\" }"),
        ("any", "{ strategy = \"any\" }"),
        ("quorum", "{ strategy = \"quorum\", count = 2 }"),
    ];
    for (strategy, merge) in few {
        check(&format!("failed-{strategy}"), merge, none(), json!("too-few-succeeded"));
    }
    let fail = "{ strategy = \"deep\", conflicts = \"fail\" }";
    check("failed-conflict", fail, all(), json!("merge-conflict"));
    check("failed-value", "{ strategy = \"deep\" }", all(), json!("merge-not-an-object"));
    let reduce = "{ strategy = \"reduce\", type = \"hostile.fail\" }";
    check("failed-reduce", reduce, all(), json!("invalid-input"));
}
