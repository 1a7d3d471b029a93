//! What can stand behind `taskloom triggers`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Remote;

#[derive(Debug, Args)]
pub(in crate::cli) struct Triggers {
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
    #[command(subcommand)]
    pub(in crate::cli) command: TriggersCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TriggersCommand {
    /// List triggers, with why one does not listen.
    List,
    /// Show a trigger and what it did lately.
    Show {
        /// The trigger's name: `workflow.id`
        #[arg(value_name = "TRIGGER")]
        name: String,
    },
    /// Fire a trigger by hand, as if it had heard of an event.
    ///
    /// Exit code: 0 a run was started, 1 none was.
    Fire {
        /// The trigger's name: `workflow.id`
        #[arg(value_name = "TRIGGER")]
        name: String,
        /// The event, a JSON file; `-` reads it from standard input [default: null]
        #[arg(long, value_name = "FILE")]
        event: Option<PathBuf>,
    },
}
