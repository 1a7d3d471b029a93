//! The one way in which an occurrence becomes a run.
//!
//! The run is on disk first, under an idempotency key that is made of the trigger's name and the
//! occurrence's key; then the trigger's stream says so. A crash in between leaves a run that the
//! stream does not tell of: the occurrence, told again, finds it and adds the line.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use taskloom_core::expression::Scope;
use taskloom_core::id::{Digest, RunId};
use taskloom_core::journal::{IdempotencyKey, TriggerEvent};
use taskloom_core::time::Timestamp;
use taskloom_core::trigger::{Overlap, Source, Trigger};
use tokio::sync::MutexGuard;

use super::Triggers;
use super::line::{self, State};
use super::registry::Bound;
use crate::engine::{LOOK_MAX, StartError, StartRun};
use crate::workflows::{Availability, Workflows};

/// How often an occurrence that nobody will tell again is tried while the host is full.
const TRIES_MAX: u32 = 10;

/// The longest wait between two of these tries; together they take about three minutes.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Something that may start a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Occurrence {
    /// Names it among the occurrences of its trigger.
    pub key: String,
    /// The time that it stands for, if it does.
    pub due: Option<Timestamp>,
    /// What expressions read as `event`.
    pub event: Value,
    /// Whether a person caused it: then it waits for no quiet, and counts against no rate.
    pub by_hand: bool,
}

/// What came of an occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fired {
    /// A run.
    Run {
        /// The run.
        run: RunId,
        /// Whether the occurrence had started it before.
        existing: bool,
    },
    /// Nothing, for this reason.
    Nothing(String),
    /// Nothing yet: it waits until it has been quiet (`debounce`).
    Waits,
}

/// Why nothing can be said of an occurrence yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FireError {
    /// Too many runs are live, or too many commands are waiting.
    #[error("{what}")]
    Full {
        /// What is full, with its limit.
        what: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The host is stopping.
    #[error("the host is shutting down")]
    ShuttingDown,
    /// The store refused.
    #[error("the store: {0}")]
    Store(String),
}

impl Triggers {
    /// Lets a trigger know of an occurrence.
    ///
    /// # Errors
    /// See [`FireError`]; no run was started then.
    pub async fn occur(
        &self,
        bound: &Arc<Bound>,
        occurrence: Occurrence,
    ) -> Result<Fired, FireError> {
        if let Some(run) = self.run_of(bound, &occurrence).await? {
            return self.again(bound, &occurrence, run).await;
        }
        if let Err(reason) = refusal(&self.shared.parts.workflows, bound) {
            return self.note_nothing(bound, &occurrence, reason).await;
        }
        match decides(bound, &occurrence).await {
            Ok(true) => {}
            // Not noted: what does not concern a trigger may be a flood.
            Ok(false) => return Ok(Fired::Nothing("its `when` says no".to_owned())),
            Err(reason) => return self.note_nothing(bound, &occurrence, reason).await,
        }
        match bound.trigger().debounce.filter(|_| !occurrence.by_hand) {
            Some(quiet) => Ok(self.hold(bound, occurrence, quiet).await),
            None => self.start(bound, occurrence).await,
        }
    }

    /// As [`Self::occur`], for what nobody will tell again: tries again while the host is full, and
    /// notes it when that takes too long.
    pub async fn occur_surely(&self, bound: &Arc<Bound>, occurrence: Occurrence) {
        self.surely(bound, occurrence, false).await;
    }

