//! Expressions (CEL) and the values they stand in.
//!
//! A [`Template`] is a JSON value whose strings may hold `${…}`; an [`Expression`] is the text
//! between the braces. Names are those of [`Root`]; which of them are in scope depends on where an
//! expression stands, and is checked by whoever reads it ([`References`]).
//!
//! * A string that is exactly one `${…}` becomes the expression's value, of whatever JSON type.
//!   In a longer string, texts stand as they are and everything else as its JSON text (`null` as
//!   `null`, lists and objects as compact JSON). `$${` stands for `${`.
//! * A plain path (`tasks.a.output.b[0].c`) is looked up in the JSON values; CEL is not involved.
//! * In any other expression the longest plain paths are looked up when they are reached, and only
//!   what they lead to becomes a CEL value. JSON integers become `int`, never `uint`.
//! * Results become JSON again: `int`, `uint` and finite `double` numbers, `string`, `bool`,
//!   `null`, `list`, and `map` with string keys as they are; `bytes` as base64 (RFC 4648, padded);
//!   a type as its name; an optional as its value or `null`. NaN, infinities and maps with other
//!   keys are errors.
//!
//! # Bounds
//!
//! The crate `cel` counts no steps and recurses on what it parses and evaluates, so the text
//! ([`TEXT_BYTES_MAX`]), the nesting ([`NESTING_MAX`], [`TREE_DEPTH_MAX`],
//! [`COMPREHENSIONS_MAX`]) and the result ([`RESULT_BYTES_MAX`]) are bounded here, and an
//! evaluation has a budget ([`BUDGET`]): the parsed tree is rewritten so that values that are read
//! or made, and rounds of comprehensions, are paid for before they cost time and memory. A panic
//! inside the crate is an error of the expression.

mod budget;
mod compile;
mod params;
mod path;
mod program;
mod references;
mod scan;
mod scope;
mod template;
mod value;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

pub use budget::BUDGET;
pub use compile::{COMPREHENSIONS_MAX, FUNCTIONS, TREE_DEPTH_MAX};
pub use path::{Path, PathStep, RUN_END_FIELDS, RUN_FIELDS, Root, write_steps};
pub use references::References;
pub use scan::NESTING_MAX;
pub use scope::{Item, Scope, TaskScope};
pub use template::{Template, TemplateError, TemplateReader};

pub(crate) use params::{Filled, fill_expression, fill_text};
pub(crate) use template::{Node, Piece};

use program::Program;

/// The longest expression, in bytes.
pub const TEXT_BYTES_MAX: usize = 4_096;

/// The largest value that a template may become, in bytes of JSON (about).
pub const RESULT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The longest number of keys that an error lists.
const KEYS_LISTED_MAX: usize = 12;

/// A CEL expression, parsed once.
#[derive(Clone)]
pub struct Expression(Arc<Parsed>);

struct Parsed {
    text: String,
    /// The blanks before the text, in bytes.
    lead: usize,
    code: Code,
    references: References,
}

enum Code {
    /// A plain path, looked up in the JSON values.
    Path(Path),
    /// Anything else, evaluated by the crate `cel`.
    Program(Program),
}

