//! Runs workflows on the planner alone: a virtual clock, a journal in memory, results by hand.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

mod spec;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json as value};
use taskloom_core::attempt::AttemptEnd;
use taskloom_core::context::Values;
use taskloom_core::expression::Scope;
use taskloom_core::failure::{Failure, FailureClass, Outcome};
use taskloom_core::id::{RunId, TaskId};
use taskloom_core::journal::{ConcurrencyKey, Entry, RunEvent, RunStarted, Trigger};
use taskloom_core::payload::PayloadRef;
use taskloom_core::plugin::ResourceClass;
use taskloom_core::run::{
    Answer, AttemptResult, Command, Effect, LossLimits, Question, Reaction, Refusal, RerunPlan,
    RunState, TaskIndex, Timer, react, resume, start,
};
use taskloom_core::time::Timestamp;
use taskloom_core::workflow::Workflow;
use uuid::Uuid;

pub use spec::workflow;

pub fn json(value: &str) -> PayloadRef {
    PayloadRef::of(value).expect("JSON")
}

pub fn reason(class: FailureClass) -> Failure {
    Failure::new(class, class.as_str(), "it failed")
}

pub fn failure(class: FailureClass) -> AttemptEnd {
    AttemptEnd::Failed { failure: reason(class), retry_after_ms: None }
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
    pub timers: BTreeSet<(Timestamp, TaskIndex, Timer)>,
    pub deadline: Option<Timestamp>,
    pub closing: Option<Timestamp>,
    pub active: HashMap<TaskIndex, u32>,
    pub stopped: BTreeSet<TaskIndex>,
    pub asked: BTreeSet<(TaskIndex, Question)>,
    pub children: BTreeMap<TaskIndex, RunId>,
    pub cancelled_children: BTreeSet<TaskIndex>,
    pub resolve_output: bool,
    /// The run asked to be admitted, not before a time.
    pub held: Option<Option<Timestamp>>,
    pub limits: LossLimits,
}

impl World {
    pub fn start(workflow: Arc<Workflow>) -> Self {
        Self::begin(workflow, run_id(), None, None)
    }

    /// A run that is held: by a concurrency key, and until `not_before` if that is there.
    pub fn held(workflow: Arc<Workflow>, not_before: Option<Timestamp>) -> Self {
        Self::begin(workflow, run_id(), None, Some(not_before))
    }

    /// A rerun of a run of the same workflow.
    pub fn rerun(workflow: Arc<Workflow>, id: RunId, plan: RerunPlan) -> Self {
        Self::begin(workflow, id, Some(plan), None)
    }

    /// As [`Self::rerun`], held by a concurrency key.
    pub fn held_rerun(workflow: Arc<Workflow>, id: RunId, plan: RerunPlan) -> Self {
        Self::begin(workflow, id, Some(plan), Some(None))
    }

    fn begin(
        workflow: Arc<Workflow>,
        id: RunId,
        plan: Option<RerunPlan>,
        hold: Option<Option<Timestamp>>,
    ) -> Self {
        let now = Timestamp::from_ms(0);
        let (rerun, mut after) =
            plan.map_or((None, Vec::new()), |plan| (Some(plan.of), plan.reuse));
        after.extend(workflow.config.sharing.names().into_iter().map(|name| {
            RunEvent::SharedContextRead { name: name.clone(), seq: 1, value: Some(json("{}")) }
        }));
        let started = Box::new(RunStarted {
            workflow: workflow.id.clone(),
            version: workflow.version.clone(),
            definition: workflow.digest,
            input: json("{}"),
            context: None,
            priority: 0,
            pins: BTreeMap::new(),
            trigger: Trigger::Api,
            trigger_name: None,
            idempotency: None,
            deadline: workflow.config.timeout.filter(|_| hold.is_none()).map(|t| now.after(t)),
            not_before: hold.flatten(),
            concurrency: hold.map(|_| ConcurrencyKey { key: "k".to_owned(), limit: 1 }),
            rerun,
            parent: None,
            traceparent: None,
            no_cache: false,
        });
        let (state, reaction) =
            start(id, Arc::clone(&workflow), started, after, now).expect("a legal start");
        let mut world = Self::around(workflow, state, 1, now);
        world.take_in(reaction);
        world
    }

    fn around(workflow: Arc<Workflow>, state: RunState, epoch: u64, now: Timestamp) -> Self {
        Self {
            workflow,
            state,
            journal: Vec::new(),
            commits: Vec::new(),
            now,
            epoch,
            ready: BTreeSet::new(),
            timers: BTreeSet::new(),
            deadline: None,
            closing: None,
            active: HashMap::new(),
            stopped: BTreeSet::new(),
            asked: BTreeSet::new(),
            children: BTreeMap::new(),
            cancelled_children: BTreeSet::new(),
            resolve_output: false,
            held: None,
            limits: LossLimits::default(),
        }
    }

