//! Versions of a plugin: which are kept, which one new runs use, and which none may use.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::time::Duration;

use taskloom_core::id::Digest;
use taskloom_core::life::PluginLife;
use taskloom_wasm::{CatalogEvent, ChangeError, CrashLoop, PluginState};
use tempfile::TempDir;

use crate::catalog::{Shop, other_version};
use crate::fixture::{component, name};

/// How a version crashed.
fn crashes() -> CrashLoop {
    CrashLoop {
        crashes: 5,
        within: Duration::from_secs(60),
        reason: "trap: unreachable".to_owned(),
    }
}

impl Shop {
    /// A catalog to which these versions of one plugin came one after another.
    fn with_versions(count: u8) -> (Self, Vec<Digest>) {
        let one = component("noop");
        let shop = Self::open(&[("noop.wasm", &one)]);
        let mut digests = vec![shop.loaded()];
        for mark in 2..=count {
            shop.swap("noop.wasm", &other_version(&one, mark));
            digests.push(shop.loaded());
        }
        shop.settled();
        (shop, digests)
    }

    /// What new runs use.
    fn current(&self) -> Option<Digest> {
        self.catalog.current(&name("noop")).map(|plugin| plugin.digest())
    }

    fn life(&self) -> PluginLife {
        self.catalog.life(&name("noop")).expect("it was loaded")
    }

    fn crash(&self, digest: Digest) {
        self.catalog.crashed(&name("noop"), digest, crashes());
    }

    /// Waits for a version to be in quarantine.
    fn quarantined(&self) -> Digest {
        match self.next() {
            CatalogEvent::Quarantined { digest, .. } => digest,
            other => panic!("{other:?} instead of a quarantine"),
        }
    }

    /// Waits for another version to be in use.
    fn rolled_back(&self) -> (Option<Digest>, Digest) {
        match self.next() {
            CatalogEvent::RolledBack { from, to, .. } => (from, to),
            other => panic!("{other:?} instead of a roll-back"),
        }
    }

    /// The digests of the versions whose bytes are there, without their kind.
    fn kept(&self) -> BTreeSet<String> {
        let files = fs::read_dir(self.folder.path().join("versions")).expect("there");
        let stem = |path: std::path::PathBuf| path.file_stem().expect("a stem").to_owned();
        files.map(|file| stem(file.expect("there").path()).to_string_lossy().into_owned()).collect()
    }

    /// Stops the catalog and opens another on the same folder.
    fn restart(self) -> Self {
        let life = self.life();
        let (catalog, folder): (_, TempDir) = (self.catalog, self.folder);
        drop(catalog);
        Self::open_in(folder, HashMap::from([(name("noop"), life)]))
    }
}

fn hex(digests: &[Digest]) -> BTreeSet<String> {
    digests.iter().map(|digest| digest.hex()).collect()
}

#[test]
fn versions_are_dropped_but_those_in_use_those_to_go_back_to_and_those_that_are_needed() {
    let (shop, versions) = Shop::with_versions(5);
    let dropped = shop.catalog.drop_versions_but([versions[0]].into());
    assert_eq!(dropped.recv(), Ok(1), "two of five are needed, and two are kept to go back to");
    let plugin = name("noop");
    assert_eq!(shop.next(), CatalogEvent::Dropped { plugin, digest: versions[1] }, "it is told");
    let kept = [versions[0], versions[2], versions[3], versions[4]];
    assert_eq!(shop.kept(), hex(&kept));
}

#[test]
fn nothing_is_kept_of_a_plugin_whose_file_is_gone() {
    let (shop, versions) = Shop::with_versions(2);
    fs::remove_file(shop.path("noop.wasm")).expect("removed");
    assert_eq!(shop.next(), CatalogEvent::Removed { plugin: name("noop") });
    shop.settled();
    assert_eq!(shop.catalog.drop_versions_but([versions[0]].into()).recv(), Ok(1));
    assert_eq!(shop.kept(), hex(&versions[..1]), "a live run needs it");
    assert_eq!(shop.catalog.drop_versions_but([].into()).recv(), Ok(1));
}

