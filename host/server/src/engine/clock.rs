//! The clock of one host start.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use taskloom_core::time::Timestamp;

/// Tells the time: the wall clock at the start of the host plus the monotonic time since. A wall
/// clock that is set back or forward while the host runs therefore moves no timer and orders no
/// event wrongly; the next start takes the corrected time over.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    wall: i64,
    start: Instant,
}

impl Clock {
    /// Reads the wall clock once.
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Self { wall, start: Instant::now() }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.wall).after(self.start.elapsed())
    }

    /// How long it is until `at`; zero when it has passed.
    pub fn until(&self, at: Timestamp) -> Duration {
        let since_wall = at.since(Timestamp::from_ms(self.wall));
        since_wall.saturating_sub(self.start.elapsed())
    }
}
