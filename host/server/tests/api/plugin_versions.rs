//! Versions of a plugin: quarantine after a crash loop, roll-back, release, and what live runs keep.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use taskloom_core::id::Digest;

use crate::host::{component, wait_for};
use crate::own::{Host, Place};

/// Two tasks that crash.
const CRASHES: (&str, &str) = (
    "crashes.toml",
    r#"
id = "crashes"
version = "1.0.0"
[config]
on_failure = "continue"
[[tasks]]
id = "one"
type = "hostile.trap"
retry = { max_attempts = 1 }
[[tasks]]
id = "two"
type = "hostile.panic"
retry = { max_attempts = 1 }
"#,
);

/// A task that needs the plugin when somebody says so.
const LATER: (&str, &str) = (
    "later.toml",
    r#"
id = "later"
version = "1.0.0"
[[tasks]]
id = "go"
kind = "wait"
signal = "go"
[[tasks]]
id = "after"
type = "hostile.echo"
input = "said"
needs = ["go"]
"#,
);

const SETTINGS: [(&str, &str); 2] = [("plugins.crash_limit", "2"), ("retention.every", "1s")];

/// A version of a component: the same with something to ignore at its end.
fn version(plugin: &str, mark: u8) -> Vec<u8> {
    // A custom section: id 0, its length, the length of its name, its name, its content.
    let mut bytes = fs::read(component(plugin)).expect("a component");
    bytes.extend([0, 3, 1, b'v', mark]);
    bytes
}

/// Puts a file in the place of a plugin.
fn put(place: &Place, content: &[u8]) -> String {
    let aside = place.path("plugins").join(".aside");
    fs::write(&aside, content).expect("written");
    fs::rename(aside, place.path("plugins/hostile.wasm")).expect("renamed");
    Digest::of(content).to_string()
}

/// A host with these versions of a plugin, which came one after another.
fn with_versions(marks: &[u8]) -> (Place, Host, Vec<String>) {
    let place = Place::new(&[], &[CRASHES, LATER], &SETTINGS);
    let host = place.start();
    let mut digests = Vec::new();
    for mark in marks {
        let digest = put(&place, &version("hostile", *mark));
        host.until("/plugins", |list| list["plugins"][0]["digest"] == *digest);
        digests.push(digest);
    }
    (place, host, digests)
}

impl Host {
    fn begin(&self, workflow: &str) -> Value {
        self.post(&format!("/workflows/{workflow}/runs"), &json!({})).expect(201)
    }

    fn signal(&self, run: &Value) {
        self.post(&format!("{}/signals", path(run)), &json!({ "name": "go" })).expect(202);
    }

    fn ended(&self, run: &Value) -> Value {
        let line = format!("GET {}", path(run));
        self.ask(&line, &[("prefer", "wait=30")], &Value::Null).expect(200)
    }

    /// Lets the version in the file crash until it is in quarantine.
    fn crash(&self) -> Value {
        let run = self.begin("crashes");
        assert_eq!(self.ended(&run)["outcome"], "failed");
        self.until("/plugins/hostile", |plugin| plugin["state"] == "quarantined")
    }

    fn events(&self) -> Vec<Value> {
        let page = self.get("/plugins/hostile/events");
        page["events"].as_array().expect("events").iter().rev().cloned().collect()
    }
}

fn path(run: &Value) -> String {
    format!("/runs/{}", run["id"].as_str().expect("an id"))
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["kind"].as_str().expect("a kind")).collect()
}

