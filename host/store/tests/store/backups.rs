//! Copies of a store, and what an examination of one shows.

use std::fs;
use std::path::{Path, PathBuf};

use taskloom_core::failure::Outcome;
use taskloom_core::id::Digest;
use taskloom_store::{
    ArtefactRow, Batch, Error, MissingVersion, Options, Severity, Store, backup, examine, restore,
};

use crate::conformance::assert_healthy;
use crate::script::{Script, plugin, put, run_id, task_id};

fn open(folder: &Path) -> Store {
    Store::open(folder, Options::default()).expect("opens")
}

fn fill(store: &Store) {
    let mut run = Script::new(1, "triage");
    put(store, run.start()).expect("no conflict");
    let digest = store.put_artefact(b"bytes").expect("writes");
    let row = ArtefactRow {
        run: run_id(1),
        task: task_id("fetch"),
        attempt: 1,
        name: "a".to_owned(),
        media_type: "text/plain".to_owned(),
        bytes: 5,
        digest,
    };
    store.commit_and_wait(Batch { artefacts: vec![row], ..Batch::default() }).expect("commits");
    put(store, run.finish(Outcome::Succeeded)).expect("no conflict");
}

#[test]
fn a_copy_made_beside_the_host_takes_the_place_of_a_later_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
    let store = open(&data);
    fill(&store);
    let copied = backup(&data, &copy).expect("copies");
    assert_eq!((copied.artefacts, copied.artefacts_missing), (1, 0));
    put(&store, Script::new(2, "triage").start()).expect("no conflict");
    let again = backup(&data, &copy).expect_err("is there");
    assert!(matches!(again, Error::BackupExists { .. }), "{again}");
    let in_use = restore(&copy, &data).expect_err("a host uses it");
    assert!(matches!(in_use, Error::HostLocked { .. }), "{in_use}");
    store.close();

    let restored = restore(&copy, &data).expect("restores");
    assert!(restored.replaced.expect("there was one").is_file());
    let store = open(&data);
    assert!(store.run(run_id(1)).expect("reads").is_some());
    assert!(store.run(run_id(2)).expect("reads").is_none());
    let artefact = &store.artefacts(run_id(1)).expect("reads")[0];
    assert!(store.open_artefact(&artefact.digest).expect("reads").is_some());
    assert_healthy(&store);
}

/// Keeps a version of a plugin as a host does.
fn keep(data: &Path, bytes: &[u8], signature: Option<&str>) -> PathBuf {
    let path = data.join("plugins").join(format!("{}.wasm", Digest::of(bytes).hex()));
    fs::create_dir_all(path.parent().expect("a folder")).expect("makes");
    fs::write(&path, bytes).expect("writes");
    if let Some(signature) = signature {
        fs::write(signature_of(&path), signature).expect("writes");
    }
    path
}

fn signature_of(version: &Path) -> PathBuf {
    version.with_extension("wasm.minisig")
}

#[test]
fn a_copy_has_the_kept_versions_of_plugins_with_their_signatures() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
    let store = open(&data);
    put(&store, Script::new(1, "triage").start()).expect("no conflict");
    let (pinned, signed) = (keep(&data, b"plugin", None), keep(&data, b"other", Some("old")));
    let damaged = keep(&data, b"whole", None);
    fs::write(&damaged, "broken").expect("writes");
    let copied = backup(&data, &copy).expect("copies");
    assert_eq!((copied.versions, copied.versions_missing), (2, 0));
    store.close();

    fs::remove_file(&pinned).expect("removes");
    fs::write(signature_of(&signed), "new").expect("writes");
    let restored = restore(&copy, &data).expect("restores");
    assert_eq!((restored.versions, restored.versions_missing), (2, 0));
    assert_eq!(fs::read(&pinned).expect("is back"), b"plugin");
    assert_eq!(fs::read(signature_of(&signed)).expect("is there"), b"new", "what is there stays");
    assert_eq!(fs::read(&damaged).expect("is there"), b"broken");
    fs::remove_dir_all(data.join("plugins")).expect("removes");
    restore(&copy, &data).expect("restores");
    assert_eq!(fs::read(signature_of(&signed)).expect("is back"), b"old");
    assert!(!damaged.exists());
}

#[test]
fn a_version_that_a_live_run_keeps_and_nobody_has_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
    let (store, mut ended) = (open(&data), Script::new(3, "triage"));
    for mut run in [Script::new(1, "triage"), Script::new(2, "triage")] {
        put(&store, run.start()).expect("no conflict");
    }
    put(&store, ended.start()).expect("no conflict");
    put(&store, ended.finish(Outcome::Failed)).expect("no conflict");
    let place = keep(&data, b"plugin", None);
    assert_eq!(examine(&data).expect("reads").missing_versions, []);
    fs::remove_file(&place).expect("removes");
    let missing = MissingVersion {
        plugin: plugin("text"),
        digest: Digest::of(b"plugin"),
        place,
        run: run_id(1),
        runs: 2,
    };
    assert_eq!(examine(&data).expect("reads").missing_versions, [missing]);
    assert_eq!(backup(&data, &copy).expect("copies").versions_missing, 1);
}

#[test]
fn a_copy_that_is_no_database_is_refused_before_anything_is_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
    let nothing = restore(&copy, &data).expect_err("there is none");
    assert!(matches!(nothing, Error::NoStore { .. }), "{nothing}");
    fs::create_dir(&copy).expect("makes");
    fs::write(copy.join("taskloom.db"), "no database".repeat(1_000)).expect("writes");
    let foreign = restore(&copy, &data).expect_err("is no database");
    assert!(matches!(foreign, Error::Foreign { .. }), "{foreign}");
    assert!(!data.exists());
}

#[test]
fn an_examination_reads_beside_the_host_and_finds_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    fill(&store);
    let found = examine(folder.path()).expect("reads");
    assert!(found.host_is_running && found.findings.is_empty(), "{found:?}");
    assert!(found.sizes.iter().any(|(name, bytes)| name == "event" && *bytes > 0));
    store.close();
    for inner in fs::read_dir(folder.path().join("artefacts")).expect("reads") {
        fs::remove_dir_all(inner.expect("reads").path()).expect("removes");
    }
    let found = examine(folder.path()).expect("reads");
    assert!(!found.host_is_running && !found.is_sound());
    assert_eq!(found.findings[0].severity, Severity::Error);
    let none = examine(&folder.path().join("nowhere")).expect_err("there is none");
    assert!(matches!(none, Error::NoStore { .. }), "{none}");
}
