//! Scripts of what happens to a run, and the journal they lead to.

use std::fmt::Write as _;
use std::time::Duration;

use expect_test::Expect;
use serde_json::json as value;
use taskloom_core::attempt::{AttemptEnd, ReleaseReason};
use taskloom_core::failure::{Failure, FailureClass, Next, Outcome};
use taskloom_core::id::OptionId;
use taskloom_core::journal::{DecidedBy, Entry, RunEvent};
use taskloom_core::run::{
    Answer, Command, Question, Recommended, TaskIndex, approval_output, decision_output,
};
use taskloom_core::time::Timestamp;
use taskloom_core::workflow::TaskKind;

use crate::support::{World, failure, json, other_run, reason, workflow};

/// Plays a script such as `claim a; ok a; +10s; crash` and compares the journal.
pub(crate) fn check(spec: &str, script: &str, expect: Expect) {
    expect.assert_eq(&told(&played(spec, script)));
}

/// The run that a script leads to.
pub(crate) fn played(spec: &str, script: &str) -> World {
    let mut world = World::start(workflow(spec));
    play_all(&mut world, script);
    world
}

pub(crate) fn play_all(world: &mut World, script: &str) {
    for step in script.split(';').map(str::trim).filter(|step| !step.is_empty()) {
        play(world, step);
    }
}

/// The journal, and what the run waits for.
pub(crate) fn told(world: &World) -> String {
    let mut text = String::new();
    for entry in world.journal().iter().skip(1) {
        let _ = writeln!(text, "{}", line(entry));
    }
    if world.state.finish.is_some() {
        return text;
    }
    if world.resolve_output {
        text.push_str("(resolves the output)\n");
    }
    for (task, question) in &world.asked {
        let id = &world.state.task(*task).id;
        if world.state.is_asked(*task, *question) {
            let _ = writeln!(text, "(asks for {question} of {id})");
        }
    }
    let _ = writeln!(text, "({})", world.state.status().as_str());
    text
}

/// Plays one step. Values of groups and items are answered at once; `run` claims a task and lets it
/// succeed.
pub(crate) fn play(world: &mut World, step: &str) {
    let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
    let (task, argument) = rest.split_once(' ').unwrap_or((rest, ""));
    match word {
        "claim" => {
            world.claim(world.index(task)).expect(step);
        }
        "run" => {
            world.claim(world.index(task)).expect(step);
            play(world, &format!("ok {task}"));
        }
        "started" => {
            let (task, number) = active(world, task);
            let started_at = world.now;
            world.give(Command::Started { task, number, started_at }).expect(step);
        }
        "crash" => *world = World::resume(world, world.state.last_seq as usize),
        _ if word.starts_with('+') => world.pass(seconds_of(word)),
        _ if word.starts_with('-') => world.now = world.now.before(seconds_of(word)),
        _ => {
            if let Some(answer) = answer(word, argument).or_else(|| said(world, word, rest)) {
                let (index, question) = asked(world, task);
                world.answer(index, question, answer).expect(step);
            } else if let Some(command) = command(world, word, task, argument) {
                world.give(command).expect(step);
            } else if let Some(outcome) = word.strip_prefix("child-").and_then(Outcome::parse) {
                world.end_child(world.index(task), outcome).expect(step);
            } else {
                let (task, number) = active(world, task);
                world.end(task, number, ending(word)).expect(step);
            }
        }
    }
    answer_values(world);
}

/// How far a step moves the clock, such as `+10s` or `-10s`.
fn seconds_of(word: &str) -> Duration {
    let seconds = word.trim_start_matches(['+', '-']).trim_end_matches('s').parse();
    Duration::from_secs(seconds.expect("seconds"))
}

fn answer_values(world: &mut World) {
    let values = |(_, question): &&(TaskIndex, Question)| {
        let (block, item) = (Question::BlockValue { block: OWN }, Question::ItemValue { item: 0 });
        let of = std::mem::discriminant::<Question>;
        let merged = Question::MergedValue;
        [of(&block), of(&item), of(&merged), of(&Question::Writes)].contains(&of(question))
    };
    while let Some((task, question)) = world.asked.iter().find(values).copied() {
        // Refused when the group was stopped meanwhile.
        let answer = match question {
            Question::Writes => Answer::Writes(world.values_of(task).expect("it sets something")),
            _ => Answer::Value(json("\"v\"")),
        };
        let _ = world.answer(task, question, Ok(answer));
    }
}

const OWN: taskloom_core::workflow::BlockIndex = taskloom_core::workflow::BlockIndex::ROOT;

