//! The guide, the examples that ship, and the JSON Schema for editors.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::keys::{HEAD, Key, Section, Shape};
use super::super::{json_schema, read};
use super::print;
use crate::schema::Schema;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The workflows that ship, with their names.
fn shipped() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["workflows", "workflows/examples"] {
        for entry in std::fs::read_dir(repository().join(folder)).expect("the folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let text = std::fs::read_to_string(&path).expect("a text");
                found.push((path.display().to_string(), text));
            }
        }
    }
    assert!(found.len() > 15);
    found
}

/// The examples of the guide that are whole workflows.
fn guide() -> Vec<String> {
    let guide = include_str!("../../../../../docs/workflows.md");
    let examples = guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let examples: Vec<_> = examples.map(str::to_owned).collect();
    assert!(examples.iter().any(|example| example.contains("version = ")));
    examples
}

/// An example of the guide with what it leaves out: the head, and a task.
fn completed(example: &str) -> String {
    let head =
        if example.contains("version = ") { "" } else { "id = \"w\"\nversion = \"1.0.0\"\n" };
    let task = match example.contains("[[tasks]]") || example.starts_with("tasks") {
        true => "",
        false => "\n[[tasks]]\nid = \"some_task\"\ntype = \"a.b\"\n",
    };
    format!("{head}{example}{task}")
}

fn as_json(text: &str) -> Value {
    toml::from_str(text).expect("TOML")
}

#[test]
fn the_examples_are_sound() {
    for (name, text) in shipped() {
        assert_eq!(print(&read(&name, &text).problems), "");
    }
    for example in guide().iter().filter(|example| !example.contains("[params")) {
        let text = completed(example);
        assert_eq!(print(&read("workflows.md", &text).problems), "", "{text}");
    }
}

#[test]
fn the_json_schema_for_editors_is_up_to_date() {
    let text = serde_json::to_string_pretty(&json_schema()).expect("JSON");
    expect_test::expect_file!["../../../../../docs/workflow.schema.json"]
        .assert_eq(&format!("{text}\n"));
}

#[test]
fn the_json_schema_accepts_what_the_reader_accepts() {
    let schema = Schema::compile(&json_schema()).expect("a schema");
    for (name, text) in shipped() {
        assert_eq!(schema.violations(&as_json(&text)), [], "{name}");
    }
    for example in guide() {
        let text = completed(&example);
        assert_eq!(schema.violations(&as_json(&text)), [], "{text}");
    }
}

#[test]
fn the_json_schema_refuses_what_the_reader_refuses() {
    let schema = Schema::compile(&json_schema()).expect("a schema");
    let task = |keys: &str| {
        as_json(&format!("id = \"w\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"a\"\n{keys}"))
    };
    assert!(schema.accepts(&task("type = \"a.b\"")));
    for keys in [
        "",
        "type = \"a.b\"\ncondition = \"true\"",
        "kind = \"wait\"\nfor = \"1m\"\nretry = {}",
        "kind = \"wait\"\nfor = \"1 week\"",
        "kind = \"branch\"\ncondition = \"true\"",
        "kind = \"parallel\"\ntasks = []",
        "kind = \"parallel\"\ntasks = [{ id = \"b\", type = \"a.b\" }]\nmerge = { strategy = \"any\", count = 3 }",
        "type = \"a.b\"\nretry = { max_attempts = 0 }",
        "kind = \"decision\"\nquestion = \"?\"\nrecommend = \"rule\"\noptions = [{ id = \"a\" }]",
        "kind = \"decision\"\nquestion = \"?\"\nrecommend = \"dice\"\noptions = [{ id = \"a\" }]\nfallback = { option = \"a\" }",
        "type = \"a.b\"\nnope = 3",
    ] {
        assert!(!schema.accepts(&task(keys)), "{keys}");
    }
}

/// A text in which a table of each section stands, by a path to it, with what makes it one.
const SECTIONS: [(&str, &str); 16] = [
    ("workflow", ""),
    ("config", "[config]"),
    ("concurrency", "[config.concurrency]"),
    ("context", "[context]"),
    ("defaults", "[defaults]"),
    ("retry", "[defaults.retry]"),
    ("limits", "[defaults.limits]"),
    ("cache", "[[tasks]]\n[tasks.cache]"),
    ("task", "[[tasks]]"),
    ("compensate", "[[tasks]]\n[tasks.compensate]"),
    ("case", "[[tasks]]\nkind = \"switch\"\n[[tasks.cases]]"),
    ("option", "[[tasks]]\nkind = \"decision\"\n[[tasks.options]]"),
    ("fallback", "[[tasks]]\nkind = \"decision\"\n[tasks.fallback]"),
    ("merge", "[[tasks]]\nkind = \"parallel\"\n[tasks.merge]"),
    ("trigger", "[[triggers]]"),
    ("rate", "[[triggers]]\n[triggers.rate]"),
];

/// Sections with their keys, from the table that schema and reader share.
fn sections() -> Vec<&'static Section> {
    fn collect(section: &'static Section, found: &mut Vec<&'static Section>) {
        if found.iter().all(|known| known.name != section.name) {
            found.push(section);
            for key in section.keys {
                if let Shape::Table(inner) | Shape::Tables(inner) = key.shape {
                    collect(inner, found);
                }
            }
        }
    }
    let mut found = Vec::new();
    collect(&HEAD, &mut found);
    found
}

/// A table of the section in which `key` stands with a value that no key takes: TOML's time.
fn misused(section: &Section, key: &Key) -> String {
    let (_, table) = SECTIONS.iter().find(|(name, _)| *name == section.name).expect("a section");
    let tag = match (&section.tag, key.kinds.first()) {
        (Some(tag), Some(kind)) => format!("{} = \"{kind}\"\n", tag.key),
        _ => String::new(),
    };
    format!("{table}\n{tag}{} = 07:32:00\n", key.name)
}

#[test]
fn the_reader_reads_every_key_of_the_table() {
    let all = sections();
    assert_eq!(all.len(), SECTIONS.len());
    for section in all {
        for key in section.keys {
            let text = misused(section, key);
            let problems = read("w.toml", &text).problems;
            let is_read = problems.iter().any(|problem| {
                let is_it = problem.field.rsplit('.').next() == Some(key.name);
                is_it
                    && problem.message != "is missing"
                    && !matches!(problem.code, "unknown-key" | "wrong-kind")
            });
            assert!(is_read, "{}.{}:\n{text}\n{}", section.name, key.name, print(&problems));
        }
    }
}
