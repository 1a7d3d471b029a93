//! What to do about the mistakes that authors make most.
//!
//! Compilers, the encoder and the host say what is wrong in their own words, which are shown as they are. Where these do not say
//! what an author of a plugin should do, this adds it. `docs/plugin-authoring.md` lists the mistakes.

use taskloom_core::failure::Failure;
use taskloom_wasm::{CONTRACT, LoadError};

use super::language::Language;

/// What is searched for, all of it, and what to do when it is there.
type Hint = (&'static [&'static str], &'static str);

/// Sentences of the compiler of Rust.
const RUSTC: [Hint; 8] = [
    (
        &["getrandom", "wasm32-unknown-unknown"],
        "a dependency wants random numbers of a browser: turn off the feature that does (`cargo tree --target \
         wasm32-unknown-unknown -i getrandom` says who), or take the numbers from the input",
    ),
    (
        &["JsonSchema` is not"],
        "every type in an input or output needs a schema: `#[derive(JsonSchema)]` from schemars, beside serde's \
         derive",
    ),
    (
        &["JsonSchema` is not satisfied"],
        "every type in an input or output needs a schema: `#[derive(JsonSchema)]` from schemars, beside serde's \
         derive",
    ),
    (
        &["This wasm target is unsupported by mio"],
        "a plugin has no sockets: requests go through `taskloom_sdk::http`, and nothing else is needed for them",
    ),
    (
        &["are supported on wasm"],
        "a plugin has no sockets and no threads: leave tokio out; requests go through `taskloom_sdk::http`, and a \
         handler is a plain function",
    ),
    (
        &["expected fn pointer"],
        "a handler is `fn(Input) -> taskloom_sdk::Result<Output>`: one typed input, no `async`",
    ),
    (
        &["undefined symbol"],
        "a dependency calls a function of C that nothing provides: it cannot be used in a plugin",
    ),
    (
        &["unresolved import `taskloom_sdk"],
        "what the SDK offers is listed at the top of `taskloom/sdk/rust/src/lib.rs`",
    ),
];

/// Sentences of the encoder, which makes a component of a module.
const ENCODING: [Hint; 4] = [
    (
        &["export", "taskloom:plugin/handler"],
        "declare what the plugin offers: `plugin! { \"greet\" => greet {} }` of the SDK, once, at the top level of \
         `src/lib.rs`",
    ),
    (
        &["__wbindgen"],
        "a dependency wants the JavaScript of a browser (wasm-bindgen): turn off the feature that does; `cargo tree \
         --target wasm32-unknown-unknown -i wasm-bindgen` says who",
    ),
    (
        &["`env`"],
        "a dependency calls a function of C that nothing provides: it cannot be used in a plugin",
    ),
    (
        &["wasi_snapshot_preview1"],
        "a dependency wants an older WASI: build for wasm32-unknown-unknown, as `taskloom plugin build` does",
    ),
];

/// Codes and messages of failures of calls.
const FAILURES: [Hint; 13] = [
    (
        &["time not implemented on this platform"],
        "a plugin in Rust has no clock: take the time from the input, such as `${run.started_at}` in the workflow",
    ),
    (
        &["operation not supported on this platform"],
        "a plugin has no files, sockets, processes or threads: requests go through the SDK's `http`, files through its \
         `artefact`",
    ),
    (
        &["declared `reads`"],
        "a task type that sends anything but GET and HEAD declares the effects `writes`",
    ),
    (
        &["declared `pure`"],
        "a task type that asks for anything outside declares the effects `reads`, or `writes` when it changes something",
    ),
    (
        &["policy.toml", "grant"],
        "what a plugin may do is granted by the file beside it, NAME.policy.toml; the keys are in docs/plugins.md",
    ),
    (
        &["out-of-fuel"],
        "is there a loop without an end? If the work is that much, wish for more: `fuel: …` of the task type, or \
         `limits.fuel` of the task",
    ),
    (
        &["out-of-memory"],
        "if it takes that much, wish for more: `memory_bytes: …` of the task type, or `limits.memory` of the task",
    ),
    (
        &["output-too-large"],
        "leave what is large as an artefact and return the reference, or wish for more: `output_bytes: …` of the task \
         type",
    ),
    (
        &["input-too-large"],
        "hand over what is large as an artefact, and read it with the SDK's `artefact`",
    ),
    (
        &["`timeout`"],
        "if it takes that long, wish for more: `timeout_ms: …` of the task type, or `timeout` of the task",
    ),
    (
        &["`panic`"],
        "a panic, or an exception that nobody catches, counts as a crash and is tried again; an error of the SDK says which class \
         of failure it is",
    ),
    (
        &["memory", "out of bounds"],
        "a function calls itself too deeply, or keeps too much on its stack: use a loop with a list of what is left to do, \
         and `Vec` for what is large",
    ),
    (
        &["stack-overflow"],
        "a function calls itself too deeply: use a loop with a list of what is left to do",
    ),
];

/// What to do about errors of the compiler of Rust.
pub(super) fn of_rustc(text: &str) -> Vec<String> {
    // Colours stand between the words on a terminal.
    found(&RUSTC, &anstream::adapter::strip_str(text).to_string())
}

/// What to do about a module that is no component.
pub(super) fn of_encoding(text: &str) -> Vec<String> {
    found(&ENCODING, text)
}

/// What to do about a call that failed.
pub(super) fn of_failure(failure: &Failure) -> Vec<String> {
    let text = format!("`{}` {} {}", failure.code, failure.code, failure.message);
    // The first says most: a panic, for one, only matters where nothing explains it.
    found(&FAILURES, &text).into_iter().take(1).collect()
}

/// What to do about a component that a host refuses.
pub(super) fn of_load(error: &LoadError, language: Option<Language>) -> Vec<String> {
    let hint = match (error, language) {
        (LoadError::CoreModule, _) => {
            "`taskloom plugin build` in the plugin's project makes a component".to_owned()
        }
        (LoadError::NotAPlugin, Some(Language::Rust)) => {
            "declare what the plugin offers: `plugin! { \"greet\" => greet {} }` of the SDK, once, at the top level of \
             `src/lib.rs`"
                .to_owned()
        }
        (LoadError::NotAPlugin, Some(Language::JavaScript)) => {
            "the plugin's module has `export default plugin({ … })` of the SDK".to_owned()
        }
        (LoadError::NotAPlugin, Some(Language::Python)) => {
            "the plugin's module has `plugin = Plugin(…)` of the SDK at its top level".to_owned()
        }
        (LoadError::NotAPlugin, None) => {
            "a plugin exports the handler that its SDK makes: `taskloom plugin new NAME` begins one".to_owned()
        }
        (LoadError::OtherContract { .. }, _) => format!(
            "this taskloom has the SDK for contract {CONTRACT}: take the folder `taskloom/` of a fresh `taskloom plugin \
             new`, then build again"
        ),
        (LoadError::Link(_), _) => {
            "a plugin may import the contract and WASI 0.2; `taskloom plugin inspect` lists what it imports".to_owned()
        }
        _ => return Vec::new(),
    };
    vec![hint]
}

fn found(hints: &[Hint], text: &str) -> Vec<String> {
    let applies = |(parts, _): &&Hint| parts.iter().all(|part| text.contains(part));
    let mut found: Vec<String> =
        hints.iter().filter(applies).map(|(_, hint)| (*hint).to_owned()).collect();
    found.dedup();
    found
}
