//! Branches, switches, groups and what a failure in them means.

use expect_test::expect;

use crate::script::check;

#[test]
fn a_branch_runs_one_block_and_skips_the_other() {
    check(
        "route branch { x; y<-x } { z }; end<-route",
        "yes route; run x; run y; run end",
        expect![[r#"
            0s route takes Then
            0s z skipped: `route` took `then`
            0s x#1 claimed
            0s x#1 succeeded
            0s y#1 claimed
            0s y#1 succeeded
            0s route succeeded: "v"
            0s end#1 claimed
            0s end#1 succeeded
            0s run succeeded
        "#]],
    );
}

#[test]
fn an_absent_else_succeeds_with_nothing() {
    check(
        "route branch { x }; end<-route",
        "no route; run end",
        expect![[r#"
        0s route takes Else
        0s x skipped: `route` took `else`
        0s route succeeded: null
        0s end#1 claimed
        0s end#1 succeeded
        0s run succeeded
    "#]],
    );
}

#[test]
fn blocks_in_an_untaken_block_are_skipped_with_the_same_reason() {
    check(
        "route branch { x } { g group { y; z } }",
        "yes route; run x",
        expect![[r#"
        0s route takes Then
        0s g skipped: `route` took `then`
        0s y skipped: `route` took `then`
        0s z skipped: `route` took `then`
        0s x#1 claimed
        0s x#1 succeeded
        0s route succeeded: "v"
        0s run succeeded
    "#]],
    );
}

#[test]
fn a_switch_runs_the_case_or_the_default() {
    check(
        "s switch default { x } { y } { z }",
        "case s 1; run y",
        expect![[r#"
        0s s takes Case(1)
        0s x skipped: `s` took case 1
        0s z skipped: `s` took case 1
        0s y#1 claimed
        0s y#1 succeeded
        0s s succeeded: "v"
        0s run succeeded
    "#]],
    );
    check(
        "s switch default { x } { y } { z }",
        "case s none; run z",
        expect![[r#"
        0s s takes Default
        0s x skipped: `s` took `default`
        0s y skipped: `s` took `default`
        0s z#1 claimed
        0s z#1 succeeded
        0s s succeeded: "v"
        0s run succeeded
    "#]],
    );
}

#[test]
fn a_condition_that_cannot_be_computed_fails_the_task() {
    check(
        "route branch { x } { y }; end<-route",
        "unknown route",
        expect![[r#"
        0s route failed: it failed
        0s end skipped: the run stops: task `route` failed: permanent: it failed
        0s x skipped: it is in `route`, which is failed
        0s y skipped: it is in `route`, which is failed
        0s run failed: task `route` failed: permanent: it failed
    "#]],
    );
}

#[test]
fn a_failure_goes_outwards_as_it_is() {
    check(
        "g group { h group { x; y<-x } }; end<-g",
        "claim x; permanent x",
        expect![[r#"
        0s g group-opened
        0s h group-opened
        0s x#1 claimed
        0s x#1 failed: permanent, gives up
        0s y skipped: `h` stops: task `x` failed: permanent: it failed
        0s h failed: task `x` failed: permanent: it failed
        0s g failed: task `x` failed: permanent: it failed
        0s end skipped: the run stops: task `x` failed: permanent: it failed
        0s run failed: task `x` failed: permanent: it failed
    "#]],
    );
}

#[test]
fn a_failed_block_lets_its_siblings_end() {
    check(
        "a; g group { x; y }; h<-a",
        "claim a; claim x; permanent x; ok a",
        expect![[r#"
        0s g group-opened
        0s a#1 claimed
        0s x#1 claimed
        0s x#1 failed: permanent, gives up
        0s y skipped: `g` stops: task `x` failed: permanent: it failed
        0s g failed: task `x` failed: permanent: it failed
        0s h skipped: the run stops: task `x` failed: permanent: it failed
        0s a#1 succeeded
        0s run failed: task `x` failed: permanent: it failed
    "#]],
    );
}

#[test]
fn every_item_is_a_copy_with_names_of_its_own() {
    check(
        "all each max=2 { x; y<-x }; end<-all",
        "items all 3; run all[0].x; run all[1].x; run all[0].y; run all[2].x; run all[1].y; run all[2].y; run end",
        expect![[r#"
            0s all has 3 items
            0s all opens item 0
            0s all opens item 1
            0s all[0].x#1 claimed
            0s all[0].x#1 succeeded
            0s all[1].x#1 claimed
            0s all[1].x#1 succeeded
            0s all[0].y#1 claimed
            0s all[0].y#1 succeeded
            0s all item 0 succeeded
            0s all opens item 2
            0s all[2].x#1 claimed
            0s all[2].x#1 succeeded
            0s all[1].y#1 claimed
            0s all[1].y#1 succeeded
            0s all item 1 succeeded
            0s all[2].y#1 claimed
            0s all[2].y#1 succeeded
            0s all item 2 succeeded
            0s all is decided: true
            0s all succeeded: "v"
            0s end#1 claimed
            0s end#1 succeeded
            0s run succeeded
        "#]],
    );
}

#[test]
fn lists_in_lists_name_the_way() {
    check(
        "days each { hours each { x } }",
        "items days 1; items days[0].hours 2; run days[0].hours[1].x; run days[0].hours[0].x",
        expect![[r#"
            0s days has 1 items
            0s days opens item 0
            0s days[0].hours has 2 items
            0s days[0].hours opens item 0
            0s days[0].hours opens item 1
            0s days[0].hours[1].x#1 claimed
            0s days[0].hours[1].x#1 succeeded
            0s days[0].hours item 1 succeeded
            0s days[0].hours[0].x#1 claimed
            0s days[0].hours[0].x#1 succeeded
            0s days[0].hours item 0 succeeded
            0s days[0].hours is decided: true
            0s days[0].hours succeeded: "v"
            0s days item 0 succeeded
            0s days is decided: true
            0s days succeeded: "v"
            0s run succeeded
        "#]],
    );
}

#[test]
fn an_empty_list_ends_at_once() {
    check(
        "all each { x }; end<-all",
        "items all 0; run end",
        expect![[r#"
        0s all has 0 items
        0s all is decided: true
        0s all succeeded: []
        0s end#1 claimed
        0s end#1 succeeded
        0s run succeeded
    "#]],
    );
    check(
        "all each deep { x }",
        "items all 0",
        expect![[r#"
        0s all has 0 items
        0s all is decided: true
        0s all succeeded: {}
        0s run succeeded
    "#]],
    );
    check(
        "all each any { x }",
        "items all 0",
        expect![[r#"
        0s all has 0 items
        0s all is decided: false
        0s all failed: 0 of 0 members succeeded, and 1 must
        0s run failed: task `all` failed: too-few-succeeded: 0 of 0 members succeeded, and 1 must
    "#]],
    );
}

#[test]
fn a_failed_item_opens_no_more_but_lets_the_others_end() {
    check(
        "all each max=2 { x }",
        "items all 4; claim all[0].x; claim all[1].x; permanent all[0].x; ok all[1].x",
        expect![[r#"
            0s all has 4 items
            0s all opens item 0
            0s all opens item 1
            0s all[0].x#1 claimed
            0s all[1].x#1 claimed
            0s all[0].x#1 failed: permanent, gives up
            0s all item 0 failed
            0s all is decided: false
            0s all[1].x#1 succeeded
            0s all item 1 succeeded
            0s all failed: task `all[0].x` failed: permanent: it failed
            0s run failed: task `all[0].x` failed: permanent: it failed
        "#]],
    );
}

#[test]
fn a_list_without_a_limit_opens_a_window_of_its_items() {
    let world = crate::script::played("all each { x }", "items all 10000");
    assert_eq!(world.state.tasks().len(), 257);
    let world = crate::script::played("all each { x }", "items all 10000; run all[7].x");
    assert_eq!(world.state.tasks().len(), 258);
}
