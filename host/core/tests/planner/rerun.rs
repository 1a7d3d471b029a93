//! Runs again what did not work, and takes over the rest.

use expect_test::{Expect, expect};
use taskloom_core::id::TaskId;
use taskloom_core::journal::RerunFrom;
use taskloom_core::run::plan;

use crate::script::{play_all, played, told};
use crate::support::{World, other_run};

/// Plays a run, runs it again from `from` (`start`, `failed` or task ids), plays that, and compares
/// the plan, the journal of the rerun and the keys of what was attempted in it.
fn check(spec: &str, script: &str, from: &str, again: &str, expect: Expect) {
    let old = played(spec, script);
    let plan = match plan(&old.state, rerun_from(from)) {
        Ok(plan) => plan,
        Err(refusal) => return expect.assert_eq(&refusal.to_string()),
    };
    let names: Vec<String> = plan.again.iter().map(ToString::to_string).collect();
    let mut world = World::rerun(old.workflow, other_run(3), plan);
    play_all(&mut world, again);
    let mut text = format!("again: {}\n{}", names.join(", "), told(&world));
    for (index, task) in world.state.tasks().filter(|(_, task)| !task.attempts.is_empty()) {
        let key = world.state.idempotency_key(index);
        let root = if key.starts_with(&other_run(3).to_string()) { "new" } else { "old" };
        text.push_str(&format!("key of {}: {root}\n", task.id));
    }
    expect.assert_eq(&text);
}

fn rerun_from(from: &str) -> RerunFrom {
    match from {
        "start" => RerunFrom::Start,
        "failed" => RerunFrom::Failed,
        tasks => {
            RerunFrom::Tasks(tasks.split(',').map(|id| TaskId::new(id).expect("valid")).collect())
        }
    }
}

#[test]
fn what_succeeded_is_taken_over() {
    check(
        "a; b<-a; c<-b",
        "run a; claim b; permanent b",
        "failed",
        "run b; run c",
        expect![[r#"
        again: b, c
        0s a reuse-offered
        0s b key-kept
        0s a is reused: 1
        0s b#1 claimed
        0s b#1 succeeded
        0s c#1 claimed
        0s c#1 succeeded
        0s run succeeded
        key of b: old
        key of c: new
    "#]],
    );
}

#[test]
fn everything_runs_again_from_the_start() {
    check(
        "a; b<-a",
        "run a; claim b; permanent b",
        "start",
        "run a; run b",
        expect![[r#"
        again: a, b
        0s b key-kept
        0s a#1 claimed
        0s a#1 succeeded
        0s b#1 claimed
        0s b#1 succeeded
        0s run succeeded
        key of a: new
        key of b: old
    "#]],
    );
}

#[test]
fn chosen_tasks_and_what_depends_on_them_run_again() {
    check(
        "a; b<-a; c; d<-b,c",
        "run a; run b; run c; run d",
        "b",
        "run b; run d",
        expect![[r#"
        again: b, d
        0s a reuse-offered
        0s c reuse-offered
        0s a is reused: 1
        0s c is reused: 1
        0s b#1 claimed
        0s b#1 succeeded
        0s d#1 claimed
        0s d#1 succeeded
        0s run succeeded
        key of b: new
        key of d: new
    "#]],
    );
}

#[test]
fn a_branch_is_taken_again_and_goes_on_inside() {
    check(
        "r branch { x; y<-x } { z }; e<-r",
        "yes r; run x; claim y; permanent y",
        "failed",
        "run y; run e",
        expect![[r#"
            again: r, y, e
            0s r reuse-offered
            0s x reuse-offered
            0s y key-kept
            0s r takes Then
            0s z skipped: `r` took `then`
            0s x is reused: 1
            0s y#1 claimed
            0s y#1 succeeded
            0s r succeeded: "v"
            0s e#1 claimed
            0s e#1 succeeded
            0s run succeeded
            key of y: old
            key of e: new
        "#]],
    );
}

#[test]
fn a_branch_after_what_runs_again_is_decided_again() {
    check(
        "a; r<-a branch { x } { z }",
        "run a; yes r; run x",
        "a",
        "run a; no r; run z",
        expect![[r#"
            again: a, r, x, z
            0s a#1 claimed
            0s a#1 succeeded
            0s r takes Else
            0s x skipped: `r` took `else`
            0s z#1 claimed
            0s z#1 succeeded
            0s r succeeded: "v"
            0s run succeeded
            key of a: new
            key of z: new
        "#]],
    );
}

#[test]
fn items_that_failed_run_again() {
    check(
        "all each { x; y<-x } | continue",
        "items all 2; run all[0].x; run all[0].y; run all[1].x; claim all[1].y; permanent all[1].y",
        "failed",
        "run all[1].y",
        expect![[r#"
            again: all, all[1].y
            0s all reuse-offered
            0s all[0].x reuse-offered
            0s all[0].y reuse-offered
            0s all[1].x reuse-offered
            0s all[1].y key-kept
            0s all has 2 items
            0s all opens item 0
            0s all opens item 1
            0s all[0].x is reused: 1
            0s all[1].x is reused: 1
            0s all[0].y is reused: 1
            0s all[1].y#1 claimed
            0s all[1].y#1 succeeded
            0s all item 0 succeeded
            0s all item 1 succeeded
            0s all is decided: true
            0s all succeeded: "v"
            0s run succeeded
            key of all[1].y: old
        "#]],
    );
}

#[test]
fn what_was_undone_runs_again() {
    check(
        "a undo; b; c<-a,b",
        "run a; run b; claim c; permanent c; run a.compensate",
        "failed",
        "run a; run c",
        expect![[r#"
            again: a, c
            0s b reuse-offered
            0s c key-kept
            0s b is reused: 1
            0s a#1 claimed
            0s a#1 succeeded
            0s c#1 claimed
            0s c#1 succeeded
            0s run succeeded
            key of a: new
            key of c: old
        "#]],
    );
}

#[test]
fn signals_that_nobody_took_are_there_again() {
    check(
        "a; w<-a signal=go",
        "signal go one; claim a; permanent a",
        "failed",
        "run a",
        expect![[r#"
            again: a, w
            0s signal go one
            0s a key-kept
            0s a#1 claimed
            0s a#1 succeeded
            0s w wait-began
            0s w takes one
            0s run succeeded
            key of a: old
        "#]],
    );
}

#[test]
fn a_rerun_that_makes_no_sense_is_refused() {
    check(
        "a",
        "run a",
        "failed",
        "",
        expect![
            "every task of the run succeeded: name the tasks that are to run again, or run it whole"
        ],
    );
    check(
        "a",
        "",
        "failed",
        "",
        expect!["the run has not ended: cancel it, or wait, before it is run again"],
    );
    check(
        "a",
        "run a",
        "b",
        "",
        expect!["the run has no task `b`: it is unknown, or in an item that was not taken up"],
    );
}

#[test]
fn the_plan_names_what_is_in_what_runs_again() {
    check(
        "b branch { x } { y }; g<-b group { p; q parallel reduce { r } }; e<-g each { z }; finally { f }",
        "yes b; run x; run p; claim r; permanent r; run f",
        "start",
        "",
        expect![[r#"
            again: b, x, y, g, p, q, r, q.reduce, e, f
            0s r key-kept
            (asks for its condition of b)
            (running)
        "#]],
    );
    check(
        "a; g<-a group { p; q<-p }; e<-g each { z }; finally { f }",
        "claim a; permanent a; run f",
        "failed",
        "",
        expect![[r#"
            again: a, g, p, q, e, f
            0s a key-kept
            (running)
        "#]],
    );
}
