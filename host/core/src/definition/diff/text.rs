//! A difference as people read it.

use std::fmt;

use serde_json::Value;

use super::{Change, Diff, TaskDiff};

/// Longer values are cut, in characters.
const VALUE_CHARS_MAX: usize = 120;

impl fmt::Display for Diff {
    /// One line a key: `+` for what only the second has, `-` for what only the first has, `~` for
    /// what both have; nothing at all when nothing is different.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.workflow.is_empty() {
            writeln!(f, "~ workflow")?;
            self.workflow.iter().try_for_each(|change| write!(f, "{change}"))?;
        }
        for place in &self.removed {
            writeln!(f, "- task {} in {}", place.task, place.list)?;
        }
        for place in &self.added {
            writeln!(f, "+ task {} in {}", place.task, place.list)?;
        }
        self.changed.iter().try_for_each(|task| write!(f, "{task}"))
    }
}

impl fmt::Display for TaskDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "~ task {}", self.task)?;
        for need in &self.needs_removed {
            writeln!(f, "    - needs {need}")?;
        }
        for need in &self.needs_added {
            writeln!(f, "    + needs {need}")?;
        }
        self.changes.iter().try_for_each(|change| write!(f, "{change}"))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, from, to } = self;
        match (from.as_ref().map(short), to.as_ref().map(short)) {
            (None, None) => Ok(()),
            (None, Some(to)) => writeln!(f, "    + {key}: {to}"),
            (Some(from), None) => writeln!(f, "    - {key}: {from}"),
            (Some(from), Some(to)) if from == to => writeln!(f, "    ~ {key}: further on in {to}"),
            (Some(from), Some(to)) => writeln!(f, "    ~ {key}: {from} -> {to}"),
        }
    }
}

/// A value on one line, cut when it is long.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
