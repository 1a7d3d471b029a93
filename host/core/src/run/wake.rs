//! Decides what happens to a task when one of its times has come.

use super::steer::approval_output;
use super::{
    Command, Effect, Refusal, RunState, StopReason, TaskIndex, TaskStatus, Timer, WaitFor, decision,
};
use crate::failure::{Failure, FailureClass, Outcome, code};
use crate::journal::RunEvent;
use crate::payload::PayloadRef;
use crate::time::Timestamp;
use crate::workflow::{Approval, OnDeadline, OnTimeout, TaskKind};

/// What a time that has come means.
pub(super) fn wake(
    state: &RunState,
    index: TaskIndex,
    timer: Timer,
    now: Timestamp,
) -> Result<Vec<RunEvent>, Refusal> {
    let is_early = |at| state.due_at(index, timer, at) > state.host_time(now);
    if state.timer(index, timer).is_none_or(is_early) {
        return Err(state.not_now(index));
    }
    let task = state.task(index).id.clone();
    match timer {
        Timer::Backoff => Ok(vec![RunEvent::BackoffElapsed { task }]),
        Timer::Queue if state.task(index).status == TaskStatus::Ready => {
            let failure = late(state, index, code::QUEUE_TIMEOUT, "queue_timeout");
            Ok(vec![RunEvent::TaskTimedOut { task, failure }])
        }
        // The host knows whether the handler was started; see `effect_at_once`.
        Timer::Queue => Ok(Vec::new()),
        Timer::Total => total(state, index),
        Timer::Wait => Ok(vec![waited(state, index)]),
        Timer::Approval => Ok(vec![unanswered(state, index)]),
    }
}

/// What is asked for by a command that changes nothing: to stop an attempt that waits for its slot
/// too long.
pub(super) fn effect_at_once(state: &RunState, command: &Command) -> Option<Effect> {
    let Command::Wake { task, timer: Timer::Queue } = command else { return None };
    match state.task(*task).status {
        TaskStatus::Claimed { number } => {
            let reason = StopReason::QueueTimeout;
            Some(Effect::StopAttempt { task: *task, number, reason })
        }
        _ => None,
    }
}

fn total(state: &RunState, index: TaskIndex) -> Result<Vec<RunEvent>, Refusal> {
    let task = state.task(index).id.clone();
    if state.is_stopped(index) {
        return Err(state.not_now(index));
    }
    let failure = late(state, index, code::TOTAL_TIMEOUT, "total_timeout");
    let quiet = state.task(index).group.as_ref().is_some_and(|group| group.is_quiet());
    if state.task(index).status.is_idle() || quiet {
        return Ok(vec![RunEvent::TaskTimedOut { task, failure }]);
    }
    let outcome = Outcome::TimedOut;
    Ok(vec![RunEvent::TaskStopRequested { task, outcome, failure }])
}

fn late(state: &RunState, index: TaskIndex, code: &str, key: &str) -> Failure {
    let timeouts = state.definition(index).timeouts;
    let limit = if code == code::QUEUE_TIMEOUT { timeouts.queue } else { timeouts.total };
    let message = format!("it took longer than its {key} of {:?}", limit.unwrap_or_default());
    Failure::new(FailureClass::Timeout, code, message)
}

fn waited(state: &RunState, index: TaskIndex) -> RunEvent {
    let task = state.task(index).id.clone();
    let succeeded = |task| RunEvent::TaskSucceeded { task, output: PayloadRef::null() };
    let TaskKind::Wait(wait) = &state.definition(index).kind else { return succeeded(task) };
    match (state.task(index).status, state.awaited_signal(index)) {
        (TaskStatus::Waiting(WaitFor::Signal { .. }), Some(name)) => match wait.on_timeout {
            OnTimeout::Succeed => succeeded(task),
            OnTimeout::Skip => {
                let reason = format!("signal `{name}` did not come in time");
                RunEvent::TaskSkipped { task, reason, output: None }
            }
            OnTimeout::Fail => {
                let limit = wait.timeout.unwrap_or_default();
                let message = format!("signal `{name}` did not come within {limit:?}");
                let failure = Failure::new(FailureClass::Timeout, code::SIGNAL_TIMEOUT, message);
                RunEvent::TaskTimedOut { task, failure }
            }
        },
        _ => succeeded(task),
    }
}

fn unanswered(state: &RunState, index: TaskIndex) -> RunEvent {
    let task = state.task(index).id.clone();
    let given = |approved: bool| {
        let output = approval_output(approved, None, None, &serde_json::Value::Null);
        let (by, comment, input) = (None, None, None);
        let output = PayloadRef::small(&output);
        RunEvent::ApprovalGiven { task: task.clone(), approved, by, comment, input, output }
    };
    match &state.definition(index).kind {
        TaskKind::Approval(Approval { on_deadline: OnDeadline::Approve, .. }) => given(true),
        TaskKind::Approval(Approval { on_deadline: OnDeadline::Reject, .. }) => given(false),
        TaskKind::Decision(decision) => decision::late(task, decision),
        _ => {
            let message = "nobody answered in time";
            let failure = Failure::new(FailureClass::Timeout, code::APPROVAL_TIMEOUT, message);
            RunEvent::TaskTimedOut { task, failure }
        }
    }
}