    /// Lets a trigger know of an occurrence, or starts its run if it `has_waited` for quiet already.
    async fn surely(&self, bound: &Arc<Bound>, occurrence: Occurrence, has_waited: bool) {
        let trigger = &bound.name;
        let mut wait = Duration::ZERO;
        for _ in 0..TRIES_MAX {
            let fired = match has_waited {
                true => self.start(bound, occurrence.clone()).await,
                false => self.occur(bound, occurrence.clone()).await,
            };
            match fired {
                Ok(fired) => {
                    tracing::debug!(%trigger, ?fired, "a trigger has heard of something");
                    return;
                }
                Err(FireError::Full { retry_after, .. }) => {
                    wait = (wait * 2).clamp(retry_after, RETRY_MAX);
                    if !self.sleep(wait).await {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%trigger, %error, "a trigger could not start a run");
                    return;
                }
            }
        }
        let reason = "the host was full for too long".to_owned();
        tracing::warn!(%trigger, %reason, "a trigger could not start a run");
        // There is nobody else to tell.
        let _ = self.note_nothing(bound, &occurrence, reason).await;
    }

    /// Waits; `false` when the host stops first.
    pub(super) async fn sleep(&self, wait: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(wait) => true,
            () = self.shared.parts.stopped.cancelled() => false,
        }
    }

    /// The run that an occurrence has started before.
    pub(super) async fn run_of(
        &self,
        bound: &Bound,
        occurrence: &Occurrence,
    ) -> Result<Option<RunId>, FireError> {
        let IdempotencyKey { key, .. } = idempotency(bound, occurrence);
        let found = self.shared.parts.reader.run_of_key(bound.workflow().clone(), key).await;
        let found = found.map_err(|error| FireError::Store(error.to_string()))?;
        Ok(found.map(|(run, _)| run))
    }

    /// Notes an occurrence that started nothing.
    pub(super) async fn note_nothing(
        &self,
        bound: &Bound,
        occurrence: &Occurrence,
        reason: String,
    ) -> Result<Fired, FireError> {
        let line = self.line(&bound.name);
        let mut state = line.state.lock().await;
        self.note_skipped(bound, &mut state, occurrence, reason).await
    }

    async fn note_skipped(
        &self,
        bound: &Bound,
        state: &mut State,
        Occurrence { key, due, .. }: &Occurrence,
        reason: String,
    ) -> Result<Fired, FireError> {
        let event =
            TriggerEvent::TriggerSkipped { key: key.clone(), due: *due, reason: reason.clone() };
        self.append(bound, state, event).await?;
        Ok(Fired::Nothing(reason))
    }

    /// Appends to a trigger's stream.
    pub(super) async fn append(
        &self,
        bound: &Bound,
        state: &mut State,
        event: TriggerEvent,
    ) -> Result<(), FireError> {
        let (store, now) = (&self.shared.parts.store, self.shared.clock.now());
        let since = window_start(bound.trigger(), now);
        state.read(store, &bound.name, since).await?;
        state.append(store, &bound.name, now, event).await
    }

    /// An occurrence that has started a run before: the stream is to tell of it.
    async fn again(
        &self,
        bound: &Bound,
        occurrence: &Occurrence,
        run: RunId,
    ) -> Result<Fired, FireError> {
        let line = self.line(&bound.name);
        let mut state = line.state.lock().await;
        if !line::tells_of(&self.shared.parts.store, &bound.name, run).await? {
            self.append(bound, &mut state, fired(occurrence, run)).await?;
        }
        Ok(Fired::Run { run, existing: true })
    }

    /// Holds an occurrence until it has been quiet.
    async fn hold(&self, bound: &Arc<Bound>, occurrence: Occurrence, quiet: Duration) -> Fired {
        let line = self.line(&bound.name);
        let mut held = line.held.lock().await;
        let is_alone = held.due().is_none();
        held.put(occurrence, self.shared.clock.now(), quiet);
        drop(held);
        if is_alone {
            tokio::spawn(self.clone().let_go(Arc::clone(bound)));
        }
        Fired::Waits
    }

    /// Waits until it has been quiet, and starts a run with the last of what came. Boxed, since it is
    /// part of itself: what it starts may be held again.
    fn let_go(self, bound: Arc<Bound>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.wait_for_quiet(&bound).await })
    }

    async fn wait_for_quiet(&self, bound: &Arc<Bound>) {
        let line = self.line(&bound.name);
        loop {
            let mut held = line.held.lock().await;
            let Some(due) = held.due() else { return };
            let now = self.shared.clock.now();
            let Some(occurrence) = held.take(now) else {
                drop(held);
                if !self.sleep(due.since(now).min(LOOK_MAX)).await {
                    return;
                }
                continue;
            };
            drop(held);
            // The workflow may have changed meanwhile.
            let bound = self.index().get(bound.name.as_str());
            let Some(bound) = bound else { return };
            self.surely(&bound, occurrence, true).await;
            return;
        }
    }

    /// Starts the run of an occurrence, if the rate and the runs before allow it.
    async fn start(&self, bound: &Arc<Bound>, occurrence: Occurrence) -> Result<Fired, FireError> {
        let parts = &self.shared.parts;
        let line = self.line(&bound.name);
        let mut state = line.state.lock().await;
        let now = self.shared.clock.now();
        let since = window_start(bound.trigger(), now);
        state.read(&parts.store, &bound.name, since).await?;
        if !occurrence.by_hand
            && let Some(reason) = self.is_in_the_way(bound, &mut state, now).await?
        {
            return self.note_skipped(bound, &mut state, &occurrence, reason).await;
        }
        let request = match request(bound, &occurrence).await {
            Ok(request) => request,
            Err(reason) => {
                return self.note_skipped(bound, &mut state, &occurrence, reason).await;
            }
        };
        let started = match parts.engine.start_run(request).await {
            Ok(started) => started,
            Err(
                refused @ (StartError::Key(_)
                | StartError::KeyBusy { .. }
                | StartError::KeyOfAncestor(_)),
            ) => {
                let reason = refused.to_string();
                return self.note_skipped(bound, &mut state, &occurrence, reason).await;
            }
            Err(error) => return Err(error.into()),
        };
        self.told(bound, &mut state, &occurrence, started.run).await;
        Ok(Fired::Run { run: started.run, existing: started.existing })
    }

    /// Why the rate, or a run that is still live, lets no run start now.
    async fn is_in_the_way(
        &self,
        bound: &Bound,
        state: &mut MutexGuard<'_, State>,
        now: Timestamp,
    ) -> Result<Option<String>, FireError> {
        let trigger = bound.trigger();
        if let Some(rate) = trigger.rate
            && !state.window.has_room(rate, now)
        {
            let (count, per) = (rate.count, rate.per);
            return Ok(Some(format!("it started {count} runs within {per:?}, the most (`rate`)")));
        }
        let Source::Cron(cron) = &trigger.source else { return Ok(None) };
        let Some(last) = state.last_run.filter(|_| cron.overlap != Overlap::Allow) else {
            return Ok(None);
        };
        let row = self.shared.parts.reader.row(last).await;
        let row = row.map_err(|error| FireError::Store(error.to_string()))?;
        if row.is_none_or(|row| row.outcome.is_some()) {
            return Ok(None);
        }
        if cron.overlap == Overlap::Skip {
            return Ok(Some(format!("run {last}, which it started before, is live (`overlap`)")));
        }
        let reason = format!("trigger {} starts another run (`overlap`)", bound.name);
        // What cannot be cancelled has ended, or is being stopped.
        let _ = self.shared.parts.engine.cancel_run(last, reason).await;
        Ok(None)
    }

    /// Notes a run that is on disk. When that fails the run is there all the same.
    async fn told(&self, bound: &Bound, state: &mut State, occurrence: &Occurrence, run: RunId) {
        if let Err(error) = self.append(bound, state, fired(occurrence, run)).await {
            tracing::warn!(trigger = %bound.name, %run, %error, "a start could not be noted");
        }
    }
}

