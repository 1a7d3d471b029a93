//! The engine's thread: takes every input, folds it, and releases what follows after the commit.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use taskloom_core::definition::Definition;
use taskloom_core::dispatch::{Dispatcher, Offer};
use taskloom_core::id::{Digest, RunId, TaskId};
use taskloom_core::run::{
    AttemptResult, Command, Effect, LossLimits, Reaction, Refusal, StopReason, react,
};
use taskloom_core::time::Timestamp;
use taskloom_core::workflow::TaskIndex;
use taskloom_store::{Committed, Conflict, Store};
use taskloom_wasm::{Catalog, Plugin};
use tokio::sync::oneshot;

use super::batch::{OpenBatch, Part, Release};
use super::clock::Clock;
use super::handle::{CommandError, StartError, StartRun, Started};
use super::perform::{Performed, Performer};
use super::resident::Resident;
use super::timers::{Timer, Timers};
use super::watch::Watchers;

/// Inputs that are folded before their batch is closed. Large enough to make a commit worth its
/// while, small enough that a caller does not wait behind a long row of others.
const INPUTS_PER_BATCH: usize = 1024;

/// How long an attempt runs before its start is journaled without waiting for a commit that goes
/// anyway. Shorter ones have their start in their result alone.
const START_JOURNAL_DELAY: Duration = Duration::from_millis(25);

/// How much longer than its grace period a shutdown may take.
const SHUTDOWN_OVERTIME: Duration = Duration::from_secs(5);

/// Everything that can happen to the engine.
pub(super) enum Input {
    /// Start a run.
    Start(Box<StartRun>, oneshot::Sender<Result<Started, StartError>>),
    /// Stop a run.
    Cancel(RunId, String, oneshot::Sender<Result<(), CommandError>>),
    /// Say why tasks are not running.
    Waits(RunId, oneshot::Sender<Vec<(TaskId, String)>>),
    /// Say how many runs are live.
    LiveRuns(oneshot::Sender<usize>),
    /// The handler of an attempt was started.
    AttemptStarted { run: RunId, task: TaskIndex, number: u32, at: Timestamp },
    /// An attempt came back.
    AttemptEnded(Box<Performed>),
    /// The value of a workflow's `output`.
    OutputResolved(RunId, super::perform::ResolvedOutput),
    /// The batch that was in flight is on disk, or is not.
    Committed(Result<Committed, taskloom_store::Error>),
    /// Plugins were loaded or removed.
    PluginsChanged,
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
}

/// Why the engine cannot go on.
pub type Fatal = String;

/// The state of the engine's thread.
pub(super) struct Service {
    pub(super) mailbox: mpsc::Receiver<Input>,
    pub(super) sender: mpsc::Sender<Input>,
    pub(super) store: Store,
    pub(super) catalog: Arc<Catalog>,
    pub(super) performer: Performer,
    pub(super) watchers: Watchers,
    pub(super) clock: Clock,
    pub(super) settings: Settings,
    pub(super) runs: HashMap<RunId, Resident>,
    pub(super) dispatcher: Dispatcher,
    pub(super) timers: Timers,
    pub(super) random: fastrand::Rng,
    pub(super) batch: OpenBatch,
    /// What follows the batch that is being written.
    pub(super) in_flight: Option<Vec<Part>>,
    /// Starts of attempts that are not journaled yet.
    pub(super) starts: HashMap<(RunId, TaskIndex), (u32, Timestamp)>,
    pub(super) starts_timer: bool,
    /// Attempts that were handed to the performer and have not come back.
    pub(super) under_way: usize,
    /// Definitions of live runs, which the store has.
    pub(super) definitions: HashMap<Digest, Arc<Definition>>,
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
    /// Runs until a shutdown is complete or the store fails; in the second case says why.
    pub(super) fn run(mut self) -> Result<(), Fatal> {
        loop {
            self.dispatch();
            self.flush();
            if self.is_done() {
                self.watchers.close();
                return self.fatal.map_or(Ok(()), Err);
            }
            let Some(first) = self.wait() else { continue };
            self.handle(first);
            for _ in 1..INPUTS_PER_BATCH {
                match self.mailbox.try_recv() {
                    Ok(input) => self.handle(input),
                    Err(_) => break,
                }
            }
            self.fire_timers();
        }
    }

    fn is_done(&self) -> bool {
        if self.fatal.is_some() || self.draining == Some(Drain::GivenUp) {
            return true;
        }
        let idle = self.in_flight.is_none() && self.batch.is_empty();
        self.draining.is_some() && idle && self.under_way == 0
    }

