//! Whether a workflow can run with the plugins that are loaded and the values of this host.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use taskloom_core::definition::{Definition, KnownVersions};
use taskloom_core::document::Problem;
use taskloom_core::id::{Digest, PluginName};
use taskloom_core::workflow::KnownTypes;
use taskloom_wasm::{Catalog, Plugin};

/// The problem of a task type that no loaded plugin offers: not a problem yet while plugins are
/// being loaded.
const UNKNOWN_TYPE: &str = "unknown-task-type";

/// What stands for the problems beyond those that are listed. It says nothing of its own, so it is
/// no reason to refuse a run while plugins are being loaded.
const MORE_PROBLEMS: &str = "more-problems";

/// Whether a run of a workflow could be performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// Every task type is there and every input can fit.
    Available,
    /// A plugin it needs may still be loading; a run started now waits for it.
    Loading,
    /// It cannot run: a start is refused.
    Unavailable(Vec<Problem>),
}

/// The last answer, and what it was given for.
#[derive(Default)]
pub(super) struct Verdict(Mutex<Option<(Plugins, Availability)>>);

/// The versions of the plugins that a workflow uses, and whether all plugins have been looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plugins {
    versions: Vec<Option<Digest>>,
    settled: bool,
}

impl Verdict {
    /// The last answer; `None` before the first.
    pub(super) fn last(&self) -> Option<Availability> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|(_, availability)| availability.clone())
    }

    /// The answer for the plugins as they are now.
    pub(super) fn of(
        &self,
        definition: &Definition,
        names: &[PluginName],
        catalog: &Catalog,
        values: &Value,
    ) -> Availability {
        let now = Plugins {
            // First: what settles in between would otherwise be missed.
            settled: catalog.is_settled(),
            versions: names
                .iter()
                .map(|name| catalog.current(name).map(|plugin| plugin.digest()))
                .collect(),
        };
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((plugins, availability)) = &*last
            && *plugins == now
        {
            return availability.clone();
        }
        let availability = judge(definition, now.settled, catalog, values);
        *last = Some((now, availability.clone()));
        availability
    }
}

/// The answer, without asking what the last one was.
pub(super) fn judge(
    definition: &Definition,
    settled: bool,
    catalog: &Catalog,
    values: &Value,
) -> Availability {
    let plugins: Vec<_> =
        catalog.list().iter().filter_map(|entry| catalog.current(&entry.stem)).collect();
    let version = |plugin: &Arc<Plugin>| {
        let version = plugin.manifest().version.parse().ok()?;
        Some((plugin.name().clone(), version))
    };
    let versions: KnownVersions = plugins.iter().filter_map(version).collect();
    let known: KnownTypes<'_> =
        plugins.iter().flat_map(|plugin| &plugin.manifest().task_types).collect();
    let mut problems = definition.check_types(&known);
    problems.extend(definition.check_versions(&versions));
    problems.extend(definition.check_values(values));
    problems.extend(definition.unperformed());
    if settled {
        return match problems.is_empty() {
            true => Availability::Available,
            false => Availability::Unavailable(problems),
        };
    }
    let all = problems.len();
    problems.retain(|problem| ![UNKNOWN_TYPE, MORE_PROBLEMS].contains(&problem.code));
    match (problems.is_empty(), all) {
        (true, 0) => Availability::Available,
        (true, _) => Availability::Loading,
        (false, _) => Availability::Unavailable(problems),
    }
}
