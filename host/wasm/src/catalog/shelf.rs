//! The loaded plugins, as everybody sees them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use taskloom_core::id::{Digest, PluginName};
use taskloom_core::journal::PluginEvent;
use taskloom_core::life::PluginLife;
use taskloom_core::time::Timestamp;

use super::loader::Loaded;
use super::{PluginEntry, PluginState};
use crate::plugin::Plugin;
use crate::policy::Policy;

/// Versions that are kept in memory though they are not current and nobody holds them. Few: a pinned
/// version that is needed again is loaded from its file in a millisecond.
const OLD_VERSIONS_MAX: usize = 8;

/// How long a version that could not be loaded is not looked for again.
const WANTED_AGAIN: Duration = Duration::from_secs(5);

/// The loaded plugins.
#[derive(Default)]
pub(super) struct Shelf(RwLock<State>);

#[derive(Default)]
struct State {
    entries: BTreeMap<PluginName, PluginEntry>,
    /// What the events of each plugin say: among other things, which version new runs use.
    lives: HashMap<PluginName, PluginLife>,
    versions: HashMap<Digest, Arc<Plugin>>,
    /// Digests in the order they came.
    order: Vec<Digest>,
    /// Plugins whose policy cannot be read: nobody knows what they are granted.
    blocked: HashSet<PluginName>,
    /// Versions that are being looked for, or were not found at that time.
    wanted: HashMap<Digest, Instant>,
    settled: bool,
}

impl Shelf {
    /// An empty shelf, and what is known of plugins from before.
    pub(super) fn new(lives: HashMap<PluginName, PluginLife>) -> Self {
        Self(RwLock::new(State { lives, ..State::default() }))
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_blocked(&self, name: &PluginName) -> bool {
        self.read().blocked.contains(name)
    }

    pub(super) fn version(&self, digest: &Digest) -> Option<Arc<Plugin>> {
        self.read().versions.get(digest).cloned()
    }

    pub(super) fn current(&self, name: &PluginName) -> Option<Arc<Plugin>> {
        let state = self.read();
        if state.blocked.contains(name) {
            return None;
        }
        let digest = state.lives.get(name)?.current()?;
        state.versions.get(&digest).filter(|plugin| plugin.name() == name).cloned()
    }

    /// What is known of a plugin from its events.
    pub(super) fn life(&self, name: &PluginName) -> Option<PluginLife> {
        self.read().lives.get(name).cloned()
    }

    /// Whether no run may use a version.
    pub(super) fn is_quarantined(&self, name: &PluginName, digest: &Digest) -> bool {
        self.read().lives.get(name).is_some_and(|life| life.quarantine(digest).is_some())
    }

    /// The plugins that had a version once: more than one when a file was copied.
    pub(super) fn plugins_of(&self, digest: &Digest) -> Vec<PluginName> {
        let state = self.read();
        let lives = state.lives.iter().filter(|(_, life)| life.version(digest).is_some());
        lives.map(|(name, _)| name.clone()).collect()
    }

    /// Plugins that had a file when their last event happened.
    pub(super) fn with_file(&self) -> Vec<PluginName> {
        let state = self.read();
        let lives = state.lives.iter().filter(|(_, life)| life.file().is_some());
        lives.map(|(name, _)| name.clone()).collect()
    }

    /// The versions whose bytes are kept though no run has them pinned, `spare` of each plugin beside
    /// those of its file and of new runs.
    pub(super) fn kept(&self, spare: usize) -> HashSet<Digest> {
        self.read().lives.values().flat_map(|life| life.kept(spare)).collect()
    }

    pub(super) fn entries(&self) -> Vec<PluginEntry> {
        let state = self.read();
        state.entries.values().map(|entry| state.shown(entry)).collect()
    }

    pub(super) fn is_settled(&self) -> bool {
        self.read().settled
    }

    pub(super) fn settle(&self) {
        self.write().settled = true;
    }

    /// Gives back the pages of all plugins' code.
    pub(super) fn give_code_back(&self) {
        self.read().versions.values().for_each(|plugin| plugin.give_code_back());
    }

    /// Whether `digest` is to be looked for now; only one asks at a time.
    pub(super) fn begin_wanting(&self, digest: &Digest) -> bool {
        let now = Instant::now();
        if let Some(at) = self.read().wanted.get(digest)
            && now.duration_since(*at) < WANTED_AGAIN
        {
            return false;
        }
        self.write().wanted.insert(*digest, now);
        true
    }

    /// A file is there and has never been looked at.
    pub(super) fn begin_loading(&self, name: &PluginName) {
        let mut state = self.write();
        let entry = state.entry(name);
        if !matches!(entry.state, PluginState::Active) {
            entry.state = PluginState::Loading;
        }
    }

    /// The file of a plugin is loaded, and its policy holds from now on. What new runs use is said by
    /// the event that follows.
    pub(super) fn add_file(&self, loaded: &Loaded) {
        let mut state = self.write();
        let name = loaded.plugin.name().clone();
        state.blocked.remove(&name);
        state.grant(&name, &loaded.policy);
        state.add(&loaded.plugin);
        let entry = state.entry(&name);
        entry.state = PluginState::Active;
        entry.signed_by = loaded.signed_by;
    }

    /// Folds an event of a plugin: the only way in which what new runs use changes.
    pub(super) fn apply(&self, name: &PluginName, event: &PluginEvent, at: Timestamp) {
        let mut state = self.write();
        let life = state.lives.entry(name.clone()).or_default();
        let before = life.current();
        life.apply(event, at);
        let now = life.current();
        let entry = state.entry(name);
        if now.is_none() {
            entry.loaded_at = None;
        } else if now != before || entry.loaded_at.is_none() {
            entry.loaded_at = Some(at);
        }
        state.drop_old();
    }

    /// A version that a run has pinned is there.
    pub(super) fn add_pinned(&self, plugin: &Arc<Plugin>) {
        let mut state = self.write();
        state.add(plugin);
        state.drop_old();
    }

    /// The file of `name` is not taken. A version loaded before stays, unless it is the policy that
    /// cannot be read: then nothing is granted and nothing is called until it can.
    pub(super) fn refuse(&self, name: &PluginName, reason: String, policy: Option<Arc<Policy>>) {
        let mut state = self.write();
        if let Some(nothing) = policy {
            state.blocked.insert(name.clone());
            state.grant(name, &nothing);
        }
        let entry = state.entry(name);
        entry.state = PluginState::Refused { reason };
        entry.signed_by = None;
    }

    /// The file of `name` is gone.
    pub(super) fn remove(&self, name: &PluginName) {
        let mut state = self.write();
        state.blocked.remove(name);
        let entry = state.entry(name);
        entry.state = PluginState::Removed;
        entry.signed_by = None;
    }
}

impl State {
    fn entry(&mut self, name: &PluginName) -> &mut PluginEntry {
        self.entries.entry(name.clone()).or_insert_with(|| PluginEntry {
            stem: name.clone(),
            state: PluginState::Loading,
            loaded_at: None,
            signed_by: None,
        })
    }

