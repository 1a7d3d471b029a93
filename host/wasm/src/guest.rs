//! The host's side of one call: what the guest's imports answer, and what they count.

use std::sync::Arc;
use std::time::Instant;

use taskloom_core::plugin::Effects;

use crate::ai::Account;
use crate::artefacts::Artefacts;
use crate::bindings::taskloom::plugin::{runtime, types};
use crate::call::{Call, CallIdentity, CallObserver, LogRecord};
use crate::context::ContextWrites;
use crate::memory::{Memory, MemoryBudget};
use crate::metrics::Metrics;
use crate::notes::{Notes, Untold};
use crate::outside::{Outside, OutsideParts, still};
use crate::pulse::Pulse;
use crate::secrets::Held;

/// The longest log line that is kept whole, in bytes; a longer one is cut.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// The code by which the SDK marks the log line of a panic.
const PANIC_CODE: &str = "panic";

/// What belongs to one call; lives in the call's store.
pub(crate) struct Guest {
    pub(crate) call: Call,
    pub(crate) memory: Memory,
    pub(crate) log: Log,
    pub(crate) host_calls: u64,
    pub(crate) deadline: Instant,
    pub(crate) pulse: Pulse,
    /// What the guest logged last as its panic.
    pub(crate) panic: Option<Panic>,
    /// The files that it left.
    pub(crate) artefacts: Artefacts,
    /// What it measured.
    pub(crate) metrics: Metrics,
    /// What it set in the context.
    pub(crate) writes: ContextWrites,
    /// The placeholders that it has.
    pub(crate) held: Held,
    /// What happened on the host's side.
    pub(crate) notes: Notes,
    /// What it may spend on models, once it has asked one.
    pub(crate) account: Option<Box<Account>>,
    /// WASI and HTTP, made when the guest first asks for them: most guests never do.
    outside: Option<Box<Outside>>,
    parts: Arc<OutsideParts>,
}

/// What a handler says of its own sudden end: a panic, or an exception that nobody caught.
#[derive(Debug)]
pub(crate) struct Panic {
    pub(crate) message: String,
    /// Where it happened, in the terms of the handler's language: a line for each call, innermost first or
    /// last as is usual there.
    pub(crate) stack: Option<String>,
}

/// The guest asked the host more often than it may.
#[derive(Debug, thiserror::Error)]
#[error("more than {limit} calls into the host")]
pub(crate) struct HostCallsExceeded {
    pub(crate) limit: u64,
}

impl Guest {
    pub(crate) fn new(
        call: Call,
        deadline: Instant,
        budget: Arc<MemoryBudget>,
        parts: Arc<OutsideParts>,
    ) -> Self {
        let log = Log::new(call.limits.log_lines, call.limits.log_bytes);
        let memory = Memory::new(call.limits.memory_bytes, budget);
        let metrics = Metrics::new(call.limits.metrics);
        let held = Held::default();
        Self {
            memory,
            log,
            host_calls: 0,
            deadline,
            pulse: Pulse::new(),
            panic: None,
            artefacts: Artefacts::default(),
            metrics,
            writes: ContextWrites::default(),
            notes: Notes::of(held.clone()),
            held,
            account: None,
            outside: None,
            parts,
            call,
        }
    }

    /// Takes over what the instance of an earlier call holds. Everything else is this call's own.
    pub(crate) fn go_on_from(&mut self, last: Self) {
        let Self { memory, notes, held, outside, .. } = last;
        self.memory = memory.again(self.call.limits.memory_bytes);
        // Empty, since only a tidy call is followed by another; the notes look into it.
        self.held = held;
        self.notes = notes.again();
        let (call, parts) = (&self.call, &self.parts);
        let (notes, held) = (&self.notes, &self.held);
        self.outside = outside.map(|outside| outside.again(call, parts, notes, held));
    }

    /// Whether the call has left nothing on the host's side that another one could find.
    pub(crate) fn is_tidy(&mut self) -> bool {
        self.held.is_empty() && self.outside.as_mut().is_none_or(|outside| outside.is_tidy())
    }

    /// What the call is allowed, and what is behind it.
    pub(crate) const fn parts(&self) -> &Arc<OutsideParts> {
        &self.parts
    }

    /// WASI and HTTP, if the guest ever asked for them.
    pub(crate) fn outside(&self) -> Option<&Outside> {
        self.outside.as_deref()
    }

    /// WASI and HTTP for a host call, which is counted. It cannot be refused here, so the next epoch
    /// stops a guest that exceeds its limit by these calls.
    pub(crate) fn outside_mut(&mut self) -> &mut Outside {
        self.host_calls += 1;
        self.log_outside();
        let (call, parts) = (&self.call, &self.parts);
        let (notes, held) = (&self.notes, &self.held);
        self.outside.get_or_insert_with(|| Box::new(Outside::new(call, parts, notes, held)))
    }

