//! Journals as released versions wrote them: each is still read, replayed and written the same way.
//!
//! A line of `fixtures/journals.jsonl` is one run: the line for its workflow (see `support::workflow`) and
//! its entries. Lines are added when there are new events, and never changed. Lines from before groups,
//! waits and reruns hold nothing of them.

mod support;

use std::collections::BTreeSet;

use serde_json::Value;
use taskloom_core::id::Digest;
use taskloom_core::journal::{Entry, PluginEvent, RunEvent};
use taskloom_core::life::PluginLife;
use taskloom_core::run::RunState;

use support::{other_run, workflow};

const JOURNALS: &str = include_str!("fixtures/journals.jsonl");

/// What happened to plugins, a line each: the entries, and the version that new runs use after them.
const PLUGINS: &str = include_str!("fixtures/plugins.jsonl");

/// Every journal: its workflow, its entries as they were written, and as they are read.
fn journals() -> impl Iterator<Item = (String, Value, Vec<Entry<RunEvent>>)> {
    JOURNALS.lines().map(|line| {
        let mut journal: Value = serde_json::from_str(line).expect("a line of JSON");
        let spec = journal["spec"].as_str().expect("a workflow").to_owned();
        let written = journal["entries"].take();
        let entries = serde_json::from_value(written.clone()).expect("entries are still read");
        (spec, written, entries)
    })
}

#[test]
fn journals_are_replayed_to_their_end() {
    for (spec, _, entries) in journals() {
        let state = RunState::replay(other_run(9), workflow(&spec), &entries).expect("it fits");
        assert_eq!(state.last_seq, entries.len() as u64);
        assert!(state.finish.is_some(), "{spec}");
    }
}

/// What an attempt did not use was written down once, and is not any more.
fn without_what_was_not_used(entries: &mut Value) {
    let entries = entries.as_array_mut().expect("a list");
    let events = entries.iter_mut().filter_map(|entry| entry["event"].as_object_mut());
    let usages = events.flat_map(|event| event.values_mut()).filter_map(|of| of.get_mut("usage"));
    for usage in usages {
        usage.as_object_mut().expect("an object").retain(|_, value| *value != 0);
    }
}

#[test]
fn what_is_read_is_written_as_it_was() {
    for (spec, mut written, entries) in journals() {
        without_what_was_not_used(&mut written);
        let again = serde_json::to_value(&entries).expect("entries are written");
        assert_eq!(again, written, "{spec}");
    }
}

#[test]
fn there_is_a_journal_with_every_event() {
    let seen: BTreeSet<&str> = journals()
        .flat_map(|(_, _, entries)| entries.into_iter().map(|entry| entry.event.kind()))
        .collect();
    let never = ["input-resolved"];
    let missing: Vec<_> = RunEvent::KINDS
        .iter()
        .filter(|kind| !seen.contains(**kind) && !never.contains(kind))
        .collect();
    assert!(missing.is_empty(), "add a journal with {missing:?}");
}

#[test]
fn what_happened_to_plugins_is_still_read() {
    for line in PLUGINS.lines() {
        let mut journal: Value = serde_json::from_str(line).expect("a line of JSON");
        let entries: Vec<Entry<PluginEvent>> =
            serde_json::from_value(journal["entries"].take()).expect("entries are still read");
        let life = PluginLife::of(entries.iter().map(|entry| (&entry.event, entry.at)));
        let current: Option<Digest> =
            serde_json::from_value(journal["current"].take()).expect("a digest or nothing");
        assert_eq!(life.current(), current, "{line}");
    }
}
