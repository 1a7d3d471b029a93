//! The way from the contract's exports to a handler and back, and the macro that lays it.

use std::panic::PanicHookInfo;
use std::sync::Once;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::bindings::exports::taskloom::plugin::handler::TaskError;
use crate::bindings::taskloom::plugin::types;
use crate::log::Level;
use crate::manifest::Manifest;
use crate::{Class, Error, Failure, Result, host};

/// Makes a plugin of handlers. Invoke it once, at the top level of the crate.
///
/// ```
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
/// # use taskloom_sdk::{Result, plugin};
/// # #[derive(Deserialize, JsonSchema)] struct Query { url: String }
/// # #[derive(Serialize, JsonSchema)] struct Page { text: String }
/// # fn fetch(_: Query) -> Result<Page> { Ok(Page { text: String::new() }) }
/// plugin! {
///     name: "web",                        // default: the package's name
///     summary: "Fetches pages.",          // default: the package's description
///     http: ["example.org"],              // hosts it wants to call; default: none
///     secrets: ["example-token"],         // secrets it wants to use; default: none
///     ai: true,                           // whether it wants to ask models; default: false
///     reuse: false,                       // whether an instance may serve more than one call; default: false
///     reads_context: ["*"],               // names of the context it wants to read; default: none
///     writes_context: ["pages"],          // names of the context it wants to set; default: none
///
///     /// Fetches one page.
///     ///
///     /// The first paragraph is the summary, the rest the documentation in Markdown.
///     "fetch" => fetch {
///         effects: Reads,                 // Pure | Reads | Writes (default)
///         class: Io,                      // Cpu (default) | Io | Ai | Github
///         idempotent: true,               // default: false, but true for Pure
///         timeout_ms: 30_000,             // limits wished for: fuel, memory_bytes, timeout_ms, output_bytes
///     },
/// }
/// ```
///
/// The version is the package's. The name must equal the stem of the file in the plugins folder, and a
/// task type is named `<plugin>.<short name>` in workflows.
#[macro_export]
macro_rules! plugin {
    (
        $($key:ident : $value:expr,)*
        $(
            $(#[doc = $doc:literal])*
            $task:literal => $handler:path { $($option:ident : $setting:expr),* $(,)? }
        ),+ $(,)?
    ) => {
        /// What this plugin says about itself.
        fn __taskloom_manifest() -> $crate::macros::Manifest {
            #[allow(unused_imports, reason = "so that settings are short words")]
            use $crate::{Effects::*, ResourceClass::*};
            let manifest = $crate::macros::Manifest::new(
                env!("CARGO_PKG_NAME"),
                env!("CARGO_PKG_VERSION"),
                env!("CARGO_PKG_DESCRIPTION"),
            );
            $(let manifest = manifest.$key($value);)*
            $(
                let (summary, docs) = $crate::macros::summary_and_docs(&[$($doc),*]);
                let task_type = $crate::macros::TaskType::of($handler).summary(&summary).docs(&docs);
                $(let task_type = task_type.$option($setting);)*
                let manifest = manifest.task_type($task, task_type);
            )+
            manifest
        }

        /// Runs the handler of one task type.
        fn __taskloom_execute(task_type: &str, input: &str) -> $crate::Result<String> {
            match task_type {
                $($task => $crate::macros::call($handler, input),)+
                _ => $crate::macros::unknown(task_type, &[$($task),+]),
            }
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            struct Component;

            impl $crate::bindings::exports::taskloom::plugin::handler::Guest for Component {
                fn describe() -> String {
                    $crate::macros::describe(__taskloom_manifest)
                }

                fn execute(task_type: String, input: String) -> $crate::macros::Answer {
                    $crate::macros::execute(__taskloom_execute, &task_type, &input)
                }
            }

            $crate::bindings::export!(Component with_types_in $crate::bindings);
        };

        #[cfg(not(target_arch = "wasm32"))]
        const _: () = $crate::testing::unused_outside_a_component(__taskloom_manifest, __taskloom_execute);
    };
}

/// What `execute` gives back to the host.
pub type Answer = std::result::Result<String, TaskError>;

/// The manifest as JSON text.
pub fn describe(manifest: fn() -> Manifest) -> String {
    report_panics();
    serde_json::to_string(&manifest()).expect("a manifest is plain data")
}

/// Runs one task type, with panics reported.
pub fn execute(run: fn(&str, &str) -> Result<String>, task_type: &str, input: &str) -> Answer {
    report_panics();
    run(task_type, input).map_err(TaskError::from)
}

/// Calls `handler` on a JSON text and gives its output as JSON text.
///
/// # Errors
/// When the input does not fit the handler's type, when the handler fails, and when its output is no
/// JSON.
pub fn call<I: DeserializeOwned, O: Serialize>(
    handler: fn(I) -> Result<O>,
    input: &str,
) -> Result<String> {
    let input = serde_json::from_str(input)
        .map_err(|error| Error::invalid_input("invalid-input", error.to_string()))?;
    let output = handler(input)?;
    serde_json::to_string(&output)
        .map_err(|error| Error::permanent("invalid-output", error.to_string()))
}

/// The end of a call for a task type that the plugin does not have.
///
/// # Errors
/// Always.
pub fn unknown(task_type: &str, known: &[&str]) -> Result<String> {
    Err(Error::permanent(
        "unknown-task-type",
        format!("unknown task type `{task_type}`; this plugin has `{}`", known.join("`, `")),
    ))
}

/// Sends the message and the place of a panic to the log before the call traps.
fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(report_panic)));
}

fn report_panic(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("panicked with a value that is no text");
    let fields = match panic.location() {
        Some(at) => {
            json!({ "code": "panic", "file": at.file(), "line": at.line(), "column": at.column() })
        }
        None => json!({ "code": "panic" }),
    };
    let place = panic.location().map(|at| format!(" at {at}")).unwrap_or_default();
    host::log(Level::Error, &format!("{message}{place}"), Some(&fields));
}

impl From<Error> for TaskError {
    fn from(error: Error) -> Self {
        let (class, failure) = error.into_parts();
        match class {
            Class::Retryable => Self::Retryable(failure.into()),
            Class::RetryAfter(delay) => {
                let milliseconds = delay.as_nanos().div_ceil(1_000_000);
                Self::RetryAfter((failure.into(), milliseconds.try_into().unwrap_or(u64::MAX)))
            }
            Class::InvalidInput => Self::InvalidInput(failure.into()),
            Class::Permanent => Self::Permanent(failure.into()),
            Class::Cancelled => Self::Cancelled,
        }
    }
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code,
            message: failure.message,
            details: failure.details.map(|details| details.to_string()),
        }
    }
}
