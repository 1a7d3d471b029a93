//! What tasks set in the context of their run.

use expect_test::expect;
use serde_json::{Value, json};
use taskloom_core::attempt::{AiUse, AttemptEnd, AttemptUse, CapabilityUse};
use taskloom_core::context::CONTEXT_BYTES_MAX;
use taskloom_core::journal::RerunFrom;
use taskloom_core::run::{AttemptResult, Command, Refusal, plan};

use crate::script::{check, play_all, played, told};
use crate::support::{World, json as support_json, other_run, workflow};

/// The context at the end of a script, and who set it.
fn context(spec: &str, script: &str) -> String {
    shown(&played(spec, script))
}

fn shown(world: &World) -> String {
    let context = world.state.context();
    let values = context.values().map(|values| serde_json::to_string(&**values).expect("JSON"));
    let setter = context.setter("x").map(|setter| {
        format!(" by {}#{:?}, {} writes", setter.task, setter.attempt, setter.writes)
    });
    format!("{}{}", values.unwrap_or_default(), setter.unwrap_or_default())
}

#[test]
fn an_attempt_and_what_it_sets_are_one_commit() {
    let world = played("a sets=x; b<-a", "claim a; ok a");
    assert_eq!(world.commits.len(), 3, "the start, the claim, and the rest");
    check(
        "a sets=x; b<-a",
        "claim a; ok a",
        expect![[r#"
            0s a#1 claimed
            0s a sets {"x":{"a":1,"by":"a"}}
            0s a#1 succeeded
            (running)
        "#]],
    );
}

/// Ends the first attempt of a task whose handler set `x`, as a run that was given `given`.
fn handler_sets(world: &mut World, task: &str, x: u64, given: Value) -> Result<(), Refusal> {
    let object = |value: Value| value.as_object().expect("an object").clone().into();
    let task = world.index(task);
    let number = world.claim(task).expect("ready");
    let ai = AiUse { input_tokens: 3, output_tokens: 4, usd_micros: 5, ..AiUse::default() };
    let uses = CapabilityUse { ai: Some(ai), ..CapabilityUse::default() };
    let usage = AttemptUse { capabilities: Some(Box::new(uses)), ..AttemptUse::default() };
    world.give(Command::AttemptEnded(Box::new(AttemptResult {
        task,
        number,
        input: None,
        writes: Some(object(json!({ "x": x }))),
        given: Some(object(given)),
        end: AttemptEnd::Succeeded(support_json("1")),
        usage: Box::new(usage),
    })))
}

#[test]
fn the_first_write_of_a_handler_brings_along_what_the_run_was_given() {
    let mut world = World::start(workflow("a; b"));
    handler_sets(&mut world, "a", 1, json!({ "tenant": "acme", "x": 0 })).expect("it fits");
    handler_sets(&mut world, "b", 2, json!({ "tenant": "other" })).expect("it fits");
    assert_eq!(shown(&world), r#"{"tenant":"acme","x":2} by b#Some(1), 2 writes"#);
    let again = World::resume(&world, world.journal().len());
    assert_eq!(shown(&again), shown(&world), "a replay finds the same");
}

#[test]
fn what_a_handler_sets_is_bounded_together_with_what_the_run_was_given() {
    let mut world = World::start(workflow("a; b"));
    let given = json!({ "large": "x".repeat(CONTEXT_BYTES_MAX - 14) });
    handler_sets(&mut world, "a", 1, given).expect("an attempt that failed");
    assert!(told(&world).contains("context-too-large"), "{}", told(&world));
}

#[test]
fn what_attempts_spend_on_models_is_summed_up_for_each_plugin() {
    let mut world = World::start(workflow("a; b"));
    handler_sets(&mut world, "a", 1, json!({})).expect("it fits");
    handler_sets(&mut world, "b", 2, json!({})).expect("it fits");
    let index = world.index("a");
    let plugin = world.state.definition(index).kind.task_type().expect("a call").plugin();
    let spent = world.state.ai_spent(&plugin);
    assert_eq!((spent.tokens, spent.usd_micros), (14, 10));
}

#[test]
fn what_is_no_attempt_sets_when_its_output_is_known() {
    check(
        "a signal=s sets=x; b approval sets=x; g group sets=x { c }; d<-a,b,g",
        "signal s 1; shown b; approve b; run c; run d",
        expect![[r#"
            0s a wait-began
            0s g group-opened
            0s signal s 1
            0s a takes 1
            0s a sets {"x":{"a":1,"by":"a"}}
            0s a succeeded: "1"
            0s b approval-requested
            0s b approved: true
            0s b sets {"x":{"b":1,"by":"b"}}
            0s b succeeded: {"approved":true,"by":"eva","comment":null,"input":null}
            0s c#1 claimed
            0s c#1 succeeded
            0s g succeeded: "v"
            0s g sets {"x":{"by":"g","g":1}}
            0s g succeeded: "v"
            0s d#1 claimed
            0s d#1 succeeded
            0s run succeeded
        "#]],
    );
}

#[test]
fn the_last_write_stays_unless_said_otherwise() {
    let script = "run a; run b";
    let with = |merge: &str| context(&format!("a sets=x; b<-a sets=x | {merge}"), script);
    expect![[r#"{"x":{"b":1,"by":"b"}} by b#Some(1), 2 writes"#]].assert_eq(&with("merge=last"));
    expect![[r#"{"x":{"a":1,"by":"a"}} by a#Some(1), 1 writes"#]].assert_eq(&with("merge=first"));
    expect![[r#"{"x":{"a":1,"b":1,"by":"b"}} by b#Some(1), 2 writes"#]]
        .assert_eq(&with("merge=deep"));
}

#[test]
fn the_second_writer_fails_where_two_are_a_conflict() {
    check(
        "a sets=x; b sets=x; c | merge=fail continue retries=3",
        "run b; run a; run c",
        expect![[r#"
            0s b#1 claimed
            0s b sets {"x":{"b":1,"by":"b"}}
            0s b#1 succeeded
            0s a#1 claimed
            0s a#1 failed: context-conflict, gives up
            0s c#1 claimed
            0s c#1 succeeded
            0s run failed: task `a` failed: context-conflict: task `b` has set `context.x` to another value; choose a name of its own, or another `context_merge` in `[config]`
        "#]],
    );
}

#[test]
fn a_failed_attempt_sets_nothing() {
    assert_eq!(context("a sets=x | retries=1", "claim a; fail a"), "");
    expect![[r#"{"x":{"a":1,"by":"a"}} by a#Some(2), 1 writes"#]]
        .assert_eq(&context("a sets=x | retries=1", "claim a; fail a; +10s; run a"));
}

#[test]
fn every_item_of_a_list_may_set_a_name() {
    let script = "items each 2; run each[0].a; run each[1].a";
    expect![[r#"{"x":{"a":1,"by":"a"}} by each[1].a#Some(1), 2 writes"#]]
        .assert_eq(&context("each each { a sets=x } | merge=deep", script));
}

#[test]
fn what_a_run_of_a_task_has_set_comes_back_when_the_task_says_so() {
    check(
        "a child returns sets=y",
        "starts a; child-succeeded a",
        expect![[r#"
        0s a child-requested
        0s a sets {"x":{"child":1}}
        0s a run succeeded
        0s a sets {"y":{"a":1,"by":"a"}}
        0s a succeeded: 7
        0s run succeeded
    "#]],
    );
    assert_eq!(context("a child", "starts a; child-succeeded a"), "");
    assert_eq!(context("a child returns", "starts a; child-failed a"), "");
}

#[test]
fn a_rerun_takes_over_what_was_set_by_what_it_takes_over() {
    let old = played(
        "a sets=x; g<-a group { b sets=y; c }; d<-g",
        "run a; run b; run c; claim d; permanent d",
    );
    let plan = plan(&old.state, RerunFrom::Failed).expect("it failed");
    let mut world = World::rerun(old.workflow, other_run(3), plan);
    play_all(&mut world, "run d");
    expect![[r#"
        0s a reuse-offered
        0s g reuse-offered
        0s d key-kept
        0s a sets {"x":{"a":1,"by":"a"}}
        0s a is reused: 1
        0s g sets {"y":{"b":1,"by":"b"}}
        0s g is reused: "v"
        0s b skipped: the output of `g` is taken over from an earlier run
        0s c skipped: the output of `g` is taken over from an earlier run
        0s d#1 claimed
        0s d#1 succeeded
        0s run succeeded
    "#]]
    .assert_eq(&told(&world));
    expect![[r#"{"x":{"a":1,"by":"a"},"y":{"b":1,"by":"b"}} by a#None, 1 writes"#]]
        .assert_eq(&shown(&world));
}

#[test]
fn a_crash_while_a_value_is_computed_loses_nothing() {
    let world = played("a signal=s sets=x; b<-a", "signal s 1; crash; run b");
    expect![[r#"{"x":{"a":1,"by":"a"}} by a#None, 1 writes"#]].assert_eq(&shown(&world));
}
