//! The host of a unit test: answers from the [`testing::Host`](crate::testing::Host) of this thread.

use serde_json::Value;

use crate::Result as Answered;
use crate::ai;
use crate::artefact::Artefact;
use crate::http::{Error, Request, Response};
use crate::log::Level;
use crate::testing::{Line, with_host};

pub(crate) fn run_id() -> String {
    "00000000-0000-7000-8000-000000000000".to_owned()
}

pub(crate) fn workflow_id() -> String {
    "test".to_owned()
}

pub(crate) fn task_id() -> String {
    "test".to_owned()
}

pub(crate) fn attempt() -> u32 {
    with_host(|host| host.attempt)
}

pub(crate) fn max_attempts() -> u32 {
    with_host(|host| host.max_attempts)
}

pub(crate) fn idempotency_key() -> String {
    "test-key".to_owned()
}

pub(crate) fn remaining_ms() -> u64 {
    with_host(|host| host.remaining_ms)
}

pub(crate) fn traceparent() -> Option<String> {
    None
}

pub(crate) fn is_cancelled() -> bool {
    with_host(|host| host.cancelled)
}

pub(crate) fn progress(fraction: f64, note: &str) {
    with_host(|host| host.record.progress.push((fraction, note.to_owned())));
}

pub(crate) fn log(level: Level, message: &str, fields: Option<&Value>) {
    let suffix = fields.map(|fields| format!(" {fields}")).unwrap_or_default();
    eprintln!("{level:?}: {message}{suffix}");
    let line = Line { level, message: message.to_owned(), fields: fields.cloned() };
    with_host(|host| host.record.lines.push(line));
}

pub(crate) fn send(request: Request) -> Result<Response, Error> {
    with_host(|host| {
        host.record.requests.push(request.clone());
        host.answer(&request)
    })
}

pub(crate) fn metric(name: &str, value: f64) {
    with_host(|host| host.record.metrics.insert(name.to_owned(), value));
}

pub(crate) fn placeholder(name: &str) -> Answered<String> {
    with_host(|host| host.placeholder(name))
}

pub(crate) fn complete(request: &ai::Request) -> Answered<String> {
    with_host(|host| {
        host.record.prompts.push(request.clone());
        host.complete(request)
    })
}

pub(crate) fn get_context(name: &str) -> Answered<Option<String>> {
    Ok(with_host(|host| host.value(name)).map(|value| value.to_string()))
}

pub(crate) fn set_context(name: &str, value: &Value) -> Answered<()> {
    with_host(|host| host.record.context.insert(name.to_owned(), value.clone()));
    Ok(())
}

pub(crate) fn put_artefact(name: &str, media_type: &str, content: &[u8]) -> Answered<Artefact> {
    Ok(with_host(|host| host.leave(name, media_type, content)))
}

pub(crate) fn read_artefact(digest: &str) -> Answered<Vec<u8>> {
    with_host(|host| host.content(digest)).ok_or_else(|| {
        let message = format!("the input refers to no artefact `{digest}`");
        crate::Error::permanent("unknown-artefact", message)
    })
}
