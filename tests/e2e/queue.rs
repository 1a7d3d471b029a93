//! Runs that share a concurrency key while their host is killed again and again: one after another, in
//! the order of their starts, and none is left waiting.

use std::time::Duration;

use serde_json::{Value, json};

use crate::host::{Folders, Host};

/// How often the process is killed.
const KILLS: u32 = 25;

/// Runs that are started before each kill.
const RUNS_PER_LIFE: u32 = 3;

const WORKFLOW: &str = r#"
id = "queue"
version = "1.0.0"
config = { concurrency = { key = "all" } }

[[tasks]]
id = "pause"
kind = "wait"
for = "5ms"
"#;

#[test]
fn a_queue_of_runs_survives_any_kill() {
    let folders = Folders::new(&[], &[("queue.toml", WORKFLOW)]);
    let mut runs = Vec::new();
    let mut luck = fastrand::Rng::with_seed(11);
    for life in 0..KILLS {
        let host = Host::start(&folders);
        for n in 0..RUNS_PER_LIFE {
            runs.extend(host.start_run_once("queue", &json!({}), &format!("{life}-{n}")));
        }
        // The moment of the kill is the point of this test: between an end and the next admission too.
        std::thread::sleep(Duration::from_millis(luck.u64(0..40)));
        host.kill();
    }
    let host = Host::start(&folders);
    let runs: Vec<Value> = runs.iter().map(|run| host.finished(run)).collect();
    assert!(runs.len() > KILLS as usize, "most starts were acknowledged");
    let time = |run: &Value, name: &str| run[name].as_str().expect("a time").to_owned();
    for pair in runs.windows(2) {
        assert_eq!(pair[1]["outcome"], "succeeded", "{:#}", pair[1]);
        let (end, begin) = (time(&pair[0], "ended_at"), time(&pair[1], "admitted_at"));
        assert!(end <= begin, "two runs at work: {:#}\n{:#}", pair[0], pair[1]);
    }
    host.stop();
}
