//! B2: one-task runs of many clients at once.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::noops;
use crate::clients::{Answers, Clients};
use crate::host::{Folders, Host, Place};
use crate::limits::Limits;
use crate::report::{Reach, Report};

const CLIENTS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(5);

/// Runs a second to reach.
const TARGET: f64 = 5_000.0;

pub(crate) fn measure(place: &Place, limits: &Limits, report: &Report) -> Result<()> {
    if !report.wants("B2") {
        return Ok(());
    }
    let folders = Folders::new(place, &["noop"], &[("one", noops("one", 1, |_| vec![]))])?;
    let host = Host::start(place, folders)?;
    host.finished("one")?;
    let clients = Clients::start(host.socket_address(), "one", CLIENTS, Answers::Dropped);
    thread::sleep(WARM_UP);
    let value = clients.rate(MEASURED);
    clients.stop()?;
    let cores = thread::available_parallelism()?.get() as f64;
    let limit = Some(cores / limits.call.as_secs_f64());
    let note = format!(
        "one-task runs over HTTP, {CLIENTS} clients on the same cores, each waits for its result; \
         limit = cores / limit-call"
    );
    report.line("B2", (value, "runs/s"), limit, Reach::AtLeast(TARGET), ("full", note))
}
