//! Performs claimed attempts: waits for a slot, computes the input, calls the handler, and brings
//! the result back to the engine. Nothing in here changes a run.

mod observer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use serde_json::Value;
use taskloom_core::attempt::{AiSpent, AttemptEnd, AttemptUse, ReleaseReason};
use taskloom_core::context::Values;
use taskloom_core::expression::Template;
use taskloom_core::failure::{Failure, FailureClass, code};
use taskloom_core::id::{Digest, RunId, TaskId};
use taskloom_core::payload::PayloadRef;
use taskloom_core::plugin::ResourceClass;
use taskloom_core::run::{AttemptResult, RunState, TaskIndex};
use taskloom_core::workflow::{NodeIndex, Workflow};
use taskloom_store::{CachedRow, Store};
use taskloom_wasm::{Call, CallIdentity, CallReport, CancelToken, Ending, Plugin, Runtime};
use tokio::sync::Semaphore;

use super::clock::Clock;
use super::desk::Desk;
use super::ending::RunEnding;
use super::fault::expression_failed;
use super::inquiry::{self, Inquiry};
use super::merging::{MergeTools, TypeMerger};
use super::names::{Handed, Known, Names, lost_payload};
use super::outputs::{self, Part};
use super::progress::Progresses;
use super::resident::Resident;
use super::reuse;
use super::service::Input;
use super::starts::Starts;
use crate::audit::Audit;
use crate::contexts::Contexts;
use crate::crashes::CrashWatch;
use crate::payloads::{Kept, Payloads};
use crate::reader::Reader;
use observer::Observer;

/// Why an attempt is stopped that waited too long for its start.
pub(super) const QUEUE_TIMEOUT_REASON: &str = "the task waited longer than its `queue_timeout`";

/// A claimed attempt, with everything that is needed to perform it.
pub(super) struct Job {
    run: RunId,
    workflow: Arc<Workflow>,
    task: TaskIndex,
    node: NodeIndex,
    /// The task's name in the run.
    task_id: TaskId,
    idempotency_key: String,
    number: u32,
    pub(super) class: ResourceClass,
    plugin: Arc<Plugin>,
    input: InputSource,
    /// What the names in `set` stand for, if the task sets something.
    set: Option<Names>,
    /// The context of the run, if the plugin may use it.
    context: Option<Handed>,
    /// What the plugin has spent on models in the run.
    ai_spent: AiSpent,
    pub(super) cancel: CancelToken,
    traceparent: Option<String>,
    /// Whether an earlier result must not be taken over.
    no_cache: bool,
}

/// Where an attempt's input comes from.
enum InputSource {
    /// An earlier attempt computed it.
    Known(PayloadRef),
    /// It is computed from these.
    Computed(Names),
    /// It is the list of the outputs of the members of its group.
    Members(Vec<Part>),
}

/// An attempt that came back.
pub(super) struct Performed {
    pub(super) run: RunId,
    pub(super) class: ResourceClass,
    pub(super) result: AttemptResult,
    pub(super) left: Left,
}

/// What the store must keep of an attempt, in the commit of its end.
#[derive(Default)]
pub(super) struct Left {
    pub(super) payloads: Vec<Kept>,
    /// Its output, for attempts with the same key.
    pub(super) cached: Option<CachedRow>,
}

/// Performs attempts on the guests' threads, as many of each class as it has slots.
#[derive(Clone)]
pub(super) struct Performer {
    shared: Arc<Shared>,
}

struct Shared {
    runtime: Runtime,
    payloads: Payloads,
    known: Known,
    reader: Reader,
    contexts: Contexts,
    store: Store,
    /// Where results go; set once the engine is complete.
    desk: OnceLock<Weak<Desk>>,
    starts: Starts,
    progresses: Progresses,
    audit: Audit,
    crashes: CrashWatch,
    slots: [Arc<Semaphore>; 4],
    stopping: AtomicBool,
    clock: Clock,
}

