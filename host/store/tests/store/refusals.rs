//! What plugins were refused: the part of the suite that lists it, and what becomes of it.

use rusqlite::Connection;
use taskloom_core::failure::Outcome;
use taskloom_store::{Cursor, RefusalRow, Store};

use crate::conformance::{assert_healthy, follow};
use crate::script::{Opener, Script, batch, plugin, put, sqlite_without_sync};

/// All that a plugin was refused, read page by page.
pub(crate) fn refusals(store: &Store, name: &str, limit: usize) -> Vec<RefusalRow> {
    follow(|after: Option<Cursor>| {
        // Through its text, as a client sends it.
        let after = after.map(|cursor| cursor.to_string().parse().expect("a cursor"));
        let page = store.refusals(&plugin(name), after, limit).expect("reads");
        assert!(page.items.len() <= limit);
        page
    })
}

/// Starts a run and has attempts of it refused something; gives the rows, the newest first.
fn refused(store: &Store, run: &mut Script, attempts: u32) -> Vec<RefusalRow> {
    put(store, run.start()).expect("no conflict");
    let mut rows = vec![];
    for number in 1..=attempts {
        put(store, run.claim("fetch", number)).expect("no conflict");
        let append = run.refuse("fetch", number, &["one", "two", "three"]);
        rows.extend(append.refusals.clone());
        put(store, append).expect("no conflict");
    }
    rows.reverse();
    rows
}

pub(super) fn refusals_are_listed_newest_first(open: Opener) {
    let place = open();
    let store = place.open();
    let old = refused(&store, &mut Script::new(1, "triage"), 2);
    let new = refused(&store, &mut Script::new(101, "triage"), 1);
    let all = [new, old].concat();
    for limit in [1, 2, 100] {
        assert_eq!(refusals(&store, "text", limit), all);
    }
    assert_eq!(refusals(&store, "other", 1), []);
    assert_healthy(&store);
    drop(store);
    assert_eq!(refusals(&place.open(), "text", 4), all, "a restart changes nothing");
}

pub(super) fn a_rejected_append_leaves_no_refusal(open: Opener) {
    let (place, mut run) = (open(), Script::new(1, "triage"));
    let store = place.open();
    put(&store, run.start()).expect("no conflict");
    let mut stale = run.refuse("fetch", 1, &["one"]);
    stale.expected_seq = 7;
    put(&store, stale).expect_err("a conflict");
    assert_eq!(refusals(&store, "text", 9), []);
    assert_healthy(&store);
}

#[test]
fn refusals_go_with_their_run() {
    let (place, mut run, mut live) =
        (sqlite_without_sync(), Script::new(1, "triage"), Script::new(2, "triage"));
    let store = place.open();
    refused(&store, &mut run, 300);
    put(&store, run.finish(Outcome::Failed)).expect("no conflict");
    let kept = refused(&store, &mut live, 1);
    store.delete_run(run.id()).expect("has ended");
    assert_eq!(refusals(&store, "text", 1_000), kept);
    assert_healthy(&store);
}

#[test]
fn what_is_left_of_a_run_that_is_being_deleted_is_not_listed() {
    let (place, mut run) = (sqlite_without_sync(), Script::new(1, "triage"));
    let store = place.open();
    refused(&store, &mut run, 1);
    store.commit_and_wait(batch(vec![run.finish(Outcome::Failed)])).expect("commits");
    // As a deletion leaves it that was interrupted after its first step.
    Connection::open(store.path())
        .and_then(|connection| {
            connection.execute_batch("DELETE FROM run; UPDATE stream SET name = id")
        })
        .expect("hides it");
    assert_eq!(refusals(&store, "text", 9), []);
    assert_healthy(&store);
}
