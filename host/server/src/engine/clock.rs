//! The clock of the host.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};
use taskloom_core::time::Timestamp;

/// The longest time between two looks at the clock while something waits for its time: the wall clock
/// may be set forward, and a machine that sleeps stops the clock by which threads wait. A timer is late
/// by at most this. Short, since a look costs some microseconds; a host that waits for no time looks
/// never.
pub const LOOK_MAX: Duration = Duration::from_secs(1);

/// How far the wall clock was ahead of the machine's start at most, since the process began.
static LEAD: Lead = Lead::new();

/// A clock that counts on while the machine sleeps.
#[cfg(target_os = "linux")]
const SINCE_BOOT: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const SINCE_BOOT: ClockId = ClockId::Monotonic;

/// Tells the time: that of the wall clock, which is followed when it is set forward, and not when it
/// is set back. Then time goes on from where it was, by a clock that nobody sets, so that no timer and
/// no order of events is wrong; the next start takes the corrected time over.
#[derive(Debug, Clone, Copy)]
pub struct Clock(());

impl Clock {
    /// Begins to follow the wall clock. Every clock of a process tells the same time.
    pub fn start() -> Self {
        let clock = Self(());
        clock.now();
        clock
    }

    /// The time now: never earlier than before.
    pub fn now(&self) -> Timestamp {
        LEAD.time(Reading::now())
    }

    /// How long to wait for `at` before the next look at the clock; zero when it has passed.
    pub fn until(&self, at: Timestamp) -> Duration {
        at.since(self.now()).min(LOOK_MAX)
    }
}

/// What the clocks of the machine say, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock, since the Unix epoch.
    pub wall_us: i64,
    /// Since the machine started, its sleep counted.
    pub boot_us: i64,
}

impl Reading {
    /// Reads both. The wall clock first: a thread that is interrupted between the two then sees the wall
    /// clock less ahead than it is, and not more, which would stay.
    pub fn now() -> Self {
        let wall_us = microseconds(clock_gettime(ClockId::Realtime));
        Self { wall_us, boot_us: microseconds(clock_gettime(SINCE_BOOT)) }
    }

    /// How far the wall clock is ahead.
    pub const fn lead_us(self) -> i64 {
        self.wall_us.saturating_sub(self.boot_us)
    }

    /// The time when the wall clock is taken to be `lead_us` ahead.
    pub const fn time(self, lead_us: i64) -> Timestamp {
        Timestamp::from_ms(lead_us.saturating_add(self.boot_us).div_euclid(1_000))
    }
}

/// The furthest that the wall clock was ahead.
#[derive(Debug)]
struct Lead(AtomicI64);

impl Lead {
    const fn new() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }

    fn time(&self, reading: Reading) -> Timestamp {
        let lead = reading.lead_us();
        let known = self.0.load(Ordering::Relaxed);
        // Written seldom: threads that only read it do not wait for each other.
        let known = if lead > known { self.0.fetch_max(lead, Ordering::Relaxed) } else { known };
        reading.time(known.max(lead))
    }
}

fn microseconds(time: Timespec) -> i64 {
    time.tv_sec.saturating_mul(1_000_000).saturating_add(time.tv_nsec / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a clock tells at these readings of the wall and since the start, in seconds.
    fn told(readings: &[(i64, i64)]) -> Vec<i64> {
        let lead = Lead::new();
        let tell = |(wall, boot): &(i64, i64)| {
            let reading = Reading { wall_us: wall * 1_000_000, boot_us: boot * 1_000_000 };
            lead.time(reading).as_ms() / 1_000
        };
        readings.iter().map(tell).collect()
    }

    #[test]
    fn a_wall_clock_that_is_set_forward_is_followed() {
        assert_eq!(
            told(&[(1_000, 5), (1_001, 6), (4_602, 7), (4_603, 8)]),
            [1_000, 1_001, 4_602, 4_603]
        );
    }

    #[test]
    fn a_wall_clock_that_is_set_back_moves_nothing() {
        assert_eq!(told(&[(1_000, 5), (401, 6), (402, 7)]), [1_000, 1_001, 1_002]);
        assert_eq!(told(&[(1_000, 5), (9_001, 6), (1_002, 7)]), [1_000, 9_001, 9_002]);
        // Set right again, it is where this clock is.
        assert_eq!(told(&[(1_000, 5), (401, 6), (1_002, 7)]), [1_000, 1_001, 1_002]);
    }

    #[test]
    fn the_sleep_of_the_machine_counts() {
        // Both clocks count it, whatever the clock does by which threads wait.
        assert_eq!(told(&[(1_000, 5), (29_800, 28_805)]), [1_000, 29_800]);
    }

    #[test]
    fn a_thread_that_is_interrupted_between_the_clocks_does_not_change_the_time_of_others() {
        assert_eq!(told(&[(1_000, 5), (1_001, 96), (1_092, 97)]), [1_000, 1_091, 1_092]);
    }

    #[test]
    fn no_look_is_later_than_the_bound() {
        let clock = Clock::start();
        assert_eq!(clock.until(clock.now()), Duration::ZERO);
        assert_eq!(clock.until(Timestamp::from_ms(i64::MAX)), LOOK_MAX);
    }
}
