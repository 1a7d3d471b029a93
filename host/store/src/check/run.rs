//! The rules of one run's journal, and of the views made from it.

use std::sync::Arc;

use rusqlite::{Connection, Error, Result};
use taskloom_core::failure::Outcome;
use taskloom_core::id::{RunId, TriggerName};
use taskloom_core::journal::{Entry, RunEvent, RunStarted};
use taskloom_core::run::{RunState, RunStatus};
use taskloom_core::time::Timestamp;

use crate::check::attempts::AttemptsCheck;
use crate::check::definitions::Definitions;
use crate::check::refusals::RefusalsCheck;
use crate::check::{Problems, Views, texts};
use crate::rows::RunRow;
use crate::{idempotency, runs};

/// Walks through the events of one run.
pub(super) struct RunCheck<'a> {
    connection: &'a Connection,
    stream: i64,
    run: RunId,
    views: Views,
    seq: u64,
    at: Timestamp,
    start: Option<(Box<RunStarted>, Timestamp)>,
    priority: i32,
    outcome: Option<Outcome>,
    attempts: AttemptsCheck,
    refusals: RefusalsCheck,
    /// What the events make of the run, as the engine would fold them; `None` when its definition cannot
    /// be read, or an event does not fit.
    state: Option<RunState>,
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
            priority: 0,
            outcome: None,
            attempts: AttemptsCheck::default(),
            refusals: RefusalsCheck::default(),
            state: None,
        }
    }

    /// Checks the next event.
    pub(super) fn event(
        &mut self,
        (seq, kind): (u64, &str),
        entry: Entry<RunEvent>,
        definitions: &mut Definitions,
        problems: &mut Problems,
    ) -> Result<()> {
        let (run, last, at, event) = (self.run, self.seq, entry.at, &entry.event);
        let place = || format!("run {run}: event {seq}");
        let is_start = matches!(event, RunEvent::RunStarted(_));
        problems.expect(seq == last + 1, || format!("{} follows event {last}", place()));
        problems.expect(event.kind() == kind, || format!("{} is no `{kind}`", place()));
        problems.expect(is_start == (seq == 1), || format!("{} is `{kind}`", place()));
        problems.expect(self.outcome.is_none(), || format!("{} follows the run's end", place()));
        (self.seq, self.at) = (seq, at);
        texts::of_event(self.connection, event, place, problems)?;
        self.attempts.event((run, seq, at.as_ms()), event, problems);
        if self.views == Views::Compared {
            self.refusals.event(self.connection, (self.stream, run), &entry, problems)?;
        }
        match event {
            RunEvent::RunStarted(start) => {
                self.priority = start.priority;
                self.start = Some((start.clone(), at));
            }
            RunEvent::PriorityChanged { priority } => self.priority = *priority,
            RunEvent::RunFinished { outcome, .. } => self.outcome = Some(*outcome),
            _ => {}
        }
        self.fold(entry, definitions, problems)
    }

    /// Notes an event that is none.
    pub(super) fn unreadable(&self, seq: u64, error: &Error, problems: &mut Problems) {
        problems.add(format!("run {}: event {seq} is unreadable: {error}", self.run));
    }

    /// Folds an event as the engine does.
    fn fold(
        &mut self,
        entry: Entry<RunEvent>,
        definitions: &mut Definitions,
        problems: &mut Problems,
    ) -> Result<()> {
        let Entry { at, event } = entry;
        if let RunEvent::RunStarted(start) = event {
            let workflow = definitions.get(self.connection, start.definition)?;
            self.state =
                workflow.map(|read| RunState::begin(self.run, Arc::clone(&read), start, at));
            return Ok(());
        }
        let Some(state) = &mut self.state else { return Ok(()) };
        if let Err(error) = state.apply(&Entry { at, event }) {
            problems.add(format!("run {}: {error}", self.run));
            self.state = None;
        }
        Ok(())
    }

    /// Checks the views after the last event.
    pub(super) fn finish(self, problems: &mut Problems) -> Result<()> {
        if self.views == Views::LeftOut {
            return Ok(());
        }
        self.row(problems)?;
        self.key(problems)?;
        self.refusals.finish(self.connection, (self.stream, self.run), problems)?;
        let place = (self.stream, self.run, self.outcome.is_some());
        self.attempts.finish(self.connection, place, problems)
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
        problems.expect(row.priority == self.priority, || {
            format!("run {run}: its row has priority {}, not {}", row.priority, self.priority)
        });
        if let Some((start, at)) = &self.start {
            let same = is_of(&row, start) && row.started_at == *at;
            problems.expect(same, || format!("run {run}: its row has another start"));
        }
        self.counts(&row, problems);
        Ok(())
    }

    /// The row of a run that has ended says how many tasks it had; before that it may be behind.
    fn counts(&self, row: &RunRow, problems: &mut Problems) {
        let Some(state) = self.state.as_ref().filter(|_| self.outcome.is_some()) else { return };
        let (total, ended) = (state.tasks().len() as u64, state.ended_tasks() as u64);
        let same = u64::from(row.tasks_total) == total && u64::from(row.tasks_ended) == ended;
        problems.expect(same, || {
            format!(
                "run {}: its row has {} of {} tasks ended, its journal {ended} of {total}",
                self.run, row.tasks_ended, row.tasks_total
            )
        });
    }

    fn key(&self, problems: &mut Problems) -> Result<()> {
        let Some((start, _)) = &self.start else { return Ok(()) };
        let Some(key) = &start.idempotency else { return Ok(()) };
        let found = idempotency::find(self.connection, &start.workflow, &key.key)?;
        problems.expect(found == Some((self.run, key.request)), || {
            format!("run {}: its idempotency key leads elsewhere", self.run)
        });
        Ok(())
    }
}

/// Whether a row says of a run's start what its first event says.
fn is_of(row: &RunRow, start: &RunStarted) -> bool {
    row.workflow == start.workflow
        && row.version == start.version
        && row.definition == start.definition
        && row.idempotency == start.idempotency
        && row.concurrency_key.as_ref() == start.concurrency.as_ref().map(|key| &key.key)
        && row.trigger == start.trigger
        && row.trigger_name.as_deref() == start.trigger_name.as_ref().map(TriggerName::as_str)
        && row.parent == start.parent.as_ref().map(|parent| parent.run)
        && row.rerun_of == start.rerun.as_ref().map(|rerun| rerun.run)
}
