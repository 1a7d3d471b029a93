//! What one attempt can do, and what is left of it.

use serde_json::{Value, json};

use crate::host::{finished, get, post, until};

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
