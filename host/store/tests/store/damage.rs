//! What the store says when its folder or its file is not what it should be.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rusqlite::Connection;
use taskloom_core::id::Digest;
use taskloom_store::{Batch, Conflict, Error, Options, SCHEMA_VERSION, Store};
use tempfile::TempDir;

use crate::conformance::assert_healthy;
use crate::script::{Script, batch, put, text};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn open(folder: &Path) -> Result<Store, Error> {
    Store::open(folder, Options::default())
}

/// Opens a folder that must not open, and gives the error without the folder's name.
fn refusal(folder: &Path) -> (Error, String) {
    let error = open(folder).err().expect("does not open");
    let message = error.to_string().replace(&folder.display().to_string(), "DATA");
    (error, message)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("exists").permissions().mode() & 0o777
}

#[test]
fn a_new_folder_is_for_its_owner_only() {
    let parent = folder();
    let data = parent.path().join("a/b");
    let store = open(&data).expect("opens");
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(store.path()), 0o600);
}

#[test]
fn a_second_host_is_told_who_holds_the_folder() {
    let data = folder();
    let first = open(data.path()).expect("opens");
    let (error, message) = refusal(data.path());
    assert!(matches!(error, Error::HostLocked { pid: Some(pid), .. } if pid == std::process::id()));
    assert!(message.contains("`DATA` is in use by another taskloom, process"), "{message}");
    drop(first);
    open(data.path()).expect("opens");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let parent = folder();
    let data = parent.path().join("file");
    fs::write(&data, "").expect("writes");
    let (error, message) = refusal(&data);
    assert!(matches!(error, Error::Folder { .. }), "{error:?}");
    assert!(message.starts_with("cannot use the data folder `DATA`: "), "{message}");
}

#[test]
fn a_folder_without_write_permission_is_named() {
    let data = folder();
    fs::set_permissions(data.path(), fs::Permissions::from_mode(0o500)).expect("sets");
    // The superuser may write everywhere: then there is nothing to refuse.
    if fs::write(data.path().join("probe"), "").is_ok() {
        return;
    }
    let (error, message) = refusal(data.path());
    assert!(matches!(error, Error::Folder { .. }), "{error:?}");
    assert!(message.contains("`DATA`"), "{message}");
}

#[test]
fn a_newer_database_is_left_alone() {
    let data = folder();
    open(data.path()).expect("opens").close();
    let path = data.path().join("taskloom.db");
    let sql = format!("PRAGMA user_version = {}", SCHEMA_VERSION + 1);
    Connection::open(&path).and_then(|connection| connection.execute_batch(&sql)).expect("writes");
    let before = fs::read(&path).expect("reads");
    let (error, message) = refusal(data.path());
    assert!(matches!(error, Error::Newer { .. }), "{error:?}");
    assert!(message.contains("start the newer taskloom again"), "{message}");
    assert_eq!(fs::read(&path).expect("reads"), before);
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let data = folder();
    fs::write(data.path().join("taskloom.db"), "to whom it may concern".repeat(100))
        .expect("writes");
    let (error, message) = refusal(data.path());
    assert!(matches!(error, Error::Foreign { .. }), "{error:?}");
    assert!(message.contains("`DATA/taskloom.db` is no Taskloom database"), "{message}");
}

#[test]
fn a_database_of_another_application_is_refused() {
    let data = folder();
    Connection::open(data.path().join("taskloom.db"))
        .and_then(|connection| connection.execute_batch("CREATE TABLE photo (x)"))
        .expect("writes");
    let (error, message) = refusal(data.path());
    assert!(matches!(error, Error::Foreign { .. }), "{error:?}");
    assert!(message.contains("another application"), "{message}");
}

