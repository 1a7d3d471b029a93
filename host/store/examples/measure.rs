//! Measures the store beside the physical limits of the disk it is on.
//!
//! ```text
//! cargo run --release -p taskloom-store --example measure [folder]
//! ```

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use taskloom_core::attempt::AttemptUse;
use taskloom_core::failure::Outcome;
use taskloom_core::id::{Digest, RunId, TaskId, TaskType, WorkflowId};
use taskloom_core::journal::{Entry, RunEvent, RunStarted, StreamId, Trigger};
use taskloom_core::payload::PayloadRef;
use taskloom_core::plugin::ResourceClass;
use taskloom_core::run::RunStatus;
use taskloom_core::time::Timestamp;
use taskloom_store::{
    Append, AttemptRow, Batch, Events, Options, RunFilter, RunRow, Store, yardstick,
};
use uuid::Uuid;

/// The source of every run's definition.
const DEFINITION: &str = "id = \"measure\"\n";

fn main() -> Result<(), taskloom_store::Error> {
    let base = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = base.join(format!("taskloom-measure-{}", std::process::id()));
    let store = Store::open(&folder, Options::default())?;
    let payloads = vec![(Digest::of(DEFINITION.as_bytes()), DEFINITION.into())];
    store.commit_and_wait(Batch { payloads, ..Batch::default() })?;
    one_by_one(&folder, &store)?;
    in_groups(&store)?;
    lists(&store)?;
    let log = std::fs::metadata(folder.join("taskloom.db-wal")).map_or(0, |log| log.len());
    println!("the log has grown to {} MiB", log / 1024 / 1024);
    store.close();
    let _ = std::fs::remove_dir_all(&folder);
    Ok(())
}

/// Commits of one thing at a time, in turns with the yardsticks: the disk's mood is shared.
fn one_by_one(folder: &Path, store: &Store) -> Result<(), taskloom_store::Error> {
    let (mut raw, mut bare, mut event, mut step) = (vec![], vec![], vec![], vec![]);
    let (mut nothing, mut journal_step) = (vec![], vec![]);
    let mut events_run = Run::new(1);
    let mut chain = Run::new(2);
    let mut viewless = Run::new(3);
    for append in [events_run.start(), chain.start(), viewless.start()] {
        commit(store, vec![append])?;
    }
    for _ in 0..10 {
        raw.extend(yardstick::raw_fdatasync(folder, 200)?);
        bare.extend(yardstick::sqlite_commit(folder, 1, 200)?);
        for _ in 0..200 {
            event.push(commit(store, vec![events_run.note()])?);
            step.push(commit(store, vec![chain.step()])?);
            let mut bare_step = viewless.step();
            (bare_step.run_row, bare_step.attempts) = (None, vec![]);
            journal_step.push(commit(store, vec![bare_step])?);
            nothing.push(commit(store, vec![])?);
        }
    }
    print("to the writer's thread and back", nothing);
    print("raw 4 KiB append + fdatasync", raw);
    print("bare SQLite, one row", bare);
    print("store, one event", event);
    print("store, one step of a chain, journal alone", journal_step);
    print("store, one step of a chain", step);
    Ok(())
}

/// As many events a second as the store takes.
fn in_groups(store: &Store) -> Result<(), taskloom_store::Error> {
    let events = 300_000;
    let mut runs: Vec<_> = (0..100).map(|number| Run::new(1_000 + number)).collect();
    commit(store, runs.iter_mut().map(Run::start).collect())?;
    let batches: Vec<Batch> = (0..events / 1_000)
        .map(|_| Batch {
            appends: runs.iter_mut().map(|run| run.notes(10)).collect(),
            ..Batch::default()
        })
        .collect();
    rate("events in batches of 1,000", events, || all(store, batches));

    let runs = 20_000;
    let batches: Vec<Batch> = (0..runs)
        .map(|number| {
            let mut run = Run::new(1_000_000 + number);
            Batch { appends: vec![run.start(), run.step(), run.finish()], ..Batch::default() }
        })
        .collect();
    rate("runs of one task, each one batch with all its views", runs, || all(store, batches));
    Ok(())
}

fn lists(store: &Store) -> Result<(), taskloom_store::Error> {
    let filter = RunFilter { outcome: Some(Outcome::Succeeded), ..RunFilter::default() };
    let mut pages = vec![];
    for _ in 0..200 {
        let start = Instant::now();
        store.list_runs(&filter, 50)?;
        pages.push(start.elapsed());
    }
    print("a page of 50 runs", pages);
    let start = Instant::now();
    let problems = store.check()?;
    println!("check: {} problems in {:?}", problems.len(), start.elapsed());
    Ok(())
}

fn commit(store: &Store, appends: Vec<Append>) -> Result<Duration, taskloom_store::Error> {
    let start = Instant::now();
    let committed = store.commit_and_wait(Batch { appends, ..Batch::default() })?;
    assert!(committed.appends.iter().all(Result::is_ok), "{committed:?}");
    Ok(start.elapsed())
}

