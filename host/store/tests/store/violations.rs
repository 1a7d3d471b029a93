//! The check finds every broken rule.

use rusqlite::Connection;
use taskloom_core::failure::Outcome;

use crate::script::{Script, batch, json, plugin_removed, put, sqlite_without_sync};

/// Breaks a healthy database with `sql` and looks for a problem that says `expected`.
#[track_caller]
fn check(sql: &str, expected: &str) {
    let place = sqlite_without_sync();
    let store = place.open();
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
    put(&store, plugin_removed("text", 0)).expect("no conflict");
    assert_eq!(store.check().expect("reads"), Vec::<String>::new());
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
    check("UPDATE run SET workflow = 'review'", "its row has another start");
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
