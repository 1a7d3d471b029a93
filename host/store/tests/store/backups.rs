//! Copies of a store, and what an examination of one shows.

use std::fs;

use taskloom_core::failure::Outcome;
use taskloom_store::{
    ArtefactRow, Batch, Error, Options, Severity, Store, backup, examine, restore,
};

use crate::conformance::assert_healthy;
use crate::script::{Script, put, run_id, task_id};

fn open(folder: &std::path::Path) -> Store {
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
