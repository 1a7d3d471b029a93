//! Random workflows of every kind under random luck, with a crash after every commit: whatever happens,
//! the promises hold and the run ends.
//!
//! A failing seed is printed with its workflow; `TASKLOOM_SEED=<n> cargo test --release -p
//! taskloom-core --test simulation` plays it alone, `TASKLOOM_SEEDS=<n>` plays more of them,
//! `TASKLOOM_FIRST_SEED=<n>` others, and `cargo xtask soak --time 8h` plays them for hours.

mod graph;
mod luck;
mod promises;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;

use taskloom_core::failure::Outcome;
use taskloom_core::journal::{RerunFrom, RunEvent};
use taskloom_core::run::plan;
use taskloom_core::time::Timestamp;

use luck::finish;
use promises::check;
use support::{World, other_run, workflow};

/// Seeds that every test run plays.
const SEEDS: u64 = 10_000;

/// Seeds whose journal is also cut after every commit, and played to the end from there.
const CUT_SEEDS: u64 = 300;

/// Seeds whose run is run again after it ended.
const RERUN_SEEDS: u64 = 2_000;

#[test]
fn every_promise_holds_whatever_happens() {
    for seed in seeds(SEEDS) {
        let world = played(seed, &mut fastrand::Rng::with_seed(seed));
        assert!(world.state.finish.is_some(), "seed {seed}: the run never ends");
    }
}

#[test]
fn a_crash_after_any_commit_loses_nothing() {
    for seed in seeds(CUT_SEEDS) {
        let whole = played(seed, &mut fastrand::Rng::with_seed(seed));
        for kept in whole.commits.clone() {
            let mut world = World::resume(&whole, kept);
            check(&world);
            // What sets something has not succeeded before that is computed.
            let unset = world.state.tasks().filter(|(index, task)| {
                world.state.definition(*index).set.is_some() && !task.has_written
            });
            let unset: Vec<_> = unset.map(|(_, task)| task.id.clone()).collect();
            let mut luck = fastrand::Rng::with_seed(seed ^ kept as u64);
            finish(&mut world, &mut luck, 0);
            let succeeded = whole.journal[..kept].iter().filter(|entry| {
                matches!(entry.event.kind(), "attempt-succeeded" | "task-succeeded" | "task-reused")
            });
            let succeeded = succeeded.filter_map(|entry| entry.event.task());
            for task in succeeded.filter(|task| !unset.contains(task)) {
                assert!(world.state.output_of(task).is_some(), "{task} lost its output");
            }
        }
    }
}

#[test]
fn a_rerun_does_again_what_it_says_and_nothing_else() {
    for seed in seeds(RERUN_SEEDS) {
        let mut luck = fastrand::Rng::with_seed(seed);
        let old = played(seed, &mut luck);
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
            continue;
        };
        let _told = Told(seed);
        let old_workflow = std::sync::Arc::clone(&old.workflow);
        let again = if luck.u8(0..4) == 0 { World::held_rerun } else { World::rerun };
        let mut world = again(old_workflow, other_run(3), plan.clone());
        check(&world);
        finish(&mut world, &mut luck, 1);
        promises::check_rerun(&old, &world, &plan);
    }
}

#[test]
fn luck_reaches_every_event() {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for seed in 0..3_000 {
        let world = played(seed, &mut fastrand::Rng::with_seed(seed));
        seen.extend(world.journal.iter().map(|entry| entry.event.kind()));
    }
    let never = ["input-resolved", "reuse-offered", "key-kept", "task-reused"];
    let missing: Vec<_> = RunEvent::KINDS
        .iter()
        .filter(|kind| !seen.contains(**kind) && !never.contains(kind))
        .collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
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

fn played(seed: u64, luck: &mut fastrand::Rng) -> World {
    let _told = Told(seed);
    let spec = graph::random_spec(luck);
    let _spec = ToldSpec(&spec);
    let mut world = match luck.u8(0..8) {
        0 => World::held(workflow(&spec), None),
        1 => World::held(workflow(&spec), Some(Timestamp::from_ms(luck.i64(1..60_000)))),
        _ => World::start(workflow(&spec)),
    };
    check(&world);
    let crashes = luck.u32(0..4);
    finish(&mut world, luck, crashes);
    world
}

/// Says on a panic which seed it was, and how to play it again.
struct Told(u64);

/// Says on a panic which workflow it was.
struct ToldSpec<'s>(&'s str);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {0}: play it again with TASKLOOM_SEED={0}", self.0);
        }
    }
}

impl Drop for ToldSpec<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("workflow: {}", self.0);
        }
    }
}
