//! Why a task is not running, in words.

use expect_test::{Expect, expect};

use crate::script::played;

/// Plays a script and says of every task that has not ended why.
fn check(spec: &str, script: &str, expect: Expect) {
    let world = played(spec, script);
    let told = world
        .state
        .tasks()
        .filter_map(|(index, task)| Some(format!("{}: {}\n", task.id, world.state.why(index)?)));
    expect.assert_eq(&told.collect::<String>());
}

#[test]
fn tasks_say_what_they_wait_for() {
    check(
        "a; b; c; d<-a,b | retries=1",
        "claim a; claim b; fail b; started a",
        expect![[r#"
        a: attempt 1 is running
        b: tried again at 1970-01-01T00:00:10.000Z, after retryable: it failed
        c: ready, waits for a slot
        d: needs `a`, `b`
    "#]],
    );
    check(
        "a; b<-a",
        "pause",
        expect![[r#"
        a: the run is paused: lunch
        b: needs `a`
    "#]],
    );
    check(
        "r branch { x } { y }; s switch { z }; q ?",
        "",
        expect![[r#"
        r: its condition is being computed
        x: waits until `r` puts it to work
        y: waits until `r` puts it to work
        s: its case is being computed
        z: waits until `s` puts it to work
        q: its `run_if` is being computed
    "#]],
    );
}

#[test]
fn waits_say_for_what() {
    check(
        "w wait=60; s signal=go within=9; p approval within=60; c child",
        "shown p; starts c",
        expect![[r#"
            w: waits until 1970-01-01T00:01:00.000Z
            s: waits for signal `go`, until 1970-01-01T00:00:09.000Z at the latest
            p: waits for approval, until 1970-01-01T00:01:00.000Z at the latest
            c: waits for run 00000000-0000-0000-0000-000000000002
        "#]],
    );
}

#[test]
fn groups_say_how_far_they_are() {
    check(
        "all parallel max=1 { a; b; c }; g group { x; y<-x }; each each reduce { z }",
        "run a; items each 2; run each[0].z",
        expect![[r#"
            all: 1 of 3 tasks or items in it have ended
            b: ready, waits for a slot
            c: waits for its turn in `all`
            g: 0 of 2 tasks or items in it have ended
            x: ready, waits for a slot
            y: needs `x`
            each: 1 of 2 tasks or items in it have ended
            each.reduce: runs only when `each` calls for it
            each[1].z: ready, waits for a slot
        "#]],
    );
}

#[test]
fn what_runs_at_the_end_says_so() {
    check(
        "a undo; finally { f }",
        "claim a; cancel",
        expect![[r#"
        a: attempt 1 is stopping
        a.compensate: runs only when `a` calls for it
        f: runs at the end of the run
    "#]],
    );
}

#[test]
fn decisions_say_who_is_asked_for_what() {
    check(
        "d decision; e decision asks within=60; f decision asks",
        "rules e; rules f",
        expect![[r#"
            d: what is recommended to it is being computed
            e: waits for somebody to choose `low` or `high`, until 1970-01-01T00:01:00.000Z at the latest: no `when` of an option holds
            f: waits for somebody to choose `low` or `high`: no `when` of an option holds
        "#]],
    );
}
