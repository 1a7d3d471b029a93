//! A plugin that does what a plugin must not do, and what tests need a plugin for.
//!
//! How each call ends is in `tests/guests/README.md`. The exports are written by hand, because
//! `plugin!` gives no way to return what is no JSON.

#![cfg(target_arch = "wasm32")]

mod ask;
mod capable;
mod exhaust;
mod finish;
mod outside;

use taskloom_sdk::bindings::exports::taskloom::plugin::handler::Guest;
use taskloom_sdk::macros::{Answer, Manifest, TaskType, call, describe, execute, unknown};
use taskloom_sdk::{Effects, ResourceClass, Result};

struct Hostile;

impl Guest for Hostile {
    fn describe() -> String {
        describe(manifest)
    }

    fn execute(task_type: String, input: String) -> Answer {
        match task_type.as_str() {
            "invalid-json" => Ok("{\"half\":".to_owned()),
            "wrong-output" => Ok("{\"text\":5}".to_owned()),
            "flood-output" => Ok(finish::flood(&input)),
            _ => execute(run, &task_type, &input),
        }
    }
}

/// Declares every task type once, for the manifest and for the call.
macro_rules! task_types {
    ($($name:literal => $handler:path, $effects:ident, $class:ident, $summary:literal;)+) => {
        fn manifest() -> Manifest {
            let name = env!("CARGO_PKG_NAME");
            let manifest =
                Manifest::new(name, env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"));
            let manifest = manifest
                .http(["*"])
                .secrets(["token", "spare", "password"])
                .ai(true)
                .reuse(true)
                .reads_context(["*"])
                .writes_context(["seen", "large"]);
            $(
                let task_type = TaskType::of($handler)
                    .summary($summary)
                    .effects(Effects::$effects)
                    .class(ResourceClass::$class);
                let manifest = manifest.task_type($name, task_type);
            )+
            manifest
        }

        fn run(task_type: &str, input: &str) -> Result<String> {
            match task_type {
                $($name => call($handler, input),)+
                _ => unknown(task_type, &[$($name),+]),
            }
        }
    };
}

task_types! {
    "spin" => exhaust::spin, Pure, Cpu, "Computes forever.";
    "spin-io" => exhaust::spin, Reads, Io, "Computes forever in a slot for waiting.";
    "allocate" => exhaust::allocate, Pure, Cpu, "Allocates forever.";
    "grow-many" => exhaust::grow_many, Pure, Cpu, "Grows its memory by a page until it is refused.";
    "fill-forever" => exhaust::fill_forever, Pure, Cpu, "Fills and moves 32 MiB forever.";
    "recurse" => exhaust::recurse, Pure, Cpu, "Calls itself forever.";
    "busy" => exhaust::busy, Reads, Cpu, "Computes for some milliseconds.";
    "log-forever" => ask::log_forever, Pure, Cpu, "Logs forever.";
    "call-host-forever" => ask::call_host, Pure, Cpu, "Calls the host a million times.";
    "ignore-cancel" => ask::ignore_cancel, Reads, Cpu, "Hears that it is cancelled and goes on.";
    "obey-cancel" => ask::obey_cancel, Reads, Cpu, "Stops when it hears that it is cancelled.";
    "open-url" => ask::open_url, Writes, Io, "Sends one request.";
    "open-url-reads" => ask::open_url, Reads, Io, "Sends one request, though it may only read.";
    "open-url-pure" => ask::open_url, Pure, Io, "Sends one request, though it may send none.";
    "park" => ask::park, Reads, Io, "Waits for the answer of a URL.";
    "hold-handles" => outside::hold_handles, Reads, Cpu, "Takes handles and gives none back.";
    "huge-list" => outside::huge_list, Reads, Cpu, "Hands a long list of headers to the host.";
    "inject-header" => outside::inject_header, Reads, Io, "Hands over a header as it is.";
    "inject-url" => outside::inject_url, Reads, Io, "Hands over a URL as it is.";
    "request-then" => outside::request_then, Reads, Io, "Sends a request, then ends as its input says.";
    "follow" => outside::follow, Reads, Io, "Goes wherever an answer sends it.";
    "talk" => ask::talk, Reads, Cpu, "Logs lines and says how far it is.";
    "identity" => ask::identity, Reads, Cpu, "Gives what the host says about the attempt.";
    "identity-pure" => ask::identity, Pure, Cpu, "The same, though it may not depend on it.";
    "leave" => ask::leave, Reads, Cpu, "Leaves files as its input says, then fails if it says so.";
    "read-file" => ask::read_file, Reads, Cpu, "Gives the text of a file that its input refers to.";
    "send-secret" => capable::send_secret, Writes, Io, "Sends a request with placeholders.";
    "send-secret-pure" => capable::send_secret, Pure, Io, "The same, though it may have none.";
    "ask-model" => capable::ask_model, Reads, Io, "Asks a model as its input says.";
    "ask-model-pure" => capable::ask_model, Pure, Io, "The same, though it may ask none.";
    "use-context" => capable::use_context, Writes, Cpu, "Sets and reads names of the context.";
    "use-context-reads" => capable::use_context, Reads, Cpu, "The same, though it may set none.";
    "flood-refusals" => capable::flood_refusals, Reads, Cpu, "Asks for what it is refused.";
    "measure" => capable::measure, Pure, Cpu, "Records measurements.";
    "noop" => finish::noop, Pure, Cpu, "Does nothing.";
    "count-calls" => finish::count_calls, Reads, Cpu, "Says how many calls its instance has served.";
    "panic-reads" => finish::panic, Reads, Cpu, "Panics in an instance that another call may have had.";
    "echo" => finish::echo, Pure, Cpu, "Gives its input.";
    "panic" => finish::panic, Pure, Cpu, "Panics.";
    "trap" => finish::trap, Pure, Cpu, "Executes an instruction that must not be reached.";
    "fail" => finish::fail, Reads, Cpu, "Fails as its input says.";
    "flaky" => finish::flaky, Reads, Cpu, "Fails until a given attempt.";
    "invalid-json" => finish::noop, Pure, Cpu, "Gives half an object.";
    "wrong-output" => finish::text, Pure, Cpu, "Gives what its output schema forbids.";
    "flood-output" => finish::text, Pure, Cpu, "Gives 100 MB, or as many bytes as its input says.";
}

taskloom_sdk::bindings::export!(Hostile with_types_in taskloom_sdk::bindings);
