//! Runs that are held: when they begin, and what happens to them before.

use expect_test::{Expect, expect};
use taskloom_core::run::{Command, Refusal, RunStatus};
use taskloom_core::time::Timestamp;

use crate::script::{play_all, told};
use crate::support::{World, workflow};

/// Plays a script on a run that is held by its key, and until 60 s.
fn check(spec: &str, script: &str, expect: Expect) {
    let mut world = World::held(workflow(spec), Some(Timestamp::from_ms(60_000)));
    play_all(&mut world, script);
    expect.assert_eq(&told(&world));
}

#[test]
fn nothing_of_a_held_run_begins_before_it_is_admitted() {
    check(
        "a; w wait=5; q ?",
        "+30s",
        expect![[r#"
        (waiting)
    "#]],
    );
    check(
        "a; w wait=5",
        "+60s; admit; claim a; +5s; ok a",
        expect![[r#"
        60s run-admitted
        60s w waits until 65s
        60s a#1 claimed
        65s w succeeded: null
        65s a#1 succeeded
        65s run succeeded
    "#]],
    );
    check(
        "a; b<-a",
        "+60s; crash; admit; crash; run a; run b",
        expect![[r#"
        60s run-admitted
        60s a#1 claimed
        60s a#1 succeeded
        60s b#1 claimed
        60s b#1 succeeded
        60s run succeeded
    "#]],
    );
}

#[test]
fn times_count_from_the_admission() {
    check(
        "a total=20 | timeout=50",
        "+100s; admit; claim a; +19s",
        expect![[r#"
        100s run-admitted
        100s a#1 claimed
        (running)
    "#]],
    );
    check(
        "a | timeout=50",
        "+100s; admit; +49s; crash; +1s",
        expect![[r#"
        100s run-admitted
        150s run-timed-out
        150s a cancelled
        150s run timed_out: the run took longer than its timeout of 50s
    "#]],
    );
}

#[test]
fn a_cancelled_run_that_was_held_ends_at_once() {
    check(
        "a; b<-a; g group { c }; finally { f }",
        "cancel",
        expect![[r#"
        0s cancel-requested
        0s a cancelled
        0s b cancelled
        0s g cancelled
        0s c skipped: it is in `g`, which is cancelled
        0s run cancelled: enough
    "#]],
    );
    check(
        "a",
        "pause; cancel",
        expect![[r#"
        0s run-paused
        0s cancel-requested
        0s a cancelled
        0s run cancelled: enough
    "#]],
    );
}

#[test]
fn a_held_run_is_paused_and_prioritised_as_any_other() {
    check(
        "a",
        "pause; priority 5; +60s; admit; resume; run a",
        expect![[r#"
        0s run-paused
        0s priority 5
        60s run-admitted
        60s run-resumed
        60s a#1 claimed
        60s a#1 succeeded
        60s run succeeded
    "#]],
    );
    check(
        "s signal=go",
        "signal go one; +60s; admit",
        expect![[r#"
        0s signal go one
        60s run-admitted
        60s s wait-began
        60s s takes one
        60s run succeeded
    "#]],
    );
}

#[test]
fn admission_is_refused_too_early_and_twice() {
    let at = Timestamp::from_ms(60_000);
    let mut world = World::held(workflow("a"), Some(at));
    assert_eq!(world.held, Some(Some(at)));
    assert_eq!(world.state.status(), RunStatus::Waiting);
    assert_eq!(world.state.next_wake(), Some(at));
    assert_eq!(world.give(Command::Admit), Err(Refusal::TooEarly(at)));
    play_all(&mut world, "+60s; admit");
    assert_eq!(world.give(Command::Admit), Err(Refusal::NotHeld));
    let mut run = World::start(workflow("a"));
    assert_eq!(run.give(Command::Admit), Err(Refusal::NotHeld));
}

#[test]
fn tasks_of_a_held_run_cannot_be_skipped() {
    let mut world = World::held(workflow("a"), None);
    let task = world.index("a");
    let skip = Command::SkipTask { task, output: None, reason: "no".to_owned() };
    assert!(matches!(world.give(skip), Err(Refusal::NotAtWork { .. })));
    let why = world.state.why(task).expect("it has not ended").to_string();
    assert_eq!(why, "the run is held, and by its concurrency key `k`");
}
