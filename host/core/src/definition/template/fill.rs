//! Puts parameters into the text of a template, keeping everything else of it.

use serde_json::Value;
use toml_edit::{DocumentMut, InlineTable, Item, Table, Value as TomlValue};

use super::InstantiateError;
use crate::definition::keys::{HEAD, Section, Shape};
use crate::document::{Step, print_path};
use crate::expression::{Filled, SyntaxError, fill_expression, fill_text};
use crate::id::WorkflowId;

/// The text with `params` put in, without `[params]`, and with another id.
pub(super) fn fill(
    source: &str,
    params: &Value,
    new_id: &WorkflowId,
) -> Result<String, InstantiateError> {
    let mut document: DocumentMut = source.parse().map_err(|error: toml_edit::TomlError| {
        InstantiateError::Expression { field: String::new(), message: error.to_string() }
    })?;
    document.remove("params");
    let filler = Filler { params };
    filler.table(document.as_table_mut(), &HEAD, "")?;
    if let Some(id) = document.get_mut("id").and_then(Item::as_value_mut) {
        replace(id, TomlValue::from(new_id.as_str()));
    }
    Ok(document.to_string())
}

/// How the strings below a key are read.
#[derive(Clone, Copy)]
pub(super) enum Reading {
    /// As an expression.
    Bare,
    /// As texts with `${…}`, in the template and in the workflow.
    Template,
    /// As texts with `${…}` in the template; in the workflow they are what they are.
    Plain,
    /// As tables of the format.
    Section(&'static Section),
}

struct Filler<'a> {
    params: &'a Value,
}

impl Filler<'_> {
    fn table(
        &self,
        table: &mut Table,
        section: &'static Section,
        path: &str,
    ) -> Result<(), InstantiateError> {
        for (key, item) in table.iter_mut() {
            let path = below(path, Step::Key(&key));
            self.item(item, reading_of(section, &key), &path)?;
        }
        Ok(())
    }

    fn item(&self, item: &mut Item, reading: Reading, path: &str) -> Result<(), InstantiateError> {
        match item {
            Item::None => Ok(()),
            Item::Value(value) => self.value(value, reading, path),
            Item::Table(table) => self.any_table(table, reading, path),
            Item::ArrayOfTables(tables) => {
                tables.iter_mut().enumerate().try_for_each(|(place, table)| {
                    self.any_table(table, reading, &below(path, Step::Item(place)))
                })
            }
        }
    }

    fn any_table(
        &self,
        table: &mut Table,
        reading: Reading,
        path: &str,
    ) -> Result<(), InstantiateError> {
        if let Reading::Section(section) = reading {
            return self.table(table, section, path);
        }
        table
            .iter_mut()
            .try_for_each(|(key, item)| self.item(item, reading, &below(path, Step::Key(&key))))
    }

    fn value(
        &self,
        value: &mut TomlValue,
        reading: Reading,
        path: &str,
    ) -> Result<(), InstantiateError> {
        match value {
            TomlValue::String(text) => {
                let text = text.value().clone();
                let filled = self.string(&text, reading).map_err(|error| wrong(path, &error))?;
                let new = match filled {
                    Filled::Text(filled) if filled == text => return Ok(()),
                    Filled::Text(filled) => TomlValue::from(filled),
                    Filled::Value(filled) => to_toml(&filled).ok_or_else(|| {
                        let error = SyntaxError::without_place("TOML has no `null`");
                        wrong(path, &error)
                    })?,
                };
                replace(value, new);
                Ok(())
            }
            TomlValue::Array(items) => {
                items.iter_mut().enumerate().try_for_each(|(place, item)| {
                    self.value(item, reading, &below(path, Step::Item(place)))
                })
            }
            TomlValue::InlineTable(table) => table.iter_mut().try_for_each(|(key, value)| {
                let reading = match reading {
                    Reading::Section(section) => reading_of(section, &key),
                    other => other,
                };
                self.value(value, reading, &below(path, Step::Key(&key)))
            }),
            _ => Ok(()),
        }
    }

    fn string(&self, text: &str, reading: Reading) -> Result<Filled, SyntaxError> {
        match reading {
            Reading::Bare => fill_expression(text, self.params).map(Filled::Text),
            Reading::Template => fill_text(text, self.params, true),
            Reading::Plain | Reading::Section(_) => fill_text(text, self.params, false),
        }
    }
}

/// How the value of a key is read. Unknown keys are left to the reader of the workflow.
pub(super) fn reading_of(section: &'static Section, key: &str) -> Reading {
    let known = section.keys.iter().find(|known| known.name == key);
    match known.map(|known| &known.shape) {
        Some(Shape::Expression) => Reading::Bare,
        Some(Shape::Value | Shape::TextTemplate) => Reading::Template,
        Some(Shape::Table(inner) | Shape::Tables(inner)) => Reading::Section(inner),
        _ => Reading::Plain,
    }
}

fn below(path: &str, step: Step<'_>) -> String {
    let step = print_path(&[step]);
    match (path.is_empty(), step.starts_with('[')) {
        (true, _) => step,
        (false, true) => format!("{path}{step}"),
        (false, false) => format!("{path}.{step}"),
    }
}

fn wrong(path: &str, error: &SyntaxError) -> InstantiateError {
    InstantiateError::Expression { field: path.to_owned(), message: error.to_string() }
}

/// Puts another value in the place of one, with the blanks and comments around it.
fn replace(value: &mut TomlValue, mut new: TomlValue) {
    new.decor_mut().clone_from(value.decor());
    *value = new;
}

/// A JSON value as TOML; `None` when there is a `null` in it.
pub(super) fn to_toml(value: &Value) -> Option<TomlValue> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(truth) => (*truth).into(),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number.as_f64()?.into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => {
            items.iter().map(to_toml).collect::<Option<toml_edit::Array>>()?.into()
        }
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| Some((key.clone(), to_toml(value)?));
            entries.iter().map(entry).collect::<Option<InlineTable>>()?.into()
        }
    })
}
