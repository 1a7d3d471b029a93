//! What happened to a call on the host's side that its log, its failure and its record should tell.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use taskloom_core::attempt::{CapabilityUse, REFUSALS_MAX, Refused};
use taskloom_core::plugin::Capability;

use crate::secrets::Held;

/// Lines that wait to be logged; the host logs them whenever the guest comes up for air.
const WAITING_LINES_MAX: usize = 1_000;

/// The longest message of a refusal that is kept, in bytes.
const MESSAGE_BYTES_MAX: usize = 2 * 1024;

/// Refusals that wait to be told whole; those beyond are told as numbers.
const WAITING_REFUSALS_MAX: usize = 1_000;

/// Why a request was not let through, as it is remembered for the failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denial {
    /// The operator did not grant it, the task type's effects forbid it, or nobody could grant it.
    NotGranted(String),
    /// A limit of the call is reached; with the code of the failure.
    Limit(&'static str, String),
}

/// A request that was not let through, and what came after it.
#[derive(Debug, Clone)]
pub(crate) struct Denied {
    pub(crate) denial: Denial,
    /// The code of the failure that the SDKs make of it.
    pub(crate) code: &'static str,
    /// Another request brought no answer since, or not all of it, so that a failure for want of one may be
    /// of either.
    pub(crate) is_doubtful: bool,
}

/// Refusals that nobody has been told of yet.
#[derive(Debug, Default)]
pub(crate) struct Untold {
    /// Each with what was refused.
    pub(crate) whole: Vec<Refused>,
    /// How many more there were.
    pub(crate) more: BTreeMap<Capability, u64>,
}

/// Notes of one call; shared with requests under way. Clones are of the same call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    state: Arc<Mutex<State>>,
    held: Held,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<(&'static str, String)>,
    denied: Option<Denied>,
    untold: Untold,
    uses: CapabilityUse,
}

impl Notes {
    /// Notes of a call with these secrets, whose values are in no note of a refusal.
    pub(crate) fn of(held: Held) -> Self {
        Self { held, ..Self::default() }
    }

    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
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

    /// Remembers that a request was not let through, beside noting the refusal. The last one stays: a handler
    /// that could do without the others went on. `code` is that of the failure that the SDKs make of it.
    pub(crate) fn deny(&self, capability: Capability, denial: Denial, code: &'static str) {
        let denial = match denial {
            Denial::NotGranted(message) => Denial::NotGranted(self.without_values(&message)),
            Denial::Limit(limit, message) => Denial::Limit(limit, self.without_values(&message)),
        };
        let (Denial::NotGranted(message) | Denial::Limit(_, message)) = &denial;
        self.refuse(capability, message);
        self.with(|state| state.denied = Some(Denied { denial, code, is_doubtful: false }));
    }

    /// Notes that a request was let through and brought no answer, or not all of it.
    pub(crate) fn unanswered(&self, message: String) {
        self.line("debug", message);
        self.with(|state| {
            if let Some(denied) = &mut state.denied {
                denied.is_doubtful = true;
            }
        });
    }

    /// Notes that something was refused: for the log, for the record of the attempt, and for whoever
    /// watches over plugins.
    pub(crate) fn refuse(&self, capability: Capability, message: &str) {
        let message = self.without_values(message);
        self.line("warn", message.clone());
        let message = crate::guest::cut(&message, MESSAGE_BYTES_MAX).to_owned();
        let refused = Refused { capability, message };
        self.with(|state| {
            state.uses.refused += 1;
            if state.uses.refusals.len() < REFUSALS_MAX {
                state.uses.refusals.push(refused.clone());
            }
            if state.untold.whole.len() < WAITING_REFUSALS_MAX {
                state.untold.whole.push(refused);
            } else {
                *state.untold.more.entry(capability).or_default() += 1;
            }
        });
    }

    /// What a refusal says repeats names and paths that the guest chose.
    fn without_values(&self, message: &str) -> String {
        match self.held.scrubber() {
            Some(scrubber) => scrubber.named(message),
            None => message.to_owned(),
        }
    }

    /// The refusals that nobody has been told of.
    pub(crate) fn take_refusals(&self) -> Untold {
        self.with(|state| std::mem::take(&mut state.untold))
    }

    /// The last request that was not let through.
    pub(crate) fn denied(&self) -> Option<Denied> {
        self.with(|state| state.denied.clone())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_does_not_repeat_the_value_of_a_secret() {
        let notes = Notes::of(Held::with_spent("token", "hunter2-value"));
        notes.refuse(Capability::Context, "to read `context.hunter2-value` was refused");
        let message = "GET https://a.test/hunter2-value was refused".to_owned();
        notes.deny(Capability::Http, Denial::NotGranted(message), "http-denied");
        let told = format!("{notes:?} {:?} {:?}", notes.uses(), notes.denied());
        assert!(!told.contains("hunter2-value") && told.contains("token"), "{told}");
        assert_eq!(notes.take_lines().len(), 2);
    }

    #[test]
    fn a_flood_of_refusals_is_counted_to_the_last() {
        let notes = Notes::default();
        for n in 0..WAITING_REFUSALS_MAX + 2 {
            notes.refuse(Capability::Http, &format!("no {n}"));
        }
        notes.refuse(Capability::Context, "no");
        let untold = notes.take_refusals();
        assert_eq!(untold.whole.len(), WAITING_REFUSALS_MAX);
        let more: Vec<_> = untold.more.into_iter().collect();
        assert_eq!(more, [(Capability::Http, 2), (Capability::Context, 1)]);
        assert!(notes.take_refusals().whole.is_empty(), "they are told once");
        let uses = notes.uses().expect("refused");
        assert_eq!(uses.refused, 1_003);
        assert_eq!(uses.refusals.len(), REFUSALS_MAX);
    }
}
