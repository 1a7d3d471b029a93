//! Sections: one block at work in one frame. A section counts its open tasks, remembers its first
//! failure, and has ended when nothing in it is open.

use super::{FrameIndex, RunState, SectionIndex, TaskIndex};
use crate::failure::Failure;
use crate::time::Timestamp;
use crate::workflow::{BlockIndex, OnFailure};

/// One block at work.
#[derive(Debug)]
pub struct Section {
    /// The block.
    pub block: BlockIndex,
    /// Where.
    pub frame: FrameIndex,
    /// The group it belongs to, or the task it compensates; `None` for the workflow's own tasks and
    /// for `finally`.
    pub owner: Option<TaskIndex>,
    /// What it is to its owner.
    pub role: Role,
    /// Its tasks that have not ended.
    pub open: u32,
    /// The first failure in it that was not allowed.
    pub failure: Option<Failure>,
    /// Whether new things may start in it.
    pub halt: Halt,
}

/// What a section is to its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The workflow's own tasks.
    Root,
    /// The block of a `branch`, `switch` or `group`.
    Block,
    /// The members of a `parallel`.
    Members,
    /// One item of a `for_each`.
    Item(u32),
    /// The task that the host made to reduce the outputs.
    Reduce,
    /// What undoes a task.
    Compensation,
    /// The workflow's `finally`.
    Finally,
}

/// Whether new things may start in a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Halt {
    /// They may.
    No,
    /// Something failed: only tasks with a `run_if` go on.
    Failed,
    /// Everything in it is stopped.
    Cancelled,
}

impl RunState {
    /// The section at `index`.
    pub fn section(&self, index: SectionIndex) -> &Section {
        &self.sections[index.as_usize()]
    }

    /// The section that a task stands in, once its block is at work.
    pub fn section_of(&self, index: TaskIndex) -> Option<&Section> {
        Some(self.section(self.task(index).section?))
    }

    pub(super) fn section_mut(&mut self, index: SectionIndex) -> &mut Section {
        &mut self.sections[index.as_usize()]
    }

    /// The tasks of a section, in the order of the file.
    pub(super) fn section_tasks(&self, index: SectionIndex) -> Vec<TaskIndex> {
        let section = self.section(index);
        self.block_tasks(section.block, section.frame).collect()
    }

    /// Puts a block to work: its tasks that need nothing begin.
    pub(super) fn open_section(
        &mut self,
        block: BlockIndex,
        frame: FrameIndex,
        owner: Option<TaskIndex>,
        role: Role,
        at: Timestamp,
    ) -> SectionIndex {
        let (index, tasks) = self.add_section(block, frame, owner, role);
        let empty = tasks.is_empty();
        if role == Role::Members {
            self.take_up_members(index, at);
        } else {
            for task in tasks {
                if self.task(task).unmet == 0 {
                    self.begin_task(task, at);
                }
            }
        }
        if empty {
            self.section_ended(index);
        }
        index
    }

    /// Adds a section in which nothing begins.
    pub(super) fn add_section(
        &mut self,
        block: BlockIndex,
        frame: FrameIndex,
        owner: Option<TaskIndex>,
        role: Role,
    ) -> (SectionIndex, Vec<TaskIndex>) {
        let index = SectionIndex::new(self.sections.len());
        let tasks: Vec<TaskIndex> = self.block_tasks(block, frame).collect();
        let open = u32::try_from(tasks.len()).expect("a workflow has at most TASKS_MAX tasks");
        let (failure, halt) = (None, Halt::No);
        self.sections.push(Section { block, frame, owner, role, open, failure, halt });
        if let Some(group) = owner.and_then(|owner| self.task_mut(owner).group.as_deref_mut()) {
            group.sections.insert(index);
            group.last_section = Some(index);
        }
        for task in &tasks {
            self.task_mut(*task).section = Some(index);
        }
        (index, tasks)
    }

    /// Notes a failure that the section has to bear.
    pub(super) fn fail_section(&mut self, index: SectionIndex, failure: Failure) {
        let stops = self.workflow.config.on_failure == OnFailure::Stop;
        let section = self.section_mut(index);
        if section.failure.is_some() {
            return;
        }
        section.failure = Some(failure.clone());
        // Members are judged by their merge, and what cleans up does all it can.
        let role = section.role;
        let stops = stops && matches!(role, Role::Root | Role::Block | Role::Item(_));
        if stops && section.halt == Halt::No {
            section.halt = Halt::Failed;
            self.marks.halted.push(index);
            if role == Role::Root {
                self.stop_for(failure);
            }
        }
    }

    /// Stops everything in a section.
    pub(super) fn cancel_section(&mut self, index: SectionIndex) {
        let section = self.section_mut(index);
        if section.open > 0 && section.halt < Halt::Cancelled {
            section.halt = Halt::Cancelled;
            self.marks.cancelled.push(index);
        }
    }

    /// Stops everything that is at work.
    pub(super) fn cancel_all_sections(&mut self) {
        for place in 0..self.sections.len() {
            self.cancel_section(SectionIndex::new(place));
        }
    }
}