#[test]
fn new_runs_go_back_to_the_last_good_version() {
    let (shop, versions) = Shop::with_versions(3);
    shop.crash(versions[2]);
    assert_eq!(shop.quarantined(), versions[2]);
    assert_eq!(shop.rolled_back(), (Some(versions[2]), versions[1]));
    assert_eq!(shop.current(), Some(versions[1]));
    assert!(matches!(shop.state("noop"), PluginState::Quarantined { .. }));
    assert!(shop.catalog.plugin(&name("noop"), &versions[2]).is_none(), "no run uses it");
    assert!(shop.catalog.version(&name("noop"), &versions[2]).is_some(), "it can be looked at");
    // That version crashes as well, and so does the last one.
    shop.crash(versions[1]);
    assert_eq!((shop.quarantined(), shop.rolled_back().1), (versions[1], versions[0]));
    shop.crash(versions[0]);
    assert_eq!(shop.quarantined(), versions[0]);
    shop.settled();
    assert_eq!(shop.current(), None);
}

#[test]
fn a_version_that_is_not_in_memory_is_loaded_to_go_back_to() {
    let (shop, versions) = Shop::with_versions(2);
    let life = shop.life();
    let folder = shop.folder;
    drop(shop.catalog);
    // Another start has only the file's version in memory.
    let shop = Shop::open_in(folder, HashMap::from([(name("noop"), life)]));
    assert_eq!(shop.loaded(), versions[1]);
    shop.settled();
    shop.crash(versions[1]);
    assert_eq!(shop.quarantined(), versions[1]);
    assert_eq!(shop.rolled_back().1, versions[0]);
    assert_eq!(shop.current(), Some(versions[0]));
}

#[test]
fn a_version_whose_bytes_are_lost_is_passed_over() {
    let (shop, versions) = Shop::with_versions(3);
    let lost = shop.folder.path().join(format!("versions/{}.wasm", versions[1].hex()));
    fs::write(lost, "damaged").expect("written");
    let shop = shop.restart();
    assert_eq!(shop.loaded(), versions[2]);
    shop.settled();
    shop.crash(versions[2]);
    assert_eq!((shop.quarantined(), shop.rolled_back().1), (versions[2], versions[0]));
}

#[test]
fn a_quarantine_outlives_a_restart_and_ends_with_a_release() {
    let (shop, versions) = Shop::with_versions(2);
    shop.crash(versions[1]);
    assert_eq!((shop.quarantined(), shop.rolled_back().1), (versions[1], versions[0]));
    let shop = shop.restart();
    shop.settled();
    assert_eq!(shop.current(), Some(versions[0]));
    assert!(matches!(shop.state("noop"), PluginState::Quarantined { .. }));
    let release = |digest| wait_for(shop.catalog.release(&name("noop"), digest));
    assert_eq!(release(Some(versions[0])), Err(ChangeError::NotInQuarantine(versions[0])));
    assert_eq!(release(None), Ok(versions[1]));
    assert_eq!(shop.current(), Some(versions[1]));
    assert_eq!(shop.state("noop"), PluginState::Active);
    assert_eq!(release(None), Err(ChangeError::NothingInQuarantine(name("noop"))));
}

#[test]
fn another_file_is_used_and_the_same_content_stays_in_quarantine() {
    let (shop, versions) = Shop::with_versions(2);
    shop.crash(versions[1]);
    assert_eq!((shop.quarantined(), shop.rolled_back().1), (versions[1], versions[0]));
    let one = component("noop");
    shop.swap("noop.wasm", &other_version(&one, 9));
    let third = shop.loaded();
    assert_eq!(shop.current(), Some(third));
    shop.swap("noop.wasm", &other_version(&one, 2));
    assert_eq!(shop.loaded(), versions[1]);
    shop.settled();
    assert_eq!(shop.current(), Some(third), "what was in use stays in use");
}

