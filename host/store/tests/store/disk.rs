//! What a full or a broken disk does, at every single write and sync: nothing that was acknowledged is lost,
//! nothing is half there, and the next open is clean.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{TryRecvError, channel};

use taskloom_core::failure::Outcome;
use taskloom_store::{Error, Options, Store};
use tempfile::TempDir;

use crate::bad_disk::{self, Fault};
use crate::conformance::assert_healthy;
use crate::script::{Script, batch, json, run_id, text};

/// Says that this process may install the failing file system.
const ALONE: &str = "TASKLOOM_TEST_BAD_DISK";

/// Runs that are written in each round; enough for the log to be written in every way.
const RUNS: u64 = 3;

/// Commits that come while the disk is slow.
const MEANWHILE: u64 = 20;

#[test]
fn a_disk_that_fails_at_any_write_or_sync_loses_nothing() {
    // The file system is a process's default: the other tests must not have it.
    let mut command = Command::new(std::env::current_exe().expect("known"));
    command.args(["--exact", "disk::alone", "--nocapture", "--test-threads=1"]).env(ALONE, "1");
    let output = command.output().expect("starts");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let rounds = told.split_once("failed at ").and_then(|(_, rest)| rest.split_once(" places"));
    let rounds: u64 = rounds.expect("it says so").0.parse().expect("a number");
    assert!(rounds >= 100, "only {rounds} places to fail at");
}

/// Not a test of its own: what runs on the failing file system. Does nothing otherwise.
#[test]
fn alone() {
    if std::env::var(ALONE).is_err() {
        return;
    }
    bad_disk::install();
    let whole = operations_of_a_round();
    let mut rounds = 0;
    for fault in Fault::ALL {
        for n in 0..whole {
            round(fault, n);
            rounds += 1;
        }
    }
    println!("failed at {rounds} places");
}

#[test]
fn a_slow_disk_acknowledges_nothing_early_and_what_comes_meanwhile_meets() {
    let mut command = Command::new(std::env::current_exe().expect("known"));
    command.args(["--exact", "disk::alone_on_a_slow_disk", "--nocapture", "--test-threads=1"]);
    let output = command.env(ALONE, "1").output().expect("starts");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("20 commits met in 1 transaction"), "{told}");
}

/// Not a test of its own: what runs on the slow file system. Does nothing otherwise.
#[test]
fn alone_on_a_slow_disk() {
    if std::env::var(ALONE).is_err() {
        return;
    }
    bad_disk::install();
    let folder = folder();
    let store = open(folder.path());
    let (sender, receiver) = channel();
    let commit = |number: u64| {
        let (sender, start) = (sender.clone(), Script::new(number, "triage").start());
        store.commit(batch(vec![start]), move |answer| {
            answer.expect("commits");
            sender.send(number).expect("is awaited");
        });
    };
    bad_disk::hold();
    commit(0);
    bad_disk::held_up();
    let before = store.stats();
    (1..=MEANWHILE).for_each(commit);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty), "acknowledged before it was on disk");
    // Who reads waits for no disk, and sees nothing that may still be lost.
    assert_eq!(store.run(run_id(0)).expect("reads"), None);
    bad_disk::let_go();
    let told: Vec<u64> = receiver.iter().take(1 + MEANWHILE as usize).collect();
    assert!(told.iter().copied().eq(0..=MEANWHILE), "{told:?}");
    let transactions = store.stats().transactions - before.transactions - 1;
    println!("{MEANWHILE} commits met in {transactions} transaction");
    assert_healthy(&store);
}

/// In memory where that is possible: a store fills its log when it is opened.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

/// How many writes and syncs a round has when nothing fails.
fn operations_of_a_round() -> u64 {
    let folder = folder();
    let store = open(folder.path());
    let before = bad_disk::operations();
    for number in 1..=RUNS {
        write_run(&store, number).expect("nothing fails");
    }
    bad_disk::operations() - before
}

/// Writes until the disk fails, and looks at what is left.
fn round(fault: Fault, n: u64) {
    let folder = folder();
    let store = open(folder.path());
    bad_disk::fail_at(n, fault);
    let mut acknowledged = vec![];
    let mut failed = None;
    for number in 1..=RUNS {
        match write_run(&store, number) {
            Ok(seq) => acknowledged.push((number, seq)),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let place = format!("{fault:?} at operation {n}");
    let goes_on = write_run(&store, 1_000);
    match (&failed, fault) {
        // The log was written by the checkpointer, which tries again later.
        (None, _) => {}
        (Some(Error::Full { .. }), Fault::Full) => {
            assert!(matches!(goes_on, Err(Error::Full { .. })), "{place}: {goes_on:?}");
            bad_disk::repair();
            let seq = write_run(&store, 1_001).unwrap_or_else(|error| panic!("{place}: {error}"));
            acknowledged.push((1_001, seq));
        }
        (Some(Error::Io { .. }), Fault::Write | Fault::Sync) => {
            assert!(matches!(goes_on, Err(Error::Stopped { .. })), "{place}: {goes_on:?}");
        }
        (Some(error), _) => panic!("{place}: {error:?}"),
    }
    bad_disk::repair();
    store.close();
    check(folder.path(), &acknowledged, &place);
}

/// Everything that was acknowledged is there, and what is there is sound.
fn check(folder: &Path, acknowledged: &[(u64, u64)], place: &str) {
    let store = open(folder);
    for (number, seq) in acknowledged {
        let events = store.run_events(run_id(*number), 0, 100).expect("reads");
        let found = events.last().map(|stored| stored.seq);
        assert_eq!(found, Some(*seq), "{place}: run {number}");
    }
    assert_healthy(&store);
}

fn open(folder: &Path) -> Store {
    Store::open(folder, Options::default()).expect("opens")
}

/// Writes a run in several commits, with a text that fills pages; gives the number of its last event.
fn write_run(store: &Store, number: u64) -> Result<u64, Error> {
    let mut run = Script::new(number, "triage");
    let large = format!("\"{number} {}\"", "x".repeat(9_000));
    let mut first = batch(vec![run.start(), run.claim("fetch", 1)]);
    first.payloads.push(text(&large));
    store.commit_and_wait(first)?;
    let last = batch(vec![run.succeed("fetch", 1, &json(&large)), run.finish(Outcome::Succeeded)]);
    let committed = store.commit_and_wait(last)?;
    Ok(committed.appends[1].clone().expect("no conflict"))
}
