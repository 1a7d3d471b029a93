//! What can stand behind `taskloom plugin`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Remote;
use super::signing::{PluginInstall, PluginKeygen, PluginRemove, PluginSign, PluginVerify};
use crate::cli::kit::Language;

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
    /// Show what happened to a plugin's file, the newest first: loaded, refused and why, removed.
    Events {
        /// The plugin's name
        #[arg(value_name = "PLUGIN")]
        name: String,
        /// How many, from 1 to 1,000
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: u32,
    },
    /// Let new runs use another version of a plugin that was loaded before, until another file comes.
    Rollback {
        /// The plugin's name
        #[arg(value_name = "PLUGIN")]
        name: String,
        /// The version: its digest, or how that begins [default: the version before]
        #[arg(value_name = "DIGEST")]
        digest: Option<String>,
    },
    /// Let a version of a plugin be used again that crashed again and again.
    Release {
        /// The plugin's name
        #[arg(value_name = "PLUGIN")]
        name: String,
        /// The version: its digest, or how that begins [default: that of the file, else the newest]
        #[arg(value_name = "DIGEST")]
        digest: Option<String>,
    },
    /// Make a project for a plugin of your own, which builds as it is. Needs no host.
    ///
    /// Exit code: 0 it is made, 2 the name or the folder cannot be used.
    New(PluginNew),
    /// Build the plugin of a project, and check it as a host would.
    ///
    /// Exit code: 0 it is built, 1 it does not build or a tool is missing, 2 there is no project.
    Build(PluginBuild),
    /// Look into a component: contract, task types, schemas, what it asks for and is granted, and what
    /// is wrong with it.
    ///
    /// Exit code: 0 a host would load it, 1 a host would not, 2 there is no such file.
    Inspect(PluginInspect),
    /// Run the cases of a plugin under the limits of a real host, without a network.
    ///
    /// Exit code: 0 all cases passed, 1 some did not or it does not build, 2 the cases are wrong.
    Test(PluginTest),
    /// Make a pair of keys to sign plugins with. The password comes from `TASKLOOM_SIGNING_PASSWORD`, the terminal or
    /// standard input.
    Keygen(PluginKeygen),
    /// Sign a component, in the format of minisign.
    Sign(PluginSign),
    /// Check the signature of a component.
    ///
    /// Exit code: 0 it is signed by a trusted key, 1 it is not, 2 there is no such file or no key.
    Verify(PluginVerify),
    /// Check a component as a host would, and put it into the folder of plugins; a running host takes it up.
    ///
    /// Exit code: 0 it is there, 1 a host would refuse it, 2 there is no such file.
    Install(PluginInstall),
    /// Take a plugin out of the folder of plugins. Runs that have begun with it go on with it.
    Remove(PluginRemove),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PluginNew {
    /// The plugin's name: lower-case letters, digits, `-` and `_`
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: String,
    /// The language to write it in
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    pub(in crate::cli) lang: Language,
    /// The folder of the project [default: the name]
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PluginBuild {
    /// The folder of the project
    #[arg(value_name = "DIR", default_value = ".")]
    pub(in crate::cli) dir: PathBuf,
    /// Fetch nothing from registries of packages
    #[arg(long)]
    pub(in crate::cli) offline: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PluginInspect {
    /// A component, or the folder of a project that was built
    #[arg(value_name = "FILE|DIR", default_value = ".")]
    pub(in crate::cli) path: PathBuf,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PluginTest {
    /// The folder of a project, which is built first, or a component
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    pub(in crate::cli) path: PathBuf,
    /// Only the case of this name; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) case: Vec<String>,
    /// The file of the cases [default: tests.toml beside the component]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) cases: Option<PathBuf>,
    /// Test the component that is there, whatever the sources are
    #[arg(long)]
    pub(in crate::cli) no_build: bool,
    /// Fetch nothing from registries of packages
    #[arg(long)]
    pub(in crate::cli) offline: bool,
}
