//! Runs again what did not work: what a new run takes over from an old one.
//!
//! A rerun is a run of its own. Its first events say what it may take over, and the planner uses that
//! instead of an attempt or a question when the time of a task has come.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{FrameIndex, Refusal, Role, RunState, TaskIndex, TaskState};
use crate::context::Values;
use crate::failure::Outcome;
use crate::id::TaskId;
use crate::journal::{RerunFrom, RerunOf, Reused, RunEvent};
use crate::workflow::{Members, Merge, TaskKind};

/// What a rerun takes over, and what it does again.
#[derive(Debug, Clone, PartialEq)]
pub struct RerunPlan {
    /// What the new run is: for its `RunStarted`.
    pub of: RerunOf,
    /// The events that follow `RunStarted`: for [`super::start`].
    pub reuse: Vec<RunEvent>,
    /// The tasks that run again, or about which is decided again, in the order of the old run: with all
    /// that is in them, whichever of two lists is taken then, and with `finally`. What is in a list whose
    /// items are computed again stands for itself: nobody knows how many there will be. What undoes tasks
    /// is not among them.
    pub again: Vec<TaskId>,
}

impl RerunPlan {
    /// The tasks whose output, choice or list is taken over.
    pub fn reused(&self) -> impl Iterator<Item = &TaskId> {
        self.reuse.iter().filter_map(|event| match event {
            RunEvent::ReuseOffered { task, .. } => Some(task),
            _ => None,
        })
    }
}

/// Plans a rerun of `old`, which must have ended. Nothing is changed: the plan is also the preview.
///
/// # Errors
/// When the run has not ended, a task is unknown, or there is nothing to run again.
pub fn plan(old: &RunState, from: RerunFrom) -> Result<RerunPlan, Refusal> {
    let Some(finish) = &old.finish else { return Err(Refusal::NotFinished) };
    if from == RerunFrom::Failed && finish.outcome == Outcome::Succeeded {
        return Err(Refusal::NothingToRerun);
    }
    let mut planner = Planner::new(old, &from)?;
    if from != RerunFrom::Start {
        planner.visit(&old.section_tasks(super::SectionIndex::ROOT));
        planner.keep_signals();
    } else {
        old.section_tasks(super::SectionIndex::ROOT).into_iter().for_each(|t| planner.renew(t));
    }
    planner.renew_finally();
    planner.keep_keys();
    let origin = old.start.rerun.as_ref().map_or(old.id, |rerun| rerun.origin);
    let of = RerunOf { run: old.id, origin, from };
    let mut again: Vec<TaskIndex> = planner.again.into_iter().collect();
    again.sort_unstable();
    let again = again.into_iter().map(|index| old.task(index).id.clone()).collect();
    Ok(RerunPlan { of, reuse: planner.reuse, again })
}

struct Planner<'o> {
    old: &'o RunState,
    /// Tasks that were asked for.
    chosen: HashSet<TaskIndex>,
    /// Groups in which there is one of them.
    around: HashSet<TaskIndex>,
    /// Tasks that were undone: their success is none any more.
    undone: HashSet<TaskIndex>,
    /// What each task had set in the context.
    writes: HashMap<TaskIndex, Values>,
    again: HashSet<TaskIndex>,
    reuse: Vec<RunEvent>,
}

/// What becomes of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    /// A group that is at work again, with what it decided.
    Reopened,
    Fresh,
}

impl<'o> Planner<'o> {
    fn new(old: &'o RunState, from: &RerunFrom) -> Result<Self, Refusal> {
        let mut chosen = HashSet::new();
        if let RerunFrom::Tasks(ids) = from {
            for id in ids {
                chosen.insert(old.index_of(id).ok_or_else(|| Refusal::UnknownTask(id.clone()))?);
            }
        }
        let mut around = HashSet::new();
        for index in &chosen {
            let mut inner = *index;
            while let Some(owner) = old.owner_of(inner) {
                around.insert(owner);
                inner = owner;
            }
        }
        let undone = old.closing.compensations.iter();
        let undone = undone.filter_map(|place| old.section(*place).owner).collect();
        let (writes, again, reuse) = (old.writes_by_task(), HashSet::new(), Vec::new());
        Ok(Self { old, chosen, around, undone, writes, again, reuse })
    }

    /// Decides about the tasks of one section.
    fn visit(&mut self, tasks: &[TaskIndex]) {
        let mut fates: Vec<(TaskIndex, Fate)> =
            tasks.iter().map(|index| (*index, self.own_fate(*index))).collect();
        self.spread(&mut fates);
        for (index, fate) in fates {
            match fate {
                Fate::Kept => self.offer_output(index),
                Fate::Reopened => {
                    self.again.insert(index);
                    self.note_reduce(index);
                    self.reopen(index);
                }
                Fate::Fresh => self.renew(index),
            }
        }
    }

    /// Notes a task that begins anew, and all that is in it, as far as that is known before.
    fn renew(&mut self, index: TaskIndex) {
        self.again.insert(index);
        self.note_reduce(index);
        let old = self.old;
        let (kind, frame) = (&old.definition(index).kind, old.task(index).frame);
        if matches!(kind, TaskKind::Parallel { members: Members::Items { .. }, .. }) {
            return;
        }
        for block in kind.blocks() {
            old.block_tasks(block, frame).for_each(|inner| self.renew(inner));
        }
    }

