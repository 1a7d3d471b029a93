//! Files of runs that are gone stay while a live run refers to them.

use std::time::Duration;

use taskloom_core::failure::Outcome;
use taskloom_core::id::{ContextName, Digest};
use taskloom_core::journal::RunEvent;
use taskloom_core::time::Timestamp;
use taskloom_store::{ArtefactRow, Batch, Retention, Store, backup, examine};

use crate::conformance::assert_healthy;
use crate::script::{Place, Script, batch, json, put, run_id, sqlite_without_sync, task_id, text};

/// Later than whatever is made up.
const LATER: Timestamp = Timestamp::from_ms(i64::MAX / 4);

/// Lets every run go that has ended.
const EVERYTHING: Retention = Retention {
    finished_age: Some(Duration::ZERO),
    finished_max: None,
    bytes_max: None,
    log_age: None,
    cached_age: None,
    grace: Duration::ZERO,
};

/// The runs of these tests: the one that left the file, one between, and the live one.
const LEFT: u64 = 1;
const BETWEEN: u64 = 2;
const LIVE: u64 = 3;

/// How long the output is that names the file: within an event, or a payload of its own.
#[derive(Debug, Clone, Copy)]
enum Output {
    Inline,
    Payload,
}

/// A value that names the file, with the room that it takes.
fn naming(file: Digest, output: Output) -> String {
    let room = match output {
        Output::Inline => 1,
        Output::Payload => 5_000,
    };
    format!(r#"{{"artefact":"{file}","about":"{}"}}"#, "x".repeat(room))
}

/// Commits what a run does, with the value that names the file.
fn commit(store: &Store, value: &str, appends: Vec<taskloom_store::Append>) {
    let mut all = batch(appends);
    if json(value).inline_text().is_none() {
        all.payloads.push(text(value));
    }
    store.commit_and_wait(all).expect("commits");
}

/// A run that left the file, and ended with it as its output.
fn leave(store: &Store, mut run: Script, output: Output) -> (Digest, String) {
    let file = store.put_artefact(b"a file").expect("writes");
    let value = naming(file, output);
    let appends = vec![
        run.start(),
        run.claim("fetch", 1),
        run.succeed("fetch", 1, &json(&value)),
        run.finish(Outcome::Succeeded),
    ];
    commit(store, &value, appends);
    let row = ArtefactRow {
        run: run.id(),
        task: task_id("fetch"),
        attempt: 1,
        name: "a".to_owned(),
        media_type: "text/plain".to_owned(),
        bytes: 6,
        digest: file,
    };
    store.commit_and_wait(Batch { artefacts: vec![row], ..Batch::default() }).expect("commits");
    (file, value)
}

/// The run that took the output over from the first one, and the live one that did from it.
fn reruns(store: &Store, output: Output) -> (Digest, Script) {
    let (file, value) = leave(store, Script::new(LEFT, "triage"), output);
    let reused = |run: &mut Script, of: u64| {
        run.row.rerun_of = Some(run_id(of));
        let (task, from) = (task_id("fetch"), run_id(of));
        let event = RunEvent::TaskReused { task, output: json(&value), from };
        vec![run.start(), run.append(vec![event])]
    };
    let (mut between, mut live) = (Script::new(BETWEEN, "triage"), Script::new(LIVE, "triage"));
    let mut appends = reused(&mut between, LEFT);
    appends.push(between.finish(Outcome::Failed));
    appends.extend(reused(&mut live, BETWEEN));
    commit(store, &value, appends);
    (file, live)
}

/// A live run whose child ended with what a child of that one had left.
fn grandchild(store: &Store, output: Output) -> (Digest, Script) {
    let (mut live, mut child) = (Script::new(LIVE, "triage"), Script::new(BETWEEN, "triage"));
    child.row.parent = Some(live.id());
    commit(store, "{}", vec![live.start(), child.start()]);
    let mut grandchild = Script::new(LEFT, "triage");
    grandchild.row.parent = Some(child.id());
    let (file, value) = leave(store, grandchild, output);
    let ended = |run: u64| RunEvent::ChildEnded {
        task: task_id("fetch"),
        run: run_id(run),
        outcome: Outcome::Succeeded,
        output: Some(json(&value)),
        failure: None,
    };
    let appends = vec![
        child.append(vec![ended(LEFT)]),
        child.finish(Outcome::Succeeded),
        live.append(vec![ended(BETWEEN)]),
    ];
    commit(store, &value, appends);
    (file, live)
}

/// A live run whose input names the file of another one.
fn input(store: &Store, output: Output) -> (Digest, Script) {
    let (file, value) = leave(store, Script::new(LEFT, "triage"), output);
    let mut live = Script::new(LIVE, "triage");
    live.input = json(&value);
    commit(store, &value, vec![live.start()]);
    (file, live)
}

/// A live run that read a shared context which names it.
fn shared_context(store: &Store, output: Output) -> (Digest, Script) {
    let (file, value) = leave(store, Script::new(LEFT, "triage"), output);
    let mut live = Script::new(LIVE, "triage");
    let name: ContextName = "shared".parse().expect("a name");
    let read = RunEvent::SharedContextRead { name, seq: 1, value: Some(json(&value)) };
    commit(store, &value, vec![live.start(), live.append(vec![read])]);
    (file, live)
}

fn is_kept(store: &Store, file: &Digest) -> bool {
    store.open_artefact(file).expect("reads").is_some()
}

/// Lets go what may go, and then what that left.
fn retain(store: &Store) {
    for _ in 0..2 {
        store.retain(&EVERYTHING, LATER).expect("retains");
    }
}

#[track_caller]
fn check(way: fn(&Store, Output) -> (Digest, Script)) {
    for output in [Output::Inline, Output::Payload] {
        let place: Place = sqlite_without_sync();
        let store = place.open();
        let (file, mut live) = way(&store, output);
        retain(&store);
        assert_eq!(store.run(run_id(LEFT)).expect("reads"), None, "the run that left it is gone");
        assert!(is_kept(&store, &file), "a live run refers to it: {output:?}");
        put(&store, live.finish(Outcome::Succeeded)).expect("no conflict");
        retain(&store);
        assert!(!is_kept(&store, &file), "nobody refers to it any more: {output:?}");
        assert_healthy(&store);
    }
}

#[test]
fn a_file_stays_for_a_rerun_of_a_rerun() {
    check(reruns);
}

#[test]
fn a_file_stays_for_the_parent_of_a_parent() {
    check(grandchild);
}

#[test]
fn a_file_stays_that_an_input_names() {
    check(input);
}

#[test]
fn a_file_stays_that_a_shared_context_names() {
    check(shared_context);
}

#[test]
fn a_copy_has_the_files_that_live_runs_refer_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
    let store = Store::open(&data, taskloom_store::Options::default()).expect("opens");
    let (file, _) = reruns(&store, Output::Payload);
    retain(&store);
    let copied = backup(&data, &copy).expect("copies");
    assert_eq!((copied.artefacts, copied.artefacts_missing), (1, 0));
    assert!(is_kept(&store, &file));
    let examined = examine(&copy).expect("reads");
    let orphans = examined.findings.iter().filter(|finding| finding.what.contains("no run refers"));
    assert_eq!(orphans.count(), 0, "{:?}", examined.findings);
}
