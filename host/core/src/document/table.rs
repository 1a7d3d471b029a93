//! Reads one table of a document, key by key.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Document;
use super::json::{to_f64, to_i64, to_json};
use super::problem::{Step, clip, join};
use super::quantity::{
    DURATION_RULE, SIZE_RULE, any_duration, any_size, print_duration, print_size,
};

/// The most keys of a table that a message lists.
const KEYS_LISTED_MAX: usize = 16;

/// A table of a [`Document`]. Each getter takes note of the key it was asked for.
#[must_use = "call `finish`, or unknown keys go unnoticed"]
pub struct Table<'d> {
    document: &'d Document<'d>,
    entries: &'d DeTable<'d>,
    offset: usize,
    path: String,
    known: Vec<&'d str>,
}

impl<'d> Table<'d> {
    pub(super) const fn new(
        document: &'d Document<'d>,
        entries: &'d DeTable<'d>,
        offset: usize,
        path: String,
    ) -> Self {
        Self { document, entries, offset, path, known: Vec::new() }
    }

    /// The document the table is in.
    pub const fn document(&self) -> &'d Document<'d> {
        self.document
    }

    /// The table's path in messages, such as `tasks[2].retry`; empty for the root.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line that the table begins in, counted from 1.
    pub fn line(&self) -> u32 {
        let before = self.document.source.as_bytes().get(..self.offset).unwrap_or_default();
        let ends = before.iter().filter(|byte| **byte == b'\n').count();
        u32::try_from(ends).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Whether `key` is there, whatever its value is. Does not take note of the key.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The keys that are there, for tables whose keys are names.
    pub fn keys(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        self.entries.keys().map(|key| key.get_ref().as_ref())
    }

    /// Notes each of `keys` that is absent, unless syntax errors may have swallowed it.
    pub fn require(&self, keys: &[&str]) {
        for key in keys.iter().filter(|key| !self.document.is_damaged() && !self.has(key)) {
            self.report(&[Step::Key(key)], "missing-key", "is missing", None);
        }
    }

    /// A text.
    pub fn string(&mut self, key: &'d str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    /// A text that `T` understands: an id, an address, a version.
    pub fn parsed<T: FromStr<Err: Display>>(&mut self, key: &'d str) -> Option<T> {
        let text = self.text(key)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let why = error.to_string();
                let names_it = why.contains(text);
                let message = if names_it { why } else { format!("`{}`: {why}", clip(text)) };
                self.refuse(key, "invalid-value", message, None)
            }
        }
    }

    /// One of the words of `choices`.
    pub fn choice<T: Copy>(&mut self, key: &'d str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let words = || choices.iter().map(|(word, _)| *word);
        let help = self.document.did_you_mean(text, words()).unwrap_or_else(|| {
            let list: Vec<_> = words().map(|word| format!("`{word}`")).collect();
            format!("it must be one of {}", list.join(", "))
        });
        self.refuse(key, "unknown-value", format!("unknown value `{}`", clip(text)), Some(help))
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'d str) -> Option<bool> {
        match self.entry(key)?.get_ref() {
            DeValue::Boolean(truth) => Some(*truth),
            other => self.refuse_type(key, "true or false", other),
        }
    }

    /// A whole number within `range`.
    pub fn integer(&mut self, key: &'d str, range: RangeInclusive<i64>) -> Option<i64> {
        match self.entry(key)?.get_ref() {
            DeValue::Integer(integer) => match to_i64(integer).filter(|n| range.contains(n)) {
                Some(number) => Some(number),
                None => self.refuse_range(key, integer, range.start(), range.end()),
            },
            other => self.refuse_type(key, "a whole number", other),
        }
    }

