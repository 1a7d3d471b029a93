//! What is wrong in a text, where, and what may have been meant.

use std::fmt;

/// Something wrong in a text, at a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file's name, or `request`.
    pub origin: String,
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// The key it is about, such as `tasks[2].retry.jitter`; empty when it is about the text.
    pub field: String,
    /// A stable, machine-readable word, such as `unknown-key`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do, or what may have been meant.
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    /// ``workflows/x.toml:12:9: tasks[2].retry.jitter: unknown value `ful`; did you mean `full`?``
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.origin, self.line, self.column)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// One step of a path into a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// To the value of a key of a table.
    Key(&'a str),
    /// To an item of a list.
    Item(usize),
    /// To a byte of a string, as it is after TOML's escapes; only ever the last step.
    Byte(usize),
}

impl<'a> From<&'a str> for Step<'a> {
    fn from(key: &'a str) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for Step<'_> {
    fn from(item: usize) -> Self {
        Self::Item(item)
    }
}

/// `path` with one more step, as it stands in messages.
pub(super) fn join(path: &str, step: Step<'_>) -> String {
    match step {
        Step::Item(place) => format!("{path}[{place}]"),
        Step::Byte(_) => path.to_owned(),
        Step::Key(key) => {
            let dot = if path.is_empty() { "" } else { "." };
            let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '$';
            if !key.is_empty() && key.chars().all(bare) {
                format!("{path}{dot}{key}")
            } else {
                format!("{path}{dot}{:?}", clip(key))
            }
        }
    }
}

/// A path from the top of a document, as it stands in messages: `tasks[2].then[0]`.
pub(crate) fn print_path(path: &[Step<'_>]) -> String {
    path.iter().fold(String::new(), |text, step| join(&text, *step))
}

/// A problem whose position is still a byte offset.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) offset: usize,
    pub(super) field: String,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// The first `most` findings, which must be in order, with lines and columns; one pass over the
/// text, however long its lines are.
pub(super) fn place(origin: &str, source: &str, findings: &[Finding], most: usize) -> Vec<Problem> {
    let (mut line, mut column, mut reached) = (1, 1, 0);
    let place_one = |finding: &Finding| {
        let mut target = finding.offset.min(source.len());
        while !source.is_char_boundary(target) {
            target -= 1;
        }
        for c in source[reached..target].chars() {
            if c == '\n' {
                line += 1;
                column = 1;
            } else {
                column += 1;
            }
        }
        reached = target;
        Problem {
            origin: origin.to_owned(),
            line,
            column,
            field: finding.field.clone(),
            code: finding.code,
            message: finding.message.clone(),
            help: finding.help.clone(),
        }
    };
    findings.iter().take(most).map(place_one).collect()
}

/// The longest word, in bytes, for which something similar is searched.
const SUGGESTION_BYTES_MAX: usize = 64;

/// The most candidates that are compared in one search.
const CANDIDATES_MAX: usize = 2_000;

/// The candidate that `word` may have been meant to be: the nearest by edits (insert, delete,
/// replace, swap neighbours), when at most a third of its letters differ.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Every single letter is one edit away from every other.
    if !(2..=SUGGESTION_BYTES_MAX).contains(&word.len()) {
        return None;
    }
    let most = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= most)
        .take(CANDIDATES_MAX)
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A text short enough to stand in a message.
pub(crate) fn clip(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
