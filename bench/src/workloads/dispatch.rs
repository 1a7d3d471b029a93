//! B5: what the engine adds to a task when the journal lies in memory.

use anyhow::Result;

use super::{duration_of, noops};
use crate::figures::us;
use crate::host::{Folders, Host, Place};
use crate::limits::Beside;
use crate::report::{Reach, Report};

const LENGTH: usize = 1_000;
const REPEATS: usize = 10;

pub(crate) fn measure(place: &Place, report: &Report) -> Result<()> {
    if !report.wants("B5") {
        return Ok(());
    }
    let chain = noops("chain", LENGTH, |task| task.checked_sub(1).into_iter().collect());
    let folders = Folders::new(place, &["noop"], &[("chain", chain)])?.in_memory()?;
    let host = Host::start_with(place, folders, &[("TASKLOOM_DATA_DURABILITY", "process")])?;
    host.finished("chain")?;
    let mut beside = Beside::new(place)?;
    let mut total = 0.0;
    for _ in 0..REPEATS {
        beside.measure_calls(LENGTH.try_into()?)?;
        total += us(duration_of(&host.finished("chain")?)?);
    }
    let per_task = total / (REPEATS * LENGTH) as f64;
    let limit = us(beside.call());
    let value = per_task - limit;
    let note = format!(
        "chain of {LENGTH}, journal on a memory file system: {per_task:.0} µs a task less one bare call; \
         limit: as many bare calls before each of {REPEATS} runs, mean"
    );
    report.line("B5", (value, "us"), Some(limit), Reach::AtMost(2.0 * limit), ("memory", note))
}
