//! Triggers of a real host: times that passed while it was down, deliveries while it is killed, and
//! the payloads that GitHub documents.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use taskloom_core::id::TriggerName;
use taskloom_core::journal::{Entry, StreamId, TriggerEvent};
use taskloom_core::time::Timestamp;
use taskloom_store::{Append, Batch, Events, Options, Store};

use crate::host::{Folders, Host, left_out, repository};

/// A schedule that makes up for every missed time, and one that lets them go.
const HOURLY: &str = r#"
id = "hourly"
version = "1.0.0"
output = "${input}"

[[triggers]]
id = "all"
kind = "cron"
schedule = "0 * * * *"
catch_up = "all"
input = { at = "${event.time}", missed = "${event.missed}" }

[[triggers]]
id = "none"
kind = "cron"
schedule = "0 * * * *"

[[tasks]]
id = "a"
type = "noop.run"
"#;

/// Looked at after the others: once it is armed, a look at the clock is over.
const LATER: &str = r#"
id = "later"
version = "1.0.0"

[[triggers]]
kind = "cron"
schedule = "@yearly"

[[tasks]]
id = "a"
type = "noop.run"
"#;

const HOOK: &str = r#"
id = "hook"
version = "1.0.0"

[[triggers]]
kind = "webhook"
path = "it"
verify = "none"

[[tasks]]
id = "a"
type = "noop.run"
"#;

const GITHUB: &str = r#"
id = "from-github"
version = "1.0.0"
output = "${input}"

[[triggers]]
id = "issues"
kind = "github"
events = ["issues", "issue_comment.created", "push"]
input = { action = "${event.action}", repository = "${event.body.repository.full_name}" }

[[tasks]]
id = "a"
type = "noop.run"
"#;

/// Writes that a schedule counts since a time, as a host that was then stopped would have.
fn armed(store: &Store, trigger: &str, since: Timestamp) {
    let name: TriggerName = trigger.parse().expect("a name");
    let event = TriggerEvent::TriggerArmed { since, source: "0 * * * * in UTC".to_owned() };
    let events = Events::Trigger(vec![Entry { at: since, event }]);
    let append = Append::plain(StreamId::Trigger(name), 0, events);
    let batch = Batch { appends: vec![append], ..Batch::default() };
    store.commit_and_wait(batch).expect("written");
}

fn history(host: &Host, trigger: &str) -> Vec<Value> {
    let shown = host.get(&format!("/triggers/{trigger}?limit=1000"));
    shown["history"].as_array().expect("lines").clone()
}

fn fired(lines: &[Value]) -> Vec<&Value> {
    lines.iter().filter(|line| line["kind"] == "trigger-fired").collect()
}

#[test]
fn times_that_passed_while_the_host_was_down_start_one_run_each_however_often_it_starts() {
    let folders = Folders::new(&["noop"], &[("hourly.toml", HOURLY)]);
    let now = Timestamp::from_ms(jiff::Timestamp::now().as_millisecond());
    let before = Timestamp::from_ms(now.as_ms() - 3 * 60 * 60 * 1_000);
    let store = Store::open(&folders.data(), Options::default()).expect("a new journal");
    armed(&store, "hourly.all", before);
    armed(&store, "hourly.none", before);
    store.close();
    let host = Host::start(&folders);
    host.until("/triggers/hourly.all", |shown| {
        fired(shown["history"].as_array().expect("lines")).len() >= 3
    });
    let none = host.until("/triggers/hourly.none", |shown| {
        shown["history"].as_array().expect("lines").len() >= 2
    });
    let reason = none["history"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("passed while the host was down or asleep"), "{reason}");
    host.kill();
    for _ in 0..2 {
        Host::start(&folders).kill();
    }
    fs::write(folders.workflows().join("later.toml"), LATER).expect("written");
    let host = Host::start(&folders);
    host.until("/triggers/later.cron-1", |shown| !history_of(shown).is_empty());
    let lines = history(&host, "hourly.all");
    let keys: BTreeSet<_> = fired(&lines).iter().map(|line| line["key"].to_string()).collect();
    assert_eq!(keys.len(), fired(&lines).len(), "a time fired twice: {lines:#?}");
    // An hour may have begun meanwhile.
    let runs = host.get("/runs?trigger=cron");
    let runs = runs["runs"].as_array().expect("runs");
    assert!((3..=5).contains(&runs.len()), "{runs:#?}");
    let run = host.finished(fired(&lines).last().expect("a line")["run"].as_str().expect("a run"));
    assert_eq!(run["output"]["missed"], true, "{run:#}");
}

