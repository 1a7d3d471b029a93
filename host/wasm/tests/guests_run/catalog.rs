//! The plugins folder: what is loaded when, and what runs keep.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use taskloom_core::id::{Digest, PluginName, TaskType};
use taskloom_core::life::PluginLife;
use taskloom_wasm::{Catalog, CatalogConfig, CatalogEvent, PluginState, Policy, SignatureRules};
use tempfile::TempDir;

use crate::fixture::{component, name, runtime};

/// A catalog of a folder of its own.
pub(crate) struct Shop {
    pub(crate) folder: TempDir,
    pub(crate) catalog: Catalog,
    events: Mutex<Receiver<CatalogEvent>>,
}

/// Long enough for a compilation on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

impl Shop {
    /// Opens a catalog on a folder that already has these files.
    pub(crate) fn open(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("plugins")).expect("made");
        for (file, content) in files {
            fs::write(folder.path().join("plugins").join(file), content).expect("written");
        }
        Self::open_in(folder, HashMap::new())
    }

    /// Opens a catalog on a folder where there was one, which left these lives.
    pub(crate) fn open_in(folder: TempDir, lives: HashMap<PluginName, PluginLife>) -> Self {
        Self::open_with(folder, lives, SignatureRules::default())
    }

    /// The same, where only some signatures count.
    pub(crate) fn open_with(
        folder: TempDir,
        lives: HashMap<PluginName, PluginLife>,
        signatures: SignatureRules,
    ) -> Self {
        Self::open_as(folder, |config| (config.lives, config.signatures) = (lives, signatures))
    }

    fn open_as(folder: TempDir, change: impl FnOnce(&mut CatalogConfig)) -> Self {
        let (tell, events) = channel();
        let mut config = CatalogConfig {
            folder: folder.path().join("plugins"),
            versions_folder: folder.path().join("versions"),
            settle: Duration::from_millis(50),
            versions_kept: 2,
            lives: HashMap::new(),
            signatures: SignatureRules::default(),
            policies: BTreeMap::new(),
        };
        change(&mut config);
        let sink = move |event| drop(tell.send(event));
        let catalog = Catalog::open(runtime(), config, sink).expect("a catalog");
        Self { folder, catalog, events: Mutex::new(events) }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join("plugins").join(file)
    }

    pub(crate) fn write(&self, file: &str, content: &[u8]) {
        fs::write(self.path(file), content).expect("written");
    }

    /// Puts a whole file into place, as `cargo xtask plugins` does.
    pub(crate) fn swap(&self, file: &str, content: &[u8]) {
        let aside = self.path(".aside");
        fs::write(&aside, content).expect("written");
        fs::rename(aside, self.path(file)).expect("renamed");
    }

    /// Waits for the next event but [`CatalogEvent::Settled`].
    pub(crate) fn next(&self) -> CatalogEvent {
        loop {
            let event = self.events.lock().expect("not poisoned").recv_timeout(PATIENCE);
            match event.expect("an event in time") {
                CatalogEvent::Settled => {}
                event => return event,
            }
        }
    }

    pub(crate) fn settled(&self) {
        while self.events.lock().expect("not poisoned").recv_timeout(PATIENCE)
            != Ok(CatalogEvent::Settled)
        {}
    }

    pub(crate) fn state(&self, stem: &str) -> PluginState {
        let entries = self.catalog.list();
        entries.into_iter().find(|entry| entry.stem.as_str() == stem).expect("an entry").state
    }

    pub(crate) fn refusal(&self) -> String {
        match self.next() {
            CatalogEvent::Refused { reason, .. } => reason,
            other => panic!("{other:?} instead of a refusal"),
        }
    }

    pub(crate) fn loaded(&self) -> Digest {
        match self.next() {
            CatalogEvent::Loaded { digest, .. } => digest,
            other => panic!("{other:?} instead of a loaded plugin"),
        }
    }
}

