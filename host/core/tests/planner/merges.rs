//! How the members of a parallel are merged, and when that is decided.

use expect_test::expect;

use crate::script::check;

#[test]
fn all_members_have_to_succeed() {
    check(
        "all parallel { a; b }; c<-all",
        "claim a; claim b; ok a; ok b; run c",
        expect![[r#"
        0s all group-opened
        0s a#1 claimed
        0s b#1 claimed
        0s a#1 succeeded
        0s b#1 succeeded
        0s all is decided: true
        0s all succeeded: "v"
        0s c#1 claimed
        0s c#1 succeeded
        0s run succeeded
    "#]],
    );
    check(
        "all parallel { a; b; c }",
        "claim a; permanent a",
        expect![[r#"
        0s all group-opened
        0s a#1 claimed
        0s a#1 failed: permanent, gives up
        0s all is decided: false
        0s b skipped: `all` stops: task `a` failed: permanent: it failed
        0s c skipped: `all` stops: task `a` failed: permanent: it failed
        0s all failed: task `a` failed: permanent: it failed
        0s run failed: task `a` failed: permanent: it failed
    "#]],
    );
}

#[test]
fn members_that_wait_for_their_turn_do_not_get_it_after_a_failure() {
    check(
        "all parallel max=1 { a; b; c ? }",
        "claim a; permanent a",
        expect![[r#"
        0s all group-opened
        0s a#1 claimed
        0s a#1 failed: permanent, gives up
        0s all is decided: false
        0s b skipped: `all` stops: task `a` failed: permanent: it failed
        0s c skipped: `all` stops: task `a` failed: permanent: it failed
        0s all failed: task `a` failed: permanent: it failed
        0s run failed: task `a` failed: permanent: it failed
    "#]],
    );
}

#[test]
fn members_take_turns() {
    check(
        "all parallel max=2 { a; b; c }",
        "run a; run c; run b",
        expect![[r#"
        0s all group-opened
        0s a#1 claimed
        0s a#1 succeeded
        0s c#1 claimed
        0s c#1 succeeded
        0s b#1 claimed
        0s b#1 succeeded
        0s all is decided: true
        0s all succeeded: "v"
        0s run succeeded
    "#]],
    );
}

#[test]
fn independent_members_go_on_when_the_workflow_says_so() {
    check(
        "all parallel max=1 { a; b } | continue",
        "claim a; permanent a; run b",
        expect![[r#"
        0s all group-opened
        0s a#1 claimed
        0s a#1 failed: permanent, gives up
        0s b#1 claimed
        0s b#1 succeeded
        0s all is decided: false
        0s all failed: task `a` failed: permanent: it failed
        0s run failed: task `a` failed: permanent: it failed
    "#]],
    );
}

#[test]
fn the_first_success_cancels_the_others() {
    check(
        "all parallel first { a; b; c }; d<-all",
        "claim a; claim b; ok b; cancelled a; run d",
        expect![[r#"
            0s all group-opened
            0s a#1 claimed
            0s b#1 claimed
            0s b#1 succeeded
            0s all is decided: true
            0s a stops: cancelled
            0s c cancelled
            0s a#1 cancelled
            0s all succeeded: 1
            0s d#1 claimed
            0s d#1 succeeded
            0s run succeeded
        "#]],
    );
}

#[test]
fn the_first_success_waits_for_failures() {
    check(
        "all parallel first { a; b }",
        "claim a; claim b; permanent a; ok b",
        expect![[r#"
        0s all group-opened
        0s a#1 claimed
        0s b#1 claimed
        0s a#1 failed: permanent, gives up
        0s b#1 succeeded
        0s all is decided: true
        0s all succeeded: 1
        0s run succeeded
    "#]],
    );
    check(
        "all parallel first { a; b }",
        "claim a; claim b; permanent a; permanent b",
        expect![[r#"
            0s all group-opened
            0s a#1 claimed
            0s b#1 claimed
            0s a#1 failed: permanent, gives up
            0s b#1 failed: permanent, gives up
            0s all is decided: false
            0s all failed: 0 of 2 members succeeded, and 1 must; the first failure: task `a` failed: permanent: it failed
            0s run failed: task `all` failed: too-few-succeeded: 0 of 2 members succeeded, and 1 must; the first failure: task `a` failed: permanent: it failed
        "#]],
    );
}

#[test]
fn the_first_item_cancels_the_others() {
    check(
        "all each first max=2 { a }; d<-all",
        "items all 5; claim all[0].a; claim all[1].a; ok all[1].a; cancelled all[0].a; run d",
        expect![[r#"
            0s all has 5 items
            0s all opens item 0
            0s all opens item 1
            0s all[0].a#1 claimed
            0s all[1].a#1 claimed
            0s all[1].a#1 succeeded
            0s all item 1 succeeded
            0s all is decided: true
            0s all[0].a stops: cancelled
            0s all[0].a#1 cancelled
            0s all item 0 cancelled
            0s all succeeded: "v"
            0s d#1 claimed
            0s d#1 succeeded
            0s run succeeded
        "#]],
    );
}

#[test]
fn any_waits_for_all() {
    check(
        "all parallel any { a; b }",
        "claim a; permanent a; run b",
        expect![[r#"
        0s all group-opened
        0s a#1 claimed
        0s a#1 failed: permanent, gives up
        0s b#1 claimed
        0s b#1 succeeded
        0s all is decided: true
        0s all succeeded: "v"
        0s run succeeded
    "#]],
    );
}

#[test]
fn a_quorum_is_reached() {
    check(
        "all parallel quorum=2 { a; b; c }",
        "run a; claim b; run c; cancelled b",
        expect![[r#"
        0s all group-opened
        0s a#1 claimed
        0s a#1 succeeded
        0s b#1 claimed
        0s c#1 claimed
        0s c#1 succeeded
        0s all is decided: true
        0s b stops: cancelled
        0s b#1 cancelled
        0s all succeeded: "v"
        0s run succeeded
    "#]],
    );
}

#[test]
fn a_quorum_that_cannot_be_reached_fails_as_early_as_that_is_known() {
    check(
        "all parallel quorum=2 { a; b; c }",
        "claim a; claim b; claim c; permanent a; permanent b; cancelled c",
        expect![[r#"
            0s all group-opened
            0s a#1 claimed
            0s b#1 claimed
            0s c#1 claimed
            0s a#1 failed: permanent, gives up
            0s b#1 failed: permanent, gives up
            0s all is decided: false
            0s c stops: cancelled
            0s c#1 cancelled
            0s all failed: 0 of 3 members succeeded, and 2 must; the first failure: task `a` failed: permanent: it failed
            0s run failed: task `all` failed: too-few-succeeded: 0 of 3 members succeeded, and 2 must; the first failure: task `a` failed: permanent: it failed
        "#]],
    );
}

#[test]
fn a_quorum_cancels_groups_and_what_waits_in_them() {
    check(
        "all parallel quorum=1 { a; g group { b; w wait=9; c<-b } }",
        "claim b; run a; cancelled b",
        expect![[r#"
            0s all group-opened
            0s g group-opened
            0s w waits until 9s
            0s b#1 claimed
            0s a#1 claimed
            0s a#1 succeeded
            0s all is decided: true
            0s g stops: cancelled
            0s b stops: cancelled
            0s w cancelled
            0s c cancelled
            0s b#1 cancelled
            0s g cancelled
            0s all succeeded: "v"
            0s run succeeded
        "#]],
    );
}

#[test]
fn outputs_are_reduced_by_a_task_of_the_host() {
    check(
        "all each reduce { a }; b<-all",
        "items all 2; run all[0].a; run all[1].a; run all.reduce; run b",
        expect![[r#"
            0s all has 2 items
            0s all opens item 0
            0s all opens item 1
            0s all[0].a#1 claimed
            0s all[0].a#1 succeeded
            0s all item 0 succeeded
            0s all[1].a#1 claimed
            0s all[1].a#1 succeeded
            0s all item 1 succeeded
            0s all is decided: true
            0s all reduce-opened
            0s all.reduce#1 claimed
            0s all.reduce#1 succeeded
            0s all succeeded: 1
            0s b#1 claimed
            0s b#1 succeeded
            0s run succeeded
        "#]],
    );
    check(
        "all each reduce { a }",
        "items all 0; claim all.reduce; permanent all.reduce",
        expect![[r#"
            0s all has 0 items
            0s all is decided: true
            0s all reduce-opened
            0s all.reduce#1 claimed
            0s all.reduce#1 failed: permanent, gives up
            0s all failed: task `all.reduce` failed: permanent: it failed
            0s run failed: task `all.reduce` failed: permanent: it failed
        "#]],
    );
}
