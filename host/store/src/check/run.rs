//! The rules of one run's journal, and of the views made from it.

use std::collections::HashMap;

use rusqlite::{Connection, Error, Result};
use taskloom_core::failure::Outcome;
use taskloom_core::id::{Digest, PluginName, RunId, TaskId, TriggerName};
use taskloom_core::journal::{Entry, RunEvent, RunStarted};
use taskloom_core::payload::PayloadRef;
use taskloom_core::run::RunStatus;
use taskloom_core::time::Timestamp;

use crate::check::{Problems, Views};
use crate::rows::RefusalRow;
use crate::{column, idempotency, refusals, runs};

/// Walks through the events of one run.
pub(super) struct RunCheck<'a> {
    connection: &'a Connection,
    stream: i64,
    run: RunId,
    views: Views,
    seq: u64,
    at: Timestamp,
    start: Option<Box<RunStarted>>,
    outcome: Option<Outcome>,
    tasks: HashMap<TaskId, TaskCheck>,
    /// Every version that the run ever kept, and whose it is.
    plugins: HashMap<Digest, PluginName>,
    /// Refusals that have a row.
    refusals: u64,
}

#[derive(Default)]
struct TaskCheck {
    /// The number of the attempt claimed last.
    claimed: u32,
    succeeded: bool,
}

impl<'a> RunCheck<'a> {
    pub(super) fn new(connection: &'a Connection, stream: i64, run: RunId, views: Views) -> Self {
        Self {
            connection,
            stream,
            run,
            views,
            seq: 0,
            at: Timestamp::from_ms(0),
            start: None,
            outcome: None,
            tasks: HashMap::new(),
            plugins: HashMap::new(),
            refusals: 0,
        }
    }

    /// Checks the next event.
    pub(super) fn event(
        &mut self,
        seq: u64,
        kind: &str,
        entry: &Entry<RunEvent>,
        problems: &mut Problems,
    ) -> Result<()> {
        let (run, last, event) = (self.run, self.seq, &entry.event);
        let place = || format!("run {run}: event {seq}");
        let is_start = matches!(event, RunEvent::RunStarted(_));
        problems.expect(seq == last + 1, || format!("{} follows event {last}", place()));
        problems.expect(event.kind() == kind, || format!("{} is no `{kind}`", place()));
        problems.expect(is_start == (seq == 1), || format!("{} is `{kind}`", place()));
        problems.expect(self.outcome.is_none(), || format!("{} follows the run's end", place()));
        (self.seq, self.at) = (seq, entry.at);
        self.payloads(event, problems)?;
        match event {
            RunEvent::RunStarted(start) => self.start = Some(start.clone()),
            RunEvent::RunFinished { outcome, .. } => self.outcome = Some(*outcome),
            _ => self.attempt(event, problems),
        }
        self.keep_plugins(event);
        match self.views {
            Views::Compared => self.refused(entry, problems),
            Views::LeftOut => Ok(()),
        }
    }

    /// Notes an event that is none.
    pub(super) fn unreadable(&self, seq: u64, error: &Error, problems: &mut Problems) {
        problems.add(format!("run {}: event {seq} is unreadable: {error}", self.run));
    }

    /// Checks the views after the last event.
    pub(super) fn finish(self, problems: &mut Problems) -> Result<()> {
        if self.views == Views::LeftOut {
            return Ok(());
        }
        self.row(problems)?;
        self.key(problems)?;
        self.attempts(problems)?;
        self.refusals(problems)
    }

    fn keep_plugins(&mut self, event: &RunEvent) {
        match event {
            RunEvent::RunStarted(start) => {
                let pins = start.pins.iter().map(|(plugin, digest)| (*digest, plugin.clone()));
                self.plugins.extend(pins);
            }
            RunEvent::PluginPinned { plugin, digest }
            | RunEvent::PluginRepinned { plugin, to: digest, .. } => {
                self.plugins.insert(*digest, plugin.clone());
            }
            _ => {}
        }
    }

    /// What an attempt was refused has the rows that its event gives.
    fn refused(&mut self, entry: &Entry<RunEvent>, problems: &mut Problems) -> Result<()> {
        let Some((task, number, usage)) = entry.event.used() else { return Ok(()) };
        let plugin = usage.plugin_digest.and_then(|digest| self.plugins.get(&digest));
        let Some(plugin) = plugin else { return Ok(()) };
        let expected = RefusalRow::of(self.run, plugin, entry);
        if expected.is_empty() {
            return Ok(());
        }
        self.refusals += expected.len() as u64;
        let found = refusals::of_attempt(self.connection, (self.stream, self.run), task, number)?;
        problems.expect(found == expected, || {
            format!(
                "run {}: the refusals of attempt {number} of `{task}` have other rows",
                self.run
            )
        });
        Ok(())
    }

