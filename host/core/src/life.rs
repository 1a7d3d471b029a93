//! The life of a plugin's file, folded from its events: which versions there were, which one new runs
//! use, and which ones none may use.

use std::time::Duration;

use crate::id::Digest;
use crate::journal::PluginEvent;
use crate::time::Timestamp;

/// Versions of one plugin that are remembered; the oldest are forgotten first, those last that new runs
/// use or that the file holds.
pub const VERSIONS_MAX: usize = 50;

/// What the events of a plugin say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginLife {
    file: Option<Digest>,
    current: Option<Digest>,
    versions: Vec<PluginVersion>,
    refused: Option<PluginEvent>,
    terms: Terms,
}

/// On whose word a file was loaded, and under which policy, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Terms {
    signed_by: Option<String>,
    policy: Option<Digest>,
}

/// A version of a plugin that was loaded once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginVersion {
    /// The content of its file.
    pub digest: Digest,
    /// The plugin's own version.
    pub version: String,
    /// When its file was loaded, the last time that this was news.
    pub loaded_at: Timestamp,
    /// Why no run uses it, if none does.
    pub quarantine: Option<Quarantine>,
}

/// Why no run uses a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// Since when.
    pub since: Timestamp,
    /// How many attempts crashed.
    pub crashes: u32,
    /// Within how much time.
    pub within: Duration,
    /// How the last of them ended.
    pub reason: String,
}

