//! The physical limits: what the machine does without Taskloom.

use std::time::Duration;

use anyhow::Result;
use taskloom_store::yardstick;
use taskloom_wasm::yardstick::raw_calls;
use taskloom_wasm::{Runtime, RuntimeConfig};

use crate::figures::{ms, percentile, us};
use crate::host::Place;
use crate::report::{Reach, Report};

/// Commits that are timed for each limit.
const COMMITS: usize = 1_000;

/// Calls that are timed.
const CALLS: u32 = 5_000;

/// What this machine does at best, measured in this run.
pub(crate) struct Limits {
    /// A SQLite commit of one row, write-ahead log, `synchronous=FULL`.
    pub(crate) commit: Duration,
    pub(crate) commit_p99: Duration,
    /// A bare wasmtime call: fresh pooled store, instantiation, one JSON call.
    pub(crate) call: Duration,
}

impl Limits {
    pub(crate) fn measure(place: &Place, report: &Report) -> Result<Self> {
        let folder = place.scratch()?;
        let sync = yardstick::raw_fdatasync(folder.path(), COMMITS)?;
        let one = yardstick::sqlite_commit(folder.path(), 1, COMMITS)?;
        let hundred = yardstick::sqlite_commit(folder.path(), 100, COMMITS / 5)?;
        for (id, samples, note) in [
            ("limit-commit.fdatasync", &sync, "append 4 KiB + fdatasync"),
            ("limit-commit.row", &one, "SQLite WAL FULL, one row a commit"),
            ("limit-commit.rows-100", &hundred, "SQLite WAL FULL, 100 rows a commit"),
        ] {
            if report.wants(id) {
                let note = format!("{note}; p99 {:.3} ms", ms(percentile(samples, 0.99)));
                let value = ms(percentile(samples, 0.5));
                report.line(id, (value, "ms"), None, Reach::Nothing, ("full", note))?;
            }
        }
        let runtime = Runtime::new(RuntimeConfig::default())?;
        let calls = raw_calls(&runtime, &place.component("noop")?, "run", "{}", CALLS)?;
        let call = calls.p50;
        if report.wants("limit-call") {
            let note = format!(
                "fresh pooled store, instantiate, one JSON call; p99 {:.0} µs",
                us(calls.p99)
            );
            report.line("limit-call", (us(call), "us"), None, Reach::Nothing, ("none", note))?;
        }
        Ok(Self { commit: percentile(&one, 0.5), commit_p99: percentile(&one, 0.99), call })
    }
}
