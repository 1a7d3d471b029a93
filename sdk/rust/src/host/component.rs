//! The host of a component: the functions that the contract imports.

use serde_json::Value;

use crate::artefact::Artefact;
use crate::bindings::taskloom::plugin::{artefacts, runtime, types};
use crate::log::Level;
use crate::{Error, Result};

pub(crate) use runtime::{
    attempt, idempotency_key, is_cancelled, max_attempts, progress, remaining_ms, run_id, task_id,
    traceparent, workflow_id,
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

fn refused(failure: types::Failure) -> Error {
    Error::permanent(&failure.code, failure.message)
}
