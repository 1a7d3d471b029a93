//! B5: what the engine adds to a task when the journal lies in memory.

use anyhow::Result;

use super::{duration_of, noops};
use crate::figures::us;
use crate::host::{Folders, Host, Place};
use crate::limits::Limits;
use crate::report::{Reach, Report};

const LENGTH: usize = 1_000;
const REPEATS: usize = 5;

pub(crate) fn measure(place: &Place, limits: &Limits, report: &Report) -> Result<()> {
    if !report.wants("B5") {
        return Ok(());
    }
    let chain = noops("chain", LENGTH, |task| task.checked_sub(1).into_iter().collect());
    let folders = Folders::new(place, &["noop"], &[("chain", chain)])?.in_memory()?;
    let host = Host::start_with(place, folders, &[("TASKLOOM_DATA_DURABILITY", "process")])?;
    host.finished("chain")?;
    let mut total = 0.0;
    for _ in 0..REPEATS {
        total += us(duration_of(&host.finished("chain")?)?);
    }
    let per_task = total / (REPEATS * LENGTH) as f64;
    let value = per_task - us(limits.call);
    let note = format!(
        "chain of {LENGTH}, journal on a memory file system: {per_task:.0} µs a task less one bare call"
    );
    let limit = us(limits.call);
    report.line("B5", (value, "us"), Some(limit), Reach::AtMost(2.0 * limit), ("memory", note))
}
