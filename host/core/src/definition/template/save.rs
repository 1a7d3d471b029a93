//! Makes a template of a workflow: values that the caller names become parameters.

use serde_json::{Map, Value, json};
use toml_edit::{DocumentMut, Item, Table, Value as TomlValue};

use super::fill::{Reading, reading_of, to_toml};
use super::read_template;
use crate::definition::keys::HEAD;
use crate::id::WorkflowId;

/// A value of a workflow that becomes a parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The parameter's name.
    pub name: String,
    /// Where the value stands, such as `tasks[0].input.url` or `tasks[fetch].input.url`.
    pub at: String,
    /// The parameter's JSON Schema. Without one it has the type of the value, and the value as its
    /// default; with one it has the default that is in it.
    pub schema: Option<Value>,
}

/// Why a value cannot become a parameter, or the whole no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SaveProblem {
    /// The parameter; `None` when it is about the whole.
    pub parameter: Option<String>,
    /// What is wrong.
    pub message: String,
}

/// The text of a template called `id` that makes the workflow `source` again when its parameters
/// have the values that stand there now.
///
/// # Errors
/// All that is wrong with the parameters, or why the whole is no sound template.
pub fn save_as_template(
    source: &str,
    id: &str,
    parameters: &[Parameter],
) -> Result<String, Vec<SaveProblem>> {
    let whole = |message: String| vec![SaveProblem { parameter: None, message }];
    let original: DocumentMut =
        source.parse().map_err(|error: toml_edit::TomlError| whole(error.to_string()))?;
    let mut document = original.clone();
    let (mut values, mut schemas, mut problems) = (Map::new(), Map::new(), Vec::new());
    for parameter in parameters {
        let wrong = |message| SaveProblem { parameter: Some(parameter.name.clone()), message };
        match take(&mut document, parameter) {
            Ok(_) if values.contains_key(&parameter.name) => {
                problems.push(wrong("there are two parameters of this name".to_owned()));
            }
            Ok((value, schema)) => {
                values.insert(parameter.name.clone(), value);
                schemas.insert(parameter.name.clone(), schema);
            }
            Err(message) => problems.push(wrong(message)),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if let Some(own) = document.get_mut("id") {
        replace(own, id);
    }
    document.insert("params", Item::Table(params_table(schemas).map_err(whole)?));
    let text = document.to_string();
    prove(&text, &original, Value::Object(values))
        .map_err(|problems| problems.into_iter().flat_map(whole).collect::<Vec<_>>())?;
    Ok(text)
}

/// Puts a parameter in the place of a value; gives the value and the parameter's schema.
fn take(document: &mut DocumentMut, parameter: &Parameter) -> Result<(Value, Value), String> {
    let Parameter { name, at, schema } = parameter;
    if !is_name(name) {
        return Err(format!(
            "`{name}` is no name of a parameter: letters, digits and `_`, not beginning with a digit"
        ));
    }
    if at == "id" {
        return Err("the id is given to each workflow that is made of the template".to_owned());
    }
    let place = find(document.as_item_mut(), &steps(at)?, at)?;
    let value =
        to_json(place).ok_or_else(|| format!("`{at}` is a date or a time; write a string"))?;
    if is_computed(&value) {
        return Err(format!(
            "`{at}` is computed in each run (`${{…}}`); name a value that is plain"
        ));
    }
    replace(place, &format!("${{params.{name}}}"));
    let schema =
        schema.clone().unwrap_or_else(|| json!({ "type": type_of(&value), "default": value }));
    Ok((value, schema))
}

/// Whether `params.<name>` can be read in an expression.
fn is_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

/// A step of the way to a value.
enum Way {
    Key(String),
    /// An item by its place, or by its `id`.
    Item(String),
}

/// The steps of `tasks[0].input.url`.
fn steps(at: &str) -> Result<Vec<Way>, String> {
    let wrong = || {
        format!("`{at}` is no place; write it as `tasks[0].input.url` or `tasks[fetch].input.url`")
    };
    let mut steps = Vec::new();
    let mut rest = at;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (item, after) = inside.split_once(']').ok_or_else(wrong)?;
            steps.push(Way::Item(item.trim_matches('"').to_owned()));
            rest = after.strip_prefix('.').unwrap_or(after);
            continue;
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        if end == 0 {
            return Err(wrong());
        }
        steps.push(Way::Key(rest[..end].to_owned()));
        let after = &rest[end..];
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    if steps.is_empty() || at.ends_with('.') { Err(wrong()) } else { Ok(steps) }
}

/// The value at the end of the way, which must be no expression.
fn find<'d>(root: &'d mut Item, way: &[Way], at: &str) -> Result<&'d mut Item, String> {
    let mut reading = Reading::Section(&HEAD);
    let mut item = root;
    for step in way {
        let (found, word) = match step {
            Way::Key(key) => {
                if let Reading::Section(section) = reading {
                    reading = reading_of(section, key);
                }
                // Asked first: asking for a place to change makes it.
                let is_there = item.get(key.as_str()).is_some_and(|item| !item.is_none());
                (is_there.then(|| item.get_mut(key.as_str())).flatten(), key.clone())
            }
            Way::Item(word) => {
                let place = place_of(item, word);
                (place.and_then(|place| item.get_mut(place)), format!("[{word}]"))
            }
        };
        item = found.ok_or_else(|| format!("there is nothing at `{at}`: no `{word}`"))?;
    }
    if matches!(reading, Reading::Bare) {
        return Err(format!("`{at}` is an expression; name a value that is plain"));
    }
    Ok(item)
}

