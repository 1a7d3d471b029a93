//! When a guest last said how far it is: what a heartbeat is measured by.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The last sign of life of one call; clones are of the same call.
#[derive(Debug, Clone)]
pub(crate) struct Pulse(Arc<Mutex<Instant>>);

impl Pulse {
    /// The first sign of life is the start.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    /// The guest said how far it is.
    pub(crate) fn beat(&self) {
        *self.lock() = Instant::now();
    }

    /// Waits until there was no sign of life for `longest`.
    pub(crate) async fn stops(&self, longest: Duration) {
        loop {
            let last = *self.lock();
            tokio::time::sleep_until((last + longest).into()).await;
            if *self.lock() == last {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
