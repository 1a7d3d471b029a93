//! SIGTERM: what runs gets a grace period, the rest resumes at the next start, uncounted.

use serde_json::json;

use crate::host::{Folders, Host, PATIENCE, tasks};

const WORKFLOW: &str = r#"
id = "slow"
version = "1.0.0"

[[tasks]]
id = "quick"
type = "hostile.busy"
input = { ms = 200 }

[[tasks]]
id = "slow"
type = "hostile.ignore-cancel"
timeout = "60s"
limits = { fuel = 1_000_000_000_000 }
retry = { max_attempts = 1 }

[[tasks]]
id = "after"
type = "noop.run"
needs = ["quick"]
"#;

#[test]
fn a_stop_gives_what_runs_a_grace_period_and_the_rest_to_the_next_start() {
    let folders = Folders::new(&["hostile", "noop"], &[("slow.toml", WORKFLOW)]);
    let environment = [("TASKLOOM_SERVER_SHUTDOWN_GRACE", "1s"), ("TASKLOOM_SLOTS_CPU", "2")];
    let host = Host::start_with(&folders, &environment);
    let run = host.start_run("slow", &json!({}));
    host.when(&run, |run| {
        let tasks = tasks(run);
        tasks["slow"]["status"] == "running" && tasks["quick"]["status"] != "pending"
    });
    assert!(host.stop().success(), "a stop that was asked for is a success");

    let host = Host::start_with(&folders, &environment);
    let now = host.when(&run, |run| tasks(run)["slow"]["status"] == "running");
    let slow = &tasks(&now)["slow"];
    let first = &slow["attempts"][0];
    assert_eq!(first["outcome"], "cancelled", "{slow:#}");
    assert_eq!(first["failure"]["code"], "shutdown", "{slow:#}");
    assert_eq!(first["counted"], false, "{slow:#}");
    assert_eq!(slow["attempts"][1]["number"], 2, "the numbers go on: {slow:#}");
    assert_eq!(tasks(&now)["quick"]["outcome"], "succeeded", "it ended within the grace period");

    let (status, answer) = host.post(&format!("/runs/{run}/cancel"), &json!({}), &[]);
    assert!(status == 202 || status == 200, "{answer}");
    assert_eq!(host.finished(&run)["outcome"], "cancelled");
}

const QUICK: &str =
    "id = \"quick\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"a\"\ntype = \"noop.run\"\n";

#[test]
fn a_stopping_host_starts_nothing_new() {
    let folders =
        Folders::new(&["hostile", "noop"], &[("slow.toml", WORKFLOW), ("quick.toml", QUICK)]);
    let environment = [("TASKLOOM_SERVER_SHUTDOWN_GRACE", "1s")];
    let host = Host::start_with(&folders, &environment);
    let run = host.start_run("slow", &json!({}));
    host.when(&run, |run| tasks(run)["slow"]["status"] == "running");
    host.terminate();
    // Runs are taken until the signal is heard, and never after.
    let deadline = std::time::Instant::now() + PATIENCE;
    while host.start_run_once_or_refused("quick", &json!({})).is_some() {
        assert!(std::time::Instant::now() < deadline, "a stopping host takes runs");
    }
    assert!(host.wait().success());
}

const OUTER: &str = r#"
id = "outer"
version = "1.0.0"

[[tasks]]
id = "first"
type = "hostile.busy"
input = { ms = 500 }

[[tasks]]
id = "inner"
kind = "workflow"
workflow = "quick"
needs = ["first"]

[[tasks]]
id = "beside"
type = "hostile.ignore-cancel"
timeout = "60s"
limits = { fuel = 1_000_000_000_000 }
"#;

#[test]
fn a_run_that_a_stopping_host_does_not_start_is_started_by_the_next() {
    let folders =
        Folders::new(&["hostile", "noop"], &[("outer.toml", OUTER), ("quick.toml", QUICK)]);
    let environment = [("TASKLOOM_SERVER_SHUTDOWN_GRACE", "3s"), ("TASKLOOM_SLOTS_CPU", "2")];
    let host = Host::start_with(&folders, &environment);
    let run = host.start_run("outer", &json!({}));
    host.when(&run, |run| {
        ["first", "beside"].iter().all(|task| tasks(run)[*task]["status"] == "running")
    });
    assert!(host.stop().success());

    let host = Host::start_with(&folders, &environment);
    let now = host.when(&run, |run| tasks(run)["inner"]["outcome"].is_string());
    let now = tasks(&now);
    let first = now["first"]["attempts"].as_array().expect("a list");
    assert_eq!(first.len(), 1, "it ended while the host was stopping: {first:#?}");
    assert_eq!(now["inner"]["outcome"], "succeeded", "{:#}", now["inner"]);
}
