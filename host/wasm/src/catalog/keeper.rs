//! Decides which files are loaded when: the one thread that knows the state of every file.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use taskloom_core::id::{Digest, PluginName};
use taskloom_core::time::Timestamp;

use super::CatalogConfig;
use super::change::{Change, Reply};
use super::event::{CatalogEvent, CrashLoop};
use super::folder::{self, Found, Stamp, policy_path};
use super::loader::{Job, Loaded, Outcome, Refusal, RefusalKind};
use super::shelf::Shelf;
use super::stand_in::StandIn;
use super::versions::Versions;
use crate::give_back::{give_code_back, give_memory_back};
use crate::policy::Policy;

/// How often the folder is looked at without being told to.
const RESCAN: Duration = Duration::from_secs(2);

/// How often it is looked at while a file is settling.
const SETTLING_RESCAN_MAX: Duration = Duration::from_millis(100);

/// How long a file that looks cut off may stay unchanged before it is called broken: copies over a slow
/// line pause.
const BROKEN_AFTER: Duration = Duration::from_secs(3);

/// How long a file waits that the host was too busy to load.
const BUSY_PAUSE: Duration = Duration::from_millis(500);

/// What the keeper is told.
pub(super) enum Message {
    /// Something in the folder changed.
    Changed,
    /// A version that a run has pinned is not loaded.
    Wanted(PluginName, Digest),
    /// A version crashed again and again.
    Crashed(PluginName, Digest, CrashLoop),
    /// Somebody wants other versions to be used.
    Change(PluginName, Change, Reply),
    /// Versions that no run needs may go but these; how many went is told, if it was time for it.
    Sweep(HashSet<Digest>, Sender<usize>),
    /// A job ended.
    Ended(Outcome),
    /// The catalog is closed.
    Stop,
}

/// A file of the folder.
struct File {
    stamp: Stamp,
    /// Since when it has been left alone.
    since: Instant,
    phase: Phase,
    /// Since when it is gone, if it is.
    gone: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It changed; it is loaded once it has been left alone.
    Settling,
    /// It is being loaded.
    Loading,
    /// It could not be loaded yet; tried again at this time.
    Again(Instant),
    /// It was loaded or refused.
    Done,
}

pub(super) struct Keeper {
    folder: PathBuf,
    settle: Duration,
    pub(super) shelf: Arc<Shelf>,
    jobs: Sender<Job>,
    sink: Box<dyn Fn(CatalogEvent) + Send>,
    files: BTreeMap<PluginName, File>,
    wanted: usize,
    misnamed: HashSet<String>,
    versions: Versions,
    /// How many versions of a plugin are kept beside the one in use.
    spare: usize,
    /// Versions that are being loaded for new runs.
    pub(super) stand_ins: HashMap<PluginName, StandIn>,
    /// Versions that could not be loaded the last time.
    pub(super) failed: HashSet<(PluginName, Digest)>,
    /// Whether something happened since the catalog last came to rest.
    restless: bool,
}

impl Keeper {
    pub(super) fn new(
        config: &CatalogConfig,
        shelf: Arc<Shelf>,
        versions: Versions,
        jobs: Sender<Job>,
        sink: Box<dyn Fn(CatalogEvent) + Send>,
    ) -> Self {
        Self {
            folder: config.folder.clone(),
            settle: config.settle,
            shelf,
            jobs,
            sink,
            files: BTreeMap::new(),
            wanted: 0,
            misnamed: HashSet::new(),
            versions,
            spare: config.versions_kept,
            stand_ins: HashMap::new(),
            failed: HashSet::new(),
            restless: true,
        }
    }

