//! What led to a run, artefacts and kept results.

use std::io::Read as _;

use taskloom_core::failure::Outcome;
use taskloom_core::id::{Digest, WorkflowId};
use taskloom_core::journal::Trigger;
use taskloom_core::time::Timestamp;
use taskloom_store::{ArtefactRow, Batch, CachedRow, RunFilter, Store};

use crate::conformance::pages;
use crate::script::{Script, batch, json, put, run_id, sqlite, task_id};

fn artefact(store: &Store, run: u64, name: &str, bytes: &[u8]) -> ArtefactRow {
    ArtefactRow {
        run: run_id(run),
        task: task_id("fetch"),
        attempt: 1,
        name: name.to_owned(),
        media_type: "text/plain".to_owned(),
        bytes: bytes.len() as u64,
        digest: store.put_artefact(bytes).expect("writes"),
    }
}

#[test]
fn runs_are_found_by_what_led_to_them() {
    let place = sqlite();
    let store = place.open();
    let mut appends = vec![];
    for number in 1..=9 {
        let mut run = Script::new(number, "triage");
        run.row.trigger = if number % 3 == 0 { Trigger::Workflow } else { Trigger::Rerun };
        run.row.parent = (number % 3 == 0).then(|| run_id(100));
        run.row.rerun_of = (number % 3 == 1).then(|| run_id(200));
        appends.push(run.start());
        if number > 5 {
            appends.push(run.finish(Outcome::Failed));
        }
    }
    store.commit_and_wait(batch(appends)).expect("commits");
    let list = |filter: RunFilter| -> Vec<_> {
        pages(&store, &filter, 2).into_iter().map(|run| run.id).collect()
    };
    let all = RunFilter::default;
    let children = RunFilter { parent: Some(run_id(100)), ..all() };
    assert_eq!(list(children.clone()), [run_id(9), run_id(6), run_id(3)]);
    let failed = RunFilter { outcome: Some(Outcome::Failed), ..children };
    assert_eq!(list(failed), [run_id(9), run_id(6)]);
    let rerun = RunFilter { rerun_of: Some(run_id(200)), ..all() };
    assert_eq!(list(rerun), [run_id(7), run_id(4), run_id(1)]);
    let triggered = RunFilter { trigger: Some(Trigger::Workflow), ..all() };
    assert_eq!(list(triggered), [run_id(9), run_id(6), run_id(3)]);
    let nothing = RunFilter { trigger: Some(Trigger::Cli), ..all() };
    assert_eq!(list(nothing), []);
}

#[test]
fn the_live_runs_of_a_concurrency_key_come_oldest_first() {
    let place = sqlite();
    let store = place.open();
    for number in [3, 1, 2, 4, 5] {
        let mut run = Script::new(number, if number == 4 { "review" } else { "triage" });
        let key = if number == 5 { "other" } else { "issue-7" };
        run.row.concurrency_key = Some(key.to_owned());
        run.row.trigger_name = Some("nightly".to_owned());
        put(&store, run.start()).expect("no conflict");
        assert_eq!(store.run(run.id()).expect("reads").as_ref(), Some(&run.row));
        if number == 2 {
            put(&store, run.finish(Outcome::Succeeded)).expect("no conflict");
        }
    }
    let triage = WorkflowId::new("triage").expect("valid");
    let live = store.live_of_key(&triage, "issue-7").expect("reads");
    assert_eq!(live.iter().map(|run| run.id).collect::<Vec<_>>(), [run_id(1), run_id(3)]);
}

#[test]
fn an_artefact_is_kept_once_and_listed_by_its_run() {
    let place = sqlite();
    let store = place.open();
    let rows = [artefact(&store, 1, "a.txt", b"same"), artefact(&store, 1, "b.txt", b"same")];
    let mut all = batch(vec![Script::new(1, "triage").start()]);
    all.artefacts = rows.to_vec();
    all.artefacts.push(artefact(&store, 2, "of-no-run.txt", b"other"));
    store.commit_and_wait(all).expect("commits");
    assert_eq!(store.artefacts(run_id(1)).expect("reads"), rows);
    assert_eq!(store.artefacts(run_id(2)).expect("reads"), []);
    let mut text = String::new();
    let file = store.open_artefact(&rows[0].digest).expect("reads");
    file.expect("is there").read_to_string(&mut text).expect("reads");
    assert_eq!(text, "same");
    assert!(store.open_artefact(&Digest::of(b"never put")).expect("reads").is_none());
}

#[test]
fn a_result_is_taken_over_while_it_is_young() {
    let place = sqlite();
    let store = place.open();
    let key = Digest::of(b"key");
    let result = |output: &str, at: i64| CachedRow {
        key,
        output: json(output),
        run: run_id(1),
        task: task_id("fetch"),
        attempt: 2,
        made_at: Timestamp::from_ms(at),
    };
    for (output, at) in [("1", 10), ("2", 20)] {
        let cached = vec![result(output, at)];
        store.commit_and_wait(Batch { cached, ..Batch::default() }).expect("commits");
    }
    drop(store);
    // A restart changes nothing.
    let store = place.open();
    let found = |at| store.cached(&key, Timestamp::from_ms(at)).expect("reads");
    assert_eq!(found(20).expect("is young").attempt, 2);
    assert_eq!(found(20).expect("is young").output.inline_text(), Some("2"));
    assert!(found(21).is_none());
    assert!(store.cached(&Digest::of(b"other"), Timestamp::from_ms(0)).expect("reads").is_none());
}
