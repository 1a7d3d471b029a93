//! Puts the parameters of a template of workflows into its expressions.
//!
//! A value becomes a literal of CEL where an expression reads other names as well. An expression
//! over `params` alone becomes its value.

use serde_json::Value;

use super::scan::{expression_end, string_end};
use super::{Expression, References, Scope, SyntaxError};

/// A string of a template with its parameters put in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filled {
    /// It was one expression over parameters: its value.
    Value(Value),
    /// A string, with what is left of its expressions.
    Text(String),
}

/// Puts parameters into a string that may hold `${…}`; expressions without any stay as they are.
/// With `keeps_data`, a `${` in the text of a parameter is escaped, so that it stays text where the
/// string is read again.
///
/// # Errors
/// When an expression is none or fails; the offset is one of `text`.
pub(crate) fn fill_text(
    text: &str,
    params: &Value,
    keeps_data: bool,
) -> Result<Filled, SyntaxError> {
    let mut filled = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = text[at..].find("${") {
        let dollar = at + found;
        filled.push_str(&text[at..dollar]);
        let begin = dollar + 2;
        if text[at..dollar].ends_with('$') {
            filled.push_str("${");
            at = begin;
            continue;
        }
        let place = |error: SyntaxError| SyntaxError { offset: begin + error.offset, ..error };
        let end = begin + expression_end(&text[begin..], false).map_err(place)?;
        let expression = Expression::parse(&text[begin..end]).map_err(place)?;
        if !reads_params_alone(&expression) {
            let inside = fill_expression(&text[begin..end], params).map_err(place)?;
            filled.extend(["${", &inside, "}"]);
        } else {
            let value = evaluate(&expression, params).map_err(place)?;
            let value = if keeps_data { escaped(value) } else { value };
            if dollar == 0 && end + 1 == text.len() {
                return Ok(Filled::Value(value));
            }
            append(&mut filled, value, keeps_data);
        }
        at = end + 1;
    }
    filled.push_str(&text[at..]);
    Ok(Filled::Text(filled))
}

/// Appends a value to a string. With `keeps_data`, dollars at its end, which would begin an
/// expression with a brace that follows, become an expression themselves.
fn append(filled: &mut String, value: Value, keeps_data: bool) {
    let text = match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let start = text.trim_end_matches('$');
    if keeps_data && start.len() < text.len() {
        filled.extend([start, "${'", &text[start.len()..], "'}"]);
    } else {
        filled.push_str(&text);
    }
}

/// Puts parameters into an expression, as literals.
///
/// # Errors
/// When it is no expression, or reads a parameter that is not there.
pub(crate) fn fill_expression(text: &str, params: &Value) -> Result<String, SyntaxError> {
    if !Expression::parse(text)?.references().params {
        return Ok(text.to_owned());
    }
    let bytes = text.as_bytes();
    let (mut filled, mut at) = (String::with_capacity(text.len()), 0);
    while at < text.len() {
        let rest = &text[at..];
        if matches!(bytes[at], b'\'' | b'"') {
            let end = string_end(bytes, at)
                .ok_or_else(|| SyntaxError::new(at, "a string is not closed"))?;
            filled.push_str(&text[at..end]);
            at = end;
            continue;
        }
        let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        if word == 0 {
            let next = rest.chars().next().map_or(1, char::len_utf8);
            filled.push_str(&rest[..next]);
            at += next;
            continue;
        }
        let is_root = &rest[..word] == "params" && !filled.trim_end().ends_with(['.', '?']);
        if is_root {
            let has = filled.trim_end().ends_with("has(");
            at += word;
            at += put_literal(&mut filled, &text[at..], params, has)
                .map_err(|error| SyntaxError { offset: at - word, ..error })?;
        } else {
            filled.push_str(&rest[..word]);
            at += word;
        }
    }
    Expression::parse(&filled)?;
    Ok(filled)
}

/// Appends the literal of the parameter that `rest` leads to, behind `params`, and gives how much
/// of `rest` that was. Inside `has()` the last step stays, since that is what it asks for.
fn put_literal(
    filled: &mut String,
    rest: &str,
    params: &Value,
    has: bool,
) -> Result<usize, SyntaxError> {
    let mut steps = Vec::new();
    let mut used = 0;
    while let Some((key, length)) = next_key(&rest[used..]) {
        steps.push((key, used));
        used += length;
    }
    if has && let Some((_, begin)) = steps.pop() {
        used = begin;
    }
    let mut value = params;
    for (key, _) in &steps {
        value = value.get(key).ok_or_else(|| {
            SyntaxError::new(0, format!("there is no parameter `{key}`, and it has no default"))
        })?;
    }
    let literal = value.to_string();
    match value {
        // `3 - -1` is fine, `-1.x` and `2--1` would not be.
        Value::Number(number) if number.as_f64().is_some_and(|number| number < 0.0) => {
            filled.extend(["(", &literal, ")"]);
        }
        _ => filled.push_str(&literal),
    }
    Ok(used)
}

