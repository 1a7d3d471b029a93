//! Decides what the answer to a question means.

use super::{Answer, ITEMS_MAX, Question, Refusal, RunState, TaskIndex, decision};
use crate::context::Values;
use crate::failure::{Failure, FailureClass, Outcome, code};
use crate::id::TaskId;
use crate::journal::{Branch, RunEvent};
use crate::payload::PayloadRef;
use crate::time::Timestamp;
use crate::workflow::TaskKind;

/// What an answer, or the lack of one, means.
pub(super) fn answered(
    state: &RunState,
    index: TaskIndex,
    question: Question,
    answer: Result<Answer, Failure>,
    now: Timestamp,
) -> Result<Vec<RunEvent>, Refusal> {
    let task = state.task(index).id.clone();
    let refused = || Refusal::LateAnswer { task: task.clone(), question: question.to_string() };
    if !state.is_asked(index, question) {
        return Err(refused());
    }
    let answer = match answer {
        Ok(answer) => answer,
        Err(failure) => return Ok(vec![unanswered(task, question, failure)]),
    };
    let event = match (question, answer) {
        (Question::RunIf, Answer::Truth(runs)) => return Ok(run_if(task, runs)),
        (Question::Writes, Answer::Writes(values)) => return Ok(written(state, index, values)),
        (Question::Condition, Answer::Truth(holds)) => {
            let branch = if holds { Branch::Then } else { Branch::Else };
            RunEvent::BranchChosen { task, branch }
        }
        (Question::Selector, Answer::Case(case)) => {
            let branch = case.map_or(Branch::Default, Branch::Case);
            state.block_of(index, branch).map_err(|_| refused())?;
            RunEvent::BranchChosen { task, branch }
        }
        (Question::Items, Answer::Items { items, count }) if count <= ITEMS_MAX => {
            RunEvent::ItemsExpanded { task, items, count }
        }
        (Question::Items, Answer::Items { count, .. }) => {
            RunEvent::TaskFailed { task, failure: too_many(count) }
        }
        (Question::Until, Answer::Time(until)) => RunEvent::WaitBegan { task, until: Some(until) },
        (Question::BlockValue { .. } | Question::MergedValue, Answer::Value(output)) => {
            RunEvent::TaskSucceeded { task, output }
        }
        (Question::ItemValue { item }, Answer::Value(output)) => {
            let (outcome, output, failure) = (Outcome::Succeeded, Some(output), None);
            RunEvent::ItemEnded { task, item, outcome, output, failure }
        }
        (Question::ChildInput, Answer::Child { run, input }) => {
            let TaskKind::Workflow(child) = &state.definition(index).kind else {
                return Err(refused());
            };
            let (workflow, detached) = (child.workflow.clone(), child.detached);
            RunEvent::ChildRequested { task, run, workflow, input, detached }
        }
        (Question::Recommendation, Answer::Recommended(recommended)) => {
            let TaskKind::Decision(decision) = &state.definition(index).kind else {
                return Err(refused());
            };
            decision::recommended(task, decision, *recommended, now)
        }
        (Question::Prompt, Answer::Value(prompt)) => {
            let TaskKind::Approval(approval) = &state.definition(index).kind else {
                return Err(refused());
            };
            let deadline = approval.deadline.map(|most| now.after(most));
            RunEvent::ApprovalRequested { task, prompt, deadline, reason: None }
        }
        _ => return Err(refused()),
    };
    Ok(vec![event])
}

fn run_if(task: TaskId, runs: bool) -> Vec<RunEvent> {
    let mut events = vec![RunEvent::RunIfDecided { task: task.clone(), runs }];
    if !runs {
        let reason = "its `run_if` does not hold".to_owned();
        events.push(RunEvent::TaskSkipped { task, reason, output: None });
    }
    events
}

/// What a task sets, and its success, which waited for that.
fn written(state: &RunState, index: TaskIndex, values: Values) -> Vec<RunEvent> {
    let task = state.task(index).id.clone();
    match state.writes_of(index, values) {
        Ok(event) => {
            let output = state.task(index).output().cloned().unwrap_or_else(PayloadRef::null);
            vec![event, RunEvent::TaskSucceeded { task, output }]
        }
        Err(failure) => vec![RunEvent::TaskFailed { task, failure }],
    }
}

/// What could not be computed fails the task, or the item it was for.
fn unanswered(task: TaskId, question: Question, failure: Failure) -> RunEvent {
    match question {
        Question::ItemValue { item } => {
            let (outcome, output, failure) = (Outcome::Failed, None, Some(failure));
            RunEvent::ItemEnded { task, item, outcome, output, failure }
        }
        _ => RunEvent::TaskFailed { task, failure },
    }
}

fn too_many(count: u32) -> Failure {
    let message = format!(
        "the list has {count} items, and a `for_each` takes at most {ITEMS_MAX}; group them into \
         larger pieces"
    );
    Failure::new(FailureClass::Limit, code::TOO_MANY_ITEMS, message)
}
