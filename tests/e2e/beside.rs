//! Commands of another process that read the data folder of a running host.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use taskloom_store::{Options, Store};

use crate::host::{Finished, Folders, Host, run, taskloom};

const NOOP: &str =
    "id = \"noop\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"a\"\ntype = \"noop.run\"\n";

fn doctor(data: &Path) -> Value {
    let mut command = taskloom();
    let done = run(command.args(["doctor", "--json", "--min-free", "0B", "--data"]).arg(data), "");
    assert_eq!(done.code, 0, "{}", done.err);
    serde_json::from_str(&done.out).expect("JSON")
}

fn backup(folder: &Path, data: &Path, to: &str) -> Finished {
    // By a relative path, which means something else to the host.
    run(taskloom().current_dir(folder).args(["backup", "--data"]).arg(data).arg(to), "")
}

#[test]
fn a_running_host_is_copied_and_examined_by_another_process() {
    let folders = Folders::new(&["noop"], &[("noop.toml", NOOP)]);
    let place = tempfile::tempdir().expect("a folder");
    let host = Host::start(&folders);
    let id = host.start_run("noop", &json!({}));
    host.finished(&id);
    let found = doctor(&folders.data());
    assert_eq!((&found["ok"], &found["host_is_running"]), (&json!(true), &json!(true)));
    let done = backup(place.path(), &folders.data(), "copy");
    assert_eq!(done.code, 0, "{}", done.err);
    let copy = Store::open(&place.path().join("copy"), Options::default()).expect("opens");
    assert!(copy.run(id.parse().expect("an id")).expect("reads").is_some());
    copy.close();
    let done = backup(place.path(), &folders.data(), "copy");
    assert_eq!(done.code, 2);
    assert!(done.err.contains("there already"), "{}", done.err);
    fs::write(place.path().join("file"), "").expect("written");
    let done = backup(place.path(), &folders.data(), "file/copy");
    assert_eq!(done.code, 2);
    assert!(done.err.contains("the host that uses"), "{}", done.err);

    // What a killed host leaves is in nobody's way.
    host.kill();
    assert!(folders.data().join("host.sock").exists());
    assert_eq!(doctor(&folders.data())["host_is_running"], false);
    assert_eq!(backup(place.path(), &folders.data(), "of-the-dead").code, 0);
    let host = Host::start(&folders);
    assert_eq!(doctor(&folders.data())["host_is_running"], true);
    host.stop();
    assert!(!folders.data().join("host.sock").exists());
}
