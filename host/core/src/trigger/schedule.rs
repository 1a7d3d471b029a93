//! Which times of a schedule are due, and when the next one is.
//!
//! A schedule names what a clock on the wall shows; clocks are set forward and back. A schedule with
//! fixed hours starts one run for each of its times, come what may: a time that the clock leaves out
//! counts at the moment at which it is set forward, and one that it shows twice counts the first
//! time. A schedule of every hour (`*/10 * * * *`) counts the time that passes instead: it starts
//! nothing for what is left out, and goes on through an hour that is shown twice.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::{CatchUp, Cron, CronSource};
use crate::time::Timestamp;

/// The most missed times that start runs.
pub const CATCH_UP_MAX: usize = 100;

/// A time counts as missed when it is seen so late: the host, or its machine, was asleep.
const LATE: Duration = Duration::from_secs(60);

/// How far back missed times are looked for: what is older is gone.
const LOOK_BACK: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The most clock changes between two times of a schedule, which are at most eight years apart.
const CHANGES_MAX: usize = 64;

/// A time that starts a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The time.
    pub at: Timestamp,
    /// Whether it passed while nobody looked, and is made up for.
    pub missed: bool,
}

/// What a look at the clock says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fall {
    /// The times that start a run, the oldest first.
    pub due: Vec<Due>,
    /// How many missed times start nothing.
    pub dropped: u64,
    /// The last of those.
    pub last_dropped: Option<Timestamp>,
    /// When to look again; `None` when the schedule has no further time.
    pub next: Option<Timestamp>,
}

/// What is due of a schedule at `now`, when the times up to `seen` have been dealt with and the host
/// looks at the clock since `awake`.
pub fn fall(
    source: &CronSource,
    zone: &TimeZone,
    seen: Timestamp,
    awake: Timestamp,
    now: Timestamp,
) -> Fall {
    let oldest = Timestamp::from_ms(now.as_ms().saturating_sub(ms(LOOK_BACK)));
    let kept_max = match source.catch_up {
        CatchUp::None => 0,
        CatchUp::Last => 1,
        CatchUp::All => CATCH_UP_MAX,
    };
    let mut fall = Fall::default();
    let mut kept = VecDeque::new();
    let mut next = next_after(&source.schedule, zone, seen.max(oldest));
    while let Some(at) = next.filter(|at| *at <= now) {
        let missed = at < awake || now.since(at) > LATE;
        kept.push_back(Due { at, missed });
        let missed_kept = kept.iter().filter(|due| due.missed).count();
        if missed && missed_kept > kept_max {
            let dropped = kept.pop_front().expect("one was just put in");
            fall.dropped += 1;
            fall.last_dropped = Some(dropped.at);
        }
        next = next_after(&source.schedule, zone, at);
    }
    fall.due = kept.into();
    fall.next = next;
    fall
}

/// The first time of a schedule after `after`; `None` when there is none before the end of the
/// calendar.
pub fn next_after(schedule: &Cron, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let after = jiff::Timestamp::from_millisecond(after.as_ms()).ok()?;
    let next = match schedule.is_hourly() {
        true => next_passing(schedule, zone, after),
        false => next_shown(schedule, zone, after),
    };
    next.map(|next| Timestamp::from_ms(next.as_millisecond()))
}

/// By what the clock shows: each time once.
fn next_shown(schedule: &Cron, zone: &TimeZone, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
    let mut civil = zone.to_datetime(after);
    loop {
        civil = schedule.after(civil)?;
        // What is shown for the second time, or again after the clock was set forward, has been.
        if let Some(at) = shown_at(zone, civil).filter(|at| *at > after) {
            return Some(at);
        }
    }
}

/// When a clock first shows a time; when it leaves it out, the moment at which it is set forward.
fn shown_at(zone: &TimeZone, civil: DateTime) -> Option<jiff::Timestamp> {
    match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(civil).ok(),
        AmbiguousOffset::Gap { after, .. } => {
            let before_change = after.to_timestamp(civil).ok()?;
            zone.following(before_change).next().map(|change| change.timestamp())
        }
    }
}

/// By the time that passes: from one clock change to the next the times follow each other evenly.
fn next_passing(
    schedule: &Cron,
    zone: &TimeZone,
    after: jiff::Timestamp,
) -> Option<jiff::Timestamp> {
    let mut civil = zone.to_datetime(after);
    let mut offset = zone.to_offset(after);
    let mut from = after;
    for _ in 0..CHANGES_MAX {
        let change = zone.following(from).next().map(|change| change.timestamp());
        let next = schedule.after(civil).and_then(|civil| offset.to_timestamp(civil).ok());
        match (next, change) {
            (Some(next), Some(change)) if next < change => return Some(next),
            (next, None) => return next,
            (_, Some(change)) => {
                offset = zone.to_offset(change);
                // The minute of the change may be one of the times.
                civil = offset.to_datetime(change).checked_sub(LATE).ok()?;
                from = change;
            }
        }
    }
    None
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
