//! Performs one call: in a fresh store and instance, bounded and watched, dropped afterwards. Where plugin
//! and operator want it, the instance of an earlier call serves it, and is kept; see `idle`.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use taskloom_core::attempt::AttemptUse;
use taskloom_core::failure::{Failure, FailureClass, code};
use taskloom_core::schema::{Schema, join};
use tokio::runtime::Handle;
use wasmtime::{Engine, Store, UpdateDeadline};

use crate::bindings::{self, PluginPre};
use crate::call::{Call, CallReport, Ending};
use crate::ending;
use crate::guest::Guest;
use crate::idle::{Instance, Lineage};
use crate::limits::CallLimits;
use crate::memory::MemoryBudget;
use crate::outside::OutsideParts;
use crate::plugin::Plugin;
use crate::watched::{Bounds, Stop, TimeUse, Watched, note_giving_way};

/// Bytes that a guest may hand to the host in one host call, when its output limit is lower: room for
/// a piece of a request's body.
const HOST_CALL_BYTES: u64 = 4 * 1024 * 1024;

/// Fuel after which a guest accounts for what it used, whatever it does: some milliseconds.
const FUEL_INTERVAL: u64 = 10_000_000;

/// What performing needs of the runtime.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) engine: Engine,
    pub(crate) memory: Arc<MemoryBudget>,
    pub(crate) services: Handle,
    pub(crate) cancel_grace: Duration,
}

/// Performs `call` on this thread.
pub(crate) async fn perform(stage: &Stage, plugin: &Plugin, call: Call) -> CallReport {
    let mut usage = granted(&call.limits);
    usage.plugin_digest = Some(plugin.digest());
    usage.input_bytes = call.input.len() as u64;
    let Some(offer) = plugin.offers.get(&call.task_type) else {
        let message = format!("plugin `{}` offers no `{}`", plugin.name(), call.task_type);
        let failure = Failure::new(FailureClass::Permanent, code::UNKNOWN_TASK_TYPE, message);
        return CallReport::new(failure.into(), usage);
    };
    if let Err(ending) = check_input(&call, &offer.schemas.input) {
        return CallReport::new(ending, usage);
    }
    if let Some(reason) = call.cancel.reason() {
        return CallReport::new(ending::cancelled(reason), usage);
    }
    usage.started_at = Some(call.observer.started());
    let reuse = plugin.reuse(offer, &call);
    let kept = reuse.and_then(|reuse| plugin.idle.take(reuse, &call));
    usage.reused_instance = kept.is_some();
    let lineage = kept.as_ref().map(|instance| instance.lineage.clone());
    let lineage = lineage.or_else(|| Some(Lineage::new(reuse?, &call.identity)));
    let task_type = call.task_type.clone();
    let input = Arc::clone(&call.input);
    let Performed { outcome, mut store, time, plugin: called } =
        run(stage, &plugin.pre, &offer.outside, call, kept, async move |plugin, store| {
            plugin.taskloom_plugin_handler().call_execute(store, task_type.name(), &input).await
        })
        .await;
    if let Ok(Ok(Ok(output))) = &outcome {
        usage.output_bytes = output.len() as u64;
    }
    let ending = ending::of(outcome, store.data(), &offer.schemas.output);
    measure(&mut usage, &store, time);
    let succeeded = matches!(ending, Ending::Succeeded(_));
    let writes = store.data_mut().writes.take().filter(|_| succeeded);
    if let (Some(lineage), Some(called)) = (lineage, called) {
        keep(stage, plugin, Instance { store, plugin: called, lineage: lineage.after_a_call() });
    }
    CallReport { ending, usage, writes }
}

/// Keeps the instance of a call that came back for the next one, unless something of the call is left on the
/// host's side, or guests hold much of what they may.
fn keep(stage: &Stage, plugin: &Plugin, mut instance: Instance) {
    if instance.store.data_mut().is_tidy() && !stage.memory.is_scarce() {
        plugin.idle.put(instance, &stage.services);
    }
}

/// What became of a call.
pub(crate) struct Performed<R> {
    pub(crate) outcome: Result<wasmtime::Result<R>, Stop>,
    /// What the call has left on the host's side, to be read.
    pub(crate) store: Store<Guest>,
    pub(crate) time: TimeUse,
    /// What can be called again, if the call came back; what was stopped cannot.
    pub(crate) plugin: Option<bindings::Plugin>,
}

