//! What is kept and what goes.

use std::time::Duration;

use proptest::prelude::*;
use taskloom_core::failure::Outcome;
use taskloom_core::id::Digest;
use taskloom_core::time::Timestamp;
use taskloom_store::{ArtefactRow, Batch, Error, Retention, RunFilter, Store};

use crate::conformance::{assert_healthy, pages};
use crate::script::{
    Script, batch, json, log_line, put, run_id, sqlite_without_sync, task_id, text,
};

/// Later than whatever is made up, and than the clock by which payloads are kept.
const LATER: Timestamp = Timestamp::from_ms(i64::MAX / 4);

const EVERYTHING: Retention = Retention {
    finished_age: Some(Duration::ZERO),
    finished_max: None,
    bytes_max: None,
    log_age: None,
    cached_age: None,
    grace: Duration::ZERO,
};

const NOTHING: Retention = Retention { finished_age: None, ..EVERYTHING };

/// A run with an output of its own that is too long for an event.
fn finished(store: &Store, number: u64) -> String {
    let output = format!("\"{number}{}\"", "x".repeat(5_000));
    let mut run = Script::new(number, "triage");
    let appends = vec![
        run.start(),
        run.claim("fetch", 1),
        run.succeed("fetch", 1, &json(&output)),
        run.finish(Outcome::Succeeded),
    ];
    let mut all = batch(appends);
    all.payloads.push(text(&output));
    store.commit_and_wait(all).expect("commits");
    output
}

fn is_kept(store: &Store, text: &str) -> bool {
    store.payload(&Digest::of(text.as_bytes())).expect("reads").is_some()
}

fn ids(store: &Store) -> Vec<u64> {
    let runs = pages(store, &RunFilter::default(), 100);
    let mut ids: Vec<_> = runs.iter().map(|run| run.started_at.as_ms().unsigned_abs()).collect();
    ids.reverse();
    ids
}

#[test]
fn the_oldest_finished_runs_go_with_all_they_left() {
    let (place, mut live) = (sqlite_without_sync(), Script::new(3, "triage"));
    let store = place.open();
    let outputs: Vec<_> = (1..=2).map(|number| finished(&store, number)).collect();
    put(&store, live.start()).expect("no conflict");
    let more: Vec<_> = (4..=5).map(|number| finished(&store, number)).collect();
    store.append_logs(vec![log_line(run_id(1), "fetch", 1, 1)]);
    store.flush().expect("writes");
    let policy = Retention { finished_max: Some(2), ..NOTHING };
    assert_eq!(store.retain(&policy, LATER).expect("retains").runs, 2);
    assert_eq!(ids(&store), [3, 4, 5]);
    assert_eq!(store.run_events(run_id(1), 0, 9).expect("reads"), []);
    assert_healthy(&store);
    let swept = store.retain(&policy, LATER).expect("retains");
    assert_eq!((swept.runs, swept.payloads), (0, 2));
    assert!(outputs.iter().all(|output| !is_kept(&store, output)));
    assert!(more.iter().all(|output| is_kept(&store, output)));
    put(&store, live.cancel()).expect("no conflict");
    assert_healthy(&store);
}

#[test]
fn a_young_run_and_a_young_key_stay() {
    let place = sqlite_without_sync();
    let store = place.open();
    for number in 1..=2 {
        let mut run = Script::new(number, "triage");
        if number == 1 {
            run = run.with_key("k", "request");
        }
        put(&store, run.start()).expect("no conflict");
        put(&store, run.finish(Outcome::Failed)).expect("no conflict");
    }
    let at = |hours: i64| Timestamp::from_ms(hours * 3_600_000);
    let policy = Retention { finished_age: Some(Duration::from_secs(3_600)), ..EVERYTHING };
    assert_eq!(store.retain(&policy, at(1)).expect("retains").runs, 0);
    assert_eq!(store.retain(&policy, at(2)).expect("retains").runs, 1);
    assert_eq!(ids(&store), [1], "a repeated request still gets its run");
    assert_eq!(store.retain(&policy, at(25)).expect("retains").runs, 1);
    assert_healthy(&store);
}

#[test]
fn what_a_live_run_needs_stays() {
    let place = sqlite_without_sync();
    let store = place.open();
    (1..=3).for_each(|number| _ = finished(&store, number));
    let mut child = Script::new(4, "triage");
    child.row.parent = Some(run_id(1));
    let mut rerun = Script::new(5, "triage");
    rerun.row.rerun_of = Some(run_id(2));
    store.commit_and_wait(batch(vec![child.start(), rerun.start()])).expect("commits");
    let held = store.delete_run(run_id(1)).expect_err("is needed");
    assert!(matches!(held, Error::RunHeld { by, .. } if by == run_id(4)), "{held}");
    assert_eq!(store.retain(&EVERYTHING, LATER).expect("retains").runs, 1);
    assert_eq!(ids(&store), [1, 2, 4, 5]);
    put(&store, child.finish(Outcome::Succeeded)).expect("no conflict");
    put(&store, rerun.finish(Outcome::Succeeded)).expect("no conflict");
    assert_eq!(store.retain(&EVERYTHING, LATER).expect("retains").runs, 4);
    assert_healthy(&store);
}

