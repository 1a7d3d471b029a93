//! What can stand behind the commands that sign, install and remove plugins.

use std::path::PathBuf;

use clap::Args;

use super::Folders;

#[derive(Debug, Args)]
pub(in crate::cli) struct PluginKeygen {
    /// Where the pair goes: NAME.key, which is secret, and NAME.pub
    #[arg(value_name = "NAME", default_value = "taskloom-signing")]
    pub(in crate::cli) name: PathBuf,
    /// Do not protect the secret key by a password: whoever reads the file can sign
    #[arg(long)]
    pub(in crate::cli) no_password: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PluginSign {
    /// The component; the signature goes beside it, as FILE.minisig
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// The secret key, of `taskloom plugin keygen` or minisign
    #[arg(long, value_name = "FILE", default_value = "taskloom-signing.key")]
    pub(in crate::cli) key: PathBuf,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PluginVerify {
    /// The component, with its signature beside it, as FILE.minisig
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    /// A public key, or the file of one; may be repeated [default: `plugins.trusted_keys`]
    #[arg(long, value_name = "KEY|FILE")]
    pub(in crate::cli) key: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) folders: Folders,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PluginInstall {
    /// The component, with its signature and its policy beside it if it has them
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) folders: Folders,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct PluginRemove {
    /// The plugin's name
    #[arg(value_name = "PLUGIN")]
    pub(in crate::cli) name: String,
    #[command(flatten)]
    pub(in crate::cli) folders: Folders,
}
