//! What can stand behind `taskloom workflows`, `diff` and `templates`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Remote;

#[derive(Debug, Args)]
pub(in crate::cli) struct Workflows {
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
    #[command(subcommand)]
    pub(in crate::cli) command: WorkflowsCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum WorkflowsCommand {
    /// List workflows, with what is wrong.
    List,
    /// Print the text of a workflow.
    Show {
        /// The workflow's id; `ID@DIGEST` for one of its versions
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Put the workflow of a file: it is there from now on, or has this text.
    ///
    /// Exit code: 0 it is there, 1 the host refuses it, 2 the file cannot be read.
    Put {
        /// The workflow file; `-` reads it from standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Only if there is no such workflow
        #[arg(long, conflicts_with = "replace")]
        new: bool,
        /// Only if the workflow has the text with this digest
        #[arg(long, value_name = "DIGEST")]
        replace: Option<String>,
    },
    /// Delete a workflow that was put. Its runs go on.
    Delete {
        /// The workflow's id
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Let runs of a workflow start, whatever its text says.
    Enable {
        /// The workflow's id
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Let no new run of a workflow start.
    Disable {
        /// The workflow's id
        #[arg(value_name = "ID")]
        id: String,
    },
    /// List the texts that a workflow has had.
    Versions {
        /// The workflow's id
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Diff {
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
    /// A workflow file, or a workflow of a host: `ID` or `ID@DIGEST`
    #[arg(value_name = "FROM")]
    pub(in crate::cli) from: String,
    /// What it is compared with, likewise
    #[arg(value_name = "TO")]
    pub(in crate::cli) to: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Templates {
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
    #[command(subcommand)]
    pub(in crate::cli) command: TemplatesCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum TemplatesCommand {
    /// List templates, with their parameters.
    List,
    /// Show a template: what it is for, and its parameters.
    Show {
        /// The template's id
        #[arg(value_name = "TEMPLATE")]
        id: String,
    },
    /// Make a workflow of a template.
    ///
    /// Exit code: 0 it is made, 1 the host refuses it, 2 what was given is wrong.
    Create(Create),
    /// Make a template of a workflow.
    Save {
        /// The workflow's id
        #[arg(value_name = "WORKFLOW")]
        workflow: String,
        /// The id of the template
        #[arg(value_name = "TEMPLATE")]
        template: String,
        /// A value that becomes a parameter, such as `url=tasks[fetch].input.url`; may be repeated
        #[arg(long, value_name = "NAME=PLACE")]
        param: Vec<String>,
    },
    /// Put the template of a file: it is there from now on, or has this text.
    Put {
        /// The template file; `-` reads it from standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Delete a template that was put. Workflows that were made of it stay.
    Delete {
        /// The template's id
        #[arg(value_name = "TEMPLATE")]
        id: String,
    },
    /// List the texts that a template has had.
    Versions {
        /// The template's id
        #[arg(value_name = "TEMPLATE")]
        id: String,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// The template's id; with `--to`, a file or the id of one in the folder of templates
    #[arg(value_name = "TEMPLATE")]
    pub(in crate::cli) template: String,
    /// The id of the workflow
    #[arg(value_name = "ID")]
    pub(in crate::cli) id: String,
    /// A parameter: text where the template wants text, else JSON; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(in crate::cli) param: Vec<String>,
    /// Parameters, a JSON file with an object; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) params: Option<PathBuf>,
    /// Write the workflow to this file, without a host; `-` prints it
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) to: Option<PathBuf>,
    /// The configuration file, for the folder of templates [env: TASKLOOM_CONFIG] [default:
    /// ./taskloom.toml, if it is there]
    #[arg(long, value_name = "FILE", requires = "to")]
    pub(in crate::cli) config: Option<PathBuf>,
}
