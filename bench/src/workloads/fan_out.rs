//! B4: parallel no-op tasks, then a join.

use anyhow::Result;

use super::{duration_of, noops};
use crate::host::{Folders, Host, Place};
use crate::limits::Limits;
use crate::report::{Reach, Report};

/// Tasks a second to reach.
const TARGET: f64 = 15_000.0;

pub(crate) fn measure(place: &Place, limits: &Limits, report: &Report) -> Result<()> {
    for (id, width) in [("B4.fan-out-1000", 1_000), ("B4.fan-out-10000", 10_000)] {
        if !report.wants(id) {
            continue;
        }
        let join = move |task: usize| if task == width { (0..width).collect() } else { vec![] };
        let source = noops("fan", width + 1, join);
        let host = Host::start(place, Folders::new(place, &["noop"], &[("fan", source)])?)?;
        host.finished("fan")?;
        let mut best = f64::MAX;
        for _ in 0..3 {
            best = best.min(duration_of(&host.finished("fan")?)?.as_secs_f64());
        }
        let cores = std::thread::available_parallelism()?.get() as f64;
        let limit = Some(cores / limits.call.as_secs_f64());
        let note = format!(
            "{width} parallel no-op tasks and a join, best of 3; limit = cores / limit-call"
        );
        let value = width as f64 / best;
        report.line(id, (value, "tasks/s"), limit, Reach::AtLeast(TARGET), ("full", note))?;
    }
    Ok(())
}
