//! What can be wrong around the host: each a clear error, and nothing is lost.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use crate::host::{Folders, Host, run, taskloom};

const WORKFLOW: &str =
    "id = \"ok\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"a\"\ntype = \"noop.run\"\n";

fn folders() -> Folders {
    Folders::new(&["noop"], &[("ok.toml", WORKFLOW)])
}

/// Starts a host that must not start, and gives what it says.
fn refusal(folders: &Folders, listen: &str) -> String {
    let mut command = taskloom();
    let done = run(command.args(["serve", "--listen", listen]).args(folders.arguments()), "");
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(!done.err.contains("panicked"), "{}", done.err);
    done.err
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let said = refusal(&folders(), &address);
    assert!(said.contains(&address) && said.contains("in use"), "{said}");
}

#[test]
fn a_data_folder_belongs_to_one_host() {
    let folders = folders();
    let first = Host::start(&folders);
    let said = refusal(&folders, "127.0.0.1:0");
    assert!(said.contains("another host") && said.contains("data"), "{said}");
    let done = first.finished(&first.start_run("ok", &json!({})));
    assert_eq!(done["outcome"], "succeeded", "the first host is not disturbed");
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let folders = folders();
    // A file where the folder should be cannot be written into, whoever asks: root too.
    fs::write(folders.data(), "in the way").expect("written");
    fs::set_permissions(folders.data(), fs::Permissions::from_mode(0o444)).expect("set");
    let said = refusal(&folders, "127.0.0.1:0");
    assert!(said.contains(&folders.data().display().to_string()), "{said}");
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let folders = folders();
    Host::start(&folders).stop();
    let database = folders.data().join("taskloom.db");
    let connection = rusqlite::Connection::open(&database).expect("opens");
    connection.pragma_update(None, "user_version", 9_999).expect("set");
    drop(connection);
    let before = fs::read(&database).expect("readable");
    let said = refusal(&folders, "127.0.0.1:0");
    assert!(said.contains("newer"), "{said}");
    assert_eq!(fs::read(&database).expect("readable"), before, "nothing was written");
}

#[test]
fn a_broken_workflow_file_is_reported_and_the_others_are_served() {
    let folders = folders();
    fs::write(
        folders.workflows().join("broken.toml"),
        "id = \"broken\"\nversoin = \"1\"\n[[tasks\n",
    )
    .expect("written");
    let host = Host::start(&folders);
    let done = host.finished(&host.start_run("ok", &json!({})));
    assert_eq!(done["outcome"], "succeeded", "{done:#}");
}

#[test]
fn wrong_configuration_is_reported_whole() {
    let folders = folders();
    let config = folders.file("taskloom.toml", "[server]\nlisten = 5\nlsiten = \"x\"\n[slot]\n");
    let mut command = taskloom();
    command.args(["serve", "--config"]).arg(&config).args(folders.arguments());
    let done = run(&mut command, "");
    assert_eq!(done.code, 2, "{}", done.err);
    for part in ["taskloom.toml:2:", "taskloom.toml:3:", "`listen`", "slots"] {
        assert!(done.err.contains(part), "`{part}` in:\n{}", done.err);
    }
}
