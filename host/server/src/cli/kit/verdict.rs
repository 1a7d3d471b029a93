//! Whether a call went as its case expects.

use std::time::Duration;

use serde_json::Value;
use taskloom_core::artefact::Artefact;
use taskloom_core::failure::Failure;
use taskloom_core::schema::join;
use taskloom_wasm::{CallReport, Ending, LogRecord};

use super::cases::{
    Expected, FailureExpected, FileExpected, LineExpected, ProgressExpected, Wanted,
};
use super::compare::{Extent, differences, shown};
use super::witness::Heard;

/// What is not as expected: a line each, empty if all is.
pub(super) fn of(expected: &Expected, report: &CallReport, heard: &Heard) -> Vec<String> {
    let mut found = ending(&expected.wanted, &report.ending);
    found.extend(lines(&expected.lines, &heard.lines));
    found.extend(progress(&expected.progress, &heard.progress));
    found.extend(part("sets", expected.sets.as_ref(), || {
        report.writes.as_deref().map_or(Value::Null, |writes| Value::Object(writes.clone()))
    }));
    found.extend(part("metrics", expected.metrics.as_ref(), || {
        serde_json::to_value(&report.usage.metrics).unwrap_or(Value::Null)
    }));
    found.extend(expected.files.iter().flat_map(|file| left(file, &report.usage.artefacts, heard)));
    found
}

/// Where a part of what came of the call is not as expected.
fn part(what: &str, expected: Option<&Value>, got: impl FnOnce() -> Value) -> Vec<String> {
    let Some(expected) = expected else { return Vec::new() };
    let lines = differences(expected, &got(), Extent::Part);
    lines.into_iter().map(|line| format!("{what}: {line}")).collect()
}

fn ending(wanted: &Wanted, ending: &Ending) -> Vec<String> {
    let output = match ending {
        Ending::Succeeded(output) => output,
        Ending::Failed { failure, retry_after_ms } => {
            return unsuccessful(wanted, failure, *retry_after_ms);
        }
        Ending::Cancelled(failure) => return unsuccessful(wanted, failure, None),
        Ending::Waiting(reason) => return vec![format!("it did not run: {}", reason.as_str())],
    };
    let value: Value = serde_json::from_str(output).expect("the runtime has checked it");
    let named =
        |lines: Vec<String>| lines.into_iter().map(|line| format!("output: {line}")).collect();
    match wanted {
        Wanted::Success => Vec::new(),
        Wanted::Output(expected) => named(differences(expected, &value, Extent::Whole)),
        Wanted::Contains(expected) => named(differences(expected, &value, Extent::Part)),
        Wanted::Fits(schema) => match schema.violations(&value) {
            violations if violations.is_empty() => Vec::new(),
            violations => named(vec![join(&violations)]),
        },
        Wanted::Failure(_) => vec![format!("expected a failure, got the output {}", shown(&value))],
    }
}

fn unsuccessful(wanted: &Wanted, failure: &Failure, wait_ms: Option<u64>) -> Vec<String> {
    let Wanted::Failure(wanted) = wanted else {
        return vec![format!("expected a success, got {}", told(failure))];
    };
    let mut found = failed(wanted, failure);
    found.extend(wanted.retry_after.and_then(|wait| waited(wait, wait_ms)));
    found
}

/// Where the wait before the next attempt is not as expected.
fn waited(wanted: Duration, got_ms: Option<u64>) -> Option<String> {
    let wanted_ms = u64::try_from(wanted.as_millis()).unwrap_or(u64::MAX);
    let got = match got_ms {
        Some(ms) if ms == wanted_ms => return None,
        Some(ms) => format!("{ms} ms"),
        None => "none".to_owned(),
    };
    Some(format!("retry_after: expected {wanted_ms} ms, got {got}"))
}

/// A failure in one line.
pub(super) fn told(failure: &Failure) -> String {
    format!("`{}` ({}): {}", failure.code, failure.class.as_str(), failure.message)
}

