//! Secrets of one call: placeholders for the guest, values for the requests that may carry them.
//!
//! ```text
//! guest ─ placeholder("token") ─▶ Held ── a random text, known to this call alone
//! guest ─ request with that text ─▶ Held::fill ─▶ every placeholder in it: does the grant of its secret
//!                                       │         name this destination?     no: refused, and noted
//!                                       └▶ read now, put in its place ─▶ egress
//! answer ◀─ what looks like the value is a placeholder again ─ Scrubber ◀─ peer
//! ```

mod fill;
mod scrub;

use std::sync::{Arc, Mutex, PoisonError};

use taskloom_core::failure::code;
use taskloom_core::plugin::{Capability, Effects};

use crate::bindings::taskloom::plugin::secrets::Host;
use crate::bindings::taskloom::plugin::types::Failure;
use crate::guest::{Guest, cut};
use crate::outside::OutsideParts;
use crate::ports::{SecretProblem, SecretValue};

pub(crate) use fill::Filled;
pub(crate) use scrub::{Scrubbed, Scrubber};

/// What every placeholder begins with. Lower-case letters only, like the digits behind it: nothing that
/// a URL, a form or JSON would write in another way.
const PREFIX: &str = "taskloomsecret";

/// Random bytes in a placeholder: too many to guess.
const RANDOM_BYTES: usize = 16;

/// The longest name of a secret in messages, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// The placeholders of one call, and the values that have been put in their place. Clones are of the same
/// call.
#[derive(Clone, Default)]
pub(crate) struct Held(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    placeholders: Vec<Placeholder>,
    spent: Vec<Spent>,
}

/// A text that stands for a secret.
#[derive(Clone)]
struct Placeholder {
    name: Arc<str>,
    text: Arc<str>,
}

/// A value that went out in a request of the call.
#[derive(Clone)]
struct Spent {
    placeholder: Placeholder,
    /// As it was sent, and in the other forms in which it may come back.
    forms: Vec<SecretValue>,
}

impl Held {
    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the guest has no placeholder.
    pub(crate) fn is_empty(&self) -> bool {
        self.with(|state| state.placeholders.is_empty())
    }

    /// The placeholder of a secret, if the guest has it.
    fn known(&self, name: &str) -> Option<String> {
        self.with(|state| {
            let known = state.placeholders.iter().find(|known| &*known.name == name)?;
            Some(known.text.to_string())
        })
    }

    fn count(&self) -> usize {
        self.with(|state| state.placeholders.len())
    }

    /// Makes a placeholder.
    fn hold(&self, name: &str) -> Result<String, getrandom::Error> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random)?;
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = format!("{PREFIX}{digits}");
        let placeholder = Placeholder { name: name.into(), text: text.as_str().into() };
        self.with(|state| state.placeholders.push(placeholder));
        Ok(text)
    }

    /// Takes the values that went out in requests out of what the guest says. Nothing is looked for in a
    /// call whose requests had no secret.
    pub(crate) fn scrubber(&self) -> Option<Scrubber> {
        self.with(|state| Scrubber::of(&state.spent))
    }
}

#[cfg(test)]
impl Held {
    /// Those of a call with one secret, which went out in a request.
    pub(crate) fn with_spent(name: &str, value: &str) -> Self {
        let held = Self::default();
        held.spend(name, value);
        held
    }

    /// A secret went out in a request.
    pub(crate) fn spend(&self, name: &str, value: &str) {
        let placeholder = Placeholder { name: name.into(), text: PREFIX.into() };
        let forms = vec![SecretValue::new(value.as_bytes().to_vec())];
        self.with(|state| state.spent.push(Spent { placeholder, forms }));
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

impl Host for Guest {
    async fn placeholder(&mut self, name: String) -> wasmtime::Result<Result<String, Failure>> {
        self.count()?;
        if let Some(known) = self.held.known(&name) {
            return Ok(Ok(known));
        }
        let parts = Arc::clone(self.parts());
        if let Err(message) = may_hold(&parts, &name) {
            self.notes.refuse(Capability::Secrets, &message);
            return Ok(Err(failure(code::NOT_GRANTED, message)));
        }
        let most = self.call.limits.secrets;
        if self.held.count() as u64 >= most {
            let message = format!("an attempt may use {most} secrets");
            self.notes.refuse(Capability::Secrets, &message);
            return Ok(Err(failure(code::TOO_MANY_SECRETS, message)));
        }
        // Asked for now, so that a secret that is not there is told before a request is made.
        match read(&parts, &name).await {
            Ok(_) => {}
            Err(problem) => {
                let code = match problem {
                    SecretProblem::Unknown(_) => code::UNKNOWN_SECRET,
                    SecretProblem::Unreadable(_) => code::SECRET_UNREADABLE,
                };
                return Ok(Err(failure(code, problem.to_string())));
            }
        }
        let held = self.held.hold(&name);
        Ok(held.map_err(|error| {
            failure(code::SECRET_UNREADABLE, format!("no random number: {error}"))
        }))
    }
}

/// Whether a call may have a placeholder; in words if not.
fn may_hold(parts: &OutsideParts, name: &str) -> Result<(), String> {
    let shown = cut(name, NAME_BYTES_MAX);
    if parts.effects == Effects::Pure {
        return Err(format!("the secret `{shown}` was refused: the task type is declared `pure`"));
    }
    if !parts.asked.secret(name) {
        return Err(format!(
            "the secret `{shown}` was refused: the plugin's manifest does not ask for it in \
             `capabilities.secrets`"
        ));
    }
    let policy = parts.policy.get();
    if policy.secret(name).is_none() {
        let origin = policy.origin();
        return Err(format!(
            "{origin} does not grant the secret `{shown}`; add [[secrets]] name = \"{shown}\" with the \
             `host` that it may go to"
        ));
    }
    Ok(())
}

/// Reads a secret where it holds up no guest.
async fn read(parts: &Arc<OutsideParts>, name: &str) -> Result<SecretValue, SecretProblem> {
    let (secrets, name) = (Arc::clone(&parts.ports.secrets), name.to_owned());
    let read = tokio::task::spawn_blocking(move || secrets.read(&name)).await;
    read.unwrap_or_else(|error| Err(SecretProblem::Unreadable(error.to_string())))
}

fn failure(code: &str, message: String) -> Failure {
    Failure { code: code.to_owned(), message, details: None }
}
