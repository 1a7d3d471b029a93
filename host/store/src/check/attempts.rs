//! The attempts of one run: the order of their events, and the view of those that have ended.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, Result};
use taskloom_core::attempt::AttemptUse;
use taskloom_core::failure::{Failure, FailureClass};
use taskloom_core::id::{Digest, RunId, TaskId};
use taskloom_core::journal::RunEvent;

use crate::check::Problems;
use crate::column;

/// What the events of one run say of its attempts.
#[derive(Default)]
pub(super) struct AttemptsCheck {
    tasks: HashMap<TaskId, TaskCheck>,
}

#[derive(Default)]
struct TaskCheck {
    /// The number of the attempt claimed last.
    claimed: u32,
    succeeded: bool,
    /// The attempts that have ended, and what their rows must say.
    ended: BTreeMap<u32, Ended>,
}

/// What a row says of an attempt that has ended, as far as its last event says it too.
#[derive(Debug, PartialEq, Eq)]
struct Ended {
    outcome: String,
    at: i64,
    cpu_ms: u64,
    host_wait_ms: u64,
    fuel_used: u64,
    memory_peak_bytes: u64,
    input_bytes: u64,
    output_bytes: u64,
    plugin_digest: Option<Digest>,
}

impl AttemptsCheck {
    /// Checks an event of `run`, if it is about an attempt.
    pub(super) fn event(
        &mut self,
        (run, seq, at): (RunId, u64, i64),
        event: &RunEvent,
        problems: &mut Problems,
    ) {
        let Some((task, number)) = attempt(event) else { return };
        let known = self.tasks.entry(task.clone()).or_default();
        let place = || format!("run {run}: event {seq}: attempt {number} of `{task}`");
        if matches!(event, RunEvent::AttemptClaimed { .. }) {
            let last = known.claimed;
            problems.expect(number == last + 1, || format!("{} follows {last}", place()));
            problems.expect(!known.succeeded, || format!("{} follows a success", place()));
            known.claimed = number;
        } else {
            problems.expect(number == known.claimed, || format!("{} is not claimed", place()));
        }
        if matches!(event, RunEvent::AttemptSucceeded { .. }) {
            problems.expect(!known.succeeded, || format!("{} succeeds again", place()));
            known.succeeded = true;
        }
        if let Some(ended) = Ended::by(event, at) {
            known.ended.insert(number, ended);
        }
    }

    /// Checks the rows of the attempts. While a run is live, rows may come later than the events.
    pub(super) fn finish(
        mut self,
        connection: &Connection,
        (stream, run, is_over): (i64, RunId, bool),
        problems: &mut Problems,
    ) -> Result<()> {
        let mut statement = connection.prepare_cached(
            "SELECT task, number, outcome, ended_at, cpu_ms, host_wait_ms, fuel_used,
                 memory_peak_bytes, input_bytes, output_bytes, plugin_digest
             FROM attempt WHERE run = $1",
        )?;
        let mut rows = statement.query([stream])?;
        while let Some(row) = rows.next()? {
            let task: TaskId = column::parsed(row, 0)?;
            let number: u32 = row.get(1)?;
            let known = self.tasks.get_mut(&task).and_then(|task| task.ended.remove(&number));
            let place = || format!("run {run}: attempt {number} of `{task}`");
            match known {
                None => problems.add(format!("{} has a row but no event of its end", place())),
                Some(known) => {
                    let found = Ended::of(row)?;
                    problems.expect(known == found, || {
                        format!("{} has another row than its event: {found:?}", place())
                    });
                }
            }
        }
        for (task, number) in self.left().filter(|_| is_over) {
            problems
                .add(format!("run {run}: attempt {number} of `{task}` has ended without a row"));
        }
        Ok(())
    }

    /// The attempts that have ended and are not in the view.
    fn left(&self) -> impl Iterator<Item = (&TaskId, u32)> {
        self.tasks.iter().flat_map(|(id, task)| task.ended.keys().map(move |number| (id, *number)))
    }
}

impl Ended {
    /// What an event that ends an attempt says.
    fn by(event: &RunEvent, at: i64) -> Option<Self> {
        let nothing = AttemptUse::default();
        let (outcome, usage) = match event {
            RunEvent::AttemptSucceeded { usage, .. } => ("succeeded", &**usage),
            RunEvent::AttemptFailed { failure, usage, .. } => (word_of(failure), &**usage),
            RunEvent::AttemptCancelled { usage, .. } => ("cancelled", &**usage),
            RunEvent::AttemptReleased { usage, .. } => ("released", &**usage),
            RunEvent::AttemptLost { .. } => ("lost", &nothing),
            _ => return None,
        };
        Some(Self {
            outcome: outcome.to_owned(),
            at,
            cpu_ms: usage.cpu_ms,
            host_wait_ms: usage.host_wait_ms,
            fuel_used: usage.fuel_used,
            memory_peak_bytes: usage.memory_peak_bytes,
            input_bytes: usage.input_bytes,
            output_bytes: usage.output_bytes,
            plugin_digest: usage.plugin_digest,
        })
    }

    fn of(row: &rusqlite::Row<'_>) -> Result<Self> {
        let has_digest = !matches!(row.get_ref(10)?, rusqlite::types::ValueRef::Null);
        Ok(Self {
            outcome: row.get(2)?,
            at: row.get(3)?,
            cpu_ms: column::count(row, 4)?,
            host_wait_ms: column::count(row, 5)?,
            fuel_used: column::count(row, 6)?,
            memory_peak_bytes: column::count(row, 7)?,
            input_bytes: column::count(row, 8)?,
            output_bytes: column::count(row, 9)?,
            plugin_digest: if has_digest { Some(column::digest(row, 10)?) } else { None },
        })
    }
}

/// The word of the view for an attempt that failed.
fn word_of(failure: &Failure) -> &'static str {
    if failure.class == FailureClass::Timeout { "timed_out" } else { "failed" }
}

/// The attempt that an event is about.
fn attempt(event: &RunEvent) -> Option<(&TaskId, u32)> {
    match event {
        RunEvent::AttemptClaimed { task, number, .. }
        | RunEvent::AttemptStarted { task, number, .. }
        | RunEvent::AttemptSucceeded { task, number, .. }
        | RunEvent::AttemptFailed { task, number, .. }
        | RunEvent::AttemptCancelled { task, number, .. }
        | RunEvent::AttemptReleased { task, number, .. }
        | RunEvent::AttemptLost { task, number, .. } => Some((task, *number)),
        _ => None,
    }
}
