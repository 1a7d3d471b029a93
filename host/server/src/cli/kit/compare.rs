//! What is different between two JSON values, place by place.

use serde_json::Value;

/// The most differences that are listed.
const DIFFERENCES_MAX: usize = 20;

/// The longest value that is shown whole, in characters.
const VALUE_CHARS_MAX: usize = 120;

/// What must be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Everything.
    Whole,
    /// What the expected value has: objects may have more keys. Lists are as long as expected.
    Part,
}

/// Where `got` is not as expected: a line for each place.
pub(super) fn differences(expected: &Value, got: &Value, extent: Extent) -> Vec<String> {
    let mut found = Vec::new();
    compare("", expected, got, extent, &mut found);
    let more = found.len().saturating_sub(DIFFERENCES_MAX);
    found.truncate(DIFFERENCES_MAX);
    if more > 0 {
        found.push(format!("and {more} more differences"));
    }
    found
}

fn compare(at: &str, expected: &Value, got: &Value, extent: Extent, found: &mut Vec<String>) {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            for (key, value) in expected {
                let at = step(at, key);
                match got.get(key) {
                    Some(got) => compare(&at, value, got, extent, found),
                    None => found.push(format!("{at}: is missing, expected {}", shown(value))),
                }
            }
            if extent == Extent::Whole {
                let extra = got.iter().filter(|(key, _)| !expected.contains_key(*key));
                found.extend(extra.map(|(key, value)| {
                    format!("{}: is not expected, got {}", step(at, key), shown(value))
                }));
            }
        }
        (Value::Array(expected), Value::Array(got)) => {
            for (place, value) in expected.iter().enumerate() {
                let at = step(at, &place.to_string());
                match got.get(place) {
                    Some(got) => compare(&at, value, got, extent, found),
                    None => found.push(format!("{at}: is missing, expected {}", shown(value))),
                }
            }
            for (place, value) in got.iter().enumerate().skip(expected.len()) {
                let at = step(at, &place.to_string());
                found.push(format!("{at}: is not expected, got {}", shown(value)));
            }
        }
        (expected, got) if equal(expected, got) => {}
        (Value::String(expected), Value::String(got)) => found.push(texts(at, expected, got)),
        (expected, got) => {
            let at = place(at);
            found.push(format!("{at}: expected {}, got {}", shown(expected), shown(got)));
        }
    }
}

/// Whether two values are the same; numbers by what they are worth, since a file may say `1` for `1.0`.
fn equal(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Number(expected), Value::Number(got)) => {
            expected == got
                || expected.as_f64().zip(got.as_f64()).is_some_and(|(expected, got)| {
                    (expected.is_sign_negative() == got.is_sign_negative() || expected == 0.0)
                        && expected.total_cmp(&got).is_eq()
                })
        }
        (expected, got) => expected == got,
    }
}

/// Two texts: where a long one begins to differ.
fn texts(at: &str, expected: &str, got: &str) -> String {
    let at = place(at);
    let (whole, received) = (Value::from(expected), Value::from(got));
    let is_short = |text: &str| text.chars().count() <= VALUE_CHARS_MAX && !text.contains('\n');
    if is_short(expected) && is_short(got) {
        return format!("{at}: expected {whole}, got {received}");
    }
    let same = expected.chars().zip(got.chars()).take_while(|(one, other)| one == other).count();
    let line = expected.chars().take(same).filter(|c| *c == '\n').count() + 1;
    let of = |text: &str| {
        let line = text.lines().nth(line - 1).unwrap_or_default();
        shown(&Value::from(line))
    };
    format!("{at}: differs in line {line}: expected {}, got {}", of(expected), of(got))
}

/// A JSON Pointer (RFC 6901), one step further.
fn step(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn place(at: &str) -> &str {
    if at.is_empty() { "the whole" } else { at }
}

/// A value, as far as it can be read at a glance.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn check(expected: &Value, got: &Value, extent: Extent, differences: &Expect) {
        differences.assert_eq(&super::differences(expected, got, extent).join("\n"));
    }

    #[test]
    fn every_place_that_differs_is_named() {
        let expected = json!({ "a": 1, "b": [1, { "c": "x" }], "gone": null, "t": "one" });
        let got = json!({ "a": 1.0, "b": [1, { "c": "y" }, 3], "more/of": true, "t": 1 });
        check(
            &expected,
            &got,
            Extent::Whole,
            &expect![[r#"
                /b/1/c: expected "x", got "y"
                /b/2: is not expected, got 3
                /gone: is missing, expected null
                /t: expected "one", got 1
                /more~1of: is not expected, got true"#]],
        );
    }

    #[test]
    fn a_part_allows_more() {
        let (part, whole) =
            (json!({ "a": { "b": 1 } }), json!({ "a": { "b": 1, "c": 2 }, "d": 3 }));
        check(&part, &whole, Extent::Part, &expect![""]);
        check(&json!([1]), &json!([1, 2]), Extent::Part, &expect!["/1: is not expected, got 2"]);
        check(
            &json!(1),
            &json!("1"),
            Extent::Part,
            &expect![[r#"the whole: expected 1, got "1""#]],
        );
    }

    #[test]
    fn long_texts_are_told_by_the_line_that_differs() {
        let text = |word: &str| json!(format!("first\nsecond {word}\nthird"));
        check(
            &text("a"),
            &text("b"),
            Extent::Whole,
            &expect![[r#"the whole: differs in line 2: expected "second a", got "second b""#]],
        );
    }

    #[test]
    fn a_flood_of_differences_is_cut() {
        let list = |from: i32| (from..from + 100).map(|n| json!(n)).collect::<Vec<_>>();
        let found = differences(&list(0).into(), &list(1000).into(), Extent::Whole);
        assert_eq!((found.len(), &*found[20]), (21, "and 80 more differences"));
    }
}
