//! What a call costs at least: wasmtime alone, on one thread, with nothing of this host around it.
//!
//! Benchmarks put the cost of a real call beside it, since machines differ more than hosts do.

use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use taskloom_core::id::Digest;
use wasmtime::component::Linker;
use wasmtime::{Store, StoreLimits, StoreLimitsBuilder, UpdateDeadline};

use crate::bindings::PluginPre;
use crate::limits::CallLimits;
use crate::load::LoadError;
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
    let mut times = Vec::with_capacity(calls as usize);
    let begun = Instant::now();
    for _ in 0..calls {
        let started = Instant::now();
        finish(call())?;
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
