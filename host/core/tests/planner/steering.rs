//! What people ask of a run: pause, skip, priority, cancel.

use expect_test::expect;
use taskloom_core::run::Command;

use crate::script::{check, play_all, played};
use crate::support::json;

#[test]
fn nothing_is_claimed_while_a_run_is_paused() {
    check(
        "a; b<-a | retries=1",
        "claim a; pause; fail a; +10s; crash; resume; run a; run b",
        expect![[r#"
            0s a#1 claimed
            0s run-paused
            0s a#1 failed: retryable, again at 10s
            10s a goes on
            10s run-resumed
            10s a#2 claimed
            10s a#2 succeeded
            10s b#1 claimed
            10s b#1 succeeded
            10s run succeeded
        "#]],
    );
}

#[test]
fn a_pause_holds_back_other_runs() {
    check(
        "a; c<-a child",
        "claim a; pause; ok a; resume; starts c",
        expect![[r#"
        0s a#1 claimed
        0s run-paused
        0s a#1 succeeded
        0s run-resumed
        0s c child-requested
        (waiting)
    "#]],
    );
}

#[test]
fn a_skipped_task_takes_what_needs_it_along() {
    check(
        "a; b<-a; c",
        "skip a; run c",
        expect![[r#"
        0s a skipped: not today
        0s b skipped: it needs `a`, which is skipped
        0s c#1 claimed
        0s c#1 succeeded
        0s run succeeded
    "#]],
    );
}

#[test]
fn a_replaced_output_lets_others_go_on() {
    check(
        "a; b<-a; w wait=60; c<-w",
        "replace a; run b; replace w; run c",
        expect![[r#"
        0s w waits until 60s
        0s a skipped: by hand
        0s b#1 claimed
        0s b#1 succeeded
        0s w skipped: by hand
        0s c#1 claimed
        0s c#1 succeeded
        0s run succeeded
    "#]],
    );
}

#[test]
fn a_member_may_be_skipped_before_its_turn() {
    check(
        "all parallel max=1 { a; b; c }",
        "skip b; run a; run c",
        expect![[r#"
        0s all group-opened
        0s b skipped: not today
        0s a#1 claimed
        0s a#1 succeeded
        0s c#1 claimed
        0s c#1 succeeded
        0s all is decided: true
        0s all succeeded: "v"
        0s run succeeded
    "#]],
    );
}

#[test]
fn a_skipped_group_never_opens() {
    check(
        "a; g<-a group { x }; b",
        "skip g; run a; run b",
        expect![[r#"
        0s g skipped: not today
        0s x skipped: not today
        0s a#1 claimed
        0s a#1 succeeded
        0s b#1 claimed
        0s b#1 succeeded
        0s run succeeded
    "#]],
    );
}

#[test]
fn priorities_are_told() {
    check(
        "a",
        "priority 5; priority 5",
        expect![[r#"
        0s priority 5
        (running)
    "#]],
    );
}

#[test]
fn cancelling_reaches_into_groups() {
    check(
        "g group { a; b<-a; w wait=9 }; all each max=1 { x }; p approval; finally { f }",
        "items all 2; claim a; claim all[0].x; shown p; cancel; cancelled a; ok all[0].x; run f",
        expect![[r#"
            0s g group-opened
            0s w waits until 9s
            0s all has 2 items
            0s all opens item 0
            0s a#1 claimed
            0s all[0].x#1 claimed
            0s p approval-requested
            0s cancel-requested
            0s b cancelled
            0s w cancelled
            0s p cancelled
            0s a#1 cancelled
            0s g cancelled
            0s all[0].x#1 succeeded
            0s all item 0 cancelled
            0s all cancelled
            0s finally-started
            0s f#1 claimed
            0s f#1 succeeded
            0s run cancelled: enough
        "#]],
    );
}

#[test]
fn what_a_run_cannot_do_is_refused_with_a_reason() {
    let refused = |spec: &str, script: &str, command: Command| {
        let mut world = played(spec, script);
        let before = world.journal().len();
        let refusal = world.give(command).expect_err("it is not allowed");
        assert_eq!(world.journal().len(), before, "a refusal leaves no trace");
        refusal.to_string()
    };
    let world = played("a", "");
    let task = world.index("a");
    let skip = Command::SkipTask { task, output: None, reason: String::new() };
    let approve = Command::Approve {
        task,
        approved: true,
        by: "eva".to_owned(),
        comment: None,
        input: None,
        output: json("{}"),
    };
    let pause = || Command::Pause { reason: "again".to_owned() };
    let cancel = || Command::Cancel { reason: "late".to_owned() };
    let told = [
        refused("a", "claim a", skip),
        refused("a", "", approve),
        refused("a", "", Command::Resume),
        refused("a", "pause", pause()),
        refused("a", "claim a; cancel", pause()),
        refused("a", "claim a; cancel", cancel()),
        refused("a; finally { f }", "run a", cancel()),
        refused("a", "run a", cancel()),
        refused("a", "", Command::OutputResolved(Ok(Some(json("1"))), Vec::new())),
        refused("a", "", Command::ClosingDeadline),
    ];
    expect![[r#"
        task `a` is claimed
        task `a` is ready
        the run is not paused
        the run is paused: lunch
        the run is already being stopped
        the run is already being stopped
        the run is ending: its compensation and `finally` have a time of their own
        the run has already ended: succeeded
        the output of the run is not asked for: it comes too late, twice or too early
        the end of the run has not begun, or its time was over before"#]]
    .assert_eq(&told.join("\n"));
}

#[test]
fn a_task_whose_group_is_not_at_work_is_not_skipped() {
    let mut world = played("route branch { x }", "");
    let task = world.index("x");
    let skip = Command::SkipTask { task, output: None, reason: String::new() };
    let refusal = world.give(skip).expect_err("nobody knows whether it will run");
    expect!["task `x` cannot be skipped: the group it is in is not at work"]
        .assert_eq(&refusal.to_string());
}

#[test]
fn signals_beyond_what_a_run_keeps_are_refused() {
    let mut world = played("a; w<-a signal=go", "");
    for number in 0..1_000 {
        play_all(&mut world, &format!("signal stop s{number}"));
    }
    let signal =
        |id: &str| Command::Signal { id: id.into(), name: "go".into(), payload: json("1") };
    let refusal = world.give(signal("one")).expect_err("nobody waits for it");
    expect!["the run takes no more signals: 1000 are kept that no task has waited for"]
        .assert_eq(&refusal.to_string());
    play_all(&mut world, "run a");
    world.give(signal("one")).expect("somebody waits for it");
    assert!(world.state.finish.is_some());
}
