//! `text.render`: a template and values become a text.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use taskloom_sdk::artefact::{self, Artefact};
use taskloom_sdk::{Error, Result};

use crate::markdown;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The template, in the language of Jinja.
    template: String,
    /// What the template may name.
    #[serde(default)]
    values: Map<String, Value>,
    /// Leaves the text as an artefact of this name, such as `report.md`, too.
    artefact: Option<String>,
    /// What the artefact is; by the ending of its name when left out.
    media_type: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The rendered text.
    text: String,
    /// The file with the text, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    artefact: Option<Artefact>,
}

pub(crate) fn run(input: Input) -> Result<Output> {
    let mut environment = environment();
    let text = match render(&environment, &input) {
        Ok(text) => text,
        Err(_) => {
            // Once more, now with the positions that cost time.
            environment.set_debug(true);
            render(&environment, &input).map_err(|error| explain(&error, &input))?
        }
    };
    let artefact = match &input.artefact {
        Some(name) => {
            let media_type = input.media_type.as_deref().unwrap_or_else(|| media_type_of(name));
            Some(artefact::put(name, media_type, &text)?)
        }
        None => None,
    };
    Ok(Output { text, artefact })
}

/// What a file with this name usually is.
fn media_type_of(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "md" => "text/markdown; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "json" => "application/json",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "toml" => "application/toml",
        "yaml" | "yml" => "application/yaml",
        _ => "text/plain; charset=utf-8",
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_debug(false);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.add_filter("md_escape", markdown::escape);
    environment.add_filter("inline_code", markdown::inline_code);
    environment.add_filter("code_fence", markdown::code_fence);
    environment.add_filter("quote", markdown::quote);
    environment.add_filter("truncate", markdown::truncate);
    environment
}

fn render(environment: &Environment<'_>, input: &Input) -> Result<String, minijinja::Error> {
    environment.render_str(&input.template, Serde(&input.values))
}

/// Says what is wrong in the template, and where.
fn explain(error: &minijinja::Error, input: &Input) -> Error {
    let code = match error.kind() {
        ErrorKind::UndefinedError => "undefined-value",
        ErrorKind::SyntaxError => "template-syntax",
        ErrorKind::UnknownFilter | ErrorKind::UnknownFunction | ErrorKind::UnknownTest => {
            "template-unknown-name"
        }
        _ => "template-error",
    };
    let mut what = error.kind().to_string();
    for part in [error.detail(), place_text(error, input)].into_iter().flatten() {
        if !part.is_empty() && !what.contains(part) {
            what = format!("{what}: {part}");
        }
    }
    let line = error.line().unwrap_or(1);
    let column = error.range().map_or(1, |range| column(&input.template, range.start));
    let message = format!("line {line}, column {column} of the template: {what}");
    let details = json!({ "line": line, "column": column });
    Error::invalid_input(code, message).with_details(details)
}

/// The piece of the template that is to blame, if it is short enough to help.
fn place_text<'a>(error: &minijinja::Error, input: &'a Input) -> Option<&'a str> {
    let piece = input.template.get(error.range()?)?;
    (piece.len() <= PIECE_BYTES_MAX && !piece.contains('\n')).then_some(piece)
}

/// The longest piece of a template that is shown in a message.
const PIECE_BYTES_MAX: usize = 80;

/// The column of a byte, counted in characters from 1.
fn column(template: &str, byte: usize) -> usize {
    let before = template.get(..byte).unwrap_or(template);
    before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(template: &str, values: Value) -> Result<String> {
        let input = json!({ "template": template, "values": values });
        run(serde_json::from_value(input).expect("an input")).map(|output| output.text)
    }

    #[test]
    fn the_text_is_left_as_a_file_too() {
        for (media_type, expected) in [
            (Value::Null, "text/markdown; charset=utf-8"),
            (json!("text/x-report"), "text/x-report"),
        ] {
            let input = json!({ "template": "# Hi", "artefact": "a.md", "media_type": media_type });
            let input = serde_json::from_value(input).expect("an input");
            let (output, record) = taskloom_sdk::testing::Host::new().run(|| run(input));
            let artefact = output.expect("rendered").artefact.expect("left");
            assert_eq!((artefact.name.as_str(), artefact.media_type.as_str()), ("a.md", expected));
            assert_eq!(record.artefacts, [(artefact, b"# Hi".to_vec())]);
        }
    }

    #[test]
    fn values_reach_the_text() {
        for (template, rendered) in [
            ("Hello, {{ name }}!", "Hello, Ada & <Bob>!"),
            ("{% for n in list %}{{ n }}{{ ',' if not loop.last }}{% endfor %}", "1,2.5,True,None"),
            ("{{ list | length }} {{ name | upper }}", "4 ADA & <BOB>"),
            ("{{ missing | default('none') }} {{ missing is defined }}", "none False"),
            ("{{ object | tojson }}", "{\"a\": [1], \"b\": null}"),
            ("{{ object.a | join('-') }}", "1"),
            ("{{ 'a\nb' | indent(2) }}", "a\n  b"),
            ("{% macro bold(x) %}**{{ x }}**{% endmacro %}{{ bold(1) }}", "**1**"),
            ("a\n", "a"),
        ] {
            let values = json!({
                "name": "Ada & <Bob>",
                "list": [1, 2.5, true, null],
                "object": { "b": null, "a": [1] },
            });
            assert_eq!(text(template, values).expect(template), rendered);
        }
    }

    #[test]
    fn values_may_be_left_out() {
        let input = serde_json::from_value(json!({ "template": "plain" })).expect("an input");
        assert_eq!(run(input).expect("rendered").text, "plain");
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        for (template, code, message) in [
            (
                "first\n  {{ person.nmae }}",
                "undefined-value",
                "line 2, column 6 of the template: undefined value: `person.nmae` is undefined",
            ),
            ("ä {{ nobody }}", "undefined-value", "line 1, column 6 of the template"),
            ("{% for x in %}", "template-syntax", "line 1, column "),
            ("{% if person %}", "template-syntax", "line 1, column "),
            ("{{ 1 | no_such }}", "template-unknown-name", "line 1, column 8 of the template"),
            ("{{ person + 1 }}", "template-error", "line 1, column 4 of the template"),
            ("{% include 'other' %}", "template-syntax", "line 1, column "),
        ] {
            let error = text(template, json!({ "person": { "name": "Ada" } })).expect_err(template);
            assert_eq!(error.code(), code, "{template}: {error}");
            assert!(error.message().starts_with(message), "{template}: {error}");
        }
    }

    #[test]
    fn nesting_without_end_is_an_error() {
        let endless = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";
        assert_eq!(text(endless, json!({})).expect_err("endless").code(), "template-error");
    }
}
