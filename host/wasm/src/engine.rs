//! The wasmtime engine: which WebAssembly is accepted and how instances are pooled.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

/// How often guests that compute are interrupted, so that their threads look at other guests.
pub(crate) const EPOCH: Duration = Duration::from_millis(10);

/// Address space for one linear memory: the whole range of a 32-bit address, so that compiled code
/// needs no bounds checks. Not memory: nothing is behind it until it is written.
const RESERVATION: u64 = 4 << 30;

/// Bytes of a guest's own stack. Deep recursion ends as a stack overflow, not as a crash of the host.
const GUEST_STACK_BYTES: usize = 512 * 1024;

/// Bytes of the stack that a call runs on, the guest's included; the rest is for the host's functions.
const CALL_STACK_BYTES: usize = 1024 * 1024;

/// Bytes of each memory that are zeroed by writing instead of by giving the pages back. More costs more
/// on every call than it saves, and stays resident for every instance that was ever in use.
const MEMORY_KEPT_BYTES: usize = 64 * 1024;

/// As [`MEMORY_KEPT_BYTES`], for tables.
const TABLE_KEPT_BYTES: usize = 8 * 1024;

/// Instances that stay prepared for the plugin they were last used by.
const WARM_INSTANCES: u32 = 64;

/// Core instances in one component: a component of a language with a runtime has five or so.
const CORE_INSTANCES_PER_COMPONENT: u32 = 32;

/// Linear memories in one component.
const MEMORIES_PER_COMPONENT: u32 = 4;

/// Tables in one component; a component with imports has one beside its own.
const TABLES_PER_COMPONENT: u32 = 8;

/// Elements of one table; languages with a runtime have thousands of functions.
const TABLE_ELEMENTS: usize = 20_000;

/// Functions named in the backtrace of a crash.
const BACKTRACE_FRAMES_MAX: usize = 20;

/// Makes an engine for `instances` calls at once.
pub(crate) fn engine(instances: u32) -> wasmtime::Result<Engine> {
    let roomy = Engine::new(&config(instances, RESERVATION));
    // Where address space is limited, code with bounds checks is better than no code.
    roomy.or_else(|error| {
        tracing::warn!(%error, "address space is limited: plugins run with bounds checks");
        Engine::new(&config(instances, 256 << 20))
    })
}

fn config(instances: u32, reservation: u64) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(5))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(3))
        .total_stacks(instances)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_tables_per_module(4)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(usize::try_from(reservation).unwrap_or(usize::MAX))
        .linear_memory_keep_resident(MEMORY_KEPT_BYTES)
        .table_keep_resident(TABLE_KEPT_BYTES)
        .max_unused_warm_slots(WARM_INSTANCES)
        // An open report of a data leak with swap.
        .pagemap_scan(Enabled::No);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .memory_reservation(reservation)
        .consume_fuel(true)
        .epoch_interruption(true)
        // The contract is synchronous; without this a call is twice as fast.
        .concurrency_support(false)
        .max_wasm_stack(GUEST_STACK_BYTES)
        .async_stack_size(CALL_STACK_BYTES)
        .cranelift_opt_level(OptLevel::Speed)
        // Equal input gives equal output, also in floating point.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES_MAX));
    config
}

/// Advances the epoch from a thread of its own, so that no guest can hold it up.
pub(crate) struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (engine, stopped) = (engine.clone(), Arc::clone(&stop));
        let tick = move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(EPOCH);
                engine.increment_epoch();
            }
        };
        let thread = std::thread::Builder::new().name("taskloom-epoch".to_owned()).spawn(tick)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It ends within a tick, and has nothing to say.
            let _ = thread.join();
        }
    }
}
