//! Carries out commands: decides their events and all their consequences, and says what is to be done
//! next.
//!
//! Pure: the answer depends only on the arguments. Choosing *which* ready task gets a free slot
//! is not done here; see [`crate::dispatch`].

use std::sync::Arc;

use super::answer::answered;
use super::attempts::{attempt_ended, host_lost};
use super::command::{Command, LossLimits, Published};
use super::held::admission;
use super::settle::settle;
use super::{Effect, Phase};
use super::{IllegalEvent, Refusal, RunState, TaskIndex, TaskStatus, steer, wake};
use crate::failure::{Failure, Outcome};
use crate::id::{RunId, TaskId};
use crate::journal::{Entry, RunEvent, RunStarted};
use crate::payload::PayloadRef;
use crate::time::Timestamp;
use crate::workflow::Workflow;

/// What a command led to.
#[derive(Debug)]
pub struct Reaction {
    /// The events, already folded into the state; to be appended as one.
    pub events: Vec<Entry<RunEvent>>,
    /// What to do once they are on disk.
    pub effects: Vec<Effect>,
}

/// Events as they are decided, each folded at once.
pub(super) struct Ledger<'s> {
    pub(super) state: &'s mut RunState,
    pub(super) events: Vec<Entry<RunEvent>>,
    pub(super) now: Timestamp,
}

impl<'s> Ledger<'s> {
    fn new(state: &'s mut RunState, now: Timestamp) -> Self {
        Self { state, events: Vec::new(), now }
    }

    /// Folds an event and keeps it for the journal.
    pub(super) fn push(&mut self, event: RunEvent) -> Result<(), IllegalEvent> {
        let entry = Entry { at: self.now, event };
        self.state.apply(&entry)?;
        self.events.push(entry);
        Ok(())
    }
}

/// Begins a run. `reuse` is what a [`super::RerunPlan`] takes over. The first event of the reaction is
/// `RunStarted`.
///
/// # Errors
/// When an event of `reuse` does not fit.
pub fn start(
    id: RunId,
    workflow: Arc<Workflow>,
    start: Box<RunStarted>,
    reuse: Vec<RunEvent>,
    now: Timestamp,
) -> Result<(RunState, Reaction), IllegalEvent> {
    let first = Entry { at: now, event: RunEvent::RunStarted(start.clone()) };
    let mut state = RunState::begin(id, workflow, start, now);
    let mut ledger = Ledger::new(&mut state, now);
    ledger.events.push(first);
    for event in reuse {
        ledger.push(event)?;
    }
    settle(&mut ledger)?;
    let events = ledger.events;
    let effects = state.outstanding();
    Ok((state, Reaction { events, effects }))
}

/// Carries out one command: decides its events and all their consequences, folds them into
/// `state`, and says what to do once they are on disk.
///
/// `now` is the host's time, as are the times of the effects; it may go back. Those of the events never
/// do. `random` is from [0, 1).
///
/// # Errors
/// When the state does not allow the command; the state is then unchanged.
pub fn react(
    state: &mut RunState,
    command: Command,
    now: Timestamp,
    random: f64,
) -> Result<Reaction, Refusal> {
    let now = state.time_at(now);
    let at_once = wake::effect_at_once(state, &command);
    let decided = decide(state, command, now, random)?;
    let mut ledger = Ledger::new(state, now);
    for event in decided {
        ledger.push(event)?;
    }
    settle(&mut ledger)?;
    let events = ledger.events;
    let mut effects = state.take_effects();
    effects.extend(at_once);
    Ok(Reaction { events, effects })
}

/// Goes on with a run whose journal was just folded: what an earlier epoch had under way is lost
/// with its host, and everything the state asks for is asked for again.
///
/// `random` is from [0, 1).
///
/// # Errors
/// When the planner contradicts itself, which is a bug.
pub fn resume(
    state: &mut RunState,
    epoch: u64,
    limits: LossLimits,
    now: Timestamp,
    random: f64,
) -> Result<Reaction, IllegalEvent> {
    let now = state.time_at(now);
    let mut events = Vec::new();
    if state.finish.is_none() {
        state.marks = super::Marks::default();
        let lost = host_lost(state, epoch, limits, now, random);
        let mut ledger = Ledger::new(state, now);
        for event in lost {
            ledger.push(event)?;
        }
        settle(&mut ledger)?;
        events = ledger.events;
    }
    Ok(Reaction { events, effects: state.outstanding() })
}

