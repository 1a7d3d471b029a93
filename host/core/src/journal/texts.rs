//! What events of runs refer to and do not hold themselves.

use super::{Reused, RunEvent, RunStarted};
use crate::id::Digest;
use crate::payload::PayloadRef;

/// The texts that an event of a run refers to.
pub(super) fn of_run(event: &RunEvent) -> Vec<Digest> {
    let digests = payloads(event).into_iter().flatten();
    let mut digests: Vec<Digest> =
        digests.filter(|payload| payload.inline.is_none()).map(|payload| payload.digest).collect();
    if let RunEvent::RunStarted(start) = event {
        digests.push(start.definition);
    }
    digests
}

/// The values in an event. Every kind is named, so that a new one is not forgotten here.
fn payloads(event: &RunEvent) -> [Option<&PayloadRef>; 2] {
    match event {
        RunEvent::RunStarted(start) => {
            let RunStarted { input, context, .. } = &**start;
            [Some(input), context.as_ref()]
        }
        RunEvent::InputResolved { input: payload, .. }
        | RunEvent::AttemptSucceeded { output: payload, .. }
        | RunEvent::ItemsExpanded { items: payload, .. }
        | RunEvent::SignalReceived { payload, .. }
        | RunEvent::ApprovalRequested { prompt: payload, .. }
        | RunEvent::ChildRequested { input: payload, .. }
        | RunEvent::TaskSucceeded { output: payload, .. }
        | RunEvent::TaskReused { output: payload, .. }
        | RunEvent::ReuseOffered {
            reused: Reused::Output(payload) | Reused::Items { items: payload, .. },
            ..
        } => [Some(payload), None],
        RunEvent::TaskSkipped { output: payload, .. }
        | RunEvent::SharedContextRead { value: payload, .. }
        | RunEvent::ItemEnded { output: payload, .. }
        | RunEvent::ChildEnded { output: payload, .. }
        | RunEvent::RunFinished { output: payload, .. } => [payload.as_ref(), None],
        RunEvent::ApprovalGiven { input, output, .. }
        | RunEvent::DecisionMade { input, output, .. } => [input.as_ref(), Some(output)],
        RunEvent::RunAdmitted { .. }
        | RunEvent::PluginPinned { .. }
        | RunEvent::PluginRepinned { .. }
        | RunEvent::AttemptClaimed { .. }
        | RunEvent::AttemptStarted { .. }
        | RunEvent::AttemptFailed { .. }
        | RunEvent::AttemptCancelled { .. }
        | RunEvent::AttemptReleased { .. }
        | RunEvent::AttemptLost { .. }
        | RunEvent::BackoffElapsed { .. }
        | RunEvent::ContextSet { .. }
        | RunEvent::ContextPublished { .. }
        | RunEvent::TaskCancelled { .. }
        | RunEvent::CancelRequested { .. }
        | RunEvent::RunTimedOut
        | RunEvent::RunIfDecided { .. }
        | RunEvent::BranchChosen { .. }
        | RunEvent::GroupOpened { .. }
        | RunEvent::ItemOpened { .. }
        | RunEvent::MergeDecided { .. }
        | RunEvent::ReduceOpened { .. }
        | RunEvent::WaitBegan { .. }
        | RunEvent::SignalTaken { .. }
        | RunEvent::TaskFailed { .. }
        | RunEvent::TaskTimedOut { .. }
        | RunEvent::TaskStopRequested { .. }
        | RunEvent::ReuseOffered { reused: Reused::Branch(_), .. }
        | RunEvent::KeyKept { .. }
        | RunEvent::RunPaused { .. }
        | RunEvent::RunResumed
        | RunEvent::PriorityChanged { .. }
        | RunEvent::CompensationStarted { .. }
        | RunEvent::CompensationOpened { .. }
        | RunEvent::FinallyStarted { .. }
        | RunEvent::FinallyTimedOut => [None, None],
    }
}
