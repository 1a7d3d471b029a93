//! Processor time of a stretch of code, to a millisecond.
//!
//! To ask the system for the processor time of a thread takes a microsecond, twice a stretch; most stretches
//! are a few microseconds long, and what is recorded of a call are whole milliseconds. The time of day costs next
//! to nothing. So a stretch of less than a millisecond is taken to have had the processor for itself, and for a
//! longer one the system is asked at its end; what it said before is remembered for a millisecond.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// By how much the result may be off.
const RESOLUTION: Duration = Duration::from_millis(1);

thread_local! {
    /// The processor time of this thread when the system was last asked.
    static LAST: Cell<Option<Reading>> = const { Cell::new(None) };
}

/// The processor time of a thread at a time.
#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    cpu: Duration,
}

/// Code that is running on this thread.
pub(crate) struct Stretch {
    begun: Instant,
    /// The processor time at most a resolution before.
    before: Duration,
}

impl Stretch {
    pub(crate) fn begin() -> Self {
        let begun = Instant::now();
        let is_fresh = |last: &Reading| begun.duration_since(last.at) < RESOLUTION;
        let last = LAST.get().filter(is_fresh).unwrap_or_else(|| read(begun));
        Self { begun, before: last.cpu }
    }

    /// The processor time that it took: at most the time that went by.
    pub(crate) fn end(self) -> Duration {
        let now = Instant::now();
        let passed = now.duration_since(self.begun);
        if passed < RESOLUTION {
            return passed;
        }
        read(now).cpu.saturating_sub(self.before).min(passed)
    }
}

/// Asks the system.
fn read(at: Instant) -> Reading {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let cpu = Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0));
    let reading = Reading { at, cpu };
    LAST.set(Some(reading));
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_computes_uses_the_processor() {
        let stretch = Stretch::begin();
        let begun = read(Instant::now()).cpu;
        while read(Instant::now()).cpu - begun < 20 * RESOLUTION {}
        let computed = stretch.end();
        assert!(computed >= 20 * RESOLUTION, "{computed:?}");
    }

    #[test]
    fn who_waits_does_not() {
        let long_ago =
            Instant::now().checked_sub(100 * RESOLUTION).expect("the machine is up for longer");
        let stretch = Stretch { begun: long_ago, before: read(Instant::now()).cpu };
        let waited = stretch.end();
        assert!(waited <= 50 * RESOLUTION, "{waited:?}");
    }
}