/// What a command itself means, without its consequences.
fn decide(
    state: &RunState,
    command: Command,
    now: Timestamp,
    random: f64,
) -> Result<Vec<RunEvent>, Refusal> {
    if let Some(finish) = &state.finish {
        return Err(Refusal::Finished(finish.outcome));
    }
    match command {
        Command::PinPlugin { plugin, digest } => {
            let known = state.pins.contains_key(&plugin);
            Ok(if known { Vec::new() } else { vec![RunEvent::PluginPinned { plugin, digest }] })
        }
        Command::RepinPlugin { plugin, from, to, reason } => {
            let is_kept = from != to && state.pins.get(&plugin) == Some(&from);
            let event = || RunEvent::PluginRepinned { plugin, from, to, reason };
            Ok(if is_kept { vec![event()] } else { Vec::new() })
        }
        Command::Admit => admission(state, now),
        Command::Claim { .. } => claim(state, command, now),
        Command::Started { task, number, started_at } => {
            let id = expect_status(state, task, TaskStatus::Claimed { number })?;
            let started_at = state.own_time(started_at);
            Ok(vec![RunEvent::AttemptStarted { task: id, number, started_at }])
        }
        Command::AttemptEnded(result) => attempt_ended(state, *result, now, random),
        Command::Wake { task, timer } => wake::wake(state, task, timer, now),
        Command::Answered { task, question, answer } => {
            answered(state, task, question, answer, now)
        }
        Command::OutputResolved(result, published) => output_resolved(state, result, published),
        command => steer::steer(state, command),
    }
}

fn claim(state: &RunState, command: Command, now: Timestamp) -> Result<Vec<RunEvent>, Refusal> {
    let Command::Claim { task: index, class, rank, host, epoch } = command else {
        return Ok(Vec::new());
    };
    let task = expect_status(state, index, TaskStatus::Ready)?;
    if let Some(reason) = &state.paused {
        return Err(Refusal::Paused(reason.clone()));
    }
    let state = state.task(index);
    let (number, ready_at) = (state.next_number(), state.ready_at.unwrap_or(now));
    Ok(vec![RunEvent::AttemptClaimed { task, number, ready_at, class, rank, host, epoch }])
}

fn output_resolved(
    state: &RunState,
    result: Result<Option<PayloadRef>, Failure>,
    published: Vec<Published>,
) -> Result<Vec<RunEvent>, Refusal> {
    if !state.wants_output() {
        return Err(Refusal::LateOutput);
    }
    let (outcome, output, failure) = match result {
        Ok(output) => (Outcome::Succeeded, output, None),
        Err(failure) => (Outcome::Failed, None, Some(failure)),
    };
    let published = published.into_iter();
    let mut events: Vec<RunEvent> =
        published.map(|Published { name, seq }| RunEvent::ContextPublished { name, seq }).collect();
    events.push(RunEvent::RunFinished { outcome, output, failure });
    Ok(events)
}

impl RunState {
    /// Whether everything has ended well and only the run's output, or what it publishes, is missing.
    pub(super) fn wants_output(&self) -> bool {
        let last = match self.closing.phase {
            Phase::Main => self.workflow.finally.is_none(),
            Phase::Compensation => false,
            Phase::Finally => true,
        };
        last && self.finish.is_none()
            && self.workflow.ends_with_a_value()
            && self.phase_is_over()
            && self.end_failure().is_none()
    }
}

fn expect_status(
    state: &RunState,
    task: TaskIndex,
    expected: TaskStatus,
) -> Result<TaskId, Refusal> {
    let state_of = state.task(task);
    if state_of.status == expected { Ok(state_of.id.clone()) } else { Err(state.not_now(task)) }
}
