//! B1: one-task runs, one after the other, from the request to the result over HTTP.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::noops;
use crate::figures::{ms, percentile};
use crate::host::{Folders, Host, Place};
use crate::limits::Limits;
use crate::report::{Reach, Report};

const WARM_UP: usize = 100;
const RUNS: usize = 1_000;

pub(crate) fn measure(place: &Place, limits: &Limits, report: &Report) -> Result<()> {
    if !report.wants("B1") {
        return Ok(());
    }
    let folders = Folders::new(place, &["noop"], &[("one", noops("one", 1, |_| vec![]))])?;
    let host = Host::start(place, folders)?;
    let mut samples = Vec::with_capacity(RUNS);
    for n in 0..WARM_UP + RUNS {
        let start = Instant::now();
        let run = host.run("one", Some(10))?;
        if n >= WARM_UP {
            samples.push(start.elapsed());
        }
        ensure!(run["outcome"] == "succeeded", "{run:#}");
    }
    let target = 2 * limits.commit + Duration::from_millis(1);
    let note = format!(
        "one-task runs over HTTP, sequential; p99 {:.3} ms; two commits each",
        ms(percentile(&samples, 0.99))
    );
    let value = ms(percentile(&samples, 0.5));
    let limit = Some(ms(2 * limits.commit + limits.call));
    report.line("B1", (value, "ms"), limit, Reach::AtMost(ms(target)), ("full", note))
}
