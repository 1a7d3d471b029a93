//! A plugin in JavaScript, from nothing to a run, and the mistakes that authors make on the way.
//!
//! Without a registry: the SDK's packages are those that `cargo xtask` installed in the checkout. On a
//! machine without Node.js it says that it is left out, as everything in JavaScript is.

use std::fs;

use serde_json::json;

use crate::place::{Done, Place, is_left_out, repository};

/// A place with the project `name`, whose SDK has its packages.
fn project(name: &str) -> Place {
    let place = Place::new();
    place.taskloom(&format!("plugin new {name} --lang js")).expect(0);
    let packages = repository().join("sdk/js/node_modules");
    let known = place.path(name).join("taskloom/sdk/js/node_modules");
    std::os::unix::fs::symlink(packages, known).expect("made");
    place
}

#[test]
fn a_plugin_in_javascript_is_made_built_tested_and_run() {
    if is_left_out("JavaScript") {
        return;
    }
    let place = project("hallo");
    let tested = place.taskloom("plugin test hallo --offline").expect(0);
    tested.says(&["ok      greets by name", "4 of 4 cases passed"]);
    let seen = place.taskloom("plugin inspect hallo --json").expect(0).json();
    assert_eq!(seen["plugin"]["name"], "hallo");
    assert_eq!(seen["plugin"]["task_type_details"][0]["effects"], "pure");
    let run = "run hallo/workflow.toml --plugins hallo --input -";
    let done = place.taskloom_with(run, r#"{ "name": "Ada" }"#).expect(0);
    assert_eq!(done.json(), json!("Hello, Ada!"));
}

#[test]
fn mistakes_in_javascript_are_explained_before_anything_is_made() {
    if is_left_out("JavaScript") {
        return;
    }
    let place = project("slip");
    let path = place.path("slip/plugin.js");
    let source = fs::read_to_string(&path).expect("text");
    let build_with = |before: &str, after: &str| -> Done {
        assert!(source.contains(before), "there is something to change");
        fs::write(&path, source.replace(before, after)).expect("written");
        place.taskloom("plugin build slip --offline").expect(1)
    };
    for (before, after, parts) in [
        (
            "export default plugin(",
            "export const it = plugin(",
            &["no default export", "export default plugin"][..],
        ),
        ("effects: 'pure'", "effects: 'none'", &["declared wrongly", "none"]),
        (
            "import { TaskError",
            "import fs from 'node:fs';\nimport { TaskError",
            &["no \"fs\" of Node"],
        ),
        (
            "import { TaskError",
            "import x from 'left-pad';\nimport { TaskError",
            &["no package \"left-pad\"", "npm install"],
        ),
        ("const who =", "const const who =", &["plugin.js:"]),
        ("name: 'slip'", "name: 'Slip'", &["declared wrongly", "Slip"]),
        ("output: schema", "outptu: schema", &["declared wrongly", "outptu"]),
    ] {
        let done = build_with(before, after);
        done.says(parts);
        done.says(&["the plugin makes no component"]);
    }
    fs::write(&path, &source).expect("written");
    fs::rename(&path, place.path("slip/other.js")).expect("renamed");
    let module = place.taskloom("plugin build slip --offline").expect(1);
    module.says(&["no module `plugin.js`", "help: `\"main\": \"plugin.js\"`"]);
    fs::rename(place.path("slip/other.js"), &path).expect("renamed");
    fs::remove_file(place.path("slip/taskloom/sdk/js/node_modules")).expect("removed");
    let packages = place.taskloom("plugin build slip --offline").expect(1);
    packages.says(&["missing: the packages of the SDK", "npm ci"]);
    let node = place.taskloom_in_path("", "plugin build slip").expect(1);
    node.says(&["missing: node", "help: install Node.js 20"]);
}

/// Task types of the plugin `mistakes`, and what is said when a case expects that they work.
const MISTAKES: [(&str, &[&str]); 14] = [
    ("throws", &["`panic` (crash)", "this cannot be", "plugin.js:"]),
    ("undefined", &["`panic` (crash)", "undefined", "plugin.js:"]),
    ("nothing", &["`invalid-output` (permanent)", "the handler returned undefined"]),
    ("number", &["`invalid-output` (permanent)", "is not of type"]),
    ("environment", &["process is not defined", "help: a plugin has no environment"]),
    ("prints", &["/text: expected \"something\", got \"printed\"", "log info  somebody sees this"]),
    ("endless", &["`out-of-fuel` (limit)", "help: is there a loop", "`limits: { fuel: … }`"]),
    ("memory", &["`out-of-memory` (limit)", "`limits: { memoryBytes: … }`"]),
    ("recurses", &["too much recursion", "help: a function calls itself"]),
    // What hands a megabyte over takes 70 of memory in JavaScript.
    ("large", &["`out-of-memory` (limit)", "`limits: { memoryBytes: … }`"]),
    ("posts", &["declared `reads`, which allows GET and HEAD", "`effects: 'writes'`"]),
    ("elsewhere", &["mistakes.policy.toml", "other.example.org", "help: what a plugin may do"]),
    ("unexpected", &["unexpected request: GET https://api.example.org/unexpected"]),
    ("pure", &["declared `pure`", "`effects: 'reads'`"]),
];

#[test]
fn mistakes_in_javascript_are_explained_at_run_time() {
    if is_left_out("JavaScript") {
        return;
    }
    let place = project("mistakes");
    place.write("mistakes/plugin.js", include_str!("mistakes/plugin.js"));
    place.write("mistakes/mistakes.policy.toml", "[[http]]\nhost = \"api.example.org\"\n");
    let head = "[[cases]]\nname =";
    let case = |(name, _): &(&str, &[&str])| {
        format!("{head} \"{name}\"\ntask_type = \"{name}\"\noutput = {{ text = \"something\" }}\n")
    };
    let cases: String = MISTAKES.iter().map(case).collect();
    place.write("mistakes/tests.toml", &cases);
    let built = place.taskloom("plugin build mistakes --offline").expect(0);
    built.says(&["note: plugin.js:", "`process.env`: a plugin has no environment"]);
    for (name, parts) in MISTAKES {
        let done = place.taskloom(&format!("plugin test mistakes --no-build --case {name}"));
        assert_eq!(done.code, 1, "{}\n{}", done.out, done.err);
        done.says(&[&format!("failed  {name}  line"), "1 of 1 cases failed"]);
        done.says(parts);
        // An engine without memory says so in the log; anywhere else it must not end by itself.
        let is_engine = !matches!(name, "memory" | "large") && done.out.contains("mozalloc_abort");
        assert!(!is_engine, "the engine's own end: {}", done.out);
    }
    // Clocks stand still and random numbers follow from the input, though it reads the world.
    let random =
        format!("{head} \"r\"\ntask_type = \"random\"\nclock = \"2026-02-03T04:05:06Z\"\n");
    place.write("mistakes/tests.toml", &random);
    let output = || {
        let tested = place.taskloom("plugin test mistakes --no-build --json").expect(0).json();
        tested["cases"][0]["ending"]["output"]["text"].as_str().expect("text").to_owned()
    };
    let first = output();
    assert!(first.ends_with(" 1770091506000"), "{first}");
    assert_eq!(first, output());
}
