//! Which tasks may be claimed: those whose plugin is there; and their claims, in the batch of what
//! made them ready.

use std::sync::Arc;

use taskloom_core::dispatch::Offer;
use taskloom_core::id::{Digest, PluginName, RunId};
use taskloom_core::run::{Command, RunState, TaskIndex};
use taskloom_wasm::{Catalog, Plugin};

use super::batch::Release;
use super::handle::CommandError;
use super::perform;
use super::resident::Resident;
use super::service::Service;

impl Service {
    /// Offers a ready task to the dispatcher, or keeps it until its plugin is there.
    pub(super) fn offer(&mut self, run: RunId, task: TaskIndex) {
        let Some(resident) = self.runs.get(&run) else { return };
        let Some(task_type) = resident.state.definition(task).kind.task_type().cloned() else {
            return;
        };
        self.pin(run, &task_type.plugin());
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
        for resident in self.runs.values_mut() {
            let usable = |name: &PluginName, plugin: &mut Arc<Plugin>| {
                !self.catalog.is_quarantined(name, &plugin.digest())
            };
            resident.plugins.retain(usable);
        }
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

    /// Sees to it that the run keeps a version of a plugin that may be used, as far as there is one.
    pub(super) fn pin(&mut self, run: RunId, plugin: &PluginName) {
        let Some(resident) = self.runs.get(&run) else { return };
        // What went into quarantine meanwhile was taken away by `plugins_changed`.
        if resident.plugins.contains_key(plugin) {
            return;
        }
        match resident.state.pins.get(plugin).copied() {
            // It may have been loaded while no task of the run asked for it.
            None => self.pin_plugins(run),
            Some(pinned) if self.catalog.is_quarantined(plugin, &pinned) => {
                self.repin(run, plugin, pinned);
            }
            Some(_) => {}
        }
    }

    /// Lets a run go on with the version that new runs use, if that says the same of the task types it
    /// uses.
    fn repin(&mut self, run: RunId, plugin: &PluginName, from: Digest) {
        let Some(resident) = self.runs.get_mut(&run) else { return };
        resident.plugins.remove(plugin);
        let Ok(to) = stand_in(&resident.state, &self.catalog, plugin, &from) else { return };
        let reason = "the version it kept is in quarantine".to_owned();
        tracing::info!(%run, %plugin, %from, %to, "a run goes on with another version of a plugin");
        let command = Command::RepinPlugin { plugin: plugin.clone(), from, to, reason };
        if let Err(error) = self.command(run, command) {
            tracing::warn!(%run, %error, "another version of a plugin could not be pinned");
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
        let resident = self.runs.get_mut(&run).ok_or(CommandError::NotLive)?;
        // It went into quarantine after it was offered: the task is offered again, or waits.
        let Some(plugin) = plugin_of(resident, &self.catalog, task) else {
            self.dispatcher.release(run, class);
            self.offer(run, task);
            return Ok(());
        };
        self.command(run, Command::Claim { task, class, rank, host, epoch })?;
        let resident = self.runs.get_mut(&run).ok_or(CommandError::NotLive)?;
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

/// The version that a run can go on with instead of one in quarantine; else why there is none.
pub(super) fn stand_in(
    state: &RunState,
    catalog: &Catalog,
    plugin: &PluginName,
    from: &Digest,
) -> Result<Digest, String> {
    let Some(current) = catalog.current(plugin) else {
        return Err("no other version of it may be used".to_owned());
    };
    let Some(kept) = catalog.version(plugin, from) else {
        return Err("it is not loaded, so that no other version can be compared with it".to_owned());
    };
    let to = current.digest();
    let (known, offered) = (&kept.manifest().task_types, &current.manifest().task_types);
    let used = state.workflow.task_types().into_iter();
    for task_type in used.filter(|used| used.plugin() == *plugin) {
        let fits = match (known.get(task_type), offered.get(task_type)) {
            // What the run's version does not offer either, no other version takes away.
            (None, _) => true,
            (Some(_), None) => {
                return Err(format!("version {to}, which new runs use, offers no `{task_type}`"));
            }
            (Some(before), Some(now)) => now.can_stand_in_for(before),
        };
        if !fits {
            return Err(format!(
                "version {to}, which new runs use, has other schemas or effects for `{task_type}`"
            ));
        }
    }
    Ok(to)
}
