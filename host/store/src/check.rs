//! Looks for damage: of the file at every start, of the journal when somebody asks.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, Result};
use taskloom_core::id::Digest;
use taskloom_core::journal::{
    ContextEvent, Entry, PluginEvent, RunEvent, StreamEvent, StreamId, TemplateEvent, TriggerEvent,
    WorkflowEvent,
};
use taskloom_core::time::Timestamp;

use crate::check::definitions::Definitions;
use crate::check::run::RunCheck;
use crate::error::Error;
use crate::{column, journal, schema};

mod attempts;
mod definitions;
mod refusals;
mod run;
mod texts;

/// How long a start may take to look at the file. Small databases are looked at as a whole, large
/// ones as far as this leads; [`all`] has no such bound.
const QUICK_CHECK_TIME: Duration = Duration::from_secs(1);

/// Problems that are listed; a broken database would have millions.
const PROBLEMS_MAX: usize = 100;

/// Looks at the file's structure for a second.
pub(crate) fn quick(connection: &Connection, path: &Path) -> Result<(), Error> {
    let interrupt = connection.get_interrupt_handle();
    let (done, is_done) = channel::<()>();
    let answer = thread::scope(|scope| {
        scope.spawn(move || {
            if is_done.recv_timeout(QUICK_CHECK_TIME) == Err(RecvTimeoutError::Timeout) {
                interrupt.interrupt();
            }
        });
        let answer: Result<String> =
            connection.pragma_query_value(None, "quick_check", |row| row.get(0));
        drop(done);
        answer
    });
    match answer {
        Ok(word) if word == "ok" => Ok(()),
        Ok(problem) => Err(Error::corrupt(format!("`{}`", path.display()), problem)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            tracing::info!("the database is too large to be checked as a whole at each start");
            Ok(())
        }
        Err(error) => Err(Error::sql(path, "checking the database", error)),
    }
}

/// Looks at everything; gives what is wrong, in words. The views of an older schema are left out: it has
/// not all of them yet.
pub(crate) fn all(connection: &Connection) -> Result<Vec<String>> {
    // One snapshot for all that is compared.
    let transaction = connection.unchecked_transaction()?;
    let views = match schema::version(&transaction)? {
        schema::SCHEMA_VERSION => Views::Compared,
        _ => Views::LeftOut,
    };
    let mut problems = Problems::default();
    file(&transaction, &mut problems)?;
    payloads(&transaction, &mut problems)?;
    if views == Views::Compared {
        texts::of_kept_results(&transaction, &mut problems)?;
    }
    streams(&transaction, views, &mut problems)?;
    if views == Views::Compared {
        orphans(&transaction, &mut problems)?;
    }
    Ok(problems.0)
}

/// Whether the views are compared with the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Views {
    Compared,
    LeftOut,
}

/// What is wrong, in words.
#[derive(Default)]
pub(crate) struct Problems(Vec<String>);

impl Problems {
    pub(crate) fn add(&mut self, problem: impl Into<String>) {
        if self.0.len() < PROBLEMS_MAX {
            self.0.push(problem.into());
        }
    }

    /// Adds `problem` unless `holds`.
    pub(crate) fn expect(&mut self, holds: bool, problem: impl FnOnce() -> String) {
        if !holds {
            self.add(problem());
        }
    }
}

fn file(connection: &Connection, problems: &mut Problems) -> Result<()> {
    connection.pragma_query(None, "integrity_check", |row| {
        let line: String = row.get(0)?;
        problems.expect(line == "ok", || format!("the file: {line}"));
        Ok(())
    })
}

fn payloads(connection: &Connection, problems: &mut Problems) -> Result<()> {
    let mut statement = connection.prepare("SELECT digest, body FROM payload")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let digest = column::digest(row, 0)?;
        let found = Digest::of(row.get_ref(1)?.as_bytes()?);
        problems.expect(found == digest, || format!("payload {digest}: its text is {found}"));
    }
    Ok(())
}

