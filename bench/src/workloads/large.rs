//! B6: a graph of 100,000 tasks: checked, planned and run.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::duration_of;
use crate::figures::ms;
use crate::host::{Folders, Host, Place};
use crate::report::{Reach, Report};

const TASKS: usize = 100_000;

/// Tasks side by side in a layer; each needs two of the layer before.
const WIDTH: usize = 100;

/// Memory that the host may have at the end, in MiB.
const MEMORY_MAX: f64 = 300.0;

/// How much more a task of the large graph may cost than one of a graph of a tenth.
const LINEAR: f64 = 1.5;

pub(crate) fn measure(place: &Place, report: &Report) -> Result<()> {
    let ids = ["B6.validate", "B6.plan", "B6.run", "B6.memory"];
    if !ids.iter().any(|id| report.wants(id)) {
        return Ok(());
    }
    let (small, large) = (layers("small", TASKS / 10), layers("large", TASKS));
    let folders =
        Folders::new(place, &["noop"], &[("small", small.clone()), ("large", large.clone())])?;
    let host = Host::start(place, folders)?;

    let (tenth, whole) = (validated(&host, &small)?, validated(&host, &large)?);
    let ratio = whole.as_secs_f64() / tenth.as_secs_f64() / 10.0;
    let note = format!(
        "{TASKS} tasks checked in {:.0} ms, {} in {:.0} ms; value = cost of a task over that of the tenth",
        ms(whole),
        TASKS / 10,
        ms(tenth)
    );
    report.line("B6.validate", (ratio, "ratio"), None, Reach::AtMost(LINEAR), ("none", note))?;

    let planned = Instant::now();
    let run = host.run("large", None)?;
    let plan = planned.elapsed().as_secs_f64();
    let note = format!("from the request to the run on disk with its first {WIDTH} tasks claimed");
    report.line("B6.plan", (plan, "s"), None, Reach::AtMost(1.0), ("full", note))?;

    let run = host.ended(run["id"].as_str().context("no id")?)?;
    ensure!(run["outcome"] == "succeeded", "the large run: {}", run["outcome"]);
    let small = duration_of(&host.finished("small")?)?.as_secs_f64() * 10.0;
    let seconds = duration_of(&run)?.as_secs_f64();
    let note = format!(
        "{TASKS} tasks in {seconds:.1} s, {:.0} tasks/s; value = cost of a task over that of a tenth of the graph",
        TASKS as f64 / seconds
    );
    report.line(
        "B6.run",
        (seconds / small, "ratio"),
        None,
        Reach::AtMost(LINEAR),
        ("full", note),
    )?;

    let memory = host.memory_peak()? as f64 / (1024.0 * 1024.0);
    let note = "resident memory at its peak, from the start of the host to the end of the run";
    report.line("B6.memory", (memory, "MiB"), None, Reach::AtMost(MEMORY_MAX), ("full", note))
}

/// How long the host takes to check a text; the better of two.
fn validated(host: &Host, source: &str) -> Result<Duration> {
    let mut best = Duration::MAX;
    for _ in 0..2 {
        let begun = Instant::now();
        let answer = host.validate(source)?;
        best = best.min(begun.elapsed());
        ensure!(answer["valid"] == true, "the graph is refused: {answer}");
    }
    Ok(best)
}

fn layers(id: &str, tasks: usize) -> String {
    let mut source = format!("id = \"{id}\"\nversion = \"1.0.0\"\noutput = {{}}\n");
    for task in 0..tasks {
        let _ = write!(source, "[[tasks]]\nid = \"t{task}\"\ntype = \"noop.run\"\n");
        if let Some(above) = task.checked_sub(WIDTH) {
            let beside = above - above % WIDTH + (above + 1) % WIDTH;
            let _ = writeln!(source, "needs = [\"t{above}\", \"t{beside}\"]");
        }
    }
    source
}
