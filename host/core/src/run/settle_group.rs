//! The consequences of what happens in groups: items that are taken up, merges that are decided, groups
//! that end, and tasks that never get their turn.

use super::planner::Ledger;
use super::{GroupState, IllegalEvent, Question, Role, SectionIndex, TaskIndex, TaskStatus};
use crate::failure::{Failure, FailureClass, Outcome, code};
use crate::journal::{Branch, RunEvent};
use crate::payload::PayloadRef;
use crate::workflow::{BlockIndex, Members, Merge, TaskKind};

impl Ledger<'_> {
    /// A group that was never at work has ended: nothing in it will run.
    pub(super) fn skip_blocks(&mut self, index: TaskIndex) -> Result<(), IllegalEvent> {
        let state = self.state.task(index);
        let outcome = state.status.outcome().map_or("not ended", Outcome::as_str);
        let reason = match &state.skip_reason {
            Some(reason) => reason.clone(),
            None if state.result.as_ref().is_some_and(|result| result.from.is_some()) => {
                format!("the output of `{}` is taken over from an earlier run", state.id)
            }
            None => format!("it is in `{}`, which is {outcome}", state.id),
        };
        for block in self.state.definition(index).kind.blocks() {
            self.skip_block(index, block, &reason)?;
        }
        Ok(())
    }

    /// A branch took one of its blocks: the tasks of the others will not run.
    pub(super) fn skip_untaken(&mut self, index: TaskIndex) -> Result<(), IllegalEvent> {
        let state = self.state.task(index);
        let Some(branch) = state.group.as_ref().and_then(|group| group.branch) else {
            return Ok(());
        };
        let taken = match branch {
            Branch::Then => "`then`".to_owned(),
            Branch::Else => "`else`".to_owned(),
            Branch::Case(case) => format!("case {case}"),
            Branch::Default => "`default`".to_owned(),
        };
        let reason = format!("`{}` took {taken}", state.id);
        let taken = self.state.block_of(index, branch).unwrap_or_default();
        for block in self.state.definition(index).kind.blocks() {
            if Some(block) != taken {
                self.skip_block(index, block, &reason)?;
            }
        }
        Ok(())
    }

    /// Skips tasks that do not exist for anyone yet.
    fn skip_block(
        &mut self,
        owner: TaskIndex,
        block: BlockIndex,
        reason: &str,
    ) -> Result<(), IllegalEvent> {
        if let TaskKind::Parallel { members: Members::Items { .. }, .. } =
            &self.state.definition(owner).kind
        {
            return Ok(());
        }
        let frame = self.state.task(owner).frame;
        let tasks: Vec<TaskIndex> = self.state.block_tasks(block, frame).collect();
        for index in tasks {
            if self.state.task(index).status == TaskStatus::Pending {
                self.skip(index, reason.to_owned())?;
            }
        }
        Ok(())
    }

    /// An item's section ended without a value.
    pub(super) fn end_item(&mut self, place: SectionIndex) -> Result<(), IllegalEvent> {
        let section = self.state.section(place);
        let (Some(owner), Role::Item(item)) = (section.owner, section.role) else { return Ok(()) };
        let failure = section.failure.clone().filter(|_| !self.state.is_stopped(owner));
        let failure = failure.filter(|_| section.halt != super::Halt::Cancelled);
        let outcome = if failure.is_some() { Outcome::Failed } else { Outcome::Cancelled };
        let task = self.state.task(owner).id.clone();
        self.push(RunEvent::ItemEnded { task, item, outcome, output: None, failure })
    }

    /// What a group in which something changed needs next.
    pub(super) fn step_group(&mut self, index: TaskIndex) -> Result<(), IllegalEvent> {
        if self.state.task(index).status != TaskStatus::Open {
            return Ok(());
        }
        let stopped = self.state.is_stopped(index);
        if stopped || self.is_decided_early(index) {
            self.drop_values(index)?;
        }
        if stopped {
            return self.end_stopped_group(index);
        }
        match self.state.merge_of(index) {
            None => self.end_block(index),
            Some(_) => self.step_parallel(index),
        }
    }

    /// Whether a parallel is decided in a way that leaves members over.
    fn is_decided_early(&self, index: TaskIndex) -> bool {
        let decided = self.group(index).is_some_and(|group| group.succeeds.is_some());
        decided && self.state.merge_of(index).is_some_and(|merge| merge.needed().is_some())
    }

    fn group(&self, index: TaskIndex) -> Option<&GroupState> {
        self.state.task(index).group.as_deref()
    }

    /// Values of items that are not needed any more.
    fn drop_values(&mut self, index: TaskIndex) -> Result<(), IllegalEvent> {
        let asked: Vec<Question> = self.state.questions_of(index).collect();
        for question in asked {
            if let Question::ItemValue { item } = question {
                let task = self.state.task(index).id.clone();
                let (outcome, output, failure) = (Outcome::Cancelled, None, None);
                self.push(RunEvent::ItemEnded { task, item, outcome, output, failure })?;
            }
        }
        Ok(())
    }

    fn end_stopped_group(&mut self, index: TaskIndex) -> Result<(), IllegalEvent> {
        if !self.group(index).is_some_and(GroupState::is_quiet) {
            return Ok(());
        }
        let state = self.state.task(index);
        let task = state.id.clone();
        match &state.stop {
            Some(stop) if stop.outcome == Outcome::TimedOut => {
                let failure = stop.failure.clone();
                self.push(RunEvent::TaskTimedOut { task, failure })
            }
            _ => self.push(RunEvent::TaskCancelled { task }),
        }
    }

    /// The block of a branch, switch or group has ended, or there was none.
    fn end_block(&mut self, index: TaskIndex) -> Result<(), IllegalEvent> {
        let asked = self.state.questions_of(index).next().is_some();
        if asked || !self.group(index).is_some_and(GroupState::is_quiet) {
            return Ok(());
        }
        let task = self.state.task(index).id.clone();
        match self.failure_inside(index) {
            Some(failure) => self.push(RunEvent::TaskFailed { task, failure }),
            None => self.push(RunEvent::TaskSucceeded { task, output: PayloadRef::null() }),
        }
    }

    fn failure_inside(&self, index: TaskIndex) -> Option<Failure> {
        let last = self.group(index)?.last_section?;
        self.state.section(last).failure.clone()
    }

    fn step_parallel(&mut self, index: TaskIndex) -> Result<(), IllegalEvent> {
        let (Some(group), Some(merge)) = (self.group(index), self.state.merge_of(index)) else {
            return Ok(());
        };
        let on_failure = self.state.workflow.config.on_failure;
        let Some(succeeds) = group.succeeds else {
            return match group.verdict(merge, on_failure) {
                Some(succeeds) => {
                    let task = self.state.task(index).id.clone();
                    self.push(RunEvent::MergeDecided { task, succeeds })
                }
                None => self.take_up_items(index),
            };
        };
        if !group.is_quiet() || self.state.is_asked(index, Question::MergedValue) {
            return Ok(());
        }
        self.end_parallel(index, succeeds)
    }

    /// Takes up as many items as may be at work.
    fn take_up_items(&mut self, index: TaskIndex) -> Result<(), IllegalEvent> {
        let Some(group) = self.group(index).filter(|group| group.items.is_some()) else {
            return Ok(());
        };
        let room = self.state.window(index).saturating_sub(group.open);
        let first = group.taken_up;
        for item in first..group.count.min(first.saturating_add(room)) {
            let task = self.state.task(index).id.clone();
            self.push(RunEvent::ItemOpened { task, item })?;
        }
        Ok(())
    }

    /// Nothing in a decided parallel is at work any more.
    fn end_parallel(&mut self, index: TaskIndex, succeeds: bool) -> Result<(), IllegalEvent> {
        let (Some(group), Some(merge)) = (self.group(index), self.state.merge_of(index)) else {
            return Ok(());
        };
        let task = self.state.task(index).id.clone();
        let event = match (succeeds, merge) {
            (false, merge) => RunEvent::TaskFailed { task, failure: failed_parallel(group, merge) },
            (true, Merge::Reduce { task: reduce }) if group.reduces => {
                let reduce = self.state.place(self.state.task(index).frame, *reduce);
                match (self.failure_inside(index), self.state.task(reduce).output()) {
                    (None, Some(output)) => {
                        RunEvent::TaskSucceeded { task, output: output.clone() }
                    }
                    (failure, _) => {
                        let lost = || {
                            Failure::new(
                                FailureClass::Permanent,
                                code::NOT_REDUCED,
                                "it has no output",
                            )
                        };
                        RunEvent::TaskFailed { task, failure: failure.unwrap_or_else(lost) }
                    }
                }
            }
            (true, Merge::Reduce { .. }) => RunEvent::ReduceOpened { task },
            (true, Merge::First) => {
                let output = group.first.clone().unwrap_or_else(PayloadRef::null);
                RunEvent::TaskSucceeded { task, output }
            }
            (true, Merge::Object | Merge::Deep { .. }) => {
                let output = PayloadRef::small(&serde_json::json!({}));
                RunEvent::TaskSucceeded { task, output }
            }
            (true, Merge::Array | Merge::Any | Merge::Quorum { .. }) => {
                RunEvent::TaskSucceeded { task, output: PayloadRef::small(&serde_json::json!([])) }
            }
        };
        self.push(event)
    }
}

fn failed_parallel(group: &GroupState, merge: &Merge) -> Failure {
    let (Some(needed), first) = (merge.needed(), group.failure.clone()) else {
        let unknown =
            || Failure::new(FailureClass::Permanent, code::MEMBER_FAILED, "a member failed");
        return group.failure.clone().unwrap_or_else(unknown);
    };
    let why = first.as_ref().map(|f| format!("; the first failure: {}", f.message));
    let message = format!(
        "{} of {} members succeeded, and {needed} must{}",
        group.succeeded,
        group.count,
        why.unwrap_or_default()
    );
    let class = first.map_or(FailureClass::Permanent, |failure| failure.class);
    Failure::new(class, code::TOO_FEW_SUCCEEDED, message)
}
