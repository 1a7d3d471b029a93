//! The engine's thread: takes every input, folds it, and releases what follows after the commit.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use taskloom_core::dispatch::Dispatcher;
use taskloom_core::id::{Digest, RunId};
use taskloom_core::journal::{ConcurrencyKey, Entry, RunEvent};
use taskloom_core::run::{AttemptResult, Command, Effect, LossLimits, Reaction, Refusal, react};
use taskloom_core::time::Timestamp;
use taskloom_store::{Committed, Store};
use taskloom_wasm::Catalog;
use tokio::sync::oneshot;

use super::batch::{OpenBatch, Part, Release};
use super::children::{ChildNews, ChildStart};
use super::clock::Clock;
use super::ending::ResolvedOutput;
use super::handle::{CommandError, StartError, StartRun, Started};
use super::inquiry::Answered;
use super::keys::Keys;
use super::names::Handed;
use super::perform::{Left, Performed, Performer};
use super::progress::Progresses;
use super::resident::Resident;
use super::starts::{Start, Starts};
use super::steer::Prepared;
use super::successor::Successor;
use super::timers::{Timer, Timers};
use super::waits::Waits;
use super::watch::Watchers;
use crate::definitions::Definitions;
use crate::finished::FinishedRuns;
use crate::workflows::Workflows;

/// Inputs that are folded before their batch is closed. Large enough to make a commit worth its
/// while, small enough that a caller does not wait behind a long row of others.
const INPUTS_PER_BATCH: usize = 1024;

/// How long an attempt runs before its start is journaled without waiting for a commit that goes
/// anyway: shorter ones have their start in their result alone. And how long the list of runs may be behind
/// a run that goes on from step to step.
const CATCH_UP_DELAY: Duration = Duration::from_millis(25);

/// How much longer than its grace period a shutdown may take.
const SHUTDOWN_OVERTIME: Duration = Duration::from_secs(5);

/// Everything that can happen to the engine.
pub(super) enum Input {
    /// Start a run.
    Start(Box<(StartRun, Option<ConcurrencyKey>)>, oneshot::Sender<Result<Started, StartError>>),
    /// Stop a run.
    Cancel(RunId, String, oneshot::Sender<Result<(), CommandError>>),
    /// Say why tasks are not running.
    Waits(RunId, oneshot::Sender<Waits>),
    /// Say which runs a held run waits behind.
    Behind(RunId, oneshot::Sender<Vec<RunId>>),
    /// Say which plugin versions live runs have pinned.
    PinnedVersions(oneshot::Sender<HashSet<Digest>>),
    /// Say how many runs are live.
    LiveRuns(oneshot::Sender<usize>),
    /// An attempt came back.
    AttemptEnded(Box<Performed>),
    /// The value of a workflow's `output`.
    OutputResolved(RunId, ResolvedOutput),
    /// What the planner asked for was computed, or could not be.
    Answered(Box<Answered>),
    /// Ask something of a live run.
    Steer(RunId, Box<Prepared>, oneshot::Sender<Result<(), CommandError>>),
    /// A child was started or has ended.
    Child(Box<ChildNews>),
    /// The batch that was in flight is on disk, or is not.
    Committed(Result<Committed, taskloom_store::Error>),
    /// Plugins were loaded or removed.
    PluginsChanged,
    /// Look at the timers: somebody else than the engine's thread has set one.
    Look,
    /// Stop.
    Shutdown { grace: Duration },
}

/// What the engine is told by the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How much runs at the same time.
    pub slots: taskloom_core::dispatch::Slots,
    /// Runs that may be live at the same time.
    pub runs_max: usize,
    /// How often a task may be lost with its host.
    pub losses: LossLimits,
    /// The name of this host in attempts.
    pub host: Arc<str>,
    /// What expressions read as `config`.
    pub values: Arc<Value>,
}

/// Why the engine cannot go on.
pub type Fatal = String;

