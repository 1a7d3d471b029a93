//! The context of a run: an object that tasks write to, and that is handed down to the runs of tasks.
//! What a value may be, and what comes of two values for one name.

use std::sync::Arc;

use serde_json::{Map, Value};

/// Values by name, as a task sets them at once. Shared: whoever reads a context holds them for a while.
pub type Values = Arc<Map<String, Value>>;

/// The longest context, in bytes of JSON. Every run of a family refers to it and every expression
/// that reads `context` parses it.
pub const CONTEXT_BYTES_MAX: usize = 64 * 1024;

/// The most names in a context.
pub const CONTEXT_NAMES_MAX: usize = 256;

/// The most bytes of JSON that the tasks of one run set in all: every write is kept for reruns, as long
/// as the run is in memory.
pub const WRITTEN_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The longest context that runs share, in bytes of JSON.
pub const SHARED_BYTES_MAX: usize = 256 * 1024;

/// The most names in a context that runs share.
pub const SHARED_NAMES_MAX: usize = 256;

/// The most contexts that one workflow reads, and that it publishes to.
pub const SHARED_CONTEXTS_MAX: usize = 16;

/// What becomes of a name that is set twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ContextMerge {
    /// The value that was set last stays.
    #[default]
    Last,
    /// The value that was set first stays.
    First,
    /// Objects are merged key by key; of anything else the last stays.
    Deep,
    /// Another value than before is a failure.
    Fail,
}

impl ContextMerge {
    /// What a name has after `new` was set over `before`; `None` when that is a failure.
    pub fn merge(self, before: &Value, new: &Value) -> Option<Value> {
        match self {
            Self::Last => Some(new.clone()),
            Self::First => Some(before.clone()),
            Self::Deep => {
                let mut merged = before.clone();
                merge_deep(&mut merged, new);
                Some(merged)
            }
            Self::Fail => (before == new).then(|| new.clone()),
        }
    }
}

/// Merges objects key by key; anything else is replaced. Unlike a JSON merge patch, `null` is a value
/// like any other.
fn merge_deep(into: &mut Value, from: &Value) {
    let (Value::Object(into), Value::Object(from)) = (&mut *into, from) else {
        *into = from.clone();
        return;
    };
    for (key, value) in from {
        match into.get_mut(key) {
            Some(before) => merge_deep(before, value),
            None => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The names of `new` that `before` has with another value, and with `policy` cannot be set.
pub fn conflicts<'n>(
    before: &Map<String, Value>,
    new: &'n Map<String, Value>,
    policy: ContextMerge,
) -> Vec<&'n str> {
    let merges = |name: &str, new: &Value| {
        before.get(name).is_none_or(|before| policy.merge(before, new).is_some())
    };
    new.iter().filter(|(name, new)| !merges(name, new)).map(|(name, _)| name.as_str()).collect()
}

/// The bytes of JSON that a name with its value takes.
pub fn entry_bytes(name: &str, value: &Value) -> usize {
    let name = Value::from(name).to_string().len();
    // A colon, and a comma or a brace.
    name + value.to_string().len() + 2
}

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
