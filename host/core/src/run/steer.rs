//! Decides what people and other runs ask of a run.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Command, Phase, Refusal, RunState, SIGNALS_KEPT_MAX, SIGNALS_MAX, TaskIndex, TaskStatus,
    WaitFor, decision,
};
use crate::failure::Outcome;
use crate::id::RunId;
use crate::journal::RunEvent;
use crate::payload::PayloadRef;
use crate::workflow::TaskKind;

/// The output of an approval: who said what.
pub fn approval_output(
    approved: bool,
    by: Option<&str>,
    comment: Option<&str>,
    input: &Value,
) -> Value {
    json!({ "approved": approved, "by": by, "comment": comment, "input": input })
}

/// What a command from outside means.
pub(super) fn steer(state: &RunState, command: Command) -> Result<Vec<RunEvent>, Refusal> {
    match command {
        Command::Cancel { reason } => stop(state, RunEvent::CancelRequested { reason }),
        Command::Deadline => stop(state, RunEvent::RunTimedOut),
        Command::ClosingDeadline => match (state.closing.phase, state.closing.overdue) {
            (Phase::Main, _) | (_, true) => Err(Refusal::NotClosing),
            (Phase::Compensation | Phase::Finally, false) => Ok(vec![RunEvent::FinallyTimedOut]),
        },
        Command::Pause { reason } => match &state.paused {
            Some(before) => Err(Refusal::Paused(before.clone())),
            None if state.is_cancelling() => Err(Refusal::Stopping),
            None => Ok(vec![RunEvent::RunPaused { reason }]),
        },
        Command::Resume if state.paused.is_none() => Err(Refusal::NotPaused),
        Command::Resume => Ok(vec![RunEvent::RunResumed]),
        Command::SetPriority { priority } if priority == state.priority => Ok(Vec::new()),
        Command::SetPriority { priority } => Ok(vec![RunEvent::PriorityChanged { priority }]),
        Command::SkipTask { task, output, reason } => skip(state, task, output, reason),
        Command::Signal { id, name, payload } => signal(state, id, name, payload),
        Command::Approve { .. } => approve(state, command),
        Command::Choose { task, option, by, comment, output } => {
            decision::chosen(state, task, (option, by, comment), output)
        }
        Command::ChildStarted { task, run } => child_started(state, task, run),
        Command::ChildEnded { .. } => child_ended(state, command),
        _ => Ok(Vec::new()),
    }
}

fn stop(state: &RunState, event: RunEvent) -> Result<Vec<RunEvent>, Refusal> {
    if state.is_cancelling() {
        return Err(Refusal::Stopping);
    }
    if state.closing.phase > Phase::Main || state.wants_output() {
        return Err(Refusal::Closing);
    }
    Ok(vec![event])
}

fn skip(
    state: &RunState,
    index: TaskIndex,
    output: Option<PayloadRef>,
    reason: String,
) -> Result<Vec<RunEvent>, Refusal> {
    let task = state.task(index).id.clone();
    if !state.task(index).status.is_idle() {
        return Err(state.not_now(index));
    }
    if state.task(index).section.is_none() {
        return Err(Refusal::NotAtWork { task });
    }
    Ok(vec![RunEvent::TaskSkipped { task, reason, output }])
}

fn signal(
    state: &RunState,
    id: Arc<str>,
    name: Arc<str>,
    payload: PayloadRef,
) -> Result<Vec<RunEvent>, Refusal> {
    let signals = state.signals();
    if signals.knows(&id) {
        return Ok(Vec::new());
    }
    if state.is_cancelling() {
        return Err(Refusal::Stopping);
    }
    if signals.received() >= SIGNALS_MAX {
        let why = format!("it has received {SIGNALS_MAX}");
        return Err(Refusal::TooManySignals(why));
    }
    if signals.kept() >= SIGNALS_KEPT_MAX && !state.somebody_waits_for(&name) {
        let why = format!("{SIGNALS_KEPT_MAX} are kept that no task has waited for");
        return Err(Refusal::TooManySignals(why));
    }
    Ok(vec![RunEvent::SignalReceived { id, name, payload }])
}

fn approve(state: &RunState, command: Command) -> Result<Vec<RunEvent>, Refusal> {
    let Command::Approve { task: index, approved, by, comment, input, output } = command else {
        return Ok(Vec::new());
    };
    let TaskStatus::Waiting(WaitFor::Approval { .. }) = state.task(index).status else {
        return Err(state.not_now(index));
    };
    let (task, by) = (state.task(index).id.clone(), Some(by));
    if approved && let TaskKind::Decision(decision) = &state.definition(index).kind {
        return Err(Refusal::NeedsOption { task, options: decision.names() });
    }
    Ok(vec![RunEvent::ApprovalGiven { task, approved, by, comment, input, output }])
}

fn child_ended(state: &RunState, command: Command) -> Result<Vec<RunEvent>, Refusal> {
    let Command::ChildEnded { task: index, run, outcome, output, failure, writes } = command else {
        return Ok(Vec::new());
    };
    expect_child(state, index, run)?;
    let task = state.task(index).id.clone();
    let mut events = Vec::with_capacity(2);
    let taken = outcome == Outcome::Succeeded && state.takes_context(index);
    if let Some(values) = writes.filter(|values| taken && !values.is_empty()) {
        match state.writes_of(index, values) {
            Ok(event) => events.push(event),
            Err(failure) => return Ok(vec![RunEvent::TaskFailed { task, failure }]),
        }
    }
    events.push(RunEvent::ChildEnded { task, run, outcome, output, failure });
    Ok(events)
}

fn child_started(state: &RunState, index: TaskIndex, run: RunId) -> Result<Vec<RunEvent>, Refusal> {
    let detached = expect_child(state, index, run)?;
    if !detached {
        return Ok(Vec::new());
    }
    let output = PayloadRef::small(&json!({ "run": run.to_string() }));
    Ok(vec![RunEvent::TaskSucceeded { task: state.task(index).id.clone(), output }])
}

/// Whether the run that a task waits for is detached; a refusal if it waits for no such run.
fn expect_child(state: &RunState, index: TaskIndex, run: RunId) -> Result<bool, Refusal> {
    let task = state.task(index);
    let waits = task.status == TaskStatus::Waiting(WaitFor::Child);
    match task.child.as_deref() {
        Some(child) if waits && child.run == run => Ok(child.detached),
        _ => Err(state.not_now(index)),
    }
}
