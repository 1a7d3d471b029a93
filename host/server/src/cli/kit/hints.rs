//! What to do about the mistakes that authors make most.
//!
//! Compilers, the encoder and the host say what is wrong in their own words, which are shown as they are. Where these do not say
//! what an author of a plugin should do, this adds it. `docs/plugin-authoring.md` lists the mistakes.

mod call;

use taskloom_wasm::{CONTRACT, LoadError};

use super::language::Language;

pub(super) use call::of_failure;

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

/// What to do about errors of the compiler of Rust.
pub(super) fn of_rustc(text: &str) -> Vec<String> {
    // Colours stand between the words on a terminal.
    found(&RUSTC, &anstream::adapter::strip_str(text).to_string())
}

/// What to do about a module that is no component.
pub(super) fn of_encoding(text: &str) -> Vec<String> {
    found(&ENCODING, text)
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
