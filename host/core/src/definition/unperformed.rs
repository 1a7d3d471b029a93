//! What a file may say and the host does not do yet: a promise that nobody keeps must not look like
//! one that somebody does.

use super::Definition;
use super::site::path_of;
use super::types::{Found, Help};
use crate::document::{Problem, Step};
use crate::expression::References;
use crate::workflow::{KnownTypes, NodeIndex};

/// What to do about it.
const HELP: &str = "this version reads it and does not do it yet; leave it out";

impl Definition {
    /// What the file asks for and this version of the host does not do yet. A run of such a
    /// workflow is refused.
    pub fn unperformed(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut note = |path: Vec<Step<'static>>, what: &str| {
            found.push(Found {
                path,
                inside: Vec::new(),
                byte: None,
                code: "not-performed",
                message: format!("{what} cannot be performed"),
                help: Help::Text(Some(HELP.to_owned())),
            });
        };
        for (place, task) in self.workflow.tasks.iter().enumerate() {
            let node = NodeIndex::new(place);
            if task.cache.is_some() {
                note(self.path(node, "cache"), "a result cache");
            }
            if task.timeouts.heartbeat.is_some() {
                note(self.path(node, "heartbeat"), "a heartbeat");
            }
        }
        for place in 0..self.workflow.triggers.len() {
            note(vec![Step::Key("triggers"), Step::Item(place)], "a trigger");
        }
        for formula in &self.formulas {
            let References { config, .. } = formula.what.references();
            if *config {
                let mut path =
                    formula.task.map(|task| path_of(&self.sites, task)).unwrap_or_default();
                path.extend(formula.path.iter().copied());
                note(path, "what reads `config`");
            }
        }
        self.place(found, &KnownTypes::new())
    }
}
