//! How the engine starts: it reads every unfinished run and goes on with it; and how a run starts.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, mpsc};
use std::thread;

use taskloom_core::definition::Definition;
use taskloom_core::dispatch::Dispatcher;
use taskloom_core::id::{Digest, PluginName, RunId};
use taskloom_core::journal::{
    ConcurrencyKey, ContextEvent, Entry, Parent, RunEvent, RunStarted, StreamId,
};
use taskloom_core::payload::PayloadRef;
use taskloom_core::run::{self, RunState, resume};
use taskloom_core::time::Timestamp;
use taskloom_core::workflow::Workflow;
use taskloom_store::Store;
use taskloom_wasm::{Catalog, Runtime};
use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

use super::batch::{OpenBatch, Release};
use super::clock::Clock;
use super::desk::Desk;
use super::handle::{
    Begins, CHILD_DEPTH_MAX, CHILDREN_BEYOND_MAX, COMMAND_QUEUE, Engine, FULL_RETRY_AFTER,
    StartError, StartRun, Started,
};
use super::keys::Keys;
use super::perform::Performer;
use super::progress::Progresses;
use super::resident::Resident;
use super::service::{Fatal, Service, Settings};
use super::starts::Starts;
use super::successor::Successor;
use super::timers::Timers;
use super::watch::Watchers;
use crate::audit::Audit;
use crate::crashes::CrashWatch;
use crate::definitions::Definitions;
use crate::finished::FinishedRuns;
use crate::payloads::Payloads;
use crate::reader::Reader;
use crate::workflows::Workflows;

/// Events that are read at once when a run is folded.
const EVENTS_PER_READ: usize = 10_000;

