//! Differences between workflows.

use expect_test::{Expect, expect};

use super::super::diff::diff;
use super::super::read;
use super::print;

const FROM: &str = r#"
id = "w"
version = "1.0.0"
output = "${tasks.b.output}"

[config]
timeout = "1m"

[[tasks]]
id = "a" # first
type = "http.get"
input = { url = "https://a.example", headers = { accept = "x" } }

[[tasks]]
id = "b"
type = "text.render"
input = { template = "{{ x }}", values = { x = "${tasks.a.output}" } }

[[tasks]]
id = "choose"
kind = "branch"
condition = "input.x"
then = [{ id = "yes", type = "noop.run" }]
"#;

/// What becomes of the text by these replacements.
fn check(replacements: &[(&str, &str)], expected: Expect) {
    let mut to = FROM.to_owned();
    for (from, with) in replacements {
        assert!(to.contains(from), "{from}");
        to = to.replace(from, with);
    }
    let [from, to] = [FROM, &to].map(|text| {
        let reading = read("w.toml", text);
        assert_eq!(print(&reading.problems), "", "{text}");
        reading.definition.expect("it has no problems")
    });
    let found = diff(&from, &to);
    assert_eq!(found.is_empty(), found.to_string().is_empty());
    expected.assert_eq(&found.to_string());
}

#[test]
fn how_a_text_is_written_makes_no_difference() {
    check(&[], expect![""]);
    check(
        &[
            (" # first", ""),
            ("[config]\ntimeout = \"1m\"\n", "config.timeout = \"1m\" # one\n"),
            ("headers = { accept = \"x\" } }", "headers.accept = \"x\" }"),
            ("id = \"b\"\ntype = \"text.render\"", "type = \"text.render\"\nid = \"b\""),
        ],
        expect![""],
    );
}

#[test]
fn keys_are_compared_one_by_one() {
    check(
        &[("1.0.0", "1.1.0"), ("timeout = \"1m\"", "priority = 3")],
        expect![[r#"
            ~ workflow
                + config.priority: 3
                - config.timeout: "1m"
                ~ version: "1.0.0" -> "1.1.0"
        "#]],
    );
    check(
        &[("accept = \"x\"", "accept = \"y\""), ("id = \"b\"", "id = \"b\"\ntimeout = \"5s\"")],
        expect![[r#"
            ~ task a
                ~ input.headers.accept: "x" -> "y"
            ~ task b
                + timeout: "5s"
        "#]],
    );
}

#[test]
fn tasks_come_and_go_and_move_by_their_ids() {
    check(
        &[
            ("id = \"yes\"", "id = \"no\""),
            ("then =", "else ="),
            (
                "condition = \"input.x\"",
                "condition = \"input.x\"\nthen = [{ id = \"new\", type = \"noop.run\" }]",
            ),
        ],
        expect![[r#"
            - task yes in choose.then
            + task new in choose.then
            + task no in choose.else
        "#]],
    );
    check(
        &[(
            "then = [{ id = \"yes\", type = \"noop.run\" }]",
            "then = [{ id = \"other\", type = \"noop.run\" }]\nelse = [{ id = \"yes\", type = \"noop.run\" }]",
        )],
        expect![[r#"
            + task other in choose.then
            ~ task yes
                ~ list: "choose.then" -> "choose.else"
        "#]],
    );
}

#[test]
fn dependencies_are_those_the_host_would_use() {
    check(&[("id = \"b\"", "id = \"b\"\nneeds = [\"a\"]")], expect![""]);
    check(
        &[("id = \"b\"", "id = \"b\"\nneeds = [\"choose\"]"), ("\"${tasks.a.output}\"", "1")],
        expect![[r#"
            ~ task b
                - needs a
                + needs choose
                ~ input.values.x: "${tasks.a.output}" -> 1
        "#]],
    );
}
