//! How events of groups change a run: blocks that open, members that are taken up and end.

use std::sync::Arc;

use super::apply::elsewhere;
use super::frame::ItemEnd;
use super::group::Tally;
use super::{GroupState, Halt, Question, Role, RunState, SectionIndex, TaskIndex, TaskStatus};
use crate::failure::Outcome;
use crate::id::TaskId;
use crate::journal::{Branch, RunEvent};
use crate::time::Timestamp;
use crate::workflow::{BlockIndex, Members, Merge, TaskKind};

impl RunState {
    pub(super) fn fold_group(&mut self, event: &RunEvent, at: Timestamp) -> Result<(), String> {
        match event {
            RunEvent::BranchChosen { task, branch } => self.choose(task, *branch, at),
            RunEvent::GroupOpened { task } => self.open_fixed(task, at),
            RunEvent::ItemsExpanded { task, items, count } => {
                let index = self.expect(task, TaskStatus::is_idle)?;
                let (items, count) = (Some(items.clone()), *count);
                self.open_group(index, GroupState { items, count, ..GroupState::default() });
                self.marks.groups.push(index);
                Ok(())
            }
            RunEvent::ItemOpened { task, item } => self.open_item(task, *item, at),
            RunEvent::ItemEnded { task, item, outcome, output, failure } => {
                let (output, failure) = (output.clone(), failure.clone());
                self.end_item(task, *item, ItemEnd { outcome: *outcome, output, failure })
            }
            RunEvent::MergeDecided { task, succeeds } => self.decide_merge(task, *succeeds),
            RunEvent::ReduceOpened { task } => self.open_reduce(task, at),
            other => elsewhere(other),
        }
    }

    fn choose(&mut self, task: &TaskId, branch: Branch, at: Timestamp) -> Result<(), String> {
        let index = self.expect(task, TaskStatus::is_idle)?;
        let block = self.block_of(index, branch)?;
        self.open_group(index, GroupState { branch: Some(branch), ..GroupState::default() });
        self.marks.untaken.push(index);
        if let Some(block) = block {
            let frame = self.task(index).frame;
            self.open_section(block, frame, Some(index), Role::Block, at);
        } else {
            self.marks.groups.push(index);
        }
        Ok(())
    }

    /// The block that a branch stands for; `None` for one that the file does not have.
    pub(super) fn block_of(
        &self,
        index: TaskIndex,
        branch: Branch,
    ) -> Result<Option<BlockIndex>, String> {
        match (&self.definition(index).kind, branch) {
            (TaskKind::Branch { then, .. }, Branch::Then) => Ok(Some(*then)),
            (TaskKind::Branch { otherwise, .. }, Branch::Else) => Ok(*otherwise),
            (TaskKind::Switch { default, .. }, Branch::Default) => Ok(*default),
            (TaskKind::Switch { cases, .. }, Branch::Case(case)) => {
                match cases.get(case as usize) {
                    Some(case) => Ok(Some(case.block)),
                    None => Err(format!("there is no case {case}")),
                }
            }
            (kind, branch) => Err(format!("a {} takes no {branch:?}", kind.as_str())),
        }
    }

    fn open_fixed(&mut self, task: &TaskId, at: Timestamp) -> Result<(), String> {
        let index = self.expect(task, TaskStatus::is_idle)?;
        let (block, role) = match &self.definition(index).kind {
            TaskKind::Group { block } => (*block, Role::Block),
            TaskKind::Parallel { members: Members::Tasks(block), .. } => (*block, Role::Members),
            kind => return Err(format!("a {} has no fixed tasks", kind.as_str())),
        };
        let members =
            if role == Role::Members { self.workflow.block(block).tasks.len() } else { 0 };
        let count = u32::try_from(members).expect("a workflow has at most TASKS_MAX tasks");
        self.open_group(index, GroupState { count, ..GroupState::default() });
        self.open_section(block, self.task(index).frame, Some(index), role, at);
        self.marks.groups.push(index);
        Ok(())
    }

    fn open_item(&mut self, task: &TaskId, item: u32, at: Timestamp) -> Result<(), String> {
        let index = self.expect(task, |status| status == TaskStatus::Open)?;
        let (block, body) = match &self.definition(index).kind {
            TaskKind::Parallel { members: Members::Items { block, body, .. }, .. } => {
                (*block, *body)
            }
            kind => return Err(format!("a {} has no items", kind.as_str())),
        };
        let group = self.group_mut(index)?;
        if item != group.taken_up || item >= group.count {
            return Err(format!("item {item} of `{task}` is out of order"));
        }
        group.taken_up += 1;
        group.open += 1;
        let frame = self.add_frame(body, Some((index, item)));
        self.open_section(block, frame, Some(index), Role::Item(item), at);
        Ok(())
    }

