//! What happens to a run by luck: results, answers, people, clocks and deaths, in time and too late.

use std::time::Duration;

use serde_json::json as value;
use taskloom_core::attempt::{AttemptEnd, CachedFrom, ReleaseReason};
use taskloom_core::failure::{Failure, FailureClass, Outcome};
use taskloom_core::id::{Digest, PluginName};
use taskloom_core::run::{
    Answer, Command, Published, Question, Recommended, TaskIndex, TaskStatus, WaitFor,
};
use taskloom_core::time::Timestamp;
use taskloom_core::workflow::TaskKind;

use crate::hosts::{child, crash, take_over};
use crate::promises::check;
use crate::support::{World, failure, json, other_run, reason};

/// Steps after which a run that goes on is a failure of the test.
const STEPS_MAX: usize = 20_000;

/// Plays until the run has ended.
pub(crate) fn finish(world: &mut World, luck: &mut fastrand::Rng, mut crashes: u32) {
    let mut checked = 0;
    for _ in 0..STEPS_MAX {
        if world.state.finish.is_some() {
            write(world);
            return check(world);
        }
        world.random = luck.f64();
        world.computes_inputs = luck.bool();
        match luck.u8(0..44) {
            8..12 if world.held.is_some() => admit(world),
            0..12 => claim(world, luck),
            12..20 => end(world, luck),
            20..28 => answer(world, luck),
            28 => people(world, luck),
            29 => steer(world, luck),
            30 if crashes > 0 => {
                crashes -= 1;
                crash(world, luck);
            }
            31 => start(world, luck),
            32 => late(world, luck),
            33..35 => children(world, luck),
            36 if luck.u8(0..6) == 0 => versions(world, luck),
            37 if crashes > 0 && luck.u8(0..8) == 0 => take_over(world),
            38 if luck.u8(0..4) == 0 => world.is_slow = true,
            39..42 => write(world),
            35 if luck.u8(0..60) == 0 => {
                // Refused when the run is being stopped already.
                let _ = world.give(Command::Cancel { reason: "luck".to_owned() });
            }
            _ if at_rest(world) || luck.u8(0..3) == 0 => {
                time(world, luck);
                people(world, luck);
            }
            _ => {}
        }
        if world.resolve_output && world.state.finish.is_none() {
            let publishes = world.workflow.config.sharing.publishes.iter();
            let published =
                publishes.map(|(name, _)| Published { name: name.clone(), seq: 2 }).collect();
            let _ = world.give(Command::OutputResolved(Ok(Some(json("0"))), published));
        }
        if world.state.last_seq != checked {
            checked = world.state.last_seq;
            check(world);
        }
    }
    let open = world
        .state
        .tasks()
        .filter_map(|(index, task)| Some(format!("{}: {}", task.id, world.state.why(index)?)));
    panic!("the run does not end:\n{}", open.collect::<Vec<_>>().join("\n"));
}

/// The disk has written what it was given.
fn write(world: &mut World) {
    world.is_slow = false;
    world.flush().expect("nobody else writes");
}

/// The host finds room for a held run; a run whose time has not come is refused.
fn admit(world: &mut World) {
    let early = world.held.flatten().is_some_and(|until| until > world.now);
    let was_held = world.state.is_held();
    assert_eq!(world.give(Command::Admit).is_ok(), was_held && !early, "what is held begins");
    if !early {
        world.held = None;
    }
}

/// Time goes on; now and then the clock jumps, also back.
fn time(world: &mut World, luck: &mut fastrand::Rng) {
    match luck.u8(0..60) {
        0 => world.pass(Duration::from_secs(3_600)),
        1 => world.now = Timestamp::from_ms(world.now.as_ms() - 7_000),
        _ => world.pass(Duration::from_secs(luck.u64(1..20))),
    }
}

/// The host finds a plugin, or has to let its version go; asked about another than the run keeps, the
/// run keeps what it has.
fn versions(world: &mut World, luck: &mut fastrand::Rng) {
    let plugin = PluginName::new("noop").expect("a name");
    let other = Digest::of(&[luck.u8(..)]);
    let Some(kept) = world.state.pins.get(&plugin).copied() else {
        // Refused when the run has ended.
        let _ = world.give(Command::PinPlugin { plugin, digest: other });
        return;
    };
    let from = if luck.bool() { kept } else { Digest::of(b"never") };
    let reason = "luck".to_owned();
    let command = Command::RepinPlugin { plugin: plugin.clone(), from, to: other, reason };
    world.give(command).expect("a run that goes on is asked");
    let expected = if from == kept { other } else { kept };
    assert_eq!(world.state.pins.get(&plugin), Some(&expected));
}