/// The key `.key` or `["key"]` at the beginning of `rest`, and its length.
fn next_key(rest: &str) -> Option<(&str, usize)> {
    if let Some(word) = rest.strip_prefix('.') {
        let end = word.find(|c: char| !is_word(c)).unwrap_or(word.len());
        // `.size()` is a call on the value.
        let is_call = word[end..].trim_start().starts_with('(');
        return (end > 0 && !is_call).then(|| (&word[..end], end + 1));
    }
    let inside = rest.strip_prefix('[')?;
    let quote = inside.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (key, after) = inside[1..].split_once(quote)?;
    let is_plain = after.starts_with(']') && !key.contains('\\');
    is_plain.then(|| (key, key.len() + 4))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn reads_params_alone(expression: &Expression) -> bool {
    let references = expression.references();
    let others = References { params: false, ..references.clone() };
    references.params && others == References::default()
}

fn evaluate(expression: &Expression, params: &Value) -> Result<Value, SyntaxError> {
    let scope = Scope { params: params.clone(), ..Scope::default() };
    expression.evaluate(&scope).map_err(|error| SyntaxError::new(0, error.to_string()))
}

/// The value with every `${` in its texts escaped.
fn escaped(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("${", "$${")),
        Value::Array(items) => items.into_iter().map(escaped).collect(),
        Value::Object(entries) => {
            entries.into_iter().map(|(key, value)| (key, escaped(value))).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Template;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use serde_json::json;

    fn show(filled: Result<Filled, SyntaxError>) -> String {
        match filled {
            Ok(Filled::Value(value)) => format!("value {value}"),
            Ok(Filled::Text(text)) => format!("text {text}"),
            Err(error) => format!("{}: {error}", error.offset),
        }
    }

    /// Shows each string with its parameters put in.
    fn check(texts: &[&str], expected: Expect) {
        let params = json!({"n": -3, "s": "a'b\"${x}", "list": [1], "o": {"k": "v"}});
        let line = |text: &&str| format!("{text}\n    {}\n", show(fill_text(text, &params, true)));
        expected.assert_eq(&texts.iter().map(line).collect::<String>());
    }

    #[test]
    fn expressions_over_parameters_become_values_and_others_literals() {
        check(
            &[
                "no parameters ${input.x} $${params.n}",
                "${params.n}",
                "${params}",
                "${params.list.map(i, i + 1)} and ${ params.s }",
                "${params.n - input.n + params[\"o\"].k}",
                "${params.s.size() > input.n && 'params.n' != input.params}",
                "${has(params.o.k) || has(input.params)}",
                "${input.list.map(params, params)}",
                "${params.nope + input.x}",
                "x ${params.nope}",
                "x ${params.n +}",
                "${params.?nope.orValue(input.x)}",
            ],
            expect![[r#"
                no parameters ${input.x} $${params.n}
                    text no parameters ${input.x} $${params.n}
                ${params.n}
                    value -3
                ${params}
                    value {"list":[1],"n":-3,"o":{"k":"v"},"s":"a'b\"$${x}"}
                ${params.list.map(i, i + 1)} and ${ params.s }
                    text [2] and a'b"$${x}
                ${params.n - input.n + params["o"].k}
                    text ${(-3) - input.n + "v"}
                ${params.s.size() > input.n && 'params.n' != input.params}
                    text ${"a'b\"${x}".size() > input.n && 'params.n' != input.params}
                ${has(params.o.k) || has(input.params)}
                    text ${has({"k":"v"}.k) || has(input.params)}
                ${input.list.map(params, params)}
                    text ${input.list.map(params, params)}
                ${params.nope + input.x}
                    2: there is no parameter `nope`, and it has no default
                x ${params.nope}
                    4: in `${params.nope}`: no such key `nope` in params (object with keys: list, n, o, s)
                x ${params.n +}
                    14: this is no CEL: it ends too early
                ${params.?nope.orValue(input.x)}
                    text ${{"list":[1],"n":-3,"o":{"k":"v"},"s":"a'b\"${x}"}.?nope.orValue(input.x)}
            "#]],
        );
    }

    proptest! {
        /// Whatever a parameter is, the workflow sees the text as it was given.
        #[test]
        fn texts_of_parameters_stay_texts(
            data in "[${}a'\\\\ .\"]{0,8}", before in "[a$ ]{0,2}", after in "[a{} ]{0,2}",
        ) {
            prop_assume!(!before.ends_with('$'));
            let params = json!({ "a": data, "b": data });
            let text = format!("{before}${{params.a}}${{params.b}}{after}");
            let filled = fill_text(&text, &params, true).expect("it is sound");
            let template = match filled {
                Filled::Value(value) => value,
                Filled::Text(text) => Value::String(text),
            };
            let template = Template::parse(&template).expect("a template");
            let value = template.evaluate(&Scope::default()).expect("nothing can fail");
            prop_assert_eq!(value, json!(format!("{before}{data}{data}{after}")));
        }
    }
}
