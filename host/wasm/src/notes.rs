//! What happened to a call on the host's side that its log, its failure and its record should tell.

use std::sync::{Arc, Mutex, PoisonError};

use taskloom_core::attempt::{CapabilityUse, REFUSALS_MAX, Refused};
use taskloom_core::plugin::Capability;

/// Lines that wait to be logged; the host logs them whenever the guest comes up for air.
const WAITING_LINES_MAX: usize = 1_000;

/// The longest message of a refusal that is kept, in bytes.
const MESSAGE_BYTES_MAX: usize = 2 * 1024;

/// Why a request was not let through, as it is remembered for the failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denial {
    /// The operator did not grant it, or the task type's effects forbid it.
    NotGranted(String),
    /// A limit of the call is reached; with the code of the failure.
    Limit(&'static str, String),
}

/// Notes of one call; shared with requests under way. Clones are of the same call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    lines: Vec<(&'static str, String)>,
    denial: Option<Denial>,
    /// Refusals that nobody has been told of yet.
    untold: Vec<Refused>,
    uses: CapabilityUse,
}

impl Notes {
    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// For another call of the same instance: nothing has happened yet. What the instance prints still
    /// leads here.
    #[must_use]
    pub(crate) fn again(self) -> Self {
        self.with(|state| *state = State::default());
        self
    }

    /// Keeps a line for the log.
    pub(crate) fn line(&self, level: &'static str, message: String) {
        self.with(|state| {
            if state.lines.len() < WAITING_LINES_MAX {
                state.lines.push((level, message));
            }
        });
    }

    /// The lines that wait to be logged.
    pub(crate) fn take_lines(&self) -> Vec<(&'static str, String)> {
        self.with(|state| std::mem::take(&mut state.lines))
    }

    /// Remembers that a request was not let through, and logs it; the first one stays, since the others
    /// follow from it.
    pub(crate) fn deny(&self, capability: Capability, denial: Denial) {
        match &denial {
            Denial::NotGranted(message) => self.refuse(capability, message),
            Denial::Limit(_, message) => self.line("warn", message.clone()),
        }
        self.with(|state| state.denial.get_or_insert(denial).clone());
    }

    /// Notes that a capability was refused: for the log, for the record of the attempt, and for whoever
    /// watches over plugins.
    pub(crate) fn refuse(&self, capability: Capability, message: &str) {
        self.line("warn", message.to_owned());
        let message = crate::guest::cut(message, MESSAGE_BYTES_MAX).to_owned();
        let refused = Refused { capability, message };
        self.with(|state| {
            state.uses.refused += 1;
            if state.uses.refusals.len() < REFUSALS_MAX {
                state.uses.refusals.push(refused.clone());
            }
            if state.untold.len() < WAITING_LINES_MAX {
                state.untold.push(refused);
            }
        });
    }

    /// The refusals that nobody has been told of.
    pub(crate) fn take_refusals(&self) -> Vec<Refused> {
        self.with(|state| std::mem::take(&mut state.untold))
    }

    /// Why the first request that was not let through was not.
    pub(crate) fn denial(&self) -> Option<Denial> {
        self.with(|state| state.denial.clone())
    }

    /// Notes a use of a capability.
    pub(crate) fn use_by(&self, change: impl FnOnce(&mut CapabilityUse)) {
        self.with(|state| change(&mut state.uses));
    }

    /// What was used and refused; `None` if nothing was.
    pub(crate) fn uses(&self) -> Option<Box<CapabilityUse>> {
        self.with(|state| {
            let used = state.uses != CapabilityUse::default();
            used.then(|| Box::new(state.uses.clone()))
        })
    }
}
