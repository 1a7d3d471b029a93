//! `taskloom config`: the configuration that a host would have.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;
use serde_json::{Map, Value, json};

use super::args::Config as Arguments;
use super::output::{print as print_text, print_json};
use super::{Done, Failed};
use crate::config::keys::KEYS;
use crate::config::{Settings, Source};

pub(super) fn print(arguments: &Arguments) -> Result<Done, Failed> {
    let settings = Settings::load(&arguments.folders.sources(Vec::new()))?;
    settings.config()?;
    if arguments.json {
        print_json(&as_json(&settings))?
    } else {
        print_text(&as_toml(&settings))?
    }
    Ok(Done::Well)
}

/// The settings by their keys, each with its source.
fn as_json(settings: &Settings) -> Value {
    let entry = |path: &str| {
        let setting = settings.get(path);
        let value = toml::from_str::<Map<String, Value>>(&format!("value = {}", setting.value));
        let value = value.ok().and_then(|mut table| table.remove("value"));
        json!({ "value": value, "source": setting.source.to_string() })
    };
    let mut all: Map<String, Value> =
        KEYS.iter().map(|key| (key.path.to_owned(), entry(key.path))).collect();
    if let (false, Some(file)) = (is_empty(&settings.values), &settings.file) {
        let source = file.display().to_string();
        all.insert("values".to_owned(), json!({ "value": *settings.values, "source": source }));
    }
    all.into()
}

/// The settings as a file that would give the same configuration.
fn as_toml(settings: &Settings) -> String {
    let mut text = String::new();
    let mut section = "";
    for key in KEYS {
        if key.section() != section {
            section = key.section();
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}[{section}]");
        }
        let setting = settings.get(key.path);
        let line = format!("{} = {}", key.name(), setting.value);
        let _ = match &setting.source {
            Source::Default => writeln!(text, "{line}"),
            source => writeln!(text, "{line}  {}", format!("# {source}").dimmed()),
        };
    }
    if !is_empty(&settings.values) {
        let tables = toml::to_string(&json!({ "values": *settings.values }));
        // What was read from TOML can be written as TOML.
        let _ = write!(text, "\n{}", tables.unwrap_or_default());
    }
    text
}

fn is_empty(values: &Value) -> bool {
    values.as_object().is_none_or(Map::is_empty)
}
