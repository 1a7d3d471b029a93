//! B3: sequential no-op tasks; time per task, and whether it grows with the number of the step.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{between, duration_of, noops};
use crate::figures::ms;
use crate::host::{Folders, Host, Place};
use crate::limits::Beside;
use crate::report::{Reach, Report};

/// The steps around which the cost is looked at.
const STEPS: [usize; 4] = [10, 100, 1_000, 10_000];

/// Tasks on each side of such a step.
const AROUND: usize = 50;

/// How much more than a bare commit and a bare call a step may take.
const TIMES_THE_LIMIT: f64 = 1.5;

pub(crate) fn measure(place: &Place, report: &Report) -> Result<()> {
    for (id, length, repeats) in [("B3.chain-40", 40, 50), ("B3.chain-1000", 1_000, 5)] {
        if !report.wants(id) {
            continue;
        }
        let host = start(place, length)?;
        let mut beside = Beside::new(place)?;
        host.finished("chain")?;
        let mut total = 0.0;
        for _ in 0..repeats {
            beside.measure(length.try_into()?)?;
            total += ms(duration_of(&host.finished("chain")?)?);
        }
        let (value, limit) = (total / (repeats * length) as f64, ms(beside.step()));
        let note = format!(
            "{length} sequential no-op tasks, per task, {repeats} runs; limit: as many bare commits and \
             calls before each"
        );
        let target = Reach::AtMost(limit * TIMES_THE_LIMIT);
        report.line(id, (value, "ms"), Some(limit), target, ("full", note))?;
    }
    flatness(place, report)
}

fn start(place: &Place, length: usize) -> Result<Host> {
    let chain = noops("chain", length, |task| task.checked_sub(1).into_iter().collect());
    Host::start(place, Folders::new(place, &["noop"], &[("chain", chain)])?)
}

/// The cost of a step around step 10, 100, 1,000 and 10,000 of one run.
fn flatness(place: &Place, report: &Report) -> Result<()> {
    if !report.wants("B3.flat") {
        return Ok(());
    }
    let host = start(place, STEPS[3] + AROUND)?;
    let run = host.finished("chain")?;
    let tasks = host.tasks(&run)?;
    let mut costs = Vec::new();
    for step in STEPS {
        let (from, to) = (step.saturating_sub(AROUND), (step + AROUND).min(tasks.len() - 1));
        let took = between(end_of(&tasks[from])?, end_of(&tasks[to])?)?;
        costs.push(ms(took) / (to - from) as f64);
    }
    let growth = costs[3] / costs[1];
    let note = format!(
        "ms per task around step 10 / 100 / 1,000 / 10,000: {:.3} / {:.3} / {:.3} / {:.3}; \
         value = step 10,000 over step 100",
        costs[0], costs[1], costs[2], costs[3]
    );
    report.line("B3.flat", (growth, "ratio"), None, Reach::AtMost(1.5), ("full", note))
}

fn end_of(task: &Value) -> Result<&Value> {
    let attempts = task["attempts"].as_array().context("no attempts")?;
    Ok(&attempts.last().context("no attempt")?["ended_at"])
}