#[test]
fn runs_leave_a_version_that_crashes_again_and_again_for_the_one_before() {
    let (place, host, versions) = with_versions(&[1, 2]);
    let waiting = host.begin("later");
    assert_eq!(waiting["plugins"]["hostile"], *versions[1]);
    host.crash();
    let plugin = host.until("/plugins/hostile", |plugin| plugin["digest"] == *versions[0]);
    let held = &plugin["versions"][0];
    assert_eq!((&held["digest"], &held["in_file"]), (&json!(versions[1]), &json!(true)));
    assert_eq!((&held["in_use"], &held["quarantine"]["crashes"]), (&json!(false), &json!(2)));
    let used = &plugin["versions"][1];
    assert_eq!((&used["digest"], &used["in_use"]), (&json!(versions[0]), &json!(true)));
    let reason = plugin["reason"].as_str().expect("a reason");
    assert!(reason.contains("2 crashes") && reason.contains("plugin release hostile"), "{reason}");

    // The run that pinned it goes on with the other, which says the same of its task type.
    host.signal(&waiting);
    let ended = host.ended(&waiting);
    assert_eq!(
        (&ended["outcome"], &ended["plugins"]["hostile"]),
        (&json!("succeeded"), &json!(versions[0]))
    );
    let events = host.get(&format!("{}/events", path(&waiting)));
    let repinned = events["events"].as_array().expect("events");
    let repinned =
        repinned.iter().find(|event| event["kind"] == "plugin-repinned").expect("it is told");
    assert_eq!(
        (&repinned["plugin_digest"], &repinned["detail"]["from"]),
        (&json!(versions[0]), &json!(versions[1]))
    );
    assert_eq!(host.begin("later")["plugins"]["hostile"], *versions[0], "as new runs do");

    let events = host.events();
    let expected = ["plugin-loaded", "plugin-loaded", "plugin-quarantined", "plugin-rolled-back"];
    assert_eq!(kinds(&events), expected);
    assert_eq!(
        (&events[3]["from"], &events[3]["digest"]),
        (&json!(versions[1]), &json!(versions[0]))
    );
    let metrics = host.ask("GET /metrics", &[], &Value::Null).text;
    assert!(metrics.contains(r#"taskloom_plugin_crashes_total{plugin="hostile"} 2"#), "{metrics}");
    assert!(metrics.contains(r#"taskloom_plugin_quarantines_total{plugin="hostile"} 1"#));
    host.stop();

    // It outlives the host, and ends when somebody says so.
    let host = place.start();
    let plugin = host.get("/plugins/hostile");
    assert_eq!((&plugin["state"], &plugin["digest"]), (&json!("quarantined"), &json!(versions[0])));
    let released = host.post("/plugins/hostile/release", &json!({})).expect(200);
    assert_eq!((&released["state"], &released["digest"]), (&json!("active"), &json!(versions[1])));
    assert_eq!(
        host.post("/plugins/hostile/release", &Value::Null).expect(409)["code"],
        "plugin-not-now"
    );
    assert_eq!(kinds(&host.events())[4..], ["plugin-released"]);
    host.stop();
}

#[test]
fn a_run_waits_and_says_why_while_no_other_version_may_be_used() {
    let (place, host, versions) = with_versions(&[1]);
    let waiting = host.begin("later");
    host.crash();
    host.signal(&waiting);
    let why = |run: &Value| run["tasks"][1]["waiting_for"].as_str().unwrap_or_default().to_owned();
    let run = host.until(&path(&waiting), |run| why(run).contains("in quarantine"));
    let why = why(&run);
    assert!(why.contains(&versions[0]) && why.contains("no other version"), "{why}");
    let refused = host.post("/workflows/later/runs", &json!({})).expect(409);
    let detail = refused["detail"].as_str().expect("a detail");
    assert!(detail.contains("in quarantine after 2 crashes"), "{detail}");
    assert_eq!(host.get("/ready")["plugins"]["quarantined"], 1);
    host.stop();

    // The run waits for as long as it takes, and goes on with what it had once that may be used again.
    let host = place.start();
    let run = host.until(&path(&waiting), |run| run["tasks"][1]["waiting_for"].is_string());
    assert_eq!(run["plugins"]["hostile"], *versions[0]);
    host.post("/plugins/hostile/release", &Value::Null).expect(200);
    assert_eq!(host.ended(&waiting)["plugins"]["hostile"], *versions[0]);
    host.stop();
}

#[test]
fn what_is_only_claimed_of_a_version_in_quarantine_is_given_back() {
    const TASKS: usize = 300;
    let mut many =
        "id = \"many\"\nversion = \"1.0.0\"\n[config]\non_failure = \"continue\"\n".to_owned();
    for task in 0..TASKS {
        let crashes = "type = \"hostile.trap\"\nretry = { max_attempts = 1 }\n";
        many += &format!("[[tasks]]\nid = \"t{task}\"\n{crashes}");
    }
    let settings = [("plugins.crash_limit", "2"), ("slots.cpu", "1")];
    let place = Place::new(&["hostile"], &[("many.toml", &many)], &settings);
    let host = place.start();
    let run = host.begin("many");
    let tasks = format!("{}/tasks?limit=1000", path(&run));
    let is_held = |task: &Value| {
        task["waiting_for"].as_str().is_some_and(|why| why.contains("in quarantine"))
    };
    let page = host.until(&tasks, |page| {
        let tasks = page["tasks"].as_array().expect("tasks");
        tasks.iter().all(|task| task["outcome"] == "failed" || is_held(task))
    });
    let tasks = page["tasks"].as_array().expect("tasks");
    let crashed = tasks.iter().filter(|task| task["outcome"] == "failed").count();
    assert!((2..TASKS).contains(&crashed), "{crashed} crashed");
    let mut attempts = tasks.iter().flat_map(|task| task["attempts"].as_array().expect("a list"));
    assert!(attempts.all(|attempt| attempt["counted"] == (attempt["outcome"] == "failed")));
    host.stop();
}

#[test]
fn another_file_takes_the_place_of_one_in_quarantine_for_runs_that_wait_too() {
    let (place, host, versions) = with_versions(&[1]);
    let waiting = host.begin("later");
    host.crash();
    host.signal(&waiting);
    let mended = put(&place, &version("hostile", 2));
    let ended = host.ended(&waiting);
    assert_eq!(
        (&ended["outcome"], &ended["plugins"]["hostile"]),
        (&json!("succeeded"), &json!(mended))
    );
    // The same content again stays what it was.
    assert_eq!(put(&place, &version("hostile", 1)), versions[0]);
    let plugin = host.until("/plugins/hostile", |plugin| plugin["state"] == "quarantined");
    assert_eq!(plugin["digest"], *mended);
    host.stop();
}

#[test]
fn a_run_keeps_its_version_when_the_file_is_replaced_and_new_ones_take_the_new() {
    let (place, host, versions) = with_versions(&[1]);
    let old = host.begin("later");
    let replaced = put(&place, &version("hostile", 2));
    host.until("/plugins/hostile", |plugin| plugin["digest"] == *replaced);
    let new = host.begin("later");
    host.stop();
    // It is the journal that says which version a run keeps, and the host has kept its bytes.
    let host = place.start();
    for (run, digest) in [(&old, &versions[0]), (&new, &replaced)] {
        host.signal(run);
        let ended = host.ended(run);
        assert_eq!(
            (&ended["outcome"], &ended["output"]),
            (&json!("succeeded"), &json!({ "after": "said" }))
        );
        assert_eq!(ended["plugins"]["hostile"], **digest);
        let task = host.get(&format!("{}/tasks/after", path(run)));
        assert_eq!(task["attempts"][0]["plugin_digest"], **digest, "{task:#}");
    }
    host.stop();
}

#[test]
fn people_can_roll_back_and_forward() {
    let (place, host, versions) = with_versions(&[1, 2]);
    let rolled_back = host.post("/plugins/hostile/rollback", &Value::Null).expect(200);
    assert_eq!(
        (&rolled_back["state"], &rolled_back["digest"]),
        (&json!("rolled_back"), &json!(versions[0]))
    );
    let refused = host.post("/plugins/hostile/rollback", &json!({})).expect(409);
    assert!(
        refused["detail"].as_str().is_some_and(|why| why.contains("no older version")),
        "{refused}"
    );
    host.stop();

    let host = place.start();
    assert_eq!(host.begin("later")["plugins"]["hostile"], *versions[0], "also after a restart");
    let newer = json!({ "digest": versions[1]["sha256:".len()..][..12] });
    let forward = host.post("/plugins/hostile/rollback", &newer).expect(200);
    assert_eq!((&forward["state"], &forward["digest"]), (&json!("active"), &json!(versions[1])));
    let unknown = json!({ "digest": "sha256:ffffffffffff" });
    host.post("/plugins/hostile/rollback", &unknown).expect(404);
    host.post("/plugins/hostile/release", &unknown).expect(404);
    host.post("/plugins/nope/rollback", &json!({})).expect(404);
    host.post("/plugins/hostile/rollback", &json!({ "digset": "x" })).expect(422);
    host.stop();
}

#[test]
fn a_file_that_is_removed_takes_nothing_from_a_live_run() {
    let (place, host, versions) = with_versions(&[1]);
    host.keep_tidy();
    let waiting = host.begin("later");
    fs::remove_file(place.path("plugins/hostile.wasm")).expect("removed");
    host.until("/plugins", |list| list["plugins"][0]["state"] == "removed");
    host.stop();

    // Not even after a restart: its bytes are kept.
    let host = place.start();
    host.keep_tidy();
    let kept = kept(&place, &versions[0]);
    assert!(kept.is_file());
    host.signal(&waiting);
    assert_eq!(host.ended(&waiting)["outcome"], "succeeded");
    // Nobody needs it any more.
    wait_for("the folder of versions", || json!(kept.is_file()), |is_there| *is_there == false);
    host.stop();
}

#[test]
fn a_restored_run_goes_on_with_a_version_that_is_in_no_file_any_more() {
    let (place, host, versions) = with_versions(&[1]);
    let waiting = host.begin("later");
    let newer = put(&place, &version("hostile", 2));
    host.until("/plugins", |list| list["plugins"][0]["digest"] == *newer);
    host.stop();
    let (data, copy) = (place.path("data"), place.path("copy"));
    taskloom_store::backup(&data, &copy).expect("copied");
    fs::remove_dir_all(&data).expect("removed");
    taskloom_store::restore(&copy, &data).expect("restored");

    let host = place.start();
    host.signal(&waiting);
    let ended = host.ended(&waiting);
    assert_eq!(
        (&ended["outcome"], &ended["plugins"]["hostile"]),
        (&json!("succeeded"), &json!(versions[0])),
        "{ended:#}"
    );
    host.stop();
}

/// Where the bytes of a version are kept.
fn kept(place: &Place, digest: &str) -> PathBuf {
    place.path("data/plugins").join(format!("{}.wasm", &digest["sha256:".len()..]))
}