/// Describes the attempt of `task` that was just claimed.
pub(super) fn job(
    resident: &Resident,
    plugin: Arc<Plugin>,
    task: TaskIndex,
    class: ResourceClass,
) -> Job {
    let state = &resident.state;
    let task_state = state.task(task);
    let input = match &task_state.input {
        Some(input) => InputSource::Known(input.clone()),
        None => match outputs::reduced(state, task) {
            Some(members) => InputSource::Members(members),
            None => {
                let references = state.definition(task).input.references();
                InputSource::Computed(Names::of(state, task_state.frame, references))
            }
        },
    };
    let set = state.definition(task).set.as_ref();
    let set = set.map(|set| Names::of(state, task_state.frame, set.references()));
    let context = plugin.uses_context().then(|| Handed::of(state));
    let ai_spent = state.ai_spent(plugin.name());
    Job {
        run: state.id,
        workflow: Arc::clone(&state.workflow),
        task,
        node: task_state.node,
        task_id: task_state.id.clone(),
        idempotency_key: state.idempotency_key(task),
        number: task_state.attempts.last().map_or(1, |attempt| attempt.number),
        class,
        plugin,
        input,
        set,
        context,
        ai_spent,
        cancel: CancelToken::new(),
        traceparent: state.start.traceparent.clone(),
        no_cache: state.start.no_cache,
    }
}

impl Performer {
    pub(super) fn new(
        runtime: Runtime,
        reader: Reader,
        store: Store,
        (starts, progresses, audit, crashes): (Starts, Progresses, Audit, CrashWatch),
        slots: [u32; 4],
        clock: Clock,
        values: Arc<Value>,
    ) -> Self {
        let slots = slots.map(|count| Arc::new(Semaphore::new(count as usize)));
        let stopping = AtomicBool::new(false);
        let (known, payloads) = (Known::new(values), reader.payloads().clone());
        let contexts = Contexts::new(store.clone(), payloads.clone(), clock);
        let shared = Shared {
            runtime,
            payloads,
            known,
            reader,
            contexts,
            store,
            desk: OnceLock::new(),
            starts,
            progresses,
            audit,
            crashes,
            slots,
            stopping,
            clock,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Performs an attempt, and those that follow from it as long as nothing else is under way; the results come
    /// to the engine, whatever happens.
    pub(super) fn perform(&self, job: Box<Job>) {
        let shared = Arc::clone(&self.shared);
        let threads = self.shared.runtime.threads(job.class);
        let mut next = Some(job);
        threads.spawn(async move {
            while let Some(job) = next.take() {
                let class = job.class;
                let ended = Input::AttemptEnded(Box::new(shared.perform(*job).await));
                next = shared.desk().and_then(|desk| desk.deliver(ended, Some(class)));
            }
        });
    }

    /// Computes the `output` of a run all of whose tasks have succeeded, and sets what it publishes.
    pub(super) fn resolve_output(&self, state: &RunState, merger: Option<TypeMerger>) {
        let (run, ending) = (state.id, RunEnding::of(state, merger));
        let shared = Arc::clone(&self.shared);
        self.shared.runtime.threads(ResourceClass::Io).spawn(async move {
            let tools = shared.merge_tools();
            let Shared { payloads, known, contexts, .. } = &*shared;
            if let Some(resolved) = ending.resolve(payloads, known, contexts, tools).await {
                shared.deliver(Input::OutputResolved(run, resolved));
            }
        });
    }

    /// Answers a question; the answer comes to the mailbox.
    pub(super) fn ask(&self, inquiry: Inquiry) {
        let performer = self.clone();
        self.spawn(async move {
            let Shared { payloads, known, .. } = &*performer.shared;
            let answered = inquiry.answer(payloads, known).await;
            performer.shared.deliver(Input::Answered(Box::new(answered)));
        });
    }

    /// Does something beside the engine, where it holds up neither timers nor HTTP.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.shared.runtime.threads(ResourceClass::Io).spawn(work);
    }

    /// Tells the engine something.
    pub(super) fn send(&self, input: Input) {
        if let Some(desk) = self.shared.desk() {
            desk.send(input);
        }
    }

    /// Says where results go.
    pub(super) fn report_to(&self, desk: &Arc<Desk>) {
        // Set once: an engine has one performer.
        let _ = self.shared.desk.set(Arc::downgrade(desk));
    }

    /// Reads runs.
    pub(super) fn reader(&self) -> &Reader {
        &self.shared.reader
    }

    /// Where large texts are kept.
    pub(super) fn payloads(&self) -> &Payloads {
        &self.shared.payloads
    }

    /// How many slots of a class nobody has.
    pub(super) fn free_slots(&self, class: ResourceClass) -> usize {
        self.shared.slots[class as usize].available_permits()
    }

    /// Starts no handler any more: attempts that wait for a slot are given back.
    pub(super) fn stop_starting(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.slots.iter().for_each(|slots| slots.close());
    }
}

impl Shared {
    /// The engine. One that is gone has left its attempts to the next start.
    fn desk(&self) -> Option<Arc<Desk>> {
        self.desk.get()?.upgrade()
    }

