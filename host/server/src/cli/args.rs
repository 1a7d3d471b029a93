//! What can stand on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::Sources;

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
    /// List, show, cancel runs of a host, or read their logs.
    Runs(Runs),
    /// List or show the plugins of a host.
    #[command(visible_alias = "plugins")]
    Plugin(Plugins),
    /// List, show, set or delete the contexts that the runs of a host share.
    #[command(visible_alias = "context")]
    Contexts(Contexts),
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
pub(super) struct Runs {
    #[command(flatten)]
    pub(super) remote: Remote,
    #[command(subcommand)]
    pub(super) command: RunsCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum RunsCommand {
    /// List runs, the newest first.
    List(RunsList),
    /// Show a run with its tasks, attempts and output.
    Show {
        /// The run's id
        #[arg(value_name = "RUN")]
        run: String,
    },
    /// Cancel a run.
    Cancel {
        /// The run's id
        #[arg(value_name = "RUN")]
        run: String,
        /// Why, for people
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Read what the tasks of a run logged.
    Logs {
        /// The run's id
        #[arg(value_name = "RUN")]
        run: String,
        /// Only of this task
        #[arg(long, value_name = "TASK")]
        task: Option<String>,
        /// Only of attempts with this number
        #[arg(long, value_name = "N")]
        attempt: Option<u32>,
    },
}

#[derive(Debug, Args)]
pub(super) struct RunsList {
    /// Only of this workflow
    #[arg(long, value_name = "ID")]
    pub(super) workflow: Option<String>,
    /// Only with this status: running, waiting, cancelling, finished
    #[arg(long, value_name = "STATUS")]
    pub(super) status: Option<String>,
    /// Only those that ended this way: succeeded, failed, cancelled, timed_out
    #[arg(long, value_name = "OUTCOME")]
    pub(super) outcome: Option<String>,
    /// Only those accepted at this time (RFC 3339) or later
    #[arg(long, value_name = "TIME")]
    pub(super) started_after: Option<String>,
    /// Only those accepted before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(super) started_before: Option<String>,
    /// How many, from 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) limit: usize,
    /// Go on after an earlier list
    #[arg(long, value_name = "CURSOR")]
    pub(super) cursor: Option<String>,
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