impl PluginLife {
    /// The life that these events tell, each with its time.
    pub fn of<'e>(events: impl IntoIterator<Item = (&'e PluginEvent, Timestamp)>) -> Self {
        let mut life = Self::default();
        events.into_iter().for_each(|(event, at)| life.apply(event, at));
        life
    }

    /// The version in the file, as far as it was loaded; `None` when there is no file.
    pub const fn file(&self) -> Option<Digest> {
        self.file
    }

    /// The version that new runs use.
    pub const fn current(&self) -> Option<Digest> {
        self.current
    }

    /// The versions that were loaded, the oldest first.
    pub fn versions(&self) -> &[PluginVersion] {
        &self.versions
    }

    /// A version, if it was loaded once.
    pub fn version(&self, digest: &Digest) -> Option<&PluginVersion> {
        self.versions.iter().find(|version| version.digest == *digest)
    }

    /// Why no run uses a version; `None` when runs may.
    pub fn quarantine(&self, digest: &Digest) -> Option<&Quarantine> {
        self.version(digest)?.quarantine.as_ref()
    }

    /// The versions that new runs may go back to, the newest first: all that are in no quarantine.
    pub fn good(&self) -> impl Iterator<Item = Digest> {
        let good = |version: &&PluginVersion| version.quarantine.is_none();
        self.versions.iter().rev().filter(good).map(|version| version.digest)
    }

    /// The newest version that is older than the one that new runs use, and may be used instead; the
    /// newest of all when they use none.
    pub fn before_current(&self) -> Option<Digest> {
        let Some(current) = self.current else { return self.good().next() };
        self.good().skip_while(|digest| *digest != current).find(|digest| *digest != current)
    }

    /// The versions whose bytes are kept for a plugin whose file is there: that of the file, the one in
    /// use and the `count` newest beside it that may be used.
    pub fn kept(&self, count: usize) -> Vec<Digest> {
        if self.file.is_none() {
            return Vec::new();
        }
        let in_use = self.current;
        let spare = self.good().filter(|digest| Some(*digest) != in_use).take(count);
        self.file.into_iter().chain(in_use).chain(spare).collect()
    }

    /// Whether an event says something that those before it have not: a file that is loaded again after
    /// a restart, under the same policy, is no news.
    pub fn is_news(&self, event: &PluginEvent) -> bool {
        match event {
            PluginEvent::PluginLoaded { digest, signed_by, policy, .. } => {
                let terms = (&self.terms.signed_by, &self.terms.policy);
                self.file != Some(*digest) || self.refused.is_some() || terms != (signed_by, policy)
            }
            PluginEvent::PluginRefused { .. } => self.refused.as_ref() != Some(event),
            PluginEvent::PluginRemoved => self.file.is_some() || self.refused.is_some(),
            PluginEvent::PluginQuarantined { .. }
            | PluginEvent::PluginReleased { .. }
            | PluginEvent::PluginRolledBack { .. }
            | PluginEvent::PluginVersionDropped { .. } => true,
        }
    }

    /// Folds one event.
    pub fn apply(&mut self, event: &PluginEvent, at: Timestamp) {
        match event {
            PluginEvent::PluginLoaded { digest, version, signed_by, policy, .. } => {
                self.terms = Terms { signed_by: signed_by.clone(), policy: *policy };
                self.loaded(*digest, version, at);
            }
            PluginEvent::PluginRefused { .. } => self.refused = Some(event.clone()),
            PluginEvent::PluginRemoved => {
                (self.file, self.current, self.refused) = (None, None, None);
            }
            PluginEvent::PluginQuarantined { digest, crashes, within_ms, reason } => {
                let within = Duration::from_millis(*within_ms);
                let (crashes, reason) = (*crashes, reason.clone());
                let quarantine = Quarantine { since: at, crashes, within, reason };
                self.set_quarantine(digest, Some(quarantine));
                if self.current == Some(*digest) {
                    self.current = None;
                }
            }
            PluginEvent::PluginReleased { digest } => {
                self.set_quarantine(digest, None);
                if self.file == Some(*digest) {
                    self.current = self.file;
                }
            }
            PluginEvent::PluginRolledBack { to, .. } => self.current = Some(*to),
            // What there was is still told; that its bytes are gone is seen where they were.
            PluginEvent::PluginVersionDropped { .. } => {}
        }
    }

    fn loaded(&mut self, digest: Digest, version: &str, at: Timestamp) {
        self.refused = None;
        // The same file again changes nothing: a roll-back by hand outlives a restart.
        if self.file == Some(digest) && self.version(&digest).is_some() {
            return;
        }
        self.file = Some(digest);
        let known = self.versions.iter().position(|known| known.digest == digest);
        let quarantine = known.and_then(|place| self.versions.remove(place).quarantine);
        if quarantine.is_none() {
            self.current = Some(digest);
        }
        let version = version.to_owned();
        self.versions.push(PluginVersion { digest, version, loaded_at: at, quarantine });
        self.forget_old();
    }

    fn set_quarantine(&mut self, digest: &Digest, quarantine: Option<Quarantine>) {
        let version = self.versions.iter_mut().find(|version| version.digest == *digest);
        if let Some(version) = version {
            version.quarantine = quarantine;
        }
    }

    fn forget_old(&mut self) {
        let needed = [self.file, self.current];
        let is_spare = |version: &PluginVersion| !needed.contains(&Some(version.digest));
        if self.versions.len() > VERSIONS_MAX
            && let Some(oldest) = self.versions.iter().position(is_spare)
        {
            self.versions.remove(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn loaded(name: &str) -> PluginEvent {
        let (version, task_types) = ("1.0.0".to_owned(), Vec::new());
        PluginEvent::PluginLoaded {
            digest: digest(name),
            version,
            task_types,
            bytes: 1,
            load_ms: 1,
            signed_by: None,
            policy: None,
        }
    }

    /// The same under a policy and with a signature.
    fn loaded_under(name: &str, terms: &str, key: Option<&str>) -> PluginEvent {
        let mut event = loaded(name);
        if let PluginEvent::PluginLoaded { policy, signed_by, .. } = &mut event {
            (*policy, *signed_by) = (Some(digest(terms)), key.map(str::to_owned));
        }
        event
    }

    fn quarantined(name: &str) -> PluginEvent {
        let reason = "trap".to_owned();
        PluginEvent::PluginQuarantined { digest: digest(name), crashes: 5, within_ms: 60, reason }
    }

    fn released(name: &str) -> PluginEvent {
        PluginEvent::PluginReleased { digest: digest(name) }
    }

    fn rolled_back(from: Option<&str>, to: &str) -> PluginEvent {
        let reason = "by hand".to_owned();
        PluginEvent::PluginRolledBack { from: from.map(digest), to: digest(to), reason }
    }

    fn refused(name: &str) -> PluginEvent {
        PluginEvent::PluginRefused { digest: digest(name), reason: "broken".to_owned() }
    }

    fn life(events: &[PluginEvent]) -> PluginLife {
        PluginLife::of(events.iter().map(|event| (event, Timestamp::from_ms(7))))
    }

    fn current(events: &[PluginEvent]) -> Option<Digest> {
        life(events).current()
    }

    #[test]
    fn new_runs_use_the_last_file_that_was_loaded() {
        assert_eq!(current(&[]), None);
        assert_eq!(current(&[loaded("a"), loaded("b")]), Some(digest("b")));
        assert_eq!(current(&[loaded("a"), refused("x")]), Some(digest("a")));
        assert_eq!(current(&[loaded("a"), PluginEvent::PluginRemoved]), None);
        assert_eq!(
            current(&[loaded("a"), PluginEvent::PluginRemoved, loaded("a")]),
            Some(digest("a"))
        );
    }

    #[test]
    fn nobody_uses_a_version_in_quarantine_until_it_is_released() {
        let mut events = vec![loaded("a"), loaded("b"), quarantined("b")];
        assert_eq!(current(&events), None);
        assert_eq!(life(&events).good().collect::<Vec<_>>(), [digest("a")]);
        assert!(life(&events).quarantine(&digest("b")).is_some());
        events.push(rolled_back(Some("b"), "a"));
        assert_eq!(current(&events), Some(digest("a")));
        events.push(released("b"));
        assert_eq!(current(&events), Some(digest("b")), "it is the one in the file");
    }

    #[test]
    fn the_same_content_stays_in_quarantine_and_another_does_not() {
        let events = [loaded("a"), loaded("b"), quarantined("b"), rolled_back(Some("b"), "a")];
        let again = [&events[..], &[PluginEvent::PluginRemoved, loaded("b")]].concat();
        assert!(life(&again).quarantine(&digest("b")).is_some());
        assert_eq!(current(&again), None, "nothing was in use before it came back");
        assert_eq!(current(&[&events[..], &[loaded("c")]].concat()), Some(digest("c")));
    }

    #[test]
    fn the_release_of_an_old_version_changes_nothing_for_new_runs() {
        let events = [loaded("a"), quarantined("a"), loaded("b"), released("a")];
        assert_eq!(current(&events), Some(digest("b")));
        assert_eq!(life(&events).good().count(), 2);
    }

    #[test]
    fn a_roll_back_by_hand_outlives_a_restart_and_a_broken_file() {
        let events = [loaded("a"), loaded("b"), rolled_back(Some("b"), "a")];
        assert!(!life(&events).is_news(&loaded("b")), "after a restart");
        assert_eq!(current(&[&events[..], &[loaded("b")]].concat()), Some(digest("a")));
        let mended = [&events[..], &[refused("x"), loaded("b")]].concat();
        assert_eq!(current(&mended), Some(digest("a")));
    }

    #[test]
    fn what_was_said_already_is_no_news() {
        let events = [loaded("a"), refused("x")];
        assert!(!life(&events).is_news(&refused("x")));
        assert!(life(&events).is_news(&refused("y")));
        assert!(life(&events).is_news(&loaded("a")), "it was refused in between");
        assert!(life(&events).is_news(&PluginEvent::PluginRemoved));
        assert!(!life(&[]).is_news(&PluginEvent::PluginRemoved));
        let gone = [loaded("a"), PluginEvent::PluginRemoved];
        assert!(!life(&gone).is_news(&PluginEvent::PluginRemoved));
    }

    #[test]
    fn another_policy_or_signature_is_news_and_changes_nothing_else() {
        let events = [loaded("a"), loaded_under("b", "narrow", None), rolled_back(Some("b"), "a")];
        assert!(!life(&events).is_news(&loaded_under("b", "narrow", None)), "after a restart");
        for other in [loaded_under("b", "wide", None), loaded_under("b", "narrow", Some("key"))] {
            assert!(life(&events).is_news(&other), "{other:?}");
            let then = [&events[..], std::slice::from_ref(&other)].concat();
            assert!(!life(&then).is_news(&other), "it is told once");
            assert_eq!(current(&then), Some(digest("a")), "new runs use what they used");
        }
        assert!(
            life(&[loaded("a")]).is_news(&loaded_under("a", "narrow", None)),
            "it was not known"
        );
    }

    #[test]
    fn a_version_whose_bytes_are_gone_is_still_told() {
        let dropped = PluginEvent::PluginVersionDropped { digest: digest("a") };
        let events = [loaded("a"), loaded("b"), dropped];
        assert!(life(&events).version(&digest("a")).is_some());
        assert_eq!(current(&events), Some(digest("b")));
    }

    #[test]
    fn one_step_back_is_the_version_before_the_one_in_use() {
        let events = [loaded("a"), loaded("b"), loaded("c")];
        assert_eq!(life(&events).before_current(), Some(digest("b")));
        let back = [&events[..], &[rolled_back(Some("c"), "b")]].concat();
        assert_eq!(life(&back).before_current(), Some(digest("a")));
        let oldest = [&back[..], &[rolled_back(Some("b"), "a")]].concat();
        assert_eq!(life(&oldest).before_current(), None);
        let lost = [&events[..], &[quarantined("c")]].concat();
        assert_eq!(life(&lost).before_current(), Some(digest("b")));
    }

    #[test]
    fn the_bytes_of_a_few_good_versions_are_kept_while_there_is_a_file() {
        let events = [loaded("a"), loaded("b"), loaded("c"), quarantined("b"), loaded("d")];
        let kept = life(&events).kept(1);
        assert!(kept.contains(&digest("d")) && kept.contains(&digest("c")), "{kept:?}");
        assert!(!kept.contains(&digest("a")) && !kept.contains(&digest("b")), "{kept:?}");
        let gone = [&events[..], &[PluginEvent::PluginRemoved]].concat();
        assert!(life(&gone).kept(9).is_empty());
    }

    #[test]
    fn old_versions_are_forgotten_but_never_the_one_in_use() {
        let mut life = life(&[loaded("a"), loaded("b"), rolled_back(Some("b"), "a")]);
        for n in 0..2 * VERSIONS_MAX {
            life.apply(&loaded(&n.to_string()), Timestamp::from_ms(7));
            life.apply(&rolled_back(None, "a"), Timestamp::from_ms(7));
        }
        assert!(life.versions().len() <= VERSIONS_MAX + 1, "{}", life.versions().len());
        assert_eq!(life.current(), Some(digest("a")));
        assert!(life.version(&digest("b")).is_none());
    }
}