fn history_of(shown: &Value) -> &Vec<Value> {
    shown["history"].as_array().expect("lines")
}

#[test]
fn a_delivery_starts_one_run_though_the_host_is_killed_while_it_takes_it() {
    let folders = Folders::new(&["noop"], &[("hook.toml", HOOK)]);
    let mut wait = fastrand::Rng::with_seed(7);
    for round in 0..8 {
        let host = Host::start(&folders);
        let address = host.address.clone();
        let sender = std::thread::spawn(move || {
            let client = reqwest::blocking::Client::builder().no_proxy().build().expect("a client");
            // It is killed while it answers: what it says does not count.
            for n in 0..40 {
                let _ = client
                    .post(format!("{address}/api/v1/hooks/it"))
                    .header("idempotency-key", format!("{round}-{n}"))
                    .body("{}")
                    .send();
            }
        });
        std::thread::sleep(Duration::from_millis(wait.u64(5..120)));
        host.kill();
        sender.join().expect("it ends");
    }
    let host = Host::start(&folders);
    for round in 0..8 {
        for n in 0..40 {
            let key = format!("{round}-{n}");
            let (status, answer) = host.post("/hooks/it", &json!({}), &[("idempotency-key", &key)]);
            assert_eq!(
                (status, answer["runs"].as_array().map(Vec::len)),
                (202, Some(1)),
                "{answer}"
            );
        }
    }
    let runs = host.get("/runs?trigger=webhook&limit=1000");
    assert_eq!(runs["runs"].as_array().expect("runs").len(), 320, "one run a delivery");
    let lines = history(&host, "hook.webhook-1");
    let keys: BTreeSet<_> = lines.iter().map(|line| line["key"].to_string()).collect();
    assert_eq!((lines.len(), keys.len()), (320, 320), "one line a delivery");
}

#[test]
fn the_payloads_that_github_documents_start_runs() {
    if left_out("recorded payloads") {
        return;
    }
    let folders = Folders::new(&["noop"], &[("github.toml", GITHUB)]);
    let configuration = "[secrets]\ngithub = { env = \"GITHUB_WEBHOOK_SECRET\" }\n";
    let file = folders.file("taskloom.toml", configuration).display().to_string();
    let secret = "of the test";
    let environment = [("TASKLOOM_CONFIG", file.as_str()), ("GITHUB_WEBHOOK_SECRET", secret)];
    let host = Host::start_with(&folders, &environment);
    let mut started = 0;
    for (place, (event, payload)) in payloads().into_iter().enumerate() {
        let text = payload.to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
        mac.update(text.as_bytes());
        let hex: String =
            mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let (signature, delivery) = (format!("sha256={hex}"), format!("delivery-{place}"));
        let headers = [
            ("x-github-event", event.as_str()),
            ("x-github-delivery", &delivery),
            ("x-hub-signature-256", &signature),
        ];
        let (status, answer) = host.post("/hooks/github", &payload, &headers);
        assert_eq!(status, 202, "{event}: {answer}");
        let wanted = event != "issue_comment" || payload["action"] == "created";
        let runs = answer["runs"].as_array().expect("runs");
        assert_eq!(runs.len(), usize::from(wanted), "{event}: {answer:#}");
        for run in runs {
            let run = host.finished(run["run"].as_str().expect("an id"));
            assert_eq!(run["output"]["repository"], payload["repository"]["full_name"]);
            assert_eq!(run["output"]["action"], payload["action"], "{event}");
            started += 1;
        }
    }
    assert!(started > 20, "only {started} payloads");
}

/// The payloads of the npm package for the events that the workflow listens to, with their event.
fn payloads() -> Vec<(String, Value)> {
    let index = "tests/node_modules/@octokit/webhooks-examples/api.github.com/index.json";
    let text = fs::read_to_string(repository().join(index))
        .unwrap_or_else(|_| panic!("no {index}: run `cargo xtask setup` first"));
    let events: Value = serde_json::from_str(&text).expect("JSON");
    let mut payloads = Vec::new();
    for event in events.as_array().expect("a list of events") {
        let name = event["name"].as_str().expect("a name");
        if matches!(name, "issues" | "issue_comment" | "push") {
            let examples = event["examples"].as_array().expect("a list").iter();
            payloads.extend(examples.map(|payload| (name.to_owned(), payload.clone())));
        }
    }
    payloads
}
