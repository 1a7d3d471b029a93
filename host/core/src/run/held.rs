//! Runs that are held: accepted, and not begun before their time has come and their concurrency key
//! has room. Who decides about the key sees many runs, so that is not done here.

use super::{FrameIndex, Refusal, Role, RunState, SectionIndex};
use crate::journal::{RunEvent, RunStarted};
use crate::time::Timestamp;
use crate::workflow::BlockIndex;

/// Whether a run that starts so is held until it is admitted.
pub(super) const fn start_is_held(start: &RunStarted) -> bool {
    start.not_before.is_some() || start.concurrency.is_some()
}

/// What [`super::Command::Admit`] means.
pub(super) fn admission(state: &RunState, now: Timestamp) -> Result<Vec<RunEvent>, Refusal> {
    if !state.is_held() {
        return Err(Refusal::NotHeld);
    }
    if let Some(at) = state.start.not_before.filter(|at| *at > state.host_time(now)) {
        return Err(Refusal::TooEarly(at));
    }
    let deadline = state.workflow.config.timeout.map(|timeout| now.after(timeout));
    Ok(vec![RunEvent::RunAdmitted { deadline }])
}

impl RunState {
    /// Whether the run has not begun, and still may.
    pub const fn is_held(&self) -> bool {
        self.sections.is_empty()
    }

    pub(super) fn fold_admission(
        &mut self,
        deadline: Option<Timestamp>,
        at: Timestamp,
    ) -> Result<(), String> {
        if !self.is_held() {
            return Err("the run is not held".to_owned());
        }
        self.deadline = deadline;
        self.marks.admitted = true;
        self.admit(at);
        Ok(())
    }

    /// Begins the run.
    pub(super) fn admit(&mut self, at: Timestamp) {
        self.admitted_at = Some(at);
        self.open_section(BlockIndex::ROOT, FrameIndex::ROOT, None, Role::Root, at);
    }

    /// Puts the run's tasks where they can be cancelled, and begins none: it was stopped while it was
    /// held.
    pub(super) fn open_unbegun(&mut self) {
        let (section, _) = self.add_section(BlockIndex::ROOT, FrameIndex::ROOT, None, Role::Root);
        debug_assert_eq!(section, SectionIndex::ROOT);
    }
}
