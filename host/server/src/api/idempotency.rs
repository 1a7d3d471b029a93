//! When two requests are the same request.

use serde_json::Value;
use taskloom_core::id::Digest;
use taskloom_core::journal::IdempotencyKey;

/// A caller's key with the digest of what it asks for. White space and the order of keys in the
/// input make no other request.
pub(super) fn key(key: String, input: &Value, priority: Option<i32>) -> IdempotencyKey {
    // Objects are printed in the order of their keys.
    let request = serde_json::json!({ "input": input, "priority": priority });
    IdempotencyKey { key, request: Digest::of(request.to_string().as_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(input: &str, priority: Option<i32>) -> Digest {
        key(String::new(), &serde_json::from_str(input).expect("JSON"), priority).request
    }

    #[test]
    fn form_does_not_matter_and_content_does() {
        let request = digest(r#"{"a": [1, 2], "b": {"y": null, "x": "ü"}}"#, None);
        assert_eq!(request, digest(r#"{"b":{"x":"\u00fc","y":null},"a":[1,2]}"#, None));
        assert_ne!(request, digest(r#"{"a": [2, 1], "b": {"y": null, "x": "ü"}}"#, None));
        assert_ne!(request, digest(r#"{"a": [1, 2], "b": {"y": null, "x": "ü"}}"#, Some(1)));
    }
}
