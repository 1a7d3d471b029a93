//! What a file may say and the host does not do yet: a promise that nobody keeps must not look like
//! one that somebody does.

use super::Definition;
use super::types::{Found, Help};
use crate::document::{Problem, Step};
use crate::workflow::KnownTypes;

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
        for place in 0..self.workflow.triggers.len() {
            note(vec![Step::Key("triggers"), Step::Item(place)], "a trigger");
        }
        self.place(found, &KnownTypes::new())
    }
}
