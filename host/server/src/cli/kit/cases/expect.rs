//! What a case expects of a call.

use std::time::Duration;

use serde_json::Value;
use taskloom_core::document::Table;
use taskloom_core::failure::FailureClass;
use taskloom_core::schema::Schema;

use super::object;

/// What is expected; what is not mentioned may be as it is.
#[derive(Debug)]
pub(in crate::cli::kit) struct Expected {
    /// How the call ends.
    pub(in crate::cli::kit) wanted: Wanted,
    /// Lines of the log, in this order; others may stand between them.
    pub(in crate::cli::kit) lines: Vec<LineExpected>,
    /// What is said of the progress, in this order; more may be said between.
    pub(in crate::cli::kit) progress: Vec<ProgressExpected>,
    /// Names that are set in the context, with their values.
    pub(in crate::cli::kit) sets: Option<Value>,
    /// What is measured, by its name.
    pub(in crate::cli::kit) metrics: Option<Value>,
    /// Files that are left.
    pub(in crate::cli::kit) files: Vec<FileExpected>,
}

/// How a call is expected to end.
pub(in crate::cli::kit) enum Wanted {
    /// With any output.
    Success,
    /// With this output.
    Output(Value),
    /// With an output that has at least this.
    Contains(Value),
    /// With an output that fits this schema.
    Fits(Box<Schema>),
    /// With a failure.
    Failure(FailureExpected),
}

/// A failure; what is absent may be anything.
#[derive(Debug, Default)]
pub(in crate::cli::kit) struct FailureExpected {
    pub(in crate::cli::kit) class: Option<FailureClass>,
    pub(in crate::cli::kit) code: Option<String>,
    /// A part of the message.
    pub(in crate::cli::kit) message: Option<String>,
    /// A part of the details.
    pub(in crate::cli::kit) details: Option<Value>,
    /// How long the host is told to wait before the next attempt.
    pub(in crate::cli::kit) retry_after: Option<Duration>,
}

/// A line of the log.
#[derive(Debug)]
pub(in crate::cli::kit) struct LineExpected {
    pub(in crate::cli::kit) level: Option<&'static str>,
    /// A part of the message.
    pub(in crate::cli::kit) message: Option<String>,
    /// A part of the fields.
    pub(in crate::cli::kit) fields: Option<Value>,
}

/// Something said of the progress.
#[derive(Debug)]
pub(in crate::cli::kit) struct ProgressExpected {
    pub(in crate::cli::kit) fraction: Option<f64>,
    /// A part of the note.
    pub(in crate::cli::kit) note: Option<String>,
}

/// A file that is left.
#[derive(Debug)]
pub(in crate::cli::kit) struct FileExpected {
    pub(in crate::cli::kit) name: String,
    pub(in crate::cli::kit) media_type: Option<String>,
    /// All of its text.
    pub(in crate::cli::kit) text: Option<String>,
    /// A part of its text.
    pub(in crate::cli::kit) contains: Option<String>,
}

/// The classes that a call can end with.
const CLASSES: [(&str, FailureClass); 6] = [
    ("retryable", FailureClass::Retryable),
    ("permanent", FailureClass::Permanent),
    ("crash", FailureClass::Crash),
    ("limit", FailureClass::Limit),
    ("timeout", FailureClass::Timeout),
    ("cancelled", FailureClass::Cancelled),
];

/// The longest wait before the next attempt that a case can speak of.
const WAIT_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

const LEVELS: [(&str, &str); 5] = [
    ("trace", "trace"),
    ("debug", "debug"),
    ("info", "info"),
    ("warn", "warn"),
    ("error", "error"),
];

/// The keys that say how a call ends: at most one of them.
const ENDS: [&str; 5] = ["output", "output_json", "output_contains", "output_schema", "failure"];

/// Reads what the table of a case expects.
pub(super) fn read(table: &mut Table<'_>) -> Expected {
    let given: Vec<_> = ENDS.into_iter().filter(|key| table.has(key)).collect();
    if let [first, second, ..] = given[..] {
        let message = format!("there is `{first}` too: a case expects one ending");
        table.report(&[second.into()], "conflict", message, None);
    }
    let ends = [
        table.json("output").map(Wanted::Output),
        json_text(table).map(Wanted::Output),
        table.json("output_contains").map(Wanted::Contains),
        schema(table).map(|schema| Wanted::Fits(Box::new(schema))),
        table.table("failure").map(failure).map(Wanted::Failure),
    ];
    let lines = table.tables("logs").into_iter().map(line).collect();
    let progress = table.tables("progress").into_iter().map(progress).collect();
    let files = table.tables("artefacts").into_iter().filter_map(file).collect();
    let sets = object(table, "sets").map(Value::Object);
    let metrics = object(table, "metrics").map(Value::Object);
    let wanted = ends.into_iter().flatten().next().unwrap_or(Wanted::Success);
    Expected { wanted, lines, progress, sets, metrics, files }
}

/// `output_json`: for what TOML cannot say, such as `null`.
fn json_text(table: &mut Table<'_>) -> Option<Value> {
    let text = table.string("output_json")?;
    serde_json::from_str(&text)
        .map_err(|error| {
            let message = format!("it is no JSON: {error}");
            table.report(&["output_json".into()], "invalid-value", message, None);
        })
        .ok()
}

fn schema(table: &mut Table<'_>) -> Option<Schema> {
    let schema = table.json("output_schema")?;
    Schema::compile(&schema)
        .map_err(|error| {
            let message = format!("it is no JSON Schema: {error}");
            table.report(&["output_schema".into()], "invalid-value", message, None);
        })
        .ok()
}

fn failure(mut table: Table<'_>) -> FailureExpected {
    let failure = FailureExpected {
        class: table.choice("class", &CLASSES),
        code: table.string("code"),
        message: table.string("message"),
        details: table.json("details"),
        retry_after: table.duration("retry_after", Duration::ZERO..=WAIT_MAX),
    };
    table.finish();
    failure
}

fn line(mut table: Table<'_>) -> LineExpected {
    let line = LineExpected {
        level: table.choice("level", &LEVELS),
        message: table.string("message"),
        fields: object(&mut table, "fields").map(Value::Object),
    };
    table.finish();
    line
}

fn progress(mut table: Table<'_>) -> ProgressExpected {
    let progress = ProgressExpected {
        fraction: table.float("fraction", 0.0..=1.0),
        note: table.string("note"),
    };
    table.finish();
    progress
}

fn file(mut table: Table<'_>) -> Option<FileExpected> {
    table.require(&["name"]);
    let name = table.string("name");
    let media_type = table.string("media_type");
    let (text, contains) = (table.string("text"), table.string("contains"));
    table.finish();
    Some(FileExpected { name: name?, media_type, text, contains })
}

impl std::fmt::Debug for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Success => f.write_str("Success"),
            Self::Output(value) => write!(f, "Output({value})"),
            Self::Contains(value) => write!(f, "Contains({value})"),
            Self::Fits(_) => f.write_str("Fits"),
            Self::Failure(failure) => failure.fmt(f),
        }
    }
}
