//! When a failed task is tried again: backoff and jitter.

use std::time::Duration;

/// How often and after which waits a task is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; at least 1.
    pub max_attempts: u32,
    /// The wait before the second attempt, before jitter.
    pub initial: Duration,
    /// No wait is longer than this.
    pub max: Duration,
    /// How the wait is spread.
    pub jitter: Jitter,
}

impl Default for RetryPolicy {
    /// Three attempts, 1 s doubling up to 1 minute, full jitter.
    fn default() -> Self {
        Self {
            max_attempts: 3,
            initial: Duration::from_secs(1),
            max: Duration::from_secs(60),
            jitter: Jitter::Full,
        }
    }
}

/// How a wait is spread, so that tasks that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    /// The wait as computed.
    None,
    /// Anything from nothing to the wait, evenly.
    ///
    /// "Exponential Backoff And Jitter", Marc Brooker, AWS Architecture Blog, 2015.
    Full,
}

impl RetryPolicy {
    /// The wait after `failures` counted failures (at least 1): exponential, `initial × 2^(n−1)`,
    /// at most `max`, spread by `random` from [0, 1).
    pub fn wait(&self, failures: u32, random: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(62);
        let ceiling = self
            .initial
            .checked_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX))
            .unwrap_or(self.max)
            .min(self.max);
        match self.jitter {
            Jitter::None => ceiling,
            Jitter::Full => ceiling.mul_f64(random.clamp(0.0, 1.0)),
        }
    }

    /// Whether `failures` counted failures leave another attempt.
    pub const fn allows_another(&self, failures: u32) -> bool {
        failures < self.max_attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        max_attempts: 4,
        initial: Duration::from_millis(250),
        max: Duration::from_secs(10),
        jitter: Jitter::None,
    };

    #[test]
    fn the_wait_doubles_up_to_its_cap() {
        let waits: Vec<_> =
            [1, 2, 3, 6, 7, 40, u32::MAX].map(|n| POLICY.wait(n, 0.5).as_millis()).into();
        assert_eq!(waits, [250, 500, 1000, 8000, 10_000, 10_000, 10_000]);
    }

    #[test]
    fn full_jitter_spreads_from_nothing_to_the_wait() {
        let policy = RetryPolicy { jitter: Jitter::Full, ..POLICY };
        assert_eq!(policy.wait(3, 0.0), Duration::ZERO);
        assert_eq!(policy.wait(3, 0.5), Duration::from_millis(500));
        assert_eq!(policy.wait(3, 2.0), Duration::from_secs(1), "random out of range is clamped");
    }

    #[test]
    fn attempts_are_bounded() {
        assert!(POLICY.allows_another(3));
        assert!(!POLICY.allows_another(4));
    }
}
