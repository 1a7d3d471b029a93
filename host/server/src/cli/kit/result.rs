//! What came of cases, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use owo_colors::OwoColorize as _;
use serde_json::{Value, json};
use taskloom_wasm::{CallReport, Ending, LogRecord};

use super::super::output::{harmless, one_line};
use super::super::show;
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
        for LogRecord { level, message, fields, .. } in tried.lines.iter().take(LINES_MAX) {
            let fields = fields.as_deref().map(|fields| format!(" {fields}")).unwrap_or_default();
            let line = format!("log {level:<5} {}{}", one_line(message), one_line(&fields));
            let _ = writeln!(text, "        {}", line.dimmed());
        }
        let more = tried.lines.len().saturating_sub(LINES_MAX);
        if more > 0 {
            let _ = writeln!(text, "        {}", format!("log and {more} more lines").dimmed());
        }
    }
    let _ = writeln!(text, "        {}", used(tried).dimmed());
    text
}

/// What the call used, each beside its limit.
fn used(tried: &Tried) -> String {
    let usage = &tried.report.usage;
    let time = u64::try_from(tried.time.as_millis()).unwrap_or(u64::MAX);
    let parts = [
        format!("fuel {}/{}", show::count(usage.fuel_used), show::count(usage.fuel_limit)),
        format!(
            "memory {}/{}",
            show::bytes(usage.memory_peak_bytes),
            show::bytes(usage.memory_limit_bytes)
        ),
        format!("time {time} ms/{} ms", usage.timeout_ms),
        format!("host calls {}/{}", usage.host_calls, usage.host_calls_limit),
        format!(
            "output {}/{}",
            show::bytes(usage.output_bytes),
            show::bytes(usage.output_limit_bytes)
        ),
    ];
    parts.join("  ")
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
    let usage = &tried.report.usage;
    let limits = |used: u64, limit: u64| json!({ "used": used, "limit": limit });
    let time = u64::try_from(tried.time.as_millis()).unwrap_or(u64::MAX);
    let line = |record: &LogRecord| {
        let fields = record.fields.as_deref().and_then(|text| serde_json::from_str(text).ok());
        json!({
            "level": record.level,
            "message": record.message,
            "fields": fields.unwrap_or(Value::Null),
        })
    };
    json!({
        "name": tried.name,
        "line": tried.line,
        "task_type": tried.task_type,
        "passed": tried.passed,
        "differences": tried.differences,
        "help": tried.help,
        "ending": ending(&tried.report.ending),
        "fuel": limits(usage.fuel_used, usage.fuel_limit),
        "memory_bytes": limits(usage.memory_peak_bytes, usage.memory_limit_bytes),
        "time_ms": limits(time, usage.timeout_ms),
        "host_calls": limits(usage.host_calls, usage.host_calls_limit),
        "output_bytes": limits(usage.output_bytes, usage.output_limit_bytes),
        "requests": usage.requests,
        "logs": tried.lines.iter().map(line).collect::<Vec<_>>(),
    })
}

fn ending(ending: &Ending) -> Value {
    match ending {
        Ending::Succeeded(output) => {
            json!({ "output": serde_json::from_str::<Value>(output).unwrap_or(Value::Null) })
        }
        Ending::Failed { failure, .. } | Ending::Cancelled(failure) => {
            json!({ "failure": failure, "message": verdict::told(failure) })
        }
        Ending::Waiting(reason) => json!({ "waiting": reason.as_str() }),
    }
}
