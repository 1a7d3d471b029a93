//! Every key of the format, in one table: what readers accept and what editors are told.
//!
//! A reader ends a table with [`finish`], which refuses keys that are not in here, and
//! [`super::json_schema`] turns the same lists into a JSON Schema. So neither knows a key that the
//! other does not.

mod sections;
mod tasks;

use crate::document::Table;

pub(super) use sections::{
    CACHE, CONCURRENCY, CONFIG, CONTEXT, DEFAULTS, HEAD, LIMITS, RATE, RETRY, TRIGGER,
};
pub(super) use tasks::{CASE, COMPENSATE, FALLBACK, MERGE, OPTION, TASK};

/// A kind of table, with its keys.
pub(super) struct Section {
    /// Its name in the JSON Schema.
    pub(super) name: &'static str,
    /// The key that says which of several kinds of tables it is, and the words it may be; which of
    /// the keys there are depends on it.
    pub(super) tag: Option<Tag>,
    /// Its keys.
    pub(super) keys: &'static [Key],
}

/// What tells the kinds of a table apart.
pub(super) struct Tag {
    pub(super) key: &'static str,
    pub(super) words: &'static [&'static str],
    /// The kind of a table that does not say.
    pub(super) default: Option<&'static str>,
}

/// A key of a table.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// The kinds of tables that have it; empty for all.
    pub(super) kinds: &'static [&'static str],
    pub(super) is_required: bool,
    pub(super) shape: Shape,
    /// What it means, for people.
    pub(super) about: &'static str,
}

/// What the value of a key looks like.
pub(super) enum Shape {
    Text,
    /// A text with `${…}`.
    TextTemplate,
    /// A text that matches this.
    Pattern(&'static str),
    Texts,
    Truth,
    Number(i64, i64),
    /// A number from 0 to 1.
    Fraction,
    Duration,
    Size,
    /// A CEL expression.
    Expression,
    /// Anything, whose texts may hold `${…}`.
    Value,
    /// Anything, as it stands.
    Constant,
    JsonSchema,
    Choice(&'static [&'static str]),
    Table(&'static Section),
    Tables(&'static Section),
}

impl Key {
    const fn new(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { name, kinds: &[], is_required: false, shape, about }
    }

    const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    const fn of(self, kinds: &'static [&'static str]) -> Self {
        Self { kinds, ..self }
    }

    /// Whether a table of this kind has it.
    pub(super) fn belongs_to(&self, kind: Option<&str>) -> bool {
        self.kinds.is_empty() || kind.is_none_or(|kind| self.kinds.contains(&kind))
    }
}

/// Ends the reading of a table of a section that has one kind only: notes the keys it has not.
pub(super) fn finish(table: &Table<'_>, section: &'static Section) {
    finish_as(table, section, None);
}

/// Ends the reading of a table: notes the keys that its kind has not. Without a kind every key of
/// the section is welcome: what kind it should be is a problem already.
pub(super) fn finish_as(table: &Table<'_>, section: &'static Section, kind: Option<&str>) {
    for name in table.keys() {
        let known = section.keys.iter().find(|key| key.name == name);
        match known {
            Some(key) if key.belongs_to(kind) => {}
            Some(key) => refuse_foreign(table, section, key, kind),
            None => {
                let names = section.keys.iter().filter(|key| key.belongs_to(kind));
                table.refuse_key(name, names.map(|key| key.name));
            }
        }
    }
}

/// Notes a key that belongs to another kind of table.
fn refuse_foreign(table: &Table<'_>, section: &Section, key: &Key, kind: Option<&str>) {
    let Some(tag) = &section.tag else { return };
    let list: Vec<_> = key.kinds.iter().map(|kind| format!("`{kind}`")).collect();
    let message = format!("`{}` belongs to {} {}", key.name, tag.key, list.join(" and "));
    let help = match kind {
        Some(kind) if table.has(tag.key) => format!("this is of {} `{kind}`", tag.key),
        _ => format!("say so with `{} = \"{}\"`", tag.key, key.kinds[0]),
    };
    table.report_key(key.name, "wrong-kind", message, Some(help));
}

/// The kind that a table without a word for it must have been meant to be: the one of the first
/// key that belongs to a single kind.
pub(super) fn guess(table: &Table<'_>, section: &'static Section) -> Option<&'static str> {
    table.keys().find_map(|name| {
        let key = section.keys.iter().find(|key| key.name == name)?;
        (key.kinds.len() == 1).then(|| key.kinds[0])
    })
}
