//! When a failed task is tried again: which failures, how often, how long, after which waits.

use std::sync::Arc;
use std::time::Duration;

use crate::failure::FailureClass;

/// How often and after which waits a task is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; at least 1.
    pub max_attempts: u32,
    /// How the wait grows from one failure to the next.
    pub backoff: Backoff,
    /// The wait before the second attempt, before jitter.
    pub initial: Duration,
    /// No wait is longer than this.
    pub max: Duration,
    /// How the wait is spread.
    pub jitter: Jitter,
    /// From the start of the first attempt on; no attempt starts after it. `None` for no limit.
    pub max_elapsed: Option<Duration>,
    /// Codes of the failures that are tried again, whatever the handler thinks of them; empty for
    /// every failure whose class allows it.
    pub retry_on: Arc<[String]>,
    /// Codes of failures that are never tried again; goes before `retry_on`.
    pub never_retry_on: Arc<[String]>,
}

impl Default for RetryPolicy {
    /// Three attempts, 1 s doubling up to 1 minute, full jitter.
    fn default() -> Self {
        Self {
            max_attempts: 3,
            backoff: Backoff::Exponential,
            initial: Duration::from_secs(1),
            max: Duration::from_secs(60),
            jitter: Jitter::Full,
            max_elapsed: None,
            retry_on: Arc::default(),
            never_retry_on: Arc::default(),
        }
    }
}

/// How the wait grows from one failure to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    /// Every wait is `initial`.
    Fixed,
    /// `initial` more after each failure.
    Linear,
    /// Twice as long after each failure.
    Exponential,
}

/// How a wait is spread, so that tasks that failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    /// The wait as computed.
    None,
    /// Half of the wait, and anything from nothing to the other half, evenly.
    Equal,
    /// Anything from nothing to the wait, evenly.
    ///
    /// "Exponential Backoff And Jitter", Marc Brooker, AWS Architecture Blog, 2015.
    Full,
}

impl RetryPolicy {
    /// The wait after `failures` counted failures (at least 1): by `backoff`, at most `max`, spread
    /// by `random` from [0, 1).
    pub fn wait(&self, failures: u32, random: f64) -> Duration {
        let times = match self.backoff {
            Backoff::Fixed => 1,
            Backoff::Linear => failures.max(1),
            Backoff::Exponential => {
                1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX)
            }
        };
        let ceiling = self.initial.checked_mul(times).unwrap_or(self.max).min(self.max);
        let random = random.clamp(0.0, 1.0);
        match self.jitter {
            Jitter::None => ceiling,
            Jitter::Equal => ceiling / 2 + (ceiling / 2).mul_f64(random),
            Jitter::Full => ceiling.mul_f64(random),
        }
    }

    /// Whether `failures` counted failures leave another attempt.
    pub const fn allows_another(&self, failures: u32) -> bool {
        failures < self.max_attempts
    }

    /// Whether a failure of this code and class is one that is tried again at all.
    ///
    /// The class decides, and the codes of the policy correct it: a code in `never_retry_on` is
    /// never tried again; with `retry_on`, only its codes are, and then also a failure that the
    /// handler thinks permanent. What a person or a limit ended stays ended; a lost attempt does
    /// not come here, since the host repeats it without counting.
    pub fn retries(&self, code: &str, class: FailureClass) -> bool {
        let lists = |codes: &[String]| codes.iter().any(|listed| listed == code);
        if lists(&self.never_retry_on) {
            return false;
        }
        if self.retry_on.is_empty() {
            return class.is_retried();
        }
        lists(&self.retry_on) && (class.is_retried() || class == FailureClass::Permanent)
    }

    /// Whether a task that has just failed like this is tried again: `failures` counts this failure
    /// too, `elapsed` is the time since the start of its first attempt.
    pub fn decides(
        &self,
        code: &str,
        class: FailureClass,
        failures: u32,
        elapsed: Duration,
    ) -> bool {
        self.allows_another(failures)
            && self.retries(code, class)
            && self.max_elapsed.is_none_or(|most| elapsed < most)
    }

    /// The whole decision: the wait before the next attempt, or `None` to give up. An attempt that
    /// could only start after `max_elapsed` is not waited for. `at_least` is what the handler asks
    /// for (`retry_after`).
    pub fn next_wait(
        &self,
        failed: &Failed<'_>,
        at_least: Duration,
        random: f64,
    ) -> Option<Duration> {
        if !self.decides(failed.code, failed.class, failed.failures, failed.elapsed) {
            return None;
        }
        let wait = self.wait(failed.failures, random).max(at_least);
        let starts = failed.elapsed.saturating_add(wait);
        self.max_elapsed.is_none_or(|most| starts <= most).then_some(wait)
    }
}