/// The task of a step and what is asked of it.
fn asked(world: &World, task: &str) -> (TaskIndex, Question) {
    let index = world.index(task);
    let question = world.state.questions_of(index).next().expect("a question");
    (index, question)
}

fn answer(word: &str, argument: &str) -> Option<Result<Answer, Failure>> {
    let number = || argument.parse::<u32>().expect("a number");
    Some(Ok(match word {
        "yes" => Answer::Truth(true),
        "no" => Answer::Truth(false),
        "case" => Answer::Case(argument.parse().ok()),
        "items" => Answer::Items { items: json("[]"), count: number() },
        "at" => Answer::Time(Timestamp::from_ms(i64::from(number()) * 1000)),
        "shown" => Answer::Value(json("{}")),
        "starts" => Answer::Child { run: other_run(2), input: json("{}") },
        "unknown" => return Some(Err(reason(FailureClass::Permanent))),
        _ => return None,
    }))
}

/// What is recommended to a decision, by its task (`says d low 0.7`), or by its rule (`rules d high`
/// or `rules d`).
fn said(world: &World, word: &str, rest: &str) -> Option<Result<Answer, Failure>> {
    if !["says", "rules"].contains(&word) {
        return None;
    }
    let mut words = rest.split(' ');
    let index = world.index(words.next()?);
    let output = match (word, words.next(), words.next()) {
        ("says", Some(option), Some(confidence)) => {
            let confidence: f64 = confidence.parse().expect("a number");
            Some(value!({ "option": option, "confidence": confidence, "reason": "so it looks" }))
        }
        ("says", Some(option), None) => Some(value!({ "option": option })),
        ("says", None, _) => Some(value!("a text")),
        _ => None,
    };
    let closed = rest.ends_with(" closed") || word == "rules" && !rest.ends_with(" high");
    let open = vec![true, !closed];
    let TaskKind::Decision(decision) = &world.state.definition(index).kind else {
        panic!("{rest} is no decision")
    };
    let said = decision.recommendation(&open, output.as_ref());
    Some(Ok(Answer::Recommended(Box::new(Recommended { said, open, input: json("{}") }))))
}

pub(crate) fn command(world: &World, word: &str, task: &str, argument: &str) -> Option<Command> {
    let approve = |approved: bool| {
        let output = approval_output(approved, Some("eva"), None, &serde_json::Value::Null);
        let (by, comment, input) = ("eva".to_owned(), None, None);
        let output = json(&output.to_string());
        Command::Approve { task: world.index(task), approved, by, comment, input, output }
    };
    Some(match word {
        "admit" => Command::Admit,
        "cancel" => Command::Cancel { reason: "enough".to_owned() },
        "pause" => Command::Pause { reason: "lunch".to_owned() },
        "resume" => Command::Resume,
        "priority" => Command::SetPriority { priority: task.parse().expect("a number") },
        "choose" => {
            let (option, by) = (OptionId::new(argument).expect("an option"), "eva".to_owned());
            let output = decision_output(&option, &DecidedBy::Person(by.clone()), None, None);
            let (task, output) = (world.index(task), json(&output.to_string()));
            Command::Choose { task, option, by, comment: None, output }
        }
        "approve" => approve(true),
        "reject" => approve(false),
        "child-started" => Command::ChildStarted { task: world.index(task), run: other_run(2) },
        "signal" => Command::Signal {
            id: argument.into(),
            name: task.into(),
            payload: json(&format!("\"{argument}\"")),
        },
        "skip" => {
            let (task, reason) = (world.index(task), "not today".to_owned());
            Command::SkipTask { task, output: None, reason }
        }
        "replace" => {
            let (task, reason) = (world.index(task), "by hand".to_owned());
            Command::SkipTask { task, output: Some(json("5")), reason }
        }
        _ => return None,
    })
}

fn active(world: &World, task: &str) -> (TaskIndex, u32) {
    let index = world.index(task);
    (index, world.state.task(index).status.active_attempt().expect("an active attempt"))
}

fn ending(word: &str) -> AttemptEnd {
    match word {
        "ok" => AttemptEnd::Succeeded(json("1")),
        "fail" => failure(FailureClass::Retryable),
        "permanent" => failure(FailureClass::Permanent),
        "limit" => failure(FailureClass::Limit),
        "timeout" => failure(FailureClass::Timeout),
        "crash-guest" => failure(FailureClass::Crash),
        "cancelled" => failure(FailureClass::Cancelled),
        "retry-after-30s" => match failure(FailureClass::Retryable) {
            AttemptEnd::Failed { failure, .. } => {
                AttemptEnd::Failed { failure, retry_after_ms: Some(30_000) }
            }
            other => other,
        },
        "busy" => AttemptEnd::Released(ReleaseReason::HostBusy),
        "shutdown" => AttemptEnd::Released(ReleaseReason::Shutdown),
        other => panic!("no step is called `{other}`"),
    }
}

