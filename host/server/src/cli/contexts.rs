//! `taskloom contexts`: asks a host about the contexts that runs share, and changes them.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use owo_colors::OwoColorize as _;
use serde_json::{Map, Value, json};

use super::args::{Contexts, ContextsCommand, Remote};
use super::client::{Client, Request};
use super::output::{one_line, print, print_json};
use super::table::Table;
use super::{Done, Failed, runs, runtime, show};
use crate::api::types::{SharedContext, SharedContextPage, SharedHistory, SharedSource};

pub(super) fn contexts(arguments: Contexts) -> Result<Done, Failed> {
    let Contexts { remote, command } = arguments;
    let client = Client::new(&remote.server).map_err(Failed::invalid)?;
    if let ContextsCommand::Set { name, file, seq } = command {
        let values = values(&file).map_err(Failed::invalid)?;
        runtime()?.block_on(set(&client, &remote, &name, values, seq))?;
        return Ok(Done::Well);
    }
    runtime()?.block_on(async {
        match command {
            ContextsCommand::List => listed(&client, &remote).await,
            ContextsCommand::Show { name } => shown(&client, &remote, &name).await,
            ContextsCommand::History { name } => history(&client, &remote, &name).await,
            ContextsCommand::Delete { name, seq } => {
                let request = if_at(Request::delete(&["contexts", &name]), seq)?;
                client.send(request).await?;
                Ok(print(&format!("deleted {name}\n"))?)
            }
            ContextsCommand::Set { .. } => Ok(()),
        }
    })?;
    Ok(Done::Well)
}

async fn listed(client: &Client, remote: &Remote) -> Result<()> {
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let query = [("limit", Some("1000".to_owned())), ("cursor", cursor)];
        let page: SharedContextPage = runs::read(client.get(&["contexts"], &query).await?)?;
        all.extend(page.contexts);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    if remote.json {
        return Ok(print_json(&json!({ "contexts": all }))?);
    }
    if all.is_empty() {
        return Ok(print("no shared contexts\n")?);
    }
    let mut table = Table::new(&["CONTEXT", "SEQ", "CHANGED", "SIZE", "NAMES"]);
    for context in &all {
        table.row(vec![
            context.name.as_str().into(),
            context.seq.to_string().into(),
            context.updated_at.as_str().into(),
            show::bytes(context.bytes).into(),
            one_line(&context.names.join(", ")).into(),
        ]);
    }
    Ok(print(&table.print())?)
}

async fn shown(client: &Client, remote: &Remote, name: &str) -> Result<()> {
    let answer = client.get(&["contexts", name], &[]).await?;
    told(remote, answer)
}

async fn set(
    client: &Client,
    remote: &Remote,
    name: &str,
    values: Map<String, Value>,
    seq: Option<u64>,
) -> Result<()> {
    let body = json!({ "values": values });
    let request = if_at(Request::put(&["contexts", name], &body)?, seq)?;
    let answer = client.send(request).await?;
    told(remote, answer)
}

fn told(remote: &Remote, answer: Value) -> Result<()> {
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    let context: SharedContext = runs::read(answer)?;
    let (name, seq) = (context.name.bold(), format!("at {}", context.seq));
    let mut text = format!("{name}  {}\n", seq.dimmed());
    for (name, value) in &context.values {
        let from = value.from.as_ref().map(by).unwrap_or_default();
        let value = one_line(&value.value.to_string());
        let _ = writeln!(text, "{}  {value}  {}", one_line(name), from.dimmed());
    }
    Ok(print(&text)?)
}

fn by(source: &SharedSource) -> String {
    let who = source.run.as_deref().map_or("a caller".to_owned(), |run| format!("run {run}"));
    format!("by {who} at {}", source.at)
}

async fn history(client: &Client, remote: &Remote, name: &str) -> Result<()> {
    let mut after = 0;
    let mut all = Vec::new();
    loop {
        let query = [("after", Some(after.to_string())), ("limit", Some("100".to_owned()))];
        let page = client.get(&["contexts", name, "history"], &query).await?;
        let page: SharedHistory = runs::read(page)?;
        if page.events.is_empty() {
            break;
        }
        after = page.next_after;
        if remote.json {
            all.extend(page.events);
            continue;
        }
        let mut text = String::new();
        for change in &page.events {
            let who =
                change.run.as_deref().map_or("a caller".to_owned(), |run| format!("run {run}"));
            let (seq, at) = (change.seq, change.at.dimmed());
            let what = match &change.values {
                Some(_) => format!("set {}", one_line(&change.set.join(", "))),
                None => "deleted it".to_owned(),
            };
            let _ = writeln!(text, "{seq}  {at}  {who} {what}");
        }
        print(&text)?;
    }
    if remote.json {
        print_json(&json!({ "events": all }))?;
    }
    Ok(())
}

/// The values that a file holds; `-` is standard input.
fn values(file: &Path) -> Result<Map<String, Value>> {
    let name = file.display();
    let text = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin()).context("reading standard input")?
    } else {
        std::fs::read_to_string(file).with_context(|| format!("reading `{name}`"))?
    };
    match serde_json::from_str(&text).with_context(|| format!("`{name}` is not JSON"))? {
        Value::Object(values) => Ok(values),
        _ => bail!("`{name}` holds no object; write `{{\"name\": value}}`"),
    }
}

/// A request that is refused when the context is not at `seq` any more.
fn if_at(request: Request, seq: Option<u64>) -> Result<Request> {
    match seq {
        Some(seq) => request.header("if-match", &format!("\"{seq}\"")),
        None => Ok(request),
    }
}
