//! The main job from end to end: a host, its plugins, one run started through the HTTP API.

mod api;
mod events;
#[cfg(test)]
mod fake;
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
    use serde_json::json;

    use super::api::Api;
    use super::{analyse, fake, read_input};

    const RUNNING: &str = r#"{"id": "r1", "outcome": null, "output": null, "tasks": []}"#;
    const ENDED: &str = r##"{"id": "r1", "outcome": "succeeded", "output": {"report": "# It works"}, "tasks": []}"##;
    const EVENTS: &str = "text/event-stream";
    const JSON: &str = "application/json";

    #[test]
    fn a_run_is_followed_to_its_report_also_when_the_stream_breaks() {
        let (address, requests) = fake::host(vec![
            (201, JSON, r#"{"id": "r1"}"#),
            (200, EVENTS, "id: 1\nevent: run-started\ndata: {}\n\n"),
            (200, JSON, RUNNING),
            (200, JSON, RUNNING),
            (200, EVENTS, ": hello\n\nid: 2\nevent: run-finished\ndata: {}\n\n"),
            (200, JSON, ENDED),
        ]);
        let run = analyse(&Api::new(&address), &json!({"action": "opened"})).expect("it runs");
        assert_eq!(run.report(), Some("# It works"));
        assert_eq!(
            requests.join().expect("every request came"),
            [
                "POST /api/v1/workflows/issue-analysis/runs",
                "GET /api/v1/runs/r1/events",
                "GET /api/v1/runs/r1",
                "GET /api/v1/runs/r1",
                "GET /api/v1/runs/r1/events after 1",
                "GET /api/v1/runs/r1",
            ]
        );
    }

    #[test]
    fn an_input_that_the_workflow_refuses_is_told_by_its_problems() {
        let problem =
            r#"{"title": "Invalid input", "code": "invalid-input", "detail": "it has no issue"}"#;
        let (address, requests) = fake::host(vec![(422, "application/problem+json", problem)]);
        let error = analyse(&Api::new(&address), &json!({})).expect_err("it is refused");
        requests.join().expect("the request came");
        let error = format!("{error:#}");
        assert!(error.contains("HTTP 422 invalid-input: it has no issue"), "{error}");
    }

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
