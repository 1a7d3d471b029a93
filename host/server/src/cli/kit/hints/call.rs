//! What to do about calls that failed, in the words of the language that the plugin is written in.

use taskloom_core::failure::Failure;

use super::{Hint, found};
use crate::cli::kit::language::Language;

const CALLS_ITSELF: &str =
    "a function calls itself too deeply: use a loop with a list of what is left to do";

/// Codes and messages of failures. What is in braces is one of [`WORDS`]. Of several the first says most: a
/// panic, for one, only matters where nothing explains it.
const FAILURES: [Hint; 18] = [
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
        &["ReferenceError: process is not defined"],
        "a plugin has no environment, and nothing else of Node: take it from the input, or have a secret granted",
    ),
    (
        &["FileNotFoundError"],
        "a plugin has no files: the SDK's `artefact` reads what the input refers to, and leaves files",
    ),
    (
        &["can't start new thread"],
        "a plugin has no threads: do one thing after the other, or make more tasks",
    ),
    (&["declared `reads`"], "a task type that sends anything but GET and HEAD declares {writes}"),
    (
        &["declared `pure`"],
        "a task type that asks for anything outside declares {reads}, or {writes} when it changes something",
    ),
    (
        &["policy.toml", "grant"],
        "what a plugin may do is granted by the file beside it, NAME.policy.toml; its keys are in \
         taskloom/docs/capabilities.md of the project",
    ),
    (
        &["out-of-fuel"],
        "is there a loop without an end? If the work is that much, wish for more: {fuel} of the task type, or \
         `limits.fuel` of the task",
    ),
    (
        &["out-of-memory"],
        "if it takes that much, wish for more: {memory} of the task type, or `limits.memory` of the task",
    ),
    (
        &["output-too-large"],
        "leave what is large as an artefact and return the reference, or wish for more: {output} of the task type",
    ),
    (
        &["input-too-large"],
        "hand over what is large as an artefact, and read it with the SDK's `artefact`",
    ),
    (
        &["`timeout`"],
        "if it takes that long, wish for more: {timeout} of the task type, or `timeout` of the task",
    ),
    (&["too much recursion"], CALLS_ITSELF),
    (&["RecursionError"], CALLS_ITSELF),
    (
        &["`panic`"],
        "a panic, or an exception that nobody catches, counts as a crash and is tried again; {error} says which class of \
         failure it is",
    ),
    (
        &["memory", "out of bounds"],
        "a function calls itself too deeply, or keeps too much on its stack: use a loop with a list of what is left to \
         do{heap}",
    ),
    (&["stack-overflow"], CALLS_ITSELF),
];

/// What stands for words, and those in Rust, JavaScript, Python and where the language is not known.
const WORDS: [(&str, [&str; 4]); 8] = [
    ("{fuel}", ["`fuel: …`", "`limits: { fuel: … }`", "`limits={\"fuel\": …}`", "`fuel`"]),
    (
        "{memory}",
        [
            "`memory_bytes: …`",
            "`limits: { memoryBytes: … }`",
            "`limits={\"memory_bytes\": …}`",
            "`memory_bytes`",
        ],
    ),
    (
        "{timeout}",
        [
            "`timeout_ms: …`",
            "`limits: { timeoutMs: … }`",
            "`limits={\"timeout_ms\": …}`",
            "`timeout_ms`",
        ],
    ),
    (
        "{output}",
        [
            "`output_bytes: …`",
            "`limits: { outputBytes: … }`",
            "`limits={\"output_bytes\": …}`",
            "`output_bytes`",
        ],
    ),
    (
        "{reads}",
        ["`effects: Reads`", "`effects: 'reads'`", "`effects=\"reads\"`", "the effects `reads`"],
    ),
    (
        "{writes}",
        [
            "`effects: Writes`",
            "`effects: 'writes'`",
            "`effects=\"writes\"`",
            "the effects `writes`",
        ],
    ),
    ("{error}", ["an `Error` of the SDK", "a `TaskError`", "a `TaskError`", "an error of the SDK"]),
    ("{heap}", [", and `Vec` for what is large", "", "", ""]),
];

/// What to do about a call that failed.
pub(in crate::cli::kit) fn of_failure(
    failure: &Failure,
    language: Option<Language>,
) -> Vec<String> {
    let text = format!("`{}` {} {}", failure.code, failure.code, failure.message);
    found(&FAILURES, &text).into_iter().take(1).map(|hint| in_words_of(language, hint)).collect()
}

fn in_words_of(language: Option<Language>, hint: String) -> String {
    let place = match language {
        Some(Language::Rust) => 0,
        Some(Language::JavaScript) => 1,
        Some(Language::Python) => 2,
        None => 3,
    };
    WORDS.iter().fold(hint, |hint, (mark, words)| hint.replace(mark, words[place]))
}

#[cfg(test)]
mod tests {
    use taskloom_core::failure::FailureClass;

    use super::*;

    fn hint(code: &str, message: &str, language: Option<Language>) -> String {
        let failure = Failure::new(FailureClass::Limit, code, message);
        of_failure(&failure, language).concat()
    }

    #[test]
    fn hints_are_in_the_words_of_the_language() {
        for (language, expected) in [
            (Some(Language::Rust), "`memory_bytes: …` of"),
            (Some(Language::JavaScript), "`limits: { memoryBytes: … }` of"),
            (Some(Language::Python), "`limits={\"memory_bytes\": …}` of"),
            (None, "more: `memory_bytes` of"),
        ] {
            let hint = hint("out-of-memory", "", language);
            assert!(hint.contains(expected), "{hint}");
        }
        assert!(!hint("trap", "memory out of bounds", Some(Language::Python)).contains("Vec"));
    }

    #[test]
    fn no_hint_has_a_mark_that_stands_for_nothing() {
        for (_, hint) in FAILURES {
            let told = in_words_of(None, hint.to_owned());
            let left = told.find('{').filter(|at| !told[..*at].ends_with('$'));
            assert_eq!(left, None, "{told}");
        }
    }
}
