//! The concurrency key of a run that is about to start: computed from its input, away from the
//! engine's thread.

use std::sync::Arc;

use serde_json::Value;
use taskloom_core::definition::Definition;
use taskloom_core::expression::Scope;
use taskloom_core::journal::ConcurrencyKey;
use taskloom_core::workflow::Concurrency;

use super::handle::{StartError, StartRun};

/// The longest key: it stands in an index of the store, and in every answer about the run.
const KEY_BYTES_MAX: usize = 256;

/// A longer input is read away from the threads that serve other requests.
const QUICK_INPUT_BYTES: usize = 64 * 1024;

/// The key of a run that is about to start; `None` when its workflow has none.
pub(super) async fn key_of(request: &StartRun) -> Result<Option<ConcurrencyKey>, StartError> {
    if request.definition.workflow.config.concurrency.is_none() {
        return Ok(None);
    }
    let (definition, input) = (Arc::clone(&request.definition), Arc::clone(&request.input));
    if input.len() <= QUICK_INPUT_BYTES {
        return compute(&definition, &input);
    }
    let computed = tokio::task::spawn_blocking(move || compute(&definition, &input)).await;
    computed.unwrap_or_else(|error| Err(StartError::Key(error.to_string())))
}

fn compute(definition: &Definition, input: &str) -> Result<Option<ConcurrencyKey>, StartError> {
    let Some(concurrency) = &definition.workflow.config.concurrency else { return Ok(None) };
    let input = serde_json::from_str(input)
        .map_err(|error| StartError::Key(format!("the input is not JSON: {error}")))?;
    let key = text_of(concurrency, input).map_err(StartError::Key)?;
    Ok(Some(ConcurrencyKey { key, limit: concurrency.limit }))
}

fn text_of(concurrency: &Concurrency, input: Value) -> Result<String, String> {
    let scope = Scope { input, ..Scope::default() };
    let value = concurrency.key.evaluate(&scope).map_err(|error| error.to_string())?;
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null => return Err("it is null; it must be a text".to_owned()),
        Value::Array(_) => return Err("it is a list; it must be a text".to_owned()),
        Value::Object(_) => return Err("it is an object; it must be a text".to_owned()),
    };
    if text.len() > KEY_BYTES_MAX {
        let bytes = text.len();
        return Err(format!("it has {bytes} bytes, and may have {KEY_BYTES_MAX}"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use taskloom_core::expression::Template;
    use taskloom_core::workflow::WhenFull;

    use super::*;

    fn key(template: &str, input: Value) -> Result<String, String> {
        let key = Template::parse(&template.into()).expect("a template");
        text_of(&Concurrency { key, limit: 1, when_full: WhenFull::Queue }, input)
    }

    #[test]
    fn a_key_is_a_text_of_the_input() {
        assert_eq!(key("all", json!({})), Ok("all".to_owned()));
        assert_eq!(key("c-${input.c}", json!({ "c": "é" })), Ok("c-é".to_owned()));
        assert_eq!(key("${input.n}", json!({ "n": 7 })), Ok("7".to_owned()));
    }

    #[test]
    fn what_is_no_short_text_is_refused() {
        assert!(key("${input.c}", json!({ "c": [1] })).is_err_and(|why| why.contains("a list")));
        let long = json!({ "c": "x".repeat(257) });
        assert!(key("${input.c}", long).is_err_and(|why| why.contains("257 bytes")));
    }
}
