//! Guests that compute forever in every slot stop nobody else.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::host::{Folders, Host};

const SPIN: &str = r#"
id = "spin"
version = "1.0.0"

[[tasks]]
id = "spin"
type = "hostile.spin"
timeout = "30s"
limits = { fuel = 1_000_000_000_000 }
"#;

const TIMER: &str = r#"
id = "timer"
version = "1.0.0"

[[tasks]]
id = "flaky"
type = "hostile.fail"
input = { class = "retryable" }
retry = { max_attempts = 2, initial = "100ms", jitter = "none" }
"#;

const IO: &str = r#"
id = "io"
version = "1.0.0"

[[tasks]]
id = "wait"
type = "hostile.spin-io"
timeout = "300ms"
limits = { fuel = 1_000_000_000_000 }
"#;

#[test]
fn guests_that_spin_in_every_slot_delay_neither_http_nor_timers_nor_io_tasks() {
    let files = [("spin.toml", SPIN), ("timer.toml", TIMER), ("io.toml", IO)];
    let folders = Folders::new(&["hostile"], &files);
    let host = Host::start_with(&folders, &[("TASKLOOM_SLOTS_CPU", "2")]);
    let spinning: Vec<String> = (0..4).map(|_| host.start_run("spin", &json!({}))).collect();
    for run in &spinning[..2] {
        host.when(run, |run| run["tasks"][0]["status"] == "running");
    }

    let before = Instant::now();
    host.get("/health");
    assert!(before.elapsed() < Duration::from_secs(1), "HTTP waits for a guest");

    // A task of another class gets its slot, and its timeout fires while every core is taken.
    let io = host.finished(&host.start_run("io", &json!({})));
    assert_eq!(io["outcome"], "failed", "{io:#}");
    assert_eq!(io["tasks"][0]["attempts"][0]["failure"]["code"], "timeout", "{io:#}");

    for run in &spinning {
        let (status, answer) = host.post(&format!("/runs/{run}/cancel"), &json!({}), &[]);
        assert!(status == 202 || status == 200, "{answer}");
    }
    for run in &spinning {
        let run = host.finished(run);
        assert_eq!(run["outcome"], "cancelled", "{run:#}");
    }

    // The slots are free again, and backoff timers fire.
    let timer: Value = host.finished(&host.start_run("timer", &json!({})));
    assert_eq!(timer["tasks"][0]["attempts"].as_array().expect("a list").len(), 2, "{timer:#}");
}
