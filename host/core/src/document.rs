//! Reads TOML with positions: workflow files, the host's configuration, policy files.
//!
//! Every problem is collected, with its line and column, instead of ending at the first. A getter
//! answers `None` both when a key is absent and when its value is wrong; in the second case a
//! problem has been noted, so the caller may go on with any default. [`Table::finish`] notes the
//! keys that nobody asked for, and [`Document::problems`] hands everything out in order.
//!
//! ```
//! use taskloom_core::document::Document;
//!
//! let source = "bnd = \"127.0.0.1:8080\"\n[limits]\nmemory = \"64MiB\"\nthreads = 0\n";
//! let document = Document::parse("taskloom.toml", source);
//! let mut root = document.root();
//! root.require(&["data"]);
//! let _data = root.string("data");
//! let _bind = root.string("bind").unwrap_or_else(|| "127.0.0.1:7180".to_owned());
//! let mut memory = None;
//! if let Some(mut limits) = root.table("limits") {
//!     memory = limits.bytes("memory", 1024..=1 << 30);
//!     limits.integer("threads", 1..=64);
//!     limits.finish();
//! }
//! root.finish();
//!
//! assert_eq!(memory, Some(64 << 20));
//! let problems: Vec<_> = document.problems().iter().map(ToString::to_string).collect();
//! assert_eq!(
//!     problems,
//!     [
//!         "taskloom.toml:1:1: data: is missing",
//!         "taskloom.toml:1:1: bnd: unknown key `bnd`; did you mean `bind`?",
//!         "taskloom.toml:4:11: limits.threads: 0 is out of range; it must be from 1 to 64",
//!     ]
//! );
//! ```

mod json;
mod problem;
mod quantity;
mod table;

use std::cell::{Cell, RefCell};

use toml::de::{DeTable, Error};

pub use problem::{Problem, Step, suggest};
pub use quantity::{DURATION_MAX, SIZE_MAX, parse_duration, parse_size};
pub use table::Table;

use problem::Finding;
pub(crate) use problem::{clip, print_path};

/// The longest text that is read, in bytes. A workflow of 100,000 tasks needs about 12 MiB.
pub const SOURCE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A broken text longer than this is not recovered: only its first syntax error is reported, since
/// each error takes memory and garbage holds one a byte.
const RECOVERY_BYTES_MAX: usize = 256 * 1024;

/// The most problems that are handed out; one more says how many were left out.
pub const PROBLEMS_MAX: usize = 200;

/// The most problems that are kept while reading; what comes after is only counted.
const FINDINGS_MAX: usize = 10_000;

/// The most suggestions that are searched for in one document: the search is the costly part of a
/// problem, and nobody reads so many.
const SUGGESTIONS_MAX: usize = 50;

/// A TOML text and the problems found in it so far.
pub struct Document<'s> {
    origin: String,
    source: &'s str,
    root: DeTable<'s>,
    findings: RefCell<Vec<Finding>>,
    uncounted: Cell<usize>,
    suggestions: Cell<usize>,
    damaged: bool,
}

impl<'s> Document<'s> {
    /// Parses `source`; `origin` is the name of the file, or `request`. What cannot be parsed is
    /// noted as a problem and the rest can still be read.
    pub fn parse(origin: &str, source: &'s str) -> Self {
        let mut document = Self {
            origin: origin.to_owned(),
            source,
            root: DeTable::new(),
            findings: RefCell::default(),
            uncounted: Cell::default(),
            suggestions: Cell::default(),
            damaged: true,
        };
        if source.len() > SOURCE_BYTES_MAX {
            let message = format!("the text has {} bytes", source.len());
            let help = format!("the most that is read is {SOURCE_BYTES_MAX}");
            document.note(0, String::new(), "too-large", message, Some(help));
        } else {
            document.read();
        }
        document
    }

    /// The table of the document's own keys.
    pub fn root(&self) -> Table<'_> {
        Table::new(self, &self.root, 0, String::new())
    }

    /// The name of the text in problems.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether the text has syntax errors: a part of it may be missing from the tables, so that
    /// something is absent is no problem of its own.
    pub const fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Whether nothing is wrong so far.
    pub fn is_fine(&self) -> bool {
        self.findings.borrow().is_empty()
    }

    /// How many things are wrong so far.
    pub(crate) fn count(&self) -> usize {
        self.findings.borrow().len() + self.uncounted.get()
    }

    /// The problems so far, in the order of their positions, at most [`PROBLEMS_MAX`] and one that
    /// says how many there are besides.
    pub fn problems(&self) -> Vec<Problem> {
        let mut findings = self.findings.borrow().clone();
        findings.sort_by_key(|finding| finding.offset);
        let mut problems = problem::place(&self.origin, self.source, &findings, PROBLEMS_MAX);
        let rest = self.count() - problems.len();
        if rest > 0 {
            let (line, column) = problems.last().map_or((1, 1), |last| (last.line, last.column));
            problems.push(Problem {
                origin: self.origin.clone(),
                line,
                column,
                field: String::new(),
                code: "more-problems",
                message: format!("and {rest} more problems"),
                help: None,
            });
        }
        problems
    }

    /// The candidate that `word` may have been meant to be, as a question to append to a message.
    pub fn did_you_mean<'a>(
        &self,
        word: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Option<String> {
        if self.suggestions.get() >= SUGGESTIONS_MAX {
            return None;
        }
        self.suggestions.set(self.suggestions.get() + 1);
        suggest(word, candidates).map(|found| format!("did you mean `{found}`?"))
    }

    /// Parses the text; a sound one once, a broken one a second time with recovery.
    fn read(&mut self) {
        match DeTable::parse(self.source) {
            Ok(root) => {
                self.root = root.into_inner();
                self.damaged = false;
            }
            Err(error) if self.source.len() > RECOVERY_BYTES_MAX => self.note_syntax(&error),
            Err(_) => {
                let (root, errors) = DeTable::parse_recoverable(self.source);
                self.root = root.into_inner();
                self.note_syntax_by_line(&errors);
            }
        }
    }

    /// Notes the first error of each line: one that is not closed makes many of what follows it.
    fn note_syntax_by_line(&self, errors: &[Error]) {
        let offset = |error: &Error| error.span().map_or(0, |span| span.start);
        let mut errors: Vec<_> = errors.iter().collect();
        errors.sort_by_key(|error| offset(error));
        let mut noted: Option<usize> = None;
        for error in errors {
            let here = offset(error).min(self.source.len());
            let is_new_line =
                noted.is_none_or(|last| self.source.as_bytes()[last..here].contains(&b'\n'));
            if is_new_line {
                self.note_syntax(error);
                noted = Some(here);
            }
        }
    }

    fn note_syntax(&self, error: &Error) {
        let offset = error.span().map_or(0, |span| span.start);
        let message = format!("TOML syntax: {}", error.message());
        self.note(offset, String::new(), "toml-syntax", message, None);
    }

    /// Keeps a problem at `offset` bytes into the text.
    fn note(
        &self,
        offset: usize,
        field: String,
        code: &'static str,
        message: String,
        help: Option<String>,
    ) {
        let mut findings = self.findings.borrow_mut();
        if findings.len() >= FINDINGS_MAX {
            self.uncounted.set(self.uncounted.get() + 1);
            return;
        }
        findings.push(Finding { offset, field, code, message, help });
    }
}

#[cfg(test)]
mod tests;
