//! Calls that ask the host for something.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use taskloom_sdk::artefact::{self, Artefact};
use taskloom_sdk::http::{Method, Request};
use taskloom_sdk::log::{self, Level};
use taskloom_sdk::{Error, Result, check_cancelled, is_cancelled, progress, task};

use crate::exhaust::{Anything, Nothing, compute_a_while};

pub(crate) fn log_forever(_: Anything) -> Result<Nothing> {
    let line = "all work and no play ".repeat(50);
    loop {
        log::write(Level::Info, &line, None);
    }
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Calls {
    /// How often the host answered.
    calls: u32,
}

pub(crate) fn call_host(_: Anything) -> Result<Calls> {
    let calls = (0..1_000_000).map(|_| task().attempt().min(1)).sum();
    Ok(Calls { calls })
}

pub(crate) fn ignore_cancel(_: Anything) -> Result<Nothing> {
    loop {
        let fraction = if is_cancelled() { 0.9 } else { 0.1 };
        progress(fraction, "never ready");
        compute_a_while();
    }
}

pub(crate) fn obey_cancel(_: Anything) -> Result<Nothing> {
    progress(0.0, "waiting for the end");
    loop {
        check_cancelled()?;
        compute_a_while();
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenUrl {
    url: String,
    /// GET if nothing is said.
    method: Option<String>,
    body: Option<String>,
    /// Sends so many bytes instead.
    body_bytes: Option<usize>,
    timeout_ms: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Opened {
    status: u16,
    body: String,
}

pub(crate) fn open_url(input: OpenUrl) -> Result<Opened> {
    let method = input.method.as_deref().unwrap_or("GET").parse::<Method>()?;
    let body = match input.body_bytes {
        Some(bytes) => "x".repeat(bytes),
        None => input.body.unwrap_or_default(),
    };
    let mut request = Request::new(method, input.url).body(body);
    if let Some(timeout) = input.timeout_ms {
        request = request.timeout(Duration::from_millis(timeout));
    }
    let response = request.send()?;
    Ok(Opened { status: response.status(), body: response.text()? })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Park {
    url: String,
}

pub(crate) fn park(input: Park) -> Result<Opened> {
    let response = Request::get(input.url).send()?;
    Ok(Opened { status: response.status(), body: response.text()? })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Talk {
    /// How many lines to log, one level after the other.
    lines: u32,
}

pub(crate) fn talk(input: Talk) -> Result<Nothing> {
    let levels = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error];
    for (line, level) in (1..=input.lines).zip(levels.into_iter().cycle()) {
        let fields = serde_json::json!({ "line": line });
        log::write(level, &format!("line {line}"), Some(&fields));
        progress(f64::from(line) / f64::from(input.lines), &format!("line {line}"));
    }
    Ok(Nothing {})
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Identity {
    run_id: String,
    workflow_id: String,
    task_id: String,
    attempt: u32,
    max_attempts: u32,
    idempotency_key: String,
    remaining_ms: u64,
    traceparent: Option<String>,
}

pub(crate) fn identity(_: Anything) -> Result<Identity> {
    let task = task();
    Ok(Identity {
        run_id: task.run_id(),
        workflow_id: task.workflow_id(),
        task_id: task.id(),
        attempt: task.attempt(),
        max_attempts: task.max_attempts(),
        idempotency_key: task.idempotency_key(),
        remaining_ms: task.remaining().as_millis().try_into().unwrap_or(u64::MAX),
        traceparent: task.traceparent(),
    })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Leave {
    /// Names of files, each with its text.
    files: Vec<(String, String)>,
    /// `text/plain` if nothing is said.
    media_type: Option<String>,
    /// Leaves a file of so many bytes as well.
    bytes: Option<usize>,
    /// Fails until this attempt.
    succeed_on: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct LeftFiles {
    left: Vec<Artefact>,
}

pub(crate) fn leave(input: Leave) -> Result<LeftFiles> {
    let media_type = input.media_type.as_deref().unwrap_or("text/plain");
    let mut left = Vec::new();
    for (name, text) in &input.files {
        left.push(artefact::put(name, media_type, text)?);
    }
    if let Some(bytes) = input.bytes {
        left.push(artefact::put("large", media_type, vec![b'x'; bytes])?);
    }
    if input.succeed_on.is_some_and(|number| task().attempt() < number) {
        return Err(Error::retryable("not-yet", "the input asks for a failure"));
    }
    Ok(LeftFiles { left })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadFile {
    /// What is handed in.
    #[allow(dead_code, reason = "the host looks for references in the input")]
    given: Option<Artefact>,
    /// What is read.
    wanted: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct ReadText {
    text: String,
}

pub(crate) fn read_file(input: ReadFile) -> Result<ReadText> {
    let wanted =
        Artefact { digest: input.wanted, name: String::new(), media_type: String::new(), bytes: 0 };
    let text = String::from_utf8_lossy(&artefact::read(&wanted)?).into_owned();
    Ok(ReadText { text })
}