/// Another version of a component: the same with something to ignore at its end.
pub(crate) fn other_version(component: &[u8], mark: u8) -> Vec<u8> {
    // A custom section: id 0, its length, the length of its name, its name, its content.
    let mut other = component.to_vec();
    other.extend([0, 3, 1, b'v', mark]);
    other
}

#[test]
fn what_is_there_at_the_start_is_loaded_before_it_settles() {
    let shop = Shop::open(&[
        ("noop.wasm", &component("noop")),
        ("hostile.wasm", &component("hostile")),
        ("broken.wasm", b"broken"),
        ("ignored.txt", b"x"),
    ]);
    shop.settled();
    assert!(shop.catalog.is_settled());
    assert_eq!(shop.state("noop"), PluginState::Active);
    assert_eq!(shop.state("hostile"), PluginState::Active);
    let run = TaskType::new("noop.run").expect("valid");
    assert_eq!(shop.catalog.task_type(&run).expect("offered").name().as_str(), "noop");
    assert!(shop.catalog.task_type(&TaskType::new("noop.other").expect("valid")).is_none());
    assert_eq!(shop.catalog.list().len(), 3);
}

#[test]
fn a_file_that_appears_is_loaded_and_its_bytes_are_kept() {
    let shop = Shop::open(&[]);
    shop.settled();
    let bytes = component("noop");
    shop.swap("noop.wasm", &bytes);
    let digest = shop.loaded();
    assert_eq!(digest, Digest::of(&bytes));
    assert_eq!(shop.catalog.current(&name("noop")).expect("loaded").digest(), digest);
    let kept = shop.folder.path().join("versions").join(format!("{}.wasm", digest.hex()));
    assert_eq!(fs::read(kept).expect("kept"), bytes);
}

#[test]
fn new_runs_use_the_new_version_and_old_ones_keep_theirs() {
    let one = component("noop");
    let two = other_version(&one, 2);
    let shop = Shop::open(&[("noop.wasm", &one)]);
    let first = shop.loaded();
    shop.swap("noop.wasm", &two);
    let second = shop.loaded();
    assert_ne!(first, second);
    assert_eq!(shop.catalog.current(&name("noop")).expect("loaded").digest(), second);
    assert_eq!(shop.catalog.plugin(&name("noop"), &first).expect("kept").digest(), first);
    assert!(shop.catalog.plugin(&name("other"), &first).is_none(), "of another plugin");
}

#[test]
fn a_pinned_version_that_is_not_loaded_comes_from_the_folder_of_versions() {
    let one = component("noop");
    let shop = Shop::open(&[("noop.wasm", &other_version(&one, 2))]);
    shop.settled();
    let pinned = Digest::of(&one);
    let file = shop.folder.path().join("versions").join(format!("{}.wasm", pinned.hex()));
    fs::write(file, &one).expect("written");
    assert!(shop.catalog.plugin(&name("noop"), &pinned).is_none(), "not yet");
    shop.settled();
    assert_eq!(shop.catalog.plugin(&name("noop"), &pinned).expect("loaded").digest(), pinned);
    assert_ne!(shop.catalog.current(&name("noop")).expect("loaded").digest(), pinned);
}

#[test]
fn a_half_copied_file_is_loaded_when_it_is_whole() {
    let shop = Shop::open(&[]);
    shop.settled();
    let bytes = component("noop");
    shop.write("noop.wasm", &bytes[..bytes.len() / 2]);
    // Once it has settled, it is tried and found cut off: nobody hears of it yet.
    shop.settled();
    assert_eq!(shop.state("noop"), PluginState::Loading);
    shop.write("noop.wasm", &bytes);
    assert_eq!(shop.loaded(), Digest::of(&bytes), "no refusal came before");
}

#[test]
fn a_file_that_stays_broken_is_refused_and_replaces_nothing() {
    let bytes = component("noop");
    let shop = Shop::open(&[("noop.wasm", &bytes)]);
    let good = shop.loaded();
    shop.write("noop.wasm", &bytes[..bytes.len() / 2]);
    let reason = shop.refusal();
    assert!(reason.contains("no valid component"), "{reason}");
    assert!(matches!(shop.state("noop"), PluginState::Refused { .. }));
    assert_eq!(shop.catalog.current(&name("noop")).expect("the good one").digest(), good);
    shop.swap("noop.wasm", &bytes);
    assert_eq!(shop.loaded(), good);
    assert_eq!(shop.state("noop"), PluginState::Active);
}