    /// Notes the task that reduces the outputs of a group.
    fn note_reduce(&mut self, index: TaskIndex) {
        if let TaskKind::Parallel { merge: Merge::Reduce { task }, .. } =
            &self.old.definition(index).kind
        {
            self.again.insert(self.old.place(self.old.task(index).frame, *task));
        }
    }

    /// Notes what runs at the end of every run.
    fn renew_finally(&mut self) {
        let old = self.old;
        if let Some(block) = old.workflow.finally {
            old.block_tasks(block, FrameIndex::ROOT).for_each(|task| self.renew(task));
        }
    }

    fn own_fate(&self, index: TaskIndex) -> Fate {
        let task = self.old.task(index);
        let done = task.has_done_its_part() && !self.undone.contains(&index);
        if self.chosen.contains(&index) {
            Fate::Fresh
        } else if task.group.is_some() && (self.around.contains(&index) || !done) {
            if self.undone.contains(&index) { Fate::Fresh } else { Fate::Reopened }
        } else if done {
            Fate::Kept
        } else {
            Fate::Fresh
        }
    }

    /// All that depends on what runs again runs again.
    fn spread(&self, fates: &mut [(TaskIndex, Fate)]) {
        let workflow = Arc::clone(&self.old.workflow);
        let places: HashMap<TaskIndex, usize> =
            fates.iter().enumerate().map(|(place, (index, _))| (*index, place)).collect();
        let mut changed: Vec<TaskIndex> =
            fates.iter().filter(|(_, fate)| *fate != Fate::Kept).map(|(index, _)| *index).collect();
        while let Some(index) = changed.pop() {
            let task = self.old.task(index);
            for dependent in workflow.graph.dependents(task.node) {
                let dependent = self.old.place(task.frame, *dependent);
                let Some(place) = places.get(&dependent) else { continue };
                let fate = &mut fates[*place].1;
                if *fate != Fate::Fresh {
                    *fate = Fate::Fresh;
                    changed.push(dependent);
                }
            }
        }
    }

    fn offer_output(&mut self, index: TaskIndex) {
        let TaskState { id, .. } = self.old.task(index);
        if let Some(output) = self.old.task(index).output() {
            let (task, reused) = (id.clone(), Reused::Output(output.clone()));
            let writes = self.writes.get(&index).cloned();
            self.reuse.push(RunEvent::ReuseOffered { task, reused, writes });
        }
    }

    /// Takes over what a group decided, and decides about what is in it.
    fn reopen(&mut self, index: TaskIndex) {
        let Some(group) = self.old.task(index).group.as_deref() else { return };
        let task = self.old.task(index).id.clone();
        let frame = self.old.task(index).frame;
        if let Some(branch) = group.branch {
            let reused = Reused::Branch(branch);
            self.reuse.push(RunEvent::ReuseOffered { task, reused, writes: None });
            if let Ok(Some(block)) = self.old.block_of(index, branch) {
                self.visit(&self.old.block_tasks(block, frame).collect::<Vec<_>>());
            }
        } else if let Some(items) = &group.items {
            let reused = Reused::Items { items: items.clone(), count: group.count };
            self.reuse.push(RunEvent::ReuseOffered { task, reused, writes: None });
            for item in 0..group.taken_up {
                if let Some(frame) = self.old.item_frame(index, item) {
                    let section = self.old.frame(frame).section;
                    self.visit(&self.old.section_tasks(section));
                }
            }
        } else {
            for block in self.old.definition(index).kind.blocks() {
                self.visit(&self.old.block_tasks(block, frame).collect::<Vec<_>>());
            }
        }
    }

    /// Signals that no task has taken are not lost.
    fn keep_signals(&mut self) {
        let mut kept: Vec<RunEvent> = Vec::new();
        for (name, signal) in self.old.signals().all_kept() {
            let (id, payload) = (Arc::clone(&signal.id), signal.payload.clone());
            kept.push(RunEvent::SignalReceived { id, name: Arc::clone(name), payload });
        }
        self.reuse.extend(kept);
    }

    /// What was tried and did not succeed keeps its key: whoever acts on it may have acted.
    fn keep_keys(&mut self) {
        for (index, task) in self.old.tasks() {
            let role = self.old.section_of(index).map(|section| section.role);
            let ends = matches!(role, Some(Role::Finally | Role::Compensation));
            if !task.attempts.is_empty() && !task.has_done_its_part() && !ends {
                let root = *self.old.keys.get(&task.id).unwrap_or(&self.old.id);
                self.reuse.push(RunEvent::KeyKept { task: task.id.clone(), root });
            }
        }
    }
}

impl RunState {
    /// The group that a task is in, whether or not that is at work.
    pub(super) fn owner_of(&self, index: TaskIndex) -> Option<TaskIndex> {
        let task = self.task(index);
        let parent = self.workflow.parent(task.node)?;
        Some(self.owner_in(task.frame, parent))
    }
}
