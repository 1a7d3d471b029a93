//! The host of a component: the functions that the contract imports.

use serde_json::Value;

use crate::bindings::taskloom::plugin::runtime;
use crate::log::Level;

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
