//! Decides what the results of attempts mean: retries, and what a dead host had under way.

use std::time::Duration;

use super::command::{AttemptResult, LossLimits};
use super::{Halt, Refusal, RunState, TaskIndex, TaskStatus};
use crate::attempt::{AttemptEnd, ReleaseReason};
use crate::failure::{Failure, FailureClass, Next, code};
use crate::journal::RunEvent;
use crate::retry::Failed;
use crate::time::Timestamp;

/// How long a task waits that the host had no room for.
const BUSY_WAIT: Duration = Duration::from_millis(100);

/// What the result of an attempt means.
pub(super) fn attempt_ended(
    state: &RunState,
    result: AttemptResult,
    now: Timestamp,
    random: f64,
) -> Result<Vec<RunEvent>, Refusal> {
    let AttemptResult { task: index, number, input, writes, given, end, mut usage } = result;
    usage.started_at = usage.started_at.map(|at| state.own_time(at));
    let task = state.task(index).id.clone();
    if state.task(index).status.active_attempt() != Some(number) {
        return Err(Refusal::LateResult { task, number });
    }
    let mut events = Vec::with_capacity(4);
    if let Some(input) = input.filter(|_| state.task(index).input.is_none()) {
        events.push(RunEvent::InputResolved { task: task.clone(), input });
    }
    let stopping = stop_reason(state, index);
    let mut end = end;
    if let (AttemptEnd::Succeeded(_), Some(values)) = (&end, writes) {
        match state.first_writes_of(index, values, given) {
            Ok(written) => events.extend(written),
            Err(failure) => end = AttemptEnd::Failed { failure, retry_after_ms: None },
        }
    }
    events.push(match end {
        AttemptEnd::Succeeded(output) => {
            RunEvent::AttemptSucceeded { task, number, output, usage, cached_from: None }
        }
        AttemptEnd::Cached(output, from) => {
            RunEvent::AttemptSucceeded { task, number, output, usage, cached_from: Some(from) }
        }
        AttemptEnd::Failed { failure, .. } if failure.class == FailureClass::Cancelled => {
            RunEvent::AttemptCancelled { task, number, failure, usage }
        }
        AttemptEnd::Failed { failure, retry_after_ms } => {
            let failures = state.task(index).counted_failures() + 1;
            let next = next_after(state, index, &failure, failures, retry_after_ms, now, random);
            RunEvent::AttemptFailed { task, number, failure, next, usage }
        }
        AttemptEnd::Released(reason) => match stopping {
            Some(failure) => RunEvent::AttemptCancelled { task, number, failure, usage },
            None => {
                let wait = match reason {
                    ReleaseReason::Shutdown => Duration::ZERO,
                    ReleaseReason::HostBusy | ReleaseReason::PluginMissing => BUSY_WAIT,
                };
                RunEvent::AttemptReleased { task, number, reason, retry_at: now.after(wait), usage }
            }
        },
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
    if !may_go_on(state, index) || failure.code == code::QUEUE_TIMEOUT {
        return Next::GiveUp;
    }
    let task = state.task(index);
    let first = task.attempts.first();
    let since = first.map(|attempt| attempt.started_at.unwrap_or(attempt.claimed_at));
    let failed = Failed {
        code: &failure.code,
        class: failure.class,
        failures,
        elapsed: since.map_or(Duration::ZERO, |since| now.since(since)),
    };
    let asked_for = Duration::from_millis(retry_after_ms.unwrap_or(0));
    match state.definition(index).retry.next_wait(&failed, asked_for, random) {
        Some(wait) => Next::RetryAt(now.after(wait)),
        None => Next::GiveUp,
    }
}

/// What the death of the host means for what it had under way.
pub(super) fn host_lost(
    state: &RunState,
    epoch: u64,
    limits: LossLimits,
    now: Timestamp,
    random: f64,
) -> Vec<RunEvent> {
    let under_way = state.tasks().filter_map(|(index, task)| {
        let number = task.status.active_attempt()?;
        (task.attempts.last()?.epoch < epoch).then_some((index, number))
    });
    under_way
        .map(|(index, number)| match stop_reason(state, index) {
            Some(failure) => RunEvent::AttemptCancelled {
                task: state.task(index).id.clone(),
                number,
                failure,
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
    let failure = Failure::new(FailureClass::Lost, code::HOST_LOST, message);
    let next = if losses > limit || !may_go_on(state, index) {
        Next::GiveUp
    } else if was_started && losses > 1 {
        // A task that was under way at more than one death may be their cause: let others go first.
        Next::RetryAt(now.after(state.definition(index).retry.wait(losses, random)))
    } else {
        Next::RetryAt(now)
    };
    RunEvent::AttemptLost { task: state.task(index).id.clone(), number, next, failure }
}

/// Whether a task that was not stopped may be tried again: not when something beside it failed,
/// unless it decides over outcomes itself.
fn may_go_on(state: &RunState, index: TaskIndex) -> bool {
    let halt = state.section_of(index).map_or(Halt::No, |section| section.halt);
    match halt {
        Halt::No => state.task(index).stop.is_none(),
        Halt::Failed => {
            state.task(index).stop.is_none() && state.definition(index).run_if.is_some()
        }
        Halt::Cancelled => false,
    }
}

/// Why what a task has under way is being stopped, if it is.
fn stop_reason(state: &RunState, index: TaskIndex) -> Option<Failure> {
    if !state.is_stopped(index) {
        return None;
    }
    let own = state.task(index).stop.as_ref().map(|stop| stop.failure.clone());
    let of_run = || state.stop.as_ref().map(|stop| stop.failure.clone());
    let cancelled = || Failure::new(FailureClass::Cancelled, code::STOPPED, "it was stopped");
    Some(own.or_else(of_run).unwrap_or_else(cancelled))
}