    fn deliver(&self, input: Input) {
        if let Some(desk) = self.desk() {
            // Nobody waits for an attempt, so that none comes back.
            let _ = desk.deliver(input, None);
        }
    }

    fn merge_tools(&self) -> MergeTools {
        let (runtime, slots) = (self.runtime.clone(), self.slots.clone());
        MergeTools { runtime, slots, clock: self.clock, crashes: self.crashes.clone() }
    }

    async fn perform(self: &Arc<Self>, job: Job) -> Performed {
        let mut left = Left::default();
        let mut input = None;
        let Attempted { mut end, usage, mut writes, given } =
            self.attempt(&job, &mut input, &mut left).await;
        let workflow = Arc::clone(&job.workflow);
        let Job { run, class, task, node, number, set, .. } = job;
        let set = workflow.task(node).set.as_ref().zip(set);
        if let (AttemptEnd::Succeeded(output), Some((template, names))) = (&end, set) {
            let names = names.with_output(Some(output.clone()));
            match self.writes(template, &names).await {
                Ok(values) => writes = Some(overlaid(writes, values)),
                Err(failure) => end = AttemptEnd::Failed { failure, retry_after_ms: None },
            }
        }
        let given = given.filter(|_| writes.is_some());
        let usage = Box::new(usage);
        let result = AttemptResult { task, number, input, writes, given, end, usage };
        Performed { run, class, result, left }
    }

    /// What a task sets in the context.
    async fn writes(&self, template: &Template, names: &Names) -> Result<Values, Failure> {
        let scope = names.read(&self.payloads, &self.known).await?;
        inquiry::values_set(template, &scope)
    }

    async fn attempt(
        self: &Arc<Self>,
        job: &Job,
        resolved: &mut Option<PayloadRef>,
        left: &mut Left,
    ) -> Attempted {
        let slot = tokio::select! {
            biased;
            reason = job.cancel.cancelled() => return cancelled(&reason).into(),
            slot = self.slots[job.class as usize].acquire() => slot,
        };
        // A closed semaphore: the host is shutting down.
        let Ok(_slot) = slot else {
            return AttemptEnd::Released(ReleaseReason::Shutdown).into();
        };
        // Attempts are claimed far ahead: the version may have crashed too often since.
        if self.crashes.is_held(&job.plugin) {
            return AttemptEnd::Released(ReleaseReason::PluginMissing).into();
        }
        let text = match self.input(job, resolved, &mut left.payloads).await {
            Ok(text) => text,
            Err(failure) => {
                return AttemptEnd::Failed { failure, retry_after_ms: None }.into();
            }
        };
        let given = match self.context(job).await {
            Ok(given) => given,
            Err(failure) => {
                return AttemptEnd::Failed { failure, retry_after_ms: None }.into();
            }
        };
        let key = self.cache_key(job, &text);
        if let Some((end, usage)) = self.take_over(job, key, &text, left).await {
            return Attempted { usage, ..end.into() };
        }
        let call = self.call(job, text, given.clone().unwrap_or_default());
        let report = self.runtime.call(&job.plugin, call).await;
        let CallReport { ending, usage, writes } = report;
        if let Some(uses) = &usage.capabilities {
            self.audit.used(job.plugin.name(), uses);
        }
        let now = self.clock.now();
        self.crashes.note(&job.plugin, now, (job.run, &job.task_id), &ending);
        let end = self.end(ending, &mut left.payloads);
        // Files are kept as long as their run, and an output that refers to them may outlive it in a cache;
        // what a model said or the run's context held is no part of the key. Whoever heard that it is cancelled
        // may have given what it had by then.
        let key = key.filter(|_| !usage.is_for_this_attempt_alone() && !job.cancel.is_cancelled());
        if let (Some((key, _)), AttemptEnd::Succeeded(output)) = (key, &end) {
            left.cached = Some(CachedRow {
                key,
                output: output.clone(),
                run: job.run,
                task: job.task_id.clone(),
                attempt: job.number,
                made_at: self.clock.now(),
            });
        }
        Attempted { end, usage, writes, given }
    }