/// A value that could not be computed: where, which expression, why, and what the values were.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{why}", expression.as_ref().map(|text| format!("in `${{{text}}}`: ")).unwrap_or_default())]
pub struct EvaluationError {
    /// The way to the string that holds the expression; empty for a bare expression.
    pub path: Vec<PathStep>,
    /// The text of the expression, shortened to fit a message; `None` when a value without one is
    /// too large.
    pub expression: Option<String>,
    /// What is wrong, for people.
    pub why: String,
    /// The plain paths in the expression, and the kind of what each leads to.
    pub types: Vec<(String, &'static str)>,
}

/// A text that is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
pub struct SyntaxError {
    /// Where in the text, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What may have been meant, or what to do.
    pub help: Option<String>,
}

impl SyntaxError {
    fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into(), help: None }
    }

    /// An error that is about no place of a text.
    pub(crate) fn without_place(message: &str) -> Self {
        Self::new(0, message)
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl EvaluationError {
    /// An error of a value that is no expression.
    fn without_expression(why: String) -> Self {
        Self { path: Vec::new(), expression: None, why, types: Vec::new() }
    }

    /// The same error, seen from the list or object that has it at `step`.
    fn inside(mut self, step: PathStep) -> Self {
        // As often as values nest, and only when something is wrong.
        self.path.insert(0, step);
        self
    }

    /// Where it is, in words of the file: `key` is the one that holds the template or expression.
    pub fn place(&self, key: &str) -> String {
        let mut place = key.to_owned();
        write_steps(&mut place, &self.path).expect("a text takes everything");
        place
    }
}

impl Expression {
    /// Parses a bare expression, such as `tasks.classify.output.label == "bug"`.
    ///
    /// # Errors
    /// When it is no CEL, uses a name that is not in scope, or exceeds a bound.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        if text.len() > TEXT_BYTES_MAX {
            let message = format!("the expression has {} bytes", text.len());
            let error = SyntaxError::new(0, message);
            return Err(error.help(format!("the most is {TEXT_BYTES_MAX}")));
        }
        let mut references = References::default();
        let code = match Path::parse(text) {
            Some(path) => {
                let path = path.map_err(|error| *error)?;
                references.add(&path);
                Code::Path(path)
            }
            None => {
                let program = Program::parse(text)?;
                program.paths().for_each(|path| references.add(path));
                Code::Program(program)
            }
        };
        let lead = text.len() - text.trim_start().len();
        Ok(Self(Arc::new(Parsed { text: text.trim().to_owned(), lead, code, references })))
    }

    /// The text it was parsed from.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// What it reads.
    pub fn references(&self) -> &References {
        &self.0.references
    }

    /// Where the name `root` first stands in the text that was parsed, in bytes; 0 when it does not.
    pub(crate) fn position_of(&self, root: &str) -> usize {
        let text = &self.0.text;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let found = text.match_indices(root).map(|(at, _)| at).find(|at| {
            let after = text[at + root.len()..].chars().next();
            !text[..*at].ends_with(is_word)
                && !after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        self.0.lead + found.unwrap_or(0)
    }

    /// The plain path that the expression is, if it is one.
    pub fn as_path(&self) -> Option<&Path> {
        match &self.0.code {
            Code::Path(path) => Some(path),
            Code::Program(_) => None,
        }
    }

    /// The plain paths inside it. Whether each is reached depends on the values.
    pub fn paths(&self) -> Vec<&Path> {
        match &self.0.code {
            Code::Path(path) => vec![path],
            Code::Program(program) => program.paths().collect(),
        }
    }

    /// Whether it asks by `has()` for a key that `path` goes through: it knows what to do without.
    pub(crate) fn is_guarded(&self, path: &Path) -> bool {
        let Code::Program(program) = &self.0.code else { return false };
        program.asked_for().any(|(asked, key)| {
            let rest = path.steps.strip_prefix(asked.steps.as_slice());
            asked.root == path.root
                && matches!(rest, Some([PathStep::Key(next), ..]) if next == key)
        })
    }

    /// Its value.
    ///
    /// # Errors
    /// When a name leads nowhere, an operation does not fit its values, the result has no JSON
    /// form, or a bound is exceeded. The error names the expression.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, EvaluationError> {
        let mut room = RESULT_BYTES_MAX;
        self.evaluate_within(scope, &mut room)
    }

    /// Evaluates, and takes the size of the result off `room`.
    fn evaluate_within(&self, scope: &Scope, room: &mut u64) -> Result<Value, EvaluationError> {
        let result = match &self.0.code {
            Code::Path(path) => path.look_up(scope).and_then(|value| {
                value::pay_json(&value, room)?;
                Ok(value.into_owned())
            }),
            Code::Program(program) => program.evaluate(scope, room),
        };
        result.map_err(|why| EvaluationError {
            path: Vec::new(),
            expression: Some(self.shown()),
            why,
            types: self.types(scope),
        })
    }

    /// What the plain paths in it lead to.
    fn types(&self, scope: &Scope) -> Vec<(String, &'static str)> {
        let kind =
            |path: &Path| path.look_up(scope).map_or("nothing", |value| path::kind_of(&value));
        let mut types: Vec<_> =
            self.paths().into_iter().map(|path| (path.to_string(), kind(path))).collect();
        types.sort_unstable();
        types.dedup();
        types
    }

    /// The text, shortened to fit a message.
    fn shown(&self) -> String {
        match self.0.text.char_indices().nth(120) {
            Some((end, _)) => format!("{}…", &self.0.text[..end]),
            None => self.0.text.clone(),
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({})", self.0.text)
    }
}

#[cfg(test)]
mod tests;
