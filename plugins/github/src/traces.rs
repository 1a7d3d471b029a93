//! Finds stack traces and reads their frames, whether fenced or pasted as they are.
//!
//! Each language has a reader that says what one line is; this module joins what they say into
//! traces. A line is offered to each reader at most once, so the work is linear in the text.

mod dotnet;
mod error;
mod go;
mod java;
mod javascript;
mod location;
mod native;
mod python;
mod ruby;
mod rust;

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::found::Found;
use crate::markdown::{Document, Line, Place};
use crate::source::{Field, Source, clean};

/// Traces that are reported.
pub const TRACES_MAX: usize = 20;
/// Frames of one trace that are reported. The cause is near the top; recursion makes thousands.
pub const FRAMES_MAX: usize = 100;
/// Further errors ("Caused by") of one trace that are reported.
pub const CAUSES_MAX: usize = 10;
/// Characters of a function's or file's name.
const NAME_CHARS_MAX: usize = 300;
/// Characters of an error's message.
const MESSAGE_CHARS_MAX: usize = 500;
/// Lines inside a trace that may be something else, such as a line of source.
const GAP_MAX: u32 = 2;
/// Lines above the first frame among which the error is looked for.
const ERROR_ABOVE_MAX: usize = 3;

/// Whose trace it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Rust panics and backtraces.
    Rust,
    /// Python tracebacks.
    Python,
    /// JavaScript and TypeScript in Node, Deno, Bun and browsers.
    Javascript,
    /// Java.
    Java,
    /// Kotlin, told from Java by the names of files.
    Kotlin,
    /// Go panics and goroutines.
    Go,
    /// C# and other languages of .NET.
    Dotnet,
    /// Ruby.
    Ruby,
    /// Machine code, by gdb, lldb or a sanitizer.
    Native,
}

/// A stack trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trace {
    /// Whose it is.
    pub language: Language,
    /// What went wrong, if the text says so.
    pub error: Option<TraceError>,
    /// Errors behind that one, outermost first.
    #[serde(default)]
    pub causes: Vec<TraceError>,
    /// The frames in the order of the text.
    pub frames: Vec<Frame>,
    /// Whether there were more frames or causes than are reported.
    #[serde(default)]
    pub truncated: bool,
    /// Its first line.
    pub source: Source,
}

/// The error that a trace belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TraceError {
    /// Its type, such as `java.lang.NullPointerException` or `panic`.
    pub name: Option<String>,
    /// Its message, possibly empty.
    pub message: String,
}

/// One call in a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Frame {
    /// The function.
    pub function: Option<String>,
    /// The file, as the trace names it.
    pub file: Option<String>,
    /// The line in the file, from 1.
    pub line: Option<u64>,
    /// The column in the line.
    pub column: Option<u64>,
    /// Whether it looks like a runtime's or a dependency's code, not the project's.
    #[serde(default)]
    pub library: bool,
    /// The line of the issue it was read from.
    pub source: Source,
}

/// The traces of an issue and the lines they take up.
#[derive(Debug)]
pub struct Traces {
    /// The traces in the order of the text.
    pub found: Found<Trace>,
    lines: HashSet<(Field, u32)>,
}

impl Traces {
    /// Whether `line` of `field` belongs to a trace.
    pub fn cover(&self, field: Field, line: u32) -> bool {
        self.lines.contains(&(field, line))
    }
}

/// What one line of a trace says.
#[derive(Debug, PartialEq, Eq)]
enum Reading<'l> {
    /// A trace begins here.
    Begin,
    /// The error; nothing of the trace follows when `last`.
    Error { name: Option<&'l str>, message: &'l str, last: bool },
    /// An error with the place it came from.
    ErrorAt { name: &'l str, message: &'l str, frame: FrameReading<'l> },
    /// A call.
    Frame(FrameReading<'l>),
    /// The file and line of the call before.
    Location(FrameReading<'l>),
    /// Part of the trace, of no interest.
    Detail,
}

/// One call, as it stands in the text.
#[derive(Debug, Default, PartialEq, Eq)]
struct FrameReading<'l> {
    function: Option<&'l str>,
    file: Option<&'l str>,
    line: Option<u64>,
    column: Option<u64>,
}

/// Says what a line is; the flag is whether a trace of this language is open.
type Reader = for<'l> fn(&'l str, bool) -> Option<Reading<'l>>;

