//! The workloads, one file each.

pub(crate) mod chain;
pub(crate) mod dispatch;
pub(crate) mod fan_out;
pub(crate) mod history;
pub(crate) mod hostile;
pub(crate) mod languages;
pub(crate) mod large;
pub(crate) mod latency;
pub(crate) mod many_plugins;
pub(crate) mod memory;
pub(crate) mod neighbours;
pub(crate) mod reload;
pub(crate) mod scheduling;
pub(crate) mod throughput;

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// A workflow of no-op tasks, each of which needs those that `needs` says.
fn noops(id: &str, count: usize, needs: impl Fn(usize) -> Vec<usize>) -> String {
    let mut source = format!("id = \"{id}\"\nversion = \"1.0.0\"\n");
    for task in 0..count {
        let needs: Vec<String> = needs(task).iter().map(|n| format!("\"t{n}\"")).collect();
        let _ = write!(
            source,
            "[[tasks]]\nid = \"t{task}\"\ntype = \"noop.run\"\nneeds = [{}]\n",
            needs.join(", ")
        );
    }
    source
}

/// How long a run took, by its own record.
fn duration_of(run: &Value) -> Result<Duration> {
    between(&run["started_at"], &run["ended_at"])
}

/// The time between two of the host's timestamps (RFC 3339, UTC, milliseconds).
fn between(from: &Value, to: &Value) -> Result<Duration> {
    let ms = epoch_ms(to)?.saturating_sub(epoch_ms(from)?);
    Ok(Duration::from_millis(ms.try_into().unwrap_or(0)))
}

fn epoch_ms(time: &Value) -> Result<i64> {
    let text = time.as_str().context("no time")?;
    let time: jiff::Timestamp = text.parse().with_context(|| format!("`{text}` is no time"))?;
    Ok(time.as_millisecond())
}
