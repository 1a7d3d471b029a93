//! Durations and sizes as people write them: `250ms`, `1m`, `64MiB`.

use std::time::Duration;

/// The longest duration that can be written: 366 days.
pub const DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// The largest size that can be written, in bytes: 1 TiB.
pub const SIZE_MAX: u64 = 1 << 40;

/// How a duration is written, for messages.
pub(super) const DURATION_RULE: &str =
    "write a number and one of `ms`, `s`, `m`, `h`, `d`, such as \"250ms\" or \"1m\"";

/// How a size is written, for messages.
pub(super) const SIZE_RULE: &str = "write bytes as a number, or a number and one of `B`, `KB`, \
     `MB`, `GB`, `KiB`, `MiB`, `GiB`, such as \"64MiB\"";

const DURATION_UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const SIZE_UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// The duration that `text` stands for: a whole number and a unit. `None` when it is not one, or
/// is longer than [`DURATION_MAX`].
pub fn parse_duration(text: &str) -> Option<Duration> {
    any_duration(text).filter(|duration| *duration <= DURATION_MAX)
}

/// The bytes that `text` stands for: a whole number and a unit. `None` when it is not one, or is
/// larger than [`SIZE_MAX`].
pub fn parse_size(text: &str) -> Option<u64> {
    any_size(text).filter(|bytes| *bytes <= SIZE_MAX)
}

/// As [`parse_duration`], however long.
pub(super) fn any_duration(text: &str) -> Option<Duration> {
    parse(text, &DURATION_UNITS).map(Duration::from_millis)
}

/// As [`parse_size`], however large.
pub(super) fn any_size(text: &str) -> Option<u64> {
    parse(text, &SIZE_UNITS)
}

/// `duration` as it would be written, in the largest unit that is exact.
pub(super) fn print_duration(duration: Duration) -> String {
    print(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), &DURATION_UNITS)
}

/// `bytes` as it would be written, in the largest binary unit that is exact.
pub(super) fn print_size(bytes: u64) -> String {
    print(bytes, &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)])
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start_matches(' '))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn print(amount: u64, units: &[(&str, u64)]) -> String {
    let exact = |(_, factor): &&(&str, u64)| amount >= *factor && amount.is_multiple_of(*factor);
    match units.iter().rev().find(exact) {
        Some((unit, factor)) => format!("{}{unit}", amount / factor),
        None => format!("{amount}{}", units[0].0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, ms) in [
            ("0ms", 0),
            ("250ms", 250),
            ("10s", 10_000),
            ("1m", 60_000),
            ("2h", 7_200_000),
            ("1 d", 86_400_000),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "1", "s", "1.5s", "-1s", "1w", "367d", "99999999999999999999s", "1ms1s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_know_both_families_of_units() {
        for (text, bytes) in [("0B", 0), ("8KB", 8_000), ("8KiB", 8_192), ("64MiB", 64 << 20)] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "8", "8kb", "8K", "2000GiB", "1e3B"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn bounds_are_printed_as_they_would_be_written() {
        assert_eq!(print_duration(Duration::from_millis(90_000)), "90s");
        assert_eq!(print_duration(DURATION_MAX), "366d");
        assert_eq!(print_size(64 << 20), "64MiB");
        assert_eq!(print_size(1_000), "1000B");
        assert_eq!(print_size(0), "0B");
    }
}