#[test]
fn a_plugin_in_the_file_of_another_is_refused_by_both_names() {
    let shop = Shop::open(&[("text.wasm", &component("noop"))]);
    let reason = shop.refusal();
    assert!(reason.contains("`text.wasm`") && reason.contains("`noop`"), "{reason}");
}

#[test]
fn a_file_that_goes_away_is_gone_for_new_runs_only() {
    let shop = Shop::open(&[("noop.wasm", &component("noop"))]);
    let digest = shop.loaded();
    fs::remove_file(shop.path("noop.wasm")).expect("removed");
    assert_eq!(shop.next(), CatalogEvent::Removed { plugin: name("noop") });
    assert!(shop.catalog.current(&name("noop")).is_none());
    assert!(shop.catalog.plugin(&name("noop"), &digest).is_some());
    assert_eq!(shop.state("noop"), PluginState::Removed);
}

#[test]
fn a_policy_is_in_force_as_soon_as_it_is_written() {
    let shop = Shop::open(&[("hostile.wasm", &component("hostile"))]);
    let digest = shop.loaded();
    let plugin = shop.catalog.current(&name("hostile")).expect("loaded");
    assert_eq!(plugin.policy().grants().iter().count(), 0);
    shop.write("hostile.policy.toml", b"[[http]]\nhost = \"a.test\"\n");
    assert_eq!(shop.loaded(), digest);
    assert_eq!(plugin.policy().grants().iter().count(), 1, "also for who holds it already");
}

#[test]
fn a_policy_of_the_host_goes_before_one_in_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("plugins")).expect("made");
    let beside = "[[http]]\nhost = \"*\"\n";
    for (file, content) in
        [("hostile.wasm", &component("hostile")[..]), ("hostile.policy.toml", beside.as_bytes())]
    {
        fs::write(folder.path().join("plugins").join(file), content).expect("written");
    }
    let own = Policy::read("the configuration", "[[http]]\nhost = \"api.test\"\n");
    let own = own.expect("a policy");
    let given = BTreeMap::from([(name("hostile"), own.clone())]);
    let shop = Shop::open_as(folder, |config| config.policies = given);
    shop.loaded();
    let granted = || shop.catalog.current(&name("hostile")).expect("loaded").policy();
    assert_eq!(*granted(), own);
    assert_eq!(shop.catalog.policy_origin(&name("hostile")), "the configuration");
    assert_eq!(shop.catalog.policy_origin(&name("other")), "other.policy.toml");
    // Nor does one in the folder that cannot be read: nobody looks at it.
    shop.write("hostile.policy.toml", b"[[http]]\nhots = 1\n");
    shop.loaded();
    assert_eq!(*granted(), own);
}

#[test]
fn a_policy_that_cannot_be_read_grants_nothing_and_blocks_the_plugin() {
    let good = b"[[http]]\nhost = \"a.test\"\n";
    let shop =
        Shop::open(&[("noop.wasm", &component("noop")), ("noop.policy.toml", good.as_slice())]);
    let digest = shop.loaded();
    let plugin = shop.catalog.current(&name("noop")).expect("loaded");
    shop.write("noop.policy.toml", b"[[http]]\nhots = \"a.test\"\n");
    let reason = shop.refusal();
    assert!(reason.contains("noop.policy.toml:2:1: http[0].hots: unknown key"), "{reason}");
    assert_eq!(plugin.policy().grants().iter().count(), 0);
    assert!(shop.catalog.plugin(&name("noop"), &digest).is_none(), "its runs wait");
    shop.write("noop.policy.toml", good);
    assert_eq!(shop.loaded(), digest);
    assert!(shop.catalog.plugin(&name("noop"), &digest).is_some());
}
