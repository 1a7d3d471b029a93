//! Where log lines go: standard error, as the configuration says.

use std::io::{self, IsTerminal as _};

use anyhow::anyhow;
use tracing_subscriber::EnvFilter;

use super::Failed;
use crate::config::{Log, LogFormat};

/// Starts logging for the rest of the process.
///
/// # Errors
/// When the level is none.
pub(super) fn start(log: &Log) -> Result<(), Failed> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| {
        let level = &log.level;
        Failed::invalid(anyhow!(
            "log.level: `{level}` is no level: {error}; write `error`, `warn`, `info`, `debug`, \
             `trace`, or a list such as `info,taskloom=debug`"
        ))
    })?;
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let logger = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colours)
        .with_target(false);
    match log.format {
        LogFormat::Text => logger.init(),
        LogFormat::Json => logger.with_target(true).json().init(),
    }
    Ok(())
}