/// Why a trigger cannot start runs at all.
pub(super) fn refusal(workflows: &Workflows, bound: &Bound) -> Result<(), String> {
    let workflow = bound.workflow();
    if !bound.is_enabled() {
        return Err(format!("workflow `{workflow}` is switched off"));
    }
    match workflows.availability(&bound.registered) {
        Availability::Available | Availability::Loading => Ok(()),
        Availability::Unavailable(problems) => {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            Err(format!("workflow `{workflow}` cannot run: {}", problems.join("; ")))
        }
    }
}

/// Whether `when` lets an occurrence through.
async fn decides(bound: &Arc<Bound>, occurrence: &Occurrence) -> Result<bool, String> {
    let bound = Arc::clone(bound);
    let Some(when) = &bound.trigger().when else { return Ok(true) };
    let value = {
        let (when, event) = (when.clone(), occurrence.event.clone());
        evaluated(move || when.evaluate(&Scope { event, ..Scope::default() })).await
    };
    match value.map_err(|error| format!("its `when` cannot be computed: {error}"))? {
        Value::Bool(value) => Ok(value),
        other => Err(format!("its `when` is {other}, not true or false")),
    }
}

/// What the run of an occurrence is started with.
async fn request(bound: &Bound, occurrence: &Occurrence) -> Result<StartRun, String> {
    let trigger = bound.trigger();
    let input = match &trigger.input {
        None => occurrence.event.clone(),
        Some(template) => {
            let (template, event) = (template.clone(), occurrence.event.clone());
            let value = evaluated(move || template.evaluate(&Scope { event, ..Scope::default() }));
            value.await.map_err(|error| format!("its `input` cannot be computed: {error}"))?
        }
    };
    let violations = bound.registered.input_schema.violations(&input);
    if !violations.is_empty() {
        let reasons: Vec<_> = violations.iter().map(ToString::to_string).collect();
        let workflow = bound.workflow();
        return Err(format!(
            "the input does not fit workflow `{workflow}`: {}",
            reasons.join("; ")
        ));
    }
    Ok(StartRun {
        definition: Arc::clone(&bound.registered.definition),
        input: input.to_string().into(),
        context: None,
        trigger: trigger.source.started_by(),
        trigger_name: Some(bound.name.clone()),
        idempotency: Some(idempotency(bound, occurrence)),
        traceparent: None,
        priority: None,
        rerun: None,
        parent: None,
        run: None,
        begins: None,
        no_cache: false,
    })
}

