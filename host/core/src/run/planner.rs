//! Decides what a command means for a run, and what is to be done next.
//!
//! Pure: the answer depends only on the arguments. Choosing *which* ready task gets a free slot
//! is not done here; see [`crate::dispatch`].

use std::sync::Arc;
use std::time::Duration;

use super::TaskIndex;
use super::apply::IllegalEvent;
use super::command::{AttemptResult, Command, LossLimits};
use super::effect::Effect;
use super::{RunState, TaskStatus};
use crate::attempt::{AttemptEnd, ReleaseReason};
use crate::failure::{Failure, FailureClass, Next, Outcome};
use crate::id::TaskId;
use crate::journal::{Entry, RunEvent};
use crate::payload::PayloadRef;
use crate::time::Timestamp;

/// How long a task waits that the host had no room for.
const BUSY_WAIT: Duration = Duration::from_millis(100);

/// What a command led to.
#[derive(Debug)]
pub struct Reaction {
    /// The events, already folded into the state; to be appended as one.
    pub events: Vec<Entry<RunEvent>>,
    /// What to do once they are on disk.
    pub effects: Vec<Effect>,
}

/// Why a command has no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The run has ended.
    #[error("the run has already ended: {}", .0.as_str())]
    Finished(Outcome),
    /// The run is already being stopped.
    #[error("the run is already being stopped")]
    Stopping,
    /// The result belongs to no attempt that is under way.
    #[error("attempt {number} of task `{task}` is not under way: its result comes too late")]
    LateResult {
        /// The task.
        task: TaskId,
        /// The attempt's number.
        number: u32,
    },
    /// The task is not in a state that allows it.
    #[error("task `{task}` is {status}")]
    NotNow {
        /// The task.
        task: TaskId,
        /// Its status.
        status: &'static str,
    },
    /// The planner made an event that does not fit: a bug, and the run stays as it was.
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
}

/// Carries out one command: decides its events and all their consequences, folds them into
/// `state`, and says what to do once they are on disk.
///
/// `random` is from [0, 1).
///
/// # Errors
/// When the state does not allow the command; the state is then unchanged.
pub fn react(
    state: &mut RunState,
    command: Command,
    now: Timestamp,
    random: f64,
) -> Result<Reaction, Refusal> {
    let mut events = Vec::new();
    for event in decide(state, command, now, random)? {
        push(state, &mut events, event, now)?;
    }
    settle(state, &mut events, now)?;
    let effects = state.take_effects();
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
    let mut events = Vec::new();
    if state.finish.is_none() {
        state.marks = super::Marks::default();
        for event in host_lost(state, epoch, limits, now, random) {
            push(state, &mut events, event, now)?;
        }
        settle(state, &mut events, now)?;
    }
    Ok(Reaction { events, effects: state.outstanding() })
}

fn push(
    state: &mut RunState,
    events: &mut Vec<Entry<RunEvent>>,
    event: RunEvent,
    at: Timestamp,
) -> Result<(), IllegalEvent> {
    let entry = Entry { at, event };
    state.apply(&entry)?;
    events.push(entry);
    Ok(())
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
        Command::Claim { task, class, rank, host, epoch } => {
            let id = expect_status(state, task, TaskStatus::Ready)?;
            if state.stop.is_some() {
                return Err(Refusal::Stopping);
            }
            let task = state.task(task);
            let (number, ready_at) = (task.next_number(), task.ready_at.unwrap_or(now));
            Ok(vec![RunEvent::AttemptClaimed {
                task: id,
                number,
                ready_at,
                class,
                rank,
                host,
                epoch,
            }])
        }
        Command::Started { task, number, started_at } => {
            let id = expect_status(state, task, TaskStatus::Claimed { number })?;
            Ok(vec![RunEvent::AttemptStarted { task: id, number, started_at }])
        }
        Command::AttemptEnded(result) => attempt_ended(state, *result, now, random),
        Command::Wake { task } => match state.task(task).status {
            TaskStatus::Backoff { until } if until <= now => {
                Ok(vec![RunEvent::BackoffElapsed { task: id_of(state, task) }])
            }
            status => Err(not_now(state, task, status)),
        },
        Command::Cancel { reason } => match &state.stop {
            Some(stop) if stop.stops_attempts => Err(Refusal::Stopping),
            _ => Ok(vec![RunEvent::CancelRequested { reason }]),
        },
        Command::Deadline => match &state.stop {
            Some(stop) if stop.stops_attempts => Err(Refusal::Stopping),
            _ => Ok(vec![RunEvent::RunTimedOut]),
        },
        Command::OutputResolved(result) => Ok(vec![output_resolved(result)]),
    }
}

