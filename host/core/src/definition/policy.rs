//! Time, retry and limits: of a task, and the defaults of all tasks.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::keys;
use crate::document::{DURATION_MAX, Step, Table};
use crate::plugin::LimitsWish;
use crate::retry::{Backoff, Jitter, RetryPolicy};
use crate::workflow::{CachePolicy, Timeouts};

/// The longest time one attempt may be given: a week. The host's ceiling is usually far below.
pub const TASK_TIMEOUT_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The shortest time that anything may be given.
pub(super) const TIMEOUT_MIN: Duration = Duration::from_millis(1);

/// What a time over more than one attempt may be, or a wait: as long as can be written.
pub(super) const LONG_TIMES: RangeInclusive<Duration> = TIMEOUT_MIN..=DURATION_MAX;

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

/// The most codes in `retry_on` or `never_retry_on`.
pub const RETRY_CODES_MAX: usize = 50;

/// What tasks have that do not say otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Policy {
    pub(super) retry: RetryPolicy,
    pub(super) limits: LimitsWish,
    pub(super) timeouts: Timeouts,
}

impl Policy {
    /// Reads `[defaults]`.
    pub(super) fn read_defaults(root: &mut Table<'_>) -> Self {
        let Some(mut table) = root.table("defaults") else { return Self::default() };
        let mut defaults = Self::default().read_attempt(&mut table);
        defaults.read_times(&mut table);
        keys::finish(&table, &keys::DEFAULTS);
        defaults
    }

    /// Reads `timeout`, `retry` and `limits`; what is not there stays as it is in here.
    pub(super) fn read_attempt(&self, table: &mut Table<'_>) -> Self {
        let timeout = table.duration("timeout", TIMEOUT_MIN..=TASK_TIMEOUT_MAX);
        let retry = match table.table("retry") {
            Some(mut retry) => {
                let policy = read_retry(&mut retry, &self.retry);
                keys::finish(&retry, &keys::RETRY);
                policy
            }
            None => self.retry.clone(),
        };
        let mut limits = self.limits;
        if let Some(timeout) = timeout {
            limits.timeout_ms = u64::try_from(timeout.as_millis()).ok();
        }
        if let Some(mut wish) = table.table("limits") {
            read_limits(&mut wish, &mut limits);
            keys::finish(&wish, &keys::LIMITS);
        }
        Self { retry, limits, timeouts: self.timeouts }
    }

    /// Reads `queue_timeout` and `total_timeout`.
    pub(super) fn read_times(&mut self, table: &mut Table<'_>) {
        let times = &mut self.timeouts;
        times.queue = table.duration("queue_timeout", LONG_TIMES).or(times.queue);
        times.total = table.duration("total_timeout", LONG_TIMES).or(times.total);
    }

    /// Reads `heartbeat`, which has no default: few handlers report progress.
    pub(super) fn read_heartbeat(&mut self, table: &mut Table<'_>) {
        self.timeouts.heartbeat = table.duration("heartbeat", TIMEOUT_MIN..=TASK_TIMEOUT_MAX);
    }
}

fn read_retry(table: &mut Table<'_>, default: &RetryPolicy) -> RetryPolicy {
    let backoffs = [
        ("fixed", Backoff::Fixed),
        ("linear", Backoff::Linear),
        ("exponential", Backoff::Exponential),
    ];
    let jitters = [("none", Jitter::None), ("equal", Jitter::Equal), ("full", Jitter::Full)];
    let attempts = table.integer("max_attempts", 1..=TASK_ATTEMPTS_MAX);
    let backoff = table.choice("backoff", &backoffs);
    let initial = table.duration("initial", Duration::ZERO..=RETRY_WAIT_MAX);
    let max = table.duration("max", Duration::ZERO..=RETRY_WAIT_MAX);
    let jitter = table.choice("jitter", &jitters);
    let max_elapsed = table.duration("max_elapsed", LONG_TIMES);
    let retry_on = read_codes(table, "retry_on");
    let never_retry_on = read_codes(table, "never_retry_on");
    let policy = RetryPolicy {
        max_attempts: attempts
            .and_then(|attempts| u32::try_from(attempts).ok())
            .unwrap_or(default.max_attempts),
        backoff: backoff.unwrap_or(default.backoff),
        initial: initial.unwrap_or(default.initial),
        max: max.unwrap_or(default.max),
        jitter: jitter.unwrap_or(default.jitter),
        max_elapsed: max_elapsed.or(default.max_elapsed),
        retry_on: retry_on.unwrap_or_else(|| default.retry_on.clone()),
        never_retry_on: never_retry_on.unwrap_or_else(|| default.never_retry_on.clone()),
    };
    if policy.initial > policy.max && (initial.is_some() || max.is_some()) {
        let key = if initial.is_some() { "initial" } else { "max" };
        let message = "the first wait (`initial`) is longer than the longest (`max`)";
        let help = format!("initial is {:?} and max is {:?}", policy.initial, policy.max);
        table.report(&[Step::Key(key)], "inconsistent-retry", message, Some(help));
    }
    policy
}

/// Reads a list of codes of failures, such as `http-404`.
fn read_codes(table: &mut Table<'_>, key: &'static str) -> Option<Arc<[String]>> {
    let codes = table.strings(key)?;
    if codes.len() > RETRY_CODES_MAX {
        let message = format!("the list has {} codes", codes.len());
        let help = format!("the most is {RETRY_CODES_MAX}");
        table.report(&[Step::Key(key)], "too-long", message, Some(help));
    }
    let is_code = |code: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        (1..=100).contains(&code.len()) && code.chars().all(is_part)
    };
    for (place, code) in codes.iter().enumerate().filter(|(_, code)| !is_code(code)) {
        let message = format!("`{}` is no code of a failure", crate::document::clip(code));
        let help = "codes are letters, digits, `-`, `_` and `.`, such as `timeout`".to_owned();
        let path = [Step::Key(key), Step::Item(place)];
        table.report(&path, "invalid-value", message, Some(help));
    }
    Some(codes.into())
}

fn read_limits(table: &mut Table<'_>, limits: &mut LimitsWish) {
    let fuel = table.integer("fuel", 1..=FUEL_MAX).and_then(|fuel| u64::try_from(fuel).ok());
    let memory = table.bytes("memory", MEMORY_MIN..=MEMORY_MAX);
    let output = table.bytes("output", 1..=OUTPUT_MAX);
    limits.fuel = fuel.or(limits.fuel);
    limits.memory_bytes = memory.or(limits.memory_bytes);
    limits.output_bytes = output.or(limits.output_bytes);
}

/// Reads `cache` of a task.
pub(super) fn read_cache(table: &mut Table<'_>) -> Option<CachePolicy> {
    let mut cache = table.table("cache")?;
    cache.require(&["ttl"]);
    let ttl = cache.duration("ttl", LONG_TIMES);
    keys::finish(&cache, &keys::CACHE);
    Some(CachePolicy { ttl: ttl? })
}
