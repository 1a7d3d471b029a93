//! Random operations on the store, on a model that is a few vectors, and on the store in memory that the
//! simulator of `taskloom-core` plays on.

use proptest::prelude::*;
use taskloom_core::failure::Outcome;
use taskloom_core::id::{RunId, WorkflowId};
use taskloom_core::journal::StreamId;
use taskloom_core::run::RunStatus;
use taskloom_store::{Append, Conflict, Events, LogFilter, LogLine, RunFilter, RunRow, Store};

use crate::conformance::{assert_healthy, pages, passes};
use crate::memory::{self, MemoryStore};
use crate::script::{Place, Script, batch, json, log_line, sqlite_without_sync};

/// Something done to one of the runs.
#[derive(Debug, Clone)]
enum Operation {
    Start { workflow: usize, key: Option<u8> },
    Claim { run: usize },
    End { run: usize, well: bool },
    Finish { run: usize, outcome: Outcome },
    Stale { run: usize, expected_seq: u64 },
    Log { run: usize, lines: u32 },
    Reopen,
}

const WORKFLOWS: [&str; 2] = ["triage", "review"];

/// What the store must show.
#[derive(Default)]
struct Model {
    runs: Vec<ModelRun>,
    keys: Vec<(WorkflowId, String, RunId)>,
    started: u64,
}

struct ModelRun {
    script: Script,
    kinds: Vec<&'static str>,
    logs: Vec<LogLine>,
    attempts: u32,
    claimed: bool,
    succeeded: bool,
}

impl Model {
    /// Makes the append of an operation and what must become of it; `None` if it makes no sense
    /// now.
    fn apply(&mut self, operation: &Operation) -> Option<(Append, Result<u64, Conflict>)> {
        match operation {
            Operation::Start { workflow, key } => Some(self.start(WORKFLOWS[*workflow], *key)),
            Operation::Claim { run } => {
                let run = self.live(*run).filter(|run| !run.claimed && !run.succeeded)?;
                run.claimed = true;
                run.attempts += 1;
                let append = run.script.claim("fetch", run.attempts);
                Some(run.accept(append))
            }
            Operation::End { run, well } => {
                let run = self.live(*run).filter(|run| run.claimed)?;
                run.claimed = false;
                run.succeeded = *well;
                let append = match well {
                    true => run.script.succeed("fetch", run.attempts, &json("1")),
                    false => run.script.fail("fetch", run.attempts),
                };
                Some(run.accept(append))
            }
            Operation::Finish { run, outcome } => {
                let run = self.live(*run)?;
                let append = run.script.finish(*outcome);
                Some(run.accept(append))
            }
            Operation::Stale { run, expected_seq: expected } => {
                let run = self.live(*run)?;
                let found = run.script.seq;
                let mut append = run.script.clone().cancel();
                append.expected_seq = *expected;
                (*expected != found).then_some(())?;
                Some((append, Err(Conflict::Sequence { expected: *expected, found })))
            }
            Operation::Log { .. } | Operation::Reopen => None,
        }
    }

    fn start(&mut self, workflow: &str, key: Option<u8>) -> (Append, Result<u64, Conflict>) {
        self.started += 1;
        let mut script = Script::new(self.started, workflow);
        if let Some(key) = key {
            let key = key.to_string();
            script = script.with_key(&key, "request");
            let taken = self.keys.iter().find(|(w, k, _)| *w == script.row.workflow && *k == key);
            if let Some((_, _, run)) = taken {
                let request = script.row.idempotency.as_ref().expect("was given").request;
                return (script.start(), Err(Conflict::DuplicateKey { run: *run, request }));
            }
            self.keys.push((script.row.workflow.clone(), key, script.id()));
        }
        let append = script.start();
        let (kinds, logs) = (vec![], vec![]);
        let run = ModelRun { script, kinds, logs, attempts: 0, claimed: false, succeeded: false };
        self.runs.push(run);
        self.runs.last_mut().expect("was pushed").accept(append)
    }

    /// One of the runs that have not ended.
    fn live(&mut self, index: usize) -> Option<&mut ModelRun> {
        let mut live: Vec<_> = self
            .runs
            .iter_mut()
            .filter(|run| run.script.row.status != RunStatus::Finished)
            .collect();
        let index = index.checked_rem(live.len())?;
        Some(live.swap_remove(index))
    }

    fn assert_equals(&self, store: &Store) {
        for run in &self.runs {
            let id = run.script.id();
            let events = store.run_events(id, 0, usize::MAX).expect("reads");
            let kinds: Vec<_> = events.iter().map(|stored| stored.entry.event.kind()).collect();
            assert_eq!(kinds, run.kinds);
            assert_eq!(store.run(id).expect("reads").as_ref(), Some(&run.script.row));
            let page = store.logs(id, &LogFilter::default(), 1_000).expect("reads");
            assert_eq!(page.items, run.logs);
        }
        let rows: Vec<&RunRow> = self.runs.iter().rev().map(|run| &run.script.row).collect();
        for outcome in [None, Some(Outcome::Succeeded)] {
            for workflow in [None, Some(WorkflowId::new(WORKFLOWS[0]).expect("valid"))] {
                let filter = RunFilter { workflow, outcome, ..RunFilter::default() };
                let expected: Vec<_> = rows
                    .iter()
                    .filter(|row| passes(&filter, row))
                    .map(|row| (*row).clone())
                    .collect();
                assert_eq!(pages(store, &filter, 3), expected, "{filter:?}");
            }
        }
        for (workflow, key, run) in &self.keys {
            let found = store.run_of_key(workflow, key).expect("reads");
            assert_eq!(found.map(|(run, _)| run), Some(*run));
        }
    }
}

