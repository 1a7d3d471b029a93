//! The host of a component: the functions that the contract imports.

use serde_json::Value;

use crate::ai::Request;
use crate::artefact::Artefact;
use crate::bindings::taskloom::plugin::{ai, artefacts, context, runtime, secrets, types};
use crate::log::Level;
use crate::{Error, Result};

pub(crate) use runtime::{
    attempt, idempotency_key, is_cancelled, max_attempts, metric, progress, remaining_ms, run_id,
    task_id, traceparent, workflow_id,
};

pub(crate) use crate::http::wasi::send;

pub(crate) fn log(level: Level, message: &str, fields: Option<&Value>) {
    let level = match level {
        Level::Trace => runtime::Level::Trace,
        Level::Debug => runtime::Level::Debug,
        Level::Info => runtime::Level::Info,
        Level::Warn => runtime::Level::Warn,
        Level::Error => runtime::Level::Error,
    };
    runtime::log(level, message, fields.map(Value::to_string).as_deref());
}

pub(crate) fn put_artefact(name: &str, media_type: &str, content: &[u8]) -> Result<Artefact> {
    let left = artefacts::put(name, media_type, content).map_err(refused)?;
    let artefacts::Artefact { digest, name, media_type, bytes } = left;
    Ok(Artefact { digest, name, media_type, bytes })
}

pub(crate) fn read_artefact(digest: &str) -> Result<Vec<u8>> {
    artefacts::read(digest).map_err(refused)
}

pub(crate) fn placeholder(name: &str) -> Result<String> {
    secrets::placeholder(name).map_err(refused)
}

pub(crate) fn complete(request: &Request) -> Result<String> {
    ai::complete(&serde_json::to_string(request)?).map_err(Error::from)
}

pub(crate) fn get_context(name: &str) -> Result<Option<String>> {
    context::get(name).map_err(refused)
}

pub(crate) fn set_context(name: &str, value: &Value) -> Result<()> {
    context::set(name, &value.to_string()).map_err(refused)
}

fn refused(failure: types::Failure) -> Error {
    with_details(Error::permanent(&failure.code, failure.message), failure.details.as_deref())
}

fn with_details(error: Error, details: Option<&str>) -> Error {
    match details.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        Some(details) => error.with_details(details),
        None => error,
    }
}

/// An error of the host that is one of the handler's too.
impl From<types::TaskError> for Error {
    fn from(error: types::TaskError) -> Self {
        let (make, failure): (fn(&str, String) -> Self, _) = match error {
            types::TaskError::Retryable(failure) => (Self::retryable, failure),
            types::TaskError::RetryAfter((failure, ms)) => {
                let types::Failure { code, message, details } = failure;
                let delay = std::time::Duration::from_millis(ms);
                return with_details(Self::retry_after(delay, &code, message), details.as_deref());
            }
            types::TaskError::InvalidInput(failure) => (Self::invalid_input, failure),
            types::TaskError::Permanent(failure) => (Self::permanent, failure),
            types::TaskError::Cancelled => return Self::cancelled(),
        };
        with_details(make(&failure.code, failure.message), failure.details.as_deref())
    }
}