    fn end_item(&mut self, task: &TaskId, item: u32, end: ItemEnd) -> Result<(), String> {
        let index = self.expect(task, |status| status == TaskStatus::Open)?;
        let frame = self.item_frame(index, item).ok_or("the item was never taken up")?;
        let frame = &mut self.frames[frame.as_usize()];
        if frame.end.is_some() {
            return Err(format!("item {item} of `{task}` has ended"));
        }
        let tally = match end.outcome {
            Outcome::Succeeded => Tally::Succeeded(end.output.clone()),
            Outcome::Failed | Outcome::TimedOut => Tally::Failed(end.failure.clone()),
            Outcome::Cancelled | Outcome::Skipped => Tally::Neither,
        };
        frame.end = Some(end);
        self.questions.remove(&(index, Question::ItemValue { item }));
        let group = self.group_mut(index)?;
        group.open -= 1;
        group.tally(tally);
        self.conclude(index);
        Ok(())
    }

    fn decide_merge(&mut self, task: &TaskId, succeeds: bool) -> Result<(), String> {
        let index = self.expect(task, |status| status == TaskStatus::Open)?;
        let merge = self.merge_of(index).ok_or("the task merges nothing")?;
        let lets_end = merge.needed().is_none();
        let group = self.group_mut(index)?;
        group.succeeds = Some(succeeds);
        for place in group.sections.clone() {
            if !lets_end {
                self.cancel_section(place);
            } else if self.section(place).role == Role::Members {
                self.section_mut(place).halt = Halt::Failed;
                self.marks.halted.push(place);
            }
        }
        self.conclude(index);
        Ok(())
    }

    fn open_reduce(&mut self, task: &TaskId, at: Timestamp) -> Result<(), String> {
        let index = self.expect(task, |status| status == TaskStatus::Open)?;
        let Some(Merge::Reduce { task: node }) = self.merge_of(index) else {
            return Err("the task reduces nothing".to_owned());
        };
        let block = self.workflow.task(*node).block;
        self.group_mut(index)?.reduces = true;
        self.open_section(block, self.task(index).frame, Some(index), Role::Reduce, at);
        Ok(())
    }

    fn group_mut(&mut self, index: TaskIndex) -> Result<&mut GroupState, String> {
        self.task_mut(index).group.as_deref_mut().ok_or_else(|| "it is no group".to_owned())
    }

    /// Lets as many fixed members begin as may be at work.
    pub(super) fn take_up_members(&mut self, place: SectionIndex, at: Timestamp) {
        let section = self.section(place);
        let Some(owner) = section.owner.filter(|_| section.halt == Halt::No) else { return };
        let workflow = Arc::clone(&self.workflow);
        let (block, frame) = (workflow.block(section.block), section.frame);
        let window = self.window(owner);
        loop {
            let Some(group) = self.task_mut(owner).group.as_deref_mut() else { return };
            if group.open >= window || group.taken_up >= group.count {
                return;
            }
            let node = block.tasks[group.taken_up as usize];
            group.taken_up += 1;
            let member = self.place(frame, node);
            if self.task(member).status == TaskStatus::Pending {
                self.group_mut(owner).expect("looked at above").open += 1;
                self.begin_task(member, at);
            }
        }
    }

    /// Counts a fixed member that ended, and lets the next one begin.
    pub(super) fn tally_member(
        &mut self,
        place: SectionIndex,
        owner: TaskIndex,
        tally: Tally,
        was_pending: bool,
        at: Timestamp,
    ) {
        let Ok(group) = self.group_mut(owner) else { return };
        if !was_pending {
            group.open -= 1;
        }
        group.tally(tally);
        self.take_up_members(place, at);
        self.marks.groups.push(owner);
    }

    /// Nothing in a section is open any more: what its owner needs next.
    pub(super) fn section_ended(&mut self, place: SectionIndex) {
        let section = self.section(place);
        let (role, block) = (section.role, section.block);
        let sound = section.failure.is_none() && section.halt != Halt::Cancelled;
        let Some(owner) = section.owner else { return };
        if let Ok(group) = self.group_mut(owner) {
            group.sections.remove(&place);
        }
        let sound = sound && !self.is_stopped(owner);
        match role {
            Role::Block if sound => self.ask(owner, Question::BlockValue { block }),
            Role::Item(item) if sound => self.ask(owner, Question::ItemValue { item }),
            Role::Members => self.conclude(owner),
            Role::Item(_) => self.marks.items.push(place),
            Role::Block | Role::Reduce => self.marks.groups.push(owner),
            Role::Root | Role::Compensation | Role::Finally => {}
        }
    }

    /// Asks for the merged value when a parallel has succeeded and nothing in it is at work.
    fn conclude(&mut self, index: TaskIndex) {
        self.marks.groups.push(index);
        let Some(group) = self.task(index).group.as_deref() else { return };
        let done = group.succeeds == Some(true) && group.is_quiet() && group.count > 0;
        let computed = self.merge_of(index).is_some_and(Merge::is_computed);
        let open = !self.is_stopped(index) && !self.is_asked(index, Question::MergedValue);
        if done && computed && open {
            self.ask(index, Question::MergedValue);
        }
    }

    /// Whether a task was told to stop, by itself or with all that is around it.
    pub(super) fn is_stopped(&self, index: TaskIndex) -> bool {
        let around = self.section_of(index).is_some_and(|s| s.halt == Halt::Cancelled);
        around || self.task(index).stop.is_some()
    }
}
