//! Shows the tasks of a run as their attempts end.

use std::collections::HashSet;

use super::api::{Attempt, Failure, Run, Task};

/// The attempts that were shown already.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    shown: HashSet<(String, u32)>,
}

impl Progress {
    /// Prints a line for every attempt that has ended since the last call.
    pub(crate) fn show(&mut self, run: &Run) {
        for (task, attempt) in self.news(run) {
            println!("   {}", line(task, attempt));
            if let Some(failure) = &attempt.failure {
                println!("        {}", reason(failure));
            }
        }
    }

    /// Prints why a run has no report.
    pub(crate) fn explain(&self, run: &Run) {
        println!("\n== run {}", run.outcome.as_deref().unwrap_or("goes on"));
        if let Some(failure) = &run.failure {
            println!("   {}", reason(failure));
        }
    }

    fn news<'run>(&mut self, run: &'run Run) -> Vec<(&'run Task, &'run Attempt)> {
        let attempts = run
            .tasks
            .iter()
            .flat_map(|task| task.attempts.iter().map(move |attempt| (task, attempt)));
        let mut news: Vec<_> = attempts
            .filter(|(_, attempt)| attempt.ended_at.is_some())
            .filter(|(task, attempt)| self.shown.insert((task.id.clone(), attempt.number)))
            .collect();
        news.sort_by_key(|(_, attempt)| attempt.ended_at);
        news
    }
}

fn line(task: &Task, attempt: &Attempt) -> String {
    format!(
        "{:<16} attempt {}  {:<10} {:>9}  fuel {:<22} memory {}",
        task.id,
        attempt.number,
        attempt.outcome.as_deref().unwrap_or("-"),
        duration(attempt),
        used_of(attempt.fuel_used, attempt.fuel_limit, count),
        used_of(attempt.memory_peak_bytes, attempt.memory_limit_bytes, bytes),
    )
    .trim_end()
    .to_owned()
}

fn reason(failure: &Failure) -> String {
    format!("{}: {}", failure.code, failure.message)
}

fn duration(attempt: &Attempt) -> String {
    let (Some(started), Some(ended)) = (attempt.started_at, attempt.ended_at) else {
        return "-".to_owned();
    };
    let ms = ended.duration_since(started).as_secs_f64() * 1_000.0;
    if ms < 1_000.0 { format!("{ms:.1} ms") } else { format!("{:.2} s", ms / 1_000.0) }
}

fn used_of(used: Option<u64>, limit: Option<u64>, show: fn(u64) -> String) -> String {
    match (used, limit) {
        (Some(used), Some(limit)) => format!("{} of {}", show(used), show(limit)),
        (Some(used), None) => show(used),
        (None, _) => "-".to_owned(),
    }
}

fn count(number: u64) -> String {
    scaled(number, 1_000, &["", " k", " M", " G"])
}

fn bytes(number: u64) -> String {
    scaled(number, 1_024, &[" B", " KiB", " MiB", " GiB"])
}

/// `number` in the largest of `units` that it fills, with one digit after the point unless that is zero.
fn scaled(number: u64, step: u64, units: &[&str]) -> String {
    let mut size = 1;
    let mut unit = 0;
    while unit + 1 < units.len() && number / size >= step {
        size *= step;
        unit += 1;
    }
    let tenths = number % size * 10 / size;
    let fraction = if tenths == 0 { String::new() } else { format!(".{tenths}") };
    format!("{}{fraction}{}", number / size, units[unit])
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::{Progress, line};
    use crate::demo::api::Run;

    fn check(run: &str, expected: Expect) {
        let run: Run = serde_json::from_str(run).expect("a run as the API shows it");
        let mut progress = Progress::default();
        let mut lines = String::new();
        for (task, attempt) in progress.news(&run) {
            lines.push_str(&line(task, attempt));
            lines.push('\n');
        }
        expected.assert_eq(&lines);
        assert!(progress.news(&run).is_empty(), "an attempt is shown once");
    }

    #[test]
    fn ended_attempts_are_shown_in_the_order_of_their_ends() {
        check(
            r#"{"id": "r", "outcome": null, "output": null, "tasks": [
                {"id": "report", "attempts": [
                    {"number": 1, "outcome": "failed", "started_at": "2026-01-02T03:04:05.500Z", "ended_at": "2026-01-02T03:04:07Z",
                     "fuel_used": 999, "memory_peak_bytes": 1048576, "memory_limit_bytes": 67108864},
                    {"number": 2, "started_at": "2026-01-02T03:04:08Z"}]},
                {"id": "facts", "attempts": [
                    {"number": 1, "outcome": "succeeded", "started_at": "2026-01-02T03:04:05Z", "ended_at": "2026-01-02T03:04:05.0021Z",
                     "fuel_used": 1234567, "fuel_limit": 500000000, "memory_peak_bytes": 1310720, "memory_limit_bytes": 67108864}]},
                {"id": "waiting"}]}"#,
            expect![[r#"
                facts            attempt 1  succeeded     2.1 ms  fuel 1.2 M of 500 M         memory 1.2 MiB of 64 MiB
                report           attempt 1  failed        1.50 s  fuel 999                    memory 1 MiB of 64 MiB
            "#]],
        );
    }
}