/// In the order in which they are asked: the stricter first, since several write `at …`.
const READERS: [(Language, Reader); 8] = [
    (Language::Rust, rust::read),
    (Language::Python, python::read),
    (Language::Go, go::read),
    (Language::Javascript, javascript::read),
    (Language::Java, java::read),
    (Language::Dotnet, dotnet::read),
    (Language::Ruby, ruby::read),
    (Language::Native, native::read),
];

/// The traces in `documents`. Quotes in a comment are left out: they repeat what is elsewhere.
pub fn find(documents: &[Document<'_>]) -> Traces {
    let mut finder = Finder {
        traces: Traces { found: Found::up_to(TRACES_MAX), lines: HashSet::new() },
        open: None,
    };
    for document in documents {
        for (index, line) in document.lines.iter().enumerate() {
            if !(line.quoted && document.field == Field::Comment) {
                finder.read_line(document, index, line);
            }
        }
        finder.close();
    }
    finder.traces
}

struct Finder {
    traces: Traces,
    open: Option<Open>,
}

struct Open {
    trace: Trace,
    reader: Reader,
    place: Place,
    gap: u32,
    awaits_message: bool,
}

impl Finder {
    fn read_line(&mut self, document: &Document<'_>, index: usize, line: &Line<'_>) {
        if self.open.as_ref().is_some_and(|open| open.ends_at(line)) {
            self.close();
        }
        if let Some(open) = &mut self.open
            && let Some(reading) = (open.reader)(&line.text, true)
        {
            self.traces.lines.insert((document.field, line.number));
            if open.add(&reading, document.source(line)) {
                self.close();
            }
            return;
        }
        if self.begin(document, index, line) {
            return;
        }
        if let Some(open) = &mut self.open {
            if open.take_message(line) {
                self.traces.lines.insert((document.field, line.number));
            } else if open.gap == GAP_MAX {
                self.close();
            } else {
                open.gap += 1;
            }
        }
    }

    /// Opens a trace if `line` begins one.
    fn begin(&mut self, document: &Document<'_>, index: usize, line: &Line<'_>) -> bool {
        let begun = READERS
            .iter()
            .find_map(|(language, reader)| Some((language, reader, reader(&line.text, false)?)));
        let Some((language, reader, reading)) = begun else { return false };
        self.close();
        if self.traces.found.is_full() {
            self.traces.found.truncated = true;
            return true;
        }
        let mut open = Open::new(*language, *reader, line.place, document.source(line));
        self.traces.lines.insert((document.field, line.number));
        if matches!(reading, Reading::Frame(_))
            && let Some((above, error)) = error_above(document, index)
            && !self.traces.cover(document.field, above.number)
        {
            open.trace.error = Some(error);
            open.trace.source = document.source(above);
            self.traces.lines.insert((document.field, above.number));
        }
        open.add(&reading, document.source(line));
        self.open = Some(open);
        true
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take()
            && let Some(trace) = open.finish()
        {
            self.traces.found.push(trace);
        }
    }
}

impl Open {
    fn new(language: Language, reader: Reader, place: Place, source: Source) -> Self {
        let trace = Trace {
            language,
            error: None,
            causes: Vec::new(),
            frames: Vec::new(),
            truncated: false,
            source,
        };
        Self { trace, reader, place, gap: 0, awaits_message: false }
    }

    /// A heading ends a trace, and so does the edge of a code block.
    fn ends_at(&self, line: &Line<'_>) -> bool {
        match (self.place, line.place) {
            (_, Place::Heading { .. }) => true,
            (Place::Code { block }, Place::Code { block: other }) => block != other,
            (_, Place::Blank) => false,
            (Place::Code { .. }, _) | (_, Place::Code { .. }) => true,
            _ => false,
        }
    }

    /// Adds what a line says; true when nothing can follow.
    fn add(&mut self, reading: &Reading<'_>, source: Source) -> bool {
        self.gap = 0;
        match reading {
            Reading::Begin | Reading::Detail => {}
            Reading::Error { name, message, last } => {
                self.add_error(*name, message);
                return *last;
            }
            Reading::ErrorAt { name, message, frame } => {
                self.add_error(Some(name), message);
                self.add_frame(frame, source);
            }
            Reading::Frame(frame) => self.add_frame(frame, source),
            Reading::Location(location) => self.locate(location),
        }
        false
    }

    fn add_error(&mut self, name: Option<&str>, message: &str) {
        let error = TraceError {
            name: name.map(|name| clean(name, NAME_CHARS_MAX)),
            message: clean(message, MESSAGE_CHARS_MAX),
        };
        if self.trace.error.is_none() {
            self.awaits_message = error.message.is_empty() && self.trace.frames.is_empty();
            self.trace.error = Some(error);
        } else if self.trace.causes.len() < CAUSES_MAX {
            self.trace.causes.push(error);
        } else {
            self.trace.truncated = true;
        }
    }

    fn add_frame(&mut self, reading: &FrameReading<'_>, source: Source) {
        if self.trace.frames.len() == FRAMES_MAX {
            self.trace.truncated = true;
            return;
        }
        let name = |text: Option<&str>| {
            text.map(|text| clean(text, NAME_CHARS_MAX)).filter(|text| !text.is_empty())
        };
        self.trace.frames.push(Frame {
            function: name(reading.function),
            file: name(reading.file),
            line: reading.line,
            column: reading.column,
            library: location::is_library(reading),
            source,
        });
    }

    /// Completes the last frame, unless it was beyond the bound.
    fn locate(&mut self, location: &FrameReading<'_>) {
        if let Some(frame) = self.trace.frames.last_mut()
            && frame.file.is_none()
        {
            frame.file = location.file.map(|file| clean(file, NAME_CHARS_MAX));
            frame.line = location.line;
            frame.column = location.column;
            frame.library |= location::is_library(location);
        }
    }

    /// Takes `line` as the error's message when that is still missing.
    fn take_message(&mut self, line: &Line<'_>) -> bool {
        let text = line.text.trim();
        if !self.awaits_message || text.is_empty() {
            return false;
        }
        self.awaits_message = false;
        if let Some(error) = &mut self.trace.error {
            error.message = clean(text, MESSAGE_CHARS_MAX);
        }
        true
    }

    /// The trace, if it is worth the name: it has frames, or an error printed by a program.
    fn finish(mut self) -> Option<Trace> {
        let in_code = matches!(self.place, Place::Code { .. });
        if self.trace.frames.is_empty() && !(in_code && self.trace.error.is_some()) {
            return None;
        }
        let is_kotlin = |frame: &Frame| frame.file.as_ref().is_some_and(|f| f.ends_with(".kt"));
        if self.trace.language == Language::Java && self.trace.frames.iter().any(is_kotlin) {
            self.trace.language = Language::Kotlin;
        }
        Some(self.trace)
    }
}

/// The error that stands right above the line at `index`, with its line.
fn error_above<'d>(document: &'d Document<'_>, index: usize) -> Option<(&'d Line<'d>, TraceError)> {
    let first = index.saturating_sub(ERROR_ABOVE_MAX);
    document.lines[first..index].iter().rev().filter(|line| line.place != Place::Blank).find_map(
        |line| {
            let (name, message) = error::read(&line.text)?;
            let error = TraceError {
                name: Some(clean(name, NAME_CHARS_MAX)),
                message: clean(message, MESSAGE_CHARS_MAX),
            };
            Some((line, error))
        },
    )
}

#[cfg(test)]
mod tests;