fn streams(connection: &Connection, views: Views, problems: &mut Problems) -> Result<()> {
    let mut statement = connection
        .prepare("SELECT id, name FROM stream WHERE typeof(name) <> 'integer' ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut definitions = Definitions::default();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        match column::stream(row, 1) {
            Ok(StreamId::Run(run)) => {
                let check = RunCheck::new(connection, id, run, views);
                run_stream(connection, id, (check, &mut definitions), problems)?;
            }
            Ok(stream) => plain_stream(connection, id, &stream, problems)?,
            Err(error) => problems.add(format!("stream {id} has no readable name: {error}")),
        }
    }
    Ok(())
}

fn run_stream(
    connection: &Connection,
    id: i64,
    (mut check, definitions): (RunCheck<'_>, &mut Definitions),
    problems: &mut Problems,
) -> Result<()> {
    events(connection, id, |seq, at, kind, body| {
        match journal::parse(body) {
            Ok(event) => check.event((seq, kind), Entry { at, event }, definitions, problems)?,
            Err(error) => check.unreadable(seq, &error, problems),
        }
        Ok(())
    })?;
    check.finish(problems)
}

/// A stream that no view is made from.
fn plain_stream(
    connection: &Connection,
    id: i64,
    stream: &StreamId,
    problems: &mut Problems,
) -> Result<()> {
    let mut last = 0;
    events(connection, id, |seq, _, kind, body| {
        let place = || format!("{stream}: event {seq}");
        problems.expect(seq == last + 1, || format!("{} follows event {last}", place()));
        last = seq;
        let kind_found = match stream {
            StreamId::Run(_) => plain_event::<RunEvent>(connection, body, place, problems)?,
            StreamId::Plugin(_) => plain_event::<PluginEvent>(connection, body, place, problems)?,
            StreamId::Workflow(_) => {
                plain_event::<WorkflowEvent>(connection, body, place, problems)?
            }
            StreamId::Template(_) => {
                plain_event::<TemplateEvent>(connection, body, place, problems)?
            }
            StreamId::Trigger(_) => plain_event::<TriggerEvent>(connection, body, place, problems)?,
            StreamId::Context(_) => plain_event::<ContextEvent>(connection, body, place, problems)?,
        };
        let fits = kind_found.is_none_or(|found| found == kind);
        problems.expect(fits, || format!("{} is no `{kind}`", place()));
        Ok(())
    })
}

/// The kind of an event by its body, whose texts are looked for; `None` when it cannot be read.
fn plain_event<E: StreamEvent>(
    connection: &Connection,
    body: &str,
    place: impl Fn() -> String,
    problems: &mut Problems,
) -> Result<Option<&'static str>> {
    match journal::parse::<E>(body) {
        Ok(event) => {
            texts::of_event(connection, &event, place, problems)?;
            Ok(Some(event.kind()))
        }
        Err(error) => {
            problems.add(format!("{} is unreadable: {error}", place()));
            Ok(None)
        }
    }
}

/// Calls `visit` with the number, time, kind and body of each event of a stream, in order.
fn events(
    connection: &Connection,
    stream: i64,
    mut visit: impl FnMut(u64, Timestamp, &str, &str) -> Result<()>,
) -> Result<()> {
    let mut statement = connection
        .prepare_cached("SELECT seq, at, kind, body FROM event WHERE stream = $1 ORDER BY seq")?;
    let mut rows = statement.query([stream])?;
    while let Some(row) = rows.next()? {
        let (kind, body) = (row.get_ref(2)?.as_str()?, row.get_ref(3)?.as_str()?);
        visit(column::count(row, 0)?, column::time(row, 1)?, kind, body)?;
    }
    Ok(())
}

/// Rows that no stream knows. Stream 0 holds the highest cursor when its event was deleted.
fn orphans(connection: &Connection, problems: &mut Problems) -> Result<()> {
    for (table, reference) in [
        ("event", "stream"),
        ("run", "stream"),
        ("idempotency", "run"),
        ("attempt", "run"),
        ("log", "run"),
        ("artefact", "run"),
        ("refusal", "run"),
    ] {
        let sql = format!(
            "SELECT count(*) FROM {table}
             WHERE {reference} <> 0 AND NOT EXISTS (SELECT 1 FROM stream WHERE id = {table}.{reference})"
        );
        let rows: u64 = connection.query_row(&sql, [], |row| column::count(row, 0))?;
        problems.expect(rows == 0, || format!("table {table}: {rows} rows have no stream"));
    }
    Ok(())
}
