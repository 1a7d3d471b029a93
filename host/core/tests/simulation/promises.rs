//! What must hold after every step, whatever happened.

use std::collections::HashSet;
use std::sync::Arc;

use taskloom_core::attempt::AttemptEnding;
use taskloom_core::failure::{Next, Outcome};
use taskloom_core::journal::{Reused, RunEvent};
use taskloom_core::retry::RetryPolicy;
use taskloom_core::run::{
    Halt, RerunPlan, Role, RunState, RunStatus, TaskIndex, TaskState, TaskStatus,
};

use crate::support::{World, picture};

/// Commits after which the whole journal is replayed and compared: always would make the cost of a run
/// grow with the square of its length.
const REPLAY_EVERY: usize = 8;

/// Checks a run against everything that is promised of it.
pub(crate) fn check(world: &World) {
    let state = &world.state;
    if state.finish.is_some() || world.commits.len().is_multiple_of(REPLAY_EVERY) {
        check_replay(world);
    }
    assert_eq!(state.last_seq, (world.journal().len() + world.open.len()) as u64);
    let count = |matches: fn(TaskStatus) -> bool| {
        state.tasks().filter(|(_, task)| matches(task.status)).count()
    };
    assert_eq!(state.ended_tasks(), count(|status| status.outcome().is_some()));
    assert_eq!(state.active_tasks(), count(|status| status.active_attempt().is_some()));
    for (index, task) in state.tasks() {
        assert_eq!(state.index_of(&task.id), Some(index), "{} is found by its name", task.id);
        check_attempts(state, index, task);
        check_section(state, index, task);
        let why = state.why(index).map(|why| why.to_string());
        assert_eq!(why.is_none(), task.status.outcome().is_some(), "{}: {why:?}", task.id);
    }
    check_context(state);
    check_end(state);
    if state.is_held() {
        let begun = |task: &TaskState| task.status != TaskStatus::Pending;
        assert!(!state.tasks().any(|(_, task)| begun(task)), "a task of a held run has begun");
    }
    if state.finish.is_none() {
        assert!(goes_on(world), "nothing would ever happen:\n{}", open_tasks(state));
    }
}

fn check_replay(world: &World) {
    let (state, workflow) = (&world.state, Arc::clone(&world.workflow));
    let journal = world.journal();
    assert!(journal.is_sorted_by_key(|entry| entry.at), "time goes back");
    let mut replayed = RunState::replay(state.id, workflow, &*journal).expect("a legal journal");
    check_released(world, &replayed);
    for entry in &world.open {
        replayed.apply(entry).expect("a legal event");
    }
    assert_eq!(picture(&replayed), picture(state), "replay differs from live");
}

/// What is under way was written before.
fn check_released(world: &World, written: &RunState) {
    for (task, number) in &world.active {
        let attempts = written.task(*task).attempts.len();
        assert!(attempts >= *number as usize, "an attempt began that is not on the disk");
    }
    for task in world.children.keys() {
        assert!(written.task(*task).child.is_some(), "a run was started that is not on the disk");
    }
}

fn check_attempts(state: &RunState, index: TaskIndex, task: &TaskState) {
    let numbers = task.attempts.iter().map(|attempt| attempt.number);
    assert!(numbers.eq(1..=task.attempts.len() as u32), "numbers have no gap");
    let successes =
        task.attempts.iter().filter(|a| matches!(a.end, Some(AttemptEnding::Succeeded(_))));
    assert!(successes.count() <= 1, "{} succeeded twice", task.id);
    let definition = state.definition(index);
    assert!(task.counted_failures() <= definition.retry.max_attempts, "too many attempts");
    check_retries(task, &definition.retry);
    let begun = task.first_ready_at.is_some();
    for need in state.workflow.graph.dependencies(task.node).iter().filter(|_| begun) {
        let need = state.task(state.place(task.frame, *need));
        let allowed = state.workflow.task(need.node).allow_failure
            && matches!(need.status.outcome(), Some(Outcome::Failed | Outcome::TimedOut));
        let met = need.has_done_its_part() || allowed;
        let ended = need.status.outcome().is_some();
        assert!(met || definition.run_if.is_some() && ended, "{} began too early", task.id);
    }
}

/// What the policy forbids is not tried again, and nothing is after the time that it allows.
fn check_retries(task: &TaskState, policy: &RetryPolicy) {
    let first = task.attempts.first().map(|first| first.started_at.unwrap_or(first.claimed_at));
    for attempt in &task.attempts {
        let Some(AttemptEnding::Failed(failure, Next::RetryAt(at))) = &attempt.end else {
            continue;
        };
        let again = policy.retries(&failure.code, failure.class);
        assert!(again, "{} is tried again after {}", task.id, failure.code);
        let elapsed = at.since(first.expect("it has an attempt"));
        let most = policy.max_elapsed.unwrap_or(elapsed);
        assert!(elapsed <= most, "{} is tried again after {elapsed:?}", task.id);
        assert!(attempt.ended_at.is_some_and(|ended| ended <= *at), "{} waits backwards", task.id);
    }
}

