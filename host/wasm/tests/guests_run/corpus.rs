//! What no compiler would write: each has a stated ending, and none of them costs the host more than a
//! call may.

use std::sync::Arc;
use std::time::Duration;

use taskloom_core::id::TaskType;
use taskloom_core::plugin::LimitsWish;
use taskloom_wasm::{CallLimits, LoadError, Plugin, Policy, Runtime, RuntimeConfig};

use crate::by_hand::{COSTLY_TURNS, DATA, Module, answer, costly, manifest, padded, refused};
use crate::fixture::{call, name, runtime, told};

/// A well-behaved handler.
fn plain() -> Module {
    Module::new("corpus")
}

async fn ending(module: &Module, input: &str) -> String {
    // Enough for every answer here, and little enough to be used up soon.
    ending_under(module, input, |limits| limits.fuel = 100_000_000).await
}

/// How a call of a module by hand ends under changed limits.
async fn ending_under(
    module: &Module,
    input: &str,
    change: impl FnOnce(&mut CallLimits),
) -> String {
    let plugin = loaded(module.component());
    let (mut call, _) = call("echo", input);
    call.task_type = TaskType::new("corpus.run").expect("a task type");
    call.limits = runtime().limits(&plugin, &call.task_type, &LimitsWish::default());
    change(&mut call.limits);
    told(&runtime().call(&plugin, call).await.ending)
}

fn loaded(bytes: Vec<u8>) -> Arc<Plugin> {
    let load = move || runtime().load(&name("corpus"), &bytes, Policy::default());
    std::thread::spawn(load).join().expect("no panic").expect("a plugin")
}

#[tokio::test]
async fn a_handler_by_hand_works() {
    assert_eq!(ending(&plain(), "{}").await, "succeeded {}");
}

#[test]
fn what_no_host_may_take_is_refused_with_its_reason() {
    for file in refused() {
        let load = runtime().load(&name(&file.name), &file.bytes, Policy::default());
        let said = load.expect_err(&file.name).to_string();
        assert!(said.contains(file.reason), "{}: `{said}` has not `{}`", file.name, file.reason);
    }
}

#[test]
fn a_long_file_is_loaded_up_to_the_limit() {
    let most = usize::try_from(taskloom_wasm::COMPONENT_BYTES_MAX).expect("fits");
    let plugin = loaded(padded(plain().component(), most));
    assert_eq!(plugin.bytes(), taskloom_wasm::COMPONENT_BYTES_MAX);
}

#[test]
fn what_takes_the_compiler_too_long_is_refused() {
    let compile_time = Duration::from_millis(20);
    let config = RuntimeConfig { instances_max: 1, compile_time, ..RuntimeConfig::default() };
    let hasty = Runtime::new(config).expect("a runtime");
    let bytes = costly("corpus", COSTLY_TURNS, "");
    let error = hasty.load(&name("corpus"), &bytes, Policy::default()).expect_err("refused");
    assert_eq!(error, LoadError::CompileTimeout { limit: compile_time });
    assert_eq!(error.to_string(), "compiling it took longer than 20ms");
}

#[tokio::test]
async fn what_answers_with_what_is_no_answer_crashes_alone() {
    let with = |execute: String| Module { execute, ..plain() };
    let no_text = format!("(i32.store (i32.const 0) (i32.const 0xfffefdfc)) {}", answer(0, 4));
    let no_case = format!(
        "{} (drop) (i32.store8 (i32.const 32) (i32.const 77)) (i32.const 32)",
        answer(0, 2)
    );
    for (what, module, expected) in [
        ("no UTF-8", with(no_text), "crash trap"),
        ("a text beyond the memory", with(answer(0x7fff_fff0, 64)), "crash trap"),
        ("a text of 2 GiB", with(answer(0, 0x7fff_ffff)), "crash trap"),
        ("a case that is none", with(no_case), "crash trap"),
    ] {
        let said = ending(&module, "{\"some\": \"input\"}").await;
        assert!(said.starts_with(expected), "{what}: {said}");
    }
}

#[tokio::test]
async fn a_pattern_of_a_schema_does_not_compute_forever() {
    let schema = "{\"type\": \"string\", \"pattern\": \"^(([a-z])+.)+[A-Z]([a-z])+$\"}";
    let manifest = manifest("corpus", schema, "{}");
    let input = format!("\"{}\"", "a".repeat(60));
    let said = ending(&Module { manifest, ..plain() }, &input).await;
    assert!(said.starts_with("permanent invalid-input"), "{said}");
}

#[tokio::test]
async fn handles_are_counted() {
    let (mut call, _) = call("hold-handles", "{}");
    call.limits = CallLimits { fuel: u64::MAX, host_calls: u64::MAX, ..call.limits };
    let report = runtime().call(&crate::fixture::hostile(), call).await;
    let said = told(&report.ending);
    assert!(said.starts_with("crash trap"), "{said}");
    assert!(report.usage.host_calls <= 10_010, "{:?}", report.usage);
}

#[tokio::test]
async fn a_header_is_one_header() {
    for (header, value, taken) in [
        ("x-fine", "a value", true),
        ("x-more", "one\\r\\nx-second: two", false),
        ("x-more", "one\\u0000", false),
        ("x bad", "one", false),
        ("host", "other.test", false),
        ("transfer-encoding", "chunked", false),
    ] {
        let input = format!("{{\"name\": \"{header}\", \"value\": \"{value}\"}}");
        let (call, _) = call("inject-header", &input);
        let said = told(&runtime().call(&crate::fixture::hostile(), call).await.ending);
        assert_eq!(said, format!("succeeded {{\"taken\":{taken}}}"), "{header}: {value}");
    }
}