fn attempt_ended(
    state: &RunState,
    result: AttemptResult,
    now: Timestamp,
    random: f64,
) -> Result<Vec<RunEvent>, Refusal> {
    let AttemptResult { task: index, number, input, end, usage } = result;
    let task = id_of(state, index);
    if state.task(index).status.active_attempt() != Some(number) {
        return Err(Refusal::LateResult { task, number });
    }
    let mut events = Vec::with_capacity(2);
    if let Some(input) = input.filter(|_| state.task(index).input.is_none()) {
        events.push(RunEvent::InputResolved { task: task.clone(), input });
    }
    let stopping = state.stop.as_ref().filter(|stop| stop.stops_attempts);
    events.push(match end {
        AttemptEnd::Succeeded(output) => RunEvent::AttemptSucceeded { task, number, output, usage },
        AttemptEnd::Failed { failure, .. } if failure.class == FailureClass::Cancelled => {
            RunEvent::AttemptCancelled { task, number, failure, usage }
        }
        AttemptEnd::Failed { failure, retry_after_ms } => {
            let failures = state.task(index).counted_failures() + 1;
            let next = next_after(state, index, &failure, failures, retry_after_ms, now, random);
            RunEvent::AttemptFailed { task, number, failure, next, usage }
        }
        AttemptEnd::Released(_) if stopping.is_some() => {
            let failure = stopping.expect("just checked").failure.clone();
            RunEvent::AttemptCancelled { task, number, failure, usage }
        }
        AttemptEnd::Released(reason) => {
            let wait = match reason {
                ReleaseReason::HostBusy => BUSY_WAIT,
                _ => Duration::ZERO,
            };
            RunEvent::AttemptReleased { task, number, reason, retry_at: now.after(wait), usage }
        }
    });
    Ok(events)
}

/// Whether and when a task is tried again: the retry policy, in one place.
fn next_after(
    state: &RunState,
    index: TaskIndex,
    failure: &Failure,
    failures: u32,
    retry_after_ms: Option<u64>,
    now: Timestamp,
    random: f64,
) -> Next {
    let policy = &state.workflow.task(index).retry;
    let tries_again =
        state.stop.is_none() && failure.class.is_retried() && policy.allows_another(failures);
    if !tries_again {
        return Next::GiveUp;
    }
    let asked_for = Duration::from_millis(retry_after_ms.unwrap_or(0));
    Next::RetryAt(now.after(policy.wait(failures, random).max(asked_for)))
}

fn output_resolved(result: Result<PayloadRef, Failure>) -> RunEvent {
    match result {
        Ok(output) => RunEvent::RunFinished {
            outcome: Outcome::Succeeded,
            output: Some(output),
            failure: None,
        },
        Err(failure) => {
            RunEvent::RunFinished { outcome: Outcome::Failed, output: None, failure: Some(failure) }
        }
    }
}

fn host_lost(
    state: &RunState,
    epoch: u64,
    limits: LossLimits,
    now: Timestamp,
    random: f64,
) -> Vec<RunEvent> {
    let stopping = state.stop.as_ref().filter(|stop| stop.stops_attempts);
    let under_way = state.tasks().filter_map(|(index, task)| {
        let number = task.status.active_attempt()?;
        (task.attempts.last()?.epoch < epoch).then_some((index, number))
    });
    under_way
        .map(|(index, number)| match stopping {
            Some(stop) => RunEvent::AttemptCancelled {
                task: id_of(state, index),
                number,
                failure: stop.failure.clone(),
                usage: Box::default(),
            },
            None => lost(state, index, number, limits, now, random),
        })
        .collect()
}

