//! Random workflows under random luck, with a crash after every event: whatever happens, the
//! promises hold and the run ends.
//!
//! A failing seed is printed; `TASKLOOM_SEED=<n> cargo test --release -p taskloom-core --test
//! simulation` plays it alone, and `TASKLOOM_SEEDS=<n>` plays more of them.

mod support;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use taskloom_core::attempt::{AttemptEnd, AttemptEnding, ReleaseReason};
use taskloom_core::failure::{FailureClass, Outcome};
use taskloom_core::run::{Command, RunState, TaskIndex};
use taskloom_core::workflow::Workflow;

use support::{World, failure, json, picture, run_id, workflow};

/// Seeds that every test run plays.
const SEEDS: u64 = 10_000;

/// Seeds whose journal is also cut after every commit, and played to the end from there.
const CUT_SEEDS: u64 = 300;

#[test]
fn every_promise_holds_whatever_happens() {
    for seed in seeds(SEEDS) {
        let world = play(seed, &mut fastrand::Rng::with_seed(seed));
        assert!(world.state.finish.is_some(), "seed {seed}: the run never ends");
    }
}

#[test]
fn a_crash_after_any_commit_loses_nothing() {
    for seed in seeds(CUT_SEEDS) {
        let whole = play(seed, &mut fastrand::Rng::with_seed(seed));
        for kept in whole.commits.clone() {
            let mut world = World::resume(&whole, kept);
            check(seed, &world);
            let mut luck = fastrand::Rng::with_seed(seed ^ kept as u64);
            finish(seed, &mut world, &mut luck, 0);
            for (index, task) in whole.state.tasks() {
                let was_done = whole.journal[..kept].iter().any(|entry| {
                    entry.event.kind() == "attempt-succeeded"
                        && entry.event.task() == Some(&whole.workflow.task(index).id)
                });
                let now = world.state.task(index);
                assert!(!was_done || now.output().is_some(), "seed {seed}, {kept}: {task:?}");
            }
        }
    }
}

fn seeds(count: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    match number("TASKLOOM_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("TASKLOOM_SEEDS").unwrap_or(count)).collect(),
    }
}

fn play(seed: u64, luck: &mut fastrand::Rng) -> World {
    let mut world = World::start(random_workflow(luck));
    let crashes = luck.u32(0..4);
    finish(seed, &mut world, luck, crashes);
    world
}

fn random_workflow(luck: &mut fastrand::Rng) -> Arc<Workflow> {
    let mut spec = String::new();
    for task in 0..luck.usize(1..12) {
        let separator = if task == 0 { "" } else { "; " };
        let needs: Vec<String> =
            (0..task).filter(|_| luck.u8(0..4) == 0).map(|need| format!("t{need}")).collect();
        let _ = write!(spec, "{separator}t{task}<-{}", needs.join(","));
    }
    let _ = write!(spec, " | retries={}", luck.u8(0..3));
    for option in ["continue", "output", "timeout=500"] {
        if luck.u8(0..3) == 0 {
            let _ = write!(spec, " {option}");
        }
    }
    workflow(&spec)
}

/// Plays until the run has ended.
fn finish(seed: u64, world: &mut World, luck: &mut fastrand::Rng, mut crashes: u32) {
    for _ in 0..5_000 {
        if world.state.finish.is_some() {
            return;
        }
        let at_rest = world.ready.is_empty() && world.active.is_empty();
        match luck.u8(0..20) {
            0..8 => claim(world, luck),
            8..15 => end(seed, world, luck),
            15 if crashes > 0 => {
                crashes -= 1;
                let kept = world.commits[luck.usize(world.commits.len() / 2..world.commits.len())];
                *world = World::resume(world, kept);
            }
            16 if luck.u8(0..40) == 0 => {
                // Refused when the run is being stopped already.
                let _ = world.give(Command::Cancel { reason: "luck".to_owned() });
            }
            17 => start(world, luck),
            18 => late(seed, world),
            _ if at_rest || luck.bool() => world.pass(Duration::from_secs(luck.u64(1..20))),
            _ => {}
        }
        if world.resolve_output && world.state.finish.is_none() {
            let _ = world.give(Command::OutputResolved(Ok(json("0"))));
        }
        check(seed, world);
    }
    panic!("seed {seed}: the run does not end:\n{:#?}", world.state);
}

