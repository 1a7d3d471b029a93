//! Finds versions of plugins that crash again and again, and has them put into quarantine.
//!
//! Counted in memory, from the start of the host: a quarantine itself is journaled, and what was on the
//! way to one begins anew.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use taskloom_core::failure::FailureClass;
use taskloom_core::id::{Digest, RunId, TaskId};
use taskloom_core::time::Timestamp;
use taskloom_wasm::{Catalog, CrashLoop, Ending, Plugin};

use crate::audit::Audit;

/// Tasks that must have crashed: one whose input a handler does not stand says little about the version,
/// however often it is tried again.
const TASKS_MIN: usize = 2;

/// The longest text about the last crash, in bytes.
const REASON_BYTES_MAX: usize = 500;

/// What is a crash loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashLimit {
    /// Attempts of one version that crash, without one that succeeds between them; 0 for no limit.
    pub crashes: u32,
    /// Within how much time.
    pub within: Duration,
}

/// Counts crashes. Clones are the same.
#[derive(Clone)]
pub struct CrashWatch {
    catalog: Arc<Catalog>,
    audit: Audit,
    counts: Arc<Mutex<Counts>>,
}

/// The crashes of every version since its last success.
struct Counts {
    limit: CrashLimit,
    of: HashMap<Digest, VecDeque<(Timestamp, RunId, TaskId)>>,
}

impl CrashWatch {
    /// Tells `catalog` of the versions that go beyond `limit`, and `audit` of every crash.
    pub fn new(catalog: Arc<Catalog>, audit: Audit, limit: CrashLimit) -> Self {
        let counts = Counts { limit, of: HashMap::new() };
        Self { catalog, audit, counts: Arc::new(Mutex::new(counts)) }
    }

    /// Whether no run may use a version any more.
    pub fn is_held(&self, plugin: &Plugin) -> bool {
        self.catalog.is_quarantined(plugin.name(), &plugin.digest())
    }

    /// Takes note of how a call ended that was made at `at` for a task.
    pub fn note(&self, plugin: &Plugin, at: Timestamp, task: (RunId, &TaskId), ending: &Ending) {
        let crash = match ending {
            Ending::Succeeded(_) => None,
            // The host's own failures say nothing of the plugin.
            Ending::Failed { failure, .. }
                if failure.class == FailureClass::Crash && failure.code != "host-failure" =>
            {
                Some(format!("{}: {}", failure.code, failure.message))
            }
            _ => return,
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match crash {
            None => counts.succeeded(&plugin.digest()),
            Some(reason) => {
                let crashes = counts.crashed(plugin.digest(), at, task, &reason);
                self.audit.crashed(plugin.name(), crashes.is_some());
                if let Some(crashes) = crashes {
                    self.catalog.crashed(plugin.name(), plugin.digest(), crashes);
                }
            }
        }
    }
}

impl Counts {
    fn succeeded(&mut self, version: &Digest) {
        self.of.remove(version);
    }

    /// Counts a crash; says so when it is one too many, and begins to count anew.
    fn crashed(
        &mut self,
        version: Digest,
        at: Timestamp,
        (run, task): (RunId, &TaskId),
        reason: &str,
    ) -> Option<CrashLoop> {
        let CrashLimit { crashes: limit, within } = self.limit;
        if limit == 0 {
            return None;
        }
        let crashes = self.of.entry(version).or_default();
        crashes.push_back((at, run, task.clone()));
        crashes.retain(|(then, ..)| then.after(within) >= at);
        let most = limit as usize;
        let tasks: HashSet<_> = crashes.iter().map(|(_, run, task)| (run, task)).collect();
        // As many as would be enough by themselves: a limit of one is one crash of one task.
        if crashes.len() < most || tasks.len() < TASKS_MIN.min(most) {
            // Beyond the limit only the tasks count, and the oldest say least of them.
            while crashes.len() > most.max(TASKS_MIN) {
                crashes.pop_front();
            }
            return None;
        }
        let count = u32::try_from(crashes.len()).unwrap_or(u32::MAX);
        self.of.remove(&version);
        Some(CrashLoop { crashes: count, within, reason: shortened(reason) })
    }
}

fn shortened(reason: &str) -> String {
    let line = reason.lines().next().unwrap_or_default();
    line[..line.floor_char_boundary(REASON_BYTES_MAX)].to_owned()
}

impl fmt::Debug for CrashWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CrashWatch")
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn counts(crashes: u32) -> Counts {
        let limit = CrashLimit { crashes, within: Duration::from_secs(60) };
        Counts { limit, of: HashMap::new() }
    }

    fn version() -> Digest {
        Digest::of(b"a version")
    }

    fn crash(counts: &mut Counts, second: i64, task: &str) -> Option<CrashLoop> {
        let task = TaskId::new(task).expect("a name");
        let run = RunId::new(Uuid::from_u128(1));
        let at = Timestamp::from_ms(second * 1_000);
        counts.crashed(version(), at, (run, &task), "trap: unreachable\nat some place")
    }

    #[test]
    fn crashes_in_a_row_are_a_loop_when_there_are_enough() {
        let mut counts = counts(3);
        assert_eq!(crash(&mut counts, 1, "a"), None);
        assert_eq!(crash(&mut counts, 2, "b"), None);
        let expected = CrashLoop {
            crashes: 3,
            within: Duration::from_secs(60),
            reason: "trap: unreachable".into(),
        };
        assert_eq!(crash(&mut counts, 3, "a"), Some(expected));
        assert_eq!(crash(&mut counts, 4, "b"), None, "it counts anew");
    }

    #[test]
    fn a_success_between_them_makes_them_no_loop() {
        let mut counts = counts(2);
        assert_eq!(crash(&mut counts, 1, "a"), None);
        counts.succeeded(&version());
        assert_eq!(crash(&mut counts, 2, "b"), None);
        assert!(crash(&mut counts, 3, "c").is_some());
    }

    #[test]
    fn crashes_that_lie_apart_are_no_loop() {
        let mut counts = counts(2);
        assert_eq!(crash(&mut counts, 0, "a"), None);
        assert_eq!(crash(&mut counts, 61, "b"), None);
        assert!(crash(&mut counts, 121, "c").is_some());
    }

    #[test]
    fn one_task_alone_is_no_loop_however_often_it_is_tried() {
        let mut counts = counts(3);
        for second in 0..50 {
            assert_eq!(crash(&mut counts, second, "a"), None);
        }
        assert!(crash(&mut counts, 50, "b").is_some());
    }

    #[test]
    fn a_limit_of_one_needs_one_crash_and_none_is_no_limit() {
        assert!(crash(&mut counts(1), 1, "a").is_some());
        let mut unlimited = counts(0);
        assert!((0..50).all(|second| crash(&mut unlimited, second, "a").is_none()));
    }
}