/// What succeeded has set what it sets, and nothing else has set it.
fn check_context(state: &RunState) {
    for (index, task) in state.tasks() {
        let ended = task.status.outcome();
        let sets = state.definition(index).set.is_some();
        let succeeded = ended == Some(Outcome::Succeeded);
        assert!(!(sets && succeeded) || task.has_written, "{} has set nothing", task.id);
        let may = succeeded || ended.is_none();
        assert!(may || !task.has_written, "{} has set something", task.id);
    }
    for name in ["x", "y"] {
        let known = state.context().values().is_some_and(|values| values.contains_key(name));
        assert_eq!(known, state.context().setter(name).is_some(), "{name} and its setter");
    }
}

fn check_section(state: &RunState, index: TaskIndex, task: &TaskState) {
    let Some(section) = state.section_of(index) else {
        let sleeps = matches!(task.status, TaskStatus::Pending | TaskStatus::Ended(_));
        assert!(sleeps, "{} is at work outside of any section", task.id);
        return;
    };
    let open = state.block_tasks(section.block, section.frame);
    let open = open.filter(|index| state.task(*index).status.outcome().is_none()).count();
    assert_eq!(section.open as usize, open, "the count of a section around {}", task.id);
    let compensates = section.role == Role::Compensation;
    if let Some(owner) = section.owner.filter(|_| open > 0 && !compensates) {
        let owner = state.task(owner);
        assert_eq!(owner.status, TaskStatus::Open, "{} ended before {}", owner.id, task.id);
    }
    let stopped = section.halt == Halt::Cancelled;
    assert!(!stopped || !task.status.is_idle(), "{} waits in what was stopped", task.id);
}

fn check_end(state: &RunState) {
    let Some(finish) = &state.finish else { return };
    assert_eq!(state.active_tasks(), 0, "an attempt is under way after the end");
    assert_eq!(finish.failure.is_none(), finish.outcome == Outcome::Succeeded);
    for (index, task) in state.tasks() {
        let live = task.section.is_some();
        assert!(!live || task.status.outcome().is_some(), "{} never ended", task.id);
        if finish.outcome == Outcome::Succeeded && state.workflow.parent(task.node).is_none() {
            let failed = matches!(task.status.outcome(), Some(Outcome::Failed | Outcome::TimedOut));
            assert!(!failed || state.definition(index).allow_failure, "a success with a failure");
        }
    }
}

/// Whether there is something that the engine would do, or somebody could.
fn goes_on(world: &World) -> bool {
    let state = &world.state;
    let waits = |task: &TaskState| matches!(task.status, TaskStatus::Waiting(_));
    let paused = state.paused.is_some();
    let offered = |(index, task): (TaskIndex, &TaskState)| {
        task.status == TaskStatus::Ready && world.ready.contains(&index)
    };
    let asked = world.asked.iter().any(|(task, question)| state.is_asked(*task, *question));
    paused
        || !world.open.is_empty()
        || !world.releases.is_empty()
        || state.is_held() && world.held.is_some()
        || state.active_tasks() > 0
        || asked
        || world.resolve_output
        || state.next_wake().is_some_and(|_| !world.timers.is_empty())
        || state.tasks().any(|(_, task)| waits(task))
        || state.tasks().any(offered)
        || state.status() == RunStatus::Finished
}

fn open_tasks(state: &RunState) -> String {
    let open = state.tasks().filter_map(|(index, task)| {
        Some(format!("{} is {:?}: {}", task.id, task.status, state.why(index)?))
    });
    open.collect::<Vec<_>>().join("\n")
}

/// A rerun takes over what was offered, and attempts what was foreseen.
pub(crate) fn check_rerun(old: &World, new: &World, plan: &RerunPlan) {
    let offered: HashSet<_> = plan.reuse.iter().filter_map(RunEvent::task).collect();
    let again: HashSet<_> = plan.again.iter().collect();
    for entry in new.journal().iter() {
        if let RunEvent::TaskReused { task, output, .. } = &entry.event {
            assert!(offered.contains(task) && !again.contains(task), "{task} was not offered");
            assert_eq!(old.state.output_of(task), Some(output), "{task} has another output");
        }
    }
    for (index, task) in new.state.tasks().filter(|(_, task)| !task.attempts.is_empty()) {
        let Some(before) = old.state.index_of(&task.id) else { continue };
        let before = old.state.task(before);
        let foreseen = again.contains(&task.id) || task.id.as_str().contains('[');
        let undoes = new.state.section_of(index).is_some_and(|s| s.role == Role::Compensation);
        assert!(foreseen || undoes, "{} was not foreseen", task.id);
        let own = new.state.idempotency_key(index).starts_with(&new.state.id.to_string());
        let unfinished = !before.attempts.is_empty() && !before.has_done_its_part();
        let ends = new.state.section_of(index).map(|section| section.role);
        let ends = matches!(ends, Some(Role::Finally | Role::Compensation));
        assert!(own || unfinished || ends, "{} has the key of a success", task.id);
        assert!(!own || !unfinished || ends, "{} lost its key", task.id);
        let kept = plan.reuse.iter().any(|event| {
            matches!(event, RunEvent::ReuseOffered { task: of, reused: Reused::Output(_), .. }
                if *of == task.id)
        });
        assert!(!kept, "{} was attempted although its output was there", task.id);
    }
}
