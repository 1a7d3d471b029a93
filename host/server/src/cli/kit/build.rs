//! `taskloom plugin build`: from sources to a component that a host would load.

mod javascript;
mod python;
mod rust;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use owo_colors::OwoColorize as _;
use serde_json::json;
use taskloom_wasm::{Plugin, Runtime};

use super::super::args::PluginBuild;
use super::super::output::{harmless, one_line, print, print_json};
use super::super::{Done, Failed, show};
use super::language::Language;
use super::project::Project;
use super::{absent, hints};

/// How to build.
#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    /// Fetch nothing from registries.
    pub(super) offline: bool,
}

/// What this machine needs and has not.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) what: String,
    pub(super) install: String,
}

/// Why there is no component.
#[derive(Debug)]
pub(super) enum Unbuilt {
    Missing(Missing),
    /// The sources are wrong; what the compiler says has been shown.
    Refused {
        what: String,
        hints: Vec<String>,
    },
    /// Something else, such as a file that cannot be written.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Unbuilt {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl Unbuilt {
    /// Says it on standard error, and what to do.
    pub(super) fn told(self) -> Result<Done, Failed> {
        let (what, hints) = match self {
            Self::Failed(error) => return Err(error.into()),
            Self::Missing(Missing { what, install }) => (format!("missing: {what}"), vec![install]),
            Self::Refused { what, hints } => (what, hints),
        };
        anstream::eprintln!("{} {what}", "error:".red().bold());
        for hint in hints {
            anstream::eprintln!("{} {hint}", "help:".cyan().bold());
        }
        Ok(Done::Badly)
    }
}

/// A component that was built and that a host would load.
pub(super) struct Built {
    pub(super) path: PathBuf,
    pub(super) plugin: Arc<Plugin>,
}

pub(in crate::cli) fn build(arguments: &PluginBuild, as_json: bool) -> Result<Done, Failed> {
    let PluginBuild { dir, offline } = arguments;
    let project = Project::in_folder(dir).map_err(Failed::invalid)?;
    let runtime = super::runtime(None)?;
    let built = match component(&runtime, &project, Options { offline: *offline }) {
        Ok(built) => built,
        Err(unbuilt) => return unbuilt.told(),
    };
    if as_json {
        print_json(&described(&built))?
    } else {
        print(&told(&built))?
    }
    Ok(Done::Well)
}

/// Builds `project`, checks the component as a host would, and puts it beside the sources.
pub(super) fn component(
    runtime: &Runtime,
    project: &Project,
    options: Options,
) -> Result<Built, Unbuilt> {
    let Project { folder, language } = project;
    let bytes = sources(*language, folder, options)?;
    for note in absent::notes(*language, folder) {
        anstream::eprintln!("{} {}", "note:".yellow().bold(), harmless(&note));
    }
    let plugin = runtime.load_unnamed(&bytes).map_err(|error| Unbuilt::Refused {
        what: format!("the component was built, and a host would refuse it: {error}"),
        hints: hints::of_load(&error, Some(*language)),
    })?;
    let path = project.put(plugin.name(), &bytes)?;
    Ok(Built { path, plugin })
}

fn sources(language: Language, folder: &Path, options: Options) -> Result<Vec<u8>, Unbuilt> {
    match language {
        Language::Rust => rust::component(folder, &options),
        Language::JavaScript => javascript::component(folder, &options),
        Language::Python => python::component(folder, &options),
    }
}

fn described(built: &Built) -> serde_json::Value {
    let Built { path, plugin } = built;
    json!({
        "path": path,
        "name": plugin.name(),
        "version": plugin.manifest().version,
        "bytes": plugin.bytes(),
        "digest": plugin.digest().to_string(),
        "task_types": plugin.manifest().task_types.keys().collect::<Vec<_>>(),
    })
}

fn told(built: &Built) -> String {
    let Built { path, plugin } = built;
    let manifest = plugin.manifest();
    let types: Vec<_> = manifest.task_types.keys().map(ToString::to_string).collect();
    format!(
        "{}  {} {}\n{}  {}, {}\n{}  {}\n",
        path.display().bold(),
        manifest.name,
        one_line(&manifest.version),
        "made".dimmed(),
        show::bytes(plugin.bytes()),
        plugin.digest(),
        "offers".dimmed(),
        types.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_with_the_way_to_get_it() {
        let missing = Missing { what: "x".to_owned(), install: "`get x`".to_owned() };
        assert!(matches!(Unbuilt::Missing(missing).told(), Ok(Done::Badly)));
        let failed = Unbuilt::from(anyhow::anyhow!("no disk"));
        assert!(failed.told().is_err());
    }
}
