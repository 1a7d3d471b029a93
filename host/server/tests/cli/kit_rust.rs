//! A plugin in Rust, from nothing to a run, and the mistakes that authors make on the way.
//!
//! Compiles for real, outside the checkout, without a registry: what a new project depends on is what
//! the plugins that ship depend on, and those have been built.

use std::fs;

use serde_json::json;

use crate::place::{Done, Host, Place};

/// Builds the project `slips` after a change of one of its files, which is taken back.
fn build_with(place: &Place, file: &str, change: impl FnOnce(&str) -> String) -> Done {
    let path = place.path("slips").join(file);
    let before = fs::read_to_string(&path).expect("text");
    let after = change(&before);
    assert_ne!(before, after, "there is something to change in {file}");
    fs::write(&path, after).expect("written");
    let done = place.taskloom("plugin build slips --offline");
    fs::write(&path, before).expect("written");
    done
}

#[test]
fn a_plugin_is_made_built_and_run_outside_a_checkout() {
    let place = Place::new();
    place.taskloom("plugin new hello").expect(0);
    let lock = fs::read_to_string(place.path("hello/Cargo.lock")).expect("text");
    let built = place.taskloom("plugin build hello --offline").expect(0);
    built.says(&["hello/hello.wasm", "hello 0.1.0", "sha256:", "hello.greet"]);
    let locked = fs::read_to_string(place.path("hello/Cargo.lock")).expect("text");
    // Cargo leaves out what only other features of the plugins that ship need.
    for line in locked.lines().filter(|line| line.starts_with("checksum")) {
        assert!(lock.contains(line), "a version changed: {line}");
    }
    let tested = place.taskloom("plugin test hello --offline").expect(0);
    tested.says(&["ok      greets by name", "fuel ", "memory ", "4 of 4 cases passed"]);
    let one = "plugin test hello/hello.wasm --json --case";
    let one =
        place.taskloom_words(&[one.split(' ').collect(), vec!["greets by name"]].concat(), "");
    let one = one.expect(0).json();
    assert_eq!((&one["passed"], &one["failed"]), (&json!(1), &json!(0)));
    assert_eq!(one["cases"][0]["ending"]["output"], json!({ "text": "Hello, Ada!" }));
    assert!(one["cases"][0]["fuel"]["used"].as_u64() > Some(0), "{one:#}");
    let seen = place.taskloom("plugin inspect hello --json").expect(0).json();
    let imports = seen["imports"].as_array().expect("a list");
    let is_own = |name: &serde_json::Value| {
        name.as_str().is_some_and(|name| name.starts_with("taskloom:plugin/"))
    };
    assert!(!imports.is_empty() && imports.iter().all(is_own), "{seen:#}");
    assert_eq!(seen["plugin"]["task_type_details"][0]["effects"], "pure");
    let made = fs::read(place.path("hello/hello.wasm")).expect("built");
    let tells = |text: &str| made.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(!tells(place.path("").to_str().expect("text")), "it does not say where it was built");

    let run = "run hello/workflow.toml --plugins hello --input -";
    let done = place.taskloom_with(run, r#"{ "name": "Ada" }"#).expect(0);
    assert_eq!(done.json(), json!("Hello, Ada!"));
    let blank = place.taskloom_with(run, r#"{ "name": " " }"#).expect(1);
    blank.says(&["no-name", "nobody to greet"]);

    fs::copy(place.path("hello/hello.wasm"), place.path("plugins/hello.wasm")).expect("copied");
    fs::copy(place.path("hello/workflow.toml"), place.path("workflows/hello.toml"))
        .expect("copied");
    let host = Host::start(&place);
    place.write("ada.json", r#"{ "name": "Ada" }"#);
    let start = "runs start hello --input ada.json --wait --json --server";
    let ran = place.taskloom(&format!("{start} {}", host.address)).expect(0).json();
    assert_eq!(ran["output"], "Hello, Ada!");
}

#[test]
fn mistakes_in_rust_are_explained() {
    let place = Place::new();
    place.taskloom("plugin new slips").expect(0);
    let lib = "src/lib.rs";
    let cut = |text: &str, from: &str, to: &str| {
        let (start, end) = (text.find(from).expect("there"), text.find(to).expect("there"));
        format!("{}{}", &text[..start], &text[end..])
    };

    let none = build_with(&place, lib, |text| cut(text, "plugin! {", "#[cfg(test)]")).expect(1);
    none.says(&["help: declare what the plugin offers", "plugin! {"]);

    let schema = build_with(&place, lib, |text| text.replace("Serialize, JsonSchema", "Serialize"));
    schema.expect(1).says(&["JsonSchema` is not", "help: every type", "derive(JsonSchema)"]);

    let broken =
        build_with(&place, lib, |text| text.replace("input.name.trim()", "input.nam.trim()"));
    broken.expect(1).says(&["no field `nam`", "src/lib.rs:", "what cargo says stands above"]);

    let handler = build_with(&place, lib, |text| text.replace("fn greet(", "async fn greet("));
    handler.expect(1).says(&["src/lib.rs", "help: a handler is `fn(Input)", "no `async`"]);

    let library = |text: &str| text.replace("crate-type = [\"cdylib\"]", "");
    let library = build_with(&place, "Cargo.toml", library);
    library.expect(1).says(&["makes no module for a component", "crate-type = [\"cdylib\"]"]);

    let foreign = build_with(&place, lib, |text| {
        let text = text
            .replace("fn once() -> u32 {\n    1", "fn once() -> u32 {\n    unsafe { from_c() }");
        format!("{text}\nunsafe extern \"C\" {{ fn from_c() -> u32; }}\n")
    });
    foreign.expect(1).says(&["help: a dependency calls a function of C"]);

    let name = build_with(&place, "Cargo.toml", |text| text.replace("\"slips\"", "\"Slips\""));
    name.expect(1).says(&["a host would refuse it", "`Slips` is no plugin name"]);
}

/// Task types of the plugin `mistakes`, and what is said when a case expects that they work.
const MISTAKES: [(&str, &[&str]); 21] = [
    ("panics", &["`panic` (crash)", "this cannot be at src/lib.rs:", "help: a panic"]),
    ("unwraps", &["called `Option::unwrap()` on a `None` value at src/lib.rs:"]),
    ("indexes", &["index out of bounds: the len is 0 but the index is 0"]),
    ("lies", &["`invalid-output` (permanent)", "is not of type"]),
    ("file", &["operation not supported on this platform", "help: a plugin has no files"]),
    (
        "socket",
        &["operation not supported on this platform", "help: a plugin has no files, sockets"],
    ),
    ("environment", &["`no-token` (permanent): environment variable not found"]),
    ("clock", &["time not implemented on this platform", "help: a plugin in Rust has no clock"]),
    ("measures", &["time not implemented on this platform", "help: a plugin in Rust has no clock"]),
    ("thread", &["operation not supported on this platform", "or threads"]),
    ("prints", &["/text: expected \"something\", got \"printed\"", "log info  somebody sees"]),
    ("endless", &["`out-of-fuel` (limit)", "10000000 units", "help: is there a loop"]),
    ("memory", &["`out-of-memory` (limit)", "help: if it takes that much"]),
    ("recurses", &["(crash)", "deeper", "help: a function calls itself"]),
    ("large", &["`output-too-large` (limit)", "help: leave what is large as an artefact"]),
    ("posts", &["declared `reads`, which allows GET and HEAD", "help: a task type that sends"]),
    ("pure", &["declared `pure`", "help: a task type that asks"]),
    ("elsewhere", &["mistakes.policy.toml", "other.example.org", "help: what a plugin may do"]),
    (
        "unexpected",
        &["unexpected request: GET https://api.example.org/unexpected", "it expects GET"],
    ),
    (
        "secret",
        &["the secret `other-token` was refused", "does not ask for it in `capabilities.secrets`"],
    ),
    ("model", &["does not grant models", "add [ai] with a budget"]),
];

/// What the plugin `mistakes` is granted.
const POLICY: &str = r#"
[[http]]
host = "api.example.org"
methods = ["GET", "POST"]

[[secrets]]
name = "token"
host = "api.example.org"

[context]
read = ["tenant"]
write = ["summary"]
"#;

/// A case with everything that a handler can use.
const WORKS: &str = r#"
[[cases]]
name = "uses everything"
task_type = "mistakes.works"
context = { tenant = "acme" }
secrets = { token = "t0ken-of-nobody" }
output = { text = "two things" }
sets = { summary = "two things" }
metrics = { items = 2 }
progress = [{ fraction = 0.5, note = "half" }]
logs = [{ level = "info", message = "summarised", fields = { items = 2 } }]
artefacts = [{ name = "summary.md", media_type = "text/markdown", text = "two things" }]

[[cases.http]]
request = { method = "POST", url = "https://api.example.org/items", headers = { authorization = "Bearer t0ken-of-nobody" }, json = "acme" }
response = { json = ["a", "b"] }

[[cases.ai]]
asks = 'summarise ["a","b"]'
text = "two things"
input_tokens = 7
output_tokens = 2
usd = 0.0015
"#;

/// Cases of handlers that are stopped, or want to be called later.
const ENDS: &str = r#"
[[cases]]
name = "comes later"
task_type = "later"
failure = { class = "retryable", code = "busy", retry_after = "30s" }

[[cases]]
name = "is stopped"
task_type = "stops"
cancelled = true
failure = { class = "cancelled" }

[[cases]]
name = "goes on"
task_type = "stops"
output = { text = "went on" }
"#;

#[test]
fn mistakes_at_run_time_are_explained() {
    let place = Place::new();
    place.taskloom("plugin new mistakes").expect(0);
    place.write("mistakes/src/lib.rs", include_str!("mistakes/lib.rs"));
    place.write("mistakes/mistakes.policy.toml", POLICY);
    let case = |(name, _): &(&str, &[&str])| {
        let expects = match *name {
            "unexpected" => {
                "http = [{ request = { url = \"https://api.example.org/items\" }, error = \"dns\" }]\n"
            }
            _ => "",
        };
        format!(
            "[[cases]]\nname = \"{name}\"\ntask_type = \"{name}\"\noutput = {{ text = \"something\" }}\n{expects}"
        )
    };
    let cases: String = MISTAKES.iter().map(case).collect();
    place.write("mistakes/tests.toml", &cases);

    let built = place.taskloom("plugin build mistakes --offline").expect(0);
    built.says(&["note: src/lib.rs:", "`println!`: nobody sees what is printed", "`std::fs`"]);
    for (name, parts) in MISTAKES {
        let done = place.taskloom(&format!("plugin test mistakes --no-build --case {name}"));
        assert_eq!(done.code, 1, "{}\n{}", done.out, done.err);
        done.says(&[&format!("failed  {name}  line"), "1 of 1 cases failed"]);
        done.says(parts);
    }
    place.write("mistakes/mistakes.policy.toml", &format!("{POLICY}\n[ai]\n"));
    place.write("mistakes/tests.toml", WORKS);
    let works = place.taskloom("plugin test mistakes --no-build").expect(0);
    works.says(&["ok      uses everything", "tokens 9/", "spent $0.0015/"]);
    place.write("mistakes/tests.toml", ENDS);
    let ends = place.taskloom("plugin test mistakes --no-build").expect(0);
    ends.says(&["ok      comes later", "ok      is stopped", "ok      goes on"]);
    let sooner = ENDS.replace("\"30s\"", "\"20s\"").replace("cancelled = true\n", "");
    place.write("mistakes/tests.toml", &sooner);
    let sooner = place.taskloom("plugin test mistakes --no-build").expect(1);
    sooner.says(&["retry_after: expected 20000 ms, got 30000 ms", "failed  is stopped"]);
    let others = WORKS.replace("summarise", "sum up").replace("\"acme\"", "\"other\"");
    let others =
        others.replace("items = 2", "items = 3").replace("= \"two things\"", "= \"three\"");
    place.write("mistakes/tests.toml", &others);
    let done = place.taskloom("plugin test mistakes --no-build").expect(1);
    done.says(&["ai: a model was asked what the case does not expect: user: summarise"]);
    place.write("mistakes/tests.toml", &cases);
    let none = place.taskloom("plugin test mistakes --no-build --case panic").expect(2);
    none.says(&["no case `panic`", "`panics`"]);
    place.write(
        "mistakes/tests.toml",
        &cases.replace("task_type = \"panics\"", "task_type = \"panic\""),
    );
    let unknown = place.taskloom("plugin test mistakes --no-build").expect(2);
    unknown.says(&["case `panics`: unknown task type `panic`", "did you mean `panics`?"]);
    place.write("mistakes/tests.toml", "[[case]]\nnam = 1\n");
    let wrong = place.taskloom("plugin test mistakes --no-build").expect(2);
    wrong.says(&["mistakes/tests.toml:1:", "unknown key `case`; did you mean `cases`?"]);
    let input = "[[cases]]\nname = \"a\"\ntask_type = \"unwraps\"\n";
    place.write("mistakes/tests.toml", &format!("{input}input = {{ name = 1 }}\n"));
    let done = place.taskloom("plugin test mistakes --no-build").expect(1);
    done.says(&["`invalid-input` (permanent)", "/name"]);
    place.write("mistakes/big.json", &format!("{{\"name\": \"{}\"}}", "x".repeat(9 << 20)));
    place.write("mistakes/tests.toml", &format!("{input}input_file = \"big.json\"\n"));
    let done = place.taskloom("plugin test mistakes --no-build").expect(1);
    done.says(&["`input-too-large` (limit)", "help: hand over what is large as an artefact"]);
    place.taskloom("plugin test plugins/noop.wasm").expect(2).says(&["tests.toml", "--cases FILE"]);
}

#[test]
fn a_missing_toolchain_is_said_in_one_line() {
    let place = Place::new();
    place.taskloom("plugin new slips").expect(0);
    let none = place.taskloom_in_path("", "plugin build slips").expect(1);
    none.says(&["missing: cargo and rustc", "help: install Rust", "rustup target add"]);
}
