//! The same behaviours of guests in every language: what a handler does means the same whatever it is written in.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use taskloom_wasm::{CallReport, Ending, Plugin, Policy};

use crate::fixture::{
    Heard, call_of, component, component_if_built, hostile_with, load, runtime, told,
};
use crate::http::{HELLO, server};
use crate::secrets::Echo;

/// A guest of the tests, in its language.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    JavaScript,
    Python,
}

pub(crate) use Language::{JavaScript, Python, Rust};

/// What a call is expected to end with: the beginning of it as [`told`] tells it.
enum Expected {
    Same(&'static str),
    /// By language, where engines differ in what they say.
    Each(&'static [(Language, &'static str)]),
}

use Expected::{Each, Same};

/// Task type, input and expected ending.
const BEHAVIOURS: &[(&str, &str, Expected)] = &[
    ("noop", "{}", Same("succeeded {}")),
    ("echo", r#"{"a":[1,"ä😀"],"b":null}"#, Same(r#"succeeded {"a":[1,"ä😀"],"b":null}"#)),
    ("fail", r#"{"class":"retryable","message":"m"}"#, Same("retryable asked-to-fail: m")),
    (
        "fail",
        r#"{"class":"retry-after","delay_ms":7}"#,
        Same("retryable after 7 ms asked-to-fail: the input asks for a failure"),
    ),
    ("fail", r#"{"class":"invalid-input","code":"c"}"#, Same("permanent c: ")),
    ("fail", r#"{"class":"permanent","code":"c"}"#, Same("permanent c: ")),
    ("fail", r#"{"class":"cancelled"}"#, Same("permanent cancelled-by-itself")),
    ("fail", "{}", Same("permanent invalid-input: the input is wrong: ")),
    ("missing", "{}", Same("permanent unknown-task-type: ")),
    (
        "wrong-output",
        "{}",
        Same("permanent invalid-output: the handler's output is wrong: /text: 5"),
    ),
    ("flood-output", r#"{"bytes":200000}"#, Same("limit output-too-large: the output has 200")),
    ("spin", "{}", Same("limit out-of-fuel: the call used up its 1000000000 units of fuel")),
    (
        "allocate",
        "{}",
        Same("limit out-of-memory: the call asked for more than its 67108864 bytes"),
    ),
    (
        "recurse",
        "{}",
        Each(&[
            (Rust, "crash stack-overflow: the handler crashed"),
            (
                JavaScript,
                "crash panic: the handler panicked: InternalError: too much recursion, at recurse",
            ),
            (
                Python,
                "crash panic: the handler panicked: RecursionError: maximum recursion depth exceeded, at",
            ),
        ]),
    ),
    (
        "panic",
        "{}",
        Each(&[
            (Rust, "crash panic: the handler panicked: nobody expected this"),
            (
                JavaScript,
                "crash panic: the handler panicked: TypeError: can't access property \"property\", \
                 value.missing is undefined, at deep (plugin.js:",
            ),
            (
                Python,
                "crash panic: the handler panicked: KeyError: 'missing', at deep (conform_py.py:",
            ),
        ]),
    ),
    ("open-url", r#"{"url":"https://a.test/"}"#, Same("permanent ")),
];

pub(crate) fn guest(language: Language, policy: Policy) -> Option<Arc<Plugin>> {
    // One after the other: the first one compiles for ten seconds, the others find its code.
    static COMPILING: Mutex<()> = Mutex::new(());
    let _compiling = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    Some(match language {
        Rust => hostile_with(policy),
        JavaScript => load("conform-js", component_if_built("conform-js")?, policy),
        Python => load("conform-py", component_if_built("conform-py")?, policy),
    })
}

async fn run(plugin: &Arc<Plugin>, short: &str, input: &str) -> (CallReport, Arc<Heard>) {
    let (mut call, heard) = call_of(plugin, short, input);
    call.limits.fuel = 1_000_000_000;
    call.limits.output_bytes = 100_000;
    (runtime().call(plugin, call).await, heard)
}

/// Runs every behaviour and says all that is not as expected.
async fn conforms(language: Language) {
    let Some(plugin) = guest(language, Policy::default()) else { return };
    let mut wrong = Vec::new();
    for (short, input, expected) in BEHAVIOURS {
        let expected = match expected {
            Same(expected) => Some(*expected),
            Each(each) => {
                each.iter().find(|(of, _)| *of == language).map(|(_, expected)| *expected)
            }
        };
        let Some(expected) = expected else { continue };
        let (report, _) = run(&plugin, short, input).await;
        let told = told(&report.ending);
        if !told.starts_with(expected) {
            wrong.push(format!("{short} {input}: `{told}` does not begin with `{expected}`"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    imports_answer(&plugin).await;
    requests_are_sent(language).await;
    grants_are_used(language).await;
}

/// Secrets, models, the context and measurements: what is granted is there, and what is not says so.
async fn grants_are_used(language: Language) {
    let nothing = guest(language, Policy::default()).expect("it was there before");
    let echo = Echo::start().await;
    let send = format!(
        r#"{{"url":"http://127.0.0.1:{}/","headers":{{"x-key":"k {{token}}"}}}}"#,
        echo.port
    );
    let ask = r#"{"prompt":"[1]","schema":{"type":"array"}}"#;
    let use_it = r#"{"set":{"seen":[1]},"get":["seen","given","nothing"]}"#;
    for (short, input) in [("send-secret", &*send), ("ask-model", ask), ("use-context", use_it)] {
        let told = told(&run(&nothing, short, input).await.0.ending);
        assert!(told.starts_with("permanent not-granted: "), "{short}: {told}");
    }
    let more = "[ai]\ntokens_per_run = 1_000_000\n[context]\nread = [\"*\"]\nwrite = [\"seen\"]\n";
    let source = echo.policy(&format!("{}{more}", echo.secret("token")));
    let policy = Policy::read("p.policy.toml", &source).expect("a policy");
    let plugin = guest(language, policy).expect("it was there before");

    let (report, _) = run(&plugin, "send-secret", &send).await;
    let sent = told(&report.ending);
    assert!(sent.starts_with("succeeded {\"status\":200"), "{sent}");
    let heard = echo.heard();
    assert!(heard[0].to_lowercase().contains("x-key: k t0ken-value&more"), "{heard:?}");
    assert!(!sent.contains("t0ken-Value&more"), "the handler gets its placeholder back: {sent}");

    let (report, _) = run(&plugin, "ask-model", ask).await;
    let asked = told(&report.ending);
    assert!(asked.contains(r#""text":"[1]","value":[1],"model":"test""#), "{asked}");
    let (report, _) = run(&plugin, "ask-model", r#"{"prompt":"refuse"}"#).await;
    let refused = told(&report.ending);
    assert!(refused.starts_with("permanent ai-blocked: the model says no"), "{refused}");

    let (mut call, _) = call_of(&plugin, "use-context", use_it);
    call.context = json!({ "given": { "a": 1 } }).as_object().expect("an object").clone().into();
    let report = runtime().call(&plugin, call).await;
    let got: Value = match &report.ending {
        Ending::Succeeded(output) => serde_json::from_str(output).expect("JSON"),
        other => panic!("{other:?}"),
    };
    assert_eq!(got, json!({ "got": { "given": { "a": 1 }, "nothing": null, "seen": [1] } }));
    let writes = report.writes.expect("it set something");
    assert_eq!(*writes, *json!({ "seen": [1] }).as_object().expect("an object"));

    let (report, _) = run(&plugin, "measure", r#"{"values":[["rows",3],["rows",4.5]]}"#).await;
    assert_eq!(told(&report.ending), "succeeded {}");
    assert_eq!(json!(report.usage.metrics), json!({ "rows": 4.5 }));
}

/// What every function of the contract gives.
async fn imports_answer(plugin: &Arc<Plugin>) {
    let (report, heard) = run(plugin, "talk", r#"{"lines":5}"#).await;
    assert_eq!(told(&report.ending), "succeeded {}");
    let expected =
        ["trace: line 1", "debug: line 2", "info: line 3", "warn: line 4", "error: line 5"];
    assert_eq!(heard.text(), expected);
    assert_eq!(
        heard.lines.lock().expect("not poisoned")[4].fields.as_deref(),
        Some(r#"{"line":5}"#)
    );
    let progress = heard.progress.lock().expect("not poisoned").clone();
    assert_eq!((progress.len(), progress[4].clone()), (5, (1.0, "line 5".to_owned())));

    let (report, _) = run(plugin, "identity", "{}").await;
    let identity = told(&report.ending);
    for expected in [
        r#""run_id":"01890a5d-ac96-774b-bcce-b302099a8057""#,
        r#""workflow_id":"test-flow""#,
        r#""task_id":"attack""#,
        r#""attempt":2"#,
        r#""max_attempts":3"#,
        r#""idempotency_key":"key""#,
        r#""traceparent":null"#,
    ] {
        assert!(identity.contains(expected), "{expected} is not in {identity}");
    }

    let input = r#"{"files":[["a.txt","ä one"],["b.txt","two"]]}"#;
    let (report, heard) = run(plugin, "leave", input).await;
    let left = told(&report.ending);
    let digest = taskloom_core::id::Digest::of("ä one".as_bytes());
    let expected =
        format!(r#"{{"artefact":"{digest}","name":"a.txt","media_type":"text/plain","bytes":6}}"#);
    assert!(left.contains(&expected), "{expected} is not in {left}");
    assert_eq!(report.usage.artefacts.len(), 2);
    let (call, reader) =
        call_of(plugin, "read-file", &format!(r#"{{"given":{expected},"wanted":"{digest}"}}"#));
    *reader.files.lock().expect("not poisoned") = heard.files.lock().expect("not poisoned").clone();
    let report = runtime().call(plugin, call).await;
    assert_eq!(told(&report.ending), r#"succeeded {"text":"ä one"}"#);
    let (report, _) = run(plugin, "read-file", &format!(r#"{{"wanted":"{digest}"}}"#)).await;
    assert!(told(&report.ending).starts_with("permanent unknown-artefact: "), "{report:?}");
    let (report, _) = run(plugin, "leave", r#"{"files":[["../a","x"]]}"#).await;
    assert!(told(&report.ending).starts_with("permanent invalid-artefact: "), "{report:?}");

    let (call, heard) = call_of(plugin, "obey-cancel", "{}");
    let (cancel, called) = (call.cancel.clone(), Arc::clone(plugin));
    let calling = tokio::spawn(async move { runtime().call(&called, call).await });
    heard.spoke.notified().await;
    cancel.cancel("a person asked");
    let report = calling.await.expect("no panic");
    assert_eq!(told(&report.ending), "cancelled: a person asked");
}

/// Requests that are granted, forbidden by the effects, and unanswered.
async fn requests_are_sent(language: Language) {
    let port = server(Some(HELLO)).await;
    let source = format!(
        "[[http]]\nhost = \"127.0.0.1\"\nport = {port}\nschemes = [\"http\"]\nmethods = [\"GET\", \"POST\"]\n"
    );
    let policy = Policy::read("p.policy.toml", &source).expect("a policy");
    let plugin = guest(language, policy).expect("it was there before");
    let get = format!(r#"{{"url":"http://127.0.0.1:{port}/"}}"#);
    let post = format!(r#"{{"url":"http://127.0.0.1:{port}/","method":"POST","body":"b"}}"#);
    for (short, input, expected) in [
        ("open-url", &get, r#"succeeded {"status":200,"body":"hello"}"#),
        ("open-url", &post, r#"succeeded {"status":200,"body":"hello"}"#),
        ("open-url-reads", &get, "succeeded"),
        ("open-url-reads", &post, "permanent "),
        ("open-url-pure", &get, "permanent "),
    ] {
        let (report, _) = run(&plugin, short, input).await;
        let told = told(&report.ending);
        assert!(told.starts_with(expected), "{short} {input}: {told}");
    }
}

#[tokio::test]
async fn guests_in_rust_conform() {
    assert!(!component("hostile").is_empty());
    conforms(Rust).await;
}

#[tokio::test]
async fn guests_in_javascript_conform() {
    conforms(JavaScript).await;
}

#[tokio::test]
async fn guests_in_python_conform() {
    conforms(Python).await;
}

/// The stack of an exception is that of the author's own files, and stands in the details and in the log.
#[tokio::test]
async fn an_exception_tells_its_stack() {
    for (language, expected) in [
        (JavaScript, &["at deep (plugin.js:", "\nat panic (plugin.js:"][..]),
        (
            Python,
            &[
                "Traceback (most recent call last):\n  File \"conform_py.py\", line ",
                ", in panic\n  File \"conform_py.py\", line ",
                ", in deep\nKeyError: 'missing'",
            ],
        ),
    ] {
        let Some(plugin) = guest(language, Policy::default()) else { continue };
        let (report, heard) = run(&plugin, "panic", "{}").await;
        let Ending::Failed { failure, .. } = report.ending else { panic!("{report:?}") };
        let stack = failure.details.expect("details")["stack"].as_str().expect("text").to_owned();
        for part in expected {
            assert!(stack.contains(part), "{part} is not in {stack}");
        }
        assert!(!stack.contains("taskloom"), "frames of the SDK are left out: {stack}");
        assert!(heard.text()[0].starts_with("error: "), "{:?}", heard.text());
    }
}

/// What one call leaves in its instance is not there for the next; chance is chance, but follows from the input where a task
/// type is pure.
#[tokio::test]
async fn calls_find_nothing_of_each_other() {
    for language in [JavaScript, Python] {
        let Some(plugin) = guest(language, Policy::default()) else { continue };
        for _ in 0..2 {
            let (report, _) = run(&plugin, "count", "{}").await;
            assert_eq!(told(&report.ending), r#"succeeded {"calls":1}"#);
        }
        let mut chance = Vec::new();
        for short in ["chance", "chance", "chance-writes", "chance-writes"] {
            chance.push(told(&run(&plugin, short, "{}").await.0.ending));
        }
        assert_eq!(chance[0], chance[1], "a pure task type gives the same for the same input");
        assert_ne!(chance[2], chance[3], "any other has random numbers");
    }
}

/// What a handler prints becomes a line of the log.
#[tokio::test]
async fn what_is_printed_is_logged() {
    for language in [JavaScript, Python] {
        let Some(plugin) = guest(language, Policy::default()) else { continue };
        let (report, heard) = run(&plugin, "print", "{}").await;
        assert_eq!(told(&report.ending), "succeeded {}");
        let lines = heard.text();
        assert!(lines.iter().any(|line| line.ends_with("to the log")), "{lines:?}");
    }
}
