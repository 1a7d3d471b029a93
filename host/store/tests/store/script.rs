//! Makes stores, and the appends of made-up runs.

use std::sync::Arc;

use taskloom_core::attempt::{AttemptUse, CapabilityUse, Refused};
use taskloom_core::failure::{Failure, FailureClass, Next, Outcome};
use taskloom_core::id::{Digest, PluginName, RunId, TaskId, TaskType, WorkflowId};
use taskloom_core::journal::{
    Entry, IdempotencyKey, Parent, PluginEvent, RerunFrom, RerunOf, RunEvent, RunStarted, StreamId,
    Trigger,
};
use taskloom_core::payload::PayloadRef;
use taskloom_core::plugin::{Capability, ResourceClass};
use taskloom_core::run::RunStatus;
use taskloom_core::time::Timestamp;
use taskloom_store::{
    Append, AttemptRow, Batch, Committed, Conflict, Durability, Events, LogLine, Options,
    RefusalRow, RunRow, Store,
};
use tempfile::TempDir;

/// A place for a store, which can be opened there again and again.
pub(crate) struct Place {
    open: fn(&TempDir) -> Store,
    folder: TempDir,
}

/// Makes an empty place: all that the suite knows of a backend.
pub(crate) type Opener = fn() -> Place;

impl Place {
    pub(crate) fn open(&self) -> Store {
        (self.open)(&self.folder)
    }
}

pub(crate) fn sqlite() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    Place { open: |folder| Store::open(folder.path(), Options::default()).expect("opens"), folder }
}

/// A place for stores that are opened very often: without syncs.
pub(crate) fn sqlite_without_sync() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |folder: &TempDir| {
        let options = Options { durability: Durability::Process, ..Options::default() };
        Store::open(folder.path(), options).expect("opens")
    };
    Place { open, folder }
}

/// The source of every made-up run's definition.
const DEFINITION: &str = "id = \"made-up\"\n";

/// A definition that can be read.
pub(crate) const ONE_TASK: &str = "id = \"one-task\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"fetch\"\n\
                                   type = \"text.render\"\n";

/// A run that is being made up.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) row: RunRow,
    pub(crate) input: PayloadRef,
    pub(crate) seq: u64,
    now: i64,
}

impl Script {
    /// A run with an id made of `number`, accepted at that millisecond.
    pub(crate) fn new(number: u64, workflow: &str) -> Self {
        let at = number.cast_signed();
        let row = RunRow {
            id: run_id(number),
            workflow: WorkflowId::new(workflow).expect("valid"),
            version: "1.0.0".to_owned(),
            definition: Digest::of(DEFINITION.as_bytes()),
            status: RunStatus::Running,
            outcome: None,
            priority: 0,
            started_at: Timestamp::from_ms(at),
            ended_at: None,
            tasks_total: 3,
            tasks_ended: 0,
            wake_at: None,
            idempotency: None,
            trigger: Trigger::Api,
            parent: None,
            rerun_of: None,
            concurrency_key: None,
            trigger_name: None,
        };
        // The first event is of the time at which the run was accepted.
        Self { row, input: json("{}"), seq: 0, now: at - 1 }
    }

    /// A run of [`ONE_TASK`].
    pub(crate) fn of_one_task(number: u64) -> Self {
        let mut script = Self::new(number, "one-task");
        script.row.definition = Digest::of(ONE_TASK.as_bytes());
        script.row.tasks_total = 1;
        script
    }

    pub(crate) fn with_key(mut self, key: &str, request: &str) -> Self {
        let request = Digest::of(request.as_bytes());
        self.row.idempotency = Some(IdempotencyKey { key: key.to_owned(), request });
        self
    }

    pub(crate) fn id(&self) -> RunId {
        self.row.id
    }

    pub(crate) fn start(&mut self) -> Append {
        let start = RunStarted {
            workflow: self.row.workflow.clone(),
            version: self.row.version.clone(),
            definition: self.row.definition,
            input: self.input.clone(),
            context: None,
            priority: self.row.priority,
            pins: [(plugin("text"), Digest::of(b"plugin"))].into(),
            trigger: self.row.trigger,
            trigger_name: None,
            idempotency: self.row.idempotency.clone(),
            deadline: None,
            not_before: None,
            concurrency: None,
            parent: self.row.parent.map(|run| Parent { run, task: task_id("child"), depth: 1 }),
            rerun: self.row.rerun_of.map(|run| RerunOf {
                run,
                origin: run,
                from: RerunFrom::Start,
            }),
            traceparent: None,
            no_cache: false,
        };
        self.append(vec![RunEvent::RunStarted(Box::new(start))])
    }

    pub(crate) fn claim(&mut self, task: &str, number: u32) -> Append {
        let event = RunEvent::AttemptClaimed {
            task: task_id(task),
            number,
            ready_at: self.row.started_at,
            class: ResourceClass::Io,
            rank: 1.5,
            host: "made-up".into(),
            epoch: 1,
        };
        self.append(vec![event])
    }

    pub(crate) fn succeed(&mut self, task: &str, number: u32, output: &PayloadRef) -> Append {
        self.row.tasks_ended += 1;
        let event = RunEvent::AttemptSucceeded {
            task: task_id(task),
            number,
            output: output.clone(),
            usage: usage(),
            cached_from: None,
        };
        self.ended(task, number, "succeeded", event)
    }

    pub(crate) fn fail(&mut self, task: &str, number: u32) -> Append {
        self.fail_with(task, number, usage())
    }

