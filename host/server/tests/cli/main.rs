//! The command line: the real program, as a person or a script calls it.
//!
//! The plugins and test guests must have been built: `cargo xtask plugins`.

#![allow(unreachable_pub, reason = "one program: what its modules share is public to each other")]

mod definitions;
mod doctor;
mod kit;
mod kit_js;
mod kit_python;
mod kit_rust;
mod place;
mod signing;
mod steering;

use std::fs;

use serde_json::{Value, json};

use place::{ECHO, Host, Place};

#[test]
fn a_run_gives_its_output_and_tells_its_attempts() {
    let place = Place::new();
    place.write("input.json", r#"{ "say": "hi" }"#);
    let done = place.taskloom("run workflows/echo.toml --input input.json").expect(0);
    assert_eq!(done.json(), json!({ "said": { "say": "hi" } }), "only the output goes to stdout");
    done.says(&["echo", "attempt 1", "succeeded", "fuel", "memory"]);
    assert!(!place.path("taskloom-data").exists(), "nothing is kept");
}

#[test]
fn a_run_has_the_context_it_is_given() {
    let place = Place::new();
    place.write("context.json", r#"{ "team": "docs" }"#);
    let done = place.taskloom("run workflows/echo.toml --context context.json --json").expect(0);
    assert_eq!(done.json()["context"]["team"]["value"], "docs");
    let both = "run workflows/echo.toml --input - --context -";
    place.taskloom_with(both, "{}").expect(2).says(&["--input and --context both read"]);
    let list = place.taskloom_with("run workflows/echo.toml --context -", "[]").expect(2);
    list.says(&["the context cannot be used", "it is no object"]);
}

#[test]
fn a_run_begins_when_it_is_told_to() {
    let place = Place::new();
    let run = "run workflows/echo.toml --json";
    let done = place.taskloom(&format!("{run} --delay 1s")).expect(0);
    done.says(&["held until"]);
    let shown = done.json();
    let time = |name: &str| shown[name].as_str().expect("a time").parse::<jiff::Timestamp>();
    let (started, admitted) = (time("started_at"), time("admitted_at"));
    let waited = admitted.expect("a time").duration_since(started.expect("a time"));
    assert!(waited.as_millis() >= 1_000, "{shown:#}");
    place.taskloom(&format!("{run} --delay soon")).expect(2).says(&["--delay: `soon`"]);
    place.taskloom(&format!("{run} --at never")).expect(2).says(&["--at: `never`"]);
}

#[test]
fn a_run_as_json_is_what_the_api_shows() {
    let place = Place::new();
    let done = place.taskloom_with("run workflows/echo.toml --input - --json", "{\"say\": \"ho\"}");
    let run = done.expect(0).json();
    assert_eq!((&run["outcome"], &run["trigger"]), (&json!("succeeded"), &json!("cli")));
    assert_eq!(run["output"], json!({ "said": { "say": "ho" } }));
    assert_eq!(run["tasks"][0]["attempts"][0]["number"], 1);
}

#[test]
fn a_run_that_fails_is_told_apart_from_one_that_cannot_start() {
    let place = Place::new();
    let done = place.taskloom("run workflows/fails.toml").expect(1);
    done.says(&["no-luck", "permanent", "out of \\u{1b}[31mluck", "failed"]);
    let run = place.taskloom("run workflows/fails.toml --json").expect(1).json();
    assert_eq!(run["failure"]["class"], "permanent", "{run:#}");
    place.write("input.json", "{ \"say\": 1 }");
    let done = place.taskloom("run workflows/echo.toml --input input.json").expect(2);
    done.says(&["error:", "/say", "string"]);
    place.write("input.json", "{ nothing }");
    place.taskloom("run workflows/echo.toml --input input.json").expect(2).says(&["line 1"]);
    place.taskloom("run nowhere.toml").expect(2).says(&["nowhere.toml"]);
    place
        .taskloom("run workflows/echo.toml --input nowhere.json")
        .expect(2)
        .says(&["nowhere.json"]);
    place.write("wrong.toml", "id = \"x\"\nversoin = \"1.0.0\"\n");
    place.taskloom("run wrong.toml").expect(2).says(&["wrong.toml:2:1", "did you mean `version`"]);
    place.write("alien.toml", &ECHO.replace("hostile.echo", "alien.echo"));
    place.taskloom("run alien.toml").expect(2).says(&["alien.toml:9:8", "alien.echo"]);
}

#[test]
fn a_journal_that_is_kept_is_sound() {
    let place = Place::new();
    place.taskloom("run workflows/echo.toml --data kept").expect(0);
    // However little room the disk of this machine has.
    place.taskloom("doctor --data kept --min-free 0B").expect(0).says(&["sound"]);
    let done = place.taskloom("doctor --data kept --json --min-free 0B").expect(0);
    assert_eq!(done.json()["ok"], true);
    assert_eq!(done.json()["host_is_running"], false);
    place.taskloom("backup --data kept copy").expect(0).says(&[
        "copy",
        "bytes",
        "versions of plugins",
    ]);
    place.taskloom("backup --data kept copy").expect(2).says(&["copy", "there already"]);
    place.taskloom("backup --data nowhere other").expect(2).says(&["nowhere", "--data"]);
    place.taskloom("restore --data kept copy").expect(0).says(&["kept", "replaced-1"]);
    place.taskloom("restore --data kept nothing").expect(2).says(&["nothing", "no journal"]);
    place
        .taskloom("doctor --data kept --min-free 0B")
        .expect(0)
        .says(&["sound", "schema version 3"]);
    place.taskloom("doctor --data kept --min-free much").expect(2).says(&["whole number", "64MiB"]);
    place.taskloom("doctor --data nowhere").expect(2).says(&["nowhere", "--data"]);
    assert!(!place.path("nowhere").exists(), "looking makes nothing");
}

#[test]
fn files_are_checked_all_at_once() {
    let place = Place::new();
    place
        .taskloom("validate workflows/echo.toml workflows/fails.toml")
        .expect(0)
        .says(&["workflows/echo.toml: ok echo 1.0.0, 1 tasks", "workflows/fails.toml: ok"]);
    place.write("wrong.toml", "id = \"x\"\nversoin = \"1\"\n[[tasks]]\nid = \"a\"\ntyp = \"b\"\n");
    let done = place.taskloom("validate wrong.toml workflows/echo.toml nowhere.toml").expect(2);
    done.says(&["wrong.toml:2:1", "wrong.toml:5:1", "echo.toml: ok", "nowhere.toml:1:1"]);
    place.write("alien.toml", &ECHO.replace("hostile.echo", "hostile.ehco"));
    let done = place.taskloom("validate alien.toml --json").expect(2).json();
    assert_eq!((&done["valid"], &done["types_checked"]), (&json!(false), &json!(true)));
    let problem = &done["files"][0]["problems"][0];
    assert_eq!((&problem["code"], &problem["line"]), (&json!("unknown-task-type"), &json!(9)));
    place.taskloom("validate alien.toml --plugins nowhere").expect(2).says(&["nowhere"]);
    fs::remove_dir_all(place.path("plugins")).expect("removed");
    place.taskloom("validate alien.toml").expect(0).says(&["task types were not checked"]);
}

#[test]
fn a_host_is_asked_about_its_runs_and_plugins() {
    let place = Place::new();
    let host = Host::start(&place);
    let on = format!("--server {}", host.address);
    // The client wants to know how it would speak TLS; a second answer changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::blocking::Client::builder().no_proxy().build().expect("a client");
    let start = |workflow: &str| {
        let url = format!("{}/api/v1/workflows/{workflow}/runs", host.address);
        let request = client.post(url).header("content-type", "application/json");
        let answer = request.header("prefer", "wait=60").body("{}").send().expect("an answer");
        let run: Value = answer.json().expect("JSON");
        run["id"].as_str().unwrap_or_else(|| panic!("no run: {run:#}")).to_owned()
    };
    let (failed, talked) = (start("fails"), start("talks"));

    let list = place.taskloom(&format!("runs list {on}")).expect(0);
    list.says(&["RUN", &failed, &talked, "failed", "succeeded", "1/1"]);
    let page = place.taskloom(&format!("runs list --outcome failed --json {on}")).expect(0).json();
    assert_eq!(page["runs"][0]["id"], *failed);
    let show = place.taskloom(&format!("runs show {failed} {on}")).expect(0);
    show.says(&[&failed, "fails 1.0.0", "hostile.fail", "no-luck (permanent)", "\\u{1b}[31mluck"]);
    let run = place.taskloom(&format!("runs show {talked} --json {on}")).expect(0).json();
    assert_eq!(run["outcome"], "succeeded");
    let again = place.taskloom(&format!("runs cancel {failed} {on}")).expect(1);
    again.says(&["error:", "already ended: failed"]);
    place.taskloom(&format!("runs show nonsense {on}")).expect(1).says(&["no run `nonsense`"]);
    place.taskloom(&format!("runs list --status done {on}")).expect(1).says(&["`done`"]);

    let plugins = place.taskloom(&format!("plugins list {on}")).expect(0);
    plugins.says(&["PLUGIN", "hostile", "noop", "active", "noop.run"]);
    let plugin = place.taskloom(&format!("plugin show noop {on}")).expect(0);
    plugin.says(&["noop", "sha256:", "noop.run", "pure, cpu", "input"]);
    let plugin = place.taskloom(&format!("plugin show noop --json {on}")).expect(0).json();
    assert_eq!(plugin["name"], "noop");
    let events = place.taskloom(&format!("plugin events noop {on}")).expect(0);
    events.says(&["WHAT", "LOADED IN", "loaded", "sha256:"]);
    let events = place.taskloom(&format!("plugin events noop --json {on}")).expect(0).json();
    assert_eq!(events["events"][0]["kind"], "plugin-loaded");
    let alone = place.taskloom(&format!("plugin rollback noop {on}")).expect(1);
    alone.says(&["error:", "no older version"]);
    let free = place.taskloom(&format!("plugin release noop {on}")).expect(1);
    free.says(&["error:", "no version of plugin `noop` is in quarantine"]);

    // Lines are written shortly after they were logged; closing the host writes the last ones.
    let logs = || place.taskloom(&format!("runs logs {talked} {on}")).expect(0);
    let mut told = logs();
    for _ in 0..1_000 {
        if told.out.lines().count() == 3 {
            break;
        }
        told = logs();
    }
    told.says(&["talk#1", "trace", "info", "line 3"]);
    let lines = place.taskloom(&format!("runs logs {talked} --json {on}")).expect(0).json();
    assert_eq!(lines["lines"].as_array().map(Vec::len), Some(3));
}

#[test]
fn without_a_host_it_says_how_to_start_one() {
    let place = Place::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr();
    let server = format!("http://{}", free.expect("an address"));
    let done = place.taskloom(&format!("runs list --server {server}")).expect(1);
    done.says(&["error:", &server, "taskloom serve", "--server", "TASKLOOM_SERVER"]);
    place.taskloom("runs list --server nonsense").expect(2).says(&["`nonsense` is no URL"]);
}

#[test]
fn the_configuration_is_printed_with_its_sources_and_can_be_read_again() {
    let place = Place::new();
    place.write("taskloom.toml", "[slots]\ncpu = 3\n");
    let done = place.taskloom("config --data elsewhere").expect(0);
    done.says(&["cpu = 3  # taskloom.toml", "folder = \"elsewhere\"  # --data", "io = 1024"]);
    place.write("again.toml", &done.out);
    let again = place.taskloom("config --config again.toml --json").expect(0).json();
    assert_eq!(again["slots.cpu"], json!({ "value": 3, "source": "again.toml" }));
    assert_eq!(again["limits.memory"]["value"], "64MiB");
    place.write("taskloom.toml", "[slot]\ncpu = 3\n[server]\nlisten = 5\n");
    let wrong = place.taskloom("config").expect(2);
    wrong.says(&["taskloom.toml:1:", "did you mean `slots`", "taskloom.toml:4:"]);
}

#[test]
fn secrets_are_kept_encrypted_and_never_printed() {
    let place = Place::new();
    place.write("taskloom.toml", "[secrets]\nlisted = { env = \"LISTED\" }\n");
    place.taskloom("secrets list").expect(0).says(&["listed  { env = \"LISTED\" }"]);
    place.taskloom_with("secrets set token", "hunter2-value\n").expect(0).says(&["added token in"]);
    place.taskloom_with("secrets set token", "other-value").expect(0).says(&["replaced token"]);
    let listed = place.taskloom("secrets list").expect(0);
    listed.says(&["token  "]);
    assert!(!listed.out.contains("value"), "{}", listed.out);
    place.taskloom_with("secrets set listed", "x").expect(1).says(&["says where `listed` is"]);
    place.taskloom_with("secrets set a/b", "x").expect(1).says(&["`a/b` is no name of a secret"]);
    place.taskloom_with("secrets set empty", "\n").expect(1).says(&["standard input is empty"]);
    place.taskloom("secrets remove token").expect(0).says(&["removed token"]);
    place.taskloom("secrets remove token").expect(2).says(&["has no secret `token`"]);
}