    /// The context of the run, for a plugin that may use it.
    async fn context(&self, job: &Job) -> Result<Option<Values>, Failure> {
        let Some(handed) = &job.context else { return Ok(None) };
        handed.values(&self.payloads).await.map(Some).map_err(lost_payload)
    }

    /// What the output of an attempt is kept under, and how old an earlier one may be; `None` when
    /// the handler is to be called whatever was before.
    fn cache_key(&self, job: &Job, input: &str) -> Option<(Digest, Duration)> {
        let task = job.workflow.task(job.node);
        let ttl = task.cache.filter(|_| !job.no_cache)?.ttl;
        Some((reuse::key_of(&job.plugin, task.kind.task_type()?, input)?, ttl))
    }

    /// Ends an attempt with the output of an earlier one, if there is one.
    async fn take_over(
        &self,
        job: &Job,
        key: Option<(Digest, Duration)>,
        input: &str,
        left: &mut Left,
    ) -> Option<(AttemptEnd, AttemptUse)> {
        let (key, ttl) = key?;
        let now = self.clock.now();
        let hit = reuse::look_up(&self.store, &self.payloads, key, ttl, now).await?;
        let usage = AttemptUse {
            input_bytes: input.len() as u64,
            output_bytes: hit.row.output.bytes,
            plugin_digest: Some(job.plugin.digest()),
            ..AttemptUse::default()
        };
        let from = hit.from();
        left.payloads.extend(hit.kept);
        Some((AttemptEnd::Cached(hit.row.output, from), usage))
    }

    /// The input of an attempt, as JSON text; computed if no earlier attempt did.
    async fn input(
        &self,
        job: &Job,
        resolved: &mut Option<PayloadRef>,
        payloads: &mut Vec<Kept>,
    ) -> Result<Arc<str>, Failure> {
        match &job.input {
            InputSource::Known(payload) => self.payloads.text(payload).await.map_err(lost_payload),
            InputSource::Members(members) => {
                let items = outputs::items_of(members, &self.payloads).await?.to_string();
                let (payload, kept) =
                    self.payloads.keep(items.clone()).expect("a JSON value prints as JSON");
                *resolved = Some(payload);
                payloads.extend(kept);
                Ok(items.into())
            }
            InputSource::Computed(names) => {
                let template = &job.workflow.task(job.node).input;
                let (payload, kept) = self.compute(template, names).await?;
                let text = match (&kept, payload.inline_text()) {
                    (Some((_, text)), _) => Arc::clone(text),
                    (None, text) => text.unwrap_or("null").into(),
                };
                // What the definition says alone need not be written down a second time.
                if !names.is_empty() {
                    *resolved = Some(payload);
                    payloads.extend(kept);
                }
                Ok(text)
            }
        }
    }

