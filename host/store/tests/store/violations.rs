//! The check finds every broken rule.

use rusqlite::Connection;
use taskloom_core::failure::Outcome;
use taskloom_core::id::{ContextName, Digest, WorkflowId};
use taskloom_core::journal::{
    Author, ContextEvent, Entry, Origin, Reused, RunEvent, StreamId, WorkflowEvent,
};
use taskloom_core::time::Timestamp;
use taskloom_store::{Append, Batch, CachedRow, Events, Store};

use crate::script::{
    ONE_TASK, Place, Script, batch, json, plugin_removed, put, run_id, sqlite_without_sync,
    task_id, text,
};

/// Breaks a healthy database with `sql` and looks for a problem that says `expected`.
#[track_caller]
fn check(sql: &str, expected: &str) {
    let place = sqlite_without_sync();
    let store = place.open();
    healthy(&store);
    breaks(&store, sql, expected);
}

/// Fills a store with what a check finds nothing wrong with.
fn healthy(store: &Store) {
    let mut run = Script::new(1, "triage").with_key("k", "request");
    let appends = vec![
        run.start(),
        run.claim("fetch", 1),
        run.refuse("fetch", 1, &["no", "not this either"]),
        run.claim("fetch", 2),
        run.succeed("fetch", 2, &json("1")),
        run.finish(Outcome::Succeeded),
    ];
    store.commit_and_wait(batch(appends)).expect("commits");
    put(store, plugin_removed("text", 0)).expect("no conflict");
    assert_eq!(store.check().expect("reads"), Vec::<String>::new());
}

#[track_caller]
fn breaks(store: &Store, sql: &str, expected: &str) {
    Connection::open(store.path())
        .and_then(|connection| {
            connection.pragma_update(None, "foreign_keys", false)?;
            connection.execute_batch(sql)
        })
        .expect("breaks it");
    let problems = store.check().expect("reads");
    assert!(problems.iter().any(|problem| problem.contains(expected)), "{problems:#?}");
}

#[test]
fn a_hole_in_a_sequence() {
    check("DELETE FROM event WHERE seq = 3", "event 4 follows event 2");
}

#[test]
fn a_stream_that_does_not_begin_with_a_start() {
    check("DELETE FROM event WHERE seq = 1", "event 2 follows event 0");
}

#[test]
fn an_event_after_the_end() {
    check(
        "INSERT INTO event (stream, seq, at, kind, body)
         SELECT stream, 7, at, 'run-timed-out', '\"RunTimedOut\"' FROM event WHERE seq = 6",
        "event 7 follows the run's end",
    );
}

#[test]
fn a_second_success() {
    check(
        "UPDATE event SET kind = 'attempt-succeeded',
             body = (SELECT body FROM event WHERE seq = 5) WHERE seq = 3;
         UPDATE event SET body = replace(body, '\"number\":2', '\"number\":1') WHERE seq = 3",
        "attempt 2 of `fetch` succeeds again",
    );
}

#[test]
fn an_attempt_number_that_is_left_out() {
    check(
        "UPDATE event SET body = replace(body, '\"number\":2', '\"number\":3')",
        "attempt 3 of `fetch` follows 1",
    );
}

#[test]
fn a_payload_that_is_missing() {
    check("DELETE FROM payload", "event 1 refers to sha256:");
}

#[test]
fn a_payload_that_was_changed() {
    check("UPDATE payload SET body = ''", "its text is sha256:");
}

#[test]
fn an_event_that_cannot_be_read() {
    check("UPDATE event SET body = '{' WHERE seq = 2", "event 2 is unreadable");
}

#[test]
fn a_kind_that_is_not_the_events() {
    check("UPDATE event SET kind = 'x' WHERE seq = 2", "event 2 is no `x`");
}

#[test]
fn a_row_with_another_outcome() {
    check("UPDATE run SET outcome = 'failed'", "its row has outcome Some(Failed)");
}

#[test]
fn a_row_with_another_status() {
    check("UPDATE run SET status = 'running'", "its row has status running");
}

#[test]
fn a_row_with_another_start() {
    for change in ["workflow = 'review'", "started_at = 5", "parent = id", "rerun_of = id"] {
        check(&format!("UPDATE run SET {change}"), "its row has another start");
    }
}

#[test]
fn a_row_with_another_priority() {
    check("UPDATE run SET priority = 5", "its row has priority 5, not 0");
}

#[test]
fn a_run_without_a_row() {
    check("DELETE FROM run", "it has no row");
}

#[test]
fn a_key_that_leads_nowhere() {
    check("DELETE FROM idempotency", "its idempotency key leads elsewhere");
}

#[test]
fn an_attempt_row_without_an_event() {
    check("UPDATE attempt SET number = 9 WHERE number = 2", "attempt 9 of `fetch` has a row");
}

#[test]
fn a_refusal_that_was_changed() {
    let problem = "the refusals of attempt 1 of `fetch` have other rows";
    check("UPDATE refusal SET message = '' WHERE id = 2", problem);
    check("UPDATE refusal SET plugin = 'other' WHERE id = 1", problem);
    check("UPDATE refusal SET at = at + 1", problem);
    check("DELETE FROM refusal WHERE id = 1", problem);
}

#[test]
fn a_refusal_without_an_event() {
    check("UPDATE refusal SET attempt = 2 WHERE id = 2", "have other rows");
    check(
        "INSERT INTO refusal SELECT 3, run, plugin, task, 2, at, capability, message, refused
         FROM refusal WHERE id = 1",
        "3 refusals have rows, not 2",
    );
}

