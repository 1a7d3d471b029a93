//! Calls that end in every way a call can end.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use taskloom_sdk::log::{self, Level};
use taskloom_sdk::{Error, Result, task};

use crate::exhaust::{Anything, Nothing};

pub(crate) fn noop(_: Anything) -> Result<Nothing> {
    Ok(Nothing {})
}

pub(crate) fn echo(input: Value) -> Result<Value> {
    Ok(input)
}

/// How many calls the instance has served, this one included.
pub(crate) fn count_calls(_: Anything) -> Result<u32> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    Ok(CALLS.fetch_add(1, Ordering::Relaxed) + 1)
}

pub(crate) fn panic(_: Anything) -> Result<Nothing> {
    panic!("nobody expected this");
}

pub(crate) fn trap(_: Anything) -> Result<Nothing> {
    core::arch::wasm32::unreachable()
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fail {
    class: FailClass,
    /// The failure's code; `asked-to-fail` if nothing is said.
    code: Option<String>,
    /// The failure's message.
    message: Option<String>,
    /// For `retry-after`: how long to wait; 1,000 if nothing is said.
    delay_ms: Option<u64>,
    /// The failure's details.
    details: Option<Value>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum FailClass {
    Retryable,
    RetryAfter,
    InvalidInput,
    Permanent,
    Cancelled,
}

pub(crate) fn fail(input: Fail) -> Result<Nothing> {
    let code = input.code.as_deref().unwrap_or("asked-to-fail");
    let message = input.message.unwrap_or_else(|| "the input asks for a failure".to_owned());
    let delay = Duration::from_millis(input.delay_ms.unwrap_or(1_000));
    let error = match input.class {
        FailClass::Retryable => Error::retryable(code, message),
        FailClass::RetryAfter => Error::retry_after(delay, code, message),
        FailClass::InvalidInput => Error::invalid_input(code, message),
        FailClass::Permanent => Error::permanent(code, message),
        FailClass::Cancelled => Error::cancelled(),
    };
    Err(match input.details {
        Some(details) => error.with_details(details),
        None => error,
    })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Flaky {
    /// The first attempt that succeeds.
    succeed_on: u32,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Succeeded {
    /// The attempt that succeeded.
    attempt: u32,
}

pub(crate) fn flaky(input: Flaky) -> Result<Succeeded> {
    let attempt = task().attempt();
    if attempt < input.succeed_on {
        let message = format!("attempt {attempt} was too early");
        log::write(Level::Warn, &message, None);
        let details = serde_json::json!({ "partial": { "attempt": attempt } });
        return Err(Error::retryable("flaky", message).with_details(details));
    }
    Ok(Succeeded { attempt })
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Text {
    text: String,
}

/// Gives the schema of a text to calls that are answered before they come here.
pub(crate) fn text(_: Anything) -> Result<Text> {
    Ok(Text { text: String::new() })
}

#[derive(Deserialize)]
struct Flood {
    bytes: Option<usize>,
}

/// What 100 MB of output take, unless the input has a number of its own.
const FLOOD_BYTES: usize = 100_000_000;

/// A JSON text of as many bytes as the input says.
pub(crate) fn flood(input: &str) -> String {
    let asked = serde_json::from_str(input).unwrap_or(Flood { bytes: None });
    let bytes = asked.bytes.unwrap_or(FLOOD_BYTES);
    let mut output = String::with_capacity(bytes);
    output.push_str("{\"text\":\"");
    output.extend(std::iter::repeat_n('x', bytes.saturating_sub(11)));
    output.push_str("\"}");
    output
}
