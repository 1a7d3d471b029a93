//! A wall clock that was set back while the host was down.

use expect_test::expect;

use crate::script::check;

#[test]
fn times_never_go_back_within_a_run() {
    check(
        "a; b<-a",
        "+100s; claim a; -60s; crash; run a; +7s; run b",
        expect![[r#"
            100s a#1 claimed
            100s a#1 lost: host-lost, again at 100s
            100s a#2 claimed
            100s a#2 succeeded
            107s b#1 claimed
            107s b#1 succeeded
            107s run succeeded
        "#]],
    );
}

#[test]
fn what_lasts_keeps_its_length() {
    check(
        "a | retries=1",
        "+100s; claim a; -60s; crash; claim a; started a; +5s; fail a; +9s; +1s; run a",
        expect![[r#"
            100s a#1 claimed
            100s a#1 lost: host-lost, again at 100s
            100s a#2 claimed
            100s a#2 started
            105s a#2 failed: retryable, again at 115s
            115s a goes on
            115s a#3 claimed
            115s a#3 succeeded
            115s run succeeded
        "#]],
    );
    check(
        "a; w wait=20; v<-w wait=30",
        "+15s; run a; -10s; crash; +4s; +1s; +29s; +1s",
        expect![[r#"
            0s w waits until 20s
            15s a#1 claimed
            15s a#1 succeeded
            20s w succeeded: null
            20s v waits until 50s
            50s v succeeded: null
            50s run succeeded
        "#]],
    );
}

#[test]
fn a_time_of_the_calendar_is_that_of_the_wall_clock() {
    check(
        "a; w until",
        "+100s; run a; at w 200; -60s; crash; +159s; +1s",
        expect![[r#"
            100s a#1 claimed
            100s a#1 succeeded
            100s w waits until 200s
            260s w succeeded: null
            260s run succeeded
        "#]],
    );
}
