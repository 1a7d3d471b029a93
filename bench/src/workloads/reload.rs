//! B10: a plugin that is replaced again and again while its handlers are called.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::noops;
use crate::clients::{Answers, Clients};
use crate::host::{Folders, Host, Place};
use crate::report::{Reach, Report};

const CLIENTS: usize = 8;
const REPLACEMENTS: usize = 100;

/// Every so many replacements the file is written in place and in two halves, as a slow copy is.
const IN_HALVES: usize = 10;

/// How long a version may take from the file to new runs.
const LOADING_MAX: Duration = Duration::from_secs(30);

pub(crate) fn measure(place: &Place, report: &Report) -> Result<()> {
    if !report.wants("B10") {
        return Ok(());
    }
    let folders = Folders::new(place, &["noop"], &[("one", noops("one", 1, |_| vec![]))])?;
    let component = place.component("noop")?;
    let host = Host::start(place, folders)?;
    let mut versions = BTreeSet::from([active(&host)?]);
    let clients = Clients::start(host.socket_address(), "one", CLIENTS, Answers::Kept);
    let begun = Instant::now();
    for number in 1..=REPLACEMENTS {
        let next = version(&component, number);
        if number % IN_HALVES == 0 {
            host.folders().write_plugin_in_halves("noop", &next)?;
        } else {
            host.folders().replace_plugin("noop", &next)?;
        }
        versions.insert(loaded(&host, &versions)?);
    }
    let took = begun.elapsed();
    // Whoever is not answered as it should be is an error of its client.
    let answers = clients.stop()?;
    ensure!(versions.len() == REPLACEMENTS + 1, "{} versions were loaded", versions.len());
    let mut strangers = 0;
    for answer in &answers {
        let run: Value = serde_json::from_str(answer)?;
        for attempt in run["tasks"][0]["attempts"].as_array().context("no attempts")? {
            let digest = attempt["plugin_digest"].as_str().context("no version")?;
            let failed = attempt["outcome"] != "succeeded";
            strangers += usize::from(failed || !versions.contains(digest));
        }
    }
    let note = format!(
        "attempts that failed or ran on anything but one of {} whole versions, of {} runs of {CLIENTS} \
         clients while a plugin was replaced {REPLACEMENTS} times in {:.0} s",
        versions.len(),
        answers.len(),
        took.as_secs_f64()
    );
    report.line("B10", (strangers as f64, "attempts"), None, Reach::AtMost(0.0), ("full", note))
}

/// The same component with another digest: a custom section says nothing to anybody.
fn version(component: &[u8], number: usize) -> Vec<u8> {
    let text = number.to_string();
    let mut bytes = component.to_vec();
    let length = u8::try_from(text.len() + 2).expect("a small number");
    bytes.extend([0, length, 1, b'v']);
    bytes.extend(text.bytes());
    bytes
}

/// Waits until a version is active that was not before.
fn loaded(host: &Host, before: &BTreeSet<String>) -> Result<String> {
    let begun = Instant::now();
    loop {
        let digest = active(host)?;
        if !before.contains(&digest) {
            return Ok(digest);
        }
        ensure!(begun.elapsed() < LOADING_MAX, "the plugin is not loaded after {LOADING_MAX:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn active(host: &Host) -> Result<String> {
    let list = host.get("/plugins")?;
    let digest = list["plugins"][0]["digest"].as_str().context("no plugin")?;
    Ok(digest.to_owned())
}
