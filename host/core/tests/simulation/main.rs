//! Random workflows of every kind under random luck, with a crash after every commit: whatever happens,
//! the promises hold and the run ends.
//!
//! A failing seed is printed with its workflow, whichever test it fails; `TASKLOOM_SEED=<n> cargo test
//! --release -p taskloom-core --test simulation` plays it alone, `TASKLOOM_SEEDS=<n>` plays more of them,
//! `TASKLOOM_FIRST_SEED=<n>` others, and `cargo xtask soak --time 8h` plays them for hours.

mod graph;
mod hosts;
mod luck;
mod promises;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use taskloom_core::failure::Outcome;
use taskloom_core::id::Digest;
use taskloom_core::journal::{RerunFrom, RunEvent};
use taskloom_core::run::plan;
use taskloom_core::time::Timestamp;

use luck::finish;
use promises::check;
use support::{Beginning, Conflict, World, other_run, run_id, workflow};

/// Seeds that every test run plays.
const SEEDS: u64 = 10_000;

/// Seeds whose journal is also cut after every commit, and played to the end from there.
const CUT_SEEDS: u64 = 300;

/// Seeds whose run is run again after it ended.
const RERUN_SEEDS: u64 = 2_000;

/// Seeds that are played at most until luck has reached every event.
const LUCKY_SEEDS: u64 = 3_000;

/// Seeds that are played twice.
const TWICE_SEEDS: u64 = 100;

#[test]
fn every_promise_holds_whatever_happens() {
    each(seeds(SEEDS), |luck| {
        let world = played(luck);
        assert!(world.state.finish.is_some(), "the run never ends");
    });
}

#[test]
fn a_crash_after_any_commit_loses_nothing() {
    each(seeds(CUT_SEEDS), |luck| {
        let whole = played(luck);
        for kept in whole.commits.clone() {
            let mut world = World::resume(&whole, kept);
            check(&world);
            // What sets something has not succeeded before that is computed.
            let unset = world.state.tasks().filter(|(index, task)| {
                world.state.definition(*index).set.is_some() && !task.has_written
            });
            let unset: Vec<_> = unset.map(|(_, task)| task.id.clone()).collect();
            finish(&mut world, luck, 0);
            let journal = whole.journal();
            let succeeded = journal[..kept].iter().filter(|entry| {
                matches!(entry.event.kind(), "attempt-succeeded" | "task-succeeded" | "task-reused")
            });
            let succeeded = succeeded.filter_map(|entry| entry.event.task());
            for task in succeeded.filter(|task| !unset.contains(task)) {
                assert!(world.state.output_of(task).is_some(), "{task} lost its output");
            }
        }
    });
}

#[test]
fn a_rerun_does_again_what_it_says_and_nothing_else() {
    each(seeds(RERUN_SEEDS), |luck| {
        let old = played(luck);
        _ = rerun(&old, luck);
    });
}

#[test]
fn luck_reaches_every_event() {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    each((0..LUCKY_SEEDS).collect(), |luck| {
        if seen.len() == RunEvent::KINDS.len() {
            return;
        }
        let world = played(luck);
        let again = if luck.u8(0..8) == 0 { rerun(&world, luck) } else { None };
        for world in again.iter().chain([&world]) {
            seen.extend(world.journal().iter().map(|entry| entry.event.kind()));
        }
    });
    let missing: Vec<_> = RunEvent::KINDS.iter().filter(|kind| !seen.contains(**kind)).collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
}

#[test]
fn a_seed_plays_the_same_run_again() {
    for seed in 0..TWICE_SEEDS {
        let journal = |()| {
            let world = played(&mut fastrand::Rng::with_seed(seed));
            world.journal().to_vec()
        };
        let [first, second] = [(); 2].map(journal);
        assert_eq!(first, second, "{}", case(seed));
        let spec = graph::random_spec(&mut fastrand::Rng::with_seed(seed));
        assert!(case(seed).contains(&spec), "the workflow of seed {seed} is told");
    }
}

fn seeds(count: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    match number("TASKLOOM_SEED") {
        Some(seed) => vec![seed],
        None => {
            let first = number("TASKLOOM_FIRST_SEED").unwrap_or(0);
            // The costly tests play fewer, in the same proportion.
            let count = number("TASKLOOM_SEEDS").map_or(count, |all| (all * count / SEEDS).max(1));
            (first..first + count).collect()
        }
    }
}

/// Plays each seed with its luck, and says on a panic which one it was.
fn each(seeds: Vec<u64>, mut play: impl FnMut(&mut fastrand::Rng)) {
    for seed in seeds {
        let _told = Told(seed);
        play(&mut fastrand::Rng::with_seed(seed));
    }
}

/// Plays a run to its end. The workflow is the first thing that luck makes: `case` tells it again.
fn played(luck: &mut fastrand::Rng) -> World {
    let workflow = workflow(&graph::random_spec(luck));
    let mut world = match luck.u8(0..8) {
        0 => World::held(workflow, None),
        1 => World::held(workflow, Some(Timestamp::from_ms(luck.i64(1..60_000)))),
        2 => started_twice(workflow),
        _ => World::start(workflow),
    };
    check(&world);
    let crashes = luck.u32(0..4);
    finish(&mut world, luck, crashes);
    world
}

/// A run whose start is asked for twice under one key: the second one finds the first.
fn started_twice(workflow: Arc<taskloom_core::workflow::Workflow>) -> World {
    let beginning = || Beginning { key: Some("key"), ..Beginning::default() };
    let world = World::begin_alone(Arc::clone(&workflow), run_id(), beginning());
    let host = (Rc::clone(&world.store), world.epoch, world.now);
    let again = World::begin(workflow, other_run(2), beginning(), host).err();
    let (run, request) = (run_id(), Digest::of(b"request"));
    assert_eq!(again, Some(Conflict::DuplicateKey { run, request }), "two runs for one key");
    world
}

/// Runs a run again and plays that to its end; `None` when there is nothing to do again.
fn rerun(old: &World, luck: &mut fastrand::Rng) -> Option<World> {
    let from = match luck.u8(0..4) {
        0 => RerunFrom::Start,
        1 => {
            let any = luck.choice(old.state.tasks().map(|(_, task)| task.id.clone()));
            RerunFrom::Tasks(any.into_iter().collect())
        }
        _ => RerunFrom::Failed,
    };
    let Ok(plan) = plan(&old.state, from) else {
        let outcome = old.state.outcome();
        assert_eq!(outcome, Some(Outcome::Succeeded), "only a success has nothing to rerun");
        return None;
    };
    let again = if luck.u8(0..4) == 0 { World::held_rerun } else { World::rerun };
    let mut world = again(Arc::clone(&old.workflow), other_run(3), plan.clone());
    check(&world);
    finish(&mut world, luck, 1);
    promises::check_rerun(old, &world, &plan);
    Some(world)
}

/// How to play a seed again.
fn case(seed: u64) -> String {
    let spec = graph::random_spec(&mut fastrand::Rng::with_seed(seed));
    format!("seed {seed}: play it again with TASKLOOM_SEED={seed}\nworkflow: {spec}")
}

/// Says on a panic which seed it was, and how to play it again.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", case(self.0));
        }
    }
}