#[test]
fn people_can_go_back_and_forth() {
    let (shop, versions) = Shop::with_versions(3);
    let roll_back = |digest| wait_for(shop.catalog.roll_back(&name("noop"), digest));
    assert_eq!(roll_back(None), Ok(versions[1]));
    assert_eq!(shop.state("noop"), PluginState::RolledBack);
    assert_eq!(roll_back(None), Ok(versions[0]));
    assert_eq!(roll_back(None), Err(ChangeError::NothingOlder(name("noop"))));
    assert_eq!(roll_back(Some(versions[0])), Err(ChangeError::InUse(versions[0])));
    assert_eq!(roll_back(Some(versions[2])), Ok(versions[2]));
    assert_eq!(shop.state("noop"), PluginState::Active);
    let never = Digest::of(b"never");
    let unknown = ChangeError::NoVersion { plugin: name("noop"), digest: never };
    assert_eq!(roll_back(Some(never)), Err(unknown));
    shop.crash(versions[0]);
    while !matches!(shop.next(), CatalogEvent::Quarantined { .. }) {}
    let held = ChangeError::InQuarantine { plugin: name("noop"), digest: versions[0] };
    assert_eq!(roll_back(Some(versions[0])), Err(held));
    let other = wait_for(shop.catalog.roll_back(&name("other"), None));
    assert_eq!(other, Err(ChangeError::NoFile(name("other"))));
}

#[test]
fn a_roll_back_by_hand_outlives_a_restart_and_ends_with_another_file() {
    let (shop, versions) = Shop::with_versions(2);
    let rolled_back = wait_for(shop.catalog.roll_back(&name("noop"), None));
    assert_eq!(rolled_back, Ok(versions[0]));
    let shop = shop.restart();
    shop.settled();
    assert_eq!(shop.current(), Some(versions[0]));
    assert_eq!(shop.state("noop"), PluginState::RolledBack);
    shop.swap("noop.wasm", &other_version(&component("noop"), 7));
    let third = shop.loaded();
    assert_eq!(shop.current(), Some(third));
}

#[test]
fn a_version_that_cannot_be_loaded_any_more_is_told_to_who_wants_it() {
    let (shop, versions) = Shop::with_versions(2);
    let shop = shop.restart();
    shop.settled();
    let lost = shop.folder.path().join(format!("versions/{}.wasm", versions[0].hex()));
    fs::remove_file(lost).expect("removed");
    let error = wait_for(shop.catalog.roll_back(&name("noop"), None)).expect_err("lost");
    assert!(
        matches!(&error, ChangeError::Broken { digest, .. } if *digest == versions[0]),
        "{error}"
    );
    assert_eq!(shop.current(), Some(versions[1]), "what was in use stays in use");
}

#[test]
fn a_file_that_broke_while_there_was_no_host_leaves_the_last_good_version_in_use() {
    let (shop, versions) = Shop::with_versions(1);
    let life = shop.life();
    let file = shop.path("noop.wasm");
    let folder = shop.folder;
    drop(shop.catalog);
    fs::write(file, "no component").expect("written");
    let shop = Shop::open_in(folder, HashMap::from([(name("noop"), life)]));
    let reason = shop.refusal();
    assert!(reason.contains("no WebAssembly file"), "{reason}");
    shop.settled();
    assert_eq!(shop.current(), Some(versions[0]));
    assert!(matches!(shop.state("noop"), PluginState::Refused { .. }));
}

#[test]
fn a_file_that_went_away_while_there_was_no_host_is_told() {
    let (shop, _) = Shop::with_versions(1);
    let life = shop.life();
    let file = shop.path("noop.wasm");
    let folder = shop.folder;
    drop(shop.catalog);
    fs::remove_file(file).expect("removed");
    let shop = Shop::open_in(folder, HashMap::from([(name("noop"), life)]));
    assert_eq!(shop.next(), CatalogEvent::Removed { plugin: name("noop") });
    assert_eq!(shop.state("noop"), PluginState::Removed);
}

/// Waits for an answer of the catalog.
fn wait_for<T>(answer: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(answer)
}
