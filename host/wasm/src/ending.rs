//! What it means when a guest returns, traps or is stopped; the table is in `docs/plugins.md`.

use serde_json::Value;
use taskloom_core::attempt::ReleaseReason;
use taskloom_core::failure::{Failure, FailureClass, code};
use taskloom_core::schema::{Schema, join};
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::bindings::taskloom::plugin::types;
use crate::call::Ending;
use crate::guest::{Guest, HostCallsExceeded, Panic, cut};
use crate::memory::Refused;
use crate::notes::{Denial, Denied};
use crate::watched::Stop;

/// The code by which the SDKs say that a request was refused.
pub(crate) const DENIED: &str = "http-denied";

/// The code by which the SDKs say that a request brought no answer, and nothing of the reason.
const UNANSWERED: &str = "http-failed";

/// The longest code of a failure, in bytes.
const CODE_BYTES_MAX: usize = 64;

/// The longest message of a failure, in bytes.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// The longest details of a failure, in bytes.
const DETAILS_BYTES_MAX: usize = 64 * 1024;

/// What came out of a guest: what `execute` returned, a trap, or that it was stopped.
pub(crate) type Outcome = Result<wasmtime::Result<Result<String, types::TaskError>>, Stop>;

/// The ending that `outcome` means; `guest` knows what happened on the way.
pub(crate) fn of(outcome: Outcome, guest: &Guest, output_schema: &Schema) -> Ending {
    match outcome {
        Ok(Ok(Ok(output))) => returned(output, guest, output_schema),
        Ok(Ok(Err(error))) => after_denial(failed(error, guest), guest),
        Ok(Err(error)) => beside_denial(trapped(&error, guest), guest),
        Err(Stop::TimedOut) => {
            let message = format!("the attempt took longer than {:?}", guest.call.limits.timeout);
            Failure::new(FailureClass::Timeout, code::TIMEOUT, message).into()
        }
        Err(Stop::HeartbeatMissed(longest)) => {
            let message = format!(
                "the handler said nothing of its progress for {longest:?}, its `heartbeat`"
            );
            Failure::new(FailureClass::Timeout, code::HEARTBEAT_MISSED, message).into()
        }
        Err(Stop::Cancelled(reason)) => cancelled(&reason),
    }
}

/// The text that a call returned while the plugin was loaded; else why not, or `None` when the host
/// is busy.
pub(crate) fn of_text(outcome: Outcome, guest: &Guest) -> Result<String, Option<Failure>> {
    match of(outcome, guest, &Schema::compile(&Value::Bool(true)).expect("a schema")) {
        Ending::Succeeded(text) => Ok(text),
        Ending::Failed { failure, .. } | Ending::Cancelled(failure) => Err(Some(failure)),
        Ending::Waiting(_) => Err(None),
    }
}

/// The ending of a call that was cancelled.
pub(crate) fn cancelled(reason: &str) -> Ending {
    Ending::Cancelled(Failure::new(FailureClass::Cancelled, code::CANCELLED, reason))
}

/// A failure because of a limit.
pub(crate) fn limit(code: &str, message: impl Into<String>) -> Ending {
    Failure::new(FailureClass::Limit, code, message).into()
}

fn returned(output: String, guest: &Guest, schema: &Schema) -> Ending {
    let most = guest.call.limits.output_bytes;
    if output.len() as u64 > most {
        let message = format!("the output has {} bytes; at most {most} are allowed", output.len());
        return limit(code::OUTPUT_TOO_LARGE, message);
    }
    let invalid = |message: String| {
        let message = format!("the handler's output is wrong: {message}");
        Ending::from(Failure::new(FailureClass::Permanent, code::INVALID_OUTPUT, message))
    };
    let mut value: Value = match serde_json::from_str(&output) {
        Ok(value) => value,
        Err(error) => return invalid(format!("it is not JSON: {error}")),
    };
    let had_secret = guest.held.scrubber().is_some_and(|scrubber| scrubber.clean(&mut value));
    let output = if had_secret { value.to_string() } else { output };
    match schema.violations(&value) {
        violations if violations.is_empty() => Ending::Succeeded(output),
        violations => invalid(join(&violations)),
    }
}

fn failed(error: types::TaskError, guest: &Guest) -> Ending {
    let (class, failure, retry_after_ms) = match error {
        types::TaskError::Retryable(failure) => (FailureClass::Retryable, failure, None),
        types::TaskError::RetryAfter((failure, ms)) => (FailureClass::Retryable, failure, Some(ms)),
        types::TaskError::InvalidInput(failure) | types::TaskError::Permanent(failure) => {
            (FailureClass::Permanent, failure, None)
        }
        types::TaskError::Cancelled => {
            return match guest.call.cancel.reason() {
                Some(reason) => cancelled(reason),
                None => Failure::new(
                    FailureClass::Permanent,
                    code::CANCELLED_BY_ITSELF,
                    "the handler says that it was cancelled, but nobody cancelled it",
                )
                .into(),
            };
        }
    };
    let code = match cut(failure.code.trim(), CODE_BYTES_MAX) {
        "" => code::UNSPECIFIED,
        code => code,
    };
    let details = failure.details.map(|text| {
        let short = cut(&text, DETAILS_BYTES_MAX);
        serde_json::from_str(short).unwrap_or_else(|_| Value::String(short.to_owned()))
    });
    let message = cut(&failure.message, MESSAGE_BYTES_MAX);
    let mut failure = Failure { details, ..Failure::new(class, code, message) };
    if let Some(scrubber) = guest.held.scrubber() {
        failure.code = scrubber.named(&failure.code);
        failure.message = scrubber.named(&failure.message);
        if let Some(details) = &mut failure.details {
            scrubber.clean(details);
        }
    }
    Ending::Failed { failure, retry_after_ms }
}

