//! `taskloom runs`: asks a host about its runs.

use anyhow::{Context as _, Result};
use owo_colors::{OwoColorize as _, Style};
use serde_json::{Value, json};

use super::args::{Remote, Runs, RunsCommand, RunsList, RunsLogs};
use super::client::Client;
use super::output::{harmless, one_line, print, print_json};
use super::table::{Cell, Table};
use super::{Done, Failed, artefacts, rerun, runtime, show, steer};
use crate::api::types::{LogLine, LogPage, RunPage, Signal};

pub(super) fn runs(arguments: Runs) -> Result<Done, Failed> {
    let Runs { remote, command } = arguments;
    let client = Client::new(&remote.server).map_err(Failed::invalid)?;
    runtime()?.block_on(perform(&client, &remote, command))
}

async fn perform(client: &Client, remote: &Remote, command: RunsCommand) -> Result<Done, Failed> {
    use RunsCommand as C;
    let done = match command {
        C::Start(start) => return steer::start(client, remote, start).await,
        C::List(list) => listed(client, remote, list).await,
        C::Show(which) => shown(client, remote, &which.run).await,
        C::Logs(logs) => logged(client, remote, logs).await,
        C::Artefacts { which, get: None, .. } => artefacts::list(client, remote, &which).await,
        C::Artefacts { which, get: Some(named), to } => {
            artefacts::get(client, remote, &which, &named, to.as_deref()).await
        }
        C::Cancel(which) => steer::cancel(client, remote, which).await,
        C::Pause(which) => steer::pause(client, remote, which).await,
        C::Resume(which) => steer::resume(client, remote, &which).await,
        C::Priority { which, priority } => steer::priority(client, remote, &which, priority).await,
        C::Signal { which, name, payload, id } => {
            steer::signal(client, remote, &which, Signal { name, payload, id }).await
        }
        C::Approve { answer, input, option } => {
            let input = input.or(option.map(Value::String));
            steer::answer(client, remote, answer, true, input).await
        }
        C::Reject(answer) => steer::answer(client, remote, answer, false, None).await,
        C::Skip { place, output, reason } => {
            steer::skip(client, remote, &place, output, reason).await
        }
        C::Rerun(rerun) => rerun::one(client, remote, rerun).await,
        C::RerunAll(all) => rerun::all(client, remote, all).await,
        C::Delete(which) => steer::delete(client, remote, &which).await,
    };
    Ok(done?)
}

async fn listed(client: &Client, remote: &Remote, list: RunsList) -> Result<Done> {
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
        print_json(&answer)?;
        return Ok(Done::Well);
    }
    let page: RunPage = read(answer)?;
    if page.runs.is_empty() {
        print("no runs\n")?;
        return Ok(Done::Well);
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
    print(&text)?;
    Ok(Done::Well)
}

async fn shown(client: &Client, remote: &Remote, run: &str) -> Result<Done> {
    let answer = client.get(&["runs", run], &[]).await?;
    if remote.json {
        print_json(&answer)?;
    } else {
        print(&show::run(&read(answer)?))?;
    }
    Ok(Done::Well)
}

async fn logged(client: &Client, remote: &Remote, logs: RunsLogs) -> Result<Done> {
    let RunsLogs { run, task, attempt } = logs;
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
        let page: LogPage = read(client.get(&["runs", &run, "logs"], &query).await?)?;
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
    Ok(Done::Well)
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
