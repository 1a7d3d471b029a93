//! Every way a guest can misbehave has its documented ending, and the host goes on.
//!
//! That it is as quick afterwards as it was before is measured: `cargo xtask bench B8.hostile B9.hostile`.

use serde_json::{Value, json};

use crate::calls::{CALLS, policy, server};
use crate::host::{Folders, Host};

#[test]
fn every_hostile_guest_meets_its_documented_ending() {
    let server = server().expect("a server");
    let files: Vec<(String, String)> = (0..)
        .zip(&CALLS)
        .map(|(n, call)| {
            (format!("ending-{n}.toml"), call.workflow(&format!("ending-{n}"), &server))
        })
        .collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, source)| (name.as_str(), source.as_str())).collect();
    let folders = Folders::new(&["hostile"], &files);
    folders.file("plugins/hostile.policy.toml", &policy(&server));
    // Its crashes are many, and each of them is looked at.
    let host = Host::start_with(&folders, &[("TASKLOOM_PLUGINS_CRASH_LIMIT", "0")]);
    let runs: Vec<String> =
        (0..CALLS.len()).map(|n| host.start_run(&format!("ending-{n}"), &json!({}))).collect();
    for (run, call) in runs.iter().zip(&CALLS) {
        let run = host.finished(run);
        let attempt = &run["tasks"][0]["attempts"][0];
        let failure = &attempt["failure"];
        let found = failure["class"].as_str().zip(failure["code"].as_str());
        assert_eq!(found, call.ending, "{}: {attempt:#}", call.task_type);
        check_use(call.task_type, attempt);
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