    /// An attempt fails that was refused these things, and as many more.
    pub(crate) fn refuse(&mut self, task: &str, number: u32, messages: &[&str]) -> Append {
        let refused = |message: &&str| Refused {
            capability: Capability::Http,
            message: (*message).to_owned(),
        };
        let uses = CapabilityUse {
            refusals: messages.iter().map(refused).collect(),
            refused: 2 * messages.len() as u64,
            ..CapabilityUse::default()
        };
        let usage = Box::new(AttemptUse { capabilities: Some(Box::new(uses)), ..*usage() });
        let mut append = self.fail_with(task, number, usage);
        let row = |message: &&str| RefusalRow {
            run: self.row.id,
            plugin: plugin("text"),
            task: task_id(task),
            attempt: number,
            at: Timestamp::from_ms(self.now),
            capability: Capability::Http,
            message: (*message).to_owned(),
            refused: 2 * messages.len() as u64,
        };
        append.refusals = messages.iter().map(row).collect();
        append
    }

    fn fail_with(&mut self, task: &str, number: u32, usage: Box<AttemptUse>) -> Append {
        let event = RunEvent::AttemptFailed {
            task: task_id(task),
            number,
            failure: Failure::new(FailureClass::Crash, "trap", "unreachable \u{2764}"),
            next: Next::RetryAt(Timestamp::from_ms(self.now + 1_000)),
            usage,
        };
        self.ended(task, number, "failed", event)
    }

    pub(crate) fn finish(&mut self, outcome: Outcome) -> Append {
        self.row.status = RunStatus::Finished;
        self.row.outcome = Some(outcome);
        self.row.ended_at = Some(Timestamp::from_ms(self.now + 1));
        self.append(vec![RunEvent::RunFinished { outcome, output: None, failure: None }])
    }

    /// The run's events so far and one more that changes nothing else.
    pub(crate) fn cancel(&mut self) -> Append {
        self.tell(RunEvent::CancelRequested { reason: "made up".to_owned() })
    }

    /// An event of any kind.
    pub(crate) fn tell(&mut self, event: RunEvent) -> Append {
        self.append(vec![event])
    }

    fn ended(&mut self, task: &str, number: u32, outcome: &str, event: RunEvent) -> Append {
        let mut append = self.append(vec![event]);
        append.attempts = vec![self.attempt(task, number, outcome)];
        append
    }

    /// An append of any events.
    pub(crate) fn append(&mut self, events: Vec<RunEvent>) -> Append {
        self.now += 1;
        let expected_seq = self.seq;
        self.seq += events.len() as u64;
        let at = Timestamp::from_ms(self.now);
        let entries = events.into_iter().map(|event| Entry { at, event }).collect();
        Append {
            stream: StreamId::Run(self.row.id),
            expected_seq,
            events: Events::Run(entries),
            run_row: Some(self.row.clone()),
            attempts: vec![],
            refusals: vec![],
        }
    }

    fn attempt(&self, task: &str, number: u32, outcome: &str) -> AttemptRow {
        let at = Timestamp::from_ms(self.now);
        AttemptRow {
            run: self.row.id,
            task: task_id(task),
            number,
            task_type: TaskType::new("text.render").expect("valid"),
            outcome: outcome.to_owned(),
            class: ResourceClass::Cpu,
            ready_at: self.row.started_at,
            claimed_at: self.row.started_at,
            started_at: (number > 1).then_some(at),
            ended_at: at,
            cpu_ms: 7,
            host_wait_ms: 5,
            fuel_used: 1_000_000,
            memory_peak_bytes: 65_536,
            input_bytes: 2,
            output_bytes: 4,
            plugin_digest: Some(Digest::of(b"plugin")),
        }
    }
}

/// Appends with the definition they refer to.
pub(crate) fn batch(appends: Vec<Append>) -> Batch {
    Batch { payloads: vec![text(DEFINITION)], appends, ..Batch::default() }
}

/// Commits one append and gives what became of it.
pub(crate) fn put(store: &Store, append: Append) -> Result<u64, Conflict> {
    let Committed { mut appends } = store.commit_and_wait(batch(vec![append])).expect("commits");
    appends.pop().expect("one answer an append")
}

pub(crate) fn text(text: &str) -> (Digest, Arc<str>) {
    (Digest::of(text.as_bytes()), text.into())
}

pub(crate) fn json(text: &str) -> PayloadRef {
    PayloadRef::of(text).expect("JSON")
}

pub(crate) fn run_id(number: u64) -> RunId {
    RunId::new(uuid::Uuid::from_u128(u128::from(number)))
}

pub(crate) fn task_id(id: &str) -> TaskId {
    TaskId::new(id).expect("valid")
}

pub(crate) fn plugin(name: &str) -> PluginName {
    PluginName::new(name).expect("valid")
}

pub(crate) fn plugin_removed(name: &str, expected_seq: u64) -> Append {
    let at = Timestamp::from_ms(1);
    let events = Events::Plugin(vec![Entry { at, event: PluginEvent::PluginRemoved }]);
    Append::plain(StreamId::Plugin(plugin(name)), expected_seq, events)
}

pub(crate) fn log_line(run: RunId, task: &str, attempt: u32, seq: u32) -> LogLine {
    LogLine {
        run,
        task: task_id(task),
        attempt,
        seq,
        at: Timestamp::from_ms(i64::from(seq)),
        level: "info".to_owned(),
        message: format!("line {seq} of {task}#{attempt}"),
        fields: seq.is_multiple_of(2).then(|| r#"{"even":true}"#.to_owned()),
    }
}

fn usage() -> Box<AttemptUse> {
    Box::new(AttemptUse {
        cpu_ms: 7,
        host_wait_ms: 5,
        fuel_used: 1_000_000,
        memory_peak_bytes: 65_536,
        input_bytes: 2,
        output_bytes: 4,
        plugin_digest: Some(Digest::of(b"plugin")),
        ..AttemptUse::default()
    })
}
