//! What names an expression uses.

use std::collections::BTreeSet;

use super::path::{Path, PathStep, RUN_END_FIELDS, Root};
use crate::id::TaskId;

/// What names an expression uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Whether it reads `input`.
    pub input: bool,
    /// The tasks it reads: output, outcome or failure.
    pub tasks: BTreeSet<TaskId>,
    /// Whether it reads `run`.
    pub run: bool,
    /// Whether it reads a field of `run` that is there only when the run's work has ended.
    pub run_end: bool,
    /// Whether it reads `item`.
    pub item: bool,
    /// Whether it reads `index`.
    pub index: bool,
    /// The groups with `for_each` whose item or index it reads by name.
    pub loops: BTreeSet<TaskId>,
    /// Whether it reads `output`, of the task itself.
    pub own_output: bool,
    /// Whether it reads `shared`.
    pub shared: bool,
    /// The names of `shared` that it reads.
    pub shared_names: BTreeSet<String>,
    /// Whether it reads `context`.
    pub context: bool,
    /// The names of `context` that it reads.
    pub context_names: BTreeSet<String>,
    /// Whether it reads `context` other than by a name that stands in it.
    pub context_whole: bool,
    /// Whether it reads `config`.
    pub config: bool,
    /// Whether it reads `event`.
    pub event: bool,
    /// Whether it reads `params`.
    pub params: bool,
}

impl References {
    pub(super) fn add(&mut self, path: &Path) {
        match &path.root {
            Root::Input => self.input = true,
            Root::Output(task) | Root::Outcome(task) | Root::Failure(task) => {
                self.tasks.insert(task.clone());
            }
            Root::Run => {
                self.run = true;
                self.run_end |= matches!(
                    path.steps.first(),
                    Some(PathStep::Key(field)) if RUN_END_FIELDS.contains(&&**field)
                );
            }
            Root::Item => self.item = true,
            Root::Index => self.index = true,
            Root::ItemOf(group) | Root::IndexOf(group) => {
                self.loops.insert(group.clone());
            }
            Root::OwnOutput => self.own_output = true,
            Root::Shared => {
                self.shared = true;
                if let Some(PathStep::Key(name)) = path.steps.first() {
                    self.shared_names.insert(name.clone());
                }
            }
            Root::Context => {
                self.context = true;
                match path.steps.first() {
                    Some(PathStep::Key(name)) => {
                        self.context_names.insert(name.clone());
                    }
                    _ => self.context_whole = true,
                }
            }
            Root::Config => self.config = true,
            Root::Event => self.event = true,
            Root::Params => self.params = true,
        }
    }

    /// Adds what another expression uses, that is evaluated beside it.
    pub fn add_all(&mut self, other: &Self) {
        self.input |= other.input;
        self.tasks.extend(other.tasks.iter().cloned());
        self.run |= other.run;
        self.run_end |= other.run_end;
        self.item |= other.item;
        self.index |= other.index;
        self.loops.extend(other.loops.iter().cloned());
        self.own_output |= other.own_output;
        self.shared |= other.shared;
        self.shared_names.extend(other.shared_names.iter().cloned());
        self.context |= other.context;
        self.context_names.extend(other.context_names.iter().cloned());
        self.context_whole |= other.context_whole;
        self.config |= other.config;
        self.event |= other.event;
        self.params |= other.params;
    }

    /// Whether it reads anything but tasks and `input`.
    pub(crate) fn reads_more(&self) -> bool {
        self.run_end
            || self.run
            || self.item
            || self.index
            || !self.loops.is_empty()
            || self.own_output
            || self.shared
            || self.context
            || self.config
            || self.event
            || self.params
    }
}
