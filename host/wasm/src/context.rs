//! The context of the run, for guests: read as it was when the attempt began, and set together with the
//! result.

use serde_json::{Map, Value};
use taskloom_core::context::{CONTEXT_BYTES_MAX, CONTEXT_NAMES_MAX, Values, entry_bytes};
use taskloom_core::failure::code;
use taskloom_core::plugin::{Capability, Effects};

use crate::bindings::taskloom::plugin::context::Host;
use crate::bindings::taskloom::plugin::types::Failure;
use crate::guest::{Guest, cut};

/// The longest name that a guest can set, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// What is done with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl Access {
    const fn key(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// What a call has set so far.
#[derive(Debug, Default)]
pub(crate) struct ContextWrites {
    values: Map<String, Value>,
    bytes: usize,
}

impl ContextWrites {
    /// What was set, if anything was.
    pub(crate) fn take(&mut self) -> Option<Values> {
        let values = std::mem::take(&mut self.values);
        (!values.is_empty()).then(|| values.into())
    }

    fn set(&mut self, name: &str, value: Value) -> Result<(), String> {
        let before = self.values.get(name).map_or(0, |before| entry_bytes(name, before));
        let bytes = self.bytes - before + entry_bytes(name, &value);
        if bytes > CONTEXT_BYTES_MAX {
            return Err(format!(
                "with `{name}` the attempt would set {bytes} bytes, and the limit is \
                 {CONTEXT_BYTES_MAX}; set what other tasks read, and return the rest as output"
            ));
        }
        if before == 0 && self.values.len() >= CONTEXT_NAMES_MAX {
            return Err(format!("a context has at most {CONTEXT_NAMES_MAX} names"));
        }
        self.bytes = bytes;
        self.values.insert(name.to_owned(), value);
        Ok(())
    }
}

impl Host for Guest {
    fn get(&mut self, name: String) -> wasmtime::Result<Result<Option<String>, Failure>> {
        self.count()?;
        if let Err(refusal) = self.check_context(Access::Read, &name) {
            return Ok(Err(refusal));
        }
        self.notes.use_by(|uses| uses.context_reads += 1);
        let value = self.writes.values.get(&name).or_else(|| self.call.context.get(&name));
        Ok(Ok(value.map(Value::to_string)))
    }

    fn set(&mut self, name: String, value: String) -> wasmtime::Result<Result<(), Failure>> {
        self.count()?;
        if let Err(refusal) = self.check_context(Access::Write, &name) {
            return Ok(Err(refusal));
        }
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            let message = format!(
                "a name of the context has 1 to {NAME_BYTES_MAX} bytes and no control characters"
            );
            return Ok(Err(failure(code::INVALID_NAME, message)));
        }
        let mut value: Value = match serde_json::from_str(&value) {
            Ok(value) => value,
            Err(error) => {
                let message = format!("the value of `{name}` is no JSON: {error}");
                return Ok(Err(failure(code::INVALID_JSON, message)));
            }
        };
        if let Some(scrubber) = self.held.scrubber() {
            scrubber.clean(&mut value);
        }
        if let Err(message) = self.writes.set(&name, value) {
            self.notes.refuse(Capability::Context, &message);
            return Ok(Err(failure(code::CONTEXT_TOO_LARGE, message)));
        }
        self.notes.use_by(|uses| uses.context_writes += 1);
        Ok(Ok(()))
    }
}

impl Guest {
    /// Whether the call may read or set a name.
    fn check_context(&self, access: Access, name: &str) -> Result<(), Failure> {
        let parts = self.parts();
        let shown = cut(name, NAME_BYTES_MAX);
        let key = access.key();
        let (asked, policy) = (parts.asked.context(), parts.policy.get());
        let (asks, grants) = match access {
            Access::Read => (&asked.read, &policy.context().read),
            Access::Write => (&asked.write, &policy.context().write),
        };
        let effects = parts.effects;
        let forbidden = match access {
            Access::Read => effects == Effects::Pure,
            Access::Write => effects != Effects::Writes,
        };
        let covers = taskloom_core::plugin::covers;
        let refusal = if forbidden {
            format!(
                "to {key} `context.{shown}` was refused: the task type is declared `{}`",
                effects.as_str()
            )
        } else if !covers(asks, name) {
            format!(
                "to {key} `context.{shown}` was refused: the plugin's manifest does not ask for it in \
                 `capabilities.context.{key}`"
            )
        } else if !covers(grants, name) {
            let origin = policy.origin();
            format!(
                "{origin} does not grant to {key} `context.{shown}`; add \"{shown}\" to `{key}` of [context]"
            )
        } else {
            return Ok(());
        };
        self.notes.refuse(Capability::Context, &refusal);
        Err(failure(code::NOT_GRANTED, refusal))
    }
}

fn failure(code: &str, message: String) -> Failure {
    Failure { code: code.to_owned(), message, details: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_attempt_sets_is_bounded() {
        let mut writes = ContextWrites::default();
        let half = Value::from("x".repeat(CONTEXT_BYTES_MAX / 2));
        assert_eq!(writes.set("a", half.clone()), Ok(()));
        assert_eq!(writes.set("a", half.clone()), Ok(()), "a name that is set again counts once");
        assert!(writes.set("b", half).expect_err("too large").contains("with `b`"));
        for n in 1..CONTEXT_NAMES_MAX {
            assert_eq!(writes.set(&format!("n{n}"), Value::Null), Ok(()));
        }
        assert!(writes.set("more", Value::Null).expect_err("too many").contains("256 names"));
        assert_eq!(writes.take().expect("set").len(), CONTEXT_NAMES_MAX);
    }
}
