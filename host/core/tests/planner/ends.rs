//! The end of a run: compensation, `finally`, and what is left of its output.

use expect_test::expect;

use crate::script::{check, played};

#[test]
fn what_succeeded_is_undone_the_last_first() {
    check(
        "a undo; b<-a undo; c<-b",
        "run a; run b; claim c; permanent c; run b.compensate; run a.compensate",
        expect![[r#"
            0s a#1 claimed
            0s a#1 succeeded
            0s b#1 claimed
            0s b#1 succeeded
            0s c#1 claimed
            0s c#1 failed: permanent, gives up
            0s compensation-started
            0s b compensation-opened
            0s b.compensate#1 claimed
            0s b.compensate#1 succeeded
            0s a compensation-opened
            0s a.compensate#1 claimed
            0s a.compensate#1 succeeded
            0s run failed: task `c` failed: permanent: it failed
        "#]],
    );
}

#[test]
fn a_success_undoes_nothing() {
    check(
        "a undo",
        "run a",
        expect![[r#"
        0s a#1 claimed
        0s a#1 succeeded
        0s run succeeded
    "#]],
    );
}

#[test]
fn a_failed_compensation_is_told_and_does_not_keep_the_others_from_it() {
    check(
        "a undo; b<-a undo; c<-b",
        "run a; run b; claim c; permanent c; claim b.compensate; permanent b.compensate; run a.compensate",
        expect![[r#"
            0s a#1 claimed
            0s a#1 succeeded
            0s b#1 claimed
            0s b#1 succeeded
            0s c#1 claimed
            0s c#1 failed: permanent, gives up
            0s compensation-started
            0s b compensation-opened
            0s b.compensate#1 claimed
            0s b.compensate#1 failed: permanent, gives up
            0s a compensation-opened
            0s a.compensate#1 claimed
            0s a.compensate#1 succeeded
            0s run failed: task `c` failed: permanent: it failed
        "#]],
    );
}

#[test]
fn items_are_undone_by_themselves() {
    check(
        "all each { a undo }; c<-all",
        "items all 2; run all[1].a; run all[0].a; claim c; permanent c; run all[0].a.compensate; run all[1].a.compensate",
        expect![[r#"
            0s all has 2 items
            0s all opens item 0
            0s all opens item 1
            0s all[1].a#1 claimed
            0s all[1].a#1 succeeded
            0s all item 1 succeeded
            0s all[0].a#1 claimed
            0s all[0].a#1 succeeded
            0s all item 0 succeeded
            0s all is decided: true
            0s all succeeded: "v"
            0s c#1 claimed
            0s c#1 failed: permanent, gives up
            0s compensation-started
            0s all[0].a compensation-opened
            0s all[0].a.compensate#1 claimed
            0s all[0].a.compensate#1 succeeded
            0s all[1].a compensation-opened
            0s all[1].a.compensate#1 claimed
            0s all[1].a.compensate#1 succeeded
            0s run failed: task `c` failed: permanent: it failed
        "#]],
    );
}

#[test]
fn finally_runs_however_the_run_ended() {
    check(
        "a; finally { f; g<-f }",
        "run a; run f; run g",
        expect![[r#"
        0s a#1 claimed
        0s a#1 succeeded
        0s finally-started
        0s f#1 claimed
        0s f#1 succeeded
        0s g#1 claimed
        0s g#1 succeeded
        0s run succeeded
    "#]],
    );
    check(
        "a undo; b<-a; finally { f }",
        "run a; claim b; permanent b; run a.compensate; run f",
        expect![[r#"
            0s a#1 claimed
            0s a#1 succeeded
            0s b#1 claimed
            0s b#1 failed: permanent, gives up
            0s compensation-started
            0s a compensation-opened
            0s a.compensate#1 claimed
            0s a.compensate#1 succeeded
            0s finally-started
            0s f#1 claimed
            0s f#1 succeeded
            0s run failed: task `b` failed: permanent: it failed
        "#]],
    );
    check(
        "a; finally { f }",
        "claim a; cancel; cancelled a; run f",
        expect![[r#"
        0s a#1 claimed
        0s cancel-requested
        0s a#1 cancelled
        0s finally-started
        0s f#1 claimed
        0s f#1 succeeded
        0s run cancelled: enough
    "#]],
    );
    check(
        "a; finally { f } | timeout=9",
        "claim a; +9s; cancelled a; run f",
        expect![[r#"
        0s a#1 claimed
        9s run-timed-out
        9s a#1 cancelled
        9s finally-started
        9s f#1 claimed
        9s f#1 succeeded
        9s run timed_out: the run took longer than its timeout of 9s
    "#]],
    );
}

#[test]
fn a_failed_finally_fails_a_success() {
    check(
        "a; finally { f; g }",
        "run a; claim f; permanent f; run g",
        expect![[r#"
        0s a#1 claimed
        0s a#1 succeeded
        0s finally-started
        0s f#1 claimed
        0s f#1 failed: permanent, gives up
        0s g#1 claimed
        0s g#1 succeeded
        0s run failed: `finally` failed: task `f` failed: permanent: it failed
    "#]],
    );
}

#[test]
fn a_failed_finally_is_told_beside_the_reason_of_the_run() {
    check(
        "a; finally { f }",
        "claim a; permanent a; claim f; limit f",
        expect![[r#"
        0s a#1 claimed
        0s a#1 failed: permanent, gives up
        0s finally-started
        0s f#1 claimed
        0s f#1 failed: limit, gives up
        0s run failed: task `a` failed: permanent: it failed
    "#]],
    );
}

#[test]
fn the_end_has_a_time_of_its_own() {
    check(
        "a; finally { f; g<-f } | finally=40 output",
        "run a; claim f; +40s; cancelled f",
        expect![[r#"
            0s a#1 claimed
            0s a#1 succeeded
            0s finally-started
            0s f#1 claimed
            40s finally-timed-out
            40s g cancelled
            40s f#1 cancelled
            40s run failed: `finally` failed: compensation and `finally` took longer than 40s
        "#]],
    );
    check(
        "a undo; b<-a; finally { f } | finally=40",
        "run a; claim b; permanent b; claim a.compensate; +40s; cancelled a.compensate",
        expect![[r#"
            0s a#1 claimed
            0s a#1 succeeded
            0s b#1 claimed
            0s b#1 failed: permanent, gives up
            0s compensation-started
            0s a compensation-opened
            0s a.compensate#1 claimed
            40s finally-timed-out
            40s a.compensate#1 cancelled
            40s run failed: task `b` failed: permanent: it failed
        "#]],
    );
}

#[test]
fn the_output_is_computed_after_finally() {
    check(
        "a; finally { f } | output",
        "run a; run f",
        expect![[r#"
        0s a#1 claimed
        0s a#1 succeeded
        0s finally-started
        0s f#1 claimed
        0s f#1 succeeded
        (resolves the output)
        (running)
    "#]],
    );
}

#[test]
fn a_crash_goes_on_where_the_end_was() {
    check(
        "a undo; b<-a; finally { f }",
        "run a; claim b; permanent b; crash; run a.compensate; crash; run f",
        expect![[r#"
            0s a#1 claimed
            0s a#1 succeeded
            0s b#1 claimed
            0s b#1 failed: permanent, gives up
            0s compensation-started
            0s a compensation-opened
            0s a.compensate#1 claimed
            0s a.compensate#1 succeeded
            0s finally-started
            0s f#1 claimed
            0s f#1 succeeded
            0s run failed: task `b` failed: permanent: it failed
        "#]],
    );
}

#[test]
fn what_failed_at_the_end_is_listed_beside_the_reason() {
    let world = played(
        "a undo; b<-a; finally { f }",
        "run a; claim b; permanent b; claim a.compensate; limit a.compensate; claim f; limit f",
    );
    let failure = world.state.finish.and_then(|finish| finish.failure).expect("it failed");
    let details = failure.details.expect("there is more to say");
    expect![[r#"
        {
          "at_the_end": [
            {
              "code": "task-failed",
              "in": "compensation of `a`",
              "message": "task `a.compensate` failed: limit: it failed"
            },
            {
              "code": "task-failed",
              "in": "finally",
              "message": "task `f` failed: limit: it failed"
            }
          ],
          "code": "permanent",
          "task": "b"
        }"#]]
    .assert_eq(&format!("{details:#}"));
}
