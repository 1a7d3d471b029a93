//! What a group at work knows of its members, and when it is decided.

use std::collections::BTreeSet;

use super::{FrameIndex, RunState, SectionIndex, TaskIndex};
use crate::failure::{Failure, Outcome};
use crate::journal::Branch;
use crate::payload::PayloadRef;
use crate::workflow::{Members, Merge, OnFailure, TaskKind};

/// Items of a `for_each` without `max_parallel` that are at work at the same time: enough to fill the
/// slots, and few enough that a list of a million items costs what is at work and no more at a time.
pub const ITEMS_AT_WORK_MAX: u32 = 256;

/// The most items of one `for_each`.
pub const ITEMS_MAX: u32 = 1_000_000;

/// What a group is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupState {
    /// The block that a branch or switch took.
    pub branch: Option<Branch>,
    /// The list of a `for_each`.
    pub items: Option<PayloadRef>,
    /// Members of a parallel in all.
    pub count: u32,
    /// Members that were taken up, or ended without.
    pub taken_up: u32,
    /// Members that are at work.
    pub open: u32,
    /// Members that have ended.
    pub ended: u32,
    /// Members that succeeded.
    pub succeeded: u32,
    /// Members whose failure counts.
    pub failed: u32,
    /// The output of the member that succeeded first.
    pub first: Option<PayloadRef>,
    /// The first failure of a member.
    pub failure: Option<Failure>,
    /// Whether a parallel succeeds, once that is known.
    pub succeeds: Option<bool>,
    /// Whether the task that reduces the outputs was opened.
    pub reduces: bool,
    /// The block that it put to work last.
    pub(super) last_section: Option<SectionIndex>,
    /// Its blocks that are at work.
    pub(super) sections: BTreeSet<SectionIndex>,
}

/// What a member means for its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tally {
    Succeeded(Option<PayloadRef>),
    Failed(Option<Failure>),
    /// It was skipped, was cancelled, or its failure was allowed.
    Neither,
}

/// A member of a parallel, as a merge sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<'a> {
    /// The task, if members are tasks.
    pub task: Option<TaskIndex>,
    /// The frame, if members are items and this one was taken up.
    pub frame: Option<FrameIndex>,
    /// How it ended, if it has.
    pub outcome: Option<Outcome>,
    /// Its output.
    pub output: Option<&'a PayloadRef>,
}

impl GroupState {
    pub(super) fn tally(&mut self, tally: Tally) {
        self.ended += 1;
        match tally {
            Tally::Succeeded(output) => {
                self.succeeded += 1;
                self.first = self.first.take().or(output);
            }
            Tally::Failed(failure) => {
                self.failed += 1;
                self.failure = self.failure.take().or(failure);
            }
            Tally::Neither => {}
        }
    }

    /// Whether nothing in it is at work.
    pub(super) fn is_quiet(&self) -> bool {
        self.open == 0 && self.sections.is_empty()
    }

    /// Whether a parallel succeeds, as far as that is known: as early as it can be.
    pub(super) fn verdict(&self, merge: &Merge, on_failure: OnFailure) -> Option<bool> {
        let left = self.count - self.ended;
        match merge {
            Merge::First => (self.succeeded > 0 || left == 0).then_some(self.succeeded > 0),
            Merge::Any => (left == 0).then_some(self.succeeded > 0),
            Merge::Quorum { count } if self.succeeded >= *count => Some(true),
            Merge::Quorum { count } => (self.succeeded + left < *count).then_some(false),
            Merge::Array | Merge::Object | Merge::Deep { .. } | Merge::Reduce { .. } => {
                let early = self.failed > 0 && on_failure == OnFailure::Stop;
                (early || left == 0).then_some(self.failed == 0)
            }
        }
    }
}

impl Merge {
    /// How many members have to succeed when not all have to.
    pub(super) const fn needed(&self) -> Option<u32> {
        match self {
            Self::First | Self::Any => Some(1),
            Self::Quorum { count } => Some(*count),
            Self::Array | Self::Object | Self::Deep { .. } | Self::Reduce { .. } => None,
        }
    }

    /// Whether the merged value is computed from the outputs.
    pub(super) const fn is_computed(&self) -> bool {
        !matches!(self, Self::First | Self::Reduce { .. })
    }
}

impl RunState {
    /// The members of the parallel at `group`, in their order: all of a fixed list, and of a
    /// `for_each` those that were taken up.
    pub fn members(&self, group: TaskIndex) -> Vec<Member<'_>> {
        let state = self.task(group);
        match &self.definition(group).kind {
            TaskKind::Parallel { members: Members::Tasks(block), .. } => {
                self.block_tasks(*block, state.frame).map(|task| self.fixed_member(task)).collect()
            }
            TaskKind::Parallel { members: Members::Items { .. }, .. } => {
                let taken_up = state.group.as_ref().map_or(0, |group| group.taken_up);
                (0..taken_up).filter_map(|item| self.item_member(group, item)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn fixed_member(&self, task: TaskIndex) -> Member<'_> {
        let state = self.task(task);
        let (outcome, output) = (state.status.outcome(), state.output());
        Member { task: Some(task), frame: None, outcome, output }
    }

    fn item_member(&self, group: TaskIndex, item: u32) -> Option<Member<'_>> {
        let frame = self.item_frame(group, item)?;
        let end = self.frame(frame).end.as_ref();
        Some(Member {
            task: None,
            frame: Some(frame),
            outcome: end.map(|end| end.outcome),
            output: end.and_then(|end| end.output.as_ref()),
        })
    }

    /// How many members of a parallel may be at work at the same time.
    pub(super) fn window(&self, group: TaskIndex) -> u32 {
        match &self.definition(group).kind {
            TaskKind::Parallel { max_parallel: Some(most), .. } => (*most).max(1),
            TaskKind::Parallel { members: Members::Items { .. }, .. } => ITEMS_AT_WORK_MAX,
            _ => u32::MAX,
        }
    }

    /// How a parallel is merged.
    pub(super) fn merge_of(&self, group: TaskIndex) -> Option<&Merge> {
        match &self.definition(group).kind {
            TaskKind::Parallel { merge, .. } => Some(merge),
            _ => None,
        }
    }
}
