//! What no compiler would write: each has a stated ending, and none of them costs the host more than a
//! call may.

use std::fmt::Write as _;
use std::sync::Arc;

use taskloom_core::id::TaskType;
use taskloom_core::plugin::LimitsWish;
use taskloom_wasm::{CallLimits, Plugin, Policy};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::fixture::{call, name, runtime, told};

/// Where the module's data begins that its functions hand over.
const DATA: usize = 4096;

/// A handler in the text format, in parts that a test replaces.
struct Module {
    /// What stands before everything else: memories, tables, data.
    head: String,
    /// The text that `describe` gives.
    manifest: String,
    /// The instructions of `describe`; `None` for those that give `manifest`.
    describe: Option<String>,
    /// The instructions of `execute` for the task type of the smoke call, `?`: the only one whose name
    /// is this short.
    smoke: String,
    /// The instructions of `execute` for every other task type.
    execute: String,
    /// The instructions of `cabi_realloc`.
    realloc: String,
}

impl Module {
    fn new() -> Self {
        Self {
            head: "(memory (export \"memory\") 64)".to_owned(),
            manifest: manifest("{}", "{}"),
            describe: None,
            smoke: answer(DATA, 2),
            execute: answer(DATA, 2),
            realloc: "(i32.const 1048576)".to_owned(),
        }
    }

    /// The text as a component of the contract.
    fn component(&self) -> Vec<u8> {
        let describe = self.describe.clone().unwrap_or_else(|| {
            format!(
                "(i32.store (i32.const 16) (i32.const {})) (i32.store (i32.const 20) (i32.const {})) \
                 (i32.const 16)",
                DATA + 2,
                self.manifest.len()
            )
        });
        let text = format!(
            "(module {head}\n(data (i32.const {DATA}) \"{{}}{data}\")\n\
             (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) {realloc})\n\
             (func (export \"taskloom:plugin/handler@1.0.0#describe\") (result i32) {describe})\n\
             (func (export \"taskloom:plugin/handler@1.0.0#execute\") (param i32 i32 i32 i32) \
             (result i32) (if (i32.eq (local.get 1) (i32.const 1)) (then {smoke} (return)))\n\
             {execute}))",
            smoke = self.smoke,
            head = self.head,
            data = self.manifest.replace('\\', "\\\\").replace('"', "\\\""),
            realloc = self.realloc,
            execute = self.execute,
        );
        let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut resolve = Resolve::default();
        let contract = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/1.0.0");
        let (package, _) = resolve.push_path(contract).expect("the contract");
        let world = resolve.select_world(&[package], Some("plugin")).expect("its world");
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)
            .expect("it fits");
        let mut encoder = ComponentEncoder::default();
        let encoder = encoder.validate(true).module(&module).expect("a module");
        encoder.encode().expect("a component")
    }

    /// What the host says that refuses it.
    fn refusal(&self) -> String {
        refusal(&self.component())
    }

    async fn ending(&self, input: &str) -> String {
        let plugin = loaded(self.component());
        let (mut call, _) = call("echo", input);
        call.task_type = TaskType::new("corpus.run").expect("a task type");
        let limits = runtime().limits(&plugin, &call.task_type, &LimitsWish::default());
        // Enough for every answer here, and little enough to be used up soon.
        call.limits = CallLimits { fuel: 100_000_000, ..limits };
        told(&runtime().call(&plugin, call).await.ending)
    }
}

fn manifest(input_schema: &str, output_schema: &str) -> String {
    manifest_of(&format!("\"run\": {}", task_type(input_schema, output_schema)))
}

fn manifest_of(task_types: &str) -> String {
    format!(
        "{{\"name\": \"corpus\", \"version\": \"0.1.0\", \"summary\": \"s\", \"contract\": \"1.0.0\", \
         \"task_types\": {{{task_types}}}}}"
    )
}

fn task_type(input_schema: &str, output_schema: &str) -> String {
    format!(
        "{{\"summary\": \"r\", \"input_schema\": {input_schema}, \"output_schema\": {output_schema}, \
         \"effects\": \"pure\", \"resource_class\": \"cpu\", \"idempotent\": true}}"
    )
}

/// The instructions that answer with a text.
fn answer(address: usize, length: usize) -> String {
    format!(
        "(i32.store8 (i32.const 32) (i32.const 0)) (i32.store (i32.const 40) (i32.const {address})) \
         (i32.store (i32.const 44) (i32.const {length})) (i32.const 32)"
    )
}

fn refusal(bytes: &[u8]) -> String {
    let error = runtime().load(&name("corpus"), bytes, Policy::default()).expect_err("refused");
    error.to_string()
}

fn loaded(bytes: Vec<u8>) -> Arc<Plugin> {
    let load = move || runtime().load(&name("corpus"), &bytes, Policy::default());
    std::thread::spawn(load).join().expect("no panic").expect("a plugin")
}

#[tokio::test]
async fn a_handler_by_hand_works() {
    assert_eq!(Module::new().ending("{}").await, "succeeded {}");
}

#[test]
fn what_is_larger_than_an_instance_may_be_is_not_loaded() {
    let memory = "(memory (export \"memory\") 64)";
    let repeated = |part: &str, times: usize| format!("{memory}{}", part.repeat(times));
    for (what, head, expected) in [
        ("memories", repeated("(memory 1)", 8), "memor"),
        ("tables", repeated("(table 1 funcref)", 20), "table"),
        ("a large table", repeated("(table 10000000 funcref)", 1), "table"),
        ("a large memory", "(memory (export \"memory\") 60000)".to_owned(), "memory"),
    ] {
        let said = Module { head, ..Module::new() }.refusal();
        assert!(said.contains(expected), "{what}: `{said}` does not say `{expected}`");
    }
}

