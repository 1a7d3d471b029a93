//! What two definitions say differently.

use crate::definition::diff::Diff;
use crate::definition::read;

const OLD: &str = r#"
id = "x"
version = "1.0.0"
[config]
timeout = "5m"
[[tasks]]
id = "a"
type = "noop.run"
[[tasks]]
id = "b"
type = "noop.run"
input = { list = [1, 2], deep = { "a key" = true } }
needs = ["a"]
[[tasks]]
id = "c"
type = "noop.run"
"#;

fn diff(old: &str, new: &str) -> String {
    let read = |source: &str| {
        let reading = read("x.toml", source);
        reading.definition.unwrap_or_else(|| panic!("{:#?}", reading.problems))
    };
    Diff::of(&read(old), &read(new)).to_string()
}

#[test]
fn form_makes_no_difference() {
    let new = r#"
# A comment.
version = '1.0.0'
id      = "x"
config.timeout = "5m"
tasks = [
  { id = "a", type = "noop.run" },
  { type = "noop.run", id = "b", needs = ["a"], input.deep."a key" = true, input.list = [1,2] },
  { id = "c", type = "noop.run" },
]
"#;
    assert_eq!(diff(OLD, new), "");
    assert_eq!(diff(OLD, OLD), "");
}

#[test]
fn every_change_is_told_where_it_is() {
    for (from, to, expected) in [
        ("version = \"1.0.0\"", "version = \"1.1.0\"", "~ version: \"1.0.0\" → \"1.1.0\"\n"),
        ("timeout = \"5m\"", "priority = 3", "- config.timeout: \"5m\"\n+ config.priority: 3\n"),
        ("[1, 2]", "[1, 3]", "~ tasks.b.input.list: [1,2] → [1,3]\n"),
        ("\"a key\" = true", "", "- tasks.b.input.deep.\"a key\": true\n"),
        ("needs = [\"a\"]\n", "", "- tasks.b.needs: [\"a\"]\n~ b needs -a\n"),
        (
            "list = [1, 2]",
            "list = \"${tasks.c.output}\"",
            "~ tasks.b.input.list: [1,2] → \"${tasks.c.output}\"\n~ b needs +c\n",
        ),
        (
            "id = \"c\"\ntype = \"noop.run\"",
            "id = \"d\"\ntype = \"noop.run\"",
            "- tasks.c: {\"id\":\"c\",\"type\":\"noop.run\"}\n+ tasks.d: {\"id\":\"d\",\"type\":\"noop.run\"}\n",
        ),
    ] {
        assert!(OLD.contains(from), "{from}");
        assert_eq!(diff(OLD, &OLD.replace(from, to)), expected, "{from} → {to}");
    }
}

#[test]
fn another_order_of_tasks_is_one_change() {
    // The first and the last task differ in nothing but their names.
    let swapped = OLD.replace("id = \"a\"", "id = \"?\"").replace("id = \"c\"", "id = \"a\"");
    let swapped = swapped.replace("id = \"?\"", "id = \"c\"");
    let expected = "↕ tasks: [\"a\",\"b\",\"c\"] → [\"c\",\"b\",\"a\"]\n";
    assert_eq!(diff(OLD, &swapped), expected);
}
