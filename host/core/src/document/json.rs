//! TOML values as JSON.

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeValue};

/// The deepest nesting of a value that becomes JSON. The parsers of JSON on the way bound it
/// at 128.
pub(super) const JSON_DEPTH_MAX: usize = 64;

/// A part of a value that has no JSON form.
pub(super) struct NoJson {
    pub(super) offset: usize,
    pub(super) message: String,
    pub(super) help: Option<&'static str>,
}

/// Converts a value; parts that have no JSON form are put into `refused` and stand as `null`.
pub(super) fn to_json(value: &Spanned<DeValue<'_>>, refused: &mut Vec<NoJson>) -> Value {
    convert(value, 0, refused)
}

fn convert(value: &Spanned<DeValue<'_>>, depth: usize, refused: &mut Vec<NoJson>) -> Value {
    let mut refuse = |message: String, help| {
        refused.push(NoJson { offset: value.span().start, message, help });
        Value::Null
    };
    if depth > JSON_DEPTH_MAX {
        return refuse(format!("the value is nested deeper than {JSON_DEPTH_MAX}"), None);
    }
    match value.get_ref() {
        DeValue::String(text) => Value::String(text.clone().into_owned()),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Integer(integer) => match to_i64(integer) {
            Some(number) => number.into(),
            None => refuse(format!("{integer} does not fit into 64 bits"), None),
        },
        DeValue::Float(float) => match to_f64(float).and_then(Number::from_f64) {
            Some(number) => Value::Number(number),
            None => refuse(format!("{float} is no JSON number"), None),
        },
        DeValue::Datetime(time) => refuse(
            format!("{time} is a TOML date or time, which JSON has not"),
            Some("put it into quotes"),
        ),
        DeValue::Array(items) => {
            items.iter().map(|item| convert(item, depth + 1, refused)).collect()
        }
        DeValue::Table(entries) => {
            let entry = |(key, value): (&Spanned<_>, _)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                (key.clone().into_owned(), convert(value, depth + 1, refused))
            };
            Value::Object(entries.iter().map(entry).collect::<Map<_, _>>())
        }
    }
}

/// The integer, if it fits.
pub(super) fn to_i64(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// The float, if it is a number.
pub(super) fn to_f64(float: &DeFloat<'_>) -> Option<f64> {
    float.as_str().parse().ok().filter(|number: &f64| number.is_finite())
}
