//! The end of a run: compensation, `finally`, and how the run ends in the end.
//!
//! ```text
//! main ──▶ compensation ──▶ finally ──▶ output ──▶ finished
//!           if the run did      if there     if it
//!           not succeed         is one       succeeded
//! ```

use super::{RunState, SectionIndex, TaskIndex};
use crate::failure::{Failure, FailureClass, Outcome, code};
use crate::id::TaskId;
use crate::time::Timestamp;

/// How far a run has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Its own tasks are at work.
    #[default]
    Main,
    /// What succeeded is undone.
    Compensation,
    /// The tasks of `finally` are at work.
    Finally,
}

/// What is known of the end of a run.
#[derive(Debug, Default)]
pub struct Closing {
    /// How far it has come.
    pub phase: Phase,
    /// When compensation and `finally` must have ended.
    pub deadline: Option<Timestamp>,
    /// Whether they took longer.
    pub overdue: bool,
    /// Tasks to undo, in the order of their success.
    pub(super) compensable: Vec<TaskIndex>,
    /// What was begun to undo tasks, in that order.
    pub(super) compensations: Vec<SectionIndex>,
    /// The section of `finally`.
    pub(super) finally: Option<SectionIndex>,
}

impl RunState {
    /// How far the run has come to its end.
    pub const fn closing(&self) -> &Closing {
        &self.closing
    }

    /// Whether a task was undone, or is being undone.
    pub fn is_compensated(&self, task: TaskIndex) -> bool {
        let sections = self.closing.compensations.iter();
        sections.map(|place| self.section(*place)).any(|section| section.owner == Some(task))
    }

    /// The section that the phase is about.
    pub(super) fn phase_section(&self) -> SectionIndex {
        match self.closing.phase {
            Phase::Main => SectionIndex::ROOT,
            Phase::Compensation => {
                self.closing.compensations.last().copied().unwrap_or(SectionIndex::ROOT)
            }
            Phase::Finally => self.closing.finally.unwrap_or(SectionIndex::ROOT),
        }
    }

    /// Whether nothing of the phase is open any more.
    pub(super) fn phase_is_over(&self) -> bool {
        !self.is_held() && self.section(self.phase_section()).open == 0
    }

    /// Whether the run is being stopped, and nothing of it should go on.
    pub(super) fn is_cancelling(&self) -> bool {
        let stopped = self.stop.as_ref().is_some_and(|stop| stop.stops_attempts);
        self.closing.overdue || stopped && self.closing.phase == Phase::Main
    }

    /// Why the workflow's own tasks did not succeed, if they did not.
    pub fn main_failure(&self) -> Option<(Outcome, Failure)> {
        let failed = || self.sections.first()?.failure.clone();
        match &self.stop {
            Some(stop) => Some((stop.outcome, stop.failure.clone())),
            None => failed().map(|failure| (Outcome::Failed, failure)),
        }
    }

    /// How the run ends: the reason it did not succeed, with what failed in its end.
    pub(super) fn end_failure(&self) -> Option<(Outcome, Failure)> {
        let later = self.closing_failures();
        let Some((outcome, mut failure)) = self.main_failure() else {
            let (_, first) = later.into_iter().next()?;
            let message = format!("`finally` failed: {}", first.message);
            let details = first.details.clone();
            let failure =
                Failure { details, ..Failure::new(first.class, code::FINALLY_FAILED, message) };
            return Some((Outcome::Failed, failure));
        };
        if !later.is_empty() {
            let list = later.iter().map(|(what, failure)| {
                serde_json::json!({ "in": what, "code": failure.code, "message": failure.message })
            });
            let mut details = match failure.details.take() {
                Some(serde_json::Value::Object(details)) => details,
                Some(other) => [("cause".to_owned(), other)].into_iter().collect(),
                None => serde_json::Map::new(),
            };
            details.insert("at_the_end".to_owned(), list.collect::<Vec<_>>().into());
            failure.details = Some(details.into());
        }
        Some((outcome, failure))
    }

    /// What failed in compensation and `finally`.
    fn closing_failures(&self) -> Vec<(String, Failure)> {
        let mut failures = Vec::new();
        for place in &self.closing.compensations {
            let section = self.section(*place);
            let owner: Option<&TaskId> = section.owner.map(|task| &self.task(task).id);
            if let (Some(failure), Some(owner)) = (&section.failure, owner) {
                failures.push((format!("compensation of `{owner}`"), failure.clone()));
            }
        }
        if let Some(place) = self.closing.finally
            && let Some(failure) = &self.section(place).failure
        {
            failures.push(("finally".to_owned(), failure.clone()));
        }
        if self.closing.overdue {
            let limit = self.workflow.config.finally_timeout;
            let message = format!("compensation and `finally` took longer than {limit:?}");
            let failure = Failure::new(FailureClass::Timeout, code::FINALLY_TIMEOUT, message);
            failures.push(("finally".to_owned(), failure));
        }
        failures
    }
}
