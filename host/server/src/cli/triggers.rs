//! `taskloom triggers`: asks a host what starts runs by itself, and fires one by hand.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use owo_colors::{OwoColorize as _, Style};
use serde_json::{Value, json};

use super::args::{Remote, Triggers, TriggersCommand};
use super::client::Client;
use super::output::{harmless, one_line, print, print_json};
use super::table::{Cell, Table};
use super::{Done, Failed, runs, runtime};
use crate::api::types::{Delivered, Trigger, TriggerHistory, TriggerList};

pub(super) fn triggers(arguments: Triggers) -> Result<Done, Failed> {
    let Triggers { remote, command } = arguments;
    let client = Client::new(&remote.server).map_err(Failed::invalid)?;
    match command {
        TriggersCommand::List => runtime()?.block_on(listed(&client, &remote))?,
        TriggersCommand::Show { name } => runtime()?.block_on(shown(&client, &remote, &name))?,
        TriggersCommand::Fire { name, event } => {
            let event = match &event {
                Some(file) => read_event(file).map_err(Failed::invalid)?,
                None => Value::Null,
            };
            return Ok(runtime()?.block_on(fired(&client, &remote, &name, event))?);
        }
    }
    Ok(Done::Well)
}

async fn listed(client: &Client, remote: &Remote) -> Result<()> {
    let answer = client.get(&["triggers"], &[]).await?;
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    let list: TriggerList = runs::read(answer)?;
    if list.triggers.is_empty() {
        return Ok(print("no triggers\n")?);
    }
    let mut table = Table::new(&["TRIGGER", "KIND", "STATE", "LISTENS TO", "NEXT"]);
    let mut notes = String::new();
    for trigger in &list.triggers {
        let (word, style) = state(trigger.listening);
        table.row(vec![
            trigger.name.as_str().into(),
            trigger.kind.as_str().into(),
            Cell::styled(word, style),
            one_line(trigger.path.as_deref().unwrap_or(&trigger.source)).into(),
            trigger.next_at.as_deref().unwrap_or("-").into(),
        ]);
        if let Some(reason) = &trigger.reason {
            let _ = writeln!(notes, "{}: {}", trigger.name, one_line(reason));
        }
    }
    let table = table.print();
    Ok(print(&if notes.is_empty() { table } else { format!("{table}\n{notes}") })?)
}

async fn shown(client: &Client, remote: &Remote, name: &str) -> Result<()> {
    let answer = client.get(&["triggers", name], &[("limit", Some("20".to_owned()))]).await?;
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    Ok(print(&told(&runs::read(answer)?))?)
}

fn told(trigger: &Trigger) -> String {
    let summary = &trigger.summary;
    let (word, style) = state(summary.listening);
    let mut text = format!("{}  {}\n", summary.name.bold(), word.style(style));
    let mut line = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = writeln!(text, "{:<11} {}", name.dimmed(), one_line(value));
        }
    };
    line("listens to", Some(&summary.source));
    line("at", summary.path.as_deref());
    line("next", summary.next_at.as_deref());
    line("why not", summary.reason.as_deref());
    if trigger.history.is_empty() {
        text.push_str("\nit has done nothing yet\n");
        return text;
    }
    let mut table = Table::new(&["AT", "WHAT", "EVENT", "RUN OR REASON"]);
    for TriggerHistory { at, kind, key, run, reason, .. } in &trigger.history {
        table.row(vec![
            at.as_str().into(),
            kind.strip_prefix("trigger-").unwrap_or(kind).into(),
            key.as_deref().map_or("-".to_owned(), one_line).into(),
            run.as_deref().or(reason.as_deref()).map_or("-".to_owned(), one_line).into(),
        ]);
    }
    text.push('\n');
    text.push_str(&table.print());
    text
}

async fn fired(client: &Client, remote: &Remote, name: &str, event: Value) -> Result<Done> {
    let answer = client.post(&["triggers", name, "fire"], &json!({ "event": event })).await?;
    let delivered: Delivered = runs::read(answer.clone())?;
    let done = if delivered.runs.is_empty() { Done::Badly } else { Done::Well };
    if remote.json {
        print_json(&answer)?;
        return Ok(done);
    }
    let mut text = String::new();
    for run in &delivered.runs {
        let _ = writeln!(text, "{} started run {}", run.trigger, run.run.bold());
    }
    for skipped in &delivered.skipped {
        let _ =
            writeln!(text, "{} started nothing: {}", skipped.trigger, harmless(&skipped.reason));
    }
    print(&text)?;
    Ok(done)
}

/// The event of a file, or of standard input.
fn read_event(file: &Path) -> Result<Value> {
    let text = if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("reading standard input")?;
        text
    } else {
        let shown = file.display();
        std::fs::read_to_string(file)
            .with_context(|| format!("the event `{shown}` cannot be read"))?
    };
    serde_json::from_str(&text)
        .map_err(|error| anyhow!("the event `{}` is not JSON: {error}", file.display()))
}

fn state(listening: bool) -> (&'static str, Style) {
    match listening {
        true => ("listening", Style::new().green()),
        false => ("off", Style::new().red()),
    }
}