    /// A number within `range`, with or without a point.
    pub fn float(&mut self, key: &'d str, range: RangeInclusive<f64>) -> Option<f64> {
        let (number, text) = match self.entry(key)?.get_ref() {
            DeValue::Float(float) => (to_f64(float), float.to_string()),
            // An integer of up to 53 bits is exact; beyond, being near is what a float is.
            DeValue::Integer(integer) => (to_i64(integer).map(|n| n as f64), integer.to_string()),
            other => return self.refuse_type(key, "a number", other),
        };
        match number.filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => self.refuse_range(key, text, range.start(), range.end()),
        }
    }

    /// A duration such as `"250ms"`, `"10s"`, `"1m"`, `"2h"`, `"1d"`, within `range`.
    pub fn duration(&mut self, key: &'d str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let rule = || Some(DURATION_RULE.to_owned());
        let text = match self.entry(key)?.get_ref() {
            DeValue::String(text) => text,
            other => {
                let message = format!("a duration is expected, not {}", name_of(other));
                return self.refuse(key, "wrong-type", message, rule());
            }
        };
        match any_duration(text) {
            Some(duration) if range.contains(&duration) => Some(duration),
            Some(_) => {
                let (least, most) = (print_duration(*range.start()), print_duration(*range.end()));
                self.refuse_range(key, clip(text), least, most)
            }
            None => {
                let message = format!("`{}` is no duration", clip(text));
                self.refuse(key, "invalid-value", message, rule())
            }
        }
    }

    /// A size in bytes, such as `"64MiB"`, `"8KB"` or `65536`, within `range`.
    pub fn bytes(&mut self, key: &'d str, range: RangeInclusive<u64>) -> Option<u64> {
        let (bytes, text) = match self.entry(key)?.get_ref() {
            DeValue::String(text) => (any_size(text), clip(text)),
            DeValue::Integer(integer) => {
                // What does not fit is out of any range.
                let bytes = to_i64(integer).and_then(|n| u64::try_from(n).ok());
                (bytes.or(Some(u64::MAX)), integer.to_string())
            }
            other => {
                let message = format!("a size is expected, not {}", name_of(other));
                return self.refuse(key, "wrong-type", message, Some(SIZE_RULE.to_owned()));
            }
        };
        match bytes {
            Some(bytes) if range.contains(&bytes) => Some(bytes),
            Some(_) => {
                let (least, most) = (print_size(*range.start()), print_size(*range.end()));
                self.refuse_range(key, text, least, most)
            }
            None => {
                let message = format!("`{text}` is no size");
                self.refuse(key, "invalid-value", message, Some(SIZE_RULE.to_owned()))
            }
        }
    }

    /// A list of texts; an item that is none is noted and left out.
    pub fn strings(&mut self, key: &'d str) -> Option<Vec<String>> {
        let items = match self.entry(key)?.get_ref() {
            DeValue::Array(items) => items,
            other => return self.refuse_type(key, "a list of strings", other),
        };
        let mut texts = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            match item.get_ref() {
                DeValue::String(text) => texts.push(text.clone().into_owned()),
                other => self.report(
                    &[Step::Key(key), Step::Item(place)],
                    "wrong-type",
                    format!("a string is expected, not {}", name_of(other)),
                    None,
                ),
            }
        }
        Some(texts)
    }

    /// A table inside this one.
    pub fn table(&mut self, key: &'d str) -> Option<Self> {
        let entry = self.entry(key)?;
        let path = join(&self.path, Step::Key(key));
        match entry.get_ref() {
            DeValue::Table(entries) => {
                Some(Self::new(self.document, entries, entry.span().start, path))
            }
            other => self.refuse_type(key, "a table", other),
        }
    }

    /// A list of tables: `[[key]]` sections, or a list of inline tables. Empty when absent.
    pub fn tables(&mut self, key: &'d str) -> Vec<Self> {
        let Some(entry) = self.entry(key) else { return Vec::new() };
        let DeValue::Array(items) = entry.get_ref() else {
            let _: Option<()> = self.refuse_type(key, "a list of tables", entry.get_ref());
            return Vec::new();
        };
        let path = join(&self.path, Step::Key(key));
        let mut tables = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            let path = join(&path, Step::Item(place));
            match item.get_ref() {
                DeValue::Table(entries) => {
                    tables.push(Self::new(self.document, entries, item.span().start, path));
                }
                other => {
                    let message = format!("a table is expected, not {}", name_of(other));
                    self.document.note(item.span().start, path, "wrong-type", message, None);
                }
            }
        }
        tables
    }

    /// Any value, as JSON. Dates and times, numbers that are none and too deep values are noted.
    pub fn json(&mut self, key: &'d str) -> Option<Value> {
        let entry = self.entry(key)?;
        let mut refused = Vec::new();
        let value = to_json(entry, &mut refused);
        if refused.is_empty() {
            return Some(value);
        }
        for part in refused {
            let field = join(&self.path, Step::Key(key));
            let help = part.help.map(str::to_owned);
            self.document.note(part.offset, field, "no-json", part.message, help);
        }
        None
    }

    /// An expression or anything else that is parsed from a text: the text as it stands.
    pub(crate) fn raw_text(&mut self, key: &'d str) -> Option<&'d str> {
        self.text(key)
    }

    /// Notes a problem at `path` below this table (empty for the table itself). Steps that lead
    /// nowhere leave the position at the last place that is there.
    pub fn report(
        &self,
        path: &[Step<'_>],
        code: &'static str,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let field = path.iter().fold(self.path.clone(), |field, step| join(&field, *step));
        self.document.note(self.locate(path), field, code, message.into(), help);
    }

    /// Notes every key that no getter was asked for.
    pub fn finish(self) {
        for key in self.keys().filter(|key| !self.known.contains(key)) {
            self.refuse_key(key, self.known.iter().copied());
        }
    }

    /// Notes a key that is none of `known`.
    pub(crate) fn refuse_key<'k>(&self, key: &str, known: impl Iterator<Item = &'k str> + Clone) {
        let help = self.document.did_you_mean(key, known.clone()).or_else(|| {
            let list: Vec<_> = known.map(|key| format!("`{key}`")).collect();
            (!list.is_empty() && list.len() <= KEYS_LISTED_MAX)
                .then(|| format!("known: {}", list.join(", ")))
        });
        let message = format!("unknown key `{}`", clip(key));
        self.report_key(key, "unknown-key", message, help);
    }

    /// Notes a problem with a key of this table, at the key itself.
    pub(crate) fn report_key(
        &self,
        key: &str,
        code: &'static str,
        message: String,
        help: Option<String>,
    ) {
        let entry = self.entries.get_key_value(key);
        let offset = entry.map_or(self.offset, |(key, _)| key.span().start);
        self.document.note(offset, join(&self.path, Step::Key(key)), code, message, help);
    }

    /// The value of `key`, which is known from now on.
    fn entry(&mut self, key: &'d str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.known.push(key);
        self.entries.get(key)
    }

    fn text(&mut self, key: &'d str) -> Option<&'d str> {
        match self.entry(key)?.get_ref() {
            DeValue::String(text) => Some(text),
            other => self.refuse_type(key, "a string", other),
        }
    }

    fn refuse<T>(
        &self,
        key: &str,
        code: &'static str,
        message: String,
        help: Option<String>,
    ) -> Option<T> {
        self.report(&[Step::Key(key)], code, message, help);
        None
    }

    fn refuse_type<T>(&self, key: &str, expected: &str, found: &DeValue<'_>) -> Option<T> {
        let message = format!("{expected} is expected, not {}", name_of(found));
        self.refuse(key, "wrong-type", message, None)
    }

    fn refuse_range<T>(
        &self,
        key: &str,
        value: impl Display,
        least: impl Display,
        most: impl Display,
    ) -> Option<T> {
        let message = format!("{value} is out of range");
        let help = format!("it must be from {least} to {most}");
        self.refuse(key, "out-of-range", message, Some(help))
    }

    /// The offset of what `path` leads to.
    fn locate(&self, path: &[Step<'_>]) -> usize {
        let Some((Step::Key(first), rest)) = path.split_first() else { return self.offset };
        let Some(mut entry) = self.entries.get(*first) else { return self.offset };
        for step in rest {
            let next = match (step, entry.get_ref()) {
                (Step::Key(key), DeValue::Table(entries)) => entries.get(*key),
                (Step::Item(place), DeValue::Array(items)) => items.get(*place),
                (Step::Byte(byte), DeValue::String(text)) => {
                    let raw = self.document.source.get(entry.span()).unwrap_or("");
                    // Only a text without escapes stands in the source as it is.
                    let start = raw.find(&**text).map_or(0, |start| start + byte);
                    return entry.span().start + start;
                }
                _ => None,
            };
            let Some(next) = next else { break };
            entry = next;
        }
        entry.span().start
    }
}

/// What kind of value it is, with its article.
fn name_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
