//! What can stand on the command line.

mod runs;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::Sources;
pub(super) use runs::*;

/// The address of a host that nobody configured.
const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";

/// Runs workflows of sandboxed tasks.
#[derive(Debug, Parser)]
#[command(name = "taskloom", version, about, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start a host: the engine and the HTTP API.
    Serve(Serve),
    /// Run one workflow to its end, without a host.
    ///
    /// Exit code: 0 the run succeeded, 1 it did not, 2 the workflow or its input is wrong.
    Run(Run),
    /// Check workflow files: all that is wrong, with line and column.
    ///
    /// Exit code: 0 all are right, 2 something is wrong.
    Validate(Validate),
    /// Start, list, show and steer the runs of a host, or read their logs.
    Runs(Runs),
    /// List, show, put, delete workflows of a host, switch them on and off, or read their versions.
    Workflows(Workflows),
    /// Say what is different between two workflows, by what they mean.
    ///
    /// Exit code: 0 nothing is different, 1 something is, 2 they cannot be compared.
    Diff(Diff),
    /// List, show, put, delete templates of a host, make workflows of them and them of workflows.
    Templates(Templates),
    /// List or show the plugins of a host.
    #[command(visible_alias = "plugins")]
    Plugin(Plugins),
    /// List or show what starts runs by itself, or fire it by hand.
    Triggers(Triggers),
    /// List, show, set or delete the contexts that the runs of a host share.
    #[command(visible_alias = "context")]
    Contexts(Contexts),
    /// Set, list or remove the encrypted secrets of a host, in its own files.
    Secrets(Secrets),
    /// Print the configuration that a host would have, and where each value comes from.
    Config(Config),
    /// Check a data folder: the journal, its files, the disk. A host may be running.
    ///
    /// Exit code: 0 all is well, 1 something is damaged.
    Doctor(Doctor),
    /// Copy the journal and the artefacts of a host, which may be running.
    Backup(Backup),
    /// Put a backup in the place of the journal of a host that is not running.
    Restore(Restore),
    /// Compile the component on standard input to native code on standard output; for the host.
    #[command(hide = true, name = super::compile::NAME)]
    CompilePlugin,
}

