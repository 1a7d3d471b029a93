//! What tasks of a run wait for that only the host knows: plugins, slots, and its own end.

use std::collections::HashMap;
use std::sync::Arc;

use taskloom_core::id::{PluginName, RunId, TaskId, TaskType};
use taskloom_core::plugin::ResourceClass;
use taskloom_core::run::{RunState, TaskIndex, TaskStatus};
use taskloom_wasm::Catalog;

use super::offers::stand_in;
use super::service::Service;
use super::starts::Starts;

/// What a run waits for that only the host knows, for people.
#[derive(Default)]
pub struct Waits {
    /// Tasks that are ready and cannot be called: their plugin is not there.
    pub blocked: HashMap<TaskId, String>,
    /// The run itself, whose tasks have ended.
    pub end: Option<String>,
    queue: Option<Queue>,
}

/// What stands between ready tasks and their start.
struct Queue {
    /// Whether the host is stopping.
    stops: bool,
    /// The run's own `max_parallel`, if it is used up.
    used_up: Option<u32>,
    /// By class, in the order of [`ResourceClass::ALL`].
    classes: [Slots; 4],
    /// The attempts that were started.
    starts: Starts,
    catalog: Arc<Catalog>,
}

/// The slots of a class.
#[derive(Clone, Copy)]
struct Slots {
    all: u32,
    free: usize,
    /// Attempts that are claimed or running.
    claimed: u32,
    /// As many of those as there may be.
    claimed_max: u32,
}

impl Waits {
    /// Why a task does not run, as far as that is the host's doing.
    pub fn why(&self, state: &RunState, index: TaskIndex) -> Option<String> {
        let task = state.task(index);
        let queue = self.queue.as_ref();
        match task.status {
            TaskStatus::Ready => match self.blocked.get(&task.id) {
                Some(blocked) => Some(blocked.clone()),
                None if state.paused.is_some() => None,
                None => queue?.why_ready(state, index),
            },
            TaskStatus::Claimed { number } if task.stop.is_none() && state.stop.is_none() => {
                let class = task.attempts.last()?.class;
                let queue = queue.filter(|queue| !queue.starts.knows(state.id, index))?;
                Some(format!("attempt {number} is claimed, {}", queue.why_claimed(class)))
            }
            _ => None,
        }
    }
}

impl Queue {
    fn why_ready(&self, state: &RunState, index: TaskIndex) -> Option<String> {
        if self.stops {
            return Some("ready, but the host is stopping: its next start goes on".to_owned());
        }
        if let Some(most) = self.used_up {
            return Some(format!("ready, but the run's `max_parallel` of {most} is used up"));
        }
        let task_type = state.definition(index).kind.task_type()?;
        let plugin = task_type.plugin();
        let plugin = self.catalog.plugin(&plugin, state.pins.get(&plugin)?)?;
        let class = plugin.manifest().task_types.get(task_type)?.resource_class;
        let Slots { all, claimed, claimed_max, .. } = self.classes[class as usize];
        let slots = self.slots(class);
        let ahead = if claimed < claimed_max { 0 } else { claimed.saturating_sub(all) };
        let ahead = if ahead > 0 { format!(", {ahead} more are claimed") } else { String::new() };
        Some(format!("ready, waits for a slot: {slots}{ahead}"))
    }

    fn why_claimed(&self, class: ResourceClass) -> String {
        if self.stops {
            return "and given back, since the host is stopping".to_owned();
        }
        match self.classes[class as usize].free {
            0 => format!("and waits for a slot: {}", self.slots(class)),
            _ => "and is about to start".to_owned(),
        }
    }

    /// How many slots of a class are taken: "2 of 2 of class `cpu` are taken".
    fn slots(&self, class: ResourceClass) -> String {
        let Slots { all, free, .. } = self.classes[class as usize];
        let taken = (all as usize).saturating_sub(free);
        format!("{taken} of {all} of class `{}` are taken", class.as_str())
    }
}

impl Service {
    /// What a run waits for that only the host knows.
    pub(super) fn waits(&self, run: RunId) -> Waits {
        let Some(resident) = self.runs.get(&run) else { return Waits::default() };
        let of = |task: &TaskIndex| {
            let task_type = resident.state.definition(*task).kind.task_type()?;
            let id = resident.state.task(*task).id.clone();
            Some((id, self.why_not(&resident.state, task_type)))
        };
        let end = resident.merge_type().filter(|_| resident.end_is_blocked);
        Waits {
            blocked: resident.blocked.iter().filter_map(of).collect(),
            end: end.map(|task_type| self.why_not(&resident.state, task_type)),
            queue: Some(self.queue_of(run)),
        }
    }

    fn queue_of(&self, run: RunId) -> Queue {
        let slots = self.settings.slots;
        let class = |class: ResourceClass| {
            let all = slots.per_class[class as usize];
            Slots {
                all,
                free: self.performer.free_slots(class),
                claimed: self.dispatcher.taken(class),
                claimed_max: all.saturating_add(slots.claim_ahead),
            }
        };
        Queue {
            stops: self.draining.is_some(),
            used_up: self.dispatcher.used_up(run),
            classes: ResourceClass::ALL.map(class),
            starts: self.starts.clone(),
            catalog: Arc::clone(&self.catalog),
        }
    }

    /// Why a task type cannot be called by a run.
    fn why_not(&self, state: &RunState, task_type: &TaskType) -> String {
        let plugin = task_type.plugin();
        match state.pins.get(&plugin) {
            None => match quarantine_of(&self.catalog, &plugin) {
                Some(held) => {
                    format!("plugin `{plugin}` {held}, and no other version of it may be used")
                }
                None => format!("plugin `{plugin}` is not loaded"),
            },
            Some(digest) if self.catalog.is_quarantined(&plugin, digest) => {
                let why = stand_in(state, &self.catalog, &plugin, digest)
                    .err()
                    .unwrap_or_else(|| "another version is about to be used".to_owned());
                format!(
                    "version {digest} of plugin `{plugin}`, which the run keeps, is in quarantine, and \
                     {why}; `taskloom plugin release {plugin}` lets it be used again"
                )
            }
            Some(digest) if self.catalog.plugin(&plugin, digest).is_none() => {
                format!("version {digest} of plugin `{plugin}`, which the run keeps, is not loaded")
            }
            Some(_) => format!("plugin `{plugin}` offers no task type `{task_type}`"),
        }
    }
}

/// Why the version in the file of a plugin may not be used, if that is so.
fn quarantine_of(catalog: &Catalog, plugin: &PluginName) -> Option<String> {
    let life = catalog.life(plugin)?;
    let held = life.quarantine(&life.file()?)?;
    Some(format!("is in quarantine ({} crashes; the last: {})", held.crashes, held.reason))
}
