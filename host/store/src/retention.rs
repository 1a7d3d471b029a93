//! What is kept how long: deletes old runs, log lines and kept results, and what they leave behind.
//!
//! One pass: sweep what earlier passes left (payloads, artefact files), then choose the runs that
//! the policy lets go, oldest first, and delete them; last, give free pages back to the disk. Every
//! change is a small transaction in the writer's turn, after the batches that wait: a commit waits
//! for one of them at most. Payloads and files of deleted runs go with the next pass, if no run that
//! is still to end refers to them; see `sweep` and `references`.
//!
//! Pages are given back by SQLite's incremental vacuum. Files made by schema version 1 cannot do
//! that: their free pages are used again, and the file stays as long as it was. So `bytes_max` counts
//! pages in use, not the file's length. Restoring a backup makes such a file anew.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, Result as SqlResult, params};
use taskloom_core::id::RunId;
use taskloom_core::time::Timestamp;

use crate::artefacts::ArtefactFiles;
use crate::delete::{self, Hidden};
use crate::error::Error;
use crate::references::Unreferred;
use crate::store::Store;
use crate::sweep::{REST, Sweep, digests};
use crate::{artefacts, column};

/// Rows removed in one transaction: some milliseconds.
const ROWS_PER_STEP: usize = 500;

/// Runs hidden in one transaction.
const RUNS_PER_STEP: usize = 50;

/// Runs chosen with one read.
const RUNS_PER_READ: i64 = 500;

/// Files of artefacts removed in one turn of the writer.
const FILES_PER_STEP: usize = 50;

/// Pages given back in one transaction.
const PAGES_PER_STEP: i64 = 500;

/// How long an idempotency key keeps its run: a repeated request within it gets its answer.
const KEY_AGE_MIN: Duration = Duration::from_secs(24 * 60 * 60);

/// What is kept; `None` keeps without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long a run is kept after its end.
    pub finished_age: Option<Duration>,
    /// How many finished runs are kept.
    pub finished_max: Option<u64>,
    /// Bytes that the database and the artefacts may use together; the oldest finished runs go first.
    pub bytes_max: Option<u64>,
    /// How long log lines are kept.
    pub log_age: Option<Duration>,
    /// How long results are kept for later attempts.
    pub cached_age: Option<Duration>,
    /// How long payloads and artefact files are kept that nothing refers to, at least. What is put
    /// before the commit that refers to it must follow within this time.
    pub grace: Duration,
}

/// What a pass removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    /// Runs.
    pub runs: u64,
    /// Log lines, besides those of the runs.
    pub log_lines: u64,
    /// Kept results.
    pub cached: u64,
    /// Payloads that nothing referred to.
    pub payloads: u64,
    /// Their bytes.
    pub payload_bytes: u64,
    /// Files of artefacts that nothing referred to.
    pub artefacts: u64,
    /// Their bytes.
    pub artefact_bytes: u64,
    /// Pages given back to the disk.
    pub pages: u64,
}

/// A finished run, as the choice needs it.
struct Finished {
    stream: i64,
    id: RunId,
    started_at: Timestamp,
    ended_at: Timestamp,
    has_key: bool,
}

impl Store {
    /// Deletes what the policy lets go. Takes as long as there is to do; commits go on meanwhile.
    /// One at a time.
    ///
    /// # Errors
    /// As [`Store::commit_and_wait`] is told, and [`Error::Artefacts`].
    pub fn retain(&self, policy: &Retention, now: Timestamp) -> Result<Retained, Error> {
        let mut retained = Retained::default();
        self.sweep_payloads(policy, now, &mut retained)?;
        self.sweep_artefacts(policy, now, &mut retained)?;
        self.delete_logs(policy, now, &mut retained)?;
        self.delete_cached(policy, now, &mut retained)?;
        for runs in self.expired(policy, now)?.chunks(RUNS_PER_STEP) {
            let runs = runs.to_vec();
            retained.runs += self.upkeep("hiding old runs", move |connection, heads| {
                let mut hidden = 0;
                for run in runs {
                    hidden += u64::from(delete::hide(connection, heads, run)? == Hidden::Done);
                }
                Ok(hidden)
            })?;
        }
        if retained.runs > 0 {
            self.note_deletion();
        }
        self.purge()?;
        self.give_back(&mut retained)?;
        Ok(retained)
    }