/// Where a host keeps things. Flags go before the environment, that before the file.
#[derive(Debug, Default, Args)]
pub(super) struct Folders {
    /// The configuration file [env: TASKLOOM_CONFIG] [default: ./taskloom.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The folder of the journal [env: TASKLOOM_DATA] [default: ./taskloom-data]
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<String>,
    /// The folder of plugins [env: TASKLOOM_PLUGINS] [default: ./plugins]
    #[arg(long, value_name = "DIR")]
    pub(super) plugins: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Where to listen [env: TASKLOOM_LISTEN] [default: 127.0.0.1:8080]; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<String>,
    /// The folder of workflow files [env: TASKLOOM_WORKFLOWS] [default: ./workflows]
    #[arg(long, value_name = "DIR")]
    pub(super) workflows: Option<String>,
    #[command(flatten)]
    pub(super) folders: Folders,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// The workflow file
    #[arg(value_name = "FILE")]
    pub(super) workflow: PathBuf,
    /// The run's input, a JSON file; `-` reads it from standard input [default: an empty object]
    #[arg(long, value_name = "FILE")]
    pub(super) input: Option<PathBuf>,
    /// The run's context, a JSON file with an object; `-` reads it from standard input [default: an
    /// empty object]
    #[arg(long, value_name = "FILE")]
    pub(super) context: Option<PathBuf>,
    /// Take over no output of an earlier attempt, whatever `cache` of a task says
    #[arg(long)]
    pub(super) no_cache: bool,
    /// Begin after this time, such as 90m; the program waits. At most 366 days
    #[arg(long, value_name = "DURATION", conflicts_with = "at")]
    pub(super) delay: Option<String>,
    /// Begin at this time (RFC 3339), such as 2026-11-22T09:30:00Z; the program waits
    #[arg(long, value_name = "TIME")]
    pub(super) at: Option<String>,
    /// Print the run as JSON, as the API shows it
    #[arg(long)]
    pub(super) json: bool,
    /// The configuration file [env: TASKLOOM_CONFIG] [default: ./taskloom.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Keep the journal in this folder; without it nothing is kept
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// The folder of plugins [env: TASKLOOM_PLUGINS] [default: ./plugins]
    #[arg(long, value_name = "DIR")]
    pub(super) plugins: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Validate {
    /// Workflow files
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Print what was found as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// The configuration file [env: TASKLOOM_CONFIG] [default: ./taskloom.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Check task types against the plugins of this folder [env: TASKLOOM_PLUGINS] [default:
    /// ./plugins, if it is there]
    #[arg(long, value_name = "DIR")]
    pub(super) plugins: Option<String>,
}

/// How to reach a host, and how to print what it says.
#[derive(Debug, Clone, Args)]
pub(super) struct Remote {
    /// The address of the host
    #[arg(long, value_name = "URL", env = "TASKLOOM_SERVER", default_value = DEFAULT_SERVER, global = true)]
    pub(super) server: String,
    /// Print what the API says, as JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Workflows {
    #[command(flatten)]
    pub(super) remote: Remote,
    #[command(subcommand)]
    pub(super) command: WorkflowsCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum WorkflowsCommand {
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
pub(super) struct Diff {
    #[command(flatten)]
    pub(super) remote: Remote,
    /// A workflow file, or a workflow of a host: `ID` or `ID@DIGEST`
    #[arg(value_name = "FROM")]
    pub(super) from: String,
    /// What it is compared with, likewise
    #[arg(value_name = "TO")]
    pub(super) to: String,
}

#[derive(Debug, Args)]
pub(super) struct Templates {
    #[command(flatten)]
    pub(super) remote: Remote,
    #[command(subcommand)]
    pub(super) command: TemplatesCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum TemplatesCommand {
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
pub(super) struct Create {
    /// The template's id; with `--to`, a file or the id of one in the folder of templates
    #[arg(value_name = "TEMPLATE")]
    pub(super) template: String,
    /// The id of the workflow
    #[arg(value_name = "ID")]
    pub(super) id: String,
    /// A parameter: text where the template wants text, else JSON; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) param: Vec<String>,
    /// Parameters, a JSON file with an object; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    pub(super) params: Option<PathBuf>,
    /// Write the workflow to this file, without a host; `-` prints it
    #[arg(long, value_name = "FILE")]
    pub(super) to: Option<PathBuf>,
    /// The configuration file, for the folder of templates [env: TASKLOOM_CONFIG] [default:
    /// ./taskloom.toml, if it is there]
    #[arg(long, value_name = "FILE", requires = "to")]
    pub(super) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Plugins {
    #[command(flatten)]
    pub(super) remote: Remote,
    #[command(subcommand)]
    pub(super) command: PluginsCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum PluginsCommand {
    /// List plugins, with why a file is refused.
    List,
    /// Show a plugin: task types, schemas, what it asks for and is granted.
    Show {
        /// The plugin's name
        #[arg(value_name = "PLUGIN")]
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Contexts {
    #[command(flatten)]
    pub(super) remote: Remote,
    #[command(subcommand)]
    pub(super) command: ContextsCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum ContextsCommand {
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

#[derive(Debug, Args)]
pub(super) struct Triggers {
    #[command(flatten)]
    pub(super) remote: Remote,
    #[command(subcommand)]
    pub(super) command: TriggersCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum TriggersCommand {
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

#[derive(Debug, Args)]
pub(super) struct Secrets {
    #[command(flatten)]
    pub(super) folders: Folders,
    #[command(subcommand)]
    pub(super) command: SecretsCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum SecretsCommand {
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

#[derive(Debug, Args)]
pub(super) struct Config {
    #[command(flatten)]
    pub(super) folders: Folders,
    /// Print it as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    pub(super) folders: Folders,
    /// Print what was found as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The folder that becomes the backup; it must not be there yet
    #[arg(value_name = "TO")]
    pub(super) to: PathBuf,
    #[command(flatten)]
    pub(super) folders: Folders,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The folder that `taskloom backup` made
    #[arg(value_name = "FROM")]
    pub(super) from: PathBuf,
    #[command(flatten)]
    pub(super) folders: Folders,
}

impl Folders {
    /// Where settings come from, with these flags and `more`.
    pub(super) fn sources(&self, more: Vec<(&'static str, &Option<String>)>) -> Sources {
        let own = [("data.folder", &self.data), ("plugins.folder", &self.plugins)];
        let flags = own.into_iter().chain(more);
        let given = flags.filter_map(|(key, value)| Some((key, value.clone()?))).collect();
        Sources::of_process(self.config.clone(), given)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn plugins_is_another_name_for_plugin() {
        let arguments = Arguments::try_parse_from(["taskloom", "plugins", "list", "--json"]);
        let Command::Plugin(plugins) = arguments.expect("it is understood").command else {
            panic!("it is `plugin`");
        };
        assert!(plugins.remote.json);
    }
}
