//! `taskloom plugin`: asks a host about its plugins, and leads to the author kit.

use std::fmt::Write as _;

use anyhow::Result;
use owo_colors::{OwoColorize as _, Style};

use super::args::{Plugins, PluginsCommand, Remote};
use super::client::Client;
use super::output::{harmless, one_line, print, print_json};
use super::table::{Cell, Table};
use super::{Done, Failed, install, kit, runs, runtime, show, signing};
use crate::api::types::{
    AiGrant, ChoosePluginVersion, Grant, Plugin, PluginEventPage, PluginList, PluginState,
    PluginSummary, PluginVersion, SecretGrant,
};

pub(super) fn plugins(arguments: Plugins) -> Result<Done, Failed> {
    let Plugins { remote, command } = arguments;
    match command {
        PluginsCommand::List => asked(&remote, listed),
        PluginsCommand::Show { name } => {
            asked(&remote, async |client, remote| shown(client, remote, &name).await)
        }
        PluginsCommand::Events { name, limit } => {
            asked(&remote, async |client, remote| events(client, remote, &name, limit).await)
        }
        PluginsCommand::Rollback { name, digest } => asked(&remote, async |client, remote| {
            changed(client, remote, &name, "rollback", digest).await
        }),
        PluginsCommand::Release { name, digest } => asked(&remote, async |client, remote| {
            changed(client, remote, &name, "release", digest).await
        }),
        PluginsCommand::New(arguments) => kit::new(&arguments),
        PluginsCommand::Build(arguments) => kit::build(&arguments, remote.json),
        PluginsCommand::Inspect(arguments) => kit::inspect(&arguments, remote.json),
        PluginsCommand::Test(arguments) => kit::test(&arguments, remote.json),
        PluginsCommand::Keygen(arguments) => signing::keygen(&arguments),
        PluginsCommand::Sign(arguments) => signing::sign(&arguments),
        PluginsCommand::Verify(arguments) => signing::verify(&arguments),
        PluginsCommand::Install(arguments) => install::install(&arguments),
        PluginsCommand::Remove(arguments) => install::remove(&arguments),
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
    let mut table = Table::new(&["PLUGIN", "VERSION", "STATE", "VERSIONS", "TASK TYPES"]);
    let mut notes = String::new();
    for plugin in &list.plugins {
        let (word, style) = state(plugin.state);
        table.row(vec![
            plugin.name.as_str().into(),
            plugin.version.as_deref().map_or("-".to_owned(), one_line).into(),
            Cell::styled(word, style),
            versions_kept(plugin).into(),
            plugin.task_types.join(", ").into(),
        ]);
        if let Some(reason) = &plugin.reason {
            let _ = writeln!(notes, "{}: {}", plugin.file, harmless(reason));
        }
    }
    let table = table.print();
    Ok(print(&if notes.is_empty() { table } else { format!("{table}\n{notes}") })?)
}

/// How many versions new runs could use, and how many none may use.
fn versions_kept(plugin: &PluginSummary) -> String {
    let held = plugin.versions.iter().filter(|version| version.quarantine.is_some()).count();
    let usable = |version: &&PluginVersion| version.quarantine.is_none() && version.kept;
    let usable = plugin.versions.iter().filter(usable).count();
    match held {
        0 => usable.to_string(),
        _ => format!("{usable}, {held} in quarantine"),
    }
}

async fn shown(client: &Client, remote: &Remote, name: &str) -> Result<()> {
    let answer = client.get(&["plugins", name], &[]).await?;
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    Ok(print(&told(&runs::read(answer)?))?)
}

async fn events(client: &Client, remote: &Remote, name: &str, limit: u32) -> Result<()> {
    let query = [("limit", Some(limit.to_string()))];
    let answer = client.get(&["plugins", name, "events"], &query).await?;
    if remote.json {
        return Ok(print_json(&answer)?);
    }
    let page: PluginEventPage = runs::read(answer)?;
    if page.events.is_empty() {
        return Ok(print("nothing has happened to it yet\n")?);
    }
    let mut table = Table::new(&["AT", "WHAT", "VERSION", "SIZE", "LOADED IN", "DIGEST, REASON"]);
    for event in &page.events {
        let signed = event.signed_by.as_ref().map(|key| format!("signed by {key}"));
        let policy = event.policy_digest.as_ref().map(|policy| format!("policy {policy}"));
        let said = [&event.digest, &event.reason, &signed, &policy].into_iter().flatten();
        let said: Vec<String> = said.map(|text| one_line(text)).collect();
        table.row(vec![
            event.at.as_str().into(),
            event.kind.strip_prefix("plugin-").unwrap_or(&event.kind).into(),
            event.version.as_deref().map_or("-".to_owned(), one_line).into(),
            event.bytes.map_or("-".to_owned(), show::bytes).into(),
            event.load_ms.map_or("-".to_owned(), show::duration).into(),
            if said.is_empty() { "-".to_owned() } else { said.join(": ") }.into(),
        ]);
    }
    Ok(print(&table.print())?)
}

/// Asks for a change of the version that is used, and shows what came of it.
async fn changed(
    client: &Client,
    remote: &Remote,
    name: &str,
    change: &str,
    digest: Option<String>,
) -> Result<()> {
    let answer = client.post(&["plugins", name, change], &ChoosePluginVersion { digest }).await?;
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
    let reason = if summary.state == PluginState::Refused { "refused" } else { "note" };
    line(reason, summary.reason.as_deref().map(harmless).unwrap_or_default());
    line("file", summary.file.clone());
    line("digest", summary.digest.clone().unwrap_or_default());
    line("signed by", summary.signed_by.clone().unwrap_or_else(|| "nobody".to_owned()));
    line("size", plugin.bytes.map(show::bytes).unwrap_or_default());
    line("imports", plugin.imports.join(", "));
    for version in &summary.versions {
        line("version", version_line(version));
    }
    text + &offers(plugin)
}

fn version_line(version: &PluginVersion) -> String {
    let marks = [(version.in_use, "in use"), (version.in_file, "in the file")];
    let mut marks: Vec<String> =
        marks.iter().filter(|(is, _)| *is).map(|(_, mark)| (*mark).to_owned()).collect();
    if let Some(quarantine) = &version.quarantine {
        let (crashes, reason) = (quarantine.crashes, one_line(&quarantine.reason));
        marks.push(format!("in quarantine after {crashes} crashes: {reason}"));
    } else if !version.kept {
        marks.push("its bytes are gone".to_owned());
    }
    let marks = if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) };
    format!("{} {}, {}{marks}", version.digest, one_line(&version.version), version.loaded_at)
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
    if let Some(grant) = &plugin.ai_grant {
        let AiGrant { tokens_per_call, tokens_per_run, usd_per_call, usd_per_run } = grant;
        line(
            "granted",
            format!(
                "models: {tokens_per_call} tokens and {usd_per_call} US dollars a call, \
                 {tokens_per_run} tokens and {usd_per_run} US dollars a run"
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
        PluginState::Quarantined => ("quarantined", Style::new().red()),
        PluginState::RolledBack => ("rolled back", Style::new().yellow()),
        PluginState::Removed => ("removed", Style::new().dimmed()),
    }
}
