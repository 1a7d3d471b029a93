//! Runs workflows on the planner alone: a virtual clock, a store in memory, results by hand.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

mod spec;
mod store;

use std::cell::{Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json as value};
use taskloom_core::attempt::AttemptEnd;
use taskloom_core::context::Values;
use taskloom_core::expression::Scope;
use taskloom_core::failure::{Failure, FailureClass, Outcome};
use taskloom_core::id::{Digest, RunId, TaskId};
use taskloom_core::journal::{
    ConcurrencyKey, Entry, IdempotencyKey, Parent, RunEvent, RunStarted, Trigger,
};
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
pub use store::{Append, Conflict, MemoryStore};

pub fn json(value: &str) -> PayloadRef {
    PayloadRef::of(value).expect("JSON")
}

pub fn reason(class: FailureClass) -> Failure {
    Failure::new(class, class.as_str(), "it failed")
}

pub fn failure(class: FailureClass) -> AttemptEnd {
    AttemptEnd::Failed { failure: reason(class), retry_after_ms: None }
}

/// What waits for a commit.
pub enum Release {
    /// The planner asked for it.
    Effect(Effect),
    /// An attempt was claimed and is to be performed.
    Perform(TaskIndex, u32),
}

/// How a run begins.
#[derive(Default)]
pub struct Beginning {
    /// What it takes over as a rerun.
    pub plan: Option<RerunPlan>,
    /// It is held by a concurrency key, and until a time if that is there.
    pub hold: Option<Option<Timestamp>>,
    /// The caller's key, under which one run is started.
    pub key: Option<&'static str>,
    /// The task that starts it.
    pub parent: Option<Parent>,
}

/// One run with everything around it.
pub struct World {
    pub workflow: Arc<Workflow>,
    pub state: RunState,
    /// Where the journal is, and that of the runs beside this one.
    pub store: Rc<RefCell<MemoryStore>>,
    /// Lengths of the journal after each append: a crash keeps one of these.
    pub commits: Vec<usize>,
    /// The disk is slow: what happens is folded, and not yet on the disk.
    pub is_slow: bool,
    /// Events that are not on the disk.
    pub open: Vec<Entry<RunEvent>>,
    /// What is done once they are.
    pub releases: Vec<Release>,
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
    /// What spreads the waits between attempts, from [0, 1).
    pub random: f64,
    /// Whether attempts say which input they computed.
    pub computes_inputs: bool,
}

impl World {
    pub fn start(workflow: Arc<Workflow>) -> Self {
        Self::begin_alone(workflow, run_id(), Beginning::default())
    }

    /// A run that is held: by a concurrency key, and until `not_before` if that is there.
    pub fn held(workflow: Arc<Workflow>, not_before: Option<Timestamp>) -> Self {
        let beginning = Beginning { hold: Some(not_before), ..Beginning::default() };
        Self::begin_alone(workflow, run_id(), beginning)
    }

    /// A rerun of a run of the same workflow.
    pub fn rerun(workflow: Arc<Workflow>, id: RunId, plan: RerunPlan) -> Self {
        Self::begin_alone(workflow, id, Beginning { plan: Some(plan), ..Beginning::default() })
    }

    /// As [`Self::rerun`], held by a concurrency key.
    pub fn held_rerun(workflow: Arc<Workflow>, id: RunId, plan: RerunPlan) -> Self {
        let (plan, hold) = (Some(plan), Some(None));
        Self::begin_alone(workflow, id, Beginning { plan, hold, ..Beginning::default() })
    }

    pub fn begin_alone(workflow: Arc<Workflow>, id: RunId, beginning: Beginning) -> Self {
        let store = Rc::new(RefCell::new(MemoryStore::default()));
        let epoch = store.borrow_mut().open();
        let now = Timestamp::from_ms(0);
        Self::begin(workflow, id, beginning, (store, epoch, now)).expect("a store of its own")
    }