impl ModelRun {
    fn accept(&mut self, append: Append) -> (Append, Result<u64, Conflict>) {
        if let Events::Run(entries) = &append.events {
            self.kinds.extend(entries.iter().map(|entry| entry.event.kind()));
        }
        (append, Ok(self.script.seq))
    }

    fn log(&mut self, lines: u32) -> Vec<LogLine> {
        let first = u32::try_from(self.logs.len()).expect("few");
        let lines: Vec<_> = (first..first + lines)
            .map(|seq| log_line(self.script.id(), "fetch", self.attempts, seq))
            .collect();
        self.logs.extend(lines.clone());
        lines
    }
}

fn operation() -> impl Strategy<Value = Operation> {
    let outcome = prop_oneof![Just(Outcome::Succeeded), Just(Outcome::Failed)];
    prop_oneof![
        4 => (0..2_usize, prop::option::of(0..6_u8))
            .prop_map(|(workflow, key)| Operation::Start { workflow, key }),
        6 => (0..8_usize).prop_map(|run| Operation::Claim { run }),
        6 => (0..8_usize, any::<bool>()).prop_map(|(run, well)| Operation::End { run, well }),
        2 => (0..8_usize, outcome).prop_map(|(run, outcome)| Operation::Finish { run, outcome }),
        2 => (0..8_usize, 0..9_u64)
            .prop_map(|(run, expected_seq)| Operation::Stale { run, expected_seq }),
        2 => (0..8_usize, 1..9_u32).prop_map(|(run, lines)| Operation::Log { run, lines }),
        1 => Just(Operation::Reopen),
    ]
}

/// What the simulator's store answers to a batch, in the words of the real one.
fn answers_in_memory(store: &mut MemoryStore, appends: &[Append]) -> Vec<Result<u64, Conflict>> {
    let append = |append: &Append| {
        let (StreamId::Run(run), Events::Run(events)) = (&append.stream, &append.events) else {
            unreachable!("only runs are made up here")
        };
        let (run, expected_seq, events) = (*run, append.expected_seq, events.clone());
        memory::Append { run, expected_seq, events }
    };
    let answers = store.commit(appends.iter().map(append).collect());
    let conflict = |conflict| match conflict {
        memory::Conflict::Sequence { expected, found } => Conflict::Sequence { expected, found },
        memory::Conflict::DuplicateKey { run, request } => Conflict::DuplicateKey { run, request },
    };
    answers.into_iter().map(|answer| answer.map_err(conflict)).collect()
}

/// Both stores have the same journal, and the same keys.
fn assert_alike(store: &Store, in_memory: &MemoryStore, model: &Model) {
    for run in &model.runs {
        let events = store.run_events(run.script.id(), 0, usize::MAX).expect("reads");
        let events: Vec<_> = events.into_iter().map(|stored| stored.entry).collect();
        assert_eq!(in_memory.events(run.script.id()), events);
    }
    for (workflow, key, _) in &model.keys {
        let found = store.run_of_key(workflow, key).expect("reads");
        assert_eq!(in_memory.run_of_key(workflow, key), found);
    }
}

/// Performs operations, several appends a batch, and compares at the end.
fn compare(place: &Place, operations: &[(Operation, bool)]) {
    let (mut store, mut model) = (place.open(), Model::default());
    let mut in_memory = MemoryStore::default();
    assert_eq!(in_memory.open(), store.epoch());
    let (mut appends, mut answers) = (vec![], vec![]);
    for (operation, commit) in operations {
        if let Some((append, answer)) = model.apply(operation) {
            appends.push(append);
            answers.push(answer);
        }
        let last = matches!(operation, Operation::Log { .. } | Operation::Reopen);
        if *commit || last {
            let answers = std::mem::take(&mut answers);
            assert_eq!(answers_in_memory(&mut in_memory, &appends), answers);
            let committed = store.commit_and_wait(batch(std::mem::take(&mut appends)));
            assert_eq!(committed.expect("commits").appends, answers);
        }
        match operation {
            Operation::Log { run, lines } => {
                let lines = model.live(*run).map(|run| run.log(*lines));
                store.append_logs(lines.unwrap_or_default());
            }
            Operation::Reopen => {
                drop(store);
                store = place.open();
                assert_eq!(in_memory.open(), store.epoch());
            }
            _ => {}
        }
    }
    assert_eq!(answers_in_memory(&mut in_memory, &appends), answers);
    let committed = store.commit_and_wait(batch(appends)).expect("commits");
    assert_eq!(committed.appends, answers);
    store.flush().expect("writes");
    model.assert_equals(&store);
    assert_alike(&store, &in_memory, &model);
    assert_healthy(&store);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_store_shows_what_the_model_shows(
        operations in prop::collection::vec((operation(), any::<bool>()), 1..80)
    ) {
        compare(&sqlite_without_sync(), &operations);
    }
}

#[test]
fn a_stale_append_is_for_the_run_it_names() {
    let mut model = Model::default();
    model.apply(&Operation::Start { workflow: 0, key: None });
    let (append, answer) =
        model.apply(&Operation::Stale { run: 0, expected_seq: 5 }).expect("makes sense");
    assert_eq!(append.stream, StreamId::Run(model.runs[0].script.id()));
    assert_eq!(answer, Err(Conflict::Sequence { expected: 5, found: 1 }));
}
