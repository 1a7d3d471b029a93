//! Which runs share a concurrency key: an index of the live runs, rebuilt at every start. It decides
//! nothing; see [`super::admission`].

use std::collections::{BTreeMap, HashMap};

use taskloom_core::id::{RunId, WorkflowId};

/// What runs share: their workflow and the text of their key.
pub(super) type Key = (WorkflowId, String);

/// The live runs of every key.
#[derive(Debug, Default)]
pub(super) struct Keys {
    by_key: HashMap<Key, Runs>,
    places: HashMap<RunId, (Key, u64)>,
    noted: u64,
    /// Keys that may have room for a run that waits.
    changed: Vec<Key>,
}

/// The live runs of one key, each in the order of their starts.
#[derive(Debug, Default)]
struct Runs {
    /// Those at work.
    admitted: BTreeMap<u64, RunId>,
    /// Those whose time has come and that wait for room.
    waiting: BTreeMap<u64, RunId>,
}

impl Keys {
    /// Notes a run that is live; runs are noted in the order of their starts. One that is `held` does
    /// not wait for room before its time has come.
    pub(super) fn note(&mut self, run: RunId, key: Key, held: bool) {
        self.noted += 1;
        if !held {
            self.by_key.entry(key.clone()).or_default().admitted.insert(self.noted, run);
        }
        self.places.insert(run, (key, self.noted));
    }

    /// The run waits for room from now on.
    pub(super) fn wait(&mut self, run: RunId) {
        let Some((key, place)) = self.places.get(&run) else { return };
        self.by_key.entry(key.clone()).or_default().waiting.insert(*place, run);
        self.changed.push(key.clone());
    }

    /// The run is at work from now on.
    pub(super) fn admit(&mut self, run: RunId) {
        let Some((key, place)) = self.places.get(&run) else { return };
        let runs = self.by_key.entry(key.clone()).or_default();
        runs.waiting.remove(place);
        runs.admitted.insert(*place, run);
    }

    /// The run waits for room no longer, though it is live.
    pub(super) fn give_up(&mut self, run: RunId) {
        let Some((key, place)) = self.places.get(&run) else { return };
        if let Some(runs) = self.by_key.get_mut(key) {
            runs.waiting.remove(place);
        }
    }

    /// Forgets a run: there may be room.
    pub(super) fn remove(&mut self, run: RunId) {
        let Some((key, place)) = self.places.remove(&run) else { return };
        let Some(runs) = self.by_key.get_mut(&key) else { return };
        runs.admitted.remove(&place);
        runs.waiting.remove(&place);
        if runs.admitted.is_empty() && runs.waiting.is_empty() {
            self.by_key.remove(&key);
        } else {
            self.changed.push(key);
        }
    }

    /// A key that may have room since it was last asked for.
    pub(super) fn take_changed(&mut self) -> Option<Key> {
        self.changed.pop()
    }

    /// The run that is admitted next when there is room, and how many of its key are at work.
    pub(super) fn next(&self, key: &Key) -> Option<(RunId, usize)> {
        let runs = self.by_key.get(key)?;
        let (_, first) = runs.waiting.first_key_value()?;
        Some((*first, runs.admitted.len()))
    }

    /// The runs of a key that are at work, the oldest first.
    pub(super) fn admitted(&self, key: &Key) -> Vec<RunId> {
        self.by_key.get(key).map_or_else(Vec::new, |runs| runs.admitted.values().copied().collect())
    }

    /// The runs of the same key that wait and were started before.
    pub(super) fn waiting_before(&self, run: RunId) -> Vec<RunId> {
        let Some((key, place)) = self.places.get(&run) else { return Vec::new() };
        let Some(runs) = self.by_key.get(key) else { return Vec::new() };
        runs.waiting.range(..place).map(|(_, run)| *run).collect()
    }

    /// What a run waits behind: those at work, then those that wait and were started before.
    pub(super) fn behind(&self, run: RunId) -> Vec<RunId> {
        let Some((key, _)) = self.places.get(&run) else { return Vec::new() };
        let mut behind = self.admitted(key);
        behind.extend(self.waiting_before(run));
        behind
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn run(number: u128) -> RunId {
        RunId::new(Uuid::from_u128(number))
    }

    fn key(text: &str) -> Key {
        ("w".parse().expect("an id"), text.to_owned())
    }

    #[test]
    fn the_oldest_that_waits_is_next() {
        let mut keys = Keys::default();
        keys.note(run(9), key("a"), false);
        for number in [3, 2, 1] {
            keys.note(run(number), key("a"), true);
        }
        keys.wait(run(1));
        keys.wait(run(2));
        assert_eq!(
            keys.next(&key("a")),
            Some((run(2), 1)),
            "3 was first, and its time is not there"
        );
        assert_eq!(keys.behind(run(1)), [run(9), run(2)]);
        keys.remove(run(9));
        keys.admit(run(2));
        assert_eq!(keys.next(&key("a")), Some((run(1), 1)));
        assert_eq!(keys.next(&key("b")), None);
    }

    #[test]
    fn nothing_is_left_of_runs_that_are_gone() {
        let mut keys = Keys::default();
        keys.note(run(1), key("a"), false);
        keys.note(run(2), key("a"), true);
        keys.wait(run(2));
        keys.remove(run(1));
        assert_eq!(keys.take_changed(), Some(key("a")));
        keys.give_up(run(2));
        assert_eq!(keys.next(&key("a")), None);
        keys.remove(run(2));
        assert!(keys.by_key.is_empty() && keys.places.is_empty());
    }
}