/// The state of the engine's thread.
pub(super) struct Service {
    pub(super) sender: mpsc::Sender<Input>,
    pub(super) store: Store,
    pub(super) catalog: Arc<Catalog>,
    pub(super) workflows: Workflows,
    pub(super) performer: Performer,
    pub(super) watchers: Watchers,
    pub(super) finished: FinishedRuns,
    pub(super) clock: Clock,
    pub(super) settings: Settings,
    pub(super) runs: HashMap<RunId, Resident>,
    pub(super) dispatcher: Dispatcher,
    pub(super) timers: Timers,
    /// The runs of every concurrency key.
    pub(super) keys: Keys,
    /// Held runs whose time has come.
    pub(super) arrivals: VecDeque<RunId>,
    /// The time at which the engine's thread looks at the timers, if nothing comes before.
    pub(super) alarm: Option<Timestamp>,
    pub(super) random: fastrand::Rng,
    pub(super) batch: OpenBatch,
    /// What follows the batch that is being written.
    pub(super) in_flight: Option<Vec<Part>>,
    /// Starts of attempts that are not journaled yet.
    pub(super) starts: Starts,
    /// How far attempts are that are under way.
    pub(super) progresses: Progresses,
    /// Live runs whose row in the list of runs says less than they have done.
    pub(super) rows_behind: HashSet<RunId>,
    pub(super) catch_up_timer: bool,
    /// Attempts that were handed to the performer and have not come back.
    pub(super) under_way: usize,
    /// The one of them that goes to whoever brought the result it follows from.
    pub(super) successor: Successor,
    /// The definitions that runs keep.
    pub(super) definitions: Definitions,
    /// Whether the mailbox was empty when it was last looked at.
    pub(super) drained: bool,
    pub(super) draining: Option<Drain>,
    pub(super) fatal: Option<Fatal>,
}

/// How far a shutdown has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drain {
    /// What runs may end by itself.
    Grace,
    /// What runs was told to stop.
    Stopping,
    /// Waited long enough.
    GivenUp,
}

impl Service {
    /// Handles what has come, and everything that follows from it: timers, claims, commits.
    pub(super) fn turn(&mut self, inputs: impl Iterator<Item = Input>) {
        let mut room = INPUTS_PER_BATCH;
        for input in inputs.take(INPUTS_PER_BATCH) {
            self.handle(input);
            self.admit_runs();
            room -= 1;
        }
        self.drained = room > 0;
        self.fire_timers();
        self.admit_runs();
        self.dispatch();
        while self.flush() {
            self.admit_runs();
            self.dispatch();
        }
    }

    /// Whether nothing is left to do for the engine, ever.
    pub(super) fn is_done(&self) -> bool {
        if self.fatal.is_some() || self.draining == Some(Drain::GivenUp) {
            return true;
        }
        let idle = self.in_flight.is_none() && self.batch.is_empty();
        self.draining.is_some() && idle && self.under_way == 0
    }

    /// Whether at most one attempt is under way, so that whoever brings its result holds up nobody by
    /// handling it.
    pub(super) fn is_quiet(&self) -> bool {
        self.under_way <= 1 && self.in_flight.is_none() && self.draining.is_none()
    }

    fn handle(&mut self, input: Input) {
        match input {
            Input::Start(request, reply) => self.start_run(*request, reply),
            Input::Behind(run, reply) => {
                let _ = reply.send(self.keys.behind(run));
            }
            Input::Cancel(run, reason, reply) => self.cancel_run(run, reason, reply),
            Input::Waits(run, reply) => {
                // Whoever asked may be gone; the answer changes nothing.
                let _ = reply.send(self.waits(run));
            }
            Input::PinnedVersions(reply) => {
                let pins = self.runs.values().flat_map(|resident| resident.state.pins.values());
                let _ = reply.send(pins.copied().collect());
            }
            Input::LiveRuns(reply) => {
                let _ = reply.send(self.runs.len());
            }
            Input::AttemptEnded(performed) => self.attempt_ended(*performed),
            Input::OutputResolved(run, output) => self.output_resolved(run, output),
            Input::Answered(answered) => self.answered(*answered),
            Input::Steer(run, prepared, reply) => self.steer_run(run, *prepared, reply),
            Input::Child(news) => self.tell_parent(*news),
            Input::Committed(result) => self.committed(result),
            Input::PluginsChanged => self.plugins_changed(),
            Input::Look => {}
            Input::Shutdown { grace } => self.shut_down(grace),
        }
    }