/// What is known of a task that has just failed.
#[derive(Debug, Clone, Copy)]
pub struct Failed<'a> {
    /// The failure's code.
    pub code: &'a str,
    /// Its class.
    pub class: FailureClass,
    /// Counted failures, this one included.
    pub failures: u32,
    /// The time since the start of the first attempt.
    pub elapsed: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureClass::{Cancelled, Crash, Limit, Permanent, Retryable, Timeout};
    use proptest::prelude::*;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            max_attempts: 4,
            initial: Duration::from_millis(250),
            max: Duration::from_secs(10),
            jitter: Jitter::None,
            ..RetryPolicy::default()
        }
    }

    fn codes(list: &[&str]) -> Arc<[String]> {
        list.iter().map(|code| (*code).to_owned()).collect()
    }

    #[test]
    fn the_wait_grows_by_its_backoff_up_to_its_cap() {
        for (backoff, expected) in [
            (Backoff::Fixed, [250, 250, 250, 250, 250, 250, 250]),
            (Backoff::Linear, [250, 500, 750, 1500, 1750, 10_000, 10_000]),
            (Backoff::Exponential, [250, 500, 1000, 8000, 10_000, 10_000, 10_000]),
        ] {
            let policy = RetryPolicy { backoff, ..policy() };
            let waits = [1, 2, 3, 6, 7, 40, u32::MAX].map(|n| policy.wait(n, 0.5).as_millis());
            assert_eq!(waits, expected, "{backoff:?}");
        }
    }

    #[test]
    fn jitter_spreads_the_wait() {
        let full = RetryPolicy { jitter: Jitter::Full, ..policy() };
        assert_eq!(full.wait(3, 0.0), Duration::ZERO);
        assert_eq!(full.wait(3, 0.5), Duration::from_millis(500));
        assert_eq!(full.wait(3, 2.0), Duration::from_secs(1), "random out of range is clamped");
        let equal = RetryPolicy { jitter: Jitter::Equal, ..policy() };
        assert_eq!(equal.wait(3, 0.0), Duration::from_millis(500));
        assert_eq!(equal.wait(3, 0.5), Duration::from_millis(750));
    }

    #[test]
    fn attempts_are_bounded() {
        assert!(policy().allows_another(3));
        assert!(!policy().allows_another(4));
    }

    #[test]
    fn codes_correct_what_the_class_says() {
        let open = policy();
        let only = RetryPolicy { retry_on: codes(&["http-404", "busy"]), ..policy() };
        let never = RetryPolicy { never_retry_on: codes(&["busy"]), ..only.clone() };
        for (code, class, expected) in [
            ("busy", Retryable, [true, true, false]),
            ("other", Retryable, [true, false, false]),
            ("timeout", Timeout, [true, false, false]),
            ("trap", Crash, [true, false, false]),
            ("http-404", Permanent, [false, true, true]),
            ("other", Permanent, [false, false, false]),
            ("busy", Limit, [false, false, false]),
            ("busy", Cancelled, [false, false, false]),
        ] {
            let found = [&open, &only, &never].map(|policy| policy.retries(code, class));
            assert_eq!(found, expected, "{code} {class:?}");
        }
    }

    #[test]
    fn no_attempt_starts_after_the_longest_time() {
        let policy = RetryPolicy { max_elapsed: Some(Duration::from_secs(2)), ..policy() };
        let next = |elapsed_ms: u64, at_least_ms: u64| {
            let elapsed = Duration::from_millis(elapsed_ms);
            let failed = Failed { code: "x", class: Retryable, failures: 2, elapsed };
            let wait = policy.next_wait(&failed, Duration::from_millis(at_least_ms), 0.0);
            wait.map(|wait| wait.as_millis())
        };
        assert_eq!(next(0, 0), Some(500));
        assert_eq!(next(1_500, 0), Some(500));
        assert_eq!(next(1_501, 0), None);
        assert_eq!(next(500, 1_500), Some(1_500), "what the handler asks for is waited for");
        assert_eq!(next(600, 1_500), None);
    }

    proptest! {
        #[test]
        fn no_wait_exceeds_its_cap(
            backoff in prop::sample::select(vec![Backoff::Fixed, Backoff::Linear, Backoff::Exponential]),
            jitter in prop::sample::select(vec![Jitter::None, Jitter::Equal, Jitter::Full]),
            initial in 0_u64..100_000, max in 0_u64..100_000, failures in 0_u32.., random in -1.0..2.0_f64,
        ) {
            let policy = RetryPolicy {
                backoff, jitter,
                initial: Duration::from_millis(initial), max: Duration::from_millis(max),
                ..RetryPolicy::default()
            };
            prop_assert!(policy.wait(failures, random) <= policy.max);
            prop_assert!(policy.wait(failures, 0.0) <= policy.wait(failures, 1.0));
        }

        #[test]
        fn giving_up_is_final(failures in 1_u32..10, elapsed in 0_u64..10_000, random in 0.0..1.0_f64) {
            let policy = RetryPolicy { max_elapsed: Some(Duration::from_secs(5)), ..policy() };
            let elapsed = Duration::from_millis(elapsed);
            let failed = Failed { code: "x", class: Retryable, failures, elapsed };
            let later = Failed { failures: failures + 1, elapsed: elapsed * 2, ..failed };
            if policy.next_wait(&failed, Duration::ZERO, random).is_none() {
                prop_assert!(policy.next_wait(&later, Duration::ZERO, random).is_none());
            }
        }
    }
}