    /// Computes the input of a task and refers to its value.
    async fn compute(
        &self,
        template: &Template,
        names: &Names,
    ) -> Result<(PayloadRef, Option<Kept>), Failure> {
        let scope = names.read(&self.payloads, &self.known).await?;
        let value = template.evaluate(&scope);
        let value = value.map_err(|error| expression_failed("input", &error))?;
        Ok(self.payloads.keep(value.to_string()).expect("a JSON value prints as JSON"))
    }

    fn call(self: &Arc<Self>, job: &Job, input: Arc<str>, context: Values) -> Call {
        let task = job.workflow.task(job.node);
        let task_type = task.kind.task_type().expect("only calls are offered");
        Call {
            task_type: task_type.clone(),
            input,
            identity: CallIdentity {
                run_id: job.run,
                workflow_id: job.workflow.id.clone(),
                task_id: job.task_id.clone(),
                attempt: job.number,
                max_attempts: task.retry.max_attempts,
                idempotency_key: job.idempotency_key.clone(),
                traceparent: job.traceparent.clone(),
            },
            limits: self.runtime.limits(&job.plugin, task_type, &task.limits),
            context,
            ai_spent: job.ai_spent,
            heartbeat: task.timeouts.heartbeat,
            cancel: job.cancel.clone(),
            observer: Arc::new(Observer {
                shared: Arc::clone(self),
                plugin: Arc::clone(&job.plugin),
                run: job.run,
                task: job.task,
                task_id: job.task_id.clone(),
                number: job.number,
            }),
        }
    }

    fn end(&self, ending: Ending, payloads: &mut Vec<Kept>) -> AttemptEnd {
        match ending {
            Ending::Succeeded(output) => match self.payloads.keep(output) {
                Ok((payload, kept)) => {
                    payloads.extend(kept);
                    AttemptEnd::Succeeded(payload)
                }
                Err(error) => {
                    let message = format!("the handler's output is not JSON: {error}");
                    let failure =
                        Failure::new(FailureClass::Permanent, code::INVALID_OUTPUT, message);
                    AttemptEnd::Failed { failure, retry_after_ms: None }
                }
            },
            Ending::Failed { failure, retry_after_ms } => {
                AttemptEnd::Failed { failure, retry_after_ms }
            }
            Ending::Cancelled(_) if self.stopping.load(Ordering::Acquire) => {
                AttemptEnd::Released(ReleaseReason::Shutdown)
            }
            Ending::Cancelled(failure) if failure.message.contains(QUEUE_TIMEOUT_REASON) => {
                cancelled(QUEUE_TIMEOUT_REASON)
            }
            Ending::Cancelled(failure) => AttemptEnd::Failed { failure, retry_after_ms: None },
            Ending::Waiting(reason) => AttemptEnd::Released(reason),
        }
    }
}

/// How an attempt came back.
struct Attempted {
    end: AttemptEnd,
    usage: AttemptUse,
    /// What its handler set in the context.
    writes: Option<Values>,
    /// The context that its handler was given.
    given: Option<Values>,
}

impl From<AttemptEnd> for Attempted {
    /// An attempt that used nothing.
    fn from(end: AttemptEnd) -> Self {
        Self { end, usage: AttemptUse::default(), writes: None, given: None }
    }
}

/// What a handler set, and over it what the workflow says: its author has the last word.
fn overlaid(handler: Option<Values>, workflow: Values) -> Values {
    let Some(mut values) = handler else { return workflow };
    let all = Arc::make_mut(&mut values);
    all.extend(workflow.iter().map(|(name, value)| (name.clone(), value.clone())));
    values
}

fn cancelled(reason: &str) -> AttemptEnd {
    let failure = if reason == QUEUE_TIMEOUT_REASON {
        Failure::new(FailureClass::Timeout, code::QUEUE_TIMEOUT, reason)
    } else {
        Failure::new(FailureClass::Cancelled, code::CANCELLED, reason)
    };
    AttemptEnd::Failed { failure, retry_after_ms: None }
}