/// A running engine.
pub struct Launched {
    /// How to talk to it.
    pub engine: Engine,
    /// Its thread; ends with the reason if the engine could not go on.
    pub thread: thread::JoinHandle<Result<(), Fatal>>,
    /// How many unfinished runs it went on with.
    pub resumed: usize,
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The journal could not be read.
    #[error("the journal could not be read: {0}")]
    Store(#[from] taskloom_store::Error),
    /// The thread could not be started.
    #[error("the engine's thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// What the engine works with.
pub struct Parts {
    /// The journal.
    pub store: Store,
    /// The plugins.
    pub catalog: Arc<Catalog>,
    /// What calls handlers.
    pub runtime: Runtime,
    /// What child runs are started of.
    pub workflows: Workflows,
    /// Where large texts are kept.
    pub payloads: Payloads,
    /// The definitions that runs keep.
    pub definitions: Definitions,
    /// Where runs go that have ended.
    pub finished: FinishedRuns,
    /// What counts refusals.
    pub audit: Audit,
    /// What counts crashes.
    pub crashes: CrashWatch,
}

/// Starts the engine's thread on what the store holds. Must be called within a tokio runtime.
///
/// # Errors
/// When the journal cannot be read. A single run that cannot be read is logged and left alone.
pub fn launch(parts: Parts, settings: Settings, clock: Clock) -> Result<Launched, LaunchError> {
    let Parts { store, catalog, runtime, workflows, payloads, definitions, finished, .. } = parts;
    let (sender, mailbox) = mpsc::channel();
    let watchers = Watchers::default();
    let starts = Starts::default();
    let progresses = Progresses::default();
    let reader =
        Reader::new(store.clone(), payloads.clone(), definitions.clone(), finished.clone());
    let performer = Performer::new(
        runtime,
        reader,
        store.clone(),
        (starts.clone(), progresses.clone(), parts.audit, parts.crashes),
        settings.slots.per_class,
        clock,
        Arc::clone(&settings.values),
    );
    let mut service = Service {
        sender: sender.clone(),
        catalog,
        workflows,
        performer,
        watchers: watchers.clone(),
        finished,
        clock,
        runs: HashMap::new(),
        dispatcher: Dispatcher::new(settings.slots),
        settings,
        timers: Timers::default(),
        keys: Keys::default(),
        arrivals: VecDeque::new(),
        alarm: None,
        random: fastrand::Rng::new(),
        batch: OpenBatch::default(),
        in_flight: None,
        starts,
        progresses: progresses.clone(),
        rows_behind: HashSet::new(),
        catch_up_timer: false,
        under_way: 0,
        successor: Successor::default(),
        definitions,
        drained: false,
        draining: None,
        fatal: None,
        store,
    };
    service.resume_all()?;
    let resumed = service.runs.len();
    let performer = service.performer.clone();
    let desk = Arc::new(Desk::new(service));
    performer.report_to(&desk);
    let serve = move || desk.serve(&mailbox);
    let thread = thread::Builder::new().name("taskloom-engine".to_owned()).spawn(serve)?;
    let permits = Arc::new(Semaphore::new(COMMAND_QUEUE));
    Ok(Launched {
        engine: Engine { mailbox: sender, permits, watchers, payloads, progresses },
        thread,
        resumed,
    })
}

impl Service {
    pub(super) fn start_run(
        &mut self,
        (request, key): (StartRun, Option<ConcurrencyKey>),
        reply: oneshot::Sender<Result<Started, StartError>>,
    ) {
        // Whoever asked may be gone; then nothing was started, or the run goes on.
        if let Err(error) = self.may_start(request.parent.as_ref()) {
            let _ = reply.send(Err(error));
            return;
        }
        match self.begin(request, key) {
            Ok(run) => self.batch.release(run, Release::Started(reply)),
            Err(error) => {
                let _ = reply.send(Err(error));
            }
        }
    }

    fn may_start(&self, parent: Option<&Parent>) -> Result<(), StartError> {
        if self.draining.is_some() {
            return Err(StartError::ShuttingDown);
        }
        let (limit, live) = (self.settings.runs_max, self.runs.len());
        let what = match parent {
            Some(parent) if parent.depth > CHILD_DEPTH_MAX => return Err(StartError::TooDeep),
            Some(_) if live < limit.saturating_add(CHILDREN_BEYOND_MAX) => return Ok(()),
            None if live < limit => return Ok(()),
            Some(_) => format!("tasks have started {CHILDREN_BEYOND_MAX} runs beyond the limit"),
            None => format!("{limit} runs are live, which is the limit"),
        };
        let what = format!("{what} (`runs.max_live`)");
        Err(StartError::Full { what, retry_after: FULL_RETRY_AFTER })
    }

    fn begin(
        &mut self,
        request: StartRun,
        key: Option<ConcurrencyKey>,
    ) -> Result<RunId, StartError> {
        let StartRun { definition, input, trigger, idempotency, traceparent, priority, .. } =
            request;
        let now = self.clock.now();
        let run = request.run.unwrap_or_else(|| RunId::new(Uuid::now_v7()));
        if request.parent.as_ref().is_some_and(|parent| !self.is_wanted(parent, run)) {
            return Err(StartError::Unwanted);
        }
        let not_before = not_before(request.begins, now);
        if let (Some(key), None) = (&key, not_before) {
            let workflow = &definition.workflow;
            self.may_hold(workflow, key, idempotency.as_ref(), request.parent.as_ref())?;
        }
        let (rerun, reuse) = request.rerun.map(|plan| (plan.of, plan.reuse)).unzip();
        let (input, kept) = self
            .performer
            .payloads()
            .keep(input.as_ref().to_owned())
            .map_err(|error| StartError::Store(format!("the input is not JSON: {error}")))?;
        let given = given_context(&definition, request.context.as_deref());
        let context = self.keep_context(request.context)?;
        let no_cache = request.no_cache || self.forgoes_cache(request.parent.as_ref());
        let workflow = Arc::clone(&definition.workflow);
        // Of a run that is held, the timeout counts from its admission.
        let held = key.is_some() || not_before.is_some();
        let start = Box::new(RunStarted {
            workflow: workflow.id.clone(),
            version: workflow.version.clone(),
            definition: workflow.digest,
            input,
            context,
            priority: priority.unwrap_or(workflow.config.priority),
            pins: self.pins_of(&workflow),
            trigger,
            trigger_name: request.trigger_name,
            idempotency,
            deadline: workflow.config.timeout.filter(|_| !held).map(|timeout| now.after(timeout)),
            not_before,
            concurrency: key,
            rerun,
            parent: request.parent,
            traceparent,
            no_cache,
        });
        self.keep_definition(&definition);
        if let Some((digest, text)) = kept {
            self.batch.payload(digest, text);
        }
        let shared = self.read_shared(&workflow)?;
        let first = given.into_iter().chain(shared).chain(reuse.unwrap_or_default()).collect();
        let (state, reaction) = run::start(run, workflow, start, first, now)
            .map_err(|error| StartError::Store(error.to_string()))?;
        self.admit(Resident::new(state));
        self.take_in(run, 0, reaction);
        Ok(run)
    }

    /// Whether the run whose task starts another takes over no earlier results: neither does that.
    fn forgoes_cache(&self, parent: Option<&Parent>) -> bool {
        let resident = parent.and_then(|parent| self.runs.get(&parent.run));
        resident.is_some_and(|resident| resident.state.start.no_cache)
    }

    /// The versions of plugins that a run of the workflow keeps, as far as they are loaded.
    fn pins_of(&self, workflow: &Workflow) -> BTreeMap<PluginName, Digest> {
        let digest = |plugin: &PluginName| Some(self.catalog.current(plugin)?.digest());
        let plugins = workflow.plugins().into_iter();
        plugins.filter_map(|plugin| Some((plugin.clone(), digest(&plugin)?))).collect()
    }

    /// Keeps the context that a run is given.
    fn keep_context(&mut self, given: Option<Arc<str>>) -> Result<Option<PayloadRef>, StartError> {
        let Some(text) = given else { return Ok(None) };
        let (context, kept) = self
            .performer
            .payloads()
            .keep(text.as_ref().to_owned())
            .map_err(|error| StartError::Store(format!("the context is not JSON: {error}")))?;
        if let Some((digest, text)) = kept {
            self.batch.payload(digest, text);
        }
        Ok(Some(context))
    }

    /// What the shared contexts hold that a run of `workflow` reads or sets. What is on disk is read: a
    /// run sees what had been set before it was asked for.
    fn read_shared(&self, workflow: &Workflow) -> Result<Vec<RunEvent>, StartError> {
        let mut events = Vec::new();
        for name in workflow.config.sharing.names() {
            let last = self.store.last_event::<ContextEvent>(&StreamId::Context(name.clone()));
            let last = last.map_err(|error| StartError::Store(error.to_string()))?;
            let reads = workflow.config.sharing.reads.contains(name);
            let value = last.as_ref().and_then(|stored| match &stored.entry.event {
                ContextEvent::ContextSet { value, .. } if reads => Some(value.clone()),
                _ => None,
            });
            let (name, seq) = (name.clone(), last.map_or(0, |stored| stored.seq));
            events.push(RunEvent::SharedContextRead { name, seq, value });
        }
        Ok(events)
    }

    /// Gives the store the source that the run refers to; it keeps each once.
    fn keep_definition(&mut self, definition: &Arc<Definition>) {
        self.batch.payload(definition.workflow.digest, Arc::clone(&definition.source));
        self.definitions.keep(definition);
    }

    /// Takes a run into memory.
    fn admit(&mut self, resident: Resident) {
        let state = &resident.state;
        let max_parallel = state.workflow.config.max_parallel;
        self.dispatcher.admit(state.id, state.priority, max_parallel);
        self.catalog.keep(state.pins.iter());
        let run = state.id;
        self.runs.insert(run, resident);
        self.note_key(run);
    }

    /// Takes a run into memory and does what its state asks for.
    fn settle_in(&mut self, mut resident: Resident) {
        let run = resident.state.id;
        let effects = resident.state.outstanding();
        self.admit(resident);
        for effect in effects {
            self.carry_out(run, effect);
        }
    }

    /// Goes on with every run that had not ended when the host last stopped.
    fn resume_all(&mut self) -> Result<(), LaunchError> {
        for row in self.store.unfinished_runs()? {
            if let Err(error) = self.resume(row.id) {
                tracing::error!(run = %row.id, %error, "a run cannot be read and is left alone");
            }
        }
        self.admit_runs();
        Ok(())
    }

    fn resume(&mut self, run: RunId) -> Result<(), String> {
        let mut resident = self.read(run)?;
        let before = resident.state.last_seq;
        let (epoch, losses) = (self.store.epoch(), self.settings.losses);
        let now = self.clock.now();
        let reaction = resume(&mut resident.state, epoch, losses, now, self.random.f64())
            .map_err(|error| error.to_string())?;
        self.admit(resident);
        self.take_in(run, before, reaction);
        Ok(())
    }

    /// Reads a live run again after somebody else wrote to it, or the planner contradicted itself.
    pub(super) fn reload(&mut self, run: RunId) {
        let cancels = self.runs.get_mut(&run).map(|r| std::mem::take(&mut r.cancels));
        self.forget(run);
        match self.read(run) {
            Ok(mut resident) => {
                resident.cancels = cancels.unwrap_or_default();
                self.settle_in(resident);
            }
            Err(error) => tracing::error!(%run, %error, "a run cannot be read and is left alone"),
        }
    }

    /// Folds a run's journal.
    fn read(&mut self, run: RunId) -> Result<Resident, String> {
        let mut entries = Vec::new();
        loop {
            let after = entries.len() as u64;
            let page = self.store.run_events(run, after, EVENTS_PER_READ);
            let page = page.map_err(|error| error.to_string())?;
            let last = page.len() < EVENTS_PER_READ;
            entries.extend(page.into_iter().map(|stored| stored.entry));
            if last {
                break;
            }
        }
        let Some(Entry { event: RunEvent::RunStarted(start), .. }) = entries.first() else {
            return Err("its journal does not begin with `run-started`".to_owned());
        };
        let definition =
            self.definitions.get(start.definition).map_err(|error| error.to_string())?;
        let workflow = Arc::clone(&definition.workflow);
        let state = RunState::replay(run, workflow, &entries).map_err(|error| error.to_string())?;
        Ok(Resident::read(state))
    }
}

/// The event that says what a run was given as its context, if its tasks may write to it.
fn given_context(definition: &Definition, text: Option<&str>) -> Option<RunEvent> {
    if !definition.workflow.writes_context() {
        return None;
    }
    let values = serde_json::from_str(text?).ok()?;
    Some(RunEvent::ContextSet { task: None, values: Arc::new(values) })
}

/// The time before which a run does not begin, if that is not now.
fn not_before(begins: Option<Begins>, now: Timestamp) -> Option<Timestamp> {
    let at = match begins? {
        Begins::At(at) => at,
        Begins::After(delay) => now.after(delay),
    };
    Some(at).filter(|at| *at > now)
}
