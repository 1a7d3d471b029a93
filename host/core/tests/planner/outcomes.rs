//! `run_if`, `allow_failure`, and what they mean to what is around them.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_task_that_decides_itself_is_asked_when_all_it_needs_has_ended() {
    check(
        "a; b; clean<-a,b ?",
        "claim a; claim b; permanent a; ok b; yes clean; run clean",
        expect![[r#"
            0s a#1 claimed
            0s b#1 claimed
            0s a#1 failed: permanent, gives up
            0s b#1 succeeded
            0s clean runs: true
            0s clean#1 claimed
            0s clean#1 succeeded
            0s run failed: task `a` failed: permanent: it failed
        "#]],
    );
}

#[test]
fn a_task_that_decides_against_itself_is_skipped_and_so_is_what_needs_it() {
    check(
        "a ?; b<-a; c",
        "no a; run c",
        expect![[r#"
        0s a runs: false
        0s a skipped: its `run_if` does not hold
        0s b skipped: it needs `a`, which is skipped
        0s c#1 claimed
        0s c#1 succeeded
        0s run succeeded
    "#]],
    );
}

#[test]
fn under_a_stop_only_those_that_decide_themselves_go_on() {
    check(
        "a; b; c ?; d<-a ?",
        "claim a; permanent a; yes c; no d; claim c; fail c; +10s",
        expect![[r#"
            0s a#1 claimed
            0s a#1 failed: permanent, gives up
            0s b skipped: the run stops: task `a` failed: permanent: it failed
            0s c runs: true
            0s d runs: false
            0s d skipped: its `run_if` does not hold
            0s c#1 claimed
            0s c#1 failed: retryable, gives up
            0s run failed: task `a` failed: permanent: it failed
        "#]],
    );
}

#[test]
fn a_task_that_decides_itself_is_retried_under_a_stop() {
    check(
        "a; c ? | retries=1",
        "claim a; permanent a; yes c; claim c; fail c; +10s; run c",
        expect![[r#"
            0s a#1 claimed
            0s a#1 failed: permanent, gives up
            0s c runs: true
            0s c#1 claimed
            0s c#1 failed: retryable, again at 10s
            10s c goes on
            10s c#2 claimed
            10s c#2 succeeded
            10s run failed: task `a` failed: permanent: it failed
        "#]],
    );
}

#[test]
fn an_allowed_failure_meets_what_needs_it() {
    check(
        "a !; b<-a",
        "claim a; permanent a; run b",
        expect![[r#"
        0s a#1 claimed
        0s a#1 failed: permanent, gives up
        0s b#1 claimed
        0s b#1 succeeded
        0s run succeeded
    "#]],
    );
}

#[test]
fn an_allowed_failure_in_a_block_is_none_of_its_group() {
    check(
        "g group { a !; b }; c<-g",
        "claim a; permanent a; run b; run c",
        expect![[r#"
        0s g group-opened
        0s a#1 claimed
        0s a#1 failed: permanent, gives up
        0s b#1 claimed
        0s b#1 succeeded
        0s g succeeded: "v"
        0s c#1 claimed
        0s c#1 succeeded
        0s run succeeded
    "#]],
    );
}

#[test]
fn a_group_that_may_fail_keeps_its_failure() {
    check(
        "g ! group { a }; c<-g",
        "claim a; permanent a; run c",
        expect![[r#"
        0s g group-opened
        0s a#1 claimed
        0s a#1 failed: permanent, gives up
        0s g failed: task `a` failed: permanent: it failed
        0s c#1 claimed
        0s c#1 succeeded
        0s run succeeded
    "#]],
    );
}

#[test]
fn an_attempt_that_says_it_was_cancelled_by_itself_is_a_failure() {
    check(
        "a; b<-a",
        "claim a; cancelled a",
        expect![[r#"
        0s a#1 claimed
        0s a#1 cancelled
        0s b skipped: the run stops: task `a` failed: cancelled: it failed
        0s run failed: task `a` failed: cancelled: it failed
    "#]],
    );
}