fn failed(wanted: &FailureExpected, failure: &Failure) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(class) = wanted.class.filter(|class| *class != failure.class) {
        found.push(format!("class: expected `{}`, got {}", class.as_str(), told(failure)));
    }
    if let Some(code) = wanted.code.as_ref().filter(|code| **code != failure.code) {
        found.push(format!("code: expected `{code}`, got {}", told(failure)));
    }
    if let Some(part) = wanted.message.as_ref().filter(|part| !failure.message.contains(*part)) {
        found.push(format!("message: `{part}` is not in `{}`", failure.message));
    }
    if let Some(details) = &wanted.details {
        let got = failure.details.clone().unwrap_or(Value::Null);
        let lines = differences(details, &got, Extent::Part);
        found.extend(lines.into_iter().map(|line| format!("details: {line}")));
    }
    found
}

/// Whether the expected lines are there, in their order.
fn lines(expected: &[LineExpected], heard: &[LogRecord]) -> Vec<String> {
    let mut rest = heard.iter();
    let missing = expected.iter().find(|line| !rest.any(|record| is(line, record)));
    let Some(line) = missing else { return Vec::new() };
    let mut parts = vec![line.level.unwrap_or("any level").to_owned()];
    parts.extend(line.message.as_ref().map(|message| format!("`{message}`")));
    parts.extend(line.fields.as_ref().map(shown));
    vec![format!("logs: there is no line {} (in this order)", parts.join(" "))]
}

fn is(line: &LineExpected, record: &LogRecord) -> bool {
    let fields = || record.fields.as_deref().and_then(|text| serde_json::from_str(text).ok());
    line.level.is_none_or(|level| level == record.level)
        && line.message.as_ref().is_none_or(|part| record.message.contains(part))
        && line.fields.as_ref().is_none_or(|part| {
            differences(part, &fields().unwrap_or(Value::Null), Extent::Part).is_empty()
        })
}

fn progress(expected: &[ProgressExpected], heard: &[(f64, String)]) -> Vec<String> {
    let is = |wanted: &ProgressExpected, (fraction, note): &(f64, String)| {
        wanted.fraction.is_none_or(|wanted| (wanted - fraction).abs() < 1e-9)
            && wanted.note.as_ref().is_none_or(|part| note.contains(part))
    };
    let mut rest = heard.iter();
    let missing = expected.iter().find(|wanted| !rest.any(|said| is(wanted, said)));
    let Some(ProgressExpected { fraction, note }) = missing else { return Vec::new() };
    let fraction = fraction.map_or("any fraction".to_owned(), |fraction| fraction.to_string());
    let note = note.as_ref().map_or(String::new(), |note| format!(" `{note}`"));
    let said: Vec<_> =
        heard.iter().map(|(fraction, note)| format!("{fraction} `{note}`")).collect();
    vec![format!("progress: {fraction}{note} was not said; said was {}", list(&said))]
}

fn left(expected: &FileExpected, artefacts: &[Artefact], heard: &Heard) -> Vec<String> {
    let FileExpected { name, media_type, text, contains } = expected;
    let Some(artefact) = artefacts.iter().find(|artefact| artefact.name == *name) else {
        let names: Vec<_> = artefacts.iter().map(|artefact| artefact.name.clone()).collect();
        return vec![format!("artefacts: `{name}` was not left; left was {}", list(&names))];
    };
    let mut found = Vec::new();
    if let Some(wanted) = media_type.as_ref().filter(|wanted| **wanted != artefact.media_type) {
        let got = &artefact.media_type;
        found.push(format!("artefacts: {name}: expected the type `{wanted}`, got `{got}`"));
    }
    let content = heard.files.get(&artefact.digest).map(Vec::as_slice).unwrap_or_default();
    let content = String::from_utf8_lossy(content);
    if let Some(wanted) = text {
        let lines = differences(&wanted.as_str().into(), &(&*content).into(), Extent::Whole);
        found.extend(lines.into_iter().map(|line| format!("artefacts: {name}: {line}")));
    }
    if let Some(part) = contains.as_ref().filter(|part| !content.contains(*part)) {
        found.push(format!("artefacts: {name}: `{part}` is not in it"));
    }
    found
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "nothing".to_owned() } else { items.join(", ") }
}
