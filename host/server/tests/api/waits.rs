//! Why tasks do not run, as far as only the host knows it: slots, the run's own bound, a host that stops.

use std::time::Duration;

use serde_json::{Value, json};

use crate::own::{Host, Place};

/// A workflow of tasks that run until they are stopped, side by side.
fn endless(id: &str, head: &str) -> String {
    let task = |name| {
        format!(
            "[[tasks]]\nid = \"{name}\"\ntype = \"hostile.obey-cancel\"\ntimeout = \"5m\"\n\
             limits = {{ fuel = 1_000_000_000_000 }}\n"
        )
    };
    let tasks: String = ["a", "b", "c"].map(task).concat();
    format!("id = \"{id}\"\nversion = \"1.0.0\"\n{head}\n{tasks}")
}

/// The path of a run that is started now.
fn started(host: &Host, workflow: &str) -> String {
    let run = host.post(&format!("/workflows/{workflow}/runs"), &json!({})).expect(201);
    format!("/runs/{}", run["id"].as_str().expect("an id"))
}

/// What the tasks of a run wait for.
fn waits(run: &Value) -> Vec<&str> {
    let tasks = run["tasks"].as_array().expect("a list").iter();
    tasks.map(|task| task["waiting_for"].as_str().unwrap_or_default()).collect()
}

#[test]
fn what_waits_for_a_slot_says_which_and_how_many_there_are() {
    let files = [("endless.toml", &*endless("endless", "")), ("one.toml", &*endless("one", ONE))];
    let settings = [("slots.cpu", "2"), ("slots.claim_ahead", "1")];
    let place = Place::new(&["hostile"], &files, &settings);
    let host = place.start();
    let one = started(&host, "one");
    let expected = [
        "attempt 1 is running",
        "ready, but the run's `max_parallel` of 1 is used up",
        "ready, but the run's `max_parallel` of 1 is used up",
    ];
    host.until(&one, |run| waits(run) == expected);
    let run = started(&host, "endless");
    let expected = [
        "attempt 1 is running",
        "attempt 1 is claimed, and waits for a slot: 2 of 2 of class `cpu` are taken",
        "ready, waits for a slot: 2 of 2 of class `cpu` are taken, 1 more are claimed",
    ];
    host.until(&run, |run| waits(run) == expected);
    let task = host.get(&format!("{run}/tasks/b"));
    assert_eq!(task["waiting_for"], expected[1], "{task:#}");
    host.begin_to_stop(Duration::from_secs(60));
    let stops = "ready, but the host is stopping: its next start goes on";
    host.until(&run, |run| waits(run)[2] == stops);
    host.until(&one, |run| waits(run)[1..] == [stops, stops]);
    for path in [&run, &one] {
        host.post(&format!("{path}/cancel"), &json!({})).expect(202);
    }
    host.stop();
}

const ONE: &str = "[config]\nmax_parallel = 1";
