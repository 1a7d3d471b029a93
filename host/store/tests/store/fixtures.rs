//! A database of every released schema version opens, and its content is what it was.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use taskloom_core::failure::Outcome;
use taskloom_core::id::{TaskType, WorkflowId};
use taskloom_core::journal::{PluginEvent, StreamId};
use taskloom_store::{
    Finding, LogFilter, Options, RunFilter, SCHEMA_VERSION, Severity, Store, examine,
};

use crate::conformance::{assert_healthy, pages};
use crate::refusals::refusals;
use crate::script::{Script, batch, json, log_line, plugin, plugin_removed, put, run_id, text};

fn fixture(version: i64) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/v{version}.sql"))
}

/// Makes what every fixture holds.
fn fill(store: &Store) {
    let mut finished = Script::new(1, "triage").with_key("k", "request");
    let large = format!("\"{}\"", "x".repeat(1_500));
    let mut appends = vec![finished.start(), finished.claim("fetch", 1)];
    appends.push(finished.refuse("fetch", 1, &["no"]));
    appends.push(finished.claim("fetch", 2));
    appends.push(finished.succeed("fetch", 2, &json(&large)));
    appends.push(finished.finish(Outcome::Succeeded));
    let mut unfinished = Script::new(2, "review");
    appends.push(unfinished.start());
    appends.push(plugin_removed("text", 0));
    let mut all = batch(appends);
    all.payloads.push(text(&large));
    store.commit_and_wait(all).expect("commits");
    store.append_logs(vec![log_line(finished.id(), "fetch", 1, 1)]);
    store.flush().expect("writes");
}

#[test]
fn a_database_of_every_version_opens() {
    for version in 1..=SCHEMA_VERSION {
        let folder = tempfile::tempdir().expect("a folder");
        let path = fixture(version);
        let sql = std::fs::read_to_string(&path).expect("every version has a fixture");
        Connection::open(folder.path().join("taskloom.db"))
            .and_then(|connection| connection.execute_batch(&sql))
            .expect("is a dump");
        let before = examine(folder.path()).expect("reads a database of every version");
        let is_fine =
            |finding: &Finding| finding.severity == Severity::Info || is_known(&finding.what);
        assert!(before.findings.iter().all(is_fine), "{before:?}");
        assert_eq!(before.schema_version, version);
        let store = Store::open(folder.path(), Options::default()).expect("opens");
        assert_content(&store);
        let refused = refusals(&store, "text", 10);
        assert_eq!(refused.len(), usize::from(version >= 3), "{refused:?}");
    }
}

/// What is said of the rows in these files: they were made up, before the check compared the start of a run
/// and the use of an attempt with their events. A fixture is never changed.
fn is_known(problem: &str) -> bool {
    problem.ends_with("its row has another start")
        || problem.contains("has another row than its event")
}

fn assert_content(store: &Store) {
    let problems = store.check().expect("reads");
    assert!(problems.iter().all(|problem| is_known(problem)), "{problems:#?}");
    assert_eq!(store.epoch(), 2);
    let runs = pages(store, &RunFilter::default(), 10);
    assert_eq!(runs.iter().map(|run| run.id).collect::<Vec<_>>(), [run_id(2), run_id(1)]);
    assert_eq!(runs[1].outcome, Some(Outcome::Succeeded));
    assert_eq!(store.run_events(run_id(1), 0, 10).expect("reads").len(), 6);
    assert_eq!(store.unfinished_runs().expect("reads").len(), 1);
    assert_eq!(
        store
            .stream_events::<PluginEvent>(&StreamId::Plugin(plugin("text")), 0, 10)
            .expect("reads")
            .len(),
        1
    );
    let task_type = TaskType::new("text.render").expect("valid");
    assert_eq!(store.attempts_of_type(&task_type, 10).expect("reads").len(), 2);
    let lines = store.logs(run_id(1), &LogFilter::default(), 10).expect("reads").items;
    assert_eq!(lines, [log_line(run_id(1), "fetch", 1, 1)]);
    let workflow = WorkflowId::new("triage").expect("valid");
    let key = store.run_of_key(&workflow, "k").expect("reads");
    assert_eq!(key.map(|(run, _)| run), Some(run_id(1)));
    put(store, Script::new(3, "triage").start()).expect("no conflict");
}

/// Makes the database that a fixture is a dump of, when `TASKLOOM_FIXTURE` names a folder for it:
/// the first step of a new schema version, described in the README.
#[test]
fn the_newest_fixture_can_be_made() {
    let scratch = tempfile::tempdir().expect("a folder");
    let named = std::env::var_os("TASKLOOM_FIXTURE").map(PathBuf::from);
    let folder = named.as_deref().unwrap_or(scratch.path());
    let store = Store::open(folder, Options::default()).expect("opens");
    fill(&store);
    assert_healthy(&store);
}
