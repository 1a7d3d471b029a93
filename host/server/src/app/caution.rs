//! The time by which history is deleted, which does not come back.
//!
//! A wall clock that is set forward while the host runs makes everything seem old. So it is believed
//! only after it has stood for [`DOUBT`]; one that is set back is followed at once.

use std::time::Duration;

use taskloom_core::time::Timestamp;

use crate::engine::Reading;

/// How long a wall clock that was set forward is not believed: long enough for somebody to see it and
/// put it right.
const DOUBT: Duration = Duration::from_secs(24 * 60 * 60);

/// What a clock is set forward by that is kept right by small steps.
const STEP: Duration = Duration::from_secs(60);

/// A clock that believes no jump forward at once.
#[derive(Debug)]
pub(super) struct Caution {
    /// How far the wall clock is believed to be ahead of the machine's start.
    lead_us: i64,
    /// When a jump was seen first that is not believed yet, since the machine's start.
    seen_us: Option<i64>,
}

impl Caution {
    /// One that believes what the wall clock says now: nothing else is known.
    pub(super) const fn new(reading: Reading) -> Self {
        Self { lead_us: reading.lead_us(), seen_us: None }
    }

    /// The time.
    pub(super) fn time(&mut self, reading: Reading) -> Timestamp {
        let lead_us = reading.lead_us();
        if lead_us.saturating_sub(self.lead_us) <= microseconds(STEP) {
            (self.lead_us, self.seen_us) = (lead_us, None);
            return reading.time(lead_us);
        }
        if self.seen_us.is_none() {
            tracing::warn!(
                "the wall clock was set forward; what it makes old is not deleted within a day"
            );
        }
        let seen_us = *self.seen_us.get_or_insert(reading.boot_us);
        if reading.boot_us.saturating_sub(seen_us) >= microseconds(DOUBT) {
            (self.lead_us, self.seen_us) = (lead_us, None);
        }
        reading.time(self.lead_us)
    }
}

fn microseconds(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60 * 60;

    /// The hours that are told when the wall clock is this many hours ahead, hour by hour.
    fn told(ahead: &[i64]) -> Vec<i64> {
        let reading = |(boot, ahead): (i64, &i64)| Reading {
            wall_us: (boot + ahead) * HOUR * 1_000_000,
            boot_us: boot * HOUR * 1_000_000,
        };
        let mut readings = (0_i64..).zip(ahead).map(reading);
        let mut caution = Caution::new(readings.next().expect("a first one"));
        let told = readings.map(|reading| caution.time(reading).as_ms() / HOUR / 1_000);
        told.collect()
    }

    #[test]
    fn a_clock_that_nobody_sets_is_followed() {
        assert_eq!(told(&[500, 500, 500]), [501, 502]);
    }

    #[test]
    fn a_jump_forward_that_is_taken_back_was_never_believed() {
        assert_eq!(told(&[500, 9_000, 9_000, 500]), [501, 502, 503]);
    }

    #[test]
    fn a_jump_forward_is_believed_after_a_day() {
        let mut ahead = vec![500];
        ahead.extend([9_000; 25]);
        let told = told(&ahead);
        assert_eq!((told[0], told[23], told[24]), (501, 524, 9_025));
    }

    #[test]
    fn a_jump_back_is_believed_at_once() {
        assert_eq!(told(&[500, 400, 400]), [401, 402]);
    }
}
