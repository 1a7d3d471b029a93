//! `taskloom diff`: what two definitions say differently.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use owo_colors::{OwoColorize as _, Style};
use serde_json::Value;
use taskloom_core::definition::{self, Definition, diff};

use super::args::Diff as Arguments;
use super::client::Client;
use super::output::{one_line, print, print_json};
use super::{Done, Failed, runtime};

/// The longest line of a value; a longer one is cut, `--json` has it whole.
const LINE_CHARS_MAX: usize = 200;

pub(super) fn diff(arguments: &Arguments) -> Result<Done, Failed> {
    let (old, new) = runtime()?.block_on(async {
        let old = read(arguments, &arguments.old).await?;
        let new = read(arguments, &arguments.new).await?;
        Ok::<_, Failed>((old, new))
    })?;
    let diff = diff::Diff::of(&old, &new);
    if arguments.remote.json {
        print_json(&diff)?;
    } else {
        print(&told(&diff))?;
    }
    Ok(if diff.is_empty() { Done::Well } else { Done::Badly })
}

/// A definition out of a file, or of a host.
async fn read(arguments: &Arguments, named: &str) -> Result<Arc<Definition>, Failed> {
    let path = Path::new(named);
    let is_file = path.exists() || named.ends_with(".toml") || named.contains('/');
    let source = if is_file {
        let text = std::fs::read_to_string(path);
        text.with_context(|| format!("`{named}` cannot be read")).map_err(Failed::invalid)?
    } else {
        let client = Client::new(&arguments.remote.server).map_err(Failed::invalid)?;
        source_of(&client, named).await?
    };
    let reading = definition::read(named, &source);
    reading.definition.ok_or_else(|| {
        let lines = reading.problems.iter().map(|problem| format!("\n  {problem}"));
        Failed::invalid(anyhow!("`{named}` is no workflow:{}", lines.collect::<String>()))
    })
}

/// The text of a workflow that a host has: `id`, or `id@sha256:…` for one of its versions.
async fn source_of(client: &Client, named: &str) -> Result<String> {
    let answer: Value = match named.split_once('@') {
        None => client.get(&["workflows", named], &[]).await?,
        Some((id, digest)) => client.get(&["workflows", id, "versions", digest], &[]).await?,
    };
    let source = answer["source"].as_str().map(str::to_owned);
    source.with_context(|| format!("the host does not give the text of `{named}`"))
}

fn told(diff: &diff::Diff) -> String {
    let style = |kind| match kind {
        diff::ChangeKind::Added => Style::new().green(),
        diff::ChangeKind::Removed => Style::new().red(),
        diff::ChangeKind::Changed | diff::ChangeKind::Reordered => Style::new().yellow(),
    };
    let mut text = String::new();
    for change in &diff.changes {
        text.push_str(&format!("{}\n", short(&change.to_string()).style(style(change.kind))));
    }
    for change in &diff.dependencies {
        text.push_str(&format!("{}\n", short(&change.to_string()).style(Style::new().yellow())));
    }
    text
}

fn short(line: &str) -> String {
    let line = one_line(line).to_string();
    match line.char_indices().nth(LINE_CHARS_MAX) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}
