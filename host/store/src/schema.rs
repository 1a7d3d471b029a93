//! The database's schema, version by version.

use std::path::Path;

use rusqlite::{Connection, Result, Transaction, TransactionBehavior};

use crate::error::Error;

/// What turns each version into the next, beginning with an empty file. A released entry is never
/// changed: `tests/fixtures` has a database of every version.
pub(crate) const MIGRATIONS: &[&str] =
    &[include_str!("schema/v1.sql"), include_str!("schema/v2.sql"), include_str!("schema/v3.sql")];

/// The version of the schema that this program writes.
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// Marks the file as Taskloom's: "TSLM".
const APPLICATION_ID: i64 = 0x5453_4c4d;

/// Refuses a file that is not Taskloom's or comes from a newer one. Changes nothing.
pub(crate) fn check_origin(connection: &Connection, path: &Path) -> Result<(), Error> {
    let identity = identity(connection)
        .map_err(|error| Error::sql(path, "reading the database's header", error))?;
    match identity {
        Identity { tables: 0, application_id: 0, .. } => Ok(()),
        Identity { application_id: APPLICATION_ID, version, .. } if version <= SCHEMA_VERSION => {
            Ok(())
        }
        Identity { application_id: APPLICATION_ID, version, .. } => {
            Err(Error::Newer { path: path.to_owned(), found: version, supported: SCHEMA_VERSION })
        }
        Identity { application_id, .. } => Err(Error::Foreign {
            path: path.to_owned(),
            reason: format!("it is a SQLite database of another application ({application_id:#x})"),
        }),
    }
}

/// Brings the schema to the newest of `migrations`, each step in a transaction of its own.
pub(crate) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<()> {
    let version = pragma(connection, "user_version")?;
    let steps = (1_i64..).zip(migrations);
    for (next, sql) in steps.filter(|(next, _)| *next > version) {
        let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", next)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.commit()?;
        tracing::info!(version = next, "the database has a new schema version");
    }
    Ok(())
}

/// Raises the epoch and gives the new one.
pub(crate) fn next_epoch(connection: &Connection) -> Result<u64> {
    connection.query_row(
        "UPDATE host SET value = value + 1 WHERE name = 'epoch' RETURNING value",
        [],
        |row| crate::column::count(row, 0),
    )
}

struct Identity {
    application_id: i64,
    version: i64,
    tables: i64,
}

fn identity(connection: &Connection) -> Result<Identity> {
    Ok(Identity {
        application_id: pragma(connection, "application_id")?,
        version: pragma(connection, "user_version")?,
        tables: connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?,
    })
}

/// The version of a database's schema.
pub(crate) fn version(connection: &Connection) -> Result<i64> {
    pragma(connection, "user_version")
}