    /// Logs what the guest printed and what the host has to say about what it asked for.
    pub(crate) fn log_outside(&mut self) {
        let Untold { whole, more } = self.notes.take_refusals();
        whole.iter().for_each(|refused| self.call.observer.refused(refused));
        for (capability, count) in more {
            self.call.observer.refused_more(capability, count);
        }
        for (level, message) in self.notes.take_lines() {
            self.write_log(level, message, None);
        }
    }

    /// Logs a line, without values of secrets.
    fn write_log(&mut self, level: &'static str, message: String, fields: Option<String>) {
        let (mut message, mut fields) = (message, fields);
        if let Some(scrubber) = self.held.scrubber() {
            message = scrubber.named(&message);
            fields = fields.and_then(|text| {
                let mut fields = serde_json::from_str(&text).ok()?;
                Some(if scrubber.clean(&mut fields) { fields.to_string() } else { text })
            });
        }
        self.log.write(&*self.call.observer, level, message, fields);
    }

    /// Logs what is left to log.
    pub(crate) fn finish_log(&mut self) {
        if let Some(outside) = &self.outside {
            outside.end_lines();
        }
        self.log_outside();
        if let Some(line) = self.metrics.dropped() {
            self.write_log("warn", line, None);
        }
        self.log.finish(&*self.call.observer);
    }

    /// Refuses to go on after too many calls into the host.
    pub(crate) fn check_host_calls(&self) -> Result<(), HostCallsExceeded> {
        let limit = self.call.limits.host_calls;
        if self.host_calls > limit { Err(HostCallsExceeded { limit }) } else { Ok(()) }
    }

    /// Counts a call into the host.
    pub(crate) fn count(&mut self) -> wasmtime::Result<()> {
        self.host_calls += 1;
        Ok(self.check_host_calls()?)
    }
}

impl Guest {
    /// What the guest hears of its attempt.
    fn identity(&self) -> &CallIdentity {
        match self.parts.effects {
            Effects::Pure => &still::IDENTITY,
            Effects::Reads | Effects::Writes => &self.call.identity,
        }
    }
}

impl types::Host for Guest {}

impl runtime::Host for Guest {
    fn run_id(&mut self) -> wasmtime::Result<String> {
        self.count()?;
        Ok(self.identity().run_id.to_string())
    }

    fn workflow_id(&mut self) -> wasmtime::Result<String> {
        self.count()?;
        Ok(self.identity().workflow_id.as_str().to_owned())
    }

    fn task_id(&mut self) -> wasmtime::Result<String> {
        self.count()?;
        Ok(self.identity().task_id.as_str().to_owned())
    }

    fn attempt(&mut self) -> wasmtime::Result<u32> {
        self.count()?;
        Ok(self.identity().attempt)
    }

    fn max_attempts(&mut self) -> wasmtime::Result<u32> {
        self.count()?;
        Ok(self.identity().max_attempts)
    }

    fn idempotency_key(&mut self) -> wasmtime::Result<String> {
        self.count()?;
        Ok(self.identity().idempotency_key.clone())
    }

    fn remaining_ms(&mut self) -> wasmtime::Result<u64> {
        self.count()?;
        let remaining = match self.parts.effects {
            // It would be a clock.
            Effects::Pure => self.call.limits.timeout,
            Effects::Reads | Effects::Writes => {
                self.deadline.saturating_duration_since(Instant::now())
            }
        };
        Ok(u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX))
    }

    fn traceparent(&mut self) -> wasmtime::Result<Option<String>> {
        self.count()?;
        Ok(self.identity().traceparent.clone())
    }

    fn log(
        &mut self,
        level: runtime::Level,
        message: String,
        fields: Option<String>,
    ) -> wasmtime::Result<()> {
        self.count()?;
        let level = match level {
            runtime::Level::Trace => "trace",
            runtime::Level::Debug => "debug",
            runtime::Level::Info => "info",
            runtime::Level::Warn => "warn",
            runtime::Level::Error => "error",
        };
        if level == "error" && fields.as_deref().is_some_and(|fields| fields.contains(PANIC_CODE)) {
            self.note_panic(&message, fields.as_deref());
        }
        self.log_outside();
        self.write_log(level, message, fields);
        Ok(())
    }

    fn progress(&mut self, fraction: f64, note: String) -> wasmtime::Result<()> {
        self.count()?;
        self.pulse.beat();
        let fraction = if fraction.is_finite() { fraction.clamp(0.0, 1.0) } else { 0.0 };
        let note = match self.held.scrubber() {
            Some(scrubber) => scrubber.named(&note),
            None => note,
        };
        self.call.observer.progress(fraction, cut(&note, LINE_BYTES_MAX));
        Ok(())
    }

    fn metric(&mut self, name: String, value: f64) -> wasmtime::Result<()> {
        self.count()?;
        // A name could be a message.
        let leaks = self.held.scrubber().is_some_and(|scrubber| scrubber.finds(name.as_bytes()));
        self.metrics.record(if leaks { "" } else { &name }, value);
        Ok(())
    }

    fn is_cancelled(&mut self) -> wasmtime::Result<bool> {
        self.count()?;
        Ok(self.call.cancel.is_cancelled())
    }
}

