//! Time, retry and limits: of the run, of a task, and the defaults of all tasks.

use std::time::Duration;

use crate::document::{DURATION_MAX, Step, Table};
use crate::plugin::LimitsWish;
use crate::retry::{Jitter, RetryPolicy};
use crate::workflow::{OnFailure, RunConfig};

/// The longest time a run may be given: as long as can be written.
pub const RUN_TIMEOUT_MAX: Duration = DURATION_MAX;

/// The longest time one attempt may be given: a week. The host's ceiling is usually far below.
pub const TASK_TIMEOUT_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The shortest time a run or an attempt may be given.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);

/// The longest wait between two attempts: a day.
pub const RETRY_WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The most attempts of one task.
pub const TASK_ATTEMPTS_MAX: i64 = 100;

/// The most attempts of a run at the same time that can be asked for.
pub const MAX_PARALLEL_MAX: i64 = 10_000;

/// The highest priority of a run; its negative is the lowest.
pub const PRIORITY_MAX: i64 = 100;

/// The most fuel one attempt may ask for: some days of computing.
pub const FUEL_MAX: i64 = 1_000_000_000_000_000;

/// The least memory one attempt may ask for, in bytes: one page of WebAssembly.
pub const MEMORY_MIN: u64 = 64 * 1024;

/// The most memory one attempt may ask for, in bytes: all that 32 bits address.
pub const MEMORY_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// The largest output one attempt may ask for, in bytes.
pub const OUTPUT_MAX: u64 = 64 * 1024 * 1024;

/// What tasks have that do not say otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Defaults {
    pub(super) retry: RetryPolicy,
    pub(super) limits: LimitsWish,
}

impl Defaults {
    /// Reads `[defaults]`.
    pub(super) fn read(root: &mut Table<'_>) -> Self {
        let Some(mut table) = root.table("defaults") else { return Self::default() };
        let defaults = Self::default().read_task(&mut table);
        table.finish();
        defaults
    }

    /// Reads `timeout`, `retry` and `limits` of a task; what is not there stays as it is in here.
    pub(super) fn read_task(&self, table: &mut Table<'_>) -> Self {
        let timeout = table.duration("timeout", TIMEOUT_MIN..=TASK_TIMEOUT_MAX);
        let retry = match table.table("retry") {
            Some(mut retry) => {
                let policy = read_retry(&mut retry, self.retry);
                retry.finish();
                policy
            }
            None => self.retry,
        };
        let mut limits = self.limits;
        if let Some(timeout) = timeout {
            limits.timeout_ms = u64::try_from(timeout.as_millis()).ok();
        }
        if let Some(mut wish) = table.table("limits") {
            read_limits(&mut wish, &mut limits);
            wish.finish();
        }
        Self { retry, limits }
    }
}

fn read_retry(table: &mut Table<'_>, default: RetryPolicy) -> RetryPolicy {
    let attempts = table.integer("max_attempts", 1..=TASK_ATTEMPTS_MAX);
    table.choice("backoff", &[("exponential", ())]);
    let initial = table.duration("initial", Duration::ZERO..=RETRY_WAIT_MAX);
    let max = table.duration("max", Duration::ZERO..=RETRY_WAIT_MAX);
    let jitter = table.choice("jitter", &[("none", Jitter::None), ("full", Jitter::Full)]);
    let policy = RetryPolicy {
        max_attempts: attempts
            .and_then(|attempts| u32::try_from(attempts).ok())
            .unwrap_or(default.max_attempts),
        initial: initial.unwrap_or(default.initial),
        max: max.unwrap_or(default.max),
        jitter: jitter.unwrap_or(default.jitter),
    };
    if policy.initial > policy.max && (initial.is_some() || max.is_some()) {
        let key = if initial.is_some() { "initial" } else { "max" };
        let message = "the first wait (`initial`) is longer than the longest (`max`)";
        let help = format!("initial is {:?} and max is {:?}", policy.initial, policy.max);
        table.report(&[Step::Key(key)], "inconsistent-retry", message, Some(help));
    }
    policy
}

fn read_limits(table: &mut Table<'_>, limits: &mut LimitsWish) {
    let fuel = table.integer("fuel", 1..=FUEL_MAX).and_then(|fuel| u64::try_from(fuel).ok());
    let memory = table.bytes("memory", MEMORY_MIN..=MEMORY_MAX);
    let output = table.bytes("output", 1..=OUTPUT_MAX);
    limits.fuel = fuel.or(limits.fuel);
    limits.memory_bytes = memory.or(limits.memory_bytes);
    limits.output_bytes = output.or(limits.output_bytes);
}

/// Reads `[config]`.
pub(super) fn read_config(root: &mut Table<'_>) -> RunConfig {
    let mut config = RunConfig::default();
    let Some(mut table) = root.table("config") else { return config };
    config.timeout = table.duration("timeout", TIMEOUT_MIN..=RUN_TIMEOUT_MAX);
    config.max_parallel = table
        .integer("max_parallel", 1..=MAX_PARALLEL_MAX)
        .and_then(|most| u32::try_from(most).ok());
    config.priority = table
        .integer("priority", -PRIORITY_MAX..=PRIORITY_MAX)
        .and_then(|priority| i32::try_from(priority).ok())
        .unwrap_or(0);
    config.on_failure = table
        .choice("on_failure", &[("stop", OnFailure::Stop), ("continue", OnFailure::Continue)])
        .unwrap_or(OnFailure::Stop);
    table.finish();
    config
}
