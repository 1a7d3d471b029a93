//! Which tasks may be claimed: those whose plugin is there; and their claims, in the batch of what
//! made them ready.

use std::collections::HashMap;
use std::sync::Arc;

use taskloom_core::dispatch::Offer;
use taskloom_core::id::{RunId, TaskId, TaskType};
use taskloom_core::run::{Command, RunState, TaskIndex};
use taskloom_wasm::{Catalog, Plugin};

use super::batch::Release;
use super::handle::CommandError;
use super::perform;
use super::resident::Resident;
use super::service::Service;

/// What a run waits for that only the host knows, for people.
#[derive(Debug, Default)]
pub struct Waits {
    /// Tasks that are ready.
    pub tasks: HashMap<TaskId, String>,
    /// The run itself, whose tasks have ended.
    pub end: Option<String>,
}

impl Service {
    /// Offers a ready task to the dispatcher, or keeps it until its plugin is there.
    pub(super) fn offer(&mut self, run: RunId, task: TaskIndex) {
        let Some(resident) = self.runs.get(&run) else { return };
        let Some(task_type) = resident.state.definition(task).kind.task_type().cloned() else {
            return;
        };
        // It may have been loaded while no task of the run asked for it.
        if !resident.state.pins.contains_key(&task_type.plugin()) {
            self.pin_plugins(run);
        }
        let Some(resident) = self.runs.get_mut(&run) else { return };
        let class = plugin_of(resident, &self.catalog, task)
            .and_then(|plugin| Some(plugin.manifest().task_types.get(&task_type)?.resource_class));
        match class {
            Some(class) => {
                let rank =
                    f64::from(resident.state.workflow.graph.depth(resident.state.task(task).node));
                self.dispatcher.offer(Offer { run, task, class, rank });
            }
            None => resident.blocked.push(task),
        }
    }

    pub(super) fn plugins_changed(&mut self) {
        let waits = |(_, resident): &(&RunId, &Resident)| {
            !resident.blocked.is_empty() || resident.end_is_blocked
        };
        let waiting: Vec<RunId> = self.runs.iter().filter(waits).map(|(run, _)| *run).collect();
        for run in waiting {
            self.pin_plugins(run);
            let Some(resident) = self.runs.get_mut(&run) else { continue };
            let end_is_blocked = resident.end_is_blocked;
            for task in std::mem::take(&mut resident.blocked) {
                self.offer(run, task);
            }
            if end_is_blocked {
                self.resolve_output(run);
            }
        }
    }

    /// Pins the plugins that were not loaded when the run started and are now.
    pub(super) fn pin_plugins(&mut self, run: RunId) {
        let Some(resident) = self.runs.get(&run) else { return };
        let missing: Vec<_> = resident
            .state
            .workflow
            .plugins()
            .into_iter()
            .filter(|plugin| !resident.state.pins.contains_key(plugin))
            .filter_map(|plugin| Some((self.catalog.current(&plugin)?.digest(), plugin)))
            .collect();
        for (digest, plugin) in missing {
            if let Err(error) = self.command(run, Command::PinPlugin { plugin, digest }) {
                tracing::warn!(%run, %error, "a plugin could not be pinned");
            }
        }
    }

    /// What tasks of a run wait for that are ready, and its end.
    pub(super) fn waits(&self, run: RunId) -> Waits {
        let Some(resident) = self.runs.get(&run) else { return Waits::default() };
        let of = |task: &TaskIndex| {
            let task_type = resident.state.definition(*task).kind.task_type()?;
            let id = resident.state.task(*task).id.clone();
            Some((id, self.why_not(&resident.state, task_type)))
        };
        let end = resident.merge_type().filter(|_| resident.end_is_blocked);
        Waits {
            tasks: resident.blocked.iter().filter_map(of).collect(),
            end: end.map(|task_type| self.why_not(&resident.state, task_type)),
        }
    }

    /// Why a task type cannot be called by a run.
    fn why_not(&self, state: &RunState, task_type: &TaskType) -> String {
        let plugin = task_type.plugin();
        match state.pins.get(&plugin) {
            None => format!("plugin `{plugin}` is not loaded"),
            Some(digest) if self.catalog.plugin(&plugin, digest).is_none() => {
                format!("version {digest} of plugin `{plugin}`, which the run keeps, is not loaded")
            }
            Some(_) => format!("plugin `{plugin}` offers no task type `{task_type}`"),
        }
    }

    /// Claims ready tasks for free slots, in the batch of what made them ready.
    pub(super) fn dispatch(&mut self) {
        if self.draining.is_some() {
            return;
        }
        while let Some(offer) = self.dispatcher.take() {
            if let Err(error) = self.claim(offer) {
                self.dispatcher.release(offer.run, offer.class);
                tracing::debug!(run = %offer.run, %error, "an offer was out of date");
            }
        }
    }

    fn claim(&mut self, offer: Offer) -> Result<(), CommandError> {
        let Offer { run, task, class, rank } = offer;
        let (host, epoch) = (Arc::clone(&self.settings.host), self.store.epoch());
        self.command(run, Command::Claim { task, class, rank, host, epoch })?;
        let resident = self.runs.get_mut(&run).ok_or(CommandError::NotLive)?;
        let plugin = plugin_of(resident, &self.catalog, task).ok_or(CommandError::NotLive)?;
        let job = perform::job(resident, plugin, task, class);
        resident.cancels.insert(task, job.cancel.clone());
        self.batch.release(run, Release::Perform(Box::new(job)));
        Ok(())
    }
}

/// The loaded version of a task's plugin that the run pinned.
fn plugin_of(resident: &mut Resident, catalog: &Catalog, task: TaskIndex) -> Option<Arc<Plugin>> {
    let name = resident.state.definition(task).kind.task_type()?.plugin();
    resident.plugin(catalog, &name)
}
