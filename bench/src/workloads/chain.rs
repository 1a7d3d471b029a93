//! B3: sequential no-op tasks; time per task, and whether it grows with the number of the step.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{between, duration_of, noops};
use crate::figures::ms;
use crate::host::{Folders, Host, Place};
use crate::limits::Limits;
use crate::report::{Reach, Report};

/// The steps around which the cost is looked at.
const STEPS: [usize; 4] = [10, 100, 1_000, 10_000];

/// Tasks on each side of such a step.
const AROUND: usize = 50;

pub(crate) fn measure(place: &Place, limits: &Limits, report: &Report) -> Result<()> {
    let target = ms(limits.commit + limits.call) * 1.5;
    for (id, length, repeats) in [("B3.chain-40", 40, 25), ("B3.chain-1000", 1_000, 3)] {
        if !report.wants(id) {
            continue;
        }
        let host = start(place, length)?;
        host.finished("chain")?;
        let mut total = 0.0;
        for _ in 0..repeats {
            total += ms(duration_of(&host.finished("chain")?)?);
        }
        let value = total / (repeats * length) as f64;
        let note = format!("{length} sequential no-op tasks, per task, {repeats} runs");
        let limit = Some(ms(limits.commit + limits.call));
        report.line(id, (value, "ms"), limit, Reach::AtMost(target), ("full", note))?;
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