fn claim(world: &mut World, luck: &mut fastrand::Rng) {
    let ready: Vec<_> = world.ready.iter().copied().collect();
    if let Some(task) = luck.choice(ready) {
        world.claim(task).expect("what is offered can be claimed");
    }
}

fn active(world: &World, luck: &mut fastrand::Rng) -> Option<(TaskIndex, u32)> {
    let mut active: Vec<_> = world.active.iter().map(|(task, number)| (*task, *number)).collect();
    active.sort_unstable();
    luck.choice(active)
}

fn start(world: &mut World, luck: &mut fastrand::Rng) {
    if let Some((task, number)) = active(world, luck) {
        // Refused when it was told before.
        let _ = world.give(Command::Started { task, number, started_at: world.now });
    }
}

fn end(seed: u64, world: &mut World, luck: &mut fastrand::Rng) {
    let Some((task, number)) = active(world, luck) else { return };
    let cancelled = world.stopped.contains(&task) && luck.bool();
    let end = match luck.u8(0..20) {
        _ if cancelled => failure(FailureClass::Cancelled),
        0..12 => AttemptEnd::Succeeded(json("1")),
        12..14 => failure(FailureClass::Retryable),
        14 => failure(FailureClass::Timeout),
        15 => failure(FailureClass::Crash),
        16 => failure(FailureClass::Limit),
        17 => AttemptEnd::Released(ReleaseReason::HostBusy),
        18 => AttemptEnd::Released(ReleaseReason::Shutdown),
        _ => failure(FailureClass::Permanent),
    };
    world.end(task, number, end.clone()).expect("a result under way is taken");
    let twice = world.end(task, number, end);
    assert!(twice.is_err(), "seed {seed}: the same result was taken twice");
}

/// A result of an attempt that is over is never taken.
fn late(seed: u64, world: &mut World) {
    let over: Vec<(TaskIndex, u32)> = world
        .state
        .tasks()
        .filter_map(|(index, task)| {
            let old = task.attempts.iter().rev().find(|attempt| attempt.end.is_some())?;
            Some((index, old.number))
        })
        .collect();
    for (task, number) in over {
        let taken = world.end(task, number, AttemptEnd::Succeeded(json("2")));
        assert!(taken.is_err(), "seed {seed}: a late result was taken");
    }
}

fn check(seed: u64, world: &World) {
    let replayed = RunState::replay(run_id(), Arc::clone(&world.workflow), &world.journal)
        .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    assert_eq!(picture(&replayed), picture(&world.state), "seed {seed}: replay differs from live");
    assert_eq!(world.state.last_seq, world.journal.len() as u64, "seed {seed}");
    for (index, task) in world.state.tasks() {
        let numbers: Vec<u32> = task.attempts.iter().map(|attempt| attempt.number).collect();
        let expected: Vec<u32> = (1..=numbers.len() as u32).collect();
        assert_eq!(numbers, expected, "seed {seed}: numbers have no gap");
        let successes =
            task.attempts.iter().filter(|a| matches!(a.end, Some(AttemptEnding::Succeeded(_))));
        assert!(successes.count() <= 1, "seed {seed}: a task succeeded twice");
        let limit = world.workflow.task(index).retry.max_attempts;
        assert!(task.counted_failures() <= limit, "seed {seed}: too many attempts");
        if !task.attempts.is_empty() {
            let met = |need: &TaskIndex| world.state.task(*need).output().is_some();
            let needs = world.workflow.graph.dependencies(index);
            assert!(needs.iter().all(met), "seed {seed}: attempted before what it needs");
        }
    }
    if let Some(finish) = &world.state.finish {
        let all =
            |outcome| world.state.tasks().all(|(_, task)| task.status.outcome() == Some(outcome));
        let succeeded = finish.outcome == Outcome::Succeeded;
        assert!(!succeeded || all(Outcome::Succeeded), "seed {seed}: a success without all tasks");
        assert_eq!(finish.failure.is_none(), succeeded, "seed {seed}: a failure says why");
    }
}
