//! Plays the simulator for as long as somebody wants: the gate plays 10,000 seeds, a night plays millions.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::command;

/// Seeds between two looks at the clock.
const SEEDS_AT_ONCE: u64 = 20_000;

/// How long, and from where.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How long to play, such as `30m` or `8h`; at least one round is played
    #[arg(long, default_value = "1h", value_parser = duration)]
    time: Duration,
    /// The first seed; the gate plays those below 10,000
    #[arg(long, default_value_t = 10_000)]
    first: u64,
}

/// Plays round after round with seeds that were not played before.
///
/// # Errors
///
/// When a promise does not hold: the seed and its workflow are printed before.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let begun = Instant::now();
    let mut first = arguments.first;
    loop {
        let mut play = command::cargo(root);
        play.args(["test", "--release", "--workspace", "--test", "simulation", "--quiet"])
            .env("TASKLOOM_FIRST_SEED", first.to_string())
            .env("TASKLOOM_SEEDS", SEEDS_AT_ONCE.to_string());
        command::run(&format!("seeds {first} to {}", first + SEEDS_AT_ONCE - 1), &mut play)?;
        first += SEEDS_AT_ONCE;
        let played = first - arguments.first;
        println!("== {played} seeds in {} s, every promise held", begun.elapsed().as_secs());
        if begun.elapsed() >= arguments.time {
            return Ok(());
        }
    }
}

/// A time as people write it: a whole number and a unit.
///
/// # Errors
///
/// When it is not.
pub(crate) fn duration(text: &str) -> Result<Duration> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    let parsed = units.iter().find_map(|(unit, seconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(Duration::from_secs(number.checked_mul(*seconds)?))
    });
    match parsed {
        Some(duration) => Ok(duration),
        None => {
            bail!("`{text}` is no duration: a whole number and `s`, `m`, `h` or `d`, such as `8h`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        let read = |text| duration(text).ok().map(|time| time.as_secs());
        assert_eq!([read("30s"), read("2m"), read("8h")], [Some(30), Some(120), Some(28_800)]);
        assert_eq!([read("8"), read("h"), read("1.5h"), read("99999999999999999999d")], [None; 4]);
    }
}