fn pragma(connection: &Connection, name: &str) -> Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_made_from_the_one_before() {
        let mut connection = Connection::open_in_memory().expect("opens");
        let first = "CREATE TABLE a (x); INSERT INTO a VALUES (1);";
        let second = "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x + 1;";
        migrate(&mut connection, &[first]).expect("migrates");
        migrate(&mut connection, &[first, second]).expect("migrates");
        migrate(&mut connection, &[first, second]).expect("does nothing");
        let y: i64 = connection.query_row("SELECT y FROM a", [], |row| row.get(0)).expect("a row");
        assert_eq!((y, pragma(&connection, "user_version").expect("a number")), (2, 2));
    }

    #[test]
    fn the_second_version_reads_from_the_journal_what_led_to_a_run() {
        let mut connection = Connection::open_in_memory().expect("opens");
        migrate(&mut connection, &MIGRATIONS[..1]).expect("migrates");
        let id = "018f0000-0000-7000-8000-00000000000a";
        let fill = format!(
            r#"INSERT INTO event VALUES
                   (1, 1, 1, 0, 'run-started', '{{"RunStarted":{{"parent":{{"run":"{id}"}}}}}}'),
                   (2, 2, 1, 0, 'run-started', '{{"RunStarted":{{"rerun":{{"run":"{id}"}}}}}}');
               INSERT INTO run VALUES
                   (1, x'01', 'a', '1', x'', 'running', NULL, 0, 0, NULL, 0, 0, NULL, NULL, NULL,
                       'workflow'),
                   (2, x'02', 'a', '1', x'', 'running', NULL, 0, 0, NULL, 0, 0, NULL, NULL, NULL,
                       'rerun');"#
        );
        connection.execute_batch(&fill).expect("fills");
        migrate(&mut connection, MIGRATIONS).expect("migrates");
        let found: Vec<(Option<String>, Option<String>)> = connection
            .prepare("SELECT hex(parent), hex(rerun_of) FROM run ORDER BY stream")
            .and_then(|mut rows| {
                rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
            })
            .expect("reads");
        let id = id.replace('-', "").to_uppercase();
        let none = || Some(String::new());
        assert_eq!(found, [(Some(id.clone()), none()), (none(), Some(id))]);
    }

    #[test]
    fn the_third_version_reads_from_the_journal_what_was_refused() {
        let mut connection = Connection::open_in_memory().expect("opens");
        migrate(&mut connection, &MIGRATIONS[..2]).expect("migrates");
        let refusal = |what: &str| format!(r#"{{"capability":"http","message":"{what}"}}"#);
        let result = |kind: &str, digest: &str, task: &str, refusals: &[&str]| {
            let list: Vec<_> = refusals.iter().map(|what| refusal(what)).collect();
            format!(
                r#"{{"{kind}":{{"task":"{task}","number":2,"usage":{{"plugin_digest":"{digest}",
                    "capabilities":{{"refusals":[{}],"refused":20}}}}}}}}"#,
                list.join(",")
            )
        };
        let events = [
            (1, "run-started", r#"{"RunStarted":{"pins":{"a":"da","b":"db"}}}"#.to_owned()),
            (1, "attempt-failed", result("AttemptFailed", "db", "t[1].u", &["one", "two"])),
            (1, "plugin-pinned", r#"{"PluginPinned":{"plugin":"c","digest":"dc"}}"#.to_owned()),
            (1, "attempt-released", result("AttemptReleased", "dc", "t", &["three"])),
            (1, "plugin-repinned", r#"{"PluginRepinned":{"plugin":"c","to":"de"}}"#.to_owned()),
            (1, "attempt-cancelled", result("AttemptCancelled", "de", "t", &["four"])),
            (1, "attempt-succeeded", result("AttemptSucceeded", "de", "t", &[])),
            // A message that only looks like a record, and a run that is hidden.
            (1, "cancel-requested", r#"{"CancelRequested":{"reason":"\"refusals\":"}}"#.to_owned()),
            (2, "attempt-failed", result("AttemptFailed", "db", "t", &["hidden"])),
        ];
        for (number, (stream, kind, body)) in (1_i64..).zip(events) {
            let row = rusqlite::params![number, stream, number, number * 10, kind, body];
            connection.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", row).expect("fills");
        }
        let run = "INSERT INTO run (stream, id, workflow, version, definition, status, priority,
                       started_at, tasks_total, tasks_ended, trigger)
                   VALUES (1, x'01', 'a', '1', x'', 'running', 0, 0, 0, 0, 'api')";
        connection.execute_batch(run).expect("fills");
        migrate(&mut connection, &MIGRATIONS[..3]).expect("migrates");
        let rows =
            "SELECT concat_ws(' ', run, plugin, task, attempt, at, capability, message, refused)
                    FROM refusal ORDER BY id";
        let found: Vec<String> = connection
            .prepare(rows)
            .and_then(|mut rows| rows.query_map([], |row| row.get(0))?.collect())
            .expect("reads");
        let expected = [
            "1 b t[1].u 2 20 http one 20",
            "1 b t[1].u 2 20 http two 20",
            "1 c t 2 40 http three 20",
            "1 c t 2 60 http four 20",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let mut connection = Connection::open_in_memory().expect("opens");
        let broken = "CREATE TABLE a (x); CREATE TABLE a (x);";
        migrate(&mut connection, &[broken]).expect_err("is broken");
        let identity = identity(&connection).expect("reads");
        assert_eq!((identity.version, identity.tables), (0, 0));
    }
}
