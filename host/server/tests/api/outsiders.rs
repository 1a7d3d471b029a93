//! What others than the engine do to what runs are made of: texts of workflows, and the journal itself.

use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::own::{Host, Place};

/// Says a word when somebody says so.
fn says(word: &str) -> String {
    format!(
        "id = \"says\"\nversion = \"1.0.0\"\noutput = \"{word}\"\n\
         [[tasks]]\nid = \"go\"\nkind = \"wait\"\nsignal = \"go\"\n"
    )
}

fn place() -> Place {
    Place::new(&[], &[("says.toml", &says("first"))], &[])
}

/// Starts a run and waits until it waits.
fn waiting(host: &Host) -> String {
    let run = host.post("/workflows/says/runs", &json!({})).expect(201);
    let path = format!("/runs/{}", run["id"].as_str().expect("an id"));
    host.until(&path, |run| run["tasks"][0]["status"] == "waiting");
    path
}

fn signal(host: &Host, path: &str) {
    host.post(&format!("{path}/signals"), &json!({ "name": "go" })).expect(202);
}

fn ended(host: &Host, path: &str) -> Value {
    let run = host.until(path, |run| !run["outcome"].is_null());
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    run["output"].clone()
}

/// Does something to the last event of a run, `$1`, as a program does that takes no lock.
fn write(place: &Place, path: &str, sql: &str) {
    let id = path.trim_start_matches("/runs/").replace('-', "");
    let connection = Connection::open(place.path("data/taskloom.db")).expect("opens");
    let last = "SELECT max(cursor) FROM event WHERE stream = (SELECT stream FROM run WHERE hex(id) = upper($1))";
    let last: i64 = connection.query_row(last, [id], |row| row.get(0)).expect("a run");
    assert_eq!(connection.execute(sql, [last]).expect("writes"), 1);
}

#[test]
fn a_run_keeps_the_text_it_started_with_when_its_file_is_written_anew() {
    let place = place();
    let host = place.start();
    let path = waiting(&host);
    fs::write(place.path("workflows/says.toml"), says("second")).expect("written");
    host.stop();
    let host = place.start();
    signal(&host, &path);
    assert_eq!(ended(&host, &path), "first", "by the text it started with");
    let new = waiting(&host);
    signal(&host, &new);
    assert_eq!(ended(&host, &new), "second", "by the text that is there");
    host.stop();
}

#[test]
fn a_run_that_somebody_else_wrote_to_is_read_again_and_the_others_go_on() {
    let place = place();
    let host = place.start();
    let (written, other) = (waiting(&host), waiting(&host));
    let priority = "INSERT INTO event (stream, seq, at, kind, body)
                    SELECT stream, seq + 1, at, 'priority-changed', '{\"PriorityChanged\":{\"priority\":7}}'
                    FROM event WHERE cursor = $1";
    write(&place, &written, priority);
    let refused = host.post(&format!("{written}/signals"), &json!({ "name": "go" }));
    assert_eq!(refused.status, 500, "what could not be written is not acknowledged");
    signal(&host, &other);
    assert_eq!(ended(&host, &other), "first");
    // The same run is signalled again, and has what was written.
    signal(&host, &written);
    assert_eq!(ended(&host, &written), "first");
    assert_eq!(host.get(&written)["priority"], 7);
    host.stop();
}

#[test]
fn a_run_whose_journal_is_damaged_keeps_no_other_from_going_on() {
    let place = place();
    let host = place.start();
    let (damaged, other) = (waiting(&host), waiting(&host));
    host.stop();
    write(&place, &damaged, "UPDATE event SET body = '{' WHERE cursor = $1");
    let host = place.start();
    signal(&host, &other);
    assert_eq!(ended(&host, &other), "first");
    let new = waiting(&host);
    signal(&host, &new);
    assert_eq!(ended(&host, &new), "first");
    host.stop();
    let examined = taskloom_store::examine(&place.path("data")).expect("reads");
    assert!(!examined.is_sound(), "the doctor says so: {:?}", examined.findings);
}
