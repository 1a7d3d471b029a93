//! `taskloom runs`: asks a host about its runs.

use anyhow::{Context as _, Result};
use owo_colors::{OwoColorize as _, Style};
use serde_json::{Value, json};

use super::args::{Remote, Runs, RunsCommand, RunsList};
use super::client::Client;
use super::output::{harmless, one_line, print, print_json};
use super::table::{Cell, Table};
use super::{Done, Failed, runtime, show};
use crate::api::types::{Cancel, LogLine, LogPage, Run, RunPage};

pub(super) fn runs(arguments: Runs) -> Result<Done, Failed> {
    let Runs { remote, command } = arguments;
    let client = Client::new(&remote.server).map_err(Failed::invalid)?;
    runtime()?.block_on(async {
        match command {
            RunsCommand::List(list) => listed(&client, &remote, list).await,
            RunsCommand::Show { run } => shown(&client, &remote, &run).await,
            RunsCommand::Cancel { run, reason } => cancelled(&client, &remote, &run, reason).await,
            RunsCommand::Logs { run, task, attempt } => {
                logged(&client, &remote, &run, task, attempt).await
            }
        }
    })?;
    Ok(Done::Well)
}

async fn listed(client: &Client, remote: &Remote, list: RunsList) -> Result<()> {
    let query = [
        ("workflow", list.workflow),
        ("status", list.status),
        ("outcome", list.outcome),
        ("started_after", list.started_after),
        ("started_before", list.started_before),
        ("limit", Some(list.limit.to_string())),
        ("cursor", list.cursor),
    ];
    let answer = client.get(&["runs"], &query).await?;
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    let page: RunPage = read(answer)?;
    if page.runs.is_empty() {
        return Ok(print("no runs\n")?);
    }
    let mut table = Table::new(&["RUN", "WORKFLOW", "STATUS", "TASKS", "STARTED", "TIME"]);
    for run in &page.runs {
        let (word, style) = show::state(run.status.as_str(), run.outcome);
        let took = show::elapsed(Some(&run.started_at), run.ended_at.as_deref());
        table.row(vec![
            run.id.as_str().into(),
            one_line(&run.workflow).into(),
            Cell::styled(word, style),
            format!("{}/{}", run.tasks_ended, run.tasks_total).into(),
            run.started_at.as_str().into(),
            took.map_or("-".to_owned(), show::duration).into(),
        ]);
    }
    let mut text = table.print();
    if let Some(cursor) = &page.next_cursor {
        text.push_str(&format!("{}\n", format!("more: --cursor {cursor}").dimmed()));
    }
    Ok(print(&text)?)
}

async fn shown(client: &Client, remote: &Remote, run: &str) -> Result<()> {
    let answer = client.get(&["runs", run], &[]).await?;
    print_run(answer, remote)
}

async fn cancelled(
    client: &Client,
    remote: &Remote,
    run: &str,
    reason: Option<String>,
) -> Result<()> {
    let answer = client.post(&["runs", run, "cancel"], &Cancel { reason }).await?;
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    let shown: Run = read(answer)?;
    Ok(print(&format!(
        "run {} is {}\n",
        shown.id,
        show::state(shown.status.as_str(), shown.outcome).0
    ))?)
}

fn print_run(answer: Value, remote: &Remote) -> Result<()> {
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    Ok(print(&show::run(&read(answer)?))?)
}

async fn logged(
    client: &Client,
    remote: &Remote,
    run: &str,
    task: Option<String>,
    attempt: Option<u32>,
) -> Result<()> {
    let attempt = attempt.map(|number| number.to_string());
    let mut cursor = None;
    let mut all = Vec::new();
    loop {
        let query = [
            ("task", task.clone()),
            ("attempt", attempt.clone()),
            ("limit", Some("1000".to_owned())),
            ("cursor", cursor),
        ];
        let page: LogPage = read(client.get(&["runs", run, "logs"], &query).await?)?;
        if remote.json {
            all.extend(page.lines);
        } else {
            print(&page.lines.iter().map(line).collect::<String>())?;
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    if remote.json {
        print_json(&json!({ "lines": all }))?;
    }
    Ok(())
}

fn line(line: &LogLine) -> String {
    let style = match line.level.as_str() {
        "error" => Style::new().red(),
        "warn" => Style::new().yellow(),
        "info" => Style::new().green(),
        _ => Style::new().dimmed(),
    };
    let fields = line.fields.as_ref().map(|fields| format!(" {}", one_line(fields.get())));
    format!(
        "{} {}#{} {} {}{}\n",
        line.at.dimmed(),
        line.task,
        line.attempt,
        format!("{:<5}", one_line(&line.level)).style(style),
        harmless(&line.message),
        fields.unwrap_or_default().dimmed(),
    )
}

/// An answer as what it must be.
pub(super) fn read<T: serde::de::DeserializeOwned>(answer: Value) -> Result<T> {
    // Through text: raw JSON inside of a value can only be read from text.
    serde_json::from_str(&answer.to_string())
        .context("the host's answer is not what this version knows; are both of one version?")
}
