//! B9: what others notice of guests that compute in every slot of theirs.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::between;
use crate::clients::{Answers, Clients};
use crate::figures::{ms, percentile};
use crate::host::{Folders, Host, Place};
use crate::report::{Reach, Report};

const CLIENTS: usize = 8;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(5);

/// More than there are slots of class `cpu` by default.
const SPINNING: usize = 32;

/// How long the timer is set, how often, and how late it may be.
const TIMER: Duration = Duration::from_millis(50);
const TIMERS: usize = 40;
const LATE_MAX: f64 = 20.0;

/// Requests, and how long one in a hundred may take, in milliseconds.
const REQUESTS: usize = 500;
const REQUEST_MAX: f64 = 50.0;

pub(crate) fn measure(place: &Place, report: &Report) -> Result<()> {
    if !["B9.timer", "B9.http", "B9.io"].iter().any(|id| report.wants(id)) {
        return Ok(());
    }
    let host = Host::start(place, Folders::new(place, &["hostile"], &workflows())?)?;
    measure_on(&host, "B9", report)
}

/// Measures on a host that has the plugin `hostile` and these [`workflows`]; the lines are `<id>.timer`,
/// `<id>.http` and `<id>.io`.
pub(super) fn measure_on(host: &Host, id: &str, report: &Report) -> Result<()> {
    let [timer, http, io] = ["timer", "http", "io"].map(|part| format!("{id}.{part}"));
    let alone = throughput(host)?;
    let spinning: Vec<Value> =
        (0..SPINNING).map(|_| host.run("spin", None)).collect::<Result<_>>()?;
    let first = spinning[0]["id"].as_str().context("no id")?;
    while host.get(&format!("/runs/{first}"))?["tasks"][0]["status"] != "running" {
        thread::sleep(Duration::from_millis(20));
    }

    let mut late = Vec::new();
    for _ in 0..TIMERS {
        let run = host.finished("timer")?;
        late.push(between(&run["started_at"], &run["ended_at"])?.saturating_sub(TIMER));
    }
    let note = format!(
        "a wait of {} ms, p99 of {TIMERS} while guests spin in every cpu slot, whole ms",
        TIMER.as_millis()
    );
    let value = ms(percentile(&late, 0.99));
    report.line(&timer, (value, "ms"), None, Reach::AtMost(LATE_MAX), ("full", note))?;

    let mut took = Vec::new();
    for _ in 0..REQUESTS {
        let begun = Instant::now();
        host.get("/runs?limit=10")?;
        took.push(begun.elapsed());
    }
    let note = format!("a page of runs over HTTP, p99 of {REQUESTS}, while guests spin");
    let value = ms(percentile(&took, 0.99));
    report.line(&http, (value, "ms"), None, Reach::AtMost(REQUEST_MAX), ("full", note))?;

    let beside = throughput(host)?;
    let last = host.get(&format!("/runs/{first}"))?;
    ensure!(last["outcome"].is_null(), "the guests did not spin to the end: {last}");
    let note = format!(
        "runs of class io with {CLIENTS} clients: {beside:.0}/s beside spinning guests, {alone:.0}/s alone"
    );
    report.line(&io, (beside / alone, "ratio"), None, Reach::AtLeast(0.5), ("full", note))
}

fn throughput(host: &Host) -> Result<f64> {
    let clients = Clients::start(host.socket_address(), "io", CLIENTS, Answers::Dropped);
    thread::sleep(WARM_UP);
    let rate = clients.rate(MEASURED);
    clients.stop()?;
    Ok(rate)
}

pub(super) fn workflows() -> [(&'static str, String); 3] {
    let head = |id: &str| format!("id = \"{id}\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"a\"\n");
    let spin =
        "type = \"hostile.spin\"\ntimeout = \"10m\"\nlimits = { fuel = 1_000_000_000_000 }\n";
    let io = "type = \"hostile.inject-header\"\ninput = { name = \"x-a\", value = \"b\" }\n";
    let timer = format!("kind = \"wait\"\nfor = \"{}ms\"\n", TIMER.as_millis());
    [("spin", head("spin") + spin), ("io", head("io") + io), ("timer", head("timer") + &timer)]
}
