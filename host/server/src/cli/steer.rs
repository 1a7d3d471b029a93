//! `taskloom runs start|pause|resume|…`: everything that changes a run of a host.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::args::{self, Answer, Place, Remote, RunsStart, Which, WhichAndWhy};
use super::client::{Client, Request};
use super::output::{print, print_json};
use super::runs::read;
use super::{Done, Failed, input, show};
use crate::api::types::{self, Outcome, Run};

/// How long one request waits for the end of a run; the host may grant less.
const WAIT: Duration = Duration::from_secs(50);

/// Starts a run, and waits for its end if that is wanted.
pub(super) async fn start(
    client: &Client,
    remote: &Remote,
    start: RunsStart,
) -> Result<Done, Failed> {
    let body = wanted(&start).map_err(Failed::invalid)?;
    let mut request = Request::post(&["workflows", &start.workflow, "runs"], &body)?;
    if let Some(key) = &start.idempotency_key {
        request = request.header("idempotency-key", key)?;
    }
    let mut answer = client.send(request).await?;
    if start.wait {
        answer = ended(client, answer).await?;
    }
    let run: Run = read(answer.clone())?;
    if remote.json {
        print_json(&answer)?;
    } else if start.wait {
        print(&show::run(&run))?;
    } else {
        print(&format!("{}\n", run.id))?;
    }
    let is_bad = run.outcome.is_some_and(|outcome| outcome != Outcome::Succeeded);
    Ok(if is_bad { Done::Badly } else { Done::Well })
}

fn wanted(start: &RunsStart) -> Result<types::StartRun> {
    let (input, context) = input::read_values(start.input.as_deref(), start.context.as_deref())?;
    let raw = |text: &str| RawValue::from_string(text.to_owned());
    Ok(types::StartRun {
        input: Some(raw(&input)?),
        context: context.as_deref().map(raw).transpose()?,
        priority: start.priority,
        start_at: start.at.clone(),
        delay: start.delay.clone(),
        definition: start.definition.clone(),
        cache: start.no_cache.then_some(types::CacheUse::Off),
    })
}

/// The run when it has ended.
async fn ended(client: &Client, mut answer: Value) -> Result<Value> {
    let id = answer["id"].as_str().unwrap_or_default().to_owned();
    while answer["outcome"].is_null() {
        let wait = format!("wait={}", WAIT.as_secs());
        answer = client.send(Request::get(&["runs", &id]).header("prefer", &wait)?).await?;
    }
    Ok(answer)
}

pub(super) async fn cancel(client: &Client, remote: &Remote, which: WhichAndWhy) -> Result<Done> {
    let body = types::Cancel { reason: which.reason };
    post(client, remote, &["runs", &which.run, "cancel"], &body).await
}

pub(super) async fn pause(client: &Client, remote: &Remote, which: WhichAndWhy) -> Result<Done> {
    let body = types::Pause { reason: which.reason };
    post(client, remote, &["runs", &which.run, "pause"], &body).await
}

pub(super) async fn resume(client: &Client, remote: &Remote, which: &Which) -> Result<Done> {
    post(client, remote, &["runs", &which.run, "resume"], &json!({})).await
}

pub(super) async fn priority(
    client: &Client,
    remote: &Remote,
    which: &Which,
    priority: i32,
) -> Result<Done> {
    let body = types::Priority { priority };
    let request = Request::put(&["runs", &which.run, "priority"], &body)?;
    tell(remote, client.send(request).await?)
}

pub(super) async fn signal(
    client: &Client,
    remote: &Remote,
    which: &Which,
    signal: types::Signal,
) -> Result<Done> {
    post(client, remote, &["runs", &which.run, "signals"], &signal).await
}

/// Says yes or no to an approval.
pub(super) async fn answer(
    client: &Client,
    remote: &Remote,
    answer: Answer,
    approved: bool,
    input: Option<Value>,
) -> Result<Done> {
    let Answer { place: Place { run, task }, by, comment } = answer;
    let body = types::Approve { approved: Some(approved), by, comment, input };
    post(client, remote, &["runs", &run, "tasks", &task, "approve"], &body).await
}

pub(super) async fn skip(
    client: &Client,
    remote: &Remote,
    place: &Place,
    output: Option<Value>,
    reason: Option<String>,
) -> Result<Done> {
    let body = types::Skip { output, reason };
    post(client, remote, &["runs", &place.run, "tasks", &place.task, "skip"], &body).await
}

pub(super) async fn delete(client: &Client, remote: &Remote, which: &Which) -> Result<Done> {
    client.delete(&["runs", &which.run]).await?;
    if remote.json {
        print_json(&json!({ "deleted": which.run }))?;
    } else {
        print(&format!("run {} is deleted\n", which.run))?;
    }
    Ok(Done::Well)
}

/// The API's words for where a rerun begins.
pub(super) fn rerun_start(from: args::From) -> types::RerunStart {
    match from {
        args::From::Start => types::RerunStart::Start,
        args::From::Failed => types::RerunStart::Failed,
    }
}

async fn post(
    client: &Client,
    remote: &Remote,
    path: &[&str],
    body: &impl Serialize,
) -> Result<Done> {
    let answer = client.post(path, body).await?;
    tell(remote, answer)
}

/// Says where the run is now.
fn tell(remote: &Remote, answer: Value) -> Result<Done> {
    if remote.json {
        print_json(&answer)?;
        return Ok(Done::Well);
    }
    let run: Run = read(answer)?;
    let (word, _) = show::state(run.status.as_str(), run.outcome);
    print(&format!("run {} is {word}\n", run.id))?;
    Ok(Done::Well)
}