#[test]
fn what_cannot_be_described_is_not_loaded() {
    let plain = Module::new;
    let memory = "(memory (export \"memory\") 64)";
    let spin = format!("{memory}(func $start (loop $l (br $l)))(start $start)");
    let bad_text = "(i32.store (i32.const 16) (i32.const 0)) \
                    (i32.store (i32.const 0) (i32.const 0xfffefdfc)) \
                    (i32.store (i32.const 20) (i32.const 4)) (i32.const 16)";
    let beyond = "(i32.store (i32.const 16) (i32.const 0x7ffffff0)) \
                  (i32.store (i32.const 20) (i32.const 64)) (i32.const 16)";
    let long = "(i32.store (i32.const 16) (i32.const 0)) \
                (i32.store (i32.const 20) (i32.const 4000000)) (i32.const 16)";
    let described = |text: &str| Module { describe: Some(text.to_owned()), ..plain() };
    for (what, module, expected) in [
        ("a start that computes forever", Module { head: spin, ..plain() }, "describe"),
        ("no UTF-8", described(bad_text), "describe"),
        ("a text beyond the memory", described(beyond), "describe"),
        ("a text of 4 MB", described(long), "describe"),
        ("an address beyond the memory", described("(i32.const -4)"), "describe"),
        ("an address that is not aligned", described("(i32.const 17)"), "describe"),
    ] {
        let said = module.refusal();
        assert!(said.contains(expected), "{what}: `{said}` does not say `{expected}`");
    }
}

#[test]
fn what_describes_itself_but_cannot_be_called_is_not_loaded() {
    let smoke = |smoke: &str| Module { smoke: smoke.to_owned(), ..Module::new() };
    let realloc = |realloc: &str| Module { realloc: realloc.to_owned(), ..Module::new() };
    for (what, module, expected) in [
        ("a trap", smoke("(unreachable)"), "its smoke call failed: trap: "),
        ("no answer", smoke("(return (i32.const -8))"), "its smoke call failed: trap: "),
        (
            "an input beyond the memory",
            realloc("(i32.const 0x7ffffff0)"),
            "its smoke call failed: trap: ",
        ),
        // Out of fuel, or out of time where the machine has much else to do.
        ("no end", realloc("(loop $l (br $l)) (unreachable)"), "its smoke call failed: "),
    ] {
        let refusal = module.refusal();
        assert!(refusal.starts_with(expected), "{what}: {refusal}");
    }
}

#[test]
fn what_says_too_much_of_itself_is_not_loaded() {
    let many: Vec<_> = (0..2_000).map(|n| format!("\"t{n}\": {}", task_type("{}", "{}"))).collect();
    let deep = format!("{}{}", "{\"not\": ".repeat(5_000), "}".repeat(5_000));
    let mut doubling = String::from("{\"$ref\": \"#/$defs/a0\", \"$defs\": {");
    for n in 0..40 {
        let next = n + 1;
        let _ = write!(
            doubling,
            "\"a{n}\": {{\"allOf\": [{{\"$ref\": \"#/$defs/a{next}\"}}, {{\"$ref\": \"#/$defs/a{next}\"}}]}}, "
        );
    }
    doubling.push_str("\"a40\": {}}}");
    for (what, manifest, expected) in [
        ("2,000 task types", manifest_of(&many.join(",")), "task_types"),
        ("a schema of 5,000 levels", manifest(&deep, "{}"), "recursion"),
        ("a schema that doubles 40 times", manifest(&doubling, "{}"), "input_schema"),
        (
            "a schema elsewhere",
            manifest("{\"$ref\": \"http://127.0.0.1/x\"}", "{}"),
            "input_schema",
        ),
        (
            "no name of a task type",
            manifest_of(&format!("\"../x\": {}", task_type("{}", "{}"))),
            "../x",
        ),
    ] {
        let said = Module { manifest, ..Module::new() }.refusal();
        assert!(said.contains(expected), "{what}: `{said}` does not say `{expected}`");
    }
}

#[tokio::test]
async fn what_answers_with_what_is_no_answer_crashes_alone() {
    let with = |execute: String| Module { execute, ..Module::new() };
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
        let said = module.ending("{\"some\": \"input\"}").await;
        assert!(said.starts_with(expected), "{what}: {said}");
    }
}

#[tokio::test]
async fn a_pattern_of_a_schema_does_not_compute_forever() {
    let schema = "{\"type\": \"string\", \"pattern\": \"^(([a-z])+.)+[A-Z]([a-z])+$\"}";
    let manifest = manifest(schema, "{}");
    let input = format!("\"{}\"", "a".repeat(60));
    let said = Module { manifest, ..Module::new() }.ending(&input).await;
    assert!(said.starts_with("permanent invalid-input"), "{said}");
}

#[test]
fn components_with_thousands_of_parts_are_refused() {
    let imports: String =
        (0..5_000).map(|n| format!("(import \"evil:x/i{n}\" (instance))")).collect();
    let modules: String =
        (0..2_000).map(|n| format!("(core instance $i{n} (instantiate $m))")).collect();
    let nested = format!("{}{}", "(component ".repeat(60), ")".repeat(60));
    for (what, text) in [
        ("imports", format!("(component {imports})")),
        ("instances", format!("(component (core module $m) {modules})")),
        ("components in components", nested),
    ] {
        let bytes = wat::parse_str(&text).expect("well-formed");
        let said = refusal(&bytes);
        assert!(said.starts_with("it is"), "{what}: {said}");
    }
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
