//! B8 and B9 on a host that has been through the whole hostile corpus: every file that must be refused, and
//! every call that must not be made, some rounds of them.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{neighbours, scheduling};
use crate::corpus::calls::{CALLS, policy, server};
use crate::corpus::{Refused, refused};
use crate::host::{Folders, Host, Place};
use crate::limits::Limits;
use crate::report::Report;

/// How often every call is made, all of them at once.
const ROUNDS: usize = 3;

/// How often it is looked whether files were looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Crashes are what is wanted here: a version that is in quarantine would be called no more.
const ENVIRONMENT: [(&str, &str); 1] = [("TASKLOOM_PLUGINS_CRASH_LIMIT", "0")];

pub(crate) fn measure(place: &Place, limits: &Limits, report: &Report) -> Result<()> {
    let (scheduling, neighbours) = (report.wants("B8.hostile"), report.wants("B9.hostile"));
    if !scheduling && !neighbours {
        return Ok(());
    }
    let host = abused(place)?;
    if scheduling {
        scheduling::measure_on(&host, "B8.hostile", limits, report)?;
    }
    if neighbours {
        neighbours::measure_on(&host, "B9.hostile", report)?;
    }
    Ok(())
}

/// A host that has had all of it.
fn abused(place: &Place) -> Result<Host> {
    let server = server()?;
    let calls: Vec<String> = (0..CALLS.len()).map(|n| format!("hostile-{n}")).collect();
    let mut workflows: Vec<(&str, String)> = neighbours::workflows().into();
    workflows.push(("chain", scheduling::chain()));
    for (id, call) in calls.iter().zip(&CALLS) {
        workflows.push((id.as_str(), call.workflow(id, &server)));
    }
    let folders = Folders::new(place, &["noop", "hostile"], &workflows)?;
    folders.add_policy("hostile", &policy(&server))?;
    let host = Host::start_with(place, folders, &ENVIRONMENT)?;
    drop_in(&host, place)?;
    for _ in 0..ROUNDS {
        let runs: Vec<Value> = calls.iter().map(|id| host.run(id, None)).collect::<Result<_>>()?;
        for (run, call) in runs.iter().zip(&CALLS) {
            check(&host.ended(run)?, call.ending)?;
        }
    }
    Ok(host)
}

/// Puts in everything that must be refused, and waits until it has been.
fn drop_in(host: &Host, place: &Place) -> Result<()> {
    let mut files = refused();
    for name in ["trap-in-start", "bad-manifest", "other-contract", "other-version", "wants-more"] {
        let (name, bytes) = (name.to_owned(), place.component(name)?);
        files.push(Refused { name, bytes, reason: "" });
    }
    let whole = place.component("hostile")?;
    let half = whole[..whole.len() / 2].to_vec();
    for (name, bytes) in [("half", half), ("text", b"no component".to_vec()), ("nothing", vec![])] {
        files.push(Refused { name: name.to_owned(), bytes, reason: "" });
    }
    for file in &files {
        host.folders().replace_plugin(&file.name, &file.bytes)?;
    }
    for file in &files {
        let reason = refusal(host, &file.name)?;
        ensure!(reason.contains(file.reason), "{}: {reason}", file.name);
    }
    Ok(())
}

/// Waits until a file is refused, and gives the reason.
fn refusal(host: &Host, name: &str) -> Result<String> {
    loop {
        let list = host.get("/plugins")?;
        let plugins = list["plugins"].as_array().context("no list of plugins")?;
        let found = plugins.iter().find(|plugin| plugin["name"] == name);
        match found.and_then(|plugin| plugin["state"].as_str()) {
            Some("refused") => {
                let reason = found.and_then(|plugin| plugin["reason"].as_str());
                return Ok(reason.context("no reason")?.to_owned());
            }
            Some("active") => anyhow::bail!("`{name}` was taken"),
            Some(_) | None => thread::sleep(LOOK),
        }
    }
}

fn check(run: &Value, ending: Option<(&str, &str)>) -> Result<()> {
    let failure = &run["tasks"][0]["attempts"][0]["failure"];
    let found = failure["class"].as_str().zip(failure["code"].as_str());
    ensure!(found == ending, "{ending:?} was to be: {run:#}");
    Ok(())
}
