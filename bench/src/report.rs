//! What is printed: a line a workload.

use anyhow::Result;
use serde::Serialize;

use crate::host::Place;

/// Prints lines as they are measured.
pub(crate) struct Report {
    json: bool,
    wanted: Vec<String>,
}

/// What a workload came to.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    pub(crate) id: &'a str,
    pub(crate) value: f64,
    pub(crate) unit: &'a str,
    /// The physical limit it is compared with, in the same unit, measured in this run.
    pub(crate) limit: Option<f64>,
    /// `value / limit`.
    pub(crate) ratio: Option<f64>,
    /// What is to be reached, in the same unit.
    pub(crate) target: Option<f64>,
    pub(crate) met: bool,
    pub(crate) durability: &'a str,
    pub(crate) note: String,
}

/// How a value is compared with its target.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reach {
    /// The value may be at most this.
    AtMost(f64),
    /// The value must be at least this.
    AtLeast(f64),
    /// There is nothing to reach: a limit, or a figure for comparison.
    Nothing,
}

impl Report {
    pub(crate) fn new(json: bool, wanted: Vec<String>) -> Self {
        Self { json, wanted }
    }

    /// Whether a workload, such as `B3.chain-40`, was asked for.
    pub(crate) fn wants(&self, id: &str) -> bool {
        let matches = |wanted: &String| {
            id.eq_ignore_ascii_case(wanted)
                || id.to_ascii_lowercase().starts_with(&format!("{}.", wanted.to_ascii_lowercase()))
        };
        self.wanted.is_empty() || self.wanted.iter().any(matches)
    }

    /// Prints what was measured on.
    pub(crate) fn machine(&self, place: &Place) -> Result<()> {
        if self.json {
            return Ok(());
        }
        let cores = std::thread::available_parallelism()?.get();
        let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("");
        let model = model.trim_start_matches(['\t', ' ', ':']);
        println!("machine: {cores} cores, {model}");
        println!("isolation: a fresh WebAssembly instance per task");
        println!("durability: full = on disk (fdatasync) before the next task starts");
        println!("data: {}", place.file_system()?);
        println!(
            "{:<18} {:>12} {:<8} {:>12} {:>7} {:>12}  {:<4} note",
            "id", "value", "unit", "limit", "ratio", "target", "met"
        );
        Ok(())
    }

    /// Prints a line.
    pub(crate) fn line(
        &self,
        id: &str,
        (value, unit): (f64, &str),
        limit: Option<f64>,
        reach: Reach,
        (durability, note): (&str, impl Into<String>),
    ) -> Result<()> {
        let (target, met) = match reach {
            Reach::AtMost(target) => (Some(target), value <= target),
            Reach::AtLeast(target) => (Some(target), value >= target),
            Reach::Nothing => (None, true),
        };
        let ratio = limit.map(|limit| value / limit);
        let line =
            Line { id, value, unit, limit, ratio, target, met, durability, note: note.into() };
        if self.json {
            println!("{}", serde_json::to_string(&line)?);
        } else {
            let number = |value: Option<f64>| value.map_or("–".to_owned(), |v| format!("{v:.3}"));
            println!(
                "{:<18} {:>12.3} {:<8} {:>12} {:>7} {:>12}  {:<4} {}",
                line.id,
                line.value,
                line.unit,
                number(line.limit),
                line.ratio.map_or("–".to_owned(), |r| format!("{r:.2}")),
                number(line.target),
                if met { "yes" } else { "NO" },
                line.note
            );
        }
        Ok(())
    }
}
