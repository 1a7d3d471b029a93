//! A plugin in Python, from nothing to a run, and the mistakes that authors make on the way.
//!
//! Without a registry: the packages are those that `cargo xtask` installed for the checkout. On a machine
//! without Python it says that it is left out, as everything in Python is.

use std::fs;

use serde_json::json;

use crate::place::{Place, is_left_out, repository};

/// A place with the project `name`, whose environment is that of the checkout.
fn project(name: &str) -> Place {
    let place = Place::new();
    place.taskloom(&format!("plugin new {name} --lang python")).expect(0);
    let environment = place.path(name).join(".venv");
    std::os::unix::fs::symlink(repository().join("target/python"), environment).expect("made");
    place
}

#[test]
fn a_plugin_in_python_is_made_built_tested_and_run() {
    if is_left_out("Python") {
        return;
    }
    let place = project("salut");
    let tested = place.taskloom("plugin test salut --offline").expect(0);
    tested.says(&["ok      greets by name", "4 of 4 cases passed"]);
    let run = "run salut/workflow.toml --plugins salut --input -";
    let done = place.taskloom_with(run, r#"{ "name": "Ada" }"#).expect(0);
    assert_eq!(done.json(), json!("Hello, Ada!"));
}

#[test]
fn mistakes_in_python_are_explained_before_anything_is_made() {
    if is_left_out("Python") {
        return;
    }
    let place = project("faute");
    let path = place.path("faute/plugin.py");
    let source = fs::read_to_string(&path).expect("text");
    for (before, after, parts) in [
        ("plugin = Plugin(", "Plugin(", &["plugin.py"][..]),
        ("effects=\"pure\"", "effects=\"none\"", &["declared wrongly", "none"]),
        ("from taskloom import", "import numpi\nfrom taskloom import", &["no module 'numpi'"]),
        ("def greet(input: Input)", "def greet(input)", &["declared wrongly"]),
        ("name = input", "name == = input", &["plugin.py"]),
    ] {
        assert!(source.contains(before), "there is something to change");
        fs::write(&path, source.replace(before, after)).expect("written");
        let done = place.taskloom("plugin build faute --offline").expect(1);
        done.says(parts);
        done.says(&["the plugin makes no component"]);
    }
    fs::rename(&path, place.path("faute/other.py")).expect("renamed");
    let module = place.taskloom("plugin build faute --offline").expect(1);
    module.says(&["no module `plugin.py`", "help: `[tool.taskloom] module"]);
    fs::write(&path, &source).expect("written");
    fs::remove_file(place.path("faute/.venv")).expect("removed");
    let python = place.taskloom_in_path("", "plugin build faute").expect(1);
    python.says(&["missing: python3", "help: install Python 3.11"]);
}

/// Task types of the plugin `mistakes`, and what is said when a case expects that they work.
const MISTAKES: [(&str, &[&str]); 18] = [
    ("throws", &["`panic` (crash)", "ValueError: this cannot be", "plugin.py:", "help: a panic"]),
    ("undefined", &["`panic` (crash)", "AttributeError", "plugin.py:", "a `TaskError` says"]),
    ("nothing", &["`invalid-output` (permanent)", "null is not of type"]),
    ("number", &["`invalid-output` (permanent)", "is not of type"]),
    ("environment", &["`panic` (crash)", "KeyError: 'TOKEN'", "help: "]),
    ("file", &["FileNotFoundError", "help: a plugin has no files"]),
    ("thread", &["can't start new thread", "help: a plugin has no threads"]),
    ("prints", &["/text: expected \"something\", got \"printed\"", "log info  somebody sees this"]),
    ("endless", &["`out-of-fuel` (limit)", "help: is there a loop", "`limits={\"fuel\": …}`"]),
    ("memory", &["`out-of-memory` (limit)", "`limits={\"memory_bytes\": …}`"]),
    ("recurses", &["(crash)", "help: a function calls itself"]),
    ("large", &["`output-too-large` (limit)", "`limits={\"output_bytes\": …}`"]),
    ("posts", &["declared `reads`, which allows GET and HEAD", "`effects=\"writes\"`"]),
    ("elsewhere", &["mistakes.policy.toml", "other.example.org", "help: what a plugin may do"]),
    ("unexpected", &["unexpected request: GET https://api.example.org/unexpected"]),
    ("pure", &["declared `pure`", "`effects=\"reads\"`"]),
    ("secret", &["the secret `other-token` was refused", "`capabilities.secrets`"]),
    ("model", &["does not grant models", "add [ai] with a budget"]),
];

#[test]
fn mistakes_in_python_are_explained_at_run_time() {
    if is_left_out("Python") {
        return;
    }
    let place = project("mistakes");
    place.write("mistakes/plugin.py", include_str!("mistakes/plugin.py"));
    place.write("mistakes/mistakes.policy.toml", "[[http]]\nhost = \"api.example.org\"\n");
    let case = |(name, _): &(&str, &[&str])| {
        format!(
            "[[cases]]\nname = \"{name}\"\ntask_type = \"{name}\"\noutput = {{ text = \"something\" }}\n"
        )
    };
    let cases: String = MISTAKES.iter().map(case).collect();
    place.write("mistakes/tests.toml", &cases);
    let built = place.taskloom("plugin build mistakes --offline").expect(0);
    built.says(&["note: plugin.py:", "`os.environ`: a plugin has no environment"]);
    for (name, parts) in MISTAKES {
        let done = place.taskloom(&format!("plugin test mistakes --no-build --case {name}"));
        assert_eq!(done.code, 1, "{}\n{}", done.out, done.err);
        done.says(&[&format!("failed  {name}  line"), "1 of 1 cases failed"]);
        done.says(parts);
    }
}
