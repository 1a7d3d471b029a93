//! What `plugin!` makes of a crate, as a host sees it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use taskloom_sdk::testing::Host;
use taskloom_sdk::{Class, Error, Result, check_cancelled, log, plugin, progress, task, testing};

/// What to repeat.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Input {
    /// The word.
    word: String,
    #[serde(default)]
    times: u8,
}

#[derive(Serialize, JsonSchema)]
struct Output {
    words: Vec<String>,
}

fn repeat(input: Input) -> Result<Output> {
    let mut words = Vec::new();
    for turn in 1..=input.times {
        check_cancelled()?;
        progress(f64::from(turn) / f64::from(input.times), "repeating");
        words.push(input.word.clone());
    }
    log::info!("repeated {}", input.word; times = input.times, attempt = task().attempt());
    Ok(Output { words })
}

fn fail(delay_us: u64) -> Result<Output> {
    Err(Error::retry_after(Duration::from_micros(delay_us), "later", "not now"))
}

plugin! {
    name: "parrot",
    summary: "Repeats.",
    http: ["a.example", "*"],

    /// Repeats a word.
    ///
    /// As often as it is told.
    "repeat" => repeat { effects: Pure, fuel: 1_000, timeout_ms: 50 },
    "fail" => fail { effects: Reads, class: Github, idempotent: true },
    "bare" => fail {},
}

#[test]
fn the_manifest_says_what_the_macro_says() {
    let manifest = testing::manifest!();
    for (pointer, value) in [
        ("/name", json!("parrot")),
        ("/version", json!(env!("CARGO_PKG_VERSION"))),
        ("/summary", json!("Repeats.")),
        ("/contract", json!("1.0.0")),
        ("/capabilities", json!({ "http": ["a.example", "*"] })),
        ("/task_types/repeat/summary", json!("Repeats a word.")),
        ("/task_types/repeat/docs", json!("As often as it is told.")),
        ("/task_types/repeat/effects", json!("pure")),
        ("/task_types/repeat/resource_class", json!("cpu")),
        ("/task_types/repeat/idempotent", json!(true)),
        ("/task_types/repeat/limits", json!({ "fuel": 1000, "timeout_ms": 50 })),
        ("/task_types/fail/effects", json!("reads")),
        ("/task_types/fail/resource_class", json!("github")),
        ("/task_types/fail/idempotent", json!(true)),
        ("/task_types/bare/effects", json!("writes")),
        ("/task_types/bare/idempotent", json!(false)),
    ] {
        assert_eq!(manifest.pointer(pointer), Some(&value), "{pointer}");
    }
    let keys: Vec<_> = manifest["task_types"]["bare"].as_object().expect("object").keys().collect();
    let required =
        ["effects", "idempotent", "input_schema", "output_schema", "resource_class", "summary"];
    assert_eq!(keys, required, "what is empty is left out");
}

#[test]
fn the_schemas_come_from_the_types() {
    let task_type = &testing::manifest!()["task_types"]["repeat"];
    let schema = "https://json-schema.org/draft/2020-12/schema";
    assert_eq!(
        task_type["input_schema"],
        json!({
            "$schema": schema,
            "title": "Input",
            "description": "What to repeat.",
            "type": "object",
            "additionalProperties": false,
            "required": ["word"],
            "properties": {
                "word": { "type": "string", "description": "The word." },
                "times": {
                    "type": "integer", "format": "uint8", "minimum": 0, "maximum": 255, "default": 0,
                },
            },
        })
    );
    assert_eq!(task_type["output_schema"]["required"], json!(["words"]));
}

#[test]
fn a_handler_is_called_with_json() {
    let (output, record) = Host::new()
        .attempt(2)
        .run(|| testing::execute!("repeat", r#"{"word":"hi","times":2}"#).expect("succeeds"));
    assert_eq!(output, r#"{"words":["hi","hi"]}"#);
    assert_eq!(record.progress, [(0.5, "repeating".to_owned()), (1.0, "repeating".to_owned())]);
    assert_eq!(record.lines[0].message, "repeated hi");
    assert_eq!(record.lines[0].fields, Some(json!({ "times": 2, "attempt": 2 })));
}

#[test]
fn a_handler_is_not_called_when_the_input_does_not_fit() {
    for input in ["{", "{}", r#"{"word":1}"#, r#"{"word":"hi","wort":1}"#] {
        let error = testing::execute!("repeat", input).expect_err(input);
        assert_eq!(
            (error.class(), error.code()),
            (Class::InvalidInput, "invalid-input"),
            "{input}"
        );
    }
    let error = testing::execute!("reptile", "{}").expect_err("no such task type");
    let message = "unknown task type `reptile`; this plugin has `repeat`, `fail`, `bare`";
    assert_eq!((error.code(), error.message()), ("unknown-task-type", message));
}

#[test]
fn a_cancelled_handler_stops() {
    let (result, record) =
        Host::new().cancelled().run(|| testing::execute!("repeat", r#"{"word":"hi","times":2}"#));
    assert_eq!(result.expect_err("stopped").class(), Class::Cancelled);
    assert!(record.progress.is_empty());
}

#[test]
fn an_error_crosses_the_border_with_all_it_has() {
    use taskloom_sdk::bindings::exports::taskloom::plugin::handler::TaskError;

    let error = testing::execute!("fail", "1500").expect_err("fails").with_details([1, 2]);
    let TaskError::RetryAfter((failure, milliseconds)) = error.into() else {
        panic!("another class");
    };
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("later", "not now"));
    assert_eq!(failure.details.as_deref(), Some("[1,2]"));
    assert_eq!(milliseconds, 2, "rounded up: never too early");
    assert!(matches!(Error::cancelled().into(), TaskError::Cancelled));
}

#[test]
fn an_error_is_a_value_for_people_too() {
    let error = Error::permanent("gone", "it is gone").with_details(json!({ "id": 7 }));
    assert_eq!(error.to_string(), "it is gone (gone)");
    assert_eq!(error.details(), Some(&json!({ "id": 7 })) as Option<&Value>);
}
