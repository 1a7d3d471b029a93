//! What a guest asks a model: read and checked against the published schema.

use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use serde_json::Value;
use taskloom_core::schema::{Schema, join};

use super::budget::Share;
use crate::call::CallIdentity;
use crate::ports::{ModelMessage, ModelRequest};

/// The longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// The longest schema of an answer, in bytes.
const SCHEMA_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a text that are counted as one token before anybody has counted: few, so that a request
/// that looks as if it fitted the budget mostly does.
const BYTES_PER_TOKEN: u64 = 4;

/// The published schema.
static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let text = include_str!("../../../../wit/1.0.0/ai-request.schema.json");
    let schema: Value = serde_json::from_str(text).expect("the contract's schema is JSON");
    Schema::compile(&schema).expect("the contract's schema is one")
});

/// A request that is what it should be.
pub(super) struct Asked {
    raw: Raw,
    /// The schema of the answer, if one is wanted.
    pub(super) schema: Option<Wanted>,
}

/// The schema that an answer must fit.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) compiled: Arc<Schema>,
    text: Value,
}

#[derive(Deserialize)]
struct Raw {
    messages: Vec<RawMessage>,
    schema: Option<Value>,
    max_output_tokens: Option<u64>,
    temperature: Option<f64>,
    model: Option<String>,
}

#[derive(Deserialize)]
struct RawMessage {
    role: String,
    content: String,
}

impl Asked {
    /// Reads a request.
    ///
    /// # Errors
    /// What is wrong with it; completes "the request …".
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.len() > REQUEST_BYTES_MAX {
            return Err(format!(
                "has {} bytes; at most {REQUEST_BYTES_MAX} are allowed",
                text.len()
            ));
        }
        let value: Value =
            serde_json::from_str(text).map_err(|error| format!("is no JSON: {error}"))?;
        let violations = SCHEMA.violations(&value);
        if !violations.is_empty() {
            return Err(format!("is wrong: {}", join(&violations)));
        }
        let mut raw: Raw =
            serde_json::from_value(value).map_err(|error| format!("is wrong: {error}"))?;
        let schema = raw.schema.take().map(Wanted::of).transpose()?;
        Ok(Self { raw, schema })
    }

    /// About how many tokens the request has.
    pub(super) fn input_tokens(&self) -> u64 {
        let messages = self.raw.messages.iter().map(|message| message.content.len() as u64);
        let schema = self.schema.as_ref().map_or(0, |wanted| wanted.text.to_string().len() as u64);
        messages.sum::<u64>().saturating_add(schema).div_ceil(BYTES_PER_TOKEN)
    }

    /// The longest answer that is wanted, in tokens; `None` for as long as may be.
    pub(super) const fn output_tokens_wanted(&self) -> Option<u64> {
        self.raw.max_output_tokens
    }

    /// The request as a model gets it, within its share of the budget.
    pub(super) fn for_model(self, identity: &CallIdentity, share: &Share) -> ModelRequest {
        let Raw { messages, temperature, model, .. } = self.raw;
        let message = |RawMessage { role, content }| ModelMessage { role, content };
        ModelRequest {
            identity: identity.clone(),
            messages: messages.into_iter().map(message).collect(),
            schema: self.schema.map(|wanted| wanted.text),
            temperature,
            model,
            output_tokens_max: share.output_tokens,
            usd_micros_max: share.usd_micros,
        }
    }
}

impl Wanted {
    fn of(text: Value) -> Result<Self, String> {
        let bytes = text.to_string().len();
        if bytes > SCHEMA_BYTES_MAX {
            return Err(format!(
                "has a `schema` of {bytes} bytes; at most {SCHEMA_BYTES_MAX} are allowed"
            ));
        }
        let compiled = Schema::compile(&text)
            .map_err(|error| format!("has a `schema` that is none: {error}"))?;
        Ok(Self { compiled: Arc::new(compiled), text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_the_published_schema_says() {
        let fine =
            r#"{"messages": [{"role": "user", "content": "12345678"}], "max_output_tokens": 7}"#;
        let asked = Asked::read(fine).expect("fine");
        assert_eq!((asked.input_tokens(), asked.output_tokens_wanted()), (2, Some(7)));
        for (text, expected) in [
            ("{", "is no JSON"),
            ("{}", "messages"),
            (r#"{"messages": []}"#, "is wrong: /messages"),
            (r#"{"messages": [{"role": "god", "content": ""}]}"#, "/messages/0/role"),
            (r#"{"messages": [{"role": "user", "content": ""}], "tools": []}"#, "tools"),
            (
                r#"{"messages": [{"role": "user", "content": ""}], "temperature": 3}"#,
                "/temperature",
            ),
            (
                r#"{"messages": [{"role": "user", "content": ""}], "schema": {"type": "strng"}}"#,
                "has a `schema` that is none",
            ),
        ] {
            let error = Asked::read(text).err().unwrap_or_default();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