    /// Keeps the shelf like the folder until it is told to stop.
    pub(super) fn run(mut self, inbox: &Receiver<Message>) {
        self.miss();
        loop {
            self.look();
            self.rest();
            match inbox.recv_timeout(self.pause()) {
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Message::Changed) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::Wanted(name, digest)) => self.want(name, digest),
                Ok(Message::Crashed(name, digest, crashes)) => self.crashed(&name, digest, crashes),
                Ok(Message::Change(name, change, reply)) => self.change(&name, change, reply),
                Ok(Message::Sweep(needed, dropped)) => self.sweep(&needed, &dropped),
                Ok(Message::Ended(outcome)) => self.ended(outcome),
            }
        }
    }

    /// Tells which files went away while there was no host.
    fn miss(&mut self) {
        // A folder that cannot be read is no empty one.
        let Ok(found) = folder::scan(&self.folder) else { return };
        for name in self.shelf.with_file() {
            if !found.plugins.contains_key(&name) {
                self.removed(name);
            }
        }
    }

    fn removed(&mut self, name: PluginName) {
        self.files.remove(&name);
        self.shelf.remove(&name);
        tracing::info!(plugin = %name, "plugin removed");
        self.tell(CatalogEvent::Removed { plugin: name });
    }

    /// Has a version loaded that is not in memory.
    pub(super) fn want(&mut self, name: PluginName, digest: Digest) {
        self.wanted += 1;
        self.restless = true;
        self.start(Job::Version(name, digest));
    }

    /// Drops the bytes of versions that nobody needs. Not while something is being loaded: its bytes
    /// may be there already, and nobody needs them yet.
    fn sweep(&mut self, needed: &HashSet<Digest>, told: &Sender<usize>) {
        if self.restless {
            return;
        }
        let kept = self.shelf.kept(self.spare);
        match self.versions.drop_but(|digest| needed.contains(digest) || kept.contains(digest)) {
            Ok(dropped) => {
                dropped.iter().for_each(|digest| self.dropped(*digest));
                // Whoever asked need not wait.
                let _ = told.send(dropped.len());
            }
            Err(error) => tracing::warn!(%error, "old plugin versions stay"),
        }
    }

    /// Tells that the bytes of a version are gone. That is no reason to look for more that may go.
    fn dropped(&self, digest: Digest) {
        for plugin in self.shelf.plugins_of(&digest) {
            tracing::info!(%plugin, %digest, "dropped a version of a plugin that no run needs");
            self.say(CatalogEvent::Dropped { plugin, digest });
        }
    }

    /// Looks at the folder and begins what is to be done.
    fn look(&mut self) {
        match folder::scan(&self.folder) {
            Ok(found) => self.compare(found),
            Err(error) => {
                let folder = self.folder.display();
                tracing::warn!(%folder, %error, "the folder of plugins cannot be read");
            }
        }
        let now = Instant::now();
        let settled = |since: Instant| now.duration_since(since) >= self.settle;
        let mut due = Vec::new();
        let mut gone = Vec::new();
        for (name, file) in &mut self.files {
            if let Some(since) = file.gone {
                if settled(since) {
                    gone.push(name.clone());
                }
                continue;
            }
            let is_due = match file.phase {
                Phase::Settling => settled(file.since),
                Phase::Again(at) => now >= at,
                Phase::Loading | Phase::Done => false,
            };
            if is_due {
                file.phase = Phase::Loading;
                due.push(Job::File(name.clone(), file.stamp));
            }
        }
        due.into_iter().for_each(|job| self.start(job));
        gone.into_iter().for_each(|name| self.removed(name));
    }

    /// Takes note of what appeared, changed and went away.
    fn compare(&mut self, found: Found) {
        let now = Instant::now();
        for (name, file) in &mut self.files {
            match found.plugins.contains_key(name) {
                true => file.gone = None,
                false => {
                    file.gone.get_or_insert(now);
                }
            }
        }
        for (name, stamp) in found.plugins {
            let since = now.checked_sub(stamp.age()).unwrap_or(now);
            let changed = File { stamp, since, phase: Phase::Settling, gone: None };
            match self.files.get_mut(&name) {
                Some(file) if file.stamp == stamp => continue,
                // A file in its place, even an old one, may be followed by more changes.
                Some(file) => *file = changed,
                None => {
                    self.shelf.begin_loading(&name);
                    self.files.insert(name, changed);
                }
            }
            self.restless = true;
        }
        for (file, rule) in found.misnamed {
            if self.misnamed.insert(file.clone()) {
                tracing::warn!(file, "a file is not loaded: {rule}");
            }
        }
    }

    fn start(&self, job: Job) {
        // The loaders outlive the keeper, which holds the other end.
        let _ = self.jobs.send(job);
    }

    fn ended(&mut self, outcome: Outcome) {
        match outcome.job {
            Job::Version(name, digest) => self.version_ended(&name, &digest, outcome.result),
            Job::File(name, stamp) => {
                // What changed meanwhile is looked at again; what it was does not matter any more.
                let Some(file) = self.files.get_mut(&name) else { return };
                if file.stamp != stamp || file.phase != Phase::Loading {
                    return;
                }
                file.phase = Phase::Done;
                match outcome.result {
                    Ok(loaded) => self.loaded(&loaded, outcome.took),
                    Err(refusal) => self.refused(&name, refusal),
                }
            }
        }
    }

    fn loaded(&mut self, loaded: &Loaded, took: Duration) {
        self.shelf.add_file(loaded);
        let plugin = &loaded.plugin;
        self.failed.retain(|(name, _)| name != plugin.name());
        let manifest = plugin.manifest();
        tracing::info!(
            plugin = %plugin.name(),
            version = manifest.version,
            digest = %plugin.digest(),
            signed_by = loaded.signed_by.map(tracing::field::display),
            "plugin loaded"
        );
        let ungranted = plugin.ungranted_hosts();
        if !ungranted.is_empty() {
            let asked = ungranted.join(", ");
            tracing::warn!(
                plugin = %plugin.name(),
                "the plugin asks for requests to {asked}, which {} does not grant",
                plugin.policy().origin()
            );
        }
        self.tell(CatalogEvent::Loaded {
            plugin: plugin.name().clone(),
            digest: plugin.digest(),
            version: manifest.version.clone(),
            task_types: manifest.task_types.keys().cloned().collect(),
            bytes: plugin.bytes(),
            took,
            signed_by: loaded.signed_by,
            policy: loaded.policy.digest(),
        });
        self.ensure_current(plugin.name());
    }

    fn refused(&mut self, name: &PluginName, refusal: Refusal) {
        let Some(file) = self.files.get_mut(name) else { return };
        let now = Instant::now();
        match refusal.kind {
            RefusalKind::Incomplete if now.duration_since(file.since) < BROKEN_AFTER => {
                file.phase = Phase::Again(file.since + BROKEN_AFTER);
                return;
            }
            RefusalKind::Busy => {
                tracing::warn!(plugin = %name, reason = refusal.reason, "a plugin has to wait");
                file.phase = Phase::Again(now + BUSY_PAUSE);
                return;
            }
            RefusalKind::Incomplete | RefusalKind::Final | RefusalKind::Policy => {}
        }
        let Refusal { digest, reason, kind } = refusal;
        let nothing = (kind == RefusalKind::Policy).then(|| {
            let origin = policy_path(&self.folder, name);
            Arc::new(Policy::nothing(&origin.display().to_string()))
        });
        self.shelf.refuse(name, reason.clone(), nothing);
        tracing::warn!(plugin = %name, reason, "plugin refused");
        self.tell(CatalogEvent::Refused { plugin: name.clone(), digest, reason });
        // After a restart the version that was good before is not in memory. What a policy grants that
        // cannot be read, nobody knows: then there is none.
        if kind != RefusalKind::Policy {
            self.ensure_current(name);
        }
    }

    fn version_ended(
        &mut self,
        name: &PluginName,
        digest: &Digest,
        result: Result<Loaded, Refusal>,
    ) {
        self.wanted = self.wanted.saturating_sub(1);
        match result {
            Ok(Loaded { plugin, .. }) => {
                self.shelf.add_pinned(&plugin);
                self.stand_in_ended(name, digest, Ok(()));
                self.tell(CatalogEvent::Restored { plugin: name.clone(), digest: *digest });
            }
            Err(Refusal { reason, .. }) => {
                tracing::warn!(plugin = %name, %digest, reason, "a pinned version is not there");
                self.stand_in_ended(name, digest, Err(&reason));
            }
        }
    }

    /// Says that the catalog has come to rest, if it has since it last said so.
    fn rest(&mut self) {
        let is_at_rest = |file: &File| {
            file.gone.is_some() || matches!(file.phase, Phase::Done | Phase::Again(_))
        };
        if self.restless && self.wanted == 0 && self.files.values().all(is_at_rest) {
            self.restless = false;
            self.shelf.settle();
            give_memory_back();
            give_code_back();
            self.shelf.give_code_back();
            (self.sink)(CatalogEvent::Settled);
        }
    }

    /// Folds an event and tells it.
    pub(super) fn tell(&mut self, event: CatalogEvent) {
        self.restless = true;
        self.say(event);
    }

    fn say(&self, event: CatalogEvent) {
        if let Some((name, journaled)) = event.journaled() {
            self.shelf.apply(name, &journaled, now());
        }
        (self.sink)(event);
    }

    /// How long nothing is to be done unless somebody says so.
    fn pause(&self) -> Duration {
        let is_waiting = |file: &File| {
            file.gone.is_some() || matches!(file.phase, Phase::Settling | Phase::Again(_))
        };
        if self.files.values().any(is_waiting) {
            (self.settle / 3).clamp(Duration::from_millis(5), SETTLING_RESCAN_MAX)
        } else {
            RESCAN
        }
    }
}

/// The time now.
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