fn trapped(error: &wasmtime::Error, guest: &Guest) -> Ending {
    let limits = &guest.call.limits;
    if error.is::<PoolConcurrencyLimitError>() {
        return Ending::Waiting(ReleaseReason::HostBusy);
    }
    if let Some(exceeded) = error.downcast_ref::<HostCallsExceeded>() {
        return limit(code::HOST_CALLS_EXCEEDED, exceeded.to_string());
    }
    if error.downcast_ref::<Trap>() == Some(&Trap::OutOfFuel) {
        let message = format!("the call used up its {} units of fuel", limits.fuel);
        return limit(code::OUT_OF_FUEL, message);
    }
    match guest.memory.refused() {
        Some(Refused::Host) => return Ending::Waiting(ReleaseReason::HostBusy),
        Some(Refused::Limit) => {
            let message = format!(
                "the call asked for more than its {} bytes of memory{}",
                limits.memory_bytes,
                place(error)
            );
            return limit(code::OUT_OF_MEMORY, message);
        }
        None => {}
    }
    // Without a type of its own in the library.
    if format!("{error:#}").contains("fuel allocated for hostcalls") {
        let message = "the call handed more to the host at once than it may".to_owned();
        return limit(code::OUTPUT_TOO_LARGE, message);
    }
    crashed(error, guest)
}

fn crashed(error: &wasmtime::Error, guest: &Guest) -> Ending {
    if let Some(Panic { message, stack: Some(stack) }) = &guest.panic {
        // A language with an engine of its own: the functions of the engine would say nothing.
        let message = format!("the handler panicked: {message}");
        let details = Some(serde_json::json!({ "stack": stack }));
        let message = cut(&message, MESSAGE_BYTES_MAX);
        return Failure { details, ..Failure::new(FailureClass::Crash, code::PANIC, message) }
            .into();
    }
    let (code, what) = if let Some(panic) = &guest.panic {
        (code::PANIC, format!("the handler panicked: {}", panic.message))
    } else if let Some(exit) = error.downcast_ref::<I32Exit>() {
        (code::EXITED, format!("the handler exited with status {}", exit.0))
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        let code = if *trap == Trap::StackOverflow { code::STACK_OVERFLOW } else { code::TRAP };
        let trap = trap.to_string();
        (code, format!("the handler crashed: {}", trap.trim_start_matches("wasm trap: ")))
    } else {
        (code::TRAP, format!("the handler crashed: {}", error.root_cause()))
    };
    let message = format!("{}{}", cut(&what, MESSAGE_BYTES_MAX), place(error));
    Failure::new(FailureClass::Crash, code, message).into()
}

/// Where in the guest it happened: the functions on the stack, innermost first.
fn place(error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    // The library's own text is the only place that demangles names.
    let text = backtrace.to_string();
    let functions: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once(" - ").map(|(_, function)| function.trim()))
        .map(|function| function.split_once('!').map_or(function, |(_, name)| name))
        .map(without_hash)
        .collect();
    if functions.is_empty() { String::new() } else { format!("; in {}", functions.join(" < ")) }
}

/// The name of a Rust function without the hash at its end.
fn without_hash(function: &str) -> &str {
    match function.rsplit_once("::h") {
        Some((name, hash))
            if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            name
        }
        _ => function,
    }
}

/// A failure that a handler returned after a request that was not let through. One that follows from it says why and
/// is not tried again, since that would be refused again; any other is what the handler says.
fn after_denial(ending: Ending, guest: &Guest) -> Ending {
    let Some(denied) = guest.notes.denied() else { return ending };
    let Ending::Failed { mut failure, retry_after_ms } = ending else { return ending };
    if !follows(&failure, &denied) {
        return beside_denial(Ending::Failed { failure, retry_after_ms }, guest);
    }
    let own = std::mem::take(&mut failure.message);
    match denied.denial {
        // The SDK's own words for a refusal say no more, and repeat the URL with its query.
        Denial::NotGranted(why) if failure.code == DENIED => failure.message = why,
        Denial::NotGranted(why) => {
            failure.message = format!("{why} (the handler: {own})");
            if failure.class == FailureClass::Retryable {
                failure.code = code::NOT_GRANTED.to_owned();
            }
        }
        Denial::Limit(code, why) => {
            failure.message = format!("{why} (the handler: {own})");
            failure.class = FailureClass::Limit;
            failure.code = code.to_owned();
        }
    }
    if failure.class == FailureClass::Retryable {
        failure.class = FailureClass::Permanent;
    }
    Ending::Failed { failure, retry_after_ms: None }
}

/// Whether a failure is what comes of a request that was not let through, by its code.
fn follows(failure: &Failure, denied: &Denied) -> bool {
    let Denied { code, is_doubtful, .. } = denied;
    // A handler in JavaScript is not told why a request brought no answer.
    failure.code == *code || (failure.code == UNANSWERED && !is_doubtful)
}

/// A failure that is what it is, and tells beside it that a request was not let through.
fn beside_denial(mut ending: Ending, guest: &Guest) -> Ending {
    if let Ending::Failed { failure, .. } = &mut ending
        && let Some(Denied { denial, .. }) = guest.notes.denied()
    {
        let (Denial::NotGranted(why) | Denial::Limit(_, why)) = denial;
        failure.message =
            format!("{} (before, the host refused a request: {why})", failure.message);
    }
    ending
}
