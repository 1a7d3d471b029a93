//! Measures Taskloom beside the physical limits of the machine it runs on.
//!
//! Each workload prints one line; the program itself is measured as it ships, started with its
//! defaults, over HTTP, and durations come from its own records. See `docs/performance.md`.

mod clients;
mod copies;
#[path = "../../tests/corpus/mod.rs"]
mod corpus;
mod figures;
mod host;
mod limits;
mod report;
mod workloads;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use limits::Limits;
use report::Report;

/// Measures Taskloom beside the limits of this machine.
#[derive(Debug, Parser)]
struct Arguments {
    /// Workloads, such as `B1` or `B3.chain-1000`; all of them if none is named.
    ids: Vec<String>,
    /// Print a JSON line per workload.
    #[arg(long)]
    json: bool,
    /// The root of the repository, where plugins and test guests were built.
    #[arg(long, default_value = ".")]
    root: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let place = host::Place::new(&arguments.root)?;
    let report = Report::new(arguments.json, arguments.ids);
    report.machine(&place)?;
    // Every ratio is against a limit measured in the same run.
    let limits = Limits::measure(&place, &report)?;
    workloads::latency::measure(&place, &limits, &report)?;
    workloads::throughput::measure(&place, &limits, &report)?;
    workloads::chain::measure(&place, &report)?;
    workloads::fan_out::measure(&place, &limits, &report)?;
    workloads::dispatch::measure(&place, &report)?;
    workloads::large::measure(&place, &report)?;
    workloads::history::measure(&place, &report)?;
    workloads::languages::measure(&place, &report)?;
    workloads::memory::measure(&place, &report)?;
    workloads::many_plugins::measure(&place, &report)?;
    workloads::scheduling::measure(&place, &limits, &report)?;
    workloads::neighbours::measure(&place, &report)?;
    workloads::hostile::measure(&place, &limits, &report)?;
    workloads::reload::measure(&place, &report)?;
    Ok(())
}