/// Queues all batches and waits for the last.
fn all(store: &Store, batches: Vec<Batch>) {
    let (sender, receiver) = channel();
    for batch in batches {
        let sender = sender.clone();
        store.commit(batch, move |answer| sender.send(answer).expect("is awaited"));
    }
    drop(sender);
    assert!(receiver.iter().all(|answer| answer.is_ok()));
}

fn rate(what: &str, number: u64, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    let seconds = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = number as f64 / seconds;
    println!("{what}: {rate:.0}/s");
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |per_mille: usize| times[(times.len() - 1) * per_mille / 1_000];
    println!("{what}: p50 {:?}, p99 {:?}, worst {:?}", at(500), at(990), at(1_000));
}

/// A run that goes on and on.
struct Run {
    row: RunRow,
    seq: u64,
    attempts: u32,
}

impl Run {
    fn new(number: u64) -> Self {
        let row = RunRow {
            id: RunId::new(Uuid::from_u128(u128::from(number) << 64)),
            workflow: WorkflowId::new("measure").expect("valid"),
            version: "1".to_owned(),
            definition: Digest::of(DEFINITION.as_bytes()),
            status: RunStatus::Running,
            outcome: None,
            priority: 0,
            started_at: Timestamp::from_ms(number.cast_signed()),
            ended_at: None,
            tasks_total: 1,
            tasks_ended: 0,
            wake_at: None,
            idempotency: None,
            trigger: Trigger::Api,
            parent: None,
            rerun_of: None,
            concurrency_key: None,
            trigger_name: None,
        };
        Self { row, seq: 0, attempts: 0 }
    }

    fn start(&mut self) -> Append {
        let start = RunStarted {
            workflow: self.row.workflow.clone(),
            version: self.row.version.clone(),
            definition: self.row.definition,
            input: json(),
            context: None,
            priority: 0,
            pins: [].into(),
            trigger: self.row.trigger,
            trigger_name: None,
            idempotency: None,
            deadline: None,
            not_before: None,
            concurrency: None,
            parent: None,
            rerun: None,
            traceparent: None,
            no_cache: false,
        };
        let row = Some(self.row.clone());
        let events = vec![RunEvent::RunStarted(Box::new(start)), self.claim()];
        Append { run_row: row, ..self.append(events) }
    }

    /// An event without a view.
    fn note(&mut self) -> Append {
        self.notes(1)
    }

    fn notes(&mut self, number: usize) -> Append {
        let note = || RunEvent::CancelRequested { reason: "x".repeat(150) };
        self.append((0..number).map(|_| note()).collect())
    }

    /// The result of an attempt and the claim of the next, with the views of both.
    fn step(&mut self) -> Append {
        self.attempts += 1;
        self.row.tasks_ended += 1;
        let task = TaskId::new(&format!("step_{}", self.attempts)).expect("valid");
        let usage = Box::new(AttemptUse { fuel_used: 123_456, ..AttemptUse::default() });
        let events = vec![
            RunEvent::InputResolved { task: task.clone(), input: json() },
            RunEvent::AttemptSucceeded {
                task: task.clone(),
                number: 1,
                output: json(),
                usage,
                cached_from: None,
            },
            self.claim(),
        ];
        let attempts = vec![self.attempt(task)];
        Append { run_row: Some(self.row.clone()), attempts, ..self.append(events) }
    }

    fn claim(&self) -> RunEvent {
        RunEvent::AttemptClaimed {
            task: TaskId::new(&format!("step_{}", self.attempts + 1)).expect("valid"),
            number: 1,
            ready_at: self.row.started_at,
            class: ResourceClass::Cpu,
            rank: 1.0,
            host: "measure".into(),
            epoch: 1,
        }
    }

    fn finish(&mut self) -> Append {
        self.row.status = RunStatus::Finished;
        self.row.outcome = Some(Outcome::Succeeded);
        self.row.ended_at = Some(self.row.started_at);
        let end =
            RunEvent::RunFinished { outcome: Outcome::Succeeded, output: None, failure: None };
        Append { run_row: Some(self.row.clone()), ..self.append(vec![end]) }
    }

    fn append(&mut self, events: Vec<RunEvent>) -> Append {
        let expected_seq = self.seq;
        self.seq += events.len() as u64;
        let at = self.row.started_at;
        Append {
            stream: StreamId::Run(self.row.id),
            expected_seq,
            events: Events::Run(events.into_iter().map(|event| Entry { at, event }).collect()),
            run_row: None,
            attempts: vec![],
            refusals: vec![],
        }
    }

    fn attempt(&self, task: TaskId) -> AttemptRow {
        let at = self.row.started_at;
        AttemptRow {
            run: self.row.id,
            task,
            number: 1,
            task_type: TaskType::new("text.render").expect("valid"),
            outcome: "succeeded".to_owned(),
            class: ResourceClass::Cpu,
            ready_at: at,
            claimed_at: at,
            started_at: Some(at),
            ended_at: at,
            cpu_ms: 1,
            host_wait_ms: 0,
            fuel_used: 123_456,
            memory_peak_bytes: 1_114_112,
            input_bytes: 2,
            output_bytes: 2,
            plugin_digest: Some(Digest::of(b"plugin")),
        }
    }
}

fn json() -> PayloadRef {
    PayloadRef::of(r#"{"text":"a typical small value of a task"}"#).expect("JSON")
}