    fn attempt(&mut self, event: &RunEvent, problems: &mut Problems) {
        let (run, seq) = (self.run, self.seq);
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
    }

    fn payloads(&self, event: &RunEvent, problems: &mut Problems) -> Result<()> {
        let by_reference =
            |payload: &PayloadRef| payload.inline.is_none().then_some(payload.digest);
        let digests: [Option<Digest>; 3] = match event {
            RunEvent::RunStarted(start) => [
                Some(start.definition),
                by_reference(&start.input),
                start.context.as_ref().and_then(by_reference),
            ],
            RunEvent::InputResolved { input: payload, .. }
            | RunEvent::AttemptSucceeded { output: payload, .. }
            | RunEvent::RunFinished { output: Some(payload), .. } => {
                [by_reference(payload), None, None]
            }
            _ => [None, None, None],
        };
        for digest in digests.into_iter().flatten() {
            let there = self
                .connection
                .prepare_cached("SELECT 1 FROM payload WHERE digest = $1")?
                .exists([digest.as_bytes()])?;
            problems.expect(there, || {
                format!(
                    "run {}: event {} refers to {digest}, which is not there",
                    self.run, self.seq
                )
            });
        }
        Ok(())
    }

    fn row(&self, problems: &mut Problems) -> Result<()> {
        let run = self.run;
        let Some(row) = runs::get(self.connection, run)? else {
            problems.add(format!("run {run}: it has no row"));
            return Ok(());
        };
        problems.expect(row.id == run, || format!("run {run}: its row is that of {}", row.id));
        problems.expect(row.outcome == self.outcome, || {
            format!(
                "run {run}: its row has outcome {:?}, its journal {:?}",
                row.outcome, self.outcome
            )
        });
        let finished = row.status == RunStatus::Finished;
        problems.expect(finished == self.outcome.is_some(), || {
            format!("run {run}: its row has status {}", row.status.as_str())
        });
        let ended_at = self.outcome.map(|_| self.at);
        problems.expect(row.ended_at == ended_at, || {
            format!("run {run}: its row has another end than its journal")
        });
        if let Some(start) = &self.start {
            let same = row.workflow == start.workflow
                && row.version == start.version
                && row.definition == start.definition
                && row.idempotency == start.idempotency
                && row.concurrency_key.as_ref() == start.concurrency.as_ref().map(|key| &key.key)
                && row.trigger == start.trigger
                && row.trigger_name.as_deref()
                    == start.trigger_name.as_ref().map(TriggerName::as_str);
            problems.expect(same, || format!("run {run}: its row has another start"));
        }
        Ok(())
    }

    fn key(&self, problems: &mut Problems) -> Result<()> {
        let Some(start) = &self.start else { return Ok(()) };
        let Some(key) = &start.idempotency else { return Ok(()) };
        let found = idempotency::find(self.connection, &start.workflow, &key.key)?;
        problems.expect(found == Some((self.run, key.request)), || {
            format!("run {}: its idempotency key leads elsewhere", self.run)
        });
        Ok(())
    }

    /// No refusal in the view is of no event.
    fn refusals(&self, problems: &mut Problems) -> Result<()> {
        let found = refusals::count(self.connection, self.stream)?;
        problems.expect(found == self.refusals, || {
            format!("run {}: {found} refusals have rows, not {}", self.run, self.refusals)
        });
        Ok(())
    }

    /// Every attempt in the view was claimed.
    fn attempts(&self, problems: &mut Problems) -> Result<()> {
        let mut statement =
            self.connection.prepare_cached("SELECT task, number FROM attempt WHERE run = $1")?;
        let mut rows = statement.query([self.stream])?;
        while let Some(row) = rows.next()? {
            let task: TaskId = column::parsed(row, 0)?;
            let number: u32 = row.get(1)?;
            let claimed = self.tasks.get(&task).map_or(0, |task| task.claimed);
            problems.expect((1..=claimed).contains(&number), || {
                format!("run {}: attempt {number} of `{task}` has a row but no event", self.run)
            });
        }
        Ok(())
    }
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