#[test]
fn an_attempt_that_has_ended_without_a_row() {
    let missing = "attempt 1 of `fetch` has ended without a row";
    check("DELETE FROM attempt WHERE number = 1", missing);
}

#[test]
fn an_attempt_row_that_says_something_else() {
    for change in ["outcome = 'lost'", "ended_at = 1", "fuel_used = 1", "plugin_digest = NULL"] {
        let sql = format!("UPDATE attempt SET {change} WHERE number = 2");
        check(&sql, "attempt 2 of `fetch` has another row than its event");
    }
}

/// A run of a definition that can be read, so that its events are folded.
fn folded() -> (Place, Store) {
    let place = sqlite_without_sync();
    let store = place.open();
    let mut run = Script::of_one_task(1);
    let appends = vec![
        run.start(),
        run.claim("fetch", 1),
        run.succeed("fetch", 1, &json("1")),
        run.finish(Outcome::Succeeded),
    ];
    let payloads = vec![text(ONE_TASK)];
    store.commit_and_wait(Batch { payloads, appends, ..Batch::default() }).expect("commits");
    assert_eq!(store.check().expect("reads"), Vec::<String>::new());
    (place, store)
}

#[test]
fn a_row_that_counts_other_tasks() {
    let (_place, store) = folded();
    let expected = "its row has 0 of 1 tasks ended, its journal 1 of 1";
    breaks(&store, "UPDATE run SET tasks_ended = 0", expected);
    let expected = "its row has 1 of 7 tasks ended, its journal 1 of 1";
    breaks(&store, "UPDATE run SET tasks_ended = 1, tasks_total = 7", expected);
}

#[test]
fn an_event_that_does_not_fit_the_run() {
    let (_place, store) = folded();
    let sql = "UPDATE event SET kind = 'backoff-elapsed', body = '{\"BackoffElapsed\":{\"task\":\"fetch\"}}' \
               WHERE seq = 3";
    breaks(&store, sql, "event 3 (`backoff-elapsed`) does not fit the run");
}

/// What an event refers to is missed, whatever kind it is.
#[track_caller]
fn misses(append: Append) {
    let place = sqlite_without_sync();
    let store = place.open();
    put(&store, Script::new(1, "triage").start()).expect("no conflict");
    put(&store, append).expect("no conflict");
    let problems = store.check().expect("reads");
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].contains("refers to sha256:"), "{problems:#?}");
}

#[test]
fn a_text_that_any_event_misses() {
    let large = || json(&format!("\"{}\"", "x".repeat(5_000)));
    let task = || task_id("fetch");
    let (input, output, failure) = (None, Some(large()), None);
    let name = ContextName::new("notes").expect("valid");
    let run = run_id(7);
    for event in [
        RunEvent::InputResolved { task: task(), input: large() },
        RunEvent::TaskSkipped { task: task(), reason: String::new(), output: Some(large()) },
        RunEvent::SharedContextRead { name: name.clone(), seq: 1, value: Some(large()) },
        RunEvent::ItemsExpanded { task: task(), items: large(), count: 1 },
        RunEvent::ItemEnded { task: task(), item: 0, outcome: Outcome::Succeeded, output, failure },
        RunEvent::SignalReceived { id: "1".into(), name: "go".into(), payload: large() },
        RunEvent::ApprovalRequested { task: task(), prompt: large(), deadline: None, reason: None },
        RunEvent::ApprovalGiven {
            task: task(),
            approved: true,
            by: None,
            comment: None,
            input,
            output: large(),
        },
        RunEvent::TaskSucceeded { task: task(), output: large() },
        RunEvent::TaskReused { task: task(), output: large(), from: run },
        RunEvent::ReuseOffered { task: task(), reused: Reused::Output(large()), writes: None },
    ] {
        let mut script = Script::new(1, "triage");
        script.start();
        misses(script.tell(event));
    }
    let at = Timestamp::from_ms(1);
    let set = ContextEvent::ContextSet { value: large(), by: Author::Caller, sources: [].into() };
    let events = Events::Context(vec![Entry { at, event: set }]);
    misses(Append::plain(StreamId::Context(name), 0, events));
    let (source, version) = (Digest::of(b"text"), "1.0.0".to_owned());
    let put = WorkflowEvent::WorkflowPut { source, version, origin: Origin::Api };
    let events = Events::Workflow(vec![Entry { at, event: put }]);
    misses(Append::plain(StreamId::Workflow(WorkflowId::new("triage").expect("valid")), 0, events));
}

#[test]
fn a_kept_result_whose_output_is_missing() {
    let place = sqlite_without_sync();
    let store = place.open();
    healthy(&store);
    let output = json(&format!("\"{}\"", "x".repeat(5_000)));
    let cached = vec![CachedRow {
        key: Digest::of(b"key"),
        output,
        run: run_id(1),
        task: task_id("fetch"),
        attempt: 2,
        made_at: Timestamp::from_ms(1),
    }];
    store.commit_and_wait(Batch { cached, ..Batch::default() }).expect("commits");
    let problems = store.check().expect("reads");
    assert!(problems[0].starts_with("kept result sha256:"), "{problems:#?}");
}

#[test]
fn rows_without_a_stream() {
    check("DELETE FROM stream WHERE typeof(name) = 'blob'", "table event: 6 rows have no stream");
}

#[test]
fn an_index_that_lost_a_row() {
    check(
        "PRAGMA writable_schema = 1;
         UPDATE sqlite_schema SET sql = 'CREATE INDEX run_started ON run (priority)'
         WHERE name = 'run_started'; PRAGMA schema_version = 999",
        "the file: ",
    );
}
