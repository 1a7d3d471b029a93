//! Tasks that need each other: attempts, retries, failures, ends.

use std::time::Duration;

use expect_test::expect;
use taskloom_core::attempt::AttemptEnd;
use taskloom_core::run::Command;

use crate::script::{check, line, play};
use crate::support::{World, json, workflow};

#[test]
fn a_chain_runs_to_its_end() {
    check(
        "a; b<-a",
        "claim a; ok a; claim b; ok b",
        expect![[r#"
            0s a#1 claimed
            0s a#1 succeeded
            0s b#1 claimed
            0s b#1 succeeded
            0s run succeeded
        "#]],
    );
}

#[test]
fn a_join_waits_for_everything_it_needs() {
    check(
        "a; b; c<-a,b",
        "claim a; claim b; ok b; ok a; claim c",
        expect![[r#"
            0s a#1 claimed
            0s b#1 claimed
            0s b#1 succeeded
            0s a#1 succeeded
            0s c#1 claimed
            (running)
        "#]],
    );
}

#[test]
fn retries_with_doubling_waits_then_gives_up() {
    check(
        "a | retries=2",
        "claim a; fail a; +10s; claim a; timeout a; +20s; claim a; crash-guest a",
        expect![[r#"
            0s a#1 claimed
            0s a#1 failed: retryable, again at 10s
            10s a goes on
            10s a#2 claimed
            10s a#2 failed: timeout, again at 30s
            30s a goes on
            30s a#3 claimed
            30s a#3 failed: crash, gives up
            30s run failed: task `a` failed: crash: it failed
        "#]],
    );
}

#[test]
fn a_wait_that_the_handler_asks_for_is_honoured() {
    check(
        "a | retries=2",
        "claim a; retry-after-30s a",
        expect![[r#"
            0s a#1 claimed
            0s a#1 failed: retryable, again at 30s
            (waiting)
        "#]],
    );
}

#[test]
fn what_would_happen_again_is_not_retried() {
    for (step, code) in [("permanent", "permanent"), ("limit", "limit")] {
        let mut world = World::start(workflow("a | retries=5"));
        play(&mut world, "claim a");
        play(&mut world, &format!("{step} a"));
        let last = world.journal().last().map(line).expect("an event");
        assert_eq!(last, format!("0s run failed: task `a` failed: {code}: it failed"));
    }
}

#[test]
fn a_failed_task_stops_the_run_but_lets_what_runs_end() {
    check(
        "a; b; c<-a; d<-c",
        "claim a; claim b; permanent a; ok b",
        expect![[r#"
            0s a#1 claimed
            0s b#1 claimed
            0s a#1 failed: permanent, gives up
            0s c skipped: the run stops: task `a` failed: permanent: it failed
            0s d skipped: the run stops: task `a` failed: permanent: it failed
            0s b#1 succeeded
            0s run failed: task `a` failed: permanent: it failed
        "#]],
    );
}

#[test]
fn independent_branches_go_on_when_the_workflow_says_so() {
    check(
        "a; b; c<-a; d<-c; e<-b | continue",
        "claim a; claim b; permanent a; ok b; claim e; ok e",
        expect![[r#"
            0s a#1 claimed
            0s b#1 claimed
            0s a#1 failed: permanent, gives up
            0s c skipped: it needs `a`, which is failed
            0s d skipped: it needs `c`, which is skipped
            0s b#1 succeeded
            0s e#1 claimed
            0s e#1 succeeded
            0s run failed: task `a` failed: permanent: it failed
        "#]],
    );
}

#[test]
fn cancelling_ends_what_waits_and_stops_what_runs() {
    check(
        "a; b; c<-a",
        "claim a; cancel; cancelled a",
        expect![[r#"
            0s a#1 claimed
            0s cancel-requested
            0s b cancelled
            0s c cancelled
            0s a#1 cancelled
            0s run cancelled: enough
        "#]],
    );
}

#[test]
fn a_result_that_was_faster_than_the_cancellation_counts() {
    check(
        "a; b<-a",
        "claim a; cancel; ok a",
        expect![[r#"
            0s a#1 claimed
            0s cancel-requested
            0s b cancelled
            0s a#1 succeeded
            0s run cancelled: enough
        "#]],
    );
}

#[test]
fn a_run_that_takes_too_long_is_stopped() {
    check(
        "a; b<-a | timeout=60",
        "claim a; +60s; cancelled a",
        expect![[r#"
            0s a#1 claimed
            60s run-timed-out
            60s b cancelled
            60s a#1 cancelled
            60s run timed_out: the run took longer than its timeout of 60s
        "#]],
    );
}

#[test]
fn an_attempt_the_host_had_no_room_for_is_not_counted() {
    check(
        "a",
        "claim a; busy a; +1s; claim a; ok a",
        expect![[r#"
            0s a#1 claimed
            0s a#1 released: host_busy, 100ms
            1s a goes on
            1s a#2 claimed
            1s a#2 succeeded
            1s run succeeded
        "#]],
    );
}

#[test]
fn a_shutdown_gives_attempts_back_uncounted() {
    check(
        "a",
        "claim a; shutdown a; crash; claim a; ok a",
        expect![[r#"
            0s a#1 claimed
            0s a#1 released: shutdown, 0s
            0s a#2 claimed
            0s a#2 succeeded
            0s run succeeded
        "#]],
    );
}

#[test]
fn a_dead_host_loses_its_attempts_and_the_numbers_go_on() {
    check(
        "a; b",
        "claim a; ok a; claim b; started b; crash; claim b; fail b",
        expect![[r#"
            0s a#1 claimed
            0s a#1 succeeded
            0s b#1 claimed
            0s b#1 started
            0s b#1 lost: host-lost, again at 0s
            0s b#2 claimed
            0s b#2 failed: retryable, gives up
            0s run failed: task `b` failed: retryable: it failed
        "#]],
    );
}

#[test]
fn a_task_that_kills_its_host_is_given_up_after_a_while() {
    let mut world = World::start(workflow("a | retries=3"));
    for _ in 0..6 {
        world.pass(Duration::from_secs(100));
        play(&mut world, "claim a");
        play(&mut world, "started a");
        play(&mut world, "crash");
    }
    let last = world.journal().last().map(line).expect("an event");
    assert!(last.contains("run failed: task `a` failed: host-lost"), "{last}");
}

#[test]
fn a_claim_that_never_started_is_lost_many_times_without_harm() {
    let mut world = World::start(workflow("a"));
    for _ in 0..60 {
        play(&mut world, "claim a");
        play(&mut world, "crash");
    }
    play(&mut world, "claim a");
    play(&mut world, "ok a");
    let last = world.journal().last().map(line).expect("an event");
    assert_eq!(last, "0s run succeeded");
    assert_eq!(world.state.tasks().next().expect("one").1.attempts.len(), 61);
}

#[test]
fn an_output_is_computed_before_the_run_ends() {
    check(
        "a | output",
        "claim a; ok a",
        expect![[r#"
            0s a#1 claimed
            0s a#1 succeeded
            (resolves the output)
            (running)
        "#]],
    );
    let mut world = World::start(workflow("a | output"));
    for step in ["claim a", "ok a", "crash"] {
        play(&mut world, step);
    }
    assert!(world.resolve_output, "a start asks again");
    world.give(Command::OutputResolved(Ok(Some(json("42"))), Vec::new())).expect("taken");
    assert_eq!(world.journal().last().map(line).expect("an event"), "0s run succeeded");
}

#[test]
fn what_comes_too_late_is_refused() {
    let mut world = World::start(workflow("a; b | retries=1"));
    let a = world.index("a");
    world.claim(a).expect("ready");
    play(&mut world, "fail a");
    let before = world.journal().len();
    let late = world.end(a, 1, AttemptEnd::Succeeded(json("1"))).expect_err("late");
    assert_eq!(
        late.to_string(),
        "attempt 1 of task `a` is not under way: its result comes too late"
    );
    assert!(world.claim(a).is_err(), "a task in backoff is not claimed");
    play(&mut world, "cancel");
    assert!(world.give(Command::Cancel { reason: String::new() }).is_err(), "it has ended");
    assert_eq!(world.journal().len(), before + 4, "refusals leave no trace");
}
