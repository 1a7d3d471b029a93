//! Errors as RFC 9457 problem details.

use serde::{Deserialize, Serialize};
use taskloom_core::document;
use taskloom_core::schema::Violation;
use utoipa::ToSchema;

/// Why a request was not carried out: RFC 9457 problem details.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDetails {
    /// A URI that names the kind of problem: `urn:taskloom:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request, and what to do.
    pub detail: String,
    /// A stable, machine-readable word, such as `invalid-input`.
    pub code: String,
    /// Each thing that is wrong, when there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// The run it is about, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// One thing that is wrong, in a workflow file or in a JSON value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// A stable, machine-readable word, such as `unknown-key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Where in a JSON value: a JSON Pointer (RFC 6901); empty for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The file, or `request`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column in characters, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The key it is about, such as `tasks[2].retry.jitter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to do, or what may have been meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl From<document::Problem> for Problem {
    fn from(problem: document::Problem) -> Self {
        Self {
            message: problem.message,
            code: Some(problem.code.to_owned()),
            pointer: None,
            file: Some(problem.origin),
            line: Some(problem.line),
            column: Some(problem.column),
            field: Some(problem.field).filter(|field| !field.is_empty()),
            help: problem.help,
        }
    }
}

impl From<Violation> for Problem {
    fn from(violation: Violation) -> Self {
        Self { message: violation.message, pointer: Some(violation.pointer), ..Self::default() }
    }
}

impl std::fmt::Display for Problem {
    /// ``workflows/x.toml:12:9: tasks[2].retry: …; did you mean …?`` or `/issue: …`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let (Some(file), Some(line), Some(column)) = (&self.file, self.line, self.column) {
            write!(f, "{file}:{line}:{column}: ")?;
        }
        for place in [&self.field, &self.pointer].into_iter().flatten() {
            if !place.is_empty() {
                write!(f, "{place}: ")?;
            }
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}
