//! A world that is the same in every call: clocks that nobody turns, numbers from a seed, an attempt that
//! is always the first of the same run.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use taskloom_core::id::{RunId, TaskId, WorkflowId};
use taskloom_core::time::Timestamp;
use wasmtime_wasi::{Deterministic, HostMonotonicClock, HostWallClock, WasiCtxBuilder};

use crate::call::CallIdentity;

/// What a pure call hears of its attempt: no more than that there is one. Its output may be taken over by
/// other attempts, of other tasks and other runs.
pub(crate) static IDENTITY: LazyLock<CallIdentity> = LazyLock::new(|| CallIdentity {
    run_id: "00000000-0000-7000-8000-000000000000".parse::<RunId>().expect("valid"),
    workflow_id: WorkflowId::new("pure").expect("valid"),
    task_id: TaskId::new("pure").expect("valid"),
    attempt: 1,
    max_attempts: 1,
    idempotency_key: "pure".to_owned(),
    traceparent: None,
});

/// The time that a pure call sees: 2000-01-01T00:00:00Z, in seconds since the Unix epoch.
const WALL_CLOCK: Duration = Duration::from_secs(946_684_800);

/// Nanoseconds by which the monotonic clock goes on each time somebody looks: a guest that waits for
/// time to pass by looking gets on.
const TICK_NS: u64 = 1_000;

/// Random bytes made from a seed before they repeat.
const RANDOM_BYTES: usize = 4 * 1024;

/// A wall clock that stands still, at the time that a pure call sees.
pub(super) struct StillWallClock(Duration);

impl StillWallClock {
    /// One that stands still at another time. The clocks of WASI begin with the Unix epoch.
    pub(super) fn at(time: Timestamp) -> Self {
        Self(Duration::from_millis(u64::try_from(time.as_ms()).unwrap_or(0)))
    }
}

impl Default for StillWallClock {
    fn default() -> Self {
        Self(WALL_CLOCK)
    }
}

impl HostWallClock for StillWallClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

/// A monotonic clock that counts how often it was looked at.
#[derive(Default)]
pub(super) struct StillClock(AtomicU64);

impl HostMonotonicClock for StillClock {
    fn resolution(&self) -> u64 {
        TICK_NS
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(TICK_NS, Relaxed)
    }
}

/// Makes every random number follow from `seed`.
pub(super) fn seed(builder: &mut WasiCtxBuilder, seed: &[u8; 32]) {
    let mut bytes = Vec::with_capacity(RANDOM_BYTES);
    for block in 0_u32.. {
        if bytes.len() >= RANDOM_BYTES {
            break;
        }
        bytes.extend(Sha256::new().chain_update(seed).chain_update(block.to_le_bytes()).finalize());
    }
    let first: [u8; 16] = std::array::from_fn(|place| seed[place]);
    builder
        .secure_random(Deterministic::new(bytes.clone()))
        .insecure_random(Deterministic::new(bytes))
        .insecure_random_seed(u128::from_le_bytes(first));
}
