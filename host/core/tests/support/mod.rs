//! Runs workflows on the planner alone: a virtual clock, a journal in memory, results by hand.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use taskloom_core::attempt::AttemptEnd;
use taskloom_core::expression::Template;
use taskloom_core::failure::{Failure, FailureClass};
use taskloom_core::id::{Digest, RunId, TaskId, TaskType, WorkflowId};
use taskloom_core::journal::{Entry, RunEvent, RunStarted, Trigger};
use taskloom_core::payload::PayloadRef;
use taskloom_core::plugin::ResourceClass;
use taskloom_core::retry::{Jitter, RetryPolicy};
use taskloom_core::run::{
    AttemptResult, Command, Effect, LossLimits, Reaction, Refusal, RunState, TaskIndex, react,
    resume,
};
use taskloom_core::time::Timestamp;
use taskloom_core::workflow::{Block, Graph, OnFailure, Parts, RunConfig, Task, Workflow};
use uuid::Uuid;

/// A workflow from a line such as `a; b<-a; c<-a,b | continue retries=2 timeout=60`.
pub fn workflow(spec: &str) -> Arc<Workflow> {
    let (tasks, options) = spec.split_once('|').unwrap_or((spec, ""));
    let lines: Vec<(&str, Vec<&str>)> = tasks
        .split(';')
        .map(|line| {
            let (id, needs) = line.split_once("<-").unwrap_or((line, ""));
            (id.trim(), needs.split(',').map(str::trim).filter(|n| !n.is_empty()).collect())
        })
        .collect();
    let places: BTreeMap<&str, TaskIndex> =
        lines.iter().enumerate().map(|(n, (id, _))| (*id, TaskIndex::new(n))).collect();
    let needs = lines.iter().map(|(_, needs)| needs.iter().map(|n| places[n]).collect()).collect();
    let option = |name: &str| {
        let mut words = options.split_whitespace();
        words.find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse::<u64>().ok())
    };
    let retry = RetryPolicy {
        max_attempts: option("retries").map_or(1, |n| n as u32 + 1),
        initial: Duration::from_secs(10),
        max: Duration::from_secs(60),
        jitter: Jitter::None,
        ..RetryPolicy::default()
    };
    let tasks = lines.iter().map(|(id, _)| task(id, retry.clone())).collect::<Vec<_>>();
    let on_failure =
        if options.contains("continue") { OnFailure::Continue } else { OnFailure::Stop };
    let block = Block { owner: None, tasks: places.values().copied().collect(), output: None };
    Arc::new(Workflow::assemble(Parts {
        id: WorkflowId::new("test").expect("valid"),
        name: "test".to_owned(),
        description: String::new(),
        version: "1.0.0".to_owned(),
        digest: Digest::of(spec.as_bytes()),
        enabled: true,
        input_schema: Value::Bool(true),
        config: RunConfig {
            timeout: option("timeout").map(Duration::from_secs),
            on_failure,
            ..RunConfig::default()
        },
        tasks,
        blocks: vec![block],
        graph: Graph::new(needs).expect("no cycle"),
        finally: None,
        output: options.contains("output").then(|| Template::constant(Value::Null)),
    }))
}

fn task(id: &str, retry: RetryPolicy) -> Task {
    let id = TaskId::new(id).expect("valid");
    let task_type = TaskType::new("test.run").expect("valid");
    Task { retry, ..Task::call(id, task_type, Template::constant(Value::Null)) }
}

pub fn json(value: &str) -> PayloadRef {
    PayloadRef::of(value).expect("JSON")
}

pub fn failure(class: FailureClass) -> AttemptEnd {
    let failure = Failure::new(class, class.as_str(), "it failed");
    AttemptEnd::Failed { failure, retry_after_ms: None }
}

/// One run with everything around it.
pub struct World {
    pub workflow: Arc<Workflow>,
    pub state: RunState,
    pub journal: Vec<Entry<RunEvent>>,
    /// Lengths of the journal after each append: a crash keeps one of these.
    pub commits: Vec<usize>,
    pub now: Timestamp,
    pub epoch: u64,
    pub ready: BTreeSet<TaskIndex>,
    pub timers: BTreeSet<(Timestamp, TaskIndex)>,
    pub deadline: Option<Timestamp>,
    pub active: HashMap<TaskIndex, u32>,
    pub stopped: BTreeSet<TaskIndex>,
    pub resolve_output: bool,
    pub limits: LossLimits,
}