pub(crate) fn line(entry: &Entry<RunEvent>) -> String {
    let then = |next: &Next| match next {
        Next::RetryAt(at) => format!("again at {}", seconds(*at)),
        Next::GiveUp => "gives up".to_owned(),
    };
    let what = match &entry.event {
        RunEvent::AttemptClaimed { task, number, .. } => format!("{task}#{number} claimed"),
        RunEvent::AttemptStarted { task, number, .. } => format!("{task}#{number} started"),
        RunEvent::AttemptSucceeded { task, number, .. } => format!("{task}#{number} succeeded"),
        RunEvent::AttemptFailed { task, number, failure, next, .. } => {
            format!("{task}#{number} failed: {}, {}", failure.code, then(next))
        }
        RunEvent::AttemptLost { task, number, failure, next } => {
            format!("{task}#{number} lost: {}, {}", failure.code, then(next))
        }
        RunEvent::AttemptReleased { task, number, reason, retry_at, .. } => {
            format!("{task}#{number} released: {}, {}", reason.as_str(), seconds(*retry_at))
        }
        RunEvent::AttemptCancelled { task, number, .. } => format!("{task}#{number} cancelled"),
        RunEvent::TaskSkipped { task, reason, .. } => format!("{task} skipped: {reason}"),
        RunEvent::TaskCancelled { task } => format!("{task} cancelled"),
        RunEvent::BackoffElapsed { task } => format!("{task} goes on"),
        RunEvent::RunFinished { outcome, failure, .. } => {
            let why = failure.as_ref().map(|f| format!(": {}", f.message)).unwrap_or_default();
            format!("run {}{why}", outcome.as_str())
        }
        other => flow(other),
    };
    format!("{} {what}", seconds(entry.at))
}

fn flow(event: &RunEvent) -> String {
    let told = match event {
        RunEvent::ContextSet { values, .. } => {
            format!("sets {}", serde_json::to_string(&**values).expect("JSON"))
        }
        RunEvent::RunIfDecided { runs, .. } => format!("runs: {runs}"),
        RunEvent::BranchChosen { branch, .. } => format!("takes {branch:?}"),
        RunEvent::ItemsExpanded { count, .. } => format!("has {count} items"),
        RunEvent::ItemOpened { item, .. } => format!("opens item {item}"),
        RunEvent::ItemEnded { item, outcome, .. } => format!("item {item} {}", outcome.as_str()),
        RunEvent::MergeDecided { succeeds, .. } => format!("is decided: {succeeds}"),
        RunEvent::WaitBegan { until: Some(until), .. } => {
            format!("waits until {}", seconds(*until))
        }
        RunEvent::ApprovalRequested { reason: Some(reason), .. } => format!("asks: {reason}"),
        RunEvent::ApprovalGiven { approved, .. } => format!("approved: {approved}"),
        RunEvent::DecisionMade { output, .. } => {
            format!("is decided: {}", output.inline_text().unwrap_or("…"))
        }
        RunEvent::TaskSucceeded { output, .. } => {
            format!("succeeded: {}", output.inline_text().unwrap_or("…"))
        }
        RunEvent::TaskReused { output, .. } => {
            format!("is reused: {}", output.inline_text().unwrap_or("…"))
        }
        RunEvent::TaskFailed { failure, .. } => format!("failed: {}", failure.message),
        RunEvent::TaskTimedOut { failure, .. } => format!("timed out: {}", failure.message),
        RunEvent::TaskStopRequested { outcome, .. } => format!("stops: {}", outcome.as_str()),
        RunEvent::SignalReceived { id, name, .. } => format!("signal {name} {id}"),
        RunEvent::SignalTaken { signal, .. } => format!("takes {signal}"),
        RunEvent::ChildEnded { outcome, .. } => format!("run {}", outcome.as_str()),
        RunEvent::PriorityChanged { priority } => format!("priority {priority}"),
        other => other.kind().to_owned(),
    };
    event.task().map_or(told.clone(), |task| format!("{task} {told}"))
}

fn seconds(at: Timestamp) -> String {
    match at.as_ms() % 1000 {
        0 => format!("{}s", at.as_ms() / 1000),
        _ => format!("{}ms", at.as_ms()),
    }
}