    /// The next input; `None` when a timer came first.
    fn wait(&mut self) -> Option<Input> {
        match self.timers.next() {
            None => Some(self.mailbox.recv().expect("the service holds a sender itself")),
            Some(at) => match self.mailbox.recv_timeout(self.clock.until(at)) {
                Ok(input) => Some(input),
                Err(_) => {
                    self.fire_timers();
                    None
                }
            },
        }
    }

    fn handle(&mut self, input: Input) {
        match input {
            Input::Start(request, reply) => self.start_run(*request, reply),
            Input::Cancel(run, reason, reply) => self.cancel_run(run, reason, reply),
            Input::Waits(run, reply) => {
                // Whoever asked may be gone; the answer changes nothing.
                let _ = reply.send(self.waits(run));
            }
            Input::LiveRuns(reply) => {
                let _ = reply.send(self.runs.len());
            }
            Input::AttemptStarted { run, task, number, at } => {
                self.attempt_started(run, task, number, at);
            }
            Input::AttemptEnded(performed) => self.attempt_ended(*performed),
            Input::OutputResolved(run, output) => self.output_resolved(run, output),
            Input::Committed(result) => self.committed(result),
            Input::PluginsChanged => self.plugins_changed(),
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

    fn attempt_started(&mut self, run: RunId, task: TaskIndex, number: u32, at: Timestamp) {
        self.starts.insert((run, task), (number, at));
        if !std::mem::replace(&mut self.starts_timer, true) {
            self.timers.set(at.after(START_JOURNAL_DELAY), Timer::Starts);
        }
    }

    /// Journals the starts of attempts that have been running for a while.
    fn journal_starts(&mut self) {
        self.starts_timer = false;
        let now = self.clock.now();
        let starts = std::mem::take(&mut self.starts);
        for ((run, task), (number, started_at)) in starts {
            if now < started_at.after(START_JOURNAL_DELAY) {
                self.attempt_started(run, task, number, started_at);
            } else {
                // A refusal means that the attempt is over: its result has the start.
                let _ = self.command(run, Command::Started { task, number, started_at });
            }
        }
    }

    fn attempt_ended(&mut self, performed: Performed) {
        let Performed { run, class, result, payloads } = performed;
        let task = result.task;
        self.under_way -= 1;
        self.starts.remove(&(run, task));
        self.dispatcher.release(run, class);
        if let Some(resident) = self.runs.get_mut(&run) {
            resident.cancels.remove(&task);
        }
        self.finish_attempt(run, result, payloads);
    }

    fn finish_attempt(
        &mut self,
        run: RunId,
        result: AttemptResult,
        payloads: Vec<super::perform::Kept>,
    ) {
        match self.command(run, Command::AttemptEnded(Box::new(result))) {
            Ok(()) => {
                for (digest, text) in payloads {
                    self.batch.payload(digest, text);
                }
            }
            Err(error) => tracing::warn!(%run, %error, "a result was refused"),
        }
    }

    fn output_resolved(&mut self, run: RunId, output: super::perform::ResolvedOutput) {
        let (result, kept) = output;
        match self.command(run, Command::OutputResolved(result)) {
            Ok(()) => {
                for (digest, text) in kept {
                    self.batch.payload(digest, text);
                }
            }
            Err(error) => tracing::debug!(%run, %error, "an output came too late"),
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
        for entry in &events {
            self.record_attempt(run, &entry.event);
        }
        if !events.is_empty() {
            self.batch.events(run, before, events);
        }
        for effect in effects {
            self.carry_out(run, effect);
        }
    }

    fn record_attempt(&mut self, run: RunId, event: &taskloom_core::journal::RunEvent) {
        use taskloom_core::journal::RunEvent as E;
        let (E::AttemptSucceeded { task, .. }
        | E::AttemptFailed { task, .. }
        | E::AttemptCancelled { task, .. }
        | E::AttemptReleased { task, .. }
        | E::AttemptLost { task, .. }) = event
        else {
            return;
        };
        let resident = self.runs.get(&run);
        let row = resident.and_then(|r| r.attempt_row(r.state.workflow.task_index(task)?));
        if let Some(row) = row {
            self.batch.attempt(run, row);
        }
    }

    fn carry_out(&mut self, run: RunId, effect: Effect) {
        match effect {
            Effect::Offer { task } => self.offer(run, task),
            Effect::WakeAt { task, at } => self.timers.set(at, Timer::Task(run, task)),
            Effect::DeadlineAt(at) => self.timers.set(at, Timer::Deadline(run)),
            Effect::Withdraw => {
                self.dispatcher.withdraw(run);
                if let Some(resident) = self.runs.get_mut(&run) {
                    resident.blocked.clear();
                }
            }
            Effect::StopAttempt { task, number, reason } => {
                let reason = match reason {
                    StopReason::RunCancelled => "the run was cancelled",
                    StopReason::RunTimedOut => "the run took longer than its timeout",
                };
                self.batch.release(run, Release::StopAttempt { task, number, reason });
            }
            Effect::ResolveOutput => self.batch.release(run, Release::ResolveOutput),
            Effect::Finish => self.batch.release(run, Release::Finish),
        }
    }

    /// Offers a ready task to the dispatcher, or keeps it until its plugin is there.
    pub(super) fn offer(&mut self, run: RunId, task: TaskIndex) {
        let Some(resident) = self.runs.get_mut(&run) else { return };
        let task_type = resident.state.workflow.task(task).task_type.clone();
        let class = plugin_of(resident, &self.catalog, task)
            .and_then(|plugin| Some(plugin.manifest().task_types.get(&task_type)?.resource_class));
        match class {
            Some(class) => {
                let rank = f64::from(resident.state.workflow.graph.depth(task));
                self.dispatcher.offer(Offer { run, task, class, rank });
            }
            None => resident.blocked.push(task),
        }
    }

    fn plugins_changed(&mut self) {
        let waiting: Vec<RunId> =
            self.runs.iter().filter(|(_, r)| !r.blocked.is_empty()).map(|(run, _)| *run).collect();
        for run in waiting {
            self.pin_plugins(run);
            let Some(resident) = self.runs.get_mut(&run) else { continue };
            for task in std::mem::take(&mut resident.blocked) {
                self.offer(run, task);
            }
        }
    }

    /// Pins the plugins that were not loaded when the run started and are now.
    fn pin_plugins(&mut self, run: RunId) {
        let Some(resident) = self.runs.get(&run) else { return };
        let missing: Vec<_> = resident
            .state
            .workflow
            .plugins()
            .into_iter()
            .filter(|plugin| !resident.state.pins.contains_key(plugin))
            .filter_map(|plugin| Some((self.catalog.current(&plugin)?.digest(), plugin)))
            .collect();
        for (digest, plugin) in missing {
            if let Err(error) = self.command(run, Command::PinPlugin { plugin, digest }) {
                tracing::warn!(%run, %error, "a plugin could not be pinned");
            }
        }
    }

    fn waits(&self, run: RunId) -> Vec<(TaskId, String)> {
        let Some(resident) = self.runs.get(&run) else { return Vec::new() };
        let workflow = &resident.state.workflow;
        let of = |task: &TaskIndex| {
            let task = workflow.task(*task);
            let plugin = task.task_type.plugin();
            let why = match resident.state.pins.get(&plugin) {
                None => format!("plugin `{plugin}` is not loaded"),
                Some(digest) if self.catalog.plugin(&plugin, digest).is_none() => {
                    format!(
                        "version {digest} of plugin `{plugin}`, which the run keeps, is not loaded"
                    )
                }
                Some(_) => format!("plugin `{plugin}` offers no task type `{}`", task.task_type),
            };
            (task.id.clone(), why)
        };
        resident.blocked.iter().map(of).collect()
    }

    /// Claims ready tasks for free slots, in the batch of what made them ready.
    fn dispatch(&mut self) {
        if self.draining.is_some() {
            return;
        }
        while let Some(offer) = self.dispatcher.take() {
            if let Err(error) = self.claim(offer) {
                self.dispatcher.release(offer.run, offer.class);
                tracing::debug!(run = %offer.run, %error, "an offer was out of date");
            }
        }
    }

    fn claim(&mut self, offer: Offer) -> Result<(), CommandError> {
        let Offer { run, task, class, rank } = offer;
        let (host, epoch) = (Arc::clone(&self.settings.host), self.store.epoch());
        self.command(run, Command::Claim { task, class, rank, host, epoch })?;
        let resident = self.runs.get_mut(&run).ok_or(CommandError::NotLive)?;
        let plugin = plugin_of(resident, &self.catalog, task).ok_or(CommandError::NotLive)?;
        let job = super::perform::job(resident, plugin, task, class);
        resident.cancels.insert(task, job.cancel.clone());
        self.batch.release(run, Release::Perform(Box::new(job)));
        Ok(())
    }

    /// Sends the batch to the store, unless one is being written: then it goes on filling.
    fn flush(&mut self) {
        if self.in_flight.is_some() || self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        let (batch, parts) = batch.close(|run| Some(self.runs.get(&run)?.row()));
        self.in_flight = Some(parts);
        let sender = self.sender.clone();
        self.store.commit(batch, move |result| {
            // The service outlives its commits: it ends only when none is in flight.
            let _ = sender.send(Input::Committed(result));
        });
    }

    fn committed(&mut self, result: Result<Committed, taskloom_store::Error>) {
        let parts = self.in_flight.take().unwrap_or_default();
        match result {
            Ok(committed) => {
                let mut results = committed.appends.into_iter();
                for part in parts {
                    match results.next() {
                        Some(Err(conflict)) => self.reject(part, conflict),
                        Some(Ok(_)) | None => self.release(part),
                    }
                }
            }
            Err(error) => {
                tracing::error!(%error, "the journal could not be written; the host stops");
                for part in parts {
                    refuse(part, &error.to_string());
                }
                self.fatal = Some(format!("the journal could not be written: {error}"));
            }
        }
    }

    fn release(&mut self, part: Part) {
        let run = part.run;
        for release in part.releases {
            match release {
                Release::Perform(job) => {
                    self.under_way += 1;
                    self.performer.perform(job);
                }
                Release::StopAttempt { task, number, reason } => {
                    self.stop_attempt(run, task, number, reason);
                }
                Release::ResolveOutput => {
                    if let Some(resident) = self.runs.get(&run) {
                        self.performer.resolve_output(&resident.state);
                    }
                }
                Release::Finish => {
                    self.runs.remove(&run);
                    self.dispatcher.dismiss(run);
                }
                // Whoever asked may be gone; the run goes on.
                Release::Started(reply) => {
                    let _ = reply.send(Ok(Started { run, existing: false }));
                }
                Release::Done(reply) => {
                    let _ = reply.send(Ok(()));
                }
            }
        }
        self.watchers.wake(run);
    }

    /// Stops every attempt that is under way, without counting it.
    fn stop_all(&self) {
        for cancel in self.runs.values().flat_map(|resident| resident.cancels.values()) {
            cancel.cancel("the host is shutting down");
        }
    }

    fn stop_attempt(&self, run: RunId, task: TaskIndex, number: u32, reason: &str) {
        let Some(resident) = self.runs.get(&run) else { return };
        if resident.state.task(task).status.active_attempt() == Some(number) {
            if let Some(cancel) = resident.cancels.get(&task) {
                cancel.cancel(reason);
            }
        }
    }

    /// A run whose part was not written is read again; what it was about to do is forgotten.
    fn reject(&mut self, part: Part, conflict: Conflict) {
        let run = part.run;
        match conflict {
            Conflict::DuplicateKey { run: existing, request } => {
                let asked = self.runs.get(&run).and_then(|r| r.state.start.idempotency.clone());
                let same = asked.is_some_and(|key| key.request == request);
                self.free_slots(&part);
                for release in part.releases {
                    if let Release::Started(reply) = release {
                        let _ = reply.send(if same {
                            Ok(Started { run: existing, existing: true })
                        } else {
                            Err(StartError::KeyReused { run: existing })
                        });
                    }
                }
                self.forget(run);
            }
            Conflict::Sequence { expected, found } => {
                tracing::error!(%run, expected, found, "somebody else wrote to the run; reading it again");
                self.free_slots(&part);
                refuse(part, "the run was changed by somebody else");
                self.reload(run);
            }
        }
    }

    /// Forgets a run that is not on disk.
    fn forget(&mut self, run: RunId) {
        if let Some(part) = self.batch.discard(run) {
            self.free_slots(&part);
            refuse(part, "the run is not on disk");
        }
        self.runs.remove(&run);
        self.dispatcher.dismiss(run);
    }

    /// Frees the slots of attempts that will not be performed.
    fn free_slots(&mut self, part: &Part) {
        for release in &part.releases {
            if let Release::Perform(job) = release {
                self.dispatcher.release(part.run, job.class);
            }
        }
    }

    fn fire_timers(&mut self) {
        let now = self.clock.now();
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                // A refusal means that the reason to wake up is gone.
                Timer::Task(run, task) => {
                    let _ = self.command(run, Command::Wake { task });
                }
                Timer::Deadline(run) => {
                    let _ = self.command(run, Command::Deadline);
                }
                Timer::Starts => self.journal_starts(),
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

/// The loaded version of a task's plugin that the run pinned.
fn plugin_of(resident: &mut Resident, catalog: &Catalog, task: TaskIndex) -> Option<Arc<Plugin>> {
    let name = resident.state.workflow.task(task).task_type.plugin();
    if let Some(plugin) = resident.plugins.get(&name) {
        return Some(Arc::clone(plugin));
    }
    let digest = resident.state.pins.get(&name)?;
    let plugin = catalog.plugin(&name, digest)?;
    resident.plugins.insert(name, Arc::clone(&plugin));
    Some(plugin)
}

/// Tells everybody who waits for a part that it was not written.
fn refuse(part: Part, why: &str) {
    for release in part.releases {
        match release {
            Release::Started(reply) => {
                let _ = reply.send(Err(StartError::Store(why.to_owned())));
            }
            Release::Done(reply) => {
                let _ = reply.send(Err(CommandError::Store(why.to_owned())));
            }
            _ => {}
        }
    }
}
