//! Hosts that die, hosts that take over, and the runs that a run starts on its host: all on one store.

use std::rc::Rc;

use taskloom_core::failure::Outcome;
use taskloom_core::id::RunId;
use taskloom_core::journal::Parent;
use taskloom_core::run::{Command, TaskIndex};

use crate::luck::finish;
use crate::support::{Beginning, Conflict, World, workflow};

/// The runs of tasks, of which each has one: what they do is not the point.
const CHILDREN: [&str; 3] = [
    "a; b<-a ?; c wait=5 | retries=1",
    "a ! each max=2 { b; c<-b }; d approval within=20 passes | output",
    "a undo; b<-a; finally { c } | timeout=90",
];

/// The host dies: after what was written last, or after something before.
pub(crate) fn crash(world: &mut World, luck: &mut fastrand::Rng) {
    let kept = world.commits[luck.usize(world.commits.len() / 2..world.commits.len())];
    *world = World::resume(world, kept);
}

/// Another host reads the run and goes on with it. What this one still writes is refused as a whole,
/// and nothing follows from it.
pub(crate) fn take_over(world: &mut World) {
    let mut other = World::read(world, Rc::clone(&world.store));
    let priority = |by: i32| Command::SetPriority { priority: world.state.priority + by };
    let (theirs, own) = (priority(1), priority(2));
    // Refused when the run has ended with what the host before had under way.
    let _ = other.give(theirs);
    let (found, expected) = (other.journal().len() as u64, world.commits.last().copied());
    world.is_slow = true;
    world.give(own).expect("a run that goes on has a priority");
    let expected = expected.expect("it was started") as u64;
    assert_eq!(world.flush(), Err(Conflict::Sequence { expected, found }), "two hosts wrote");
    assert_eq!(other.journal().len() as u64, found, "a part of what was refused is there");
    *world = other;
}

/// Plays the run of a task to its end, or reads how it ended; it is started once, whatever happens to its
/// parent.
pub(crate) fn child(world: &World, task: TaskIndex, luck: &mut fastrand::Rng) -> Outcome {
    let id = world.children[&task];
    let mut child = started(world, task, id);
    if world.cancelled_children.contains(&task) {
        // Refused when it has ended.
        let _ = child.give(Command::Cancel { reason: "luck".to_owned() });
    }
    finish(&mut child, luck, 0);
    let parent = child.state.start.parent.as_ref().map(|parent| parent.run);
    assert_eq!(parent, Some(world.state.id), "the child of another run was found");
    child.state.outcome().expect("it has ended")
}

fn started(world: &World, task: TaskIndex, id: RunId) -> World {
    let spec = CHILDREN[usize::from(id.as_bytes()[0]) % CHILDREN.len()];
    let parent = Parent { run: world.state.id, task: world.state.task(task).id.clone(), depth: 1 };
    let beginning = Beginning { parent: Some(parent), ..Beginning::default() };
    let host = (Rc::clone(&world.store), world.epoch, world.now);
    match World::begin(workflow(spec), id, beginning, host) {
        Ok(child) => child,
        Err(conflict) => {
            let found = world.store.borrow().events(id).len() as u64;
            assert_eq!(conflict, Conflict::Sequence { expected: 0, found }, "it has no key");
            World::recover(workflow(spec), id, Rc::clone(&world.store), world.now)
        }
    }
}
