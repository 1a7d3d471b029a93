//! What can stand behind `taskloom secrets`.

use clap::{Args, Subcommand};

use super::Folders;

#[derive(Debug, Args)]
pub(in crate::cli) struct Secrets {
    #[command(flatten)]
    pub(in crate::cli) folders: Folders,
    #[command(subcommand)]
    pub(in crate::cli) command: SecretsCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum SecretsCommand {
    /// Set a secret to what is on standard input; line ends at its end are not part of it
    Set {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// List the names of secrets, and where each is
    List,
    /// Remove a secret
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
}
