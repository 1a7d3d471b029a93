//! What can stand on the command line.

mod contexts;
mod definitions;
mod plugins;
mod runs;
mod secrets;
mod signing;
mod triggers;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use taskloom_core::document::parse_size;

use crate::config::Sources;
pub(super) use contexts::*;
pub(super) use definitions::*;
pub(super) use plugins::*;
pub(super) use runs::*;
pub(super) use secrets::*;
pub(super) use signing::*;
pub(super) use triggers::*;

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
    /// Copy the journal, the artefacts and the kept plugin versions of a host, which may be running.
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
    /// With less room than this on the disk it is an error, such as `500MiB`
    #[arg(long, value_name = "SIZE", default_value = "100MiB", value_parser = size)]
    pub(super) min_free: u64,
}

/// Reads a size as files have it.
fn size(text: &str) -> Result<u64, &'static str> {
    parse_size(text).ok_or("a size is a whole number and a unit, such as `64MiB`")
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