/// Lets `body` call a plugin within the limits of `call`: in the instance `kept`, or in one that is made for
/// it in a fresh store.
pub(crate) async fn run<R>(
    stage: &Stage,
    pre: &PluginPre<Guest>,
    outside: &Arc<OutsideParts>,
    call: Call,
    kept: Option<Instance>,
    body: impl AsyncFnOnce(&bindings::Plugin, &mut Store<Guest>) -> wasmtime::Result<R>,
) -> Performed<R> {
    let mut time = TimeUse::default();
    let deadline = Instant::now() + call.limits.timeout;
    let (cancel, heartbeat) = (call.cancel.clone(), call.heartbeat);
    let (mut store, mut plugin) = match kept {
        Some(Instance { store, plugin, .. }) => {
            (again(stage, store, call, deadline, outside), Some(plugin))
        }
        None => {
            let budget = Arc::clone(&stage.memory);
            let guest = Guest::new(call, deadline, budget, Arc::clone(outside));
            (fresh(&stage.engine, guest), None)
        }
    };
    let heartbeat = heartbeat.map(|longest| (longest, store.data().pulse.clone()));
    let bounds = Bounds { deadline, grace: stage.cancel_grace, cancel, heartbeat };
    let outcome = {
        let guest = pin!(async {
            let called = match plugin.take() {
                Some(kept) => kept,
                None => pre.instantiate_async(&mut store).await?,
            };
            let answer = body(&called, &mut store).await?;
            plugin = Some(called);
            Ok(answer)
        });
        Watched::new(guest, &stage.services, bounds, &mut time).await
    };
    store.data_mut().finish_log();
    Performed { outcome, store, time, plugin }
}

/// A fresh store with every bound in place.
fn fresh(engine: &Engine, guest: Guest) -> Store<Guest> {
    let mut store = Store::new(engine, guest);
    grant(&mut store);
    // A guest that is stopped while it computes has not accounted for its fuel since it was last here.
    store.fuel_async_yield_interval(Some(FUEL_INTERVAL)).expect("fuel is switched on");
    store.limiter(|guest| &mut guest.memory);
    store.epoch_deadline_callback(|mut store| {
        store.data_mut().log_outside();
        store.data().check_host_calls()?;
        note_giving_way();
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
    store
}

/// The store of an earlier call, with every bound in place for this one.
fn again(
    stage: &Stage,
    mut store: Store<Guest>,
    call: Call,
    deadline: Instant,
    outside: &Arc<OutsideParts>,
) -> Store<Guest> {
    let budget = Arc::clone(&stage.memory);
    let next = Guest::new(call, deadline, budget, Arc::clone(outside));
    let last = std::mem::replace(store.data_mut(), next);
    store.data_mut().go_on_from(last);
    grant(&mut store);
    store
}

/// Gives the guest what its call may use of fuel, of a turn and of what it hands over in a host call.
fn grant(store: &mut Store<Guest>) {
    let limits = store.data().call.limits;
    store.set_fuel(limits.fuel).expect("fuel is switched on");
    let bytes = limits.output_bytes.max(limits.artefact_bytes).max(HOST_CALL_BYTES);
    // A little more, so that an output that is only just too long is told as such.
    store.set_hostcall_fuel(usize::try_from(bytes).unwrap_or(usize::MAX).saturating_add(64 * 1024));
    store.set_epoch_deadline(1);
}

fn check_input(call: &Call, schema: &Schema) -> Result<(), Ending> {
    let (bytes, most) = (call.input.len() as u64, call.limits.input_bytes);
    if bytes > most {
        let message = format!("the input has {bytes} bytes; at most {most} are allowed");
        return Err(ending::limit(code::INPUT_TOO_LARGE, message));
    }
    let invalid = |message: String| {
        let message = format!("the input is wrong: {message}");
        Err(Failure::new(FailureClass::Permanent, code::INVALID_INPUT, message).into())
    };
    let value: Value = match serde_json::from_str(&call.input) {
        Ok(value) => value,
        Err(error) => return invalid(format!("it is not JSON: {error}")),
    };
    match schema.violations(&value) {
        violations if violations.is_empty() => Ok(()),
        violations => invalid(join(&violations)),
    }
}

/// The record of a call that has used nothing yet.
fn granted(limits: &CallLimits) -> AttemptUse {
    AttemptUse {
        fuel_limit: limits.fuel,
        memory_limit_bytes: limits.memory_bytes,
        output_limit_bytes: limits.output_bytes,
        log_lines_limit: limits.log_lines,
        log_bytes_limit: limits.log_bytes,
        host_calls_limit: limits.host_calls,
        timeout_ms: ms(limits.timeout),
        ..AttemptUse::default()
    }
}

/// Records what the call in `store` used.
fn measure(usage: &mut AttemptUse, store: &Store<Guest>, time: TimeUse) {
    let guest = store.data();
    usage.cpu_ms = ms(time.cpu);
    usage.host_wait_ms = ms(time.waited);
    usage.fuel_used = usage.fuel_limit.saturating_sub(store.get_fuel().unwrap_or(0));
    usage.memory_peak_bytes = guest.memory.peak();
    usage.log_lines = guest.log.lines();
    usage.log_bytes = guest.log.bytes();
    usage.host_calls = guest.host_calls;
    usage.artefacts = guest.artefacts.left();
    usage.metrics = guest.metrics.kept();
    if let Some(used) = guest.ai_used() {
        guest.notes.use_by(|uses| uses.ai = Some(used));
    }
    usage.capabilities = guest.notes.uses();
    if let Some(outside) = guest.outside() {
        usage.requests = outside.budget().requests();
        usage.response_bytes = outside.budget().response_bytes();
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
