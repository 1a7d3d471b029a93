//! What a schedule does when the run that it started before is still live.

use serde_json::{Value, json};
use taskloom::triggers::Fired;

use crate::own::{Host, Place};

/// A schedule with this `overlap` whose runs wait for a signal. Its times are told by the tests.
fn workflow(overlap: &str) -> String {
    format!(
        "id = \"{overlap}\"\nversion = \"1.0.0\"\n[[triggers]]\nid = \"t\"\nkind = \"cron\"\n\
         schedule = \"@yearly\"\noverlap = \"{overlap}\"\n[[tasks]]\nid = \"go\"\nkind = \"wait\"\n\
         signal = \"go\"\n"
    )
}

fn place(overlap: &str) -> Place {
    Place::new(&[], &[("w.toml", &workflow(overlap))], &[])
}

/// The run that a time has started.
#[track_caller]
fn started(fired: Fired) -> String {
    match fired {
        Fired::Run { run, existing: false } => run.to_string(),
        other => panic!("a new run was expected: {other:?}"),
    }
}

fn run(host: &Host, id: &str) -> Value {
    host.get(&format!("/runs/{id}"))
}

fn end(host: &Host, id: &str) {
    host.post(&format!("/runs/{id}/signals"), &json!({ "name": "go" })).expect(202);
    host.until(&format!("/runs/{id}"), |run| run["outcome"] == "succeeded");
}

#[test]
fn skip_starts_nothing_while_the_run_before_is_live() {
    let place = place("skip");
    let host = place.start();
    let first = started(host.occur("skip.t", "one"));
    let Fired::Nothing(reason) = host.occur("skip.t", "two") else { panic!("it was started") };
    assert_eq!(reason, format!("run {first}, which it started before, is live (`overlap`)"));
    let told = host.get("/triggers/skip.t")["history"][0].clone();
    assert_eq!(
        (&told["kind"], &told["key"], &told["reason"]),
        (&json!("trigger-skipped"), &json!("two"), &json!(reason))
    );
    host.stop();
    // The run before is known after a restart too.
    let host = place.start();
    assert!(matches!(host.occur("skip.t", "three"), Fired::Nothing(_)));
    end(&host, &first);
    let second = started(host.occur("skip.t", "four"));
    assert!(matches!(host.occur("skip.t", "five"), Fired::Nothing(_)), "{second} is live");
    assert_eq!(host.get("/runs?workflow=skip")["runs"].as_array().map(Vec::len), Some(2));
}

#[test]
fn cancel_running_takes_the_place_of_the_run_before() {
    let place = place("cancel-running");
    let host = place.start();
    let first = started(host.occur("cancel-running.t", "one"));
    let second = started(host.occur("cancel-running.t", "two"));
    let ended = host.until(&format!("/runs/{first}"), |run| !run["outcome"].is_null());
    assert_eq!(ended["outcome"], "cancelled", "{ended:#}");
    let message = ended["failure"]["message"].as_str().expect("a reason");
    assert!(message.contains("cancel-running.t starts another run (`overlap`)"), "{message}");
    assert_eq!(run(&host, &second)["outcome"], Value::Null);
    host.stop();
    let host = place.start();
    let third = started(host.occur("cancel-running.t", "three"));
    host.until(&format!("/runs/{second}"), |run| run["outcome"] == "cancelled");
    end(&host, &third);
    let fourth = started(host.occur("cancel-running.t", "four"));
    assert_eq!(run(&host, &third)["outcome"], "succeeded", "what has ended is left alone");
    end(&host, &fourth);
}

#[test]
fn allow_lets_runs_be_live_beside_each_other() {
    let place = place("allow");
    let host = place.start();
    let runs = ["one", "two", "three"].map(|key| started(host.occur("allow.t", key)));
    assert!(runs.iter().all(|id| run(&host, id)["outcome"].is_null()));
    runs.iter().for_each(|id| end(&host, id));
}
