//! The context of a run, and measurements, as guests see them.

use std::sync::Arc;

use serde_json::{Value, json};
use taskloom_wasm::{CallReport, Plugin};

use crate::fixture::{Heard, call, hostile, run, runtime, told, under};

const GRANT: &str = "[context]\nread = [\"*\"]\nwrite = [\"seen\", \"large\", \"other\"]\n";

async fn use_context(plugin: &Arc<Plugin>, short: &str, input: &Value) -> (CallReport, Arc<Heard>) {
    let (mut call, heard) = call(short, &input.to_string());
    call.context = json!({ "given": { "a": 1 } }).as_object().expect("an object").clone().into();
    (runtime().call(plugin, call).await, heard)
}

#[tokio::test]
async fn a_handler_reads_what_was_there_and_what_it_set() {
    let input = json!({ "set": { "seen": [1] }, "get": ["given", "seen", "nothing"] });
    let (report, _) = use_context(&under(GRANT), "use-context", &input).await;
    assert_eq!(
        told(&report.ending),
        r#"succeeded {"got":{"given":{"a":1},"nothing":null,"seen":[1]}}"#
    );
    assert_eq!(
        *report.writes.expect("it set something"),
        *json!({ "seen": [1] }).as_object().expect("an object")
    );
    let uses = report.usage.capabilities.expect("used");
    assert_eq!((uses.context_reads, uses.context_writes), (3, 1));
}

#[tokio::test]
async fn what_a_failed_attempt_set_is_forgotten() {
    let input = json!({ "set": { "seen": 1 }, "fail": true });
    let (report, _) = use_context(&under(GRANT), "use-context", &input).await;
    assert!(told(&report.ending).starts_with("permanent asked-for"), "{}", told(&report.ending));
    assert_eq!(report.writes, None);
}

#[tokio::test]
async fn names_are_read_and_set_by_grant() {
    let narrow = under("[context]\nread = [\"given\"]\n");
    for (plugin, short, input, expected) in [
        (&narrow, "use-context", json!({ "get": ["given"] }), "succeeded"),
        (
            &narrow,
            "use-context",
            json!({ "get": ["x"] }),
            "does not grant to read `context.x`; add \"x\" to `read`",
        ),
        (
            &narrow,
            "use-context",
            json!({ "set": { "seen": 1 } }),
            "does not grant to write `context.seen`",
        ),
        (
            &under(GRANT),
            "use-context",
            json!({ "set": { "other": 1 } }),
            "does not ask for it in `capabilities.context.write`",
        ),
        (&under(GRANT), "use-context-reads", json!({ "set": { "seen": 1 } }), "declared `reads`"),
        (&under(GRANT), "use-context-reads", json!({ "get": ["given"] }), "succeeded"),
        (
            &hostile(),
            "use-context",
            json!({ "get": ["given"] }),
            "does not grant to read `context.given`",
        ),
    ] {
        let (report, heard) = use_context(plugin, short, &input).await;
        let told = told(&report.ending);
        assert!(told.contains(expected), "{input}: {told}");
        let refused = !told.starts_with("succeeded");
        assert_eq!(told.starts_with("permanent not-granted"), refused, "{told}");
        assert_eq!(heard.refused().len(), usize::from(refused));
    }
}

#[tokio::test]
async fn what_an_attempt_sets_is_bounded() {
    let input = json!({ "set": { "large": "x".repeat(70_000) } });
    let (report, heard) = use_context(&under(GRANT), "use-context", &input).await;
    let told = told(&report.ending);
    assert!(told.starts_with("permanent context-too-large: with `large`"), "{told}");
    assert!(heard.refused()[0].starts_with("context: with `large`"), "{:?}", heard.refused());
}

#[tokio::test]
async fn a_flood_of_refusals_is_counted_to_the_last() {
    let (report, heard) = run("flood-refusals", r#"{"times": 20000}"#, |_| ()).await;
    assert_eq!(told(&report.ending), "succeeded {}");
    let more = *heard.more_refusals.lock().expect("not poisoned");
    assert_eq!(heard.refused().len() as u64 + more, 20_000);
    assert_eq!(report.usage.capabilities.expect("refused").refused, 20_000);
}

#[tokio::test]
async fn artefacts_beyond_a_limit_are_refused() {
    let input = r#"{"files": [["a.txt", "one"], ["b.txt", "two"]]}"#;
    let (report, heard) = run("leave", input, |limits| limits.artefacts = 1).await;
    let message = "an attempt may leave 1 artefacts";
    assert_eq!(told(&report.ending), format!("permanent too-many-artefacts: {message}"));
    assert_eq!(heard.refused(), [format!("artefacts: {message}")]);
}

#[tokio::test]
async fn measurements_are_kept_with_the_attempt() {
    let input =
        json!({ "values": [["rows", 1.0], ["rows", 1200.0], ["Bad", 1.0], ["third", 1.0]] });
    let (report, heard) = run("measure", &input.to_string(), |limits| limits.metrics = 1).await;
    let kept: Vec<_> = report.usage.metrics.iter().map(|(n, v)| format!("{n}={v}")).collect();
    assert_eq!(kept, ["rows=1200.0"]);
    assert!(heard.text()[0].starts_with("warn: 2 measurements were dropped"), "{:?}", heard.text());
}