impl World {
    pub fn start(workflow: Arc<Workflow>) -> Self {
        let now = Timestamp::from_ms(0);
        let start = Box::new(RunStarted {
            workflow: workflow.id.clone(),
            version: workflow.version.clone(),
            definition: workflow.digest,
            input: json("{}"),
            priority: 0,
            pins: BTreeMap::new(),
            trigger: Trigger::Api,
            idempotency: None,
            deadline: workflow.config.timeout.map(|t| now.after(t)),
            traceparent: None,
        });
        let first = Entry { at: now, event: RunEvent::RunStarted(start.clone()) };
        let state = RunState::begin(run_id(), Arc::clone(&workflow), start, now);
        let mut world = Self {
            workflow,
            state,
            journal: vec![first],
            commits: vec![1],
            now,
            epoch: 1,
            ready: BTreeSet::new(),
            timers: BTreeSet::new(),
            deadline: None,
            active: HashMap::new(),
            stopped: BTreeSet::new(),
            resolve_output: false,
            limits: LossLimits::default(),
        };
        let effects = world.state.outstanding();
        world.carry_out(effects);
        world
    }

    /// The same run on another host, from the first `kept` events of a journal.
    pub fn resume(from: &Self, kept: usize) -> Self {
        let journal: Vec<_> = from.journal[..kept].to_vec();
        let workflow = Arc::clone(&from.workflow);
        let state = RunState::replay(run_id(), workflow, &journal).expect("a legal journal");
        let mut world = Self {
            workflow: Arc::clone(&from.workflow),
            state,
            commits: from.commits.iter().copied().filter(|at| *at <= kept).collect(),
            now: from.now,
            epoch: from.epoch + 1,
            journal,
            ready: BTreeSet::new(),
            timers: BTreeSet::new(),
            deadline: None,
            active: HashMap::new(),
            stopped: BTreeSet::new(),
            resolve_output: false,
            limits: from.limits,
        };
        let reaction = resume(&mut world.state, world.epoch, world.limits, world.now, 0.5);
        world.take_in(reaction.expect("a legal journal"));
        world
    }

    fn forget_offers(&mut self) {
        self.ready.clear();
        self.timers.clear();
    }

    pub fn give(&mut self, command: Command) -> Result<(), Refusal> {
        let reaction = react(&mut self.state, command, self.now, 0.5)?;
        self.take_in(reaction);
        Ok(())
    }

    fn take_in(&mut self, reaction: Reaction) {
        if !reaction.events.is_empty() {
            self.journal.extend(reaction.events);
            self.commits.push(self.journal.len());
        }
        self.carry_out(reaction.effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Offer { task } => assert!(self.ready.insert(task), "offered twice"),
                Effect::WakeAt { task, at } => {
                    self.timers.insert((at, task));
                }
                Effect::DeadlineAt(at) => self.deadline = Some(at),
                Effect::Withdraw => self.forget_offers(),
                Effect::StopAttempt { task, .. } => {
                    self.stopped.insert(task);
                }
                Effect::ResolveOutput => self.resolve_output = true,
                Effect::Finish => {}
            }
        }
    }

    pub fn claim(&mut self, task: TaskIndex) -> Result<u32, Refusal> {
        self.ready.remove(&task);
        let number = self.state.task(task).next_number();
        self.give(Command::Claim {
            task,
            class: ResourceClass::Cpu,
            rank: 1.0,
            host: "host".into(),
            epoch: self.epoch,
        })?;
        self.active.insert(task, number);
        Ok(number)
    }

    pub fn end(&mut self, task: TaskIndex, number: u32, end: AttemptEnd) -> Result<(), Refusal> {
        let result = AttemptResult { task, number, input: None, end, usage: Box::default() };
        self.give(Command::AttemptEnded(Box::new(result)))?;
        self.active.remove(&task);
        self.stopped.remove(&task);
        Ok(())
    }

    /// Moves the clock and fires what is due.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        if self.deadline.is_some_and(|at| at <= self.now) {
            self.deadline = None;
            // Refused when the run has ended or is being stopped.
            let _ = self.give(Command::Deadline);
        }
        while let Some((at, task)) = self.timers.first().copied().filter(|(at, _)| *at <= self.now)
        {
            self.timers.remove(&(at, task));
            let _ = self.give(Command::Wake { task });
        }
    }

    pub fn index(&self, task: &str) -> TaskIndex {
        self.workflow.node(&TaskId::new(task).expect("valid")).expect("a known task")
    }
}

pub fn run_id() -> RunId {
    RunId::new(Uuid::from_u128(1))
}

/// Everything about a state that a replay must bring back.
pub fn picture(state: &RunState) -> String {
    let tasks: Vec<_> = state.tasks().map(|(_, task)| task).collect();
    format!("{:?} {:?} {:?} {tasks:?}", state.stop, state.finish, state.pins)
}
