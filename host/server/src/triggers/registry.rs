//! Which triggers there are: those of the registered workflows, by name and by what they listen to.

use std::collections::BTreeMap;
use std::sync::Arc;

use taskloom_core::document::suggest;
use taskloom_core::id::{TriggerName, WorkflowId};
use taskloom_core::trigger::{Source, Trigger};

use crate::workflows::Registered;

/// A trigger with the workflow that it starts runs of.
pub struct Bound {
    /// Its name among all triggers.
    pub name: TriggerName,
    /// The workflow as it was registered when this was looked up.
    pub registered: Arc<Registered>,
    place: usize,
}

impl Bound {
    /// What the workflow says of it.
    pub fn trigger(&self) -> &Trigger {
        &self.registered.definition.workflow.triggers[self.place]
    }

    /// Whether its workflow is switched on.
    pub fn is_enabled(&self) -> bool {
        self.registered.enabled()
    }

    /// The workflow.
    pub fn workflow(&self) -> &WorkflowId {
        self.registered.id()
    }
}

/// Every trigger of the registered workflows.
#[derive(Default)]
pub struct Index {
    all: BTreeMap<TriggerName, Arc<Bound>>,
}

impl Index {
    /// The triggers of these workflows.
    pub fn of(workflows: Vec<Arc<Registered>>) -> Self {
        let mut all = BTreeMap::new();
        for registered in workflows {
            let workflow = &registered.definition.workflow;
            for (place, trigger) in workflow.triggers.iter().enumerate() {
                let name = trigger.name(&workflow.id);
                let bound =
                    Bound { name: name.clone(), registered: Arc::clone(&registered), place };
                all.insert(name, Arc::new(bound));
            }
        }
        Self { all }
    }

    /// The trigger called `name`.
    pub fn get(&self, name: &str) -> Option<Arc<Bound>> {
        let name = TriggerName::new(name).ok()?;
        self.all.get(&name).cloned()
    }

    /// Every trigger, by name.
    pub fn list(&self) -> impl Iterator<Item = &Arc<Bound>> {
        self.all.values()
    }

    /// The name that `word` may have been meant to be.
    pub fn similar(&self, word: &str) -> Option<&str> {
        suggest(word, self.all.keys().map(TriggerName::as_str))
    }

    /// The webhooks at a path.
    pub fn webhooks(&self, path: &str) -> Vec<Arc<Bound>> {
        self.that(|source| matches!(source, Source::Webhook(webhook) if webhook.path == path))
    }

    /// The triggers that listen to GitHub.
    pub fn github(&self) -> Vec<Arc<Bound>> {
        self.that(|source| matches!(source, Source::Github { .. }))
    }

    /// The triggers whose source `fits`.
    pub fn that(&self, fits: impl Fn(&Source) -> bool) -> Vec<Arc<Bound>> {
        self.list().filter(|bound| fits(&bound.trigger().source)).cloned().collect()
    }
}
