//! `tests.toml`: the cases of a plugin, what each is given and what is expected of it.

mod exchange;
mod expect;
mod prompt;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp as Time;
use serde_json::{Map, Value, json};
use taskloom_core::document::{Document, Problem, Step, Table};
use taskloom_core::id::Digest;
use taskloom_core::plugin::LimitsWish;
use taskloom_core::time::Timestamp;
use taskloom_wasm::CallLimits;

pub(super) use exchange::{Answer, BodyExpected, Exchange, Trouble};
pub(super) use expect::{
    Expected, FailureExpected, FileExpected, LineExpected, ProgressExpected, Wanted,
};
pub(super) use prompt::{Prompt, Reply};

/// The time of a case that says none: 2026-01-01T00:00:00Z.
const CLOCK_MS: i64 = 1_767_225_600_000;

/// The most attempts that a case can speak of.
const ATTEMPTS_MAX: i64 = 1_000;

/// The largest input that is read from a file, in bytes: more than any host takes.
const INPUT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What stands in an input for a file of the case.
const FILE: &str = "$file:";

/// One call of a handler.
#[derive(Debug)]
pub(super) struct Case {
    /// What it shows; unique.
    pub(super) name: String,
    /// The line of the file that it begins in.
    pub(super) line: u32,
    /// The task type, by its short or its full name.
    pub(super) task_type: String,
    /// The input, a JSON text.
    pub(super) input: Arc<str>,
    /// The number of the attempt.
    pub(super) attempt: u32,
    /// How many attempts the task may have.
    pub(super) max_attempts: u32,
    /// Whether it is cancelled as soon as its handler begins.
    pub(super) is_cancelled: bool,
    /// The time that the handler sees.
    pub(super) clock: Timestamp,
    /// What the task wishes for.
    pub(super) limits: LimitsWish,
    /// Files that the input refers to.
    pub(super) files: Vec<Vec<u8>>,
    /// The context of the run.
    pub(super) context: Map<String, Value>,
    /// Secrets that the host has, by their names.
    pub(super) secrets: Vec<(String, String)>,
    /// What models are expected to be asked, and what they answer.
    pub(super) prompts: Vec<Prompt>,
    /// Requests that are expected, and how they are answered.
    pub(super) exchanges: Vec<Exchange>,
    /// What is expected of it.
    pub(super) expected: Expected,
}

/// What cases have in common, unless one says otherwise.
#[derive(Debug, Clone)]
struct Defaults {
    task_type: Option<String>,
    clock: Timestamp,
}

/// Reads the cases of a file. Files that they name lie relative to it.
///
/// # Errors
/// Everything that is wrong in it, with positions.
pub(super) fn read(path: &Path, source: &str) -> Result<Vec<Case>, Vec<Problem>> {
    let document = Document::parse(&path.display().to_string(), source);
    let mut root = document.root();
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut defaults = Defaults { task_type: None, clock: Timestamp::from_ms(CLOCK_MS) };
    if let Some(mut table) = root.table("defaults") {
        defaults.task_type = table.string("task_type");
        defaults.clock = clock(&mut table).unwrap_or(defaults.clock);
        table.finish();
    }
    root.require(&["cases"]);
    let tables = root.tables("cases");
    if tables.is_empty() && root.has("cases") && document.is_fine() {
        root.report(&["cases".into()], "invalid-value", "there is no case", None);
    }
    let mut cases: Vec<Case> = Vec::new();
    for table in tables {
        let (line, path) = (table.line(), table.path().to_owned());
        let Some(case) = case(table, &defaults, folder, line) else { continue };
        if cases.iter().any(|before| before.name == case.name) {
            let message = format!("{path}: there is another case named `{}`", case.name);
            root.report(&["cases".into(), Step::Item(cases.len())], "duplicate", message, None);
        }
        cases.push(case);
    }
    root.finish();
    if document.is_fine() { Ok(cases) } else { Err(document.problems()) }
}

fn case(mut table: Table<'_>, defaults: &Defaults, folder: &Path, line: u32) -> Option<Case> {
    table.require(&["name"]);
    let name = table.string("name");
    let task_type = table.string("task_type").or_else(|| defaults.task_type.clone());
    if task_type.is_none() && !table.has("task_type") {
        let help = "here, or for all cases in [defaults]".to_owned();
        table.report(&["task_type".into()], "missing-key", "is missing", Some(help));
    }
    let attempt = table.integer("attempt", 1..=ATTEMPTS_MAX).unwrap_or(1);
    let most = table.integer("max_attempts", 1..=ATTEMPTS_MAX).unwrap_or(attempt.max(3));
    let is_cancelled = table.boolean("cancelled").unwrap_or(false);
    let clock = clock(&mut table).unwrap_or(defaults.clock);
    let limits = table.table("limits").map(limits).unwrap_or_default();
    let files = files(&mut table);
    let input = input(&mut table, folder, &files);
    let context = object(&mut table, "context").unwrap_or_default();
    let secrets = texts(&mut table, "secrets");
    let prompts = table.tables("ai").into_iter().filter_map(prompt::read).collect();
    let exchanges = table.tables("http").into_iter().filter_map(exchange::read).collect();
    let expected = expect::read(&mut table);
    table.finish();
    Some(Case {
        name: name?,
        line,
        task_type: task_type?,
        input: input?,
        attempt: u32::try_from(attempt).unwrap_or(1),
        max_attempts: u32::try_from(most).unwrap_or(1),
        is_cancelled,
        clock,
        limits,
        files: files.into_iter().map(|file| file.content).collect(),
        context,
        secrets,
        prompts,
        exchanges,
        expected,
    })
}

