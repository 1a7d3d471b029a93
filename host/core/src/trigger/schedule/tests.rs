//! Tables of what a look at the clock says.

use expect_test::{Expect, expect};
use jiff::tz::TimeZone;

use super::*;
use crate::trigger::Overlap;

/// Berlin's rules, told without a database: forward on the last Sunday of March, back on that of October.
fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("rules of a zone")
}

fn at(text: &str) -> Timestamp {
    Timestamp::from_ms(text.parse::<jiff::Timestamp>().expect("a time").as_millisecond())
}

fn show(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(time.as_ms()).expect("a time");
    time.to_zoned(berlin()).strftime("%a %d %H:%M%:z").to_string()
}

/// Shows the next times of schedules as clocks in Berlin show them.
fn check_next(from: &str, count: usize, schedules: &[&str], expected: Expect) {
    let line = |text: &&str| {
        let schedule: Cron = text.parse().expect("a schedule");
        let next = |after: &Timestamp| next_after(&schedule, &berlin(), *after);
        let times = std::iter::successors(next(&at(from)), next).take(count);
        format!("{text}: {}\n", times.map(show).collect::<Vec<_>>().join(", "))
    };
    expected.assert_eq(&schedules.iter().map(line).collect::<String>());
}

#[test]
fn a_time_that_the_clock_leaves_out_counts_when_it_is_set_forward() {
    // On Sunday, 29 March 2026, 02:00 is followed by 03:00.
    check_next(
        "2026-03-28T12:00:00Z",
        3,
        &["30 2 * * *", "0 3 * * *", "0,30 2,3 * * *", "0 2 * * sun"],
        expect![[r#"
            30 2 * * *: Sun 29 03:00+02:00, Mon 30 02:30+02:00, Tue 31 02:30+02:00
            0 3 * * *: Sun 29 03:00+02:00, Mon 30 03:00+02:00, Tue 31 03:00+02:00
            0,30 2,3 * * *: Sun 29 03:00+02:00, Sun 29 03:30+02:00, Mon 30 02:00+02:00
            0 2 * * sun: Sun 29 03:00+02:00, Sun 05 02:00+02:00, Sun 12 02:00+02:00
        "#]],
    );
}

#[test]
fn a_time_that_the_clock_shows_twice_counts_once() {
    // On Sunday, 25 October 2026, 03:00 is followed by 02:00.
    check_next(
        "2026-10-24T12:00:00Z",
        3,
        &["30 2 * * *", "0 3 * * *", "0,30 2 * * *"],
        expect![[r#"
            30 2 * * *: Sun 25 02:30+02:00, Mon 26 02:30+01:00, Tue 27 02:30+01:00
            0 3 * * *: Sun 25 03:00+01:00, Mon 26 03:00+01:00, Tue 27 03:00+01:00
            0,30 2 * * *: Sun 25 02:00+02:00, Sun 25 02:30+02:00, Mon 26 02:00+01:00
        "#]],
    );
}

#[test]
fn a_schedule_of_every_hour_counts_the_time_that_passes() {
    let schedules = ["30 * * * *", "*/30 * * * *"];
    check_next(
        "2026-03-29T00:00:00Z",
        4,
        &schedules,
        expect![[r#"
            30 * * * *: Sun 29 01:30+01:00, Sun 29 03:30+02:00, Sun 29 04:30+02:00, Sun 29 05:30+02:00
            */30 * * * *: Sun 29 01:30+01:00, Sun 29 03:00+02:00, Sun 29 03:30+02:00, Sun 29 04:00+02:00
        "#]],
    );
    check_next(
        "2026-10-25T00:00:00Z",
        4,
        &schedules,
        expect![[r#"
            30 * * * *: Sun 25 02:30+02:00, Sun 25 02:30+01:00, Sun 25 03:30+01:00, Sun 25 04:30+01:00
            */30 * * * *: Sun 25 02:30+02:00, Sun 25 02:00+01:00, Sun 25 02:30+01:00, Sun 25 03:00+01:00
        "#]],
    );
}

fn source(schedule: &str, catch_up: CatchUp) -> CronSource {
    CronSource {
        schedule: schedule.parse().expect("a schedule"),
        timezone: "Europe/Berlin".to_owned(),
        catch_up,
        overlap: Overlap::Allow,
    }
}

/// Shows what is due of a schedule of every hour at 12:00:10, for a host that is awake since `awake`
/// and has dealt with all times up to `seen`.
fn check_fall(seen: &str, awake: &str, expected: Expect) {
    let now = at("2026-06-01T12:00:10Z");
    let line = |catch_up: CatchUp| {
        let source = source("0 * * * *", catch_up);
        let Fall { due, dropped, last_dropped, next } =
            fall(&source, &TimeZone::UTC, at(seen), at(awake), now);
        let due: Vec<_> = due
            .iter()
            .map(|due| format!("{}{}", hour(due.at), if due.missed { "!" } else { "" }))
            .collect();
        let last = last_dropped.map(|at| format!(" to {}", hour(at))).unwrap_or_default();
        format!(
            "{catch_up:?}: [{}], {dropped} dropped{last}, next {}\n",
            due.join(" "),
            next.map(hour).unwrap_or_default()
        )
    };
    expected.assert_eq(&[CatchUp::None, CatchUp::Last, CatchUp::All].map(line).concat());
}

fn hour(time: Timestamp) -> String {
    time.to_string()[8..13].to_owned()
}

#[test]
fn a_time_that_comes_while_the_host_is_awake_is_due() {
    check_fall(
        "2026-06-01T11:00:00Z",
        "2026-06-01T09:00:00Z",
        expect![[r#"
            None: [01T12], 0 dropped, next 01T13
            Last: [01T12], 0 dropped, next 01T13
            All: [01T12], 0 dropped, next 01T13
        "#]],
    );
}

#[test]
fn nothing_is_due_twice() {
    check_fall(
        "2026-06-01T12:00:00Z",
        "2026-06-01T09:00:00Z",
        expect![[r#"
            None: [], 0 dropped, next 01T13
            Last: [], 0 dropped, next 01T13
            All: [], 0 dropped, next 01T13
        "#]],
    );
}

#[test]
fn times_that_passed_while_the_host_was_down_are_caught_up_with_as_the_file_says() {
    check_fall(
        "2026-06-01T08:00:00Z",
        "2026-06-01T12:00:05Z",
        expect![[r#"
            None: [], 4 dropped to 01T12, next 01T13
            Last: [01T12!], 3 dropped to 01T11, next 01T13
            All: [01T09! 01T10! 01T11! 01T12!], 0 dropped, next 01T13
        "#]],
    );
}

#[test]
fn times_that_passed_while_the_machine_slept_are_missed_too() {
    check_fall(
        "2026-06-01T08:00:00Z",
        "2026-06-01T07:00:00Z",
        expect![[r#"
            None: [01T12], 3 dropped to 01T11, next 01T13
            Last: [01T11! 01T12], 2 dropped to 01T10, next 01T13
            All: [01T09! 01T10! 01T11! 01T12], 0 dropped, next 01T13
        "#]],
    );
}

#[test]
fn no_more_than_the_last_hundred_missed_times_are_made_up_for() {
    let source = source("* * * * *", CatchUp::All);
    let now = at("2026-06-01T12:00:00Z");
    let zone = TimeZone::UTC;
    let fall = fall(&source, &zone, at("2020-01-01T00:00:00Z"), now, now);
    assert_eq!(fall.due.iter().filter(|due| due.missed).count(), CATCH_UP_MAX);
    assert_eq!(fall.due.last(), Some(&Due { at: now, missed: false }));
    assert_eq!(fall.dropped, 400 * 24 * 60 - 101);
}