    /// Deletes one run with all that belongs to it, its idempotency key too: the same request would
    /// start a new run. Its payloads go with the next [`Store::retain`].
    ///
    /// # Errors
    /// [`Error::RunUnknown`], [`Error::RunLive`] and [`Error::RunHeld`]; as
    /// [`Store::commit_and_wait`] is told.
    pub fn delete_run(&self, run: RunId) -> Result<(), Error> {
        let hide =
            move |connection: &Connection, heads: &mut _| delete::hide(connection, heads, run);
        match self.upkeep("deleting a run", hide)? {
            Hidden::Done => {}
            Hidden::Unknown => return Err(Error::RunUnknown { run }),
            Hidden::Live => return Err(Error::RunLive { run }),
            Hidden::Held(by) => return Err(Error::RunHeld { run, by }),
        }
        self.note_deletion();
        self.purge()
    }

    /// Bytes in use: pages of the database, and artefacts.
    ///
    /// # Errors
    /// As [`Store::run_events`].
    pub fn bytes_used(&self) -> Result<u64, Error> {
        self.reading("measuring the database", bytes_used)
    }

    fn purge(&self) -> Result<(), Error> {
        let step = |connection: &Connection, _: &mut _| delete::purge(connection, ROWS_PER_STEP);
        while self.upkeep("deleting old runs", step)? {}
        Ok(())
    }

    /// The runs that the policy lets go, oldest first.
    fn expired(&self, policy: &Retention, now: Timestamp) -> Result<Vec<RunId>, Error> {
        let mut surplus = match policy.finished_max {
            Some(max) => self.reading("counting runs", finished)?.saturating_sub(max),
            None => 0,
        };
        let mut excess = match policy.bytes_max {
            Some(max) => self.bytes_used()?.saturating_sub(max),
            None => 0,
        };
        let before = policy.finished_age.map(|age| earlier(now, age));
        let keys_before = earlier(now, KEY_AGE_MIN);
        let (mut expired, mut after) = (vec![], (i64::MIN, 0));
        loop {
            let runs =
                self.reading("looking for old runs", |connection| oldest(connection, after))?;
            for run in &runs {
                after = (run.started_at.as_ms(), run.stream);
                let is_old = |at: Timestamp| before.is_some_and(|before| at < before);
                if surplus == 0 && excess == 0 && !is_old(run.started_at) {
                    return Ok(expired);
                }
                let is_wanted = surplus > 0 || excess > 0 || is_old(run.ended_at);
                if !is_wanted || (run.has_key && run.started_at > keys_before) {
                    continue;
                }
                surplus = surplus.saturating_sub(1);
                if excess > 0 {
                    let size = |connection: &_| size_of_run(connection, run.stream);
                    excess = excess.saturating_sub(self.reading("measuring a run", size)?);
                }
                expired.push(run.id);
            }
            if runs.is_empty() {
                return Ok(expired);
            }
        }
    }

    fn sweep_payloads(
        &self,
        policy: &Retention,
        now: Timestamp,
        retained: &mut Retained,
    ) -> Result<(), Error> {
        let garbage = self.reading("looking for garbage", garbage)?;
        if garbage == 0 || self.deleted_within(REST.min(policy.grace)) {
            return Ok(());
        }
        let cutoff = earlier(now, policy.grace);
        let begin = |connection: &_| Sweep::begin(connection, cutoff);
        let mut sweep = self.reading("looking for payloads", begin)?;
        while self.reading("marking payloads", |connection| sweep.mark(connection))? {}
        loop {
            let (back, swept, more) = self.upkeep("sweeping payloads", move |connection, _| {
                let (swept, more) = sweep.step(connection)?;
                Ok((sweep, swept, more))
            })?;
            sweep = back;
            retained.payloads += swept.payloads;
            retained.payload_bytes += swept.bytes;
            if !more {
                break;
            }
        }
        // What was deleted meanwhile is counted beside this, and swept by the next pass.
        self.upkeep("sweeping payloads", move |connection, _| {
            let sql = "UPDATE host SET value = value - $1 WHERE name = 'garbage'";
            connection.prepare_cached(sql)?.execute([garbage])
        })?;
        Ok(())
    }

