//! `taskloom plugin`: asks a host about its plugins, and leads to the author kit.

use std::fmt::Write as _;

use anyhow::Result;
use owo_colors::{OwoColorize as _, Style};

use super::args::{Plugins, PluginsCommand, Remote};
use super::client::Client;
use super::output::{harmless, one_line, print, print_json};
use super::table::{Cell, Table};
use super::{Done, Failed, kit, runs, runtime, show};
use crate::api::types::{AiGrant, Grant, Plugin, PluginList, PluginState, SecretGrant};

pub(super) fn plugins(arguments: Plugins) -> Result<Done, Failed> {
    let Plugins { remote, command } = arguments;
    match command {
        PluginsCommand::List => asked(&remote, listed),
        PluginsCommand::Show { name } => {
            asked(&remote, async |client, remote| shown(client, remote, &name).await)
        }
        PluginsCommand::New(arguments) => kit::new(&arguments),
        PluginsCommand::Build(arguments) => kit::build(&arguments, remote.json),
        PluginsCommand::Inspect(arguments) => kit::inspect(&arguments, remote.json),
        PluginsCommand::Test(arguments) => kit::test(&arguments, remote.json),
    }
}

/// Lets `ask` ask a host.
fn asked(
    remote: &Remote,
    ask: impl AsyncFnOnce(&Client, &Remote) -> Result<()>,
) -> Result<Done, Failed> {
    let client = Client::new(&remote.server).map_err(Failed::invalid)?;
    runtime()?.block_on(ask(&client, remote))?;
    Ok(Done::Well)
}

async fn listed(client: &Client, remote: &Remote) -> Result<()> {
    let answer = client.get(&["plugins"], &[]).await?;
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    let list: PluginList = runs::read(answer)?;
    if list.plugins.is_empty() {
        return Ok(print("no plugins\n")?);
    }
    let mut table = Table::new(&["PLUGIN", "VERSION", "STATE", "TASK TYPES"]);
    let mut notes = String::new();
    for plugin in &list.plugins {
        let (word, style) = state(plugin.state);
        table.row(vec![
            plugin.name.as_str().into(),
            plugin.version.as_deref().map_or("-".to_owned(), one_line).into(),
            Cell::styled(word, style),
            plugin.task_types.join(", ").into(),
        ]);
        if let Some(reason) = &plugin.reason {
            let _ = writeln!(notes, "{}: {}", plugin.file, harmless(reason));
        }
    }
    let table = table.print();
    Ok(print(&if notes.is_empty() { table } else { format!("{table}\n{notes}") })?)
}

async fn shown(client: &Client, remote: &Remote, name: &str) -> Result<()> {
    let answer = client.get(&["plugins", name], &[]).await?;
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    Ok(print(&told(&runs::read(answer)?))?)
}

fn told(plugin: &Plugin) -> String {
    let summary = &plugin.summary;
    let (word, style) = state(summary.state);
    let version = summary.version.as_deref().map(one_line).unwrap_or_default();
    let mut text = format!("{} {version}  {}\n", summary.name.bold(), word.style(style));
    let mut line = |name, value| line(&mut text, name, value);
    line("about", one_line(&summary.summary));
    line("refused", summary.reason.as_deref().map(harmless).unwrap_or_default());
    line("file", summary.file.clone());
    line("digest", summary.digest.clone().unwrap_or_default());
    line("size", plugin.bytes.map(show::bytes).unwrap_or_default());
    line("imports", plugin.imports.join(", "));
    text + &offers(plugin)
}

/// A plugin as its file alone shows it.
pub(super) fn described(plugin: &Plugin) -> String {
    let summary = &plugin.summary;
    let version = summary.version.as_deref().map(one_line).unwrap_or_default();
    let mut text = format!("{} {version}\n", summary.name.bold());
    line(&mut text, "about", one_line(&summary.summary));
    text + &offers(plugin)
}

/// A named value, if there is one.
fn line(text: &mut String, name: &str, value: String) {
    if !value.is_empty() {
        let _ = writeln!(text, "{:<11} {value}", name.dimmed());
    }
}

/// What a plugin asks for, is granted and offers.
fn offers(plugin: &Plugin) -> String {
    let mut text = String::new();
    let mut line = |name, value| line(&mut text, name, value);
    for capability in &plugin.capabilities {
        let standing = match (capability.asked, capability.granted) {
            (true, true) => "granted",
            (true, false) => "asked for, not granted",
            _ => "granted, not asked for",
        };
        let name = one_line(&capability.name);
        line("capability", format!("{} {name} ({standing})", capability.kind));
    }
    for grant in &plugin.grants {
        line("granted", requests(grant));
    }
    for SecretGrant { name, destination } in &plugin.secret_grants {
        line("granted", format!("secret {} to {}", one_line(name), requests(destination)));
    }
    if let Some(AiGrant { tokens_per_call, tokens_per_run, usd_per_run }) = &plugin.ai_grant {
        line(
            "granted",
            format!(
                "models: {tokens_per_call} tokens a call, {tokens_per_run} tokens and {usd_per_run} \
                 US dollars a run"
            ),
        );
    }
    for task_type in &plugin.task_type_details {
        let _ = writeln!(
            text,
            "\n{}  {}\n  {}",
            task_type.name.bold(),
            format!("{}, {}", task_type.effects, task_type.resource_class).dimmed(),
            one_line(&task_type.summary)
        );
        for (name, schema) in
            [("input", &task_type.input_schema), ("output", &task_type.output_schema)]
        {
            let _ = writeln!(text, "  {} {}", name.dimmed(), one_line(&schema.to_string()));
        }
    }
    text
}

fn requests(grant: &Grant) -> String {
    let port = grant.port.map(|port| format!(":{port}")).unwrap_or_default();
    let (schemes, methods) = (grant.schemes.join("|"), grant.methods.join(" "));
    format!("{methods} {schemes}://{}{port}{}", grant.host, grant.path_prefix)
}

fn state(state: PluginState) -> (&'static str, Style) {
    match state {
        PluginState::Loading => ("loading", Style::new().cyan()),
        PluginState::Active => ("active", Style::new().green()),
        PluginState::Refused => ("refused", Style::new().red()),
        PluginState::Removed => ("removed", Style::new().dimmed()),
    }
}
