//! What a doctor says of a data folder.

use std::fs;

use serde_json::Value;

use crate::place::{Host, Place};

const WAITS: &str = r#"
id = "waits"
version = "1.0.0"
[[tasks]]
id = "before"
type = "hostile.echo"
input = "said"
[[tasks]]
id = "go"
kind = "wait"
signal = "go"
needs = ["before"]
"#;

/// Starts a run that has pinned its plugin and waits when the host dies.
fn left_waiting(place: &Place) -> String {
    let host = Host::start(place);
    let on = format!("--server {}", host.address);
    let run = place.taskloom(&format!("runs start waits {on}")).expect(0).out.trim().to_owned();
    let is_waiting = |run: &Value| run["tasks"][1]["status"] == "waiting";
    for _ in 0..2_000 {
        let shown = place.taskloom(&format!("runs show {run} --json {on}")).expect(0).json();
        if is_waiting(&shown) {
            return run;
        }
    }
    panic!("run {run} does not wait")
}

#[test]
fn a_version_that_a_live_run_keeps_and_that_is_nowhere_is_told() {
    let place = Place::new();
    place.write("workflows/waits.toml", WAITS);
    let run = left_waiting(&place);
    place.taskloom("doctor --data data").expect(0).says(&["sound"]);
    place.taskloom("backup --data data copy").expect(0);

    fs::remove_dir_all(place.path("data/plugins")).expect("removed");
    // The file has it still, and the next start keeps it again.
    place.taskloom("doctor --data data").expect(0).says(&["sound"]);
    fs::remove_file(place.path("plugins/hostile.wasm")).expect("removed");
    let told = place.taskloom("doctor --data data").expect(1);
    told.says(&[
        "error: data/plugins/",
        "plugin `hostile` is nowhere, and 1 live runs keep it",
        &run,
    ]);
    let copied = place.taskloom("backup --data data other").expect(0);
    copied.says(&["1 versions of plugins that live runs keep were missing", "taskloom doctor"]);

    place.taskloom("restore --data data copy").expect(0);
    place.taskloom("doctor --data data").expect(0).says(&["sound"]);
}
