//! B6: a graph of 100,000 tasks: checked, planned and run.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::duration_of;
use crate::figures::{mb, ms};
use crate::host::{Folders, Host, Place};
use crate::report::{Reach, Report};

const TASKS: usize = 100_000;

/// Tasks side by side in a layer; each needs two of the layer before.
const WIDTH: usize = 100;

/// Memory that the host may have at its peak, in MB.
const MEMORY_MAX: f64 = 300.0;

/// How much more a task of the large graph may cost than one of a graph of a tenth.
const LINEAR: f64 = 1.5;

pub(crate) fn measure(place: &Place, report: &Report) -> Result<()> {
    let ids = ["B6.validate", "B6.plan", "B6.run", "B6.memory"];
    if !ids.iter().any(|id| report.wants(id)) {
        return Ok(());
    }
    let (small, large) = (layers("graph", TASKS / 10), layers("graph", TASKS));
    let (tenth, _) = validated(place, &small)?;
    let (whole, validator) = validated(place, &large)?;
    let ratio = whole.as_secs_f64() / tenth.as_secs_f64() / 10.0;
    let note = format!(
        "`taskloom validate`: {TASKS} tasks in {:.0} ms, {} in {:.0} ms; value = cost of a task over that of \
         the smaller graph",
        ms(whole),
        TASKS / 10,
        ms(tenth)
    );
    report.line("B6.validate", (ratio, "ratio"), None, Reach::AtMost(LINEAR), ("none", note))?;

    let folders = |source| Folders::new(place, &["noop"], &[("graph", source)]);
    let tenth = duration_of(&Host::start(place, folders(small)?)?.finished("graph")?)?;
    let host = Host::start(place, folders(large)?)?;
    let planned = Instant::now();
    let run = host.run("graph", None)?;
    let plan = planned.elapsed().as_secs_f64();
    let note = format!("from the request to the run on disk with its first {WIDTH} tasks claimed");
    report.line("B6.plan", (plan, "s"), None, Reach::AtMost(1.0), ("full", note))?;

    let run = host.ended(&run)?;
    let whole = duration_of(&run)?;
    ensure!(run["outcome"] == "succeeded", "the large run: {}", run["outcome"]);
    let ratio = whole.as_secs_f64() / tenth.as_secs_f64() / 10.0;
    let note = format!(
        "{TASKS} tasks in {:.1} s, {:.0} tasks/s; value = cost of a task over that of a tenth of the graph",
        whole.as_secs_f64(),
        TASKS as f64 / whole.as_secs_f64()
    );
    report.line("B6.run", (ratio, "ratio"), None, Reach::AtMost(LINEAR), ("full", note))?;

    let memory = mb(validator.max(host.memory_peak()?));
    let note = "resident memory at its peak, of the validation and of the host from its start to the end of the run";
    report.line("B6.memory", (memory, "MB"), None, Reach::AtMost(MEMORY_MAX), ("full", note))
}

/// How long it takes to check a text, and the memory for it in bytes.
fn validated(place: &Place, source: &str) -> Result<(Duration, u64)> {
    let folder = place.scratch()?;
    let file = folder.path().join("graph.toml");
    std::fs::write(&file, source)?;
    let begun = Instant::now();
    let memory = place.validate(&file)?;
    Ok((begun.elapsed(), memory))
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
