//! `taskloom plugin inspect`: what a host would see in a component, and what is wrong with it.

use std::fmt::Write as _;

use owo_colors::OwoColorize as _;
use serde::Serialize;
use taskloom_core::id::Digest;
use taskloom_wasm::{Interfaces, PluginEntry, PluginState, Policy};

use super::super::args::PluginInspect;
use super::super::output::{harmless, print, print_json};
use super::super::{Done, Failed, plugins, show};
use super::hints;
use super::project::ComponentFile;
use crate::api::types::Plugin;

/// What is known of a component.
#[derive(Debug, Serialize)]
struct Inspection {
    /// The file.
    path: String,
    /// Its length.
    bytes: u64,
    /// Its digest.
    digest: String,
    /// Whether a host would load it.
    valid: bool,
    /// What is wrong with it, or with the policy beside it.
    problems: Vec<String>,
    /// What to do about that.
    help: Vec<String>,
    /// The version of the contract it was made for.
    contract: Option<String>,
    /// The interfaces that it imports.
    imports: Vec<String>,
    /// The interfaces that it exports.
    exports: Vec<String>,
    /// What a host would show of it; null if it would refuse it.
    plugin: Option<Plugin>,
}

pub(in crate::cli) fn inspect(arguments: &PluginInspect, as_json: bool) -> Result<Done, Failed> {
    let component = ComponentFile::find(&arguments.path).map_err(Failed::invalid)?;
    let inspection = inspected(&component)?;
    if as_json {
        print_json(&inspection)?;
    } else {
        print(&told(&inspection))?;
    }
    Ok(if inspection.valid { Done::Well } else { Done::Badly })
}

fn inspected(component: &ComponentFile) -> Result<Inspection, Failed> {
    let runtime = super::runtime(None)?;
    let (mut problems, mut help) = (Vec::new(), Vec::new());
    let Interfaces { imports, exports } = runtime
        .interfaces(&component.bytes)
        .unwrap_or(Interfaces { imports: Vec::new(), exports: Vec::new() });
    let contract = Interfaces { imports: imports.clone(), exports: exports.clone() };
    let policy = component.policy().unwrap_or_else(|problem| {
        problems.push(problem);
        Policy::nothing("the policy")
    });
    // A file of any name can be looked at; only a host needs a name that a plugin can have.
    let loaded = match component.stem() {
        Ok(stem) => runtime.load(&stem, &component.bytes, policy),
        Err(error) => {
            problems.push(format!("the name of the file: {error}"));
            runtime.load_unnamed(&component.bytes)
        }
    };
    let plugin = loaded.map_err(|error| {
        help = hints::of_load(&error, None);
        problems.push(error.to_string());
    });
    let plugin = plugin.ok().map(|plugin| {
        let (stem, state) = (plugin.name().clone(), PluginState::Active);
        let policy_file = format!("{stem}.policy.toml");
        let entry = PluginEntry { stem, state, loaded_at: None, signed_by: None };
        Plugin::new(&entry, policy_file, Some(&plugin), Vec::new())
    });
    Ok(Inspection {
        path: component.path.display().to_string(),
        bytes: component.bytes.len() as u64,
        digest: Digest::of(&component.bytes).to_string(),
        valid: problems.is_empty(),
        problems,
        help,
        contract: contract.contract().map(str::to_owned),
        imports,
        exports,
        plugin,
    })
}

fn told(inspection: &Inspection) -> String {
    let mut text = format!("{}\n", inspection.path.bold());
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{:<11} {}", name.dimmed(), harmless(value));
        }
    };
    line("size", &format!("{} ({} bytes)", show::bytes(inspection.bytes), inspection.bytes));
    line("digest", &inspection.digest);
    line("contract", inspection.contract.as_deref().unwrap_or("none"));
    line("imports", &inspection.imports.join(", "));
    if inspection.plugin.is_none() {
        line("exports", &inspection.exports.join(", "));
    }
    for problem in &inspection.problems {
        let _ = writeln!(text, "{:<11} {}", "problem".red(), harmless(problem));
    }
    for help in &inspection.help {
        let _ = writeln!(text, "{:<11} {help}", "help".cyan());
    }
    if let Some(plugin) = &inspection.plugin {
        text.push('\n');
        text.push_str(&plugins::described(plugin));
    }
    text
}