    fn cancel_run(
        &mut self,
        run: RunId,
        reason: String,
        reply: oneshot::Sender<Result<(), CommandError>>,
    ) {
        match self.command(run, Command::Cancel { reason }) {
            Ok(()) => self.batch.release(run, Release::Done(reply)),
            Err(error) => {
                let _ = reply.send(Err(error));
            }
        }
    }

    /// Looks before long for what is written late.
    pub(super) fn expect_catch_up(&mut self) {
        if !std::mem::replace(&mut self.catch_up_timer, true) {
            self.timers.set(self.clock.now().after(CATCH_UP_DELAY), Timer::CatchUp);
        }
    }

    /// Journals the starts of attempts that have been running for a while, and lets the list of runs
    /// know how far those have come that go on from step to step.
    fn catch_up(&mut self) {
        self.catch_up_timer = false;
        let started = self.starts.take_older(CATCH_UP_DELAY, self.clock.now());
        for ((run, task), Start { number, at }) in started {
            // A refusal means that the attempt is over: its result has the start.
            let _ = self.command(run, Command::Started { task, number, started_at: at });
        }
        for run in std::mem::take(&mut self.rows_behind) {
            if let Some(resident) = self.runs.get(&run) {
                self.batch.row(run, resident.state.last_seq);
            }
        }
        if self.under_way > 0 {
            self.expect_catch_up();
        }
    }

    fn attempt_ended(&mut self, performed: Performed) {
        let Performed { run, class, result, left } = performed;
        let task = result.task;
        self.under_way -= 1;
        self.starts.forget(run, task);
        self.progresses.forget(run, task);
        self.dispatcher.release(run, class);
        if let Some(resident) = self.runs.get_mut(&run) {
            resident.cancels.remove(&task);
        }
        self.finish_attempt(run, result, left);
    }

    fn finish_attempt(&mut self, run: RunId, result: AttemptResult, left: Left) {
        match self.command(run, Command::AttemptEnded(Box::new(result))) {
            Ok(()) => {
                for (digest, text) in left.payloads {
                    self.batch.payload(digest, text);
                }
                left.cached.into_iter().for_each(|row| self.batch.cached(row));
            }
            Err(error) => tracing::warn!(%run, %error, "a result was refused"),
        }
    }

    fn output_resolved(&mut self, run: RunId, output: ResolvedOutput) {
        let ResolvedOutput { output, published, kept } = output;
        match self.command(run, Command::OutputResolved(output, published)) {
            Ok(()) => {
                if let Some((digest, text)) = kept {
                    self.batch.payload(digest, text);
                }
            }
            Err(error) => tracing::debug!(%run, %error, "an output came too late"),
        }
    }

    fn answered(&mut self, answered: Answered) {
        let Answered { run, task, question, answer, payloads } = answered;
        match self.command(run, Command::Answered { task, question, answer }) {
            Ok(()) => {
                for (digest, text) in payloads {
                    self.batch.payload(digest, text);
                }
            }
            Err(error) => tracing::debug!(%run, %error, "an answer came too late"),
        }
    }

