//! `taskloom secrets`: the encrypted secrets of a host, in its own files.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Read as _};

use anyhow::{Context as _, Result, bail};

use super::args::{Secrets as Arguments, SecretsCommand};
use super::output::{one_line, print};
use super::{Done, Failed};
use crate::config::{Config, is_secret_name};
use crate::secrets::{BYTES_MAX, SecretStore};

pub(super) fn secrets(arguments: &Arguments) -> Result<Done, Failed> {
    let config = Config::load(&arguments.folders.sources(Vec::new()))?;
    let store = config.secrets.store().context("this host has no store of secrets")?;
    match &arguments.command {
        SecretsCommand::Set { name } => set(&config, store, name)?,
        SecretsCommand::List => list(&config, store)?,
        SecretsCommand::Remove { name } => {
            if !store.remove(name).context("removing a secret")? {
                let file = store.file().display();
                return Err(Failed::invalid(anyhow::anyhow!("{file} has no secret `{name}`")));
            }
            print(&format!("removed {}\n", one_line(name))).map_err(anyhow::Error::from)?;
        }
    }
    Ok(Done::Well)
}

fn set(config: &Config, store: &SecretStore, name: &str) -> Result<()> {
    if !is_secret_name(name) {
        bail!(
            "`{name}` is no name of a secret: use letters, digits, `-`, `_` and `.`, at most 128"
        );
    }
    if config.secrets.iter().any(|(known, _)| known == name) {
        bail!("`[secrets]` of the configuration says where `{name}` is; remove it there first");
    }
    let value = value()?;
    let new = store.set(name, value).context("setting a secret")?;
    let word = if new { "added" } else { "replaced" };
    Ok(print(&format!("{word} {name} in {}\n", store.file().display()))?)
}

/// The value, from standard input: on the command line everybody on the machine could read it.
fn value() -> Result<String> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
        anstream::eprintln!("reading the value from the terminal; end it with Ctrl-D");
    }
    let mut bytes = Vec::new();
    input.by_ref().take(BYTES_MAX + 1).read_to_end(&mut bytes).context("reading standard input")?;
    if bytes.len() as u64 > BYTES_MAX {
        bail!("the value has more than {BYTES_MAX} bytes");
    }
    let text = String::from_utf8(bytes).context("the value is no text in UTF-8")?;
    let value = text.trim_end_matches(['\n', '\r']);
    if value.is_empty() {
        bail!("standard input is empty: pass the value, as in `taskloom secrets set NAME < FILE`");
    }
    Ok(value.to_owned())
}

fn list(config: &Config, store: &SecretStore) -> Result<()> {
    let mut text = String::new();
    for (name, origin) in config.secrets.iter() {
        let _ = writeln!(text, "{name}  {origin}");
    }
    for name in store.names().context("listing the secrets")? {
        let _ = writeln!(text, "{name}  {}", store.file().display());
    }
    Ok(print(if text.is_empty() { "no secrets\n" } else { &text })?)
}