    /// An entry as it is shown: of a file that is as it should be, whether it is used.
    fn shown(&self, entry: &PluginEntry) -> PluginEntry {
        let mut shown = entry.clone();
        let Some(life) = self.lives.get(&entry.stem).filter(|_| entry.state == PluginState::Active)
        else {
            return shown;
        };
        let file = life.file();
        if let Some(quarantine) = file.and_then(|file| life.quarantine(&file)) {
            shown.state = PluginState::Quarantined { quarantine: quarantine.clone() };
        } else if life.current() != file {
            shown.state = PluginState::RolledBack;
        }
        shown
    }

    /// A policy holds for every version of its plugin.
    fn grant(&self, name: &PluginName, policy: &Arc<Policy>) {
        for plugin in self.versions.values().filter(|plugin| plugin.name() == name) {
            plugin.set_policy(Arc::clone(policy));
        }
    }

    fn add(&mut self, plugin: &Arc<Plugin>) {
        let digest = plugin.digest();
        self.wanted.remove(&digest);
        self.order.retain(|known| *known != digest);
        self.order.push(digest);
        self.versions.insert(digest, Arc::clone(plugin));
    }

    /// Forgets the oldest versions that nobody uses.
    fn drop_old(&mut self) {
        let (lives, versions) = (&self.lives, &self.versions);
        let is_unused = |digest: &&Digest| {
            let is_current = lives.values().any(|life| life.current() == Some(**digest));
            !is_current && versions.get(digest).is_some_and(|plugin| Arc::strong_count(plugin) == 1)
        };
        let unused: Vec<Digest> = self.order.iter().filter(is_unused).copied().collect();
        let too_many = unused.len().saturating_sub(OLD_VERSIONS_MAX);
        for digest in &unused[..too_many] {
            self.versions.remove(digest);
            self.order.retain(|known| known != digest);
        }
    }
}
