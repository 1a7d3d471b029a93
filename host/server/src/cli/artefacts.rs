//! `taskloom runs artefacts`: the files that the tasks of a run left.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::args::{Remote, Which};
use super::client::Client;
use super::output::{one_line, print, print_json};
use super::runs::read;
use super::table::Table;
use super::{Done, show};
use crate::api::types::ArtefactList;

pub(super) async fn list(client: &Client, remote: &Remote, which: &Which) -> Result<Done> {
    let answer = client.get(&["runs", &which.run, "artefacts"], &[]).await?;
    if remote.json {
        print_json(&answer)?;
        return Ok(Done::Well);
    }
    let list: ArtefactList = read(answer)?;
    if list.artefacts.is_empty() {
        print("no artefacts\n")?;
        return Ok(Done::Well);
    }
    let mut table = Table::new(&["NAME", "TYPE", "SIZE", "TASK", "ATTEMPT", "DIGEST"]);
    for artefact in &list.artefacts {
        table.row(vec![
            one_line(&artefact.file.name).into(),
            one_line(&artefact.file.media_type).into(),
            show::bytes(artefact.file.bytes).into(),
            one_line(&artefact.task).into(),
            artefact.attempt.to_string().into(),
            artefact.file.artefact.as_str().into(),
        ]);
    }
    print(&table.print())?;
    Ok(Done::Well)
}

/// Downloads a file; one that is there already is not overwritten.
pub(super) async fn get(
    client: &Client,
    remote: &Remote,
    which: &Which,
    named: &str,
    to: Option<&Path>,
) -> Result<Done> {
    let bytes = client.bytes(&["runs", &which.run, "artefacts", named]).await?;
    if to == Some(Path::new("-")) {
        std::io::stdout().write_all(&bytes).context("writing to standard output")?;
        return Ok(Done::Well);
    }
    // A digest is no name on every system.
    let to = to.map_or_else(|| PathBuf::from(named.replace(':', "-")), Path::to_owned);
    let shown = to.display();
    match std::fs::OpenOptions::new().write(true).create_new(true).open(&to) {
        Ok(mut file) => file.write_all(&bytes).with_context(|| format!("writing `{shown}`"))?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("`{shown}` is there already; name another file by --to")
        }
        Err(error) => return Err(error).with_context(|| format!("`{shown}` cannot be made")),
    }
    if remote.json {
        print_json(&json!({ "file": shown.to_string(), "bytes": bytes.len() }))?;
    } else {
        print(&format!("{shown}: {}\n", show::bytes(bytes.len() as u64)))?;
    }
    Ok(Done::Well)
}
