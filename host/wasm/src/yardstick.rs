//! What a call costs at least: wasmtime alone, on one thread, with nothing of this host around it.
//!
//! Benchmarks put the cost of a real call beside it, since machines differ more than hosts do.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use taskloom_connectors::egress::Egress;
use taskloom_core::id::{Digest, PluginName};
use taskloom_core::plugin::Effects;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder, UpdateDeadline};

use crate::ai::Accounts;
use crate::bindings::{Plugin, PluginPre};
use crate::guest::Guest;
use crate::limits::CallLimits;
use crate::load::{self, LoadError};
use crate::memory::MemoryBudget;
use crate::outside::OutsideParts;
use crate::policy::{Policy, PolicyInForce};
use crate::ports::Ports;
use crate::runtime::Runtime;

/// What a number of raw calls took, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// How many calls.
    pub calls: u32,
    /// The median of a call.
    pub p50: Duration,
    /// What one call in a hundred exceeds.
    pub p99: Duration,
    /// All calls together.
    pub total: Duration,
}

/// The measurement did not work.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The component cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A call did not succeed.
    #[error("the call failed: {0}")]
    Call(String),
}

impl From<wasmtime::Error> for MeasureError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Call(format!("{error:#}"))
    }
}

/// Calls the task type `short` of a component so many times, each time in a fresh store and a fresh
/// pooled instance with fuel, epochs and a memory limit, on this thread. Imports are not there: the
/// task type must not ask the host for anything.
///
/// # Errors
/// When the component cannot be loaded, or a call fails.
pub fn raw_calls(
    runtime: &Runtime,
    component: &[u8],
    short: &str,
    input: &str,
    calls: u32,
) -> Result<Measured, MeasureError> {
    let engine = runtime.engine();
    let component = runtime.component(&Digest::of(component), component)?;
    let mut linker: Linker<StoreLimits> = Linker::new(engine);
    linker.define_unknown_imports_as_traps(&component)?;
    let pre = PluginPre::new(linker.instantiate_pre(&component)?)?;
    let limits = CallLimits::DEFAULTS;
    let memory = usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX);
    let call = async || -> Result<(), MeasureError> {
        let mut store = Store::new(engine, StoreLimitsBuilder::new().memory_size(memory).build());
        store.limiter(|limits| limits);
        store.set_fuel(limits.fuel)?;
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let plugin = pre.instantiate_async(&mut store).await?;
        let handler = plugin.taskloom_plugin_handler();
        match handler.call_execute(&mut store, short, input).await? {
            Ok(_) => Ok(()),
            Err(error) => Err(MeasureError::Call(format!("{error:?}"))),
        }
    };
    timed(calls, || finish(call()))
}

/// How a runtime without a plan makes an instance for each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naive {
    /// As wasmtime does it when nothing is said: memory is mapped from the component's image.
    Defaults,
    /// Memory is allocated and filled for each instance.
    Copying,
}

/// Calls the task type `short` of a component so many times, each time linked and instantiated anew, without a pool; the
/// handler may ask the host for what it likes. Compiling comes before and is not counted.
///
/// # Errors
/// When the component cannot be compiled, or a call fails.
pub fn naive_calls(
    naive: Naive,
    component: &[u8],
    short: &str,
    input: &str,
    calls: u32,
) -> Result<Measured, MeasureError> {
    let mut config = wasmtime::Config::new();
    config.consume_fuel(true).epoch_interruption(true).memory_init_cow(naive == Naive::Defaults);
    let engine = Engine::new(&config)?;
    let component = Component::from_binary(&engine, component)?;
    let services = tokio::runtime::Runtime::new().map_err(|error| error.to_string());
    let services = services.map_err(MeasureError::Call)?;
    let linker = load::linker(&engine)?;
    let egress = Egress::new().map_err(|error| MeasureError::Call(error.to_string()))?;
    let policy = Arc::new(PolicyInForce::new(Policy::default()));
    let stem =
        PluginName::new("yardstick").map_err(|error| MeasureError::Call(error.to_string()))?;
    let parts = Arc::new(OutsideParts {
        plugin: stem.clone(),
        effects: Effects::Writes,
        asked: Arc::default(),
        policy,
        egress,
        ports: Ports::default(),
        accounts: Accounts::default(),
    });
    let memory = Arc::new(MemoryBudget::new(u64::MAX));
    let call = async || -> Result<(), MeasureError> {
        let mut call = load::describe_call(&stem);
        call.limits = CallLimits::DEFAULTS;
        let deadline = Instant::now() + call.limits.timeout;
        let guest = Guest::new(call, deadline, Arc::clone(&memory), Arc::clone(&parts));
        let mut store = Store::new(&engine, guest);
        store.limiter(|guest| &mut guest.memory);
        store.set_fuel(CallLimits::DEFAULTS.fuel)?;
        store.set_epoch_deadline(u64::MAX / 2);
        let plugin = Plugin::instantiate_async(&mut store, &component, &linker).await?;
        let handler = plugin.taskloom_plugin_handler();
        match handler.call_execute(&mut store, short, input).await? {
            Ok(_) => Ok(()),
            Err(error) => Err(MeasureError::Call(format!("{error:?}"))),
        }
    };
    timed(calls, || services.block_on(call()))
}

fn timed(
    calls: u32,
    mut call: impl FnMut() -> Result<(), MeasureError>,
) -> Result<Measured, MeasureError> {
    let mut times = Vec::with_capacity(calls as usize);
    let begun = Instant::now();
    for _ in 0..calls {
        let started = Instant::now();
        call()?;
        times.push(started.elapsed());
    }
    let total = begun.elapsed();
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
    Ok(Measured { calls, p50: at(50), p99: at(99), total })
}

/// Polls until the end: nothing in a raw call waits for anybody else.
fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
