//! A host with many plugins: how long it takes to start with their compiled code in the cache, and what it holds.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::copies::renamed;
use crate::figures::{mb, ms, percentile};
use crate::host::{Folders, Host, Place};
use crate::report::{Reach, Report};

const PLUGINS: usize = 50;
const STARTS: usize = 5;

/// From the start of the process until the last plugin can be called, in milliseconds.
const START_MAX: f64 = 1_000.0;

/// Memory of an idle host, in MB, as for 20 plugins.
const IDLE_MAX: f64 = 60.0;

pub(crate) fn measure(place: &Place, report: &Report) -> Result<()> {
    let (start, idle) = ("plugins.start-50", "plugins.idle-50");
    if ![start, idle].iter().any(|id| report.wants(id)) {
        return Ok(());
    }
    let mut host = Host::start(place, folders(place)?)?;
    let mut took = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        host = host.again(place)?;
        took.push(begun.elapsed());
    }
    let note = format!(
        "{PLUGINS} plugins, compiled before: from the start to the last one, median of {STARTS}"
    );
    let value = ms(percentile(&took, 0.5));
    report.line(start, (value, "ms"), None, Reach::AtMost(START_MAX), ("full", note))?;
    thread::sleep(Duration::from_secs(2));
    let value = mb(host.memory()?);
    let note = format!("resident memory, idle with {PLUGINS} plugins");
    report.line(idle, (value, "MB"), None, Reach::AtMost(IDLE_MAX), ("full", note))
}

fn folders(place: &Place) -> Result<Folders> {
    let shipped = ["github", "http", "json", "text", "hostile"];
    let folders = Folders::new(place, &shipped, &[])?;
    let noop = place.component("noop")?;
    for copy in shipped.len()..PLUGINS {
        let name = format!("np{copy:02}");
        folders.add_plugin(&name, &renamed(&noop, *b"noop", name.as_bytes().try_into()?))?;
    }
    Ok(folders)
}
