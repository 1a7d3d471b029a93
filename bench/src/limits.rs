//! The physical limits: what the machine does without Taskloom.

use std::time::Duration;

use anyhow::Result;
use taskloom_store::yardstick;
use taskloom_wasm::yardstick::raw_calls;
use taskloom_wasm::{Runtime, RuntimeConfig};
use tempfile::TempDir;

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

/// Commits of one row and bare calls, measured anew between the runs of a workload.
///
/// The disk and the cores of a machine that others share change within seconds. A workload that is a mean over thousands
/// of commits or calls is put beside the mean of as many bare ones, made right before each of its runs.
pub(crate) struct Beside {
    folder: TempDir,
    runtime: Runtime,
    noop: Vec<u8>,
    commits: Mean,
    calls: Mean,
}

/// The mean of what was measured one after the other.
#[derive(Default)]
struct Mean {
    count: u32,
    total: Duration,
}

impl Mean {
    fn add(&mut self, count: u32, total: Duration) {
        self.count += count;
        self.total += total;
    }

    fn get(&self) -> Duration {
        self.total / self.count.max(1)
    }
}

impl Beside {
    pub(crate) fn new(place: &Place) -> Result<Self> {
        let (folder, runtime) = (place.scratch()?, Runtime::new(RuntimeConfig::default())?);
        let noop = place.component("noop")?;
        let (commits, calls) = Default::default();
        Ok(Self { folder, runtime, noop, commits, calls })
    }

    /// Makes so many commits and as many calls, one after the other.
    pub(crate) fn measure(&mut self, steps: u32) -> Result<()> {
        let commits = yardstick::sqlite_commit(self.folder.path(), 1, steps as usize)?;
        self.commits.add(steps, commits.iter().sum());
        self.measure_calls(steps)
    }

    /// Makes so many calls, one after the other.
    pub(crate) fn measure_calls(&mut self, calls: u32) -> Result<()> {
        let measured = raw_calls(&self.runtime, &self.noop, "run", "{}", calls)?;
        self.calls.add(calls, measured.total);
        Ok(())
    }

    /// What a commit and a call took together, on average.
    pub(crate) fn step(&self) -> Duration {
        self.commits.get() + self.call()
    }

    /// What a call took on average.
    pub(crate) fn call(&self) -> Duration {
        self.calls.get()
    }
}
