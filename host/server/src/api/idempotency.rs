//! When two requests are the same request.

use serde_json::Value;
use taskloom_core::id::Digest;
use taskloom_core::journal::IdempotencyKey;

/// A caller's key with the digest of what it asks for. White space and the order of keys in the
/// input and the context make no other request.
pub(super) fn key(
    key: String,
    input: &Value,
    context: Option<&Value>,
    priority: Option<i32>,
    more: &[(&str, Option<String>)],
) -> IdempotencyKey {
    // Objects are printed in the order of their keys.
    let mut request = serde_json::json!({ "input": input, "priority": priority });
    // Without a context a request has the digest that it had before there were any.
    if let Some(context) = context {
        request["context"] = context.clone();
    }
    // So has one that does not say more.
    for (name, text) in more {
        if let Some(text) = text {
            request[*name] = text.as_str().into();
        }
    }
    IdempotencyKey { key, request: Digest::of(request.to_string().as_bytes()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(input: &str, priority: Option<i32>) -> Digest {
        key(String::new(), &serde_json::from_str(input).expect("JSON"), None, priority, &[]).request
    }

    #[test]
    fn form_does_not_matter_and_content_does() {
        let request = digest(r#"{"a": [1, 2], "b": {"y": null, "x": "ü"}}"#, None);
        assert_eq!(request, digest(r#"{"b":{"x":"\u00fc","y":null},"a":[1,2]}"#, None));
        assert_ne!(request, digest(r#"{"a": [2, 1], "b": {"y": null, "x": "ü"}}"#, None));
        assert_ne!(request, digest(r#"{"a": [1, 2], "b": {"y": null, "x": "ü"}}"#, Some(1)));
    }

    #[test]
    fn another_time_is_another_request() {
        let with = |delay: Option<&str>| {
            let times = [("delay", delay.map(str::to_owned))];
            key(String::new(), &Value::Null, None, None, &times).request
        };
        assert_eq!(with(None), key(String::new(), &Value::Null, None, None, &[]).request);
        assert_ne!(with(Some("1m")), with(Some("60s")));
        assert_ne!(with(Some("1m")), with(None));
    }

    #[test]
    fn another_context_is_another_request() {
        let with = |context: Option<Value>| {
            key(String::new(), &Value::Null, context.as_ref(), None, &[]).request
        };
        let tenant = |name: &str| Some(serde_json::json!({ "tenant": name }));
        assert_eq!(with(tenant("a")), with(tenant("a")));
        assert_ne!(with(tenant("a")), with(tenant("b")));
        assert_ne!(with(tenant("a")), with(None));
    }
}
