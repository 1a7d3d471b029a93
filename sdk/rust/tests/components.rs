//! What components made with the SDK ask of a host, and whether the guide is right about them.
//!
//! They are built by `cargo xtask plugins`.

use std::path::{Path, PathBuf};

use wit_component::DecodedWasm;
use wit_parser::WorldItem;

#[test]
fn a_component_imports_only_what_it_uses() {
    let (runtime, artefacts) = ("taskloom:plugin/runtime@1.0.0", "taskloom:plugin/artefacts@1.0.0");
    for (component, expected) in [
        ("target/guests/components/noop.wasm", &[runtime][..]),
        ("plugins/json.wasm", &[runtime]),
        ("plugins/text.wasm", &[runtime, artefacts]),
    ] {
        assert_eq!(imports(component), expected, "{component}");
    }
}

#[test]
fn a_component_that_sends_requests_imports_http_and_no_other_power() {
    let imports = imports("plugins/http.wasm");
    assert!(imports.iter().any(|import| import.starts_with("wasi:http/outgoing-handler@0.2.")));
    for import in imports {
        let allowed = ["taskloom:plugin/", "wasi:http/", "wasi:io/"];
        assert!(allowed.iter().any(|prefix| import.starts_with(prefix)), "{import}");
    }
}

#[test]
fn the_smallest_plugin_of_the_guide_has_under_25_lines() {
    let guide = std::fs::read_to_string(root().join("sdk/rust/README.md")).expect("the guide");
    let code = guide.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
    let lines = code.expect("a block of Rust").lines().count();
    assert!(lines < 25, "{lines} lines");
}

/// The imports of a component that do something; interfaces that only name types are left out.
fn imports(component: &str) -> Vec<String> {
    let path = root().join(component);
    let bytes = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{component}: {error}; run `cargo xtask plugins` first"));
    let decoded = wit_component::decode(&bytes).expect("a component");
    let DecodedWasm::Component(resolve, world) = decoded else {
        panic!("{component} is a WIT package");
    };
    let has_functions = |item: &WorldItem| match item {
        WorldItem::Interface { id, .. } => !resolve.interfaces[*id].functions.is_empty(),
        _ => true,
    };
    let imports = resolve.worlds[world].imports.iter().filter(|(_, item)| has_functions(item));
    imports.map(|(key, _)| resolve.name_world_key(key)).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
