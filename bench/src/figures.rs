//! Durations and what they come to.

use std::time::Duration;

/// The value below which a share of the samples lies; `share` from 0 to 1. Zero without samples.
pub(crate) fn percentile(samples: &[Duration], share: f64) -> Duration {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().saturating_sub(1);
    let place = (last as f64 * share).round() as usize;
    sorted.get(place).copied().unwrap_or_default()
}

/// A duration in milliseconds.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A duration in microseconds.
pub(crate) fn us(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// A number of bytes in MB: 1,000,000 of them, as in the targets.
pub(crate) fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::mb;

    #[test]
    fn memory_is_compared_in_the_unit_of_its_targets() {
        assert!((mb(60_000_000) - 60.0).abs() < f64::EPSILON);
        assert!(mb(60 * 1024 * 1024) > 62.0);
    }
}
