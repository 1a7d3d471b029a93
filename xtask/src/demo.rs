//! The main job from end to end: a host, its plugins, one run started through the HTTP API.

mod api;
mod events;
mod host;
mod progress;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::guests::Guests;
use crate::setup;
use api::{Api, Run};
use host::Host;
use progress::Progress;

const WORKFLOW: &str = "issue-analysis";
const DEFAULT_INPUT: &str = "workflows/inputs/issue-analysis.json";

/// What to analyse, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A GitHub `issues` webhook payload as it arrived; an invented bug report if none is given.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// End after the report instead of serving until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Where the host listens; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// Builds everything, starts a host, runs the workflow and shows what it reports.
///
/// # Errors
///
/// When the input is no JSON document or is refused by the workflow, when something does not build,
/// when the host does not start, and with `--once` when the run does not succeed.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let file = arguments.input.clone().unwrap_or_else(|| root.join(DEFAULT_INPUT));
    let input = read_input(&file)?;
    setup::guests(root, Guests::Plugins)?;
    let program = crate::program(root, "taskloom")?;

    let host = Host::start(root, &program, arguments.listen)?;
    let api = Api::new(host.address());
    println!("== host is ready at {}, its journal is in {}", host.address(), host::FOLDER);
    let analysed = analyse(&api, &input);
    if host.is_stopping() {
        return host.wait();
    }
    let run = match analysed {
        Ok(run) => run,
        Err(error) => {
            host.stop()?;
            return Err(error);
        }
    };
    println!("\n== API: {}/api/v1/runs/{}", host.address(), run.id);
    if !arguments.once {
        println!("== serving until Ctrl-C");
        return host.wait();
    }
    host.stop()?;
    match run.outcome.as_deref() {
        Some("succeeded") => Ok(()),
        outcome => bail!("the run {}", outcome.unwrap_or("did not end")),
    }
}

/// Reads a payload before anything is built, so that a typing error is told at once.
fn read_input(file: &Path) -> Result<Value> {
    if !file.is_file() {
        bail!("{} is not a file; --input takes a GitHub webhook payload", file.display());
    }
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is not a JSON document", file.display()))
}

/// Runs the workflow on `input`, shows its tasks while they run and its report at the end.
fn analyse(api: &Api, input: &Value) -> Result<Run> {
    let id = api.start(WORKFLOW, input)?;
    println!("== run {id} of {WORKFLOW}");
    let mut progress = Progress::default();
    let run = events::follow(api, &id, |run| progress.show(run))?;
    match run.report() {
        Some(report) => println!("\n{report}"),
        None => progress.explain(&run),
    }
    Ok(run)
}

#[cfg(test)]
mod tests {
    use super::read_input;

    #[test]
    fn a_folder_is_no_input() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = read_input(folder.path()).expect_err("a folder is refused").to_string();
        assert!(error.contains("is not a file"), "{error}");
    }

    #[test]
    fn an_input_that_is_no_json_is_refused_with_its_position() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("payload.json");
        std::fs::write(&file, "{\n  nothing\n}").expect("the folder is writable");
        let error = format!("{:#}", read_input(&file).expect_err("it is no JSON"));
        assert!(error.contains("not a JSON document") && error.contains("line 2"), "{error}");
    }
}
