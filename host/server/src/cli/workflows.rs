//! `taskloom workflows`: asks a host about its workflows, and changes them.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use owo_colors::{OwoColorize as _, Style};
use serde_json::Value;
use taskloom_core::definition;

use super::args::{Remote, Workflows, WorkflowsCommand};
use super::client::Client;
use super::output::{harmless, one_line, print, print_json};
use super::runs::read;
use super::table::{Cell, Table};
use super::{Done, Failed, runtime};
use crate::api::types::{
    AvailabilityWord, EnabledBy, Origin, OriginKind, Workflow, WorkflowList, WorkflowSummary,
    WorkflowVersions,
};

pub(super) fn workflows(arguments: Workflows) -> Result<Done, Failed> {
    let Workflows { remote, command } = arguments;
    let client = Client::new(&remote.server).map_err(Failed::invalid)?;
    runtime()?
        .block_on(async {
            match command {
                WorkflowsCommand::List => Ok(listed(&client, &remote).await?),
                WorkflowsCommand::Show { id } => Ok(shown(&client, &remote, &id).await?),
                WorkflowsCommand::Put { file, new, replace } => {
                    put(&client, &remote, &file, new, replace).await
                }
                WorkflowsCommand::Delete { id } => {
                    client.delete(&["workflows", &id]).await?;
                    Ok(print(&format!("workflow {id} is deleted\n"))?)
                }
                WorkflowsCommand::Enable { id } => {
                    Ok(switched(&client, &remote, &id, "enable").await?)
                }
                WorkflowsCommand::Disable { id } => {
                    Ok(switched(&client, &remote, &id, "disable").await?)
                }
                WorkflowsCommand::Versions { id } => {
                    Ok(versions(&client, &remote, "workflows", &id).await?)
                }
            }
        })
        .map(|()| Done::Well)
}

async fn listed(client: &Client, remote: &Remote) -> Result<()> {
    let answer = client.get(&["workflows"], &[]).await?;
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    let list: WorkflowList = read(answer)?;
    let mut text =
        if list.workflows.is_empty() { "no workflows\n".to_owned() } else { String::new() };
    let mut table = Table::new(&["WORKFLOW", "VERSION", "STATE", "FROM", "TASKS"]);
    let mut notes = String::new();
    for workflow in &list.workflows {
        let (word, style) = state(workflow);
        table.row(vec![
            workflow.id.as_str().into(),
            one_line(&workflow.version).into(),
            Cell::styled(word, style),
            from(&workflow.origin).into(),
            workflow.tasks_total.to_string().into(),
        ]);
        for problem in &workflow.problems {
            let _ = writeln!(notes, "{}: {}", workflow.id, one_line(&problem.to_string()));
        }
    }
    for file in &list.broken_files {
        for problem in &file.problems {
            let _ = writeln!(notes, "{}: {}", one_line(&file.file), one_line(&problem.to_string()));
        }
    }
    if !list.workflows.is_empty() {
        text.push_str(&table.print());
    }
    if !notes.is_empty() {
        text.push('\n');
        text.push_str(&notes);
    }
    Ok(print(&text)?)
}

async fn shown(client: &Client, remote: &Remote, id: &str) -> Result<()> {
    let answer = match id.split_once('@') {
        Some((id, digest)) => client.get(&["workflows", id, "versions", digest], &[]).await?,
        None => client.get(&["workflows", id], &[]).await?,
    };
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    let source = answer.get("source").and_then(Value::as_str).unwrap_or_default();
    Ok(print(&harmless(source))?)
}

async fn put(
    client: &Client,
    remote: &Remote,
    file: &Path,
    new: bool,
    replace: Option<String>,
) -> Result<(), Failed> {
    let text = text_of(file).map_err(Failed::invalid)?;
    let name = file.display().to_string();
    let id = definition::id_of(&text).ok_or_else(|| {
        Failed::invalid(anyhow!(
            "{name} has no `id`; `taskloom validate {name}` says what is wrong"
        ))
    })?;
    let mut headers = Vec::new();
    if new {
        headers.push(("if-none-match", "*".to_owned()));
    }
    if let Some(digest) = replace {
        headers.push(("if-match", format!("\"{digest}\"")));
    }
    Ok(told(remote, client.put_toml(&["workflows", &id], &headers, text).await?)?)
}

async fn switched(client: &Client, remote: &Remote, id: &str, word: &str) -> Result<()> {
    told(remote, client.post(&["workflows", id, word], &serde_json::json!({})).await?)
}

/// A workflow that was changed, in one line, with what is wrong below.
pub(super) fn told(remote: &Remote, answer: Value) -> Result<()> {
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    let workflow: Workflow = read(answer)?;
    Ok(print(&standing(&workflow.summary))?)
}

/// Lists the versions of a workflow or a template.
pub(super) async fn versions(client: &Client, remote: &Remote, kind: &str, id: &str) -> Result<()> {
    let answer = client.get(&[kind, id, "versions"], &[]).await?;
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    let list: WorkflowVersions = read(answer)?;
    let mut table = Table::new(&["DIGEST", "VERSION", "SINCE", "FROM", ""]);
    for version in &list.versions {
        table.row(vec![
            version.digest.as_str().into(),
            one_line(&version.version).into(),
            version.since.as_str().into(),
            from(&version.origin).into(),
            if version.current { "current" } else { "" }.into(),
        ]);
    }
    Ok(print(&table.print())?)
}

/// A workflow in one line, with what is wrong below.
fn standing(workflow: &WorkflowSummary) -> String {
    let (word, style) = state(workflow);
    let mut text = format!(
        "{} {} {}  {}\n",
        workflow.id.bold(),
        one_line(&workflow.version),
        workflow.digest.dimmed(),
        word.style(style)
    );
    for problem in &workflow.problems {
        let _ = writeln!(text, "{} {}", "problem:".red(), one_line(&problem.to_string()));
    }
    text
}

fn state(workflow: &WorkflowSummary) -> (&'static str, Style) {
    match (workflow.enabled, workflow.enabled_by, workflow.availability) {
        (false, EnabledBy::Definition, _) => ("off", Style::new().dimmed()),
        (false, EnabledBy::Request, _) => ("switched off", Style::new().dimmed()),
        (true, _, AvailabilityWord::Available) => ("available", Style::new().green()),
        (true, _, AvailabilityWord::Loading) => ("loading", Style::new().cyan()),
        (true, _, AvailabilityWord::Unavailable) => ("unavailable", Style::new().red()),
    }
}

/// Where a text comes from, in a word or two.
pub(super) fn from(origin: &Origin) -> String {
    match (origin.kind, &origin.file, &origin.template) {
        (_, Some(file), _) => one_line(file),
        (OriginKind::Template, _, Some(template)) => format!("template {template}"),
        (kind, ..) => kind.as_str().to_owned(),
    }
}

/// The text of a file, or of standard input.
pub(super) fn text_of(file: &Path) -> Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
        return Ok(text);
    }
    std::fs::read_to_string(file)
        .with_context(|| format!("the file `{}` cannot be read", file.display()))
}
