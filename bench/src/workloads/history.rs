//! B11: lists and runs among a million finished runs, read as the API reads them.
//!
//! The database is filled once, by the store itself without syncs, and kept below `target/bench`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use taskloom_core::failure::Outcome;
use taskloom_core::id::{Digest, RunId, WorkflowId};
use taskloom_core::journal::{Entry, RunEvent, RunStarted, StreamId, Trigger};
use taskloom_core::payload::PayloadRef;
use taskloom_core::run::RunStatus;
use taskloom_core::time::Timestamp;
use taskloom_store::{
    Append, Batch, Durability, Events, Options, PAGE_ROWS_MAX, RunFilter, RunRow, Store,
};

use crate::figures::{ms, percentile};
use crate::host::Place;
use crate::report::{Reach, Report};

const RUNS: u64 = 1_000_000;
const RUNS_PER_BATCH: u64 = 1_000;
const SAMPLES: u64 = 300;
const PAGE_ROWS: usize = 100;

/// What a list or a run may take, in milliseconds.
const REACH: f64 = 50.0;

const WORKFLOWS: u64 = 20;
const SOURCE: &str = "id = \"history\"\n";

pub(crate) fn measure(place: &Place, report: &Report) -> Result<()> {
    if !report.wants("B11") {
        return Ok(());
    }
    let folder = place.kept(&format!("history-v{}", taskloom_store::SCHEMA_VERSION))?;
    let options = Options { durability: Durability::Process, ..Options::default() };
    let store = Store::open(&folder, options)?;
    fill(&store, &folder)?;
    for (name, filter) in filters() {
        let read = |n| list(&store, &filter, n);
        line(report, name, read)?;
    }
    let far = RunFilter { started_before: Some(at(RUNS / 2)), ..RunFilter::default() };
    line(report, "deep", |n| list(&store, &far, n))?;
    line(report, "open", |n| open(&store, n * 7_919 % RUNS))?;
    store.close();
    Ok(())
}

fn line(report: &Report, name: &str, mut read: impl FnMut(u64) -> Result<()>) -> Result<()> {
    let mut samples = vec![];
    for n in 0..SAMPLES {
        let start = Instant::now();
        read(n)?;
        samples.push(start.elapsed());
    }
    let [half, most]: [Duration; 2] = [0.5, 0.99].map(|share| percentile(&samples, share));
    let note =
        format!("p99 of {SAMPLES} reads among 1,000,000 finished runs; p50 {:.3} ms", ms(half));
    let value = (ms(most), "ms");
    report.line(&format!("B11.{name}"), value, None, Reach::AtMost(REACH), ("process", note))
}

/// Every filter alone, and those that are likely together.
fn filters() -> Vec<(&'static str, RunFilter)> {
    let workflow = Some(workflow(7));
    let failed = Some(Outcome::Failed);
    let times = (Some(at(RUNS / 4)), Some(at(RUNS / 2)));
    let all = RunFilter::default;
    vec![
        ("list", all()),
        ("workflow", RunFilter { workflow: workflow.clone(), ..all() }),
        ("status", RunFilter { status: Some(RunStatus::Finished), ..all() }),
        ("outcome", RunFilter { outcome: failed, ..all() }),
        ("times", RunFilter { started_after: times.0, started_before: times.1, ..all() }),
        ("trigger", RunFilter { trigger: Some(Trigger::Workflow), ..all() }),
        ("parent", RunFilter { parent: Some(id(0)), ..all() }),
        ("rerun-of", RunFilter { rerun_of: Some(id(1)), ..all() }),
        (
            "combined",
            RunFilter {
                workflow,
                status: Some(RunStatus::Finished),
                outcome: failed,
                started_after: times.0,
                started_before: times.1,
                trigger: Some(Trigger::Api),
                ..all()
            },
        ),
    ]
}