/// Evaluates where it holds nobody up.
async fn evaluated<E: std::fmt::Display + Send + 'static>(
    evaluate: impl FnOnce() -> Result<Value, E> + Send + 'static,
) -> Result<Value, String> {
    match tokio::task::spawn_blocking(evaluate).await {
        Ok(value) => value.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// The key under which an occurrence starts at most one run. The request is the occurrence itself:
/// told again it is the same one, whatever else came with it.
fn idempotency(bound: &Bound, occurrence: &Occurrence) -> IdempotencyKey {
    let named = format!("{}\n{}", bound.name, occurrence.key);
    let request = Digest::of(named.as_bytes());
    IdempotencyKey { key: format!("trigger/{}", request.hex()), request }
}

fn fired(Occurrence { key, due, .. }: &Occurrence, run: RunId) -> TriggerEvent {
    TriggerEvent::TriggerFired { key: key.clone(), due: *due, run }
}

/// Since when starts count against the rate.
fn window_start(trigger: &Trigger, now: Timestamp) -> Timestamp {
    let per = trigger.rate.map_or(Duration::ZERO, |rate| rate.per);
    Timestamp::from_ms(now.as_ms().saturating_sub(i64::try_from(per.as_millis()).unwrap_or(0)))
}

impl From<StartError> for FireError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Full { what, retry_after } => Self::Full { what, retry_after },
            StartError::ShuttingDown => Self::ShuttingDown,
            error => Self::Store(error.to_string()),
        }
    }
}