fn at_rest(world: &World) -> bool {
    let idle = world.ready.is_empty() && world.active.is_empty() && world.asked.is_empty();
    idle && world.releases.is_empty()
}

fn claim(world: &mut World, luck: &mut fastrand::Rng) {
    let ready: Vec<_> = world.ready.iter().copied().collect();
    if let Some(task) = luck.choice(ready) {
        // What was skipped or stopped meanwhile is refused.
        let was_ready = world.state.task(task).status == TaskStatus::Ready;
        let was_ready = was_ready && world.state.paused.is_none();
        assert_eq!(world.claim(task).is_ok(), was_ready, "what is offered can be claimed");
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

fn end(world: &mut World, luck: &mut fastrand::Rng) {
    let Some((task, number)) = active(world, luck) else { return };
    let cancelled = world.stopped.contains(&task) && luck.bool();
    let end = if cancelled { failure(FailureClass::Cancelled) } else { ending(world, task, luck) };
    world.end(task, number, end.clone()).expect("a result under way is taken");
    assert!(world.end(task, number, end).is_err(), "the same result was taken twice");
}

fn ending(world: &World, task: TaskIndex, luck: &mut fastrand::Rng) -> AttemptEnd {
    match luck.u8(0..25) {
        0..13 => AttemptEnd::Succeeded(json("1")),
        13 => failure(FailureClass::Retryable),
        14 => failure(FailureClass::Timeout),
        15 => failure(FailureClass::Crash),
        16 => failure(FailureClass::Limit),
        17 => AttemptEnd::Released(ReleaseReason::HostBusy),
        18 => AttemptEnd::Released(ReleaseReason::Shutdown),
        19 => AttemptEnd::Released(ReleaseReason::PluginMissing),
        20 => failed(FailureClass::Retryable, "flaky", None),
        21 => failed(FailureClass::Retryable, "overloaded", Some(luck.u64(0..90_000))),
        22 if world.state.definition(task).timeouts.heartbeat.is_some() => {
            failed(FailureClass::Timeout, "heartbeat-missed", None)
        }
        22 | 23 => {
            let (run, at) = (other_run(9), Timestamp::from_ms(0));
            let task = world.state.task(task).id.clone();
            AttemptEnd::Cached(json("1"), Box::new(CachedFrom { run, task, attempt: 1, at }))
        }
        _ => failure(FailureClass::Permanent),
    }
}

fn failed(class: FailureClass, code: &str, retry_after_ms: Option<u64>) -> AttemptEnd {
    AttemptEnd::Failed { failure: Failure::new(class, code, "luck"), retry_after_ms }
}

fn answer(world: &mut World, luck: &mut fastrand::Rng) {
    let asked: Vec<_> = world.asked.iter().copied().collect();
    let Some((task, question)) = luck.choice(asked) else { return };
    let answer = match question {
        _ if luck.u8(0..25) == 0 => Err(reason(FailureClass::Permanent)),
        Question::RunIf | Question::Condition => Ok(Answer::Truth(luck.bool())),
        Question::Selector => Ok(Answer::Case(luck.bool().then_some(0))),
        Question::Items => {
            let most = if luck.u8(0..20) == 0 { 30 } else { 4 };
            Ok(Answer::Items { items: json("[]"), count: luck.u32(0..most) })
        }
        Question::Until => {
            let at = world.now.as_ms() + luck.i64(-5_000..20_000);
            Ok(Answer::Time(Timestamp::from_ms(at)))
        }
        Question::ChildInput => {
            let run = other_run(luck.u128(10..u128::MAX));
            Ok(Answer::Child { run, input: json("{}") })
        }
        Question::Recommendation => Ok(recommended(world, task, luck)),
        Question::Writes => Ok(Answer::Writes(world.values_of(task).expect("it sets something"))),
        _ => Ok(Answer::Value(json("2"))),
    };
    let open = world.state.is_asked(task, question);
    assert_eq!(world.answer(task, question, answer.clone()).is_ok(), open, "{question}");
    assert!(world.answer(task, question, answer).is_err(), "{question} was answered twice");
}

/// Anything that a rule or a task may recommend to a decision.
fn recommended(world: &World, task: TaskIndex, luck: &mut fastrand::Rng) -> Answer {
    let TaskKind::Decision(decision) = &world.state.definition(task).kind else {
        panic!("it is no decision")
    };
    let open = vec![luck.u8(0..4) > 0, luck.bool()];
    let option = ["low", "high", "middle"][luck.usize(0..3)];
    let outputs = [
        value!(null),
        value!({ "option": option }),
        value!({ "option": option, "confidence": 0.9 }),
    ];
    let output = luck.choice(outputs);
    let said = decision.recommendation(&open, output.as_ref());
    Answer::Recommended(Box::new(Recommended { said, open, input: json("{}") }))
}

/// A person answers a task that waits for one.
fn said(world: &World, task: TaskIndex, luck: &mut fastrand::Rng) -> Command {
    let (by, comment, output) = ("eva".to_owned(), None, json("{}"));
    match &world.state.definition(task).kind {
        TaskKind::Decision(decision) if luck.u8(0..4) > 0 => {
            let option = luck.choice(&decision.options).expect("an option").id.clone();
            Command::Choose { task, option, by, comment, output }
        }
        TaskKind::Decision(_) => {
            Command::Approve { task, approved: false, by, comment, input: None, output }
        }
        _ => Command::Approve { task, approved: luck.bool(), by, comment, input: None, output },
    }
}

/// Somebody approves, rejects, chooses or signals.
fn people(world: &mut World, luck: &mut fastrand::Rng) {
    let waiting = world.state.tasks().filter_map(|(index, task)| match task.status {
        TaskStatus::Waiting(WaitFor::Approval { .. }) => Some(index),
        _ => None,
    });
    let waiting: Vec<_> = waiting.collect();
    if let Some(task) = luck.choice(waiting) {
        let command = said(world, task, luck);
        world.give(command.clone()).expect("an answer that is waited for is taken");
        assert!(world.give(command).is_err(), "it was answered twice");
    }
    if luck.u8(0..3) == 0 {
        let (id, name) = (format!("i{}", luck.u8(0..40)), format!("s{}", luck.u8(0..2)));
        let payload = json("3");
        // Refused while the run is being stopped; the same id twice does nothing.
        let _ = world.give(Command::Signal { id: id.into(), name: name.into(), payload });
    }
}

fn steer(world: &mut World, luck: &mut fastrand::Rng) {
    let command = match luck.u8(0..12) {
        0 => Command::Pause { reason: "luck".to_owned() },
        1..6 => Command::Resume,
        6 => Command::SetPriority { priority: luck.i32(-5..5) },
        _ => {
            let Some((task, _)) = luck.choice(world.state.tasks()) else { return };
            let output = luck.bool().then(|| json("4"));
            if luck.u8(0..4) > 0 {
                return;
            }
            Command::SkipTask { task, output, reason: "luck".to_owned() }
        }
    };
    // Refused where the state does not allow it: `check` sees that nothing happened then.
    let _ = world.give(command);
}

fn children(world: &mut World, luck: &mut fastrand::Rng) {
    let tasks: Vec<_> = world.children.keys().copied().collect();
    let Some(task) = luck.choice(tasks) else { return };
    let run = world.children[&task];
    if luck.bool() {
        // Of a detached one, this is the end; said twice, it is refused.
        let _ = world.give(Command::ChildStarted { task, run });
        return;
    }
    let waits = world.state.task(task).status == TaskStatus::Waiting(WaitFor::Child);
    let outcome = match luck.u8(0..6) {
        _ if luck.u8(0..3) == 0 => child(world, task, luck),
        _ if world.cancelled_children.contains(&task) => Outcome::Cancelled,
        0 => Outcome::Failed,
        1 => Outcome::TimedOut,
        _ => Outcome::Succeeded,
    };
    assert_eq!(
        world.end_child(task, outcome).is_ok(),
        waits,
        "the end of a run that is waited for"
    );
}

/// A result of an attempt that is over is never taken.
fn late(world: &mut World, luck: &mut fastrand::Rng) {
    let over = world.state.tasks().filter_map(|(index, task)| {
        let old = task.attempts.iter().rev().find(|attempt| attempt.end.is_some())?;
        Some((index, old.number))
    });
    let over: Vec<_> = over.collect();
    if let Some((task, number)) = luck.choice(over) {
        let result = AttemptEnd::Succeeded(json("2"));
        let before = world.active.get(&task).copied();
        assert!(world.end(task, number, result).is_err(), "a late result was taken");
        assert_eq!(world.active.get(&task).copied(), before);
    }
}