    /// Removes the files that no row names, nor an unfinished run.
    fn sweep_artefacts(
        &self,
        policy: &Retention,
        now: Timestamp,
        retained: &mut Retained,
    ) -> Result<(), Error> {
        if self.deleted_within(REST.min(policy.grace)) {
            return Ok(());
        }
        let wrong = |error| self.artefacts_error(error);
        let before = disk_time(earlier(now, policy.grace), policy.grace);
        let paths = self.artefact_files().put_before(before).map_err(wrong)?;
        let mut paths = self.reading("looking for artefacts", |connection| {
            artefacts::without_row(connection, paths)
        })?;
        let files = paths.iter().filter_map(|path| artefacts::digest_of(path)).collect();
        let begin = |connection: &_| Unreferred::begin(connection, files);
        let mut unreferred = self.reading("looking for unfinished runs", begin)?;
        while self.reading("marking artefacts", |connection| unreferred.mark(connection))? {}
        while !paths.is_empty() {
            let some = paths.split_off(paths.len().saturating_sub(FILES_PER_STEP));
            let files = Arc::clone(self.artefact_files());
            let (back, removed) = self.upkeep("sweeping artefacts", move |connection, _| {
                while unreferred.mark(connection)? {}
                let removed = remove(&files, &some, &unreferred, before);
                Ok((unreferred, removed))
            })?;
            unreferred = back;
            for bytes in removed.map_err(wrong)? {
                retained.artefacts += 1;
                retained.artefact_bytes += bytes;
            }
        }
        Ok(())
    }

    /// Lines lie in the order of their arrival, so the first one that is young ends this.
    fn delete_logs(
        &self,
        policy: &Retention,
        now: Timestamp,
        retained: &mut Retained,
    ) -> Result<(), Error> {
        let Some(age) = policy.log_age else { return Ok(()) };
        let before = earlier(now, age).as_ms();
        loop {
            let deleted = self.upkeep("deleting old log lines", move |connection, _| {
                let sql = "DELETE FROM log WHERE at < $1 AND id IN (
                               SELECT id FROM log ORDER BY id LIMIT $2)";
                connection.prepare_cached(sql)?.execute(params![before, ROWS_PER_STEP as i64])
            })?;
            retained.log_lines += deleted as u64;
            if deleted < ROWS_PER_STEP {
                return Ok(());
            }
        }
    }

    fn delete_cached(
        &self,
        policy: &Retention,
        now: Timestamp,
        retained: &mut Retained,
    ) -> Result<(), Error> {
        let Some(age) = policy.cached_age else { return Ok(()) };
        let before = earlier(now, age).as_ms();
        loop {
            let deleted = self.upkeep("deleting old results", move |connection, _| {
                let sql = "DELETE FROM cached_result WHERE key IN (
                               SELECT key FROM cached_result WHERE made_at < $1 LIMIT $2)";
                let rows =
                    connection.prepare_cached(sql)?.execute([before, ROWS_PER_STEP as i64])?;
                delete::count_garbage(connection, rows)?;
                Ok(rows)
            })?;
            retained.cached += deleted as u64;
            if deleted > 0 {
                self.note_deletion();
            }
            if deleted < ROWS_PER_STEP {
                return Ok(());
            }
        }
    }

    fn give_back(&self, retained: &mut Retained) -> Result<(), Error> {
        loop {
            let pages = self.upkeep("giving pages back", |connection, _| {
                let before = pragma(connection, "page_count")?;
                let sql = format!("PRAGMA incremental_vacuum({PAGES_PER_STEP})");
                let mut statement = connection.prepare(&sql)?;
                let mut rows = statement.query([])?;
                // Each step gives one page back.
                while rows.next()?.is_some() {}
                Ok(before - pragma(connection, "page_count")?)
            })?;
            if pages <= 0 {
                return Ok(());
            }
            retained.pages += pages.unsigned_abs();
        }
    }
}