impl Guest {
    fn note_panic(&mut self, message: &str, fields: Option<&str>) {
        #[derive(serde::Deserialize)]
        struct Marked<'t> {
            code: Option<std::borrow::Cow<'t, str>>,
            stack: Option<std::borrow::Cow<'t, str>>,
        }
        let marked = fields.and_then(|fields| serde_json::from_str::<Marked<'_>>(fields).ok());
        let Some(marked) = marked else { return };
        if marked.code.is_some_and(|code| code == PANIC_CODE) {
            let scrubber = self.held.scrubber();
            let kept = |text: &str| match &scrubber {
                Some(scrubber) => cut(&scrubber.named(text), LINE_BYTES_MAX).to_owned(),
                None => cut(text, LINE_BYTES_MAX).to_owned(),
            };
            let stack = marked.stack.as_deref().filter(|stack| !stack.is_empty()).map(kept);
            self.panic = Some(Panic { message: kept(message), stack });
        }
    }
}

/// Counts and bounds the log of one call.
#[derive(Debug)]
pub(crate) struct Log {
    lines_max: u64,
    bytes_max: u64,
    lines: u64,
    bytes: u64,
    dropped: u64,
}

impl Log {
    const fn new(lines_max: u64, bytes_max: u64) -> Self {
        Self { lines_max, bytes_max, lines: 0, bytes: 0, dropped: 0 }
    }

    /// Lines kept.
    pub(crate) const fn lines(&self) -> u64 {
        self.lines
    }

    /// Bytes kept.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Hands a line on, if the limits allow it.
    pub(crate) fn write(
        &mut self,
        observer: &dyn CallObserver,
        level: &'static str,
        mut message: String,
        fields: Option<String>,
    ) {
        if message.len() > LINE_BYTES_MAX {
            let kept = cut(&message, LINE_BYTES_MAX).len();
            message.truncate(kept);
            message.push('…');
        }
        // Fields that are no JSON, or too long, would be trouble for every reader of the log.
        let fields = fields.filter(|fields| {
            fields.len() <= LINE_BYTES_MAX
                && serde_json::from_str::<serde::de::IgnoredAny>(fields).is_ok()
        });
        let bytes = (message.len() + fields.as_ref().map_or(0, String::len)) as u64;
        if self.lines >= self.lines_max || self.bytes + bytes > self.bytes_max {
            self.dropped += 1;
            return;
        }
        let seq = u32::try_from(self.lines).unwrap_or(u32::MAX);
        self.lines += 1;
        self.bytes += bytes;
        observer.log(LogRecord { seq, level, message, fields });
    }

    /// Says in one last line how many were dropped, if any were.
    pub(crate) fn finish(&self, observer: &dyn CallObserver) {
        if self.dropped == 0 {
            return;
        }
        let message = format!(
            "{} more lines were dropped: an attempt may log {} lines and {} bytes",
            self.dropped, self.lines_max, self.bytes_max
        );
        let seq = u32::try_from(self.lines).unwrap_or(u32::MAX);
        observer.log(LogRecord { seq, level: "warn", message, fields: None });
    }
}

/// The beginning of `text`, at most `bytes` long.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use taskloom_connectors::egress::Egress;
    use taskloom_core::id::PluginName;
    use taskloom_core::plugin::Capability;

    use super::*;
    use crate::ai::Accounts;
    use crate::load::describe_call;
    use crate::policy::{Policy, PolicyInForce};
    use crate::ports::Ports;

    fn guest() -> Guest {
        let plugin = PluginName::new("test").expect("valid");
        let call = describe_call(&plugin);
        let parts = OutsideParts {
            plugin,
            effects: Effects::Writes,
            asked: Arc::default(),
            policy: Arc::new(PolicyInForce::new(Policy::default())),
            egress: Egress::new().expect("a client"),
            ports: Ports::default(),
            accounts: Accounts::default(),
        };
        let budget = Arc::new(MemoryBudget::new(u64::MAX));
        Guest::new(call, Instant::now(), budget, Arc::new(parts))
    }

    #[test]
    fn a_refusal_in_a_later_call_of_an_instance_does_not_repeat_the_value_of_a_secret() {
        let mut later = guest();
        later.go_on_from(guest());
        later.held.spend("token", "hunter2-value");
        later.notes.refuse(Capability::Context, "to read `context.hunter2-value` was refused");
        let told = format!("{:?} {:?}", later.notes.take_lines(), later.notes.uses());
        assert!(!told.contains("hunter2-value") && told.contains("token"), "{told}");
    }
}
