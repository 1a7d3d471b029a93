//! The most runs that a trigger starts in a time: a window that moves with the clock.

use std::collections::VecDeque;

use super::Rate;
use crate::time::Timestamp;

/// When a trigger started its latest runs, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    fired: VecDeque<Timestamp>,
}

impl Window {
    /// Whether another run may start at `now`. Starts that have left the window are forgotten.
    pub fn has_room(&mut self, rate: Rate, now: Timestamp) -> bool {
        while self.fired.front().is_some_and(|first| first.after(rate.per) <= now) {
            self.fired.pop_front();
        }
        self.fired.len() < rate.count as usize
    }

    /// Notes a start.
    pub fn note(&mut self, at: Timestamp) {
        // A clock that was set back must not make the window forget in the wrong order.
        let at = self.fired.back().map_or(at, |last| at.max(*last));
        self.fired.push_back(at);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_start_makes_room_when_it_has_left_the_window() {
        let rate = Rate { count: 2, per: Duration::from_millis(10) };
        let mut window = Window::default();
        let mut start = |ms| {
            let at = Timestamp::from_ms(ms);
            let has_room = window.has_room(rate, at);
            if has_room {
                window.note(at);
            }
            has_room
        };
        let times = [0, 1, 2, 9, 10, 10, 11, 12, 30, 31, 32];
        assert_eq!(
            times.map(|ms| start(ms).then_some(ms)).into_iter().flatten().collect::<Vec<_>>(),
            [0, 1, 10, 11, 30, 31]
        );
    }
}
