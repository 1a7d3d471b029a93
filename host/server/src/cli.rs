//! The command line: what a person or a script asks of the program.
//!
//! `serve` is the host; `run` is a host of its own for one run; `validate`, `config` and `doctor`
//! need none; everything else asks a running host through its public API.

mod args;
mod artefacts;
mod backup;
mod client;
mod compile;
mod config;
mod contexts;
mod diff;
mod doctor;
mod embedded;
mod input;
mod install;
pub mod kit;
mod logging;
mod output;
mod plugins;
mod progress;
mod rerun;
mod run;
mod runs;
mod secrets;
mod serve;
mod show;
mod signing;
mod steer;
mod table;
mod templates;
mod triggers;
mod validate;
mod workflows;

use std::process::ExitCode;

use anyhow::anyhow;
use clap::Parser as _;
use owo_colors::OwoColorize as _;

use crate::config::ConfigError;
use args::{Arguments, Command};

/// How a command ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// It did what it was asked to do.
    Well,
    /// It did, and what came of it is no success: a run that failed, a journal that is damaged.
    Badly,
    /// What it was given is wrong; that has been said already.
    Invalid,
}

/// Why a command could not do what it was asked to do.
struct Failed {
    /// The exit code.
    code: u8,
    error: anyhow::Error,
}

/// Reads the command line, does what it says, and tells how it went: 0 when all is well, 1 when it
/// was done and the result is a failure or a running host could not do it, 2 when what was given
/// is wrong.
pub fn main() -> ExitCode {
    // Whoever makes an HTTP client needs it; a second installation would change nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Serve(arguments) => serve::serve(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Validate(arguments) => validate::validate(&arguments),
        Command::Runs(arguments) => runs::runs(arguments),
        Command::Workflows(arguments) => workflows::workflows(arguments),
        Command::Templates(arguments) => templates::templates(arguments),
        Command::Plugin(arguments) => plugins::plugins(arguments),
        Command::Contexts(arguments) => contexts::contexts(arguments),
        Command::Diff(arguments) => diff::diff(&arguments),
        Command::Triggers(arguments) => triggers::triggers(arguments),
        Command::Secrets(arguments) => secrets::secrets(&arguments),
        Command::Config(arguments) => config::print(&arguments),
        Command::Doctor(arguments) => doctor::check(&arguments),
        Command::Backup(arguments) => backup::backup(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::CompilePlugin => compile::compile(),
    };
    match done {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::Badly) => ExitCode::from(1),
        Ok(Done::Invalid) => ExitCode::from(2),
        Err(Failed { code, error }) => {
            anstream::eprintln!("{} {error:#}", "error:".red().bold());
            ExitCode::from(code)
        }
    }
}

impl Failed {
    /// What was given is wrong.
    fn invalid(error: impl Into<anyhow::Error>) -> Self {
        Self { code: 2, error: error.into() }
    }
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self { code: 1, error }
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self { code: 1, error: error.into() }
    }
}

impl From<ConfigError> for Failed {
    fn from(error: ConfigError) -> Self {
        Self::invalid(error)
    }
}

/// A runtime for commands that wait for something.
fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| anyhow!("the threads of the program cannot be started: {error}").into())
}