/// The place of an item in a list, by that place or by its `id`.
fn place_of(list: &Item, word: &str) -> Option<usize> {
    if let Ok(place) = word.parse() {
        return Some(place);
    }
    let has_id = |place: &usize| {
        let id = list.get(*place).and_then(|item| item.get("id")).and_then(Item::as_str);
        id == Some(word)
    };
    (0..length(list)).find(has_id)
}

fn length(list: &Item) -> usize {
    list.as_array_of_tables()
        .map(toml_edit::ArrayOfTables::len)
        .or_else(|| list.as_array().map(toml_edit::Array::len))
        .unwrap_or(0)
}

/// Puts a text in the place of a value, with the blanks and comments around it.
fn replace(place: &mut Item, text: &str) {
    let mut value = TomlValue::from(text);
    if let Item::Value(before) = place {
        value.decor_mut().clone_from(before.decor());
    }
    *place = Item::Value(value);
}

/// A TOML value as JSON; `None` if a date or a time is in it.
fn to_json(item: &Item) -> Option<Value> {
    match item {
        Item::None => Some(Value::Null),
        Item::Value(value) => value_to_json(value),
        Item::Table(table) => {
            let entry = |(key, item): (&str, &Item)| Some((key.to_owned(), to_json(item)?));
            table.iter().map(entry).collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        Item::ArrayOfTables(tables) => {
            let table = |table: &Table| to_json(&Item::Table(table.clone()));
            tables.iter().map(table).collect::<Option<Vec<_>>>().map(Value::Array)
        }
    }
}

fn value_to_json(value: &TomlValue) -> Option<Value> {
    match value {
        TomlValue::String(text) => Some(text.value().as_str().into()),
        TomlValue::Integer(integer) => Some((*integer.value()).into()),
        TomlValue::Float(float) => serde_json::Number::from_f64(*float.value()).map(Value::Number),
        TomlValue::Boolean(truth) => Some((*truth.value()).into()),
        TomlValue::Datetime(_) => None,
        TomlValue::Array(items) => {
            items.iter().map(value_to_json).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        TomlValue::InlineTable(table) => {
            let entry =
                |(key, value): (&str, &TomlValue)| Some((key.to_owned(), value_to_json(value)?));
            table.iter().map(entry).collect::<Option<Map<_, _>>>().map(Value::Object)
        }
    }
}

/// Whether a `${…}` stands in a value.
fn is_computed(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("${"),
        Value::Array(items) => items.iter().any(is_computed),
        Value::Object(entries) => entries.values().any(is_computed),
        _ => false,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// `[params]`, before every other table: those without a default are required.
fn params_table(schemas: Map<String, Value>) -> Result<Table, String> {
    let required = schemas.iter().filter(|(_, schema)| schema.get("default").is_none());
    let required: toml_edit::Array = required.map(|(name, _)| name.as_str()).collect();
    let mut properties = Table::new();
    properties.set_position(Some(-1));
    for (name, schema) in &schemas {
        let wrong = || format!("the schema of `{name}` cannot be written as TOML: it has a `null`");
        properties.insert(name, Item::Value(to_toml(schema).ok_or_else(wrong)?));
    }
    let mut table = Table::new();
    table.set_position(Some(-1));
    table.decor_mut().set_prefix("\n");
    if !required.is_empty() {
        table.insert("required", toml_edit::value(required));
    }
    table.insert("additionalProperties", toml_edit::value(false));
    table.insert("properties", Item::Table(properties));
    Ok(table)
}

/// Checks that the template is sound and makes the same workflow again.
fn prove(text: &str, original: &DocumentMut, values: Value) -> Result<(), Vec<String>> {
    let reading = read_template("template", text);
    let Some(template) = reading.template else {
        return Err(reading.problems.iter().map(ToString::to_string).collect());
    };
    let whole = |message: String| vec![message];
    let id = original.get("id").and_then(Item::as_str).and_then(|id| WorkflowId::new(id).ok());
    let id = id.ok_or_else(|| whole("the workflow has no id".to_owned()))?;
    let made = template.instantiate(&values, &id).map_err(|error| whole(error.to_string()))?;
    let made: Result<DocumentMut, _> = made.parse();
    let same = made.is_ok_and(|made| to_json(made.as_item()) == to_json(original.as_item()));
    if same {
        return Ok(());
    }
    Err(whole(
        "a `${params…}` stands in the workflow already, so it cannot be made again".to_owned(),
    ))
}
