//! What a handler may know about the attempt it is part of, and say about it.

use std::time::Duration;

use crate::{Error, Result, host};

/// The attempt that is running. Each answer is one cheap call of the host, made when it is asked for;
/// the host counts them against a limit.
#[derive(Debug, Clone, Copy)]
pub struct Task(());

/// The attempt that is running.
pub fn task() -> Task {
    Task(())
}

impl Task {
    /// The run this call belongs to; the same for every task of the run.
    pub fn run_id(self) -> String {
        host::run_id()
    }

    /// The workflow of the run.
    pub fn workflow_id(self) -> String {
        host::workflow_id()
    }

    /// The task within the run, such as `classify`.
    pub fn id(self) -> String {
        host::task_id()
    }

    /// The number of this attempt: 1, 2, 3, …
    pub fn attempt(self) -> u32 {
        host::attempt()
    }

    /// How many counted attempts the task may have.
    pub fn max_attempts(self) -> u32 {
        host::max_attempts()
    }

    /// The same for every attempt of this task: hand it to services that deduplicate.
    pub fn idempotency_key(self) -> String {
        host::idempotency_key()
    }

    /// The time left until the attempt times out.
    pub fn remaining(self) -> Duration {
        Duration::from_millis(host::remaining_ms())
    }

    /// The W3C trace context of this attempt, if the run is traced.
    pub fn traceparent(self) -> Option<String> {
        host::traceparent()
    }
}

/// Says how far the work is, as a fraction from 0 to 1, with a short note.
pub fn progress(fraction: f64, note: &str) {
    host::progress(fraction, note);
}

/// Records a measurement of this attempt, such as `rows` 1200; the last value of a name stays. Names have
/// lower-case letters, digits and `_`, begin with a letter, and are at most 64 long; an attempt has a
/// limited number of them. What the host does not keep it counts, and says so in the attempt's log.
pub fn metric(name: &str, value: f64) {
    host::metric(name, value);
}

/// Whether the attempt was cancelled.
pub fn is_cancelled() -> bool {
    host::is_cancelled()
}

/// Ends the handler, by `?`, when the attempt was cancelled. Call it now and then in a long loop.
///
/// # Errors
/// [`Error::cancelled`] when the attempt was cancelled.
pub fn check_cancelled() -> Result<()> {
    if is_cancelled() { Err(Error::cancelled()) } else { Ok(()) }
}