#[test]
fn a_run_is_deleted_by_name_once_it_has_ended() {
    let (place, mut run) = (sqlite_without_sync(), Script::new(1, "triage"));
    let store = place.open();
    assert!(matches!(store.delete_run(run_id(1)), Err(Error::RunUnknown { .. })));
    put(&store, run.start()).expect("no conflict");
    assert!(matches!(store.delete_run(run_id(1)), Err(Error::RunLive { .. })));
    put(&store, run.finish(Outcome::Failed)).expect("no conflict");
    store.delete_run(run_id(1)).expect("has ended");
    assert_eq!(store.run(run_id(1)).expect("reads"), None);
    // A cursor is never given out twice.
    put(&store, Script::new(2, "triage").start()).expect("no conflict");
    assert_eq!(store.run_events(run_id(2), 0, 1).expect("reads")[0].cursor, 3);
    assert_healthy(&store);
}

#[test]
fn the_database_shrinks_to_what_it_may_use() {
    let place = sqlite_without_sync();
    let store = place.open();
    (1..=200).for_each(|number| _ = finished(&store, number));
    let full = store.bytes_used().expect("measures");
    let policy = Retention { bytes_max: Some(full / 2), ..NOTHING };
    let first = store.retain(&policy, LATER).expect("retains");
    let second = store.retain(&policy, LATER).expect("retains");
    assert!((50..=180).contains(&first.runs), "{first:?}");
    assert!(second.pages > 50, "{second:?}");
    let used = store.bytes_used().expect("measures");
    assert!(used <= full * 6 / 10, "{full} became {used}: {first:?} {second:?}");
    assert_eq!(ids(&store).last(), Some(&200));
    assert_healthy(&store);
}

#[test]
fn artefacts_go_with_their_last_run() {
    let place = sqlite_without_sync();
    let store = place.open();
    (1..=2).for_each(|number| _ = finished(&store, number));
    let put = |bytes: &[u8]| store.put_artefact(bytes).expect("writes");
    let row = |run: u64, digest| ArtefactRow {
        run: run_id(run),
        task: task_id("fetch"),
        attempt: 1,
        name: "a".to_owned(),
        media_type: "text/plain".to_owned(),
        bytes: 1,
        digest,
    };
    let (shared, own) = (put(b"shared"), put(b"own"));
    let mut other = row(1, own);
    other.name = "b".to_owned();
    let artefacts = vec![row(1, shared), other, row(2, shared)];
    store.commit_and_wait(Batch { artefacts, ..Batch::default() }).expect("commits");
    store.delete_run(run_id(1)).expect("has ended");
    let kept = Retention { grace: Duration::from_secs(3_600), ..NOTHING };
    assert_eq!(store.retain(&kept, LATER).expect("retains").artefacts, 0, "it is young");
    assert_eq!(store.retain(&NOTHING, LATER).expect("retains").artefacts, 1);
    assert!(store.open_artefact(&shared).expect("reads").is_some());
    assert!(store.open_artefact(&own).expect("reads").is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_live_stays_readable(
        history in prop::collection::vec((0..4_u8, any::<bool>(), any::<bool>()), 1..30),
        max in 0..10_u64,
    ) {
        let place = sqlite_without_sync();
        let store = place.open();
        let mut live = vec![];
        for (number, (output, ends, pass)) in (1_u64..).zip(history) {
            let output = format!("\"{output}{}\"", "y".repeat(2_000));
            let mut run = Script::new(number, "triage");
            let mut appends = vec![run.start(), run.claim("fetch", 1)];
            appends.push(run.succeed("fetch", 1, &json(&output)));
            let mut all = batch(if ends {
                appends.push(run.finish(Outcome::Failed));
                appends
            } else {
                appends
            });
            all.payloads.push(text(&output));
            store.commit_and_wait(all).expect("commits");
            if !ends {
                live.push((number, output));
            }
            if pass {
                let policy = Retention { finished_max: Some(max), ..NOTHING };
                store.retain(&policy, LATER).expect("retains");
            }
        }
        for (number, output) in live {
            prop_assert!(is_kept(&store, &output));
            prop_assert_eq!(store.run_events(run_id(number), 0, 9).expect("reads").len(), 3);
        }
        assert_healthy(&store);
    }
}
