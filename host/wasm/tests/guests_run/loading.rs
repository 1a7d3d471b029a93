//! What can be loaded and what cannot, and what is said about it.

use taskloom_core::plugin::Effects;
use taskloom_wasm::{LoadError, Policy};

use crate::fixture::{component, hostile, name, runtime};

fn refusal(stem: &str, bytes: &[u8]) -> String {
    runtime().load(&name(stem), bytes, Policy::default()).expect_err("refused").to_string()
}

#[test]
fn a_plugin_tells_its_task_types() {
    let plugin = hostile();
    assert_eq!(plugin.name().as_str(), "hostile");
    let spin = &plugin.manifest().task_types
        [&taskloom_core::id::TaskType::new("hostile.spin").expect("valid")];
    assert_eq!(spin.effects, Effects::Pure);
    assert!(plugin.imports().iter().any(|import| import.starts_with("wasi:http/outgoing-handler")));
    assert_eq!(plugin.ungranted_hosts(), ["*"]);
}

#[test]
fn what_is_no_plugin_is_refused_with_a_reason() {
    for (stem, bytes, expected) in [
        ("x", b"not wasm".to_vec(), "it is no WebAssembly file"),
        ("x", Vec::new(), "it is no WebAssembly file"),
        ("x", b"\0asm\x01\0\0\0".to_vec(), "it is a core WebAssembly module, not a component"),
        ("x", b"\x7fELF\x02\x01\x01".to_vec(), "it is precompiled native code"),
        ("x", b"\0asm\x0d\0\x01\0".to_vec(), "it is a component, but no plugin"),
        (
            "other",
            component("hostile"),
            "the file is `other.wasm`, but the plugin's name is `hostile`",
        ),
        ("hostile", component("hostile")[..100_000].to_vec(), "it is no valid component"),
        (
            "trap-in-start",
            component("trap-in-start"),
            "its `describe` failed: trap: the handler crash",
        ),
        ("bad-manifest", component("bad-manifest"), "its `describe` failed: invalid-output"),
        ("other-contract", component("other-contract"), "it is a component, but no plugin"),
        ("other-version", component("other-version"), "it was made for contract 9.0.0; this host"),
        ("wants-more", component("wants-more"), "it does not fit this host"),
    ] {
        let refusal = refusal(stem, &bytes);
        assert!(refusal.contains(expected), "{stem}: `{refusal}` has not `{expected}`");
    }
}

#[test]
fn what_wants_more_is_told_what_it_wants() {
    let refusal = refusal("wants-more", &component("wants-more"));
    assert!(refusal.contains("example:system/shell"), "{refusal}");
}

#[test]
fn a_file_above_the_limit_is_not_looked_into() {
    let bytes = vec![0; usize::try_from(taskloom_wasm::COMPONENT_BYTES_MAX).expect("fits") + 1];
    let error = runtime().load(&name("big"), &bytes, Policy::default()).expect_err("refused");
    assert!(matches!(error, LoadError::TooLarge { .. }));
}
