//! What one attempt can do, and what is left of it.

use serde_json::{Value, json};

use crate::host::{finished, get, post, started, until};

fn id(run: &Value) -> &str {
    run["id"].as_str().expect("an id")
}

#[test]
fn expressions_read_the_values_of_the_hosts_configuration() {
    let run = finished("configured", json!({}));
    assert_eq!(run["output"], json!({ "by": "north" }), "{run:#}");
    let a = get(&format!("/runs/{}/tasks/a", id(&run)));
    let expected = json!({ "from": "tasks@example.org", "second": "b@example.org", "all": 2 });
    assert_eq!(a["output"], expected, "{a:#}");
    // What was computed is kept: the configuration may be another at the next start.
    assert_eq!(a["input"], expected, "{a:#}");
    let b = get(&format!("/runs/{}/tasks/b", id(&run)));
    assert_eq!(b["output"]["from"], "tasks@example.org", "{b:#}");
}

#[test]
fn a_workflow_that_reads_a_value_the_host_lacks_says_so() {
    let problem = post("/workflows/misconfigured/runs", &[], &json!({})).expect(409);
    assert_eq!(problem["code"], "workflow-unavailable", "{problem:#}");
    let problems = problem["problems"].as_array().expect("a list");
    let told: Vec<_> =
        problems.iter().map(|one| (&one["line"], &one["code"], &one["message"])).collect();
    let code = json!("unknown-config-value");
    let first = json!("`config.mail.form` is not in the configuration of this host");
    let second = json!("`config.weather` is not in the configuration of this host");
    let expected = [(&json!(8), &code, &first), (&json!(13), &code, &second)];
    assert_eq!(told, expected, "{problem:#}");
    let help = problems[0]["help"].as_str().expect("advice");
    assert!(help.contains("did you mean `from`?"), "{help}");
}

#[test]
fn what_failed_attempts_left_stays_after_a_later_one_succeeded() {
    let run = finished("recovers", json!({}));
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    let task = get(&format!("/runs/{}/tasks/a", id(&run)));
    assert_eq!(task["output"], json!({ "attempt": 3 }), "{task:#}");
    let attempts = task["attempts"].as_array().expect("a list");
    assert_eq!(attempts.len(), 3, "{task:#}");
    for (attempt, number) in attempts[..2].iter().zip(1..) {
        let failure = &attempt["failure"];
        assert_eq!(failure["code"], "flaky", "{task:#}");
        assert_eq!(failure["details"], json!({ "partial": { "attempt": number } }), "{task:#}");
        let logs = format!("/runs/{}/logs?task=a&attempt={number}", id(&run));
        let logs = until(&logs, |page| page["lines"].as_array().is_some_and(|l| !l.is_empty()));
        let message = format!("attempt {number} was too early");
        assert_eq!(logs["lines"][0]["message"], message, "{logs:#}");
    }
    assert_eq!(attempts[2]["failure"], Value::Null, "{task:#}");
}

/// What the task `a` of a run gave, and the attempt it took it over from, if it did.
fn given(run: &Value) -> (Value, Value) {
    let task = get(&format!("/runs/{}/tasks/a", id(run)));
    assert_eq!(task["outcome"], "succeeded", "{task:#}");
    (task["output"].clone(), task["attempts"][0]["cached"].clone())
}

#[test]
fn an_earlier_output_for_the_same_input_is_taken_over() {
    let first = finished("remembers", json!({ "of": "hit", "n": 1 }));
    let (output, cached) = given(&first);
    assert_eq!((&output["run_id"], &cached), (&first["id"], &Value::Null));
    let second = finished("remembers", json!({ "n": 1, "of": "hit" }));
    let (again, cached) = given(&second);
    assert_eq!(again, output);
    let from = (&cached["run"], &cached["task"], &cached["attempt"]);
    assert_eq!(from, (&first["id"], &json!("a"), &json!(1)), "{cached:#}");
    let attempt = get(&format!("/runs/{}/tasks/a", id(&second)))["attempts"][0].clone();
    assert_eq!(attempt["fuel_used"], 0, "{attempt:#}");
    assert_eq!(attempt["started_at"], Value::Null, "{attempt:#}");
}

#[test]
fn an_output_for_another_input_is_not_taken_over() {
    let first = finished("remembers", json!({ "of": "miss", "n": 1 }));
    let second = finished("remembers", json!({ "of": "miss", "n": 2 }));
    assert_ne!(first["id"], second["id"]);
    let (output, cached) = given(&second);
    assert_eq!((&output["run_id"], &cached), (&second["id"], &Value::Null));
}

#[test]
fn an_output_that_is_too_old_is_not_taken_over() {
    let first = finished("forgets", json!({}));
    let ended = std::time::Instant::now();
    // Longer than the `ttl`, on the same clock as the host's.
    while ended.elapsed() < std::time::Duration::from_millis(5) {
        std::thread::yield_now();
    }
    let second = finished("forgets", json!({}));
    assert_ne!(first["id"], second["id"]);
    assert_eq!(given(&second).0["run_id"], second["id"]);
}

#[test]
fn a_run_can_forgo_earlier_outputs() {
    finished("remembers", json!({ "of": "off" }));
    let body = json!({ "input": { "of": "off" }, "cache": "off" });
    let run = post("/workflows/remembers/runs", &[("prefer", "wait=60")], &body).expect(200);
    let (output, cached) = given(&run);
    assert_eq!((&output["run_id"], &cached), (&run["id"], &Value::Null));
}

#[test]
fn what_may_change_the_world_cannot_be_cached() {
    let problem = post("/workflows/uncacheable/runs", &[], &json!({})).expect(409);
    assert_eq!(problem["problems"][0]["code"], "not-cacheable", "{problem:#}");
}

#[test]
fn a_handler_that_falls_silent_is_stopped_and_tried_again() {
    let run = finished("falls_silent", json!({}));
    assert_eq!(run["outcome"], "failed", "{run:#}");
    let task = get(&format!("/runs/{}/tasks/a", id(&run)));
    let attempts = task["attempts"].as_array().expect("a list");
    assert_eq!(attempts.len(), 2, "{task:#}");
    for attempt in attempts {
        assert_eq!(attempt["outcome"], "timed_out", "{attempt:#}");
        assert_eq!(attempt["failure"]["code"], "heartbeat-missed", "{attempt:#}");
    }
}

#[test]
fn a_handler_that_says_how_far_it_is_goes_on_and_is_heard() {
    let run = started("keeps_talking", json!({}));
    let path = format!("/runs/{run}/tasks/a");
    let task = until(&path, |task| task["progress"]["at"].is_string());
    assert_eq!(task["progress"]["fraction"], 0.1, "{task:#}");
    assert_eq!(task["progress"]["note"], "never ready", "{task:#}");
    let shown = get(&format!("/runs/{run}"));
    assert_eq!(shown["tasks"][0]["progress"]["note"], "never ready", "{shown:#}");
    post(&format!("/runs/{run}/cancel"), &[], &json!({}));
    let ended = until(&path, |task| task["outcome"].is_string());
    assert_eq!(ended["progress"], Value::Null, "{ended:#}");
    assert_eq!(ended["outcome"], "cancelled", "{ended:#}");
}
