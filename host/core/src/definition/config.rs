//! Reads `[config]`: how a run behaves as a whole.

use std::time::Duration;

use super::formula::{Formula, Reader, What, read_template};
use super::keys;
use super::policy::{LONG_TIMES, MAX_PARALLEL_MAX, PRIORITY_MAX};
use crate::context::ContextMerge;
use crate::document::{DURATION_MAX, Step, Table};
use crate::expression::{Template, TemplateReader};
use crate::workflow::{Concurrency, OnFailure, RunConfig, WhenFull};

/// The longest time a run may be given: as long as can be written.
pub const RUN_TIMEOUT_MAX: Duration = DURATION_MAX;

/// The most live runs of one concurrency key.
pub const CONCURRENCY_MAX: i64 = 10_000;

/// What may become of a name that is set twice.
pub(super) const MERGES: [(&str, ContextMerge); 4] = [
    ("last", ContextMerge::Last),
    ("first", ContextMerge::First),
    ("deep", ContextMerge::Deep),
    ("fail", ContextMerge::Fail),
];

/// Reads `[config]`, and adds what is computed in it to `formulas`.
pub(super) fn read(
    root: &mut Table<'_>,
    templates: &mut TemplateReader,
    formulas: &mut Vec<Formula>,
) -> RunConfig {
    let mut config = RunConfig::default();
    let Some(mut table) = root.table("config") else { return config };
    config.timeout = table.duration("timeout", LONG_TIMES);
    let finally_timeout = table.duration("finally_timeout", LONG_TIMES);
    config.finally_timeout = finally_timeout.unwrap_or(RunConfig::FINALLY_TIMEOUT);
    config.max_parallel = table
        .integer("max_parallel", 1..=MAX_PARALLEL_MAX)
        .and_then(|most| u32::try_from(most).ok());
    config.priority = table
        .integer("priority", -PRIORITY_MAX..=PRIORITY_MAX)
        .and_then(|priority| i32::try_from(priority).ok())
        .unwrap_or(0);
    config.on_failure = table
        .choice("on_failure", &[("stop", OnFailure::Stop), ("continue", OnFailure::Continue)])
        .unwrap_or(OnFailure::Stop);
    config.context_merge = table.choice("context_merge", &MERGES).unwrap_or_default();
    if let Some(mut inner) = table.table("concurrency") {
        config.concurrency = read_concurrency(&mut inner, templates);
        keys::finish(&inner, &keys::CONCURRENCY);
    }
    if let Some(concurrency) = &config.concurrency {
        formulas.push(Formula {
            task: None,
            path: vec![Step::Key("config"), Step::Key("concurrency"), Step::Key("key")],
            reader: Reader::Start,
            what: What::Template(concurrency.key.clone()),
        });
    }
    keys::finish(&table, &keys::CONFIG);
    config
}

fn read_concurrency(table: &mut Table<'_>, templates: &mut TemplateReader) -> Option<Concurrency> {
    table.require(&["key"]);
    // Only a text can be compared with the keys of other runs without rules of its own.
    let is_text = table.raw_text("key").is_some();
    let key: Option<Template> = if is_text { read_template(table, "key", templates) } else { None };
    let limit = table.integer("limit", 1..=CONCURRENCY_MAX).unwrap_or(1);
    let when_full = table.choice(
        "when_full",
        &[
            ("queue", WhenFull::Queue),
            ("reject", WhenFull::Reject),
            ("cancel-running", WhenFull::CancelRunning),
        ],
    );
    Some(Concurrency {
        key: key?,
        limit: u32::try_from(limit).expect("the range was checked"),
        when_full: when_full.unwrap_or(WhenFull::Queue),
    })
}
