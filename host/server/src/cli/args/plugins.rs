//! What can stand behind `taskloom plugin`.

use clap::{Args, Subcommand};

use super::Remote;

#[derive(Debug, Args)]
pub(in crate::cli) struct Plugins {
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
    #[command(subcommand)]
    pub(in crate::cli) command: PluginsCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum PluginsCommand {
    /// List plugins, with why a file is refused.
    List,
    /// Show a plugin: task types, schemas, what it asks for and is granted.
    Show {
        /// The plugin's name
        #[arg(value_name = "PLUGIN")]
        name: String,
    },
}
