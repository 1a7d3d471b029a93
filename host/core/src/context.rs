//! The context of a run: an object that is handed down from a run to the runs of its tasks.

use serde_json::Value;

/// The longest context, in bytes of JSON. Every run of a family refers to it and every expression
/// that reads `context` parses it.
pub const CONTEXT_BYTES_MAX: usize = 64 * 1024;

/// The most names in a context.
pub const CONTEXT_NAMES_MAX: usize = 256;

/// Everything that keeps `text` from being the context of a run, for people.
pub fn violations(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if text.len() > CONTEXT_BYTES_MAX {
        let bytes = text.len();
        found.push(format!(
            "it has {bytes} bytes, the limit is {CONTEXT_BYTES_MAX}; leave out what no task reads"
        ));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(names)) if names.len() > CONTEXT_NAMES_MAX => {
            let count = names.len();
            found.push(format!(
                "it has {count} names, the limit is {CONTEXT_NAMES_MAX}; group them in objects"
            ));
        }
        Ok(Value::Object(_)) => {}
        Ok(_) => found.push("it is no object; write it as `{\"name\": value}`".to_owned()),
        Err(error) => found.push(format!("it is not JSON: {error}")),
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_within_bounds_is_a_context() {
        assert_eq!(violations("{}"), [""; 0]);
        assert_eq!(violations(r#"{"a": {"b": [1, null]}}"#), [""; 0]);
    }

    #[test]
    fn anything_else_is_refused_with_what_to_do() {
        let one = |text: &str| {
            let found = violations(text);
            assert_eq!(found.len(), 1, "{found:?}");
            found.into_iter().next().unwrap_or_default()
        };
        assert!(one("[1]").contains("no object"));
        assert!(one("{").contains("not JSON"));
        let names: Vec<_> = (0..=CONTEXT_NAMES_MAX).map(|n| format!("\"n{n}\": 1")).collect();
        assert!(one(&format!("{{{}}}", names.join(","))).contains("257 names"));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let long = format!("\"{}\"", "x".repeat(CONTEXT_BYTES_MAX));
        assert_eq!(violations(&long).len(), 2);
    }
}
