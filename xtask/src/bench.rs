//! Runs the benchmark program.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::guests::Guests;
use crate::{command, setup};

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Workloads, such as `B1` or `B3.chain-1000`; all of them if none is named.
    ids: Vec<String>,
    /// Print a JSON line per workload.
    #[arg(long)]
    json: bool,
}

/// Builds guests and the benchmark program, and runs it on the workloads that were asked for.
///
/// # Errors
///
/// When something does not build or a workload cannot be measured.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    setup::guests(root, Guests::All)?;
    // The benchmark starts the program as it ships, which lies beside it.
    crate::program(root, "taskloom")?;
    let program = crate::program(root, "taskloom-bench")?;
    let mut bench = Command::new(program);
    bench.args(&arguments.ids).current_dir(root);
    if arguments.json {
        bench.arg("--json");
    }
    command::run("measuring", &mut bench)
}
