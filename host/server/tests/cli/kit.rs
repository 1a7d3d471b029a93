//! The author kit, as far as nothing has to be compiled.

use std::fs;

use serde_json::json;

use crate::place::{Place, component};

#[test]
fn a_project_is_made_once_and_under_a_name_that_can_be() {
    let place = Place::new();
    let made = place.taskloom("plugin new hello").expect(0);
    made.says(&["made `hello`", "hello.greet", "cd hello", "taskloom plugin test"]);
    for file in ["Cargo.toml", "Cargo.lock", ".gitignore", "hello.policy.toml", "src/lib.rs"] {
        assert!(place.path("hello").join(file).is_file(), "{file}");
    }
    let again = place.taskloom("plugin new hello").expect(2);
    again.says(&["`hello` is not empty", "nothing in it is overwritten", "--dir"]);
    place.taskloom("plugin new hello --dir other/place").expect(0);
    assert!(place.path("other/place/hello.policy.toml").is_file());
    place.write("file", "");
    place.taskloom("plugin new hello --dir file").expect(2).says(&["`file` is no folder"]);
    let wrong = place.taskloom_words(&["plugin", "new", "Fetch Pages"], "").expect(2);
    wrong.says(&["`Fetch Pages`", "lower-case letters", "`fetch-pages` would do"]);
    place.taskloom("plugin new x --lang cobol").expect(2).says(&["cobol", "rust"]);
}

#[test]
fn what_is_no_project_cannot_be_built() {
    let place = Place::new();
    let none = place.taskloom("plugin build plugins").expect(2);
    none.says(&[
        "no plugin project in `plugins`",
        "`Cargo.toml` (Rust), `package.json` (JavaScript), `pyproject.toml` (Python)",
        "taskloom plugin new",
    ]);
    place.taskloom("plugin build nowhere").expect(2).says(&["no folder `nowhere`"]);
}

#[test]
fn a_component_is_looked_into() {
    let place = Place::new();
    place.write(
        "plugins/hostile.policy.toml",
        "[[http]]\nhost = \"api.example.org\"\nmethods = [\"GET\"]\n",
    );
    let seen = place.taskloom("plugin inspect plugins/hostile.wasm").expect(0);
    seen.says(&[
        "contract    1.0.0",
        "sha256:",
        "taskloom:plugin/runtime@1.0.0",
        "hostile.echo",
        "input {",
        "GET https://api.example.org/",
    ]);
    let seen = place.taskloom("plugin inspect plugins/hostile.wasm --json").expect(0).json();
    assert_eq!((&seen["valid"], &seen["contract"]), (&json!(true), &json!("1.0.0")));
    assert_eq!(seen["plugin"]["name"], "hostile");
    assert_eq!(seen["plugin"]["grants"][0]["host"], "api.example.org");
    assert!(seen["plugin"]["task_type_details"][0]["input_schema"].is_object(), "{seen:#}");
}

#[test]
fn what_is_wrong_with_a_component_is_said() {
    let place = Place::new();
    for (guest, parts) in [
        ("other-version", &["made for contract 9.0.0; this host speaks 1.0.0", "taskloom/"][..]),
        ("other-contract", &["no plugin: it does not export", "exports", "plugin new"][..]),
        ("wants-more", &["does not fit this host", "imports"][..]),
        ("bad-manifest", &["its `describe` failed", "it is not JSON"][..]),
    ] {
        let path = component(guest);
        let seen = place.taskloom(&format!("plugin inspect {}", path.display())).expect(1);
        seen.says(parts);
    }
    fs::copy(component("noop"), place.path("renamed.wasm")).expect("copied");
    let renamed = place.taskloom("plugin inspect renamed.wasm").expect(1);
    renamed.says(&["`renamed.wasm`", "the plugin's name is `noop`", "both must be the same"]);
    fs::copy(component("noop"), place.path("No Name.wasm")).expect("copied");
    let unnamed = place.taskloom_words(&["plugin", "inspect", "No Name.wasm"], "").expect(1);
    unnamed.says(&["the name of the file", "`No Name`", "noop.run"]);
    fs::write(place.path("module.wasm"), b"\0asm\x01\0\0\0").expect("written");
    let module = place.taskloom("plugin inspect module.wasm").expect(1);
    module.says(&["a core WebAssembly module, not a component", "taskloom plugin build"]);
    place.write("text.wasm", "hello");
    place.taskloom("plugin inspect text.wasm").expect(1).says(&["no WebAssembly file"]);
    place.write("plugins/noop.policy.toml", "[[http]]\nhots = \"a.test\"\n");
    let policy = place.taskloom("plugin inspect plugins/noop.wasm").expect(1);
    policy.says(&["plugins/noop.policy.toml:2:1", "did you mean `host`"]);
    place
        .taskloom("plugin inspect nowhere.wasm")
        .expect(2)
        .says(&["`nowhere.wasm` cannot be read"]);
    place.taskloom("plugin inspect plugins").expect(2).says(&["several components"]);
    place.taskloom("plugin inspect workflows").expect(2).says(&["no component in `workflows`"]);
}
