//! What came of cases, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use owo_colors::OwoColorize as _;
use serde_json::{Value, json};
use taskloom_wasm::{CallLimits, CallReport, Ending, LogRecord};

use super::super::output::{harmless, one_line};
use super::used::{self, Used};
use super::verdict;

/// The most lines of a log that are shown below a case that failed.
const LINES_MAX: usize = 20;

/// What came of a case.
pub(super) struct Tried {
    pub(super) name: String,
    /// The line of its file that it begins in.
    pub(super) line: u32,
    pub(super) task_type: String,
    pub(super) passed: bool,
    /// What is not as expected.
    pub(super) differences: Vec<String>,
    /// What to do about it.
    pub(super) help: Vec<String>,
    pub(super) report: CallReport,
    /// What the call might use.
    pub(super) limits: CallLimits,
    /// How long the call took, as a clock on the wall has it.
    pub(super) time: Duration,
    /// What was logged.
    pub(super) lines: Vec<LogRecord>,
}

/// A case for people: how it went, what it used of what it may use, and why it failed if it did.
pub(super) fn told(tried: &Tried) -> String {
    let name = one_line(&tried.name);
    let mut text = match tried.passed {
        true => format!("{}      {name}\n", "ok".green()),
        false => {
            format!("{}  {name}  {}\n", "failed".red(), format!("line {}", tried.line).dimmed())
        }
    };
    for difference in &tried.differences {
        let _ = writeln!(text, "        {}", harmless(difference));
    }
    for help in &tried.help {
        let _ = writeln!(text, "        {} {help}", "help:".cyan().bold());
    }
    if !tried.passed {
        let lines = until_panic(&tried.lines);
        for LogRecord { level, message, fields, .. } in lines.iter().take(LINES_MAX) {
            let fields = fields.as_deref().map(|fields| format!(" {fields}")).unwrap_or_default();
            let line = format!("log {level:<5} {}{}", one_line(message), one_line(&fields));
            let _ = writeln!(text, "        {}", line.dimmed());
        }
        let more = lines.len().saturating_sub(LINES_MAX);
        if more > 0 {
            let _ = writeln!(text, "        {}", format!("log and {more} more lines").dimmed());
        }
    }
    for line in used::told(&used::always(tried), &used::sometimes(tried)) {
        let _ = writeln!(text, "        {}", line.dimmed());
    }
    text
}

/// The lines up to the one about a panic, if there is one: what follows is the language's engine on its own
/// end, and says nothing to authors.
fn until_panic(lines: &[LogRecord]) -> &[LogRecord] {
    let is_panic = |line: &LogRecord| {
        let fields =
            line.fields.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
        fields.is_some_and(|fields| fields["code"] == "panic")
    };
    match lines.iter().position(is_panic) {
        Some(place) => &lines[..=place],
        None => lines,
    }
}

/// The last line for people.
pub(super) fn summary(total: usize, failed: usize) -> String {
    match failed {
        0 => format!("{total} of {total} cases {}\n", "passed".green()),
        _ => format!("{failed} of {total} cases {}\n", "failed".red()),
    }
}

/// Everything, for programs.
pub(super) fn all(tries: &[Tried]) -> Value {
    let failed = tries.iter().filter(|tried| !tried.passed).count();
    json!({
        "passed": tries.len() - failed,
        "failed": failed,
        "cases": tries.iter().map(case).collect::<Vec<_>>(),
    })
}

fn case(tried: &Tried) -> Value {
    let line = |record: &LogRecord| {
        let fields = record.fields.as_deref().and_then(|text| serde_json::from_str(text).ok());
        json!({
            "level": record.level,
            "message": record.message,
            "fields": fields.unwrap_or(Value::Null),
        })
    };
    let mut value = json!({
        "name": tried.name,
        "line": tried.line,
        "task_type": tried.task_type,
        "passed": tried.passed,
        "differences": tried.differences,
        "help": tried.help,
        "ending": ending(&tried.report.ending),
        "logs": tried.lines.iter().map(line).collect::<Vec<_>>(),
    });
    let uses = used::always(tried).into_iter().chain(used::sometimes(tried));
    for Used { key, used, limit, .. } in uses {
        value[key] = json!({ "used": used, "limit": limit });
    }
    value
}

fn ending(ending: &Ending) -> Value {
    match ending {
        Ending::Succeeded(output) => {
            json!({ "output": serde_json::from_str::<Value>(output).unwrap_or(Value::Null) })
        }
        Ending::Failed { failure, retry_after_ms } => {
            json!({
                "failure": failure,
                "retry_after_ms": retry_after_ms,
                "message": verdict::told(failure),
            })
        }
        Ending::Cancelled(failure) => {
            json!({ "failure": failure, "message": verdict::told(failure) })
        }
        Ending::Waiting(reason) => json!({ "waiting": reason.as_str() }),
    }
}
