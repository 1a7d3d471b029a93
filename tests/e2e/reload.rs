//! Plugins come, change and go while runs are live.

use std::fs;

use serde_json::json;

use crate::host::{Folders, Host, component};

const WORKFLOW: &str = r#"
id = "echo"
version = "1.0.0"

[[tasks]]
id = "echo"
type = "hostile.echo"
input = { text = "${input.text}" }
"#;

#[test]
fn a_run_that_starts_before_its_plugin_is_compiled_waits_for_it() {
    let folders = Folders::new(&["hostile"], &[("echo.toml", WORKFLOW)]);
    let host = Host::start(&folders);
    let run = host.finished(&host.start_run("echo", &json!({ "text": "hello" })));
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    assert_eq!(run["output"], json!({ "echo": { "text": "hello" } }));
}

#[test]
fn a_plugin_that_is_dropped_into_the_folder_is_taken_and_a_removed_one_goes() {
    let folders = Folders::new(&["noop"], &[("echo.toml", WORKFLOW)]);
    let host = Host::start(&folders);
    host.settled();
    let (status, refusal) =
        host.post("/workflows/echo/runs", &json!({ "input": { "text": "x" } }), &[]);
    assert_eq!((status, &refusal["code"]), (409, &json!("workflow-unavailable")), "{refusal:#}");

    folders.add_plugin("hostile");
    host.until("/workflows/echo", |workflow| workflow["available"] == true);
    let run = host.finished(&host.start_run("echo", &json!({ "text": "x" })));
    assert_eq!(run["outcome"], "succeeded", "{run:#}");

    fs::remove_file(folders.plugins().join("hostile.wasm")).expect("removed");
    host.until("/workflows/echo", |workflow| workflow["available"] == false);
}

#[test]
fn files_that_are_no_plugins_are_refused_with_a_reason_and_disturb_nobody() {
    let folders = Folders::new(&["hostile"], &[("echo.toml", WORKFLOW)]);
    let plugins = folders.plugins();
    fs::write(plugins.join("text.wasm"), "this is no component").expect("written");
    let whole = fs::read(component("noop")).expect("readable");
    fs::write(plugins.join("half.wasm"), &whole[..whole.len() / 2]).expect("written");
    fs::write(plugins.join("twin.wasm"), &whole).expect("written");
    fs::copy(component("other-contract"), plugins.join("other-contract.wasm")).expect("copied");
    fs::copy(component("trap-in-start"), plugins.join("trap-in-start.wasm")).expect("copied");
    let host = Host::start(&folders);
    let list = host.until("/plugins", |list| {
        let plugins = list["plugins"].as_array().expect("a list");
        plugins.len() == 6 && plugins.iter().all(|plugin| plugin["state"] != "loading")
    });
    for plugin in list["plugins"].as_array().expect("a list") {
        let (name, state) = (plugin["name"].as_str().expect("a name"), &plugin["state"]);
        if name == "hostile" {
            assert_eq!(state, "active", "{plugin:#}");
        } else {
            assert_eq!(state, "refused", "{plugin:#}");
            let reason = plugin["reason"].as_str().unwrap_or_default();
            assert!(reason.len() > 20, "{name} says why: {plugin:#}");
        }
    }
    let run = host.finished(&host.start_run("echo", &json!({ "text": "still here" })));
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
}