fn lost(
    state: &RunState,
    index: TaskIndex,
    number: u32,
    limits: LossLimits,
    now: Timestamp,
    random: f64,
) -> RunEvent {
    let task = state.task(index);
    let (started, claimed) = task.losses();
    let was_started = matches!(task.status, TaskStatus::Running { .. });
    let (losses, limit) =
        if was_started { (started + 1, limits.started) } else { (claimed + 1, limits.claimed) };
    let message = format!(
        "the host died while it owned the attempt ({losses} of at most {limit} times{})",
        if was_started { "" } else { " before the handler was started" }
    );
    let failure = Failure::new(FailureClass::Lost, "host-lost", message);
    let next = if losses > limit || state.stop.is_some() {
        Next::GiveUp
    } else if was_started && losses > 1 {
        // A task that was under way at more than one death may be their cause: let others go first.
        Next::RetryAt(now.after(state.workflow.task(index).retry.wait(losses, random)))
    } else {
        Next::RetryAt(now)
    };
    RunEvent::AttemptLost { task: id_of(state, index), number, next, failure }
}

/// Adds the consequences of what was folded, until there are none.
fn settle(
    state: &mut RunState,
    events: &mut Vec<Entry<RunEvent>>,
    now: Timestamp,
) -> Result<(), IllegalEvent> {
    if state.marks.stopped {
        end_idle_tasks(state, events, now)?;
    }
    while let Some(index) = state.marks.ended_badly.pop() {
        skip_dependents(state, events, index, now)?;
    }
    if state.open == 0
        && state.finish.is_none()
        && let Some(event) = finished(state)
    {
        push(state, events, event, now)?;
    }
    Ok(())
}

fn end_idle_tasks(
    state: &mut RunState,
    events: &mut Vec<Entry<RunEvent>>,
    now: Timestamp,
) -> Result<(), IllegalEvent> {
    let Some(stop) = state.stop.clone() else { return Ok(()) };
    let workflow = Arc::clone(&state.workflow);
    for (place, definition) in workflow.tasks.iter().enumerate() {
        if state.task(TaskIndex::new(place)).status.is_idle() {
            let task = definition.id.clone();
            let event = if stop.stops_attempts {
                RunEvent::TaskCancelled { task }
            } else {
                RunEvent::TaskSkipped {
                    task,
                    reason: format!("the run stops: {}", stop.failure.message),
                }
            };
            push(state, events, event, now)?;
        }
    }
    Ok(())
}

fn skip_dependents(
    state: &mut RunState,
    events: &mut Vec<Entry<RunEvent>>,
    index: TaskIndex,
    now: Timestamp,
) -> Result<(), IllegalEvent> {
    let workflow = Arc::clone(&state.workflow);
    let outcome = state.task(index).status.outcome().map_or("not ended", Outcome::as_str);
    for dependent in workflow.graph.dependents(index) {
        if state.task(*dependent).status == TaskStatus::Pending {
            let task = workflow.task(*dependent).id.clone();
            let reason = format!("it needs `{}`, which is {outcome}", workflow.task(index).id);
            push(state, events, RunEvent::TaskSkipped { task, reason }, now)?;
        }
    }
    Ok(())
}

/// The end of a run all of whose tasks have ended; `None` while its output is to be computed.
fn finished(state: &RunState) -> Option<RunEvent> {
    let (outcome, failure) = match &state.stop {
        Some(stop) => (stop.outcome, Some(stop.failure.clone())),
        None => match first_failure(state) {
            Some(failure) => (Outcome::Failed, Some(failure)),
            None if state.workflow.output.is_some() => return None,
            None => (Outcome::Succeeded, None),
        },
    };
    Some(RunEvent::RunFinished { outcome, output: None, failure })
}

/// The failure of the first task of the file that failed, as the run's own.
fn first_failure(state: &RunState) -> Option<Failure> {
    // Only an `on_failure = "continue"` run comes here with a failed task, so no step pays for it.
    state
        .tasks()
        .find(|(_, task)| {
            matches!(task.status.outcome(), Some(Outcome::Failed | Outcome::TimedOut))
        })
        .and_then(|(index, task)| Some(state.task_failed(index, task.failure()?)))
}

fn id_of(state: &RunState, task: TaskIndex) -> TaskId {
    state.workflow.task(task).id.clone()
}

fn expect_status(
    state: &RunState,
    task: TaskIndex,
    expected: TaskStatus,
) -> Result<TaskId, Refusal> {
    let status = state.task(task).status;
    if status == expected { Ok(id_of(state, task)) } else { Err(not_now(state, task, status)) }
}

fn not_now(state: &RunState, task: TaskIndex, status: TaskStatus) -> Refusal {
    Refusal::NotNow { task: id_of(state, task), status: status.as_str() }
}