    /// Begins a run beside others, on the host of this epoch.
    pub fn begin(
        workflow: Arc<Workflow>,
        id: RunId,
        beginning: Beginning,
        (store, epoch, now): (Rc<RefCell<MemoryStore>>, u64, Timestamp),
    ) -> Result<Self, Conflict> {
        let Beginning { plan, hold, key, parent } = beginning;
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
            idempotency: key
                .map(|key| IdempotencyKey { key: key.to_owned(), request: Digest::of(b"request") }),
            deadline: workflow.config.timeout.filter(|_| hold.is_none()).map(|t| now.after(t)),
            not_before: hold.flatten(),
            concurrency: hold.map(|_| ConcurrencyKey { key: "k".to_owned(), limit: 1 }),
            rerun,
            parent,
            traceparent: None,
            no_cache: false,
        });
        let (state, reaction) =
            start(id, Arc::clone(&workflow), started, after, now).expect("a legal start");
        let mut world = Self::around(workflow, state, store, epoch, now);
        world.gather(reaction);
        world.flush()?;
        Ok(world)
    }

    fn around(
        workflow: Arc<Workflow>,
        state: RunState,
        store: Rc<RefCell<MemoryStore>>,
        epoch: u64,
        now: Timestamp,
    ) -> Self {
        Self {
            workflow,
            state,
            store,
            commits: Vec::new(),
            is_slow: false,
            open: Vec::new(),
            releases: Vec::new(),
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
            random: 0.5,
            computes_inputs: false,
        }
    }

    /// The same run on the next host, from the first `kept` events of its journal; what was not on the
    /// disk is lost, and whatever else was written later.
    pub fn resume(from: &Self, kept: usize) -> Self {
        let store = from.store.borrow().crashed(from.state.id, kept);
        Self::read(from, Rc::new(RefCell::new(store)))
    }

    /// The same run on the next host, as the store has it.
    pub fn read(from: &Self, store: Rc<RefCell<MemoryStore>>) -> Self {
        let mut world = Self::replay(Arc::clone(&from.workflow), from.state.id, store, from.now);
        let kept = world.state.last_seq as usize;
        world.commits = from.commits.iter().copied().filter(|at| *at < kept).collect();
        world.commits.push(kept);
        world.limits = from.limits;
        world.go_on()
    }

    /// A run that the store has, on the next host.
    pub fn recover(
        workflow: Arc<Workflow>,
        id: RunId,
        store: Rc<RefCell<MemoryStore>>,
        now: Timestamp,
    ) -> Self {
        Self::replay(workflow, id, store, now).go_on()
    }

    fn replay(
        workflow: Arc<Workflow>,
        id: RunId,
        store: Rc<RefCell<MemoryStore>>,
        now: Timestamp,
    ) -> Self {
        let epoch = store.borrow_mut().open();
        let state = RunState::replay(id, Arc::clone(&workflow), store.borrow().events(id));
        let state = state.expect("a legal journal");
        let kept = state.last_seq as usize;
        let mut world = Self::around(workflow, state, store, epoch, now);
        world.commits = vec![kept];
        world
    }

    fn go_on(mut self) -> Self {
        let reaction = resume(&mut self.state, self.epoch, self.limits, self.now, self.random);
        self.gather(reaction.expect("a legal journal"));
        self.flush().expect("the only host");
        self
    }

    /// What is on the disk.
    pub fn journal(&self) -> Ref<'_, [Entry<RunEvent>]> {
        Ref::map(self.store.borrow(), |store| store.events(self.state.id))
    }

    pub fn give(&mut self, command: Command) -> Result<(), Refusal> {
        let reaction = react(&mut self.state, command, self.now, self.random)?;
        self.gather(reaction);
        if !self.is_slow {
            self.flush().expect("the only host");
        }
        Ok(())
    }

    fn gather(&mut self, reaction: Reaction) {
        self.open.extend(reaction.events);
        self.releases.extend(reaction.effects.into_iter().map(Release::Effect));
    }

    /// Has the open batch written, and does what waited for that.
    pub fn flush(&mut self) -> Result<(), Conflict> {
        if !self.open.is_empty() {
            let (run, events) = (self.state.id, std::mem::take(&mut self.open));
            let expected_seq = self.commits.last().map_or(0, |length| *length as u64);
            let append = Append { run, expected_seq, events };
            let answer = self.store.borrow_mut().commit(vec![append]).remove(0);
            self.commits.push(usize::try_from(answer?).expect("small"));
        }
        for release in std::mem::take(&mut self.releases) {
            match release {
                Release::Effect(effect) => self.carry_out(effect),
                Release::Perform(task, number) => _ = self.active.insert(task, number),
            }
        }
        Ok(())
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
        let (class, host, epoch) = (ResourceClass::Cpu, "host".into(), self.epoch);
        let claim = Command::Claim { task, class, rank: 1.0, host, epoch };
        let reaction = react(&mut self.state, claim, self.now, self.random)?;
        self.gather(reaction);
        self.releases.push(Release::Perform(task, number));
        if !self.is_slow {
            self.flush().expect("the only host");
        }
        Ok(number)
    }

    pub fn end(&mut self, task: TaskIndex, number: u32, end: AttemptEnd) -> Result<(), Refusal> {
        let succeeds = matches!(end, AttemptEnd::Succeeded(_));
        let writes = succeeds.then(|| self.values_of(task)).flatten();
        let (usage, input) = (Box::default(), self.computes_inputs.then(|| json("{}")));
        let result = AttemptResult { task, number, input, writes, given: None, end, usage };
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
