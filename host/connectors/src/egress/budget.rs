//! What one call may still send and receive.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts the requests and the response bytes of one call against their limits.
#[derive(Debug)]
pub struct Budget {
    requests_max: u64,
    response_bytes_max: u64,
    requests: AtomicU64,
    response_bytes: AtomicU64,
}

impl Budget {
    /// A budget of so many requests and so many bytes over all their responses' bodies.
    pub const fn new(requests_max: u64, response_bytes_max: u64) -> Self {
        Self {
            requests_max,
            response_bytes_max,
            requests: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
        }
    }

    /// The requests granted.
    pub const fn requests_max(&self) -> u64 {
        self.requests_max
    }

    /// The response bytes granted.
    pub const fn response_bytes_max(&self) -> u64 {
        self.response_bytes_max
    }

    /// The requests sent.
    pub fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// The response bytes received.
    pub fn response_bytes(&self) -> u64 {
        self.response_bytes.load(Relaxed)
    }

    /// The response bytes that may still come.
    pub fn response_bytes_left(&self) -> u64 {
        self.response_bytes_max.saturating_sub(self.response_bytes())
    }

    /// Takes one request; says whether there was one left.
    pub(super) fn take_request(&self) -> bool {
        let take = |sent: u64| (sent < self.requests_max).then_some(sent + 1);
        self.requests.fetch_update(Relaxed, Relaxed, take).is_ok()
    }

    /// Counts received bytes; says whether they are within the limit.
    pub(super) fn take_response_bytes(&self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let before = self.response_bytes.fetch_add(bytes, Relaxed);
        before.saturating_add(bytes) <= self.response_bytes_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_counts_what_is_taken() {
        let budget = Budget::new(2, 10);
        assert!(budget.take_request() && budget.take_request() && !budget.take_request());
        assert!(budget.take_response_bytes(10));
        assert_eq!((budget.requests(), budget.response_bytes_left()), (2, 0));
        assert!(!budget.take_response_bytes(1));
    }
}
