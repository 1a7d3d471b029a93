//! Runs as people read them.

use std::fmt::Write as _;

use owo_colors::{OwoColorize as _, Style};

use super::output::{harmless, one_line};
use super::table::{Cell, Table};
use crate::api::types::{Attempt, Failure, Held, Outcome, Run, RunStatus, Task};

/// A run with its tasks and its output.
pub(super) fn run(run: &Run) -> String {
    let (word, style) = state(run.status.as_str(), run.outcome);
    let took = match elapsed(Some(&run.started_at), run.ended_at.as_deref()) {
        Some(ms) => format!(" in {}", duration(ms)),
        None => String::new(),
    };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} {} {}  {}{took}",
        run.id.bold(),
        one_line(&run.workflow),
        one_line(&run.version),
        word.style(style)
    );
    let _ = writeln!(
        text,
        "{}",
        format!("started {} by {}, priority {}", run.started_at, run.trigger, run.priority)
            .dimmed()
    );
    if let Some(held) = &run.held {
        let _ = writeln!(text, "{}", held_for(held));
    }
    if let Some(waiting_for) = &run.waiting_for {
        let _ = writeln!(text, "waits: {}", one_line(waiting_for));
    }
    if let Some(failure) = &run.failure {
        let _ = writeln!(text, "{}", reason(failure));
    }
    text.push('\n');
    text.push_str(&tasks(&run.tasks));
    if run.tasks.len() < run.tasks_total {
        let _ = writeln!(
            text,
            "… {} more tasks; `--json` and the API page through them",
            run.tasks_total - run.tasks.len()
        );
    }
    if let Some(output) = &run.output {
        let _ = write!(text, "\n{}\n{}\n", "output".dimmed(), indented(output.get()));
    }
    text
}

/// Why a run has not begun.
pub(super) fn held_for(held: &Held) -> String {
    let mut text = "held".to_owned();
    if let Some(until) = &held.until {
        let _ = write!(text, " until {until}");
    }
    if let Some(key) = &held.key {
        let _ = write!(text, " by its concurrency key `{}`", one_line(key));
    }
    if !held.behind.is_empty() {
        let _ = write!(text, ", behind {}", held.behind.join(", "));
    }
    text
}

/// JSON, indented.
pub(super) fn indented(json: &str) -> String {
    let value: Result<serde_json::Value, _> = serde_json::from_str(json);
    let text = value.ok().and_then(|value| serde_json::to_string_pretty(&value).ok());
    harmless(text.as_deref().unwrap_or(json))
}

fn tasks(tasks: &[Task]) -> String {
    let mut table =
        Table::new(&["TASK", "TYPE", "STATUS", "ATTEMPTS", "TIME", "CPU", "FUEL", "MEMORY"]);
    let mut notes = String::new();
    for task in tasks {
        let (word, style) = state(task.status.as_str(), task.outcome);
        let last = task.attempts.last();
        table.row(vec![
            task.id.as_str().into(),
            one_line(&task.task_type).into(),
            Cell::styled(word, style),
            task.attempts.len().to_string().into(),
            last.map_or_else(|| "-".to_owned(), time).into(),
            last.and_then(|last| last.cpu_ms).map_or("-".to_owned(), duration).into(),
            last.map_or_else(|| "-".to_owned(), fuel).into(),
            last.map_or_else(|| "-".to_owned(), memory).into(),
        ]);
        if let Some(note) = note(task) {
            let _ = writeln!(notes, "{}: {note}", task.id);
        }
    }
    if notes.is_empty() { table.print() } else { format!("{}\n{notes}", table.print()) }
}

/// What is worth saying of a task beside its row.
fn note(task: &Task) -> Option<String> {
    if let Some(waiting_for) = &task.waiting_for {
        return Some(format!("waits: {}", one_line(waiting_for)));
    }
    if let Some(reason) = &task.skip_reason {
        return Some(format!("skipped: {}", one_line(reason)));
    }
    let failure = task.failure.as_ref().map(reason)?;
    match &task.retry_at {
        Some(at) => Some(format!("{failure} (next attempt at {at})")),
        None => Some(failure),
    }
}

/// A failure in words.
pub(super) fn reason(failure: &Failure) -> String {
    format!("{} ({}): {}", one_line(&failure.code), failure.class, harmless(&failure.message))
}

/// The word for where something is, and how it looks.
pub(super) fn state(status: &'static str, outcome: Option<Outcome>) -> (&'static str, Style) {
    let style = Style::new();
    match outcome {
        Some(Outcome::Succeeded) => ("succeeded", style.green()),
        Some(Outcome::Failed) => ("failed", style.red()),
        Some(Outcome::TimedOut) => ("timed_out", style.red()),
        Some(outcome @ (Outcome::Cancelled | Outcome::Skipped)) => {
            (outcome.as_str(), style.yellow())
        }
        None if status == RunStatus::Running.as_str() => (status, style.cyan()),
        None => (status, style),
    }
}

/// How long an attempt took.
fn time(attempt: &Attempt) -> String {
    let ms = elapsed(attempt.started_at.as_deref(), attempt.ended_at.as_deref());
    ms.map_or("-".to_owned(), duration)
}

fn fuel(attempt: &Attempt) -> String {
    used_of(attempt.fuel_used, attempt.fuel_limit, count)
}

fn memory(attempt: &Attempt) -> String {
    used_of(attempt.memory_peak_bytes, attempt.memory_limit_bytes, bytes)
}

/// `used of limit`.
pub(super) fn used_of(used: Option<u64>, limit: Option<u64>, show: fn(u64) -> String) -> String {
    match (used, limit) {
        (Some(_), Some(0)) | (None, _) => "-".to_owned(),
        (Some(used), Some(limit)) => format!("{} of {}", show(used), show(limit)),
        (Some(used), None) => show(used),
    }
}

/// Milliseconds between two times of the API.
pub(super) fn elapsed(from: Option<&str>, to: Option<&str>) -> Option<u64> {
    let from: jiff::Timestamp = from?.parse().ok()?;
    let to: jiff::Timestamp = to?.parse().ok()?;
    u64::try_from(to.as_millisecond() - from.as_millisecond()).ok()
}

/// Milliseconds in a unit that suits them.
pub(super) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// A number in a unit that suits it.
pub(super) fn count(number: u64) -> String {
    scaled(number, 1_000, &["", " k", " M", " G", " T"])
}

/// Bytes in a unit that suits them.
pub(super) fn bytes(number: u64) -> String {
    scaled(number, 1_024, &[" B", " KiB", " MiB", " GiB", " TiB"])
}

/// `number` in the largest of `units` that it fills, with a digit after the point unless that is 0.
fn scaled(number: u64, step: u64, units: &[&str]) -> String {
    let mut size = 1;
    let mut unit = 0;
    while unit + 1 < units.len() && number / size >= step {
        size *= step;
        unit += 1;
    }
    match (number % size).saturating_mul(10) / size {
        0 => format!("{}{}", number / size, units[unit]),
        tenths => format!("{}.{tenths}{}", number / size, units[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        let shown =
            [duration(7), duration(1_234), duration(61_500), count(12_345), count(10_000_000_000)];
        assert_eq!(shown, ["7 ms", "1.23 s", "1 min 1 s", "12.3 k", "10 G"]);
        assert_eq!([bytes(512), bytes(1 << 20), bytes(1_600)], ["512 B", "1 MiB", "1.5 KiB"]);
    }
}