/// A part of `wasi:http` as a module by hand imports it.
const FIELDS: &str = "package wasi:http@0.2.0;
interface types {
    variant header-error { invalid-syntax, forbidden, immutable }
    resource fields {
        from-list: static func(entries: list<tuple<string, list<u8>>>) -> result<fields, header-error>;
    }
}";

/// A world that has it, beside the runtime.
const WORLD: &str = "package evil:lists;
world plugin { include taskloom:plugin/plugin@1.0.0; import wasi:http/types@0.2.0; }";

const FROM_LIST: &str = "(import \"wasi:http/types@0.2.0\" \"[static]fields.from-list\" \
    (func $list (param i32 i32 i32)))";
const LOG: &str = "(import \"taskloom:plugin/runtime@1.0.0\" \"log\" \
    (func $log (param i32 i32 i32 i32 i32 i32)))";
const METRIC: &str = "(import \"taskloom:plugin/runtime@1.0.0\" \"metric\" \
    (func $metric (param i32 i32 f64)))";
const PUT: &str = "(import \"taskloom:plugin/artefacts@1.0.0\" \"put\" \
    (func $put (param i32 i32 i32 i32 i32 i32 i32)))";

/// A module with 56 MiB of memory that does something with an import and then answers.
fn asking(import: &str, execute: &str) -> Module {
    Module {
        packages: vec![FIELDS.to_owned(), WORLD.to_owned()],
        head: format!("{import}(memory (export \"memory\") 900)"),
        execute: format!("{execute} {}", answer(DATA, 2)),
        ..plain()
    }
}

#[tokio::test]
async fn what_is_handed_to_the_host_is_bounded_before_it_is_copied() {
    let list = |entries: u32| {
        asking(
            FROM_LIST,
            &format!("(call $list (i32.const 65536) (i32.const {entries}) (i32.const 64))"),
        )
    };
    let log = |bytes: u32| {
        let text = format!("(i32.const 65536) (i32.const {bytes})");
        asking(
            LOG,
            &format!("(call $log (i32.const 2) {text} (i32.const 0) (i32.const 0) (i32.const 0))"),
        )
    };
    let metric = |bytes: u32| {
        asking(
            METRIC,
            &format!("(call $metric (i32.const 65536) (i32.const {bytes}) (f64.const 1))"),
        )
    };
    let put = |bytes: u32| {
        let name = "(i32.const 65536) (i32.const 0)";
        let content = format!("(i32.const 65536) (i32.const {bytes})");
        asking(PUT, &format!("(call $put {name} {name} {content} (i32.const 64))"))
    };
    for (what, module, expected) in [
        ("a list of no headers", list(0), "succeeded {}"),
        ("a list of 3,000,000 headers", list(3_000_000), "limit output-too-large"),
        ("a list beyond the memory", list(0x0fff_ffff), "crash trap"),
        ("a list whose length overflows", list(0xffff_ffff), "crash trap"),
        ("a line of 1 MB", log(1_000_000), "succeeded {}"),
        ("a line of 50 MB", log(50_000_000), "limit output-too-large"),
        ("a line beyond the memory", log(0x7fff_ffff), "crash trap"),
        ("a name of 50 MB", metric(50_000_000), "limit output-too-large"),
        ("an artefact of 50 MB", put(50_000_000), "limit output-too-large"),
        ("an artefact beyond the memory", put(0xffff_0000), "crash trap"),
    ] {
        let said = ending_under(&module, "{}", |limits| limits.fuel = u64::MAX).await;
        assert!(said.starts_with(expected), "{what}: {said}");
    }
}

/// Instructions that move much memory at once are no way around the epochs: each of them ends, and is
/// followed by one.
#[tokio::test]
async fn memory_that_is_filled_without_end_holds_up_nobody() {
    let forever = |head: &str, instruction: &str| Module {
        head: format!("(memory (export \"memory\") 900){head}"),
        execute: format!("(loop $l {instruction} (br $l)) (unreachable)"),
        ..plain()
    };
    let half = "(i32.const 29000000)";
    for (what, module) in [
        (
            "filled",
            forever("", "(memory.fill (i32.const 65536) (i32.const 1) (i32.const 58000000))"),
        ),
        ("copied", forever("", &format!("(memory.copy (i32.const 65536) {half} {half})"))),
        (
            "a table",
            forever(
                "(table $t 10000 funcref)(func $f)(elem declare func $f)",
                "(table.fill $t (i32.const 0) (ref.func $f) (i32.const 10000))",
            ),
        ),
    ] {
        let timeout = Duration::from_millis(300);
        let said = ending_under(&module, "{}", |limits| {
            (limits.fuel, limits.timeout) = (u64::MAX, timeout);
        });
        let (said, echoed) = tokio::join!(said, echo_when_loaded());
        assert_eq!(said, "timeout timeout: the attempt took longer than 300ms", "{what}");
        assert_eq!(echoed, "succeeded 1");
    }
}

/// A call of another guest, meanwhile.
async fn echo_when_loaded() -> String {
    let (call, _) = call("echo", "1");
    told(&runtime().call(&crate::fixture::hostile(), call).await.ending)
}
