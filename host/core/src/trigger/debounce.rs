//! Waits until it has been quiet: of events that come close together only the last one counts.

use std::time::Duration;

use crate::time::Timestamp;

/// The event that waits for quiet, if one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held<T> {
    waiting: Option<(T, Timestamp)>,
}

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self { waiting: None }
    }
}

impl<T> Held<T> {
    /// Holds an event that came at `now` until it has been quiet for `quiet`. Gives back the one that
    /// waited, which is not to start anything.
    pub fn put(&mut self, event: T, now: Timestamp, quiet: Duration) -> Option<T> {
        self.waiting.replace((event, now.after(quiet))).map(|(event, _)| event)
    }

    /// When to look again; `None` when nothing waits.
    pub fn due(&self) -> Option<Timestamp> {
        self.waiting.as_ref().map(|(_, due)| *due)
    }

    /// The event, once it has been quiet for long enough.
    pub fn take(&mut self, now: Timestamp) -> Option<T> {
        self.waiting.take_if(|(_, due)| *due <= now).map(|(event, _)| event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_event_counts_once_it_is_quiet() {
        let at = Timestamp::from_ms;
        let quiet = Duration::from_millis(10);
        let mut held = Held::default();
        assert_eq!((held.due(), held.take(at(0))), (None, None));
        assert_eq!(held.put("first", at(0), quiet), None);
        assert_eq!(held.take(at(9)), None);
        assert_eq!(held.put("second", at(9), quiet), Some("first"));
        assert_eq!((held.due(), held.take(at(10))), (Some(at(19)), None));
        assert_eq!(held.take(at(19)), Some("second"));
        assert_eq!((held.due(), held.take(at(99))), (None, None));
    }
}
