//! `taskloom diff`: what is different between two workflows.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use serde_json::Value;
use taskloom_core::definition::{self, Definition};

use super::args;
use super::client::Client;
use super::output::{harmless, print, print_json};
use super::workflows::text_of;
use super::{Done, Failed, runtime};
use crate::api::types::WorkflowDiff;

pub(super) fn diff(arguments: &args::Diff) -> Result<Done, Failed> {
    let args::Diff { remote, from, to } = arguments;
    let client = Client::new(&remote.server).map_err(Failed::invalid)?;
    let read =
        async { Ok((definition_of(&client, from).await?, definition_of(&client, to).await?)) };
    let read: Result<_> = runtime()?.block_on(read);
    let (old, new) = read.map_err(Failed::invalid)?;
    let diff = definition::diff::diff(&old, &new);
    if remote.json {
        print_json(&WorkflowDiff::new(from, to, &diff))?;
    } else if diff.is_empty() {
        print("nothing is different\n")?;
    } else {
        print(&harmless(&diff.to_string()))?;
    }
    Ok(if diff.is_empty() { Done::Well } else { Done::Badly })
}

/// The definition of a file, or of a workflow of the host.
async fn definition_of(client: &Client, name: &str) -> Result<Arc<Definition>> {
    let source = match name.split_once('@') {
        _ if Path::new(name).is_file() || name.ends_with(".toml") => text_of(Path::new(name))?,
        Some((id, digest)) => {
            source(client.get(&["workflows", id, "versions", digest], &[]).await?)?
        }
        None => source(client.get(&["workflows", name], &[]).await?)?,
    };
    let reading = definition::read(name, &source);
    reading.definition.ok_or_else(|| {
        let lines = reading.problems.iter().map(|problem| format!("\n  - {problem}"));
        anyhow!("`{name}` is wrong:{}", lines.collect::<String>())
    })
}

fn source(answer: Value) -> Result<String> {
    let source = answer.get("source").and_then(Value::as_str);
    source.map(str::to_owned).ok_or_else(|| anyhow!("the host's answer has no text"))
}