/// The `clock` of a table: a time as RFC 3339 has it.
fn clock(table: &mut Table<'_>) -> Option<Timestamp> {
    let text = table.string("clock")?;
    match text.parse::<Time>() {
        Ok(time) => Some(Timestamp::from_ms(time.as_millisecond())),
        Err(_) => {
            let help = "write it as \"2026-01-01T00:00:00Z\"".to_owned();
            table.report(&["clock".into()], "invalid-value", "it is no time", Some(help));
            None
        }
    }
}

/// What the task wishes for; a host grants no more than its ceilings.
fn limits(mut table: Table<'_>) -> LimitsWish {
    let most = &CallLimits::CEILINGS;
    let fuel_max = i64::try_from(most.fuel).unwrap_or(i64::MAX);
    let fuel = table.integer("fuel", 1..=fuel_max).and_then(|fuel| u64::try_from(fuel).ok());
    let timeout = table.duration("timeout", Duration::from_millis(1)..=most.timeout);
    let limits = LimitsWish {
        fuel,
        memory_bytes: table.bytes("memory", 64 * 1024..=most.memory_bytes),
        timeout_ms: timeout.and_then(|timeout| u64::try_from(timeout.as_millis()).ok()),
        output_bytes: table.bytes("output", 1..=most.output_bytes),
    };
    table.finish();
    limits
}

/// A file that the input refers to.
struct File {
    name: String,
    media_type: String,
    content: Vec<u8>,
}

fn files(table: &mut Table<'_>) -> Vec<File> {
    let mut files = Vec::new();
    for mut file in table.tables("files") {
        file.require(&["name", "text"]);
        let (name, text) = (file.string("name"), file.string("text"));
        let media_type = file.string("media_type").unwrap_or_else(|| "text/plain".to_owned());
        file.finish();
        if let (Some(name), Some(text)) = (name, text) {
            files.push(File { name, media_type, content: text.into_bytes() });
        }
    }
    files
}

/// The input: a value, a JSON text, or a file with one.
fn input(table: &mut Table<'_>, folder: &Path, files: &[File]) -> Option<Arc<str>> {
    let keys = ["input", "input_json", "input_file"].map(|key| (key, table.has(key)));
    let given: Vec<_> = keys.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect();
    let value = table.json("input");
    let text = table.string("input_json");
    let file = table.string("input_file");
    match given[..] {
        [] => Some("{}".into()),
        ["input"] => {
            let mut value = value?;
            if let Err(missing) = put_files(&mut value, files) {
                let help = "the case has it not in `files`".to_owned();
                let message = format!("there is no file `{missing}`");
                table.report(&["input".into()], "unknown-file", message, Some(help));
                return None;
            }
            Some(value.to_string().into())
        }
        // As it stands, also when it is no JSON: a host says so.
        ["input_json"] => Some(text?.into()),
        ["input_file"] => {
            let path = folder.join(file?);
            let read = match std::fs::metadata(&path) {
                Ok(metadata) if metadata.len() > INPUT_BYTES_MAX => Err(format!(
                    "it has {} bytes; at most {INPUT_BYTES_MAX} are read",
                    metadata.len()
                )),
                // A pipe or a device might never end.
                Ok(metadata) if !metadata.is_file() => Err("it is no file".to_owned()),
                Ok(_) => std::fs::read_to_string(&path).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match read {
                Ok(text) => Some(text.into()),
                Err(why) => {
                    let message = format!("`{}` cannot be read: {why}", path.display());
                    table.report(&["input_file".into()], "unreadable", message, None);
                    None
                }
            }
        }
        _ => {
            let message = format!("there is `{}` too: an input has one of them", given[0]);
            table.report(&[given[1].into()], "conflict", message, None);
            None
        }
    }
}

/// Puts references in the place of `$file:NAME`; names the first that is not there.
fn put_files(value: &mut Value, files: &[File]) -> Result<(), String> {
    match value {
        Value::String(text) => {
            let Some(name) = text.strip_prefix(FILE) else { return Ok(()) };
            let file = files.iter().find(|file| file.name == name);
            let File { name, media_type, content } = file.ok_or_else(|| name.to_owned())?;
            *value = json!({
                "artefact": Digest::of(content).to_string(),
                "name": name,
                "media_type": media_type,
                "bytes": content.len(),
            });
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| put_files(item, files)),
        Value::Object(entries) => {
            entries.values_mut().try_for_each(|entry| put_files(entry, files))
        }
        _ => Ok(()),
    }
}

/// A table of texts, such as headers.
fn texts(table: &mut Table<'_>, key: &'static str) -> Vec<(String, String)> {
    let Some(Value::Object(entries)) = json_table(table, key) else { return Vec::new() };
    let mut texts = Vec::new();
    for (name, value) in entries {
        match value {
            Value::String(text) => texts.push((name, text)),
            _ => {
                let path = [Step::Key(key), Step::Key(&name)];
                table.report(&path, "wrong-type", "a string is expected", None);
            }
        }
    }
    texts
}

/// A table of any values.
fn json_table(table: &mut Table<'_>, key: &'static str) -> Option<Value> {
    match table.json(key)? {
        value @ Value::Object(_) => Some(value),
        _ => {
            table.report(&[key.into()], "wrong-type", "a table is expected", None);
            None
        }
    }
}

/// An object of any values, empty if it is not there.
fn object(table: &mut Table<'_>, key: &'static str) -> Option<Map<String, Value>> {
    match json_table(table, key)? {
        Value::Object(entries) => Some(entries),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
