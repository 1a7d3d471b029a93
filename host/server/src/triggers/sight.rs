//! What changed between two looks at some files, told once each has been left alone. Pure: what is
//! seen, and when, is given.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use taskloom_core::time::Timestamp;
use taskloom_core::trigger::FileEvent;

/// What tells whether a file changed without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
}

/// What is known of some files.
#[derive(Debug, Default)]
pub(super) struct Sight {
    files: BTreeMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    now: Seen,
    /// Since when it has looked like this.
    since: Timestamp,
    /// What it looked like when it was last told of; `None` for a file that was not.
    told: Option<Seen>,
}

impl Sight {
    /// The first look: what is there is no news.
    pub(super) fn first(files: BTreeMap<String, Seen>) -> Self {
        let since = Timestamp::from_ms(0);
        let known = |now| Known { now, since, told: Some(now) };
        Self { files: files.into_iter().map(|(path, now)| (path, known(now))).collect() }
    }

    /// Another look: what has happened to which file. A file is told of when it looks as it did for
    /// `settle`; one that is gone at once.
    pub(super) fn look(
        &mut self,
        files: BTreeMap<String, Seen>,
        now: Timestamp,
        settle: Duration,
    ) -> Vec<(String, FileEvent)> {
        let mut events = Vec::new();
        self.files.retain(|path, known| {
            let is_there = files.contains_key(path);
            if !is_there && known.told.is_some() {
                events.push((path.clone(), FileEvent::Removed));
            }
            is_there
        });
        for (path, seen) in files {
            let known = self.files.entry(path.clone()).or_insert(Known {
                now: seen,
                since: now,
                told: None,
            });
            if known.now != seen {
                (known.now, known.since) = (seen, now);
            }
            if known.told != Some(seen) && known.since.after(settle) <= now {
                let event = match known.told {
                    None => FileEvent::Created,
                    Some(_) => FileEvent::Modified,
                };
                known.told = Some(seen);
                events.push((path, event));
            }
        }
        events
    }

    /// Whether a file waits to be told of.
    pub(super) fn is_unsettled(&self) -> bool {
        self.files.values().any(|known| known.told != Some(known.now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_millis(10);

    /// Files by name, each with its length.
    fn files(files: &[(&str, u64)]) -> BTreeMap<String, Seen> {
        let modified = SystemTime::UNIX_EPOCH;
        files
            .iter()
            .map(|(path, bytes)| ((*path).to_owned(), Seen { bytes: *bytes, modified }))
            .collect()
    }

    fn look(sight: &mut Sight, ms: i64, seen: &[(&str, u64)]) -> Vec<String> {
        let events = sight.look(files(seen), Timestamp::from_ms(ms), SETTLE);
        events.into_iter().map(|(path, event)| format!("{} {path}", event.as_str())).collect()
    }

    #[test]
    fn a_file_is_told_of_once_it_has_been_left_alone() {
        let mut sight = Sight::first(files(&[("old", 1)]));
        assert_eq!(look(&mut sight, 0, &[("old", 1)]), [""; 0]);
        assert!(!sight.is_unsettled());
        assert_eq!(look(&mut sight, 1, &[("new", 1), ("old", 1)]), [""; 0]);
        assert!(sight.is_unsettled());
        assert_eq!(look(&mut sight, 9, &[("new", 2), ("old", 1)]), [""; 0], "it still grows");
        assert_eq!(look(&mut sight, 18, &[("new", 2), ("old", 1)]), [""; 0]);
        assert_eq!(look(&mut sight, 19, &[("new", 2), ("old", 1)]), ["created new"]);
        assert!(!sight.is_unsettled());
        assert_eq!(look(&mut sight, 30, &[("new", 2), ("old", 5)]), [""; 0]);
        assert_eq!(look(&mut sight, 40, &[("new", 2), ("old", 5)]), ["modified old"]);
        assert_eq!(look(&mut sight, 90, &[("new", 2), ("old", 5)]), [""; 0]);
    }

    #[test]
    fn a_file_that_is_gone_is_told_of_if_it_had_been() {
        let mut sight = Sight::first(files(&[("old", 1)]));
        assert_eq!(look(&mut sight, 1, &[("half", 1)]), ["removed old"]);
        assert_eq!(look(&mut sight, 2, &[]), [""; 0], "nobody knew of it");
        assert_eq!(look(&mut sight, 3, &[("old", 1)]), [""; 0]);
        assert_eq!(look(&mut sight, 13, &[("old", 1)]), ["created old"]);
    }
}
