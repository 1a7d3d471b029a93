//! `kill -9` at any moment: nothing that was acknowledged is lost, and every run goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use taskloom_store::{Options, Store};

use crate::host::{Folders, Host, tasks};
use crate::silence::{Silence, answer, parked};

/// How often the process is killed in the suite.
const KILLS: u32 = 60;

/// Runs that are started before each kill.
const RUNS_PER_LIFE: u32 = 3;

const WORKFLOW: &str = r#"
id = "crash"
version = "1.0.0"

[defaults]
retry = { max_attempts = 3, initial = "20ms", max = "50ms", jitter = "full" }

[[tasks]]
id = "first"
type = "hostile.echo"
input = { value = "${input.n}" }

[[tasks]]
id = "left"
type = "hostile.flaky"
input = { succeed_on = 2 }
needs = ["first"]

[[tasks]]
id = "right"
type = "hostile.busy"
input = { ms = 30 }
needs = ["first"]

[[tasks]]
id = "many_a"
type = "noop.run"
needs = ["first"]

[[tasks]]
id = "many_b"
type = "noop.run"
needs = ["first"]

[[tasks]]
id = "last"
type = "hostile.echo"
input = { left = "${tasks.left.output}", first = "${tasks.first.output}" }
needs = ["right", "many_a", "many_b"]
"#;

#[test]
fn a_killed_host_loses_nothing_and_goes_on() {
    let folders = Folders::new(&["hostile", "noop"], &[("crash.toml", WORKFLOW)]);
    let mut acknowledged: BTreeMap<String, String> = BTreeMap::new();
    let mut luck = fastrand::Rng::with_seed(7);
    for life in 0..KILLS {
        let host = Host::start_with(&folders, &[("TASKLOOM_LIMITS_LOST_MAX", "1000")]);
        // Most lives last until work is being done; the others end while plugins are loaded.
        if life % 4 != 0 {
            host.settled();
        }
        for n in 0..RUNS_PER_LIFE {
            let key = format!("{life}-{n}");
            if let Some(run) = host.start_run_once("crash", &json!({ "n": n }), &key) {
                acknowledged.insert(key, run);
            }
        }
        // The moment of the kill is the point of this test: anywhere from "just acknowledged" to
        // "all done".
        std::thread::sleep(Duration::from_millis(luck.u64(0..120)));
        host.kill();
        check_journal(&folders, &acknowledged, life);
    }
    finish(&folders, &acknowledged);
}

#[test]
fn a_host_that_is_killed_while_a_guest_waits_for_an_answer_asks_again() {
    let silence = Silence::listen();
    let folders = parked("timeout = \"60s\"", &silence);
    let host = Host::start(&folders);
    host.settled();
    let run = host.start_run("parked", &json!({ "url": silence.url() }));
    let unanswered = silence.next();
    host.kill();
    drop(unanswered);
    let host = Host::start(&folders);
    answer(silence.next());
    let run = host.finished(&run);
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    let parked = &tasks(&run)["parked"];
    // One attempt is allowed: the lost one does not count.
    assert_eq!(check_attempts(parked), 1, "{run:#}");
    assert_eq!(parked["attempts"].as_array().expect("a list").len(), 2, "{run:#}");
}

/// The journal obeys its rules, and every run that was acknowledged is in it.
fn check_journal(folders: &Folders, acknowledged: &BTreeMap<String, String>, life: u32) {
    let store = Store::open(&folders.data(), Options::default()).expect("the store opens");
    let problems = store.check().expect("the store can be checked");
    assert!(problems.is_empty(), "after kill {life}: {problems:#?}");
    for run in acknowledged.values() {
        let id = run.parse().expect("a run id");
        assert!(store.run(id).expect("readable").is_some(), "after kill {life}: {run} is lost");
    }
}

/// Every run ends well, and the attempts say what happened on the way.
fn finish(folders: &Folders, acknowledged: &BTreeMap<String, String>) {
    let host = Host::start(folders);
    let mut lost = 0;
    for (key, run) in acknowledged {
        let run = host.finished(run);
        assert_eq!(run["outcome"], "succeeded", "{key}: {run:#}");
        for task in tasks(&run).values() {
            lost += check_attempts(task);
        }
    }
    assert!(lost > 0, "some attempt was under way at some kill");
    let (status, again) = host.post(
        "/workflows/crash/runs",
        &json!({ "input": { "n": 0 } }),
        &[("idempotency-key", "0-0")],
    );
    assert!(status == 201 || status == 200, "{again}");
    if let Some(first) = acknowledged.get("0-0") {
        assert_eq!(again["id"], *first, "a key starts one run, whatever happens in between");
    }
    host.stop();
}

/// One success, at the end; numbers without a gap; what was lost is not counted.
fn check_attempts(task: &Value) -> usize {
    let attempts = task["attempts"].as_array().expect("a list");
    for (place, attempt) in attempts.iter().enumerate() {
        assert_eq!(attempt["number"], place + 1, "{task:#}");
        let last = place + 1 == attempts.len();
        assert_eq!(attempt["outcome"] == "succeeded", last, "{task:#}");
        if attempt["failure"]["class"] == "lost" {
            assert_eq!(attempt["counted"], false, "{task:#}");
        }
    }
    attempts.iter().filter(|attempt| attempt["failure"]["class"] == "lost").count()
}