/// Removes those of some files that nobody refers to; gives the bytes of each.
fn remove(
    files: &ArtefactFiles,
    paths: &[PathBuf],
    unreferred: &Unreferred,
    before: SystemTime,
) -> io::Result<Vec<u64>> {
    let is_kept = |digest| !unreferred.has(&digest);
    let paths = paths.iter().filter(|path| !artefacts::digest_of(path).is_some_and(is_kept));
    let removed = paths.map(|path| files.remove(path, before));
    removed.filter_map(Result::transpose).collect()
}

/// The time before which a file was put that may go: by what the caller says the time is, and by the
/// clock that stamps files, whichever is earlier.
fn disk_time(before: Timestamp, grace: Duration) -> SystemTime {
    let by_clock = SystemTime::now().checked_sub(grace).unwrap_or(SystemTime::UNIX_EPOCH);
    let since_epoch = Duration::from_millis(before.as_ms().try_into().unwrap_or(0));
    let told = SystemTime::UNIX_EPOCH.checked_add(since_epoch);
    told.map_or(by_clock, |told| told.min(by_clock))
}

fn earlier(now: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_ms(now.as_ms().saturating_sub(by))
}

fn pragma(connection: &Connection, name: &str) -> SqlResult<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

fn garbage(connection: &Connection) -> SqlResult<i64> {
    let sql = "SELECT coalesce(sum(value), 0) FROM host WHERE name = 'garbage'";
    connection.query_row(sql, [], |row| row.get(0))
}

fn finished(connection: &Connection) -> SqlResult<u64> {
    let sql = "SELECT count(*) FROM run WHERE outcome IS NOT NULL";
    connection.query_row(sql, [], |row| column::count(row, 0))
}

fn bytes_used(connection: &Connection) -> SqlResult<u64> {
    let pages = pragma(connection, "page_count")? - pragma(connection, "freelist_count")?;
    let database = pages * pragma(connection, "page_size")?;
    let sql = "SELECT coalesce(sum(bytes), 0) FROM (SELECT DISTINCT digest, bytes FROM artefact)";
    let artefacts: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    Ok((database + artefacts).unsigned_abs())
}

fn oldest(connection: &Connection, after: (i64, i64)) -> SqlResult<Vec<Finished>> {
    connection
        .prepare_cached(
            "SELECT stream, id, started_at, ended_at, key IS NOT NULL
             FROM run INDEXED BY run_started
             WHERE outcome IS NOT NULL AND (started_at, stream) > ($1, $2)
             ORDER BY started_at, stream LIMIT $3",
        )?
        .query_map([after.0, after.1, RUNS_PER_READ], |row| {
            Ok(Finished {
                stream: row.get(0)?,
                id: column::run_id(row, 1)?,
                started_at: column::time(row, 2)?,
                ended_at: column::time(row, 3)?,
                has_key: row.get(4)?,
            })
        })?
        .collect()
}

/// What deleting a run frees, about: its events with their indexes, and the payloads they name.
fn size_of_run(connection: &Connection, stream: i64) -> SqlResult<u64> {
    let mut statement = connection.prepare_cached("SELECT body FROM event WHERE stream = $1")?;
    let mut payload =
        connection.prepare_cached("SELECT length(body) FROM payload WHERE digest = $1")?;
    let mut rows = statement.query([stream])?;
    let (mut bytes, mut named) = (0, std::collections::HashSet::new());
    while let Some(row) = rows.next()? {
        let body = row.get_ref(0)?.as_str()?;
        bytes += body.len() as u64 + 100;
        digests(body, |digest| _ = named.insert(digest));
    }
    for digest in named {
        let mut found = payload.query([digest.as_bytes()])?;
        if let Some(row) = found.next()? {
            bytes += column::count(row, 0)?;
        }
    }
    Ok(bytes)
}
