//! Times, signals, approvals and runs of other workflows.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_wait_ends_when_its_time_has_come() {
    check(
        "w wait=20; a<-w",
        "+19s; +1s; run a",
        expect![[r#"
        0s w waits until 20s
        20s w succeeded: null
        20s a#1 claimed
        20s a#1 succeeded
        20s run succeeded
    "#]],
    );
    check(
        "w until; a<-w",
        "at w 30; +30s; run a",
        expect![[r#"
        0s w waits until 30s
        30s w succeeded: null
        30s a#1 claimed
        30s a#1 succeeded
        30s run succeeded
    "#]],
    );
}

#[test]
fn a_time_that_has_passed_is_waited_for_no_longer() {
    check(
        "w until",
        "+60s; at w 30; +0s",
        expect![[r#"
        60s w waits until 30s
        60s w succeeded: null
        60s run succeeded
    "#]],
    );
}

#[test]
fn a_signal_ends_the_wait_with_what_it_says() {
    check(
        "w signal=go; a<-w",
        "signal stop one; signal go two; run a",
        expect![[r#"
        0s w wait-began
        0s signal stop one
        0s signal go two
        0s w takes two
        0s a#1 claimed
        0s a#1 succeeded
        0s run succeeded
    "#]],
    );
}

#[test]
fn a_signal_that_came_before_is_kept() {
    check(
        "a; w<-a signal=go",
        "signal go one; signal go one; run a",
        expect![[r#"
        0s signal go one
        0s a#1 claimed
        0s a#1 succeeded
        0s w wait-began
        0s w takes one
        0s run succeeded
    "#]],
    );
}

#[test]
fn signals_are_taken_in_their_order_by_those_who_waited_first() {
    check(
        "v signal=go; w signal=go",
        "signal go one; signal go two",
        expect![[r#"
        0s v wait-began
        0s w wait-began
        0s signal go one
        0s v takes one
        0s signal go two
        0s w takes two
        0s run succeeded
    "#]],
    );
}

#[test]
fn a_signal_that_does_not_come_ends_the_wait() {
    check(
        "w signal=go within=30; a<-w",
        "+30s",
        expect![[r#"
        0s w waits until 30s
        30s w timed out: signal `go` did not come within 30s
        30s a skipped: the run stops: task `w` failed: signal-timeout: signal `go` did not come within 30s
        30s run failed: task `w` failed: signal-timeout: signal `go` did not come within 30s
    "#]],
    );
    check(
        "w signal=go within=30 passes; a<-w",
        "+30s; run a",
        expect![[r#"
        0s w waits until 30s
        30s w succeeded: null
        30s a#1 claimed
        30s a#1 succeeded
        30s run succeeded
    "#]],
    );
    check(
        "w signal=go within=30 skips; a<-w; b",
        "+30s; run b",
        expect![[r#"
        0s w waits until 30s
        30s w skipped: signal `go` did not come in time
        30s a skipped: it needs `w`, which is skipped
        30s b#1 claimed
        30s b#1 succeeded
        30s run succeeded
    "#]],
    );
}

#[test]
fn a_person_approves_or_rejects() {
    check(
        "p approval; a<-p",
        "shown p; approve p; run a",
        expect![[r#"
        0s p approval-requested
        0s p approved: true
        0s a#1 claimed
        0s a#1 succeeded
        0s run succeeded
    "#]],
    );
    check(
        "p approval; a<-p",
        "shown p; reject p",
        expect![[r#"
        0s p approval-requested
        0s p approved: false
        0s a skipped: the run stops: task `p` failed: rejected: it was rejected: no reason was given
        0s run failed: task `p` failed: rejected: it was rejected: no reason was given
    "#]],
    );
    check(
        "p approval lenient; a<-p",
        "shown p; reject p; run a",
        expect![[r#"
        0s p approval-requested
        0s p approved: false
        0s a#1 claimed
        0s a#1 succeeded
        0s run succeeded
    "#]],
    );
}

#[test]
fn nobody_answers_in_time() {
    check(
        "p approval within=60",
        "shown p; +60s",
        expect![[r#"
        0s p approval-requested
        60s p timed out: nobody answered in time
        60s run failed: task `p` failed: approval-timeout: nobody answered in time
    "#]],
    );
    check(
        "p approval within=60 passes",
        "shown p; +60s",
        expect![[r#"
        0s p approval-requested
        60s p approved: true
        60s run succeeded
    "#]],
    );
    check(
        "p approval within=60 rejects",
        "shown p; +60s",
        expect![[r#"
        0s p approval-requested
        60s p approved: false
        60s run failed: task `p` failed: rejected: it was rejected: nobody answered in time
    "#]],
    );
    check(
        "p approval within=60 rejects lenient",
        "shown p; +60s",
        expect![[r#"
        0s p approval-requested
        60s p approved: false
        60s run succeeded
    "#]],
    );
}

#[test]
fn a_child_runs_and_ends() {
    check(
        "c child; a<-c",
        "starts c; child-succeeded c; run a",
        expect![[r#"
        0s c child-requested
        0s c run succeeded
        0s a#1 claimed
        0s a#1 succeeded
        0s run succeeded
    "#]],
    );
    check(
        "c child; a<-c",
        "starts c; child-failed c",
        expect![[r#"
        0s c child-requested
        0s c run failed
        0s a skipped: the run stops: task `c` failed: child-failed: run `00000000-0000-0000-0000-000000000002` ended as failed: it failed
        0s run failed: task `c` failed: child-failed: run `00000000-0000-0000-0000-000000000002` ended as failed: it failed
    "#]],
    );
    check(
        "c child",
        "starts c; child-timed_out c",
        expect![[r#"
        0s c child-requested
        0s c run timed_out
        0s run failed: task `c` failed: child-failed: run `00000000-0000-0000-0000-000000000002` ended as timed_out: it failed
    "#]],
    );
}

#[test]
fn a_child_that_was_asked_for_is_started_again_after_a_crash() {
    check(
        "c child",
        "starts c; crash; child-succeeded c",
        expect![[r#"
        0s c child-requested
        0s c run succeeded
        0s run succeeded
    "#]],
    );
}

#[test]
fn a_detached_child_is_not_waited_for() {
    check(
        "c child detached",
        "starts c; child-started c",
        expect![[r#"
        0s c child-requested
        0s c succeeded: {"run":"00000000-0000-0000-0000-000000000002"}
        0s run succeeded
    "#]],
    );
}

#[test]
fn a_child_is_cancelled_with_its_run() {
    check(
        "c child",
        "starts c; cancel; crash; child-cancelled c",
        expect![[r#"
        0s c child-requested
        0s cancel-requested
        0s c run cancelled
        0s run cancelled: enough
    "#]],
    );
}

#[test]
fn a_task_that_is_ready_for_too_long_has_timed_out() {
    check(
        "a queue=5; b<-a",
        "+5s",
        expect![[r#"
        5s a timed out: it took longer than its queue_timeout of 5s
        5s b skipped: the run stops: task `a` failed: queue-timeout: it took longer than its queue_timeout of 5s
        5s run failed: task `a` failed: queue-timeout: it took longer than its queue_timeout of 5s
    "#]],
    );
}

#[test]
fn all_attempts_and_waits_together_have_a_time() {
    check(
        "a total=15 | retries=5",
        "claim a; fail a; +15s",
        expect![[r#"
        0s a#1 claimed
        0s a#1 failed: retryable, again at 10s
        15s a goes on
        15s a timed out: it took longer than its total_timeout of 15s
        15s run failed: task `a` failed: total-timeout: it took longer than its total_timeout of 15s
    "#]],
    );
    check(
        "a total=15",
        "claim a; +15s; cancelled a",
        expect![[r#"
        0s a#1 claimed
        15s a stops: timed_out
        15s a#1 cancelled
        15s run failed: task `a` failed: total-timeout: it took longer than its total_timeout of 15s
    "#]],
    );
    check(
        "g total=15 group { a; w wait=60 }; b<-g",
        "claim a; +15s; cancelled a",
        expect![[r#"
        0s g group-opened
        0s w waits until 60s
        0s a#1 claimed
        15s g stops: timed_out
        15s a stops: cancelled
        15s w cancelled
        15s a#1 cancelled
        15s g timed out: it took longer than its total_timeout of 15s
        15s b skipped: the run stops: task `g` failed: total-timeout: it took longer than its total_timeout of 15s
        15s run failed: task `g` failed: total-timeout: it took longer than its total_timeout of 15s
    "#]],
    );
}