#[test]
fn a_damaged_file_is_refused() {
    let data = folder();
    let store = open(data.path()).expect("opens");
    for number in 1..=200 {
        put(&store, Script::new(number, "triage").start()).expect("no conflict");
    }
    store.close();
    let path = data.path().join("taskloom.db");
    let mut bytes = fs::read(&path).expect("reads");
    let second_half = bytes.len() / 2;
    bytes[second_half..].fill(0xa5);
    fs::write(&path, bytes).expect("writes");
    let (error, message) = refusal(data.path());
    assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
    assert!(message.contains("`DATA/taskloom.db` is damaged"), "{message}");
}

#[test]
fn a_payload_that_was_changed_is_not_handed_out() {
    let data = folder();
    let store = open(data.path()).expect("opens");
    let payloads = vec![text("[1]")];
    store.commit_and_wait(Batch { payloads, ..Batch::default() }).expect("commits");
    Connection::open(store.path())
        .and_then(|connection| connection.execute_batch("UPDATE payload SET body = '[2]'"))
        .expect("writes");
    let error = store.payload(&Digest::of(b"[1]")).expect_err("is damaged");
    assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
    assert_eq!(store.check().expect("reads").len(), 1);
}

#[test]
fn a_full_database_refuses_and_goes_on_when_there_is_room() {
    let data = folder();
    let options = Options { bytes_max: Some(512 * 1024), ..Options::default() };
    let store = Store::open(data.path(), options).expect("opens");
    let mut run = Script::new(1, "triage");
    put(&store, run.start()).expect("no conflict");
    let large = "x".repeat(1024 * 1024);
    let mut rejected = run.clone();
    let full = Batch {
        payloads: vec![text(&large)],
        appends: vec![rejected.cancel()],
        ..Batch::default()
    };
    let error = store.commit_and_wait(full).expect_err("is full");
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    assert_eq!(put(&store, run.cancel()), Ok(2));
    assert_healthy(&store);
}

#[test]
fn every_batch_of_a_failed_transaction_is_told() {
    let data = folder();
    let options = Options { bytes_max: Some(512 * 1024), ..Options::default() };
    let store = Store::open(data.path(), options).expect("opens");
    let (sender, receiver) = std::sync::mpsc::channel();
    let large = "x".repeat(1024 * 1024);
    let (hold, held) = std::sync::mpsc::channel::<()>();
    // While the writer is held, the next three meet in one transaction.
    store.commit(Batch::default(), move |_| _ = held.recv());
    let mut run = Script::new(1, "triage");
    for batch in [
        batch(vec![run.start()]),
        Batch { payloads: vec![text(&large)], ..Batch::default() },
        batch(vec![run.cancel()]),
    ] {
        let sender = sender.clone();
        store.commit(batch, move |answer| sender.send(answer).expect("is awaited"));
    }
    drop(hold);
    for _ in 0..3 {
        let error = receiver.recv().expect("is answered").expect_err("is full");
        assert!(matches!(error, Error::Full { .. }), "{error:?}");
    }
    assert_eq!(store.run(run.id()).expect("reads"), None);
}

#[test]
fn an_event_that_somebody_else_wrote_rejects_the_next_append_to_its_run_alone() {
    let data = folder();
    let store = open(data.path()).expect("opens");
    let (mut run, mut other) = (Script::new(1, "triage"), Script::new(2, "triage"));
    put(&store, run.start()).expect("no conflict");
    // By a program that takes no lock, such as `sqlite3`.
    Connection::open(store.path())
        .and_then(|connection| {
            connection.execute_batch(
                "INSERT INTO event (stream, seq, at, kind, body)
                 SELECT stream, 2, at, 'run-timed-out', '\"RunTimedOut\"' FROM event WHERE seq = 1",
            )
        })
        .expect("writes");
    let committed = store.commit_and_wait(batch(vec![run.cancel(), other.start()]));
    let conflict = Err(Conflict::Sequence { expected: 1, found: 2 });
    assert_eq!(committed.expect("commits").appends, [conflict, Ok(1)]);
    run.seq = 2;
    assert_eq!(put(&store, run.cancel()), Ok(3));
    assert_healthy(&store);
}