/// Reads the first page and, every other time, the one after it.
fn list(store: &Store, filter: &RunFilter, n: u64) -> Result<()> {
    let page = store.list_runs(filter, PAGE_ROWS.min(PAGE_ROWS_MAX))?;
    if n % 2 == 1 && page.next.is_some() {
        let filter = RunFilter { after: page.next, ..filter.clone() };
        store.list_runs(&filter, PAGE_ROWS)?;
    }
    Ok(())
}

fn open(store: &Store, number: u64) -> Result<()> {
    let row = store.run(id(number))?.context("no such run")?;
    let events = store.run_events(row.id, 0, 1_000)?;
    ensure!(events.len() == 2, "run {number} has {} events", events.len());
    Ok(())
}

/// Fills the database, unless an earlier measurement has done so.
fn fill(store: &Store, folder: &Path) -> Result<()> {
    let full = folder.join("filled");
    if full.is_file() {
        return Ok(());
    }
    ensure!(
        store.list_runs(&RunFilter::default(), 1)?.items.is_empty(),
        "`{}` is filled in part: delete it",
        folder.display()
    );
    let payloads = vec![(Digest::of(SOURCE.as_bytes()), SOURCE.into())];
    store.commit_and_wait(Batch { payloads, ..Batch::default() })?;
    for first in (0..RUNS).step_by(RUNS_PER_BATCH as usize) {
        let appends = (first..first + RUNS_PER_BATCH).map(finished).collect::<Result<_>>()?;
        store.commit_and_wait(Batch { appends, ..Batch::default() })?;
    }
    fs::write(full, "")?;
    Ok(())
}

/// A run that has ended, in one append. Each hundredth is a child, each hundredth after it a rerun.
fn finished(number: u64) -> Result<Append> {
    let (parent, rerun_of) = match number % 100 {
        10 => (Some(id(number / 10_000)), None),
        11 => (None, Some(id(number / 10_000 + 1))),
        _ => (None, None),
    };
    let trigger = match (parent, rerun_of) {
        (Some(_), _) => Trigger::Workflow,
        (_, Some(_)) => Trigger::Rerun,
        _ => Trigger::Api,
    };
    let outcome = if number % 10 == 3 { Outcome::Failed } else { Outcome::Succeeded };
    let row = RunRow {
        id: id(number),
        workflow: workflow(number),
        version: "1.0.0".to_owned(),
        definition: Digest::of(SOURCE.as_bytes()),
        status: RunStatus::Finished,
        outcome: Some(outcome),
        priority: 0,
        started_at: at(number),
        ended_at: Some(at(number)),
        tasks_total: 1,
        tasks_ended: 1,
        wake_at: None,
        idempotency: None,
        trigger,
        parent,
        rerun_of,
        concurrency_key: None,
        trigger_name: None,
    };
    let events = [started(&row)?, RunEvent::RunFinished { outcome, output: None, failure: None }];
    let entries = events.into_iter().map(|event| Entry { at: at(number), event }).collect();
    Ok(Append {
        stream: StreamId::Run(row.id),
        expected_seq: 0,
        events: Events::Run(entries),
        run_row: Some(row),
        attempts: vec![],
        refusals: vec![],
    })
}

/// The start as the journal has it, by the JSON that it is read from: fields that have a default
/// are left out.
fn started(row: &RunRow) -> Result<RunEvent> {
    let start: RunStarted = serde_json::from_value(serde_json::json!({
        "workflow": row.workflow,
        "version": row.version,
        "definition": row.definition,
        "input": PayloadRef::of("{}")?,
        "priority": row.priority,
        "pins": {},
        "trigger": row.trigger,
    }))?;
    Ok(RunEvent::RunStarted(Box::new(start)))
}

fn workflow(number: u64) -> WorkflowId {
    WorkflowId::new(&format!("history-{}", number % WORKFLOWS)).expect("it is an id")
}

fn id(number: u64) -> RunId {
    RunId::new(uuid::Uuid::from_u128(u128::from(number) << 64 | 1))
}

fn at(number: u64) -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000 + number.cast_signed() * 1_000)
}
