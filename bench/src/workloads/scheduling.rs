//! B8: from ready to started, with free slots.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{between, noops};
use crate::figures::{ms, percentile};
use crate::host::{Folders, Host, Place};
use crate::limits::Limits;
use crate::report::{Reach, Report};

const LENGTH: usize = 1_000;

pub(crate) fn measure(place: &Place, limits: &Limits, report: &Report) -> Result<()> {
    if !report.wants("B8") {
        return Ok(());
    }
    let host = Host::start(place, Folders::new(place, &["noop"], &[("chain", chain())])?)?;
    measure_on(&host, "B8", limits, report)
}

/// The workflow `chain`.
pub(super) fn chain() -> String {
    noops("chain", LENGTH, |task| task.checked_sub(1).into_iter().collect())
}

/// Measures on a host that has the plugin `noop` and the workflow [`chain`].
pub(super) fn measure_on(host: &Host, id: &str, limits: &Limits, report: &Report) -> Result<()> {
    host.finished("chain")?;
    let run = host.finished("chain")?;
    let mut waits = Vec::with_capacity(LENGTH);
    for task in host.tasks(&run)? {
        let attempt = &task["attempts"][0];
        waits.push(between(&attempt["ready_at"], &attempt["started_at"]).context("an attempt")?);
    }
    let target = limits.commit_p99 + Duration::from_millis(1);
    let note = format!(
        "ready to started in a chain of {LENGTH}, p99 (whole milliseconds); p50 {:.0} ms",
        ms(percentile(&waits, 0.5))
    );
    let value = ms(percentile(&waits, 0.99));
    let limit = Some(ms(limits.commit_p99));
    report.line(id, (value, "ms"), limit, Reach::AtMost(ms(target)), ("full", note))
}
