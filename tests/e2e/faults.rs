//! What happens to the process from outside: it is stopped for a while, and its disk takes nothing more.

use std::time::Duration;

use serde_json::json;

use crate::host::{Folders, Host, tasks};
use crate::silence::{Silence, parked};

const WORKFLOW: &str = r#"
id = "faults"
version = "1.0.0"

[[tasks]]
id = "busy"
type = "hostile.busy"
input = { ms = 300 }
timeout = "30s"

[[tasks]]
id = "flaky"
type = "hostile.flaky"
input = { succeed_on = 2 }
retry = { max_attempts = 3, backoff = "fixed", initial = "200ms", max = "200ms", jitter = "none" }

[[tasks]]
id = "last"
type = "noop.run"
needs = ["busy", "flaky"]
"#;

/// How long the process is stopped: longer than anything of the run takes.
const STOPPED: Duration = Duration::from_millis(1_500);

fn folders() -> Folders {
    Folders::new(&["hostile", "noop"], &[("faults.toml", WORKFLOW)])
}

#[test]
fn a_host_that_was_stopped_for_a_while_goes_on_where_it_was() {
    let folders = folders();
    let host = Host::start(&folders);
    host.settled();
    let run = host.start_run("faults", &json!({}));
    host.when(&run, |run| tasks(run)["busy"]["status"] == "running");
    host.signal("STOP");
    // That time passes without the process is what is tested.
    std::thread::sleep(STOPPED);
    host.signal("CONT");
    let run = host.finished(&run);
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    let tasks = tasks(&run);
    assert_eq!(tasks["busy"]["attempts"].as_array().expect("a list").len(), 1, "{run:#}");
    assert_eq!(tasks["flaky"]["attempts"].as_array().expect("a list").len(), 2, "{run:#}");
}

#[test]
fn a_host_whose_disk_takes_nothing_more_stops_and_loses_nothing() {
    let folders = folders();
    let host = Host::start_ignoring_file_limits(&folders);
    host.settled();
    let ended = host.start_run("faults", &json!({}));
    host.finished(&ended);
    let under_way = host.start_run("faults", &json!({}));

    host.limit_files(4096);
    let refused = host.start_run_once("faults", &json!({}), "refused");
    assert_eq!(refused, None, "what could not be written is not acknowledged");
    let (status, log) = host.wait_with_log(&folders);
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("the journal could not be written"), "{log}");

    let host = Host::start(&folders);
    assert_eq!(host.get(&format!("/runs/{ended}"))["outcome"], "succeeded");
    assert_eq!(host.finished(&under_way)["outcome"], "succeeded");
    let again = host.start_run_once("faults", &json!({}), "refused").expect("is taken now");
    assert_eq!(host.finished(&again)["outcome"], "succeeded");
    assert_eq!(host.get("/runs")["runs"].as_array().expect("a list").len(), 3);
}

#[test]
fn a_task_whose_timeout_passed_while_the_host_was_stopped_has_timed_out() {
    let silence = Silence::listen();
    let folders = parked("timeout = \"1s\"", &silence);
    let host = Host::start(&folders);
    host.settled();
    let run = host.start_run("parked", &json!({ "url": silence.url() }));
    let _unanswered = silence.next();
    host.signal("STOP");
    // That time passes without the process is what is tested.
    std::thread::sleep(STOPPED);
    host.signal("CONT");
    let run = host.finished(&run);
    assert_eq!(run["outcome"], "failed", "{run:#}");
    let attempts = &tasks(&run)["parked"]["attempts"];
    assert_eq!(attempts.as_array().expect("a list").len(), 1, "{run:#}");
    assert_eq!(attempts[0]["failure"]["class"], "timeout", "{run:#}");
}
