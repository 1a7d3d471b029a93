//! Under `pure` equal input gives equal output: clocks, random numbers and what a handler hears of its
//! attempt are the same in every call.

use std::sync::Arc;

use taskloom_core::id::{RunId, TaskId, WorkflowId};
use taskloom_wasm::{Plugin, Policy};

use crate::by_hand::{Module, answer};
use crate::fixture::{call_of, hostile, load, runtime, told};

/// The parts of WASI that the module imports.
const PACKAGES: [&str; 3] = [
    "package wasi:clocks@0.2.0;
interface wall-clock {
    record datetime { seconds: u64, nanoseconds: u32 }
    now: func() -> datetime;
}
interface monotonic-clock { now: func() -> u64; }",
    "package wasi:random@0.2.0;
interface random { get-random-u64: func() -> u64; }
interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }",
    "package evil:looks;
world plugin {
    include taskloom:plugin/plugin@1.0.0;
    import wasi:clocks/wall-clock@0.2.0;
    import wasi:clocks/monotonic-clock@0.2.0;
    import wasi:random/random@0.2.0;
    import wasi:random/insecure-seed@0.2.0;
}",
];

const HEAD: &str = r#"
(import "wasi:clocks/wall-clock@0.2.0" "now" (func $wall (param i32)))
(import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $monotonic (result i64)))
(import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
(import "wasi:random/insecure-seed@0.2.0" "insecure-seed" (func $seed (param i32)))
(import "taskloom:plugin/runtime@1.0.0" "remaining-ms" (func $remaining (result i64)))
(import "taskloom:plugin/runtime@1.0.0" "attempt" (func $attempt (result i32)))
(memory (export "memory") 64)
(func $digits (param $at i32) (param $value i64)
    (local $place i32) (local $digit i32)
    (local.set $place (i32.const 15))
    (loop $next
        (local.set $digit (i32.and (i32.wrap_i64 (local.get $value)) (i32.const 15)))
        (i32.store8 (i32.add (local.get $at) (local.get $place))
            (select (i32.add (local.get $digit) (i32.const 48)) (i32.add (local.get $digit) (i32.const 87))
                (i32.lt_u (local.get $digit) (i32.const 10))))
        (local.set $value (i64.shr_u (local.get $value) (i64.const 4)))
        (local.set $place (i32.sub (local.get $place) (i32.const 1)))
        (br_if $next (i32.ge_s (local.get $place) (i32.const 0)))))
"#;

/// Where the answer is written: a text of hexadecimal digits, 16 a number.
const AT: usize = 2048;

/// Everything that the module looks at, in the order of the answer.
const LOOKED_AT: [&str; 7] =
    ["seconds", "nanoseconds", "monotonic", "random", "seed", "remaining-ms", "attempt"];

/// A handler that gives what it can find out beside its input.
fn looks(effects: &str) -> Arc<Plugin> {
    let values = [
        "(i64.load (i32.const 64))",
        "(i64.extend_i32_u (i32.load (i32.const 72)))",
        "(call $monotonic)",
        "(call $random)",
        "(i64.load (i32.const 80))",
        "(call $remaining)",
        "(i64.extend_i32_u (call $attempt))",
    ];
    let store = |(place, value): (usize, &str)| {
        format!("(call $digits (i32.const {}) {value}) ", AT + 1 + 16 * place)
    };
    let stores: String = values.into_iter().enumerate().map(store).collect();
    let length = 2 + 16 * values.len();
    let quote = |at: usize| format!("(i32.store8 (i32.const {at}) (i32.const 34)) ");
    let execute = format!(
        "(call $wall (i32.const 64)) (call $seed (i32.const 80)) {stores}{}{}{}",
        quote(AT),
        quote(AT + length - 1),
        answer(AT, length)
    );
    let plain = Module::new("looks");
    let module = Module {
        packages: PACKAGES.map(str::to_owned).to_vec(),
        head: HEAD.to_owned(),
        manifest: plain.manifest.replace("\"pure\"", &format!("\"{effects}\"")),
        execute,
        ..plain
    };
    load("looks", module.component(), Policy::default())
}

/// The answer of the `number`th attempt of a run of its own, number by number.
async fn looked(plugin: &Arc<Plugin>, input: &str, number: u32) -> Vec<String> {
    let (mut call, _) = call_of(plugin, "run", input);
    call.identity.attempt = number;
    let said = told(&runtime().call(plugin, call).await.ending);
    let digits = said.strip_prefix("succeeded \"").unwrap_or_else(|| panic!("{said}"));
    let digits = digits.trim_end_matches('"').as_bytes();
    digits.chunks(16).map(|one| String::from_utf8_lossy(one).into_owned()).collect()
}

#[tokio::test]
async fn a_pure_call_finds_the_same_world_each_time() {
    let pure = looks("pure");
    let first = looked(&pure, "1", 1).await;
    assert_eq!(first.len(), LOOKED_AT.len());
    assert_eq!(looked(&pure, "1", 2).await, first);
    assert_eq!(i64::from_str_radix(&first[0], 16), Ok(946_684_800), "2000-01-01T00:00:00Z");
    let timeout = i64::from_str_radix(&first[5], 16);
    assert_eq!(timeout, Ok(30_000), "the whole time of the attempt is left, always");
    let other = looked(&pure, "2", 1).await;
    let differ: Vec<_> =
        (0..LOOKED_AT.len()).filter(|place| first[*place] != other[*place]).collect();
    assert_eq!(differ, [3, 4], "random numbers follow from the input, and nothing else does");
}

#[tokio::test]
async fn a_call_that_is_not_pure_finds_the_world_as_it_is() {
    let reads = looks("reads");
    let (first, second) = (looked(&reads, "1", 1).await, looked(&reads, "1", 2).await);
    for (place, what) in LOOKED_AT.into_iter().enumerate() {
        // The same second, and the same millisecond, are possible.
        if !["seconds", "nanoseconds", "remaining-ms"].contains(&what) {
            assert_ne!(first[place], second[place], "{what}");
        }
    }
    assert_ne!((&first[0], &first[1]), (&second[0], &second[1]), "the wall clock goes on");
}

#[tokio::test]
async fn a_pure_call_hears_nothing_of_its_attempt() {
    let plugin = hostile();
    let mut said = Vec::new();
    for (task_type, run) in [("identity-pure", 1), ("identity-pure", 2), ("identity", 3)] {
        let (mut call, _) = call_of(&plugin, task_type, "{}");
        let id = format!("01890a5d-ac96-774b-bcce-b302099a805{run}");
        call.identity.run_id = id.parse::<RunId>().expect("a run id");
        call.identity.workflow_id = WorkflowId::new(&format!("flow-{run}")).expect("an id");
        call.identity.task_id = TaskId::new(&format!("task_{run}")).expect("an id");
        call.identity.idempotency_key = format!("key-{run}");
        call.identity.traceparent =
            Some(format!("00-0af7651916cd43dd8448eb211c80319{run}-b7ad6b7169203331-01"));
        call.identity.attempt = run;
        said.push(told(&runtime().call(&plugin, call).await.ending));
    }
    assert_eq!(said[0], said[1]);
    assert!(!said[0].contains("flow-1") && said[0].contains("\"traceparent\":null"), "{}", said[0]);
    assert!(said[2].contains("flow-3") && said[2].contains("key-3"), "{}", said[2]);
}