    /// Gives a command to a live run and takes what follows into the batch.
    pub(super) fn command(&mut self, run: RunId, command: Command) -> Result<(), CommandError> {
        let now = self.clock.now();
        let random = self.random.f64();
        let resident = self.runs.get_mut(&run).ok_or(CommandError::NotLive)?;
        let before = resident.state.last_seq;
        match react(&mut resident.state, command, now, random) {
            Ok(reaction) => {
                self.take_in(run, before, reaction);
                Ok(())
            }
            Err(Refusal::Illegal(error)) => {
                tracing::error!(%run, %error, "the planner contradicted itself; reading the run again");
                self.reload(run);
                Err(CommandError::Refused(Refusal::Illegal(error)))
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Takes a reaction's events into the batch and carries out what need not wait for it.
    pub(super) fn take_in(&mut self, run: RunId, before: u64, reaction: Reaction) {
        let Reaction { events, effects } = reaction;
        if !events.is_empty() {
            self.record_attempts(run, &events);
            self.batch.events(run, before, events);
        }
        for effect in effects {
            self.carry_out(run, effect);
        }
    }

    /// Adds the attempts that ended with these events to the run's history, with what they left and what
    /// they were refused.
    fn record_attempts(&mut self, run: RunId, events: &[Entry<RunEvent>]) {
        use RunEvent as E;
        let Some(resident) = self.runs.get_mut(&run) else { return };
        for entry in events {
            let (E::AttemptSucceeded { task, .. }
            | E::AttemptFailed { task, .. }
            | E::AttemptCancelled { task, .. }
            | E::AttemptReleased { task, .. }
            | E::AttemptLost { task, .. }) = &entry.event
            else {
                continue;
            };
            if let Some(task) = resident.state.index_of(task) {
                resident.note_ended(task);
                for artefact in resident.left_last(task) {
                    self.batch.artefact(artefact);
                }
                self.batch.refusals(run, resident.refused(task, entry));
            }
        }
        for row in resident.take_history() {
            self.batch.attempt(run, row);
        }
    }

    pub(super) fn carry_out(&mut self, run: RunId, effect: Effect) {
        match effect {
            Effect::Hold { until } => self.hold(run, until),
            Effect::Offer { task } => self.offer(run, task),
            Effect::WakeAt { task, at, timer } => {
                self.timers.set(at, Timer::Task(run, task, timer));
            }
            Effect::DeadlineAt(at) => self.timers.set(at, Timer::Deadline(run)),
            Effect::ClosingDeadlineAt(at) => self.timers.set(at, Timer::ClosingDeadline(run)),
            Effect::Ask { task, question } => {
                self.batch.release(run, Release::Ask { task, question });
            }
            Effect::StartChild { task, run: child, workflow, input, .. } => {
                let Some(resident) = self.runs.get(&run) else { return };
                let task_id = resident.state.task(task).id.clone();
                let context = Handed::of(&resident.state);
                let above = resident.state.start.parent.as_ref().map_or(0, |above| above.depth);
                let (parent, depth) = (run, above.saturating_add(1));
                let child = ChildStart {
                    parent,
                    task,
                    task_id,
                    depth,
                    run: child,
                    workflow,
                    input,
                    context,
                };
                self.batch.release(run, Release::StartChild(child));
            }
            Effect::CancelChild { task, run: child } => {
                self.batch.release(run, Release::CancelChild { task, child });
            }
            Effect::Prioritise(priority) => self.dispatcher.set_priority(run, priority),
            Effect::Withdraw => {
                self.dispatcher.withdraw(run);
                if let Some(resident) = self.runs.get_mut(&run) {
                    resident.blocked.clear();
                }
            }
            Effect::StopAttempt { task, number, reason } => {
                self.batch.release(run, Release::StopAttempt { task, number, reason });
            }
            Effect::ResolveOutput => self.batch.release(run, Release::ResolveOutput),
            Effect::Finish => self.batch.release(run, Release::Finish),
        }
    }

    fn fire_timers(&mut self) {
        let now = self.clock.now();
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                // A refusal means that the reason to wake up is gone.
                Timer::Task(run, task, timer) => {
                    let _ = self.command(run, Command::Wake { task, timer });
                }
                Timer::ClosingDeadline(run) => {
                    let _ = self.command(run, Command::ClosingDeadline);
                }
                Timer::Admit(run) => self.arrivals.push_back(run),
                Timer::Deadline(run) => {
                    let _ = self.command(run, Command::Deadline);
                }
                Timer::CatchUp => self.catch_up(),
                Timer::Grace => {
                    self.draining = Some(Drain::Stopping);
                    self.stop_all();
                    self.timers.set(now.after(SHUTDOWN_OVERTIME), Timer::GiveUp);
                }
                Timer::GiveUp => self.draining = Some(Drain::GivenUp),
            }
        }
    }

    fn shut_down(&mut self, grace: Duration) {
        if self.draining.is_none() {
            tracing::info!(attempts = self.under_way, ?grace, "shutting down");
            self.draining = Some(Drain::Grace);
            self.performer.stop_starting();
            self.timers.set(self.clock.now().after(grace), Timer::Grace);
        }
    }
}
