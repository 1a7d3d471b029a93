//! Asks a call to stop.

use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

/// Stops a call, from anywhere and at most once: the handler sees it at once, and is stopped when it
/// has not returned after the grace period. Clones are the same token.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<State>);

#[derive(Debug, Default)]
struct State {
    reason: OnceLock<Arc<str>>,
    changed: Notify,
}

impl CancelToken {
    /// A token that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels for `reason`; the first reason stays.
    pub fn cancel(&self, reason: &str) {
        if self.0.reason.set(reason.into()).is_ok() {
            self.0.changed.notify_waiters();
        }
    }

    /// Why it was cancelled, if it was.
    pub fn reason(&self) -> Option<&Arc<str>> {
        self.0.reason.get()
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.reason().is_some()
    }

    /// Waits until it is cancelled and says why.
    pub async fn cancelled(&self) -> Arc<str> {
        loop {
            // Made before the look: a cancellation between the two is not missed.
            let changed = self.0.changed.notified();
            if let Some(reason) = self.reason() {
                return Arc::clone(reason);
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_stays() {
        let token = CancelToken::new();
        let waiting = tokio::spawn({
            let token = token.clone();
            async move { token.cancelled().await }
        });
        token.cancel("a person asked");
        token.cancel("too late");
        assert_eq!(&*waiting.await.expect("no panic"), "a person asked");
        assert!(token.is_cancelled());
    }
}
