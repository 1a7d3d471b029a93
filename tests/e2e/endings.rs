//! Every way a guest can misbehave has its documented ending, and the host goes on.

use serde_json::{Value, json};

use crate::host::{Folders, Host};

/// Task type, input, failure class, failure code.
const ENDINGS: [(&str, &str, &str, &str); 16] = [
    ("spin", "{}", "limit", "out-of-fuel"),
    ("allocate", "{}", "limit", "out-of-memory"),
    ("recurse", "{}", "crash", "stack-overflow"),
    ("flood-output", "{}", "limit", "out-of-memory"),
    ("flood-output", "{ bytes = 2_000_000 }", "limit", "output-too-large"),
    ("log-forever", "{}", "limit", "host-calls-exceeded"),
    ("call-host-forever", "{}", "limit", "host-calls-exceeded"),
    ("invalid-json", "{}", "permanent", "invalid-output"),
    ("wrong-output", "{}", "permanent", "invalid-output"),
    ("ignore-cancel", "{}", "timeout", "timeout"),
    ("open-url", r#"{ url = "http://127.0.0.1:9/" }"#, "permanent", "http-denied"),
    ("panic", "{}", "crash", "panic"),
    ("trap", "{}", "crash", "trap"),
    ("fail", r#"{ class = "permanent", code = "no-luck" }"#, "permanent", "no-luck"),
    ("fail", r#"{ class = "invalid-input" }"#, "permanent", "asked-to-fail"),
    ("fail", r#"{ class = "retryable" }"#, "retryable", "asked-to-fail"),
];

fn workflow(task_type: &str, input: &str, place: usize) -> (String, String) {
    let timeout = if task_type == "ignore-cancel" { "500ms" } else { "60s" };
    // Enough for everybody who needs more than a moment, and soon used up by who spins.
    let fuel = if task_type == "spin" { 500_000_000_u64 } else { 100_000_000_000 };
    let source = format!(
        "id = \"ending-{place}\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"task\"\n\
         type = \"hostile.{task_type}\"\ninput = {input}\ntimeout = \"{timeout}\"\n\
         retry = {{ max_attempts = 1 }}\nlimits = {{ fuel = {fuel} }}\n"
    );
    (format!("ending-{place}.toml"), source)
}

#[test]
fn every_hostile_guest_meets_its_documented_ending() {
    let files: Vec<(String, String)> = ENDINGS
        .iter()
        .enumerate()
        .map(|(place, (task_type, input, ..))| workflow(task_type, input, place))
        .collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, source)| (name.as_str(), source.as_str())).collect();
    let folders = Folders::new(&["hostile"], &files);
    let host = Host::start(&folders);
    let runs: Vec<String> =
        (0..ENDINGS.len()).map(|n| host.start_run(&format!("ending-{n}"), &json!({}))).collect();
    for (run, (task_type, _, class, code)) in runs.iter().zip(ENDINGS) {
        let run = host.finished(run);
        let attempt = &run["tasks"][0]["attempts"][0];
        let failure = &attempt["failure"];
        let found = (failure["class"].as_str(), failure["code"].as_str());
        assert_eq!(found, (Some(class), Some(code)), "{task_type}: {attempt:#}");
        check_use(task_type, attempt);
    }
    assert_eq!(host.get("/health")["status"], "ok");
}

/// What was used is recorded beside its limit, however the attempt ended.
fn check_use(task_type: &str, attempt: &Value) {
    for (used, limit) in [("fuel_used", "fuel_limit"), ("memory_peak_bytes", "memory_limit_bytes")]
    {
        let (used, limit) = (attempt[used].as_u64(), attempt[limit].as_u64());
        let (Some(used), Some(limit)) = (used, limit) else {
            panic!("{task_type} has no use recorded: {attempt:#}")
        };
        assert!(used > 0 && used <= limit, "{task_type}: {used} of {limit}");
    }
    assert!(attempt["plugin_digest"].as_str().is_some_and(|d| d.starts_with("sha256:")));
}
