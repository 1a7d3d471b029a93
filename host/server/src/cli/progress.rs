//! What a run does, line by line, while it runs.

use std::collections::HashSet;

use owo_colors::OwoColorize as _;

use super::output::one_line;
use super::show;
use crate::api::types::Event;

/// Tells the events of a run that people want to see.
#[derive(Default)]
pub(super) struct Progress {
    waits: HashSet<String>,
}

impl Progress {
    /// Tells an event on standard error, if it is worth a line.
    pub(super) fn tell(&self, event: &Event) {
        if let Some(line) = line(event) {
            anstream::eprintln!("{line}");
        }
    }

    /// Tells why tasks wait, each reason once.
    pub(super) fn tell_waits(&mut self, waits: &[(String, String)]) {
        for (task, why) in waits {
            if self.waits.insert(format!("{task} {why}")) {
                anstream::eprintln!("  {task:<16} waits: {}", one_line(why));
            }
        }
    }
}

fn line(event: &Event) -> Option<String> {
    match (event.kind.as_str(), &event.task) {
        ("task-skipped", Some(task)) => {
            let reason = event.reason.as_deref().unwrap_or_default();
            Some(format!("  {task:<16} {}: {}", "skipped".yellow(), one_line(reason)))
        }
        ("cancel-requested", _) => Some(format!("  {}", "the run is being cancelled".yellow())),
        ("run-timed-out", _) => {
            Some(format!("  {}", "the run has taken longer than its timeout".red()))
        }
        (_, Some(task)) if event.number.is_some() && event.outcome.is_some() => {
            Some(attempt(task, event))
        }
        _ => None,
    }
}

/// `  facts            attempt 1  succeeded     12 ms  fuel 1.2 M of 10 G  memory …`
fn attempt(task: &str, event: &Event) -> String {
    let (word, style) = show::state("", event.outcome);
    let ms = show::elapsed(event.started_at.as_deref(), Some(&event.at));
    let usage = event.usage.as_ref();
    let fuel = show::used_of(usage.map(|u| u.fuel_used), usage.map(|u| u.fuel_limit), show::count);
    let memory = show::used_of(
        usage.map(|usage| usage.memory_peak_bytes),
        usage.map(|usage| usage.memory_limit_bytes),
        show::bytes,
    );
    let mut line = format!(
        "  {task:<16} attempt {}  {}  {:>9}  fuel {fuel:<18}  memory {memory}",
        event.number.unwrap_or_default(),
        format!("{word:<9}").style(style),
        ms.map_or("-".to_owned(), show::duration),
    );
    if let Some(failure) = &event.failure {
        line.push_str(&format!("\n    {}", show::reason(failure)));
    }
    if let Some(at) = event.next.as_ref().and_then(|next| next.at.as_deref()) {
        line.push_str(&format!("\n    next attempt at {at}"));
    }
    line
}