    /// The same run on another host, from the first `kept` events of a journal.
    pub fn resume(from: &Self, kept: usize) -> Self {
        let journal: Vec<_> = from.journal[..kept].to_vec();
        let workflow = Arc::clone(&from.workflow);
        let state = RunState::replay(from.state.id, workflow, &journal).expect("a legal journal");
        let mut world = Self::around(Arc::clone(&from.workflow), state, from.epoch + 1, from.now);
        world.journal = journal;
        world.commits = from.commits.iter().copied().filter(|at| *at <= kept).collect();
        world.limits = from.limits;
        let reaction = resume(&mut world.state, world.epoch, world.limits, world.now, 0.5);
        world.take_in(reaction.expect("a legal journal"));
        world
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
        for effect in reaction.effects {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Hold { until } => self.held = Some(until),
            Effect::Offer { task } => assert!(self.ready.insert(task), "offered twice"),
            Effect::WakeAt { task, at, timer } => {
                self.timers.insert((at, task, timer));
            }
            Effect::DeadlineAt(at) => self.deadline = Some(at),
            Effect::ClosingDeadlineAt(at) => self.closing = Some(at),
            Effect::Withdraw => self.ready.clear(),
            Effect::StopAttempt { task, .. } => {
                self.stopped.insert(task);
            }
            Effect::Ask { task, question } => {
                assert!(self.asked.insert((task, question)), "asked twice: {question}");
            }
            Effect::StartChild { task, run, .. } => {
                self.children.insert(task, run);
            }
            Effect::CancelChild { task, run } => {
                self.children.insert(task, run);
                self.cancelled_children.insert(task);
            }
            Effect::ResolveOutput => self.resolve_output = true,
            Effect::Prioritise(_) | Effect::Finish => {}
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
        let succeeds = matches!(end, AttemptEnd::Succeeded(_));
        let writes = succeeds.then(|| self.values_of(task)).flatten();
        let usage = Box::default();
        let result = AttemptResult { task, number, input: None, writes, given: None, end, usage };
        self.give(Command::AttemptEnded(Box::new(result)))?;
        self.active.remove(&task);
        self.stopped.remove(&task);
        Ok(())
    }

    /// What a task sets in the context.
    pub fn values_of(&self, task: TaskIndex) -> Option<Values> {
        let set = self.state.definition(task).set.as_ref()?;
        match set.evaluate(&Scope::default()).expect("a constant") {
            Value::Object(values) => Some(Arc::new(values)),
            _ => None,
        }
    }

    pub fn answer(
        &mut self,
        task: TaskIndex,
        question: Question,
        answer: Result<Answer, Failure>,
    ) -> Result<(), Refusal> {
        self.asked.remove(&(task, question));
        self.give(Command::Answered { task, question, answer })
    }

    pub fn end_child(&mut self, task: TaskIndex, outcome: Outcome) -> Result<(), Refusal> {
        let run = self.children.remove(&task).unwrap_or_else(run_id);
        self.cancelled_children.remove(&task);
        let succeeded = outcome == Outcome::Succeeded;
        let output = succeeded.then(|| json("7"));
        let failure = (!succeeded).then(|| reason(FailureClass::Permanent));
        let Value::Object(values) = value!({ "x": { "child": 1 } }) else { unreachable!() };
        let writes = Some(Arc::new(values));
        self.give(Command::ChildEnded { task, run, outcome, output, failure, writes })
    }

    /// Moves the clock and fires what is due.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        if self.deadline.is_some_and(|at| at <= self.now) {
            self.deadline = None;
            // Refused when the run has ended or is being stopped.
            let _ = self.give(Command::Deadline);
        }
        if self.closing.is_some_and(|at| at <= self.now) {
            self.closing = None;
            let _ = self.give(Command::ClosingDeadline);
        }
        while let Some((at, task, timer)) = self.timers.first().copied()
            && at <= self.now
        {
            self.timers.remove(&(at, task, timer));
            let _ = self.give(Command::Wake { task, timer });
        }
    }

    pub fn index(&self, task: &str) -> TaskIndex {
        self.state.index_of(&TaskId::new(task).expect("valid")).expect("a known task")
    }
}

pub fn run_id() -> RunId {
    RunId::new(Uuid::from_u128(1))
}

pub fn other_run(number: u128) -> RunId {
    RunId::new(Uuid::from_u128(number))
}

/// Everything about a state that a replay must bring back.
pub fn picture(state: &RunState) -> String {
    let tasks: Vec<_> = state.tasks().map(|(_, task)| task).collect();
    let (stop, finish, paused) = (&state.stop, &state.finish, &state.paused);
    let (pins, closing, signals) = (&state.pins, state.closing(), state.signals().received());
    let rest = (state.status(), state.admitted_at, state.deadline, state.context());
    format!("{stop:?} {finish:?} {paused:?} {pins:?} {closing:?} {signals} {rest:?} {tasks:?}")
}
