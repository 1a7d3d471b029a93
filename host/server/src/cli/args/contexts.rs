//! What can stand behind `taskloom contexts`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Remote;

#[derive(Debug, Args)]
pub(in crate::cli) struct Contexts {
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
    #[command(subcommand)]
    pub(in crate::cli) command: ContextsCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ContextsCommand {
    /// List shared contexts.
    List,
    /// Show the values of a shared context, and who set each.
    Show {
        /// The context's name
        #[arg(value_name = "CONTEXT")]
        name: String,
    },
    /// Show who has changed a shared context, also one that was deleted.
    History {
        /// The context's name
        #[arg(value_name = "CONTEXT")]
        name: String,
    },
    /// Give a shared context the values of a file, and no others.
    Set {
        /// The context's name
        #[arg(value_name = "CONTEXT")]
        name: String,
        /// A JSON file with an object; `-` reads it from standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Only if this is its last change by now; 0 for a context that is new
        #[arg(long, value_name = "SEQ")]
        seq: Option<u64>,
    },
    /// Delete a shared context. Its history stays.
    Delete {
        /// The context's name
        #[arg(value_name = "CONTEXT")]
        name: String,
        /// Only if this is its last change by now
        #[arg(long, value_name = "SEQ")]
        seq: Option<u64>,
    },
}
