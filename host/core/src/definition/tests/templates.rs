//! Templates of workflows.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::super::read;
use super::super::template::{is_template, read_template};
use super::print;
use crate::id::WorkflowId;

const TEMPLATE: &str = r#"# Greets somebody.
id = "greeting"
version = "1.0.0"
description = "For ${params.owner}: $${literal}"

[params]
required = ["owner"]
properties.owner = { type = "string" }
properties.attempts = { type = "integer", default = 3, minimum = -9 }
properties.list = { default = [1, { a = "${x}" }] }

[config]
concurrency = { key = "${params.owner}-${input.n}" } # one each

[defaults]
retry = { max_attempts = "${params.attempts}" }

[[tasks]]
id = "greet"
type = "text.${params.list[0] == 1 ? 'render' : 'other'}"
run_if = "params.owner != input.who && params.attempts - params.attempts <= 3 || has(params.nope)"
[tasks.input]
whole = "${params.list}" # kept
mixed = "${input.params + params['owner'] + ' params.owner'} of ${params.owner}"
other = "${input.x}"
[[tasks.then]]
"#;

/// Makes a workflow of the template, and shows it or why there is none.
fn check(params: &Value, expected: Expect) {
    let source = TEMPLATE.replace("[[tasks.then]]\n", "");
    let reading = read_template("t.toml", &source);
    assert_eq!(print(&reading.problems), "");
    let template = reading.template.expect("it has no problems");
    let id = WorkflowId::new("made").expect("an id");
    match template.instantiate(params, &id) {
        Err(error) => expected.assert_eq(&format!("{error}\n")),
        Ok(text) => {
            assert_eq!(print(&read("made.toml", &text).problems), "", "{text}");
            expected.assert_eq(&text);
        }
    }
}

#[test]
fn parameters_are_put_in_and_the_rest_stays() {
    check(
        &json!({"owner": "o\"'${input.secret}\n", "attempts": 2}),
        expect![[r##"
        # Greets somebody.
        id = "made"
        version = "1.0.0"
        description = """
        For o"'${input.secret}
        : $${literal}"""

        [config]
        concurrency = { key = """
        o"'$${input.secret}
        -${input.n}""" } # one each

        [defaults]
        retry = { max_attempts = 2 }

        [[tasks]]
        id = "greet"
        type = "text.render"
        run_if = '''"o\"'${input.secret}\n" != input.who && 2 - 2 <= 3 || has({"attempts":2,"list":[1,{"a":"${x}"}],"owner":"o\"'${input.secret}\n"}.nope)'''
        [tasks.input]
        whole = [1, { a = "$${x}" }] # kept
        mixed = '''
        ${input.params + "o\"'${input.secret}\n" + ' params.owner'} of o"'$${input.secret}
        '''
        other = "${input.x}"
    "##]],
    );
}

#[test]
fn parameters_must_fit() {
    check(
        &json!({"attempts": "x"}),
        expect![[r#"
        the parameters do not fit: "owner" is a required property; /attempts: "x" is not of type "integer"
    "#]],
    );
    check(
        &json!([]),
        expect![[r#"
            the parameters do not fit: the parameters must be an object
        "#]],
    );
}

#[test]
fn a_template_is_told_from_a_workflow() {
    assert!(is_template(TEMPLATE));
    assert!(!is_template("id = \"params\"\n[config]\n"));
    let shown = print(
        &read(
            "t.toml",
            "id = \"w\"\nversion = \"1.0.0\"\n[params]\n[[tasks]]\nid = \"a\"\ntype = \"a.b\"\n",
        )
        .problems,
    );
    expect![[r#"
        [is-template] t.toml:3:1: params: `[params]` makes this a template, and no workflow; take a template to make workflows of it, or leave `[params]` out
    "#]].assert_eq(&shown);
}

#[test]
fn a_template_is_checked_as_far_as_its_defaults_go() {
    let problems = |source: &str| print(&read_template("t.toml", source).problems);
    let head = "id = \"w\"\nversion = \"1.0.0\"\n";
    expect![[r#"
        [missing-key] t.toml:1:1: tasks: is missing
        [invalid-value] t.toml:1:6: id: `W` is no workflow id: it must be lower-case letters, digits, `-` and `_`, beginning with a letter, of at most 128 bytes
        [invalid-version] t.toml:2:11: version: the version is no semantic version; write three numbers, such as "1.0.0"
        [invalid-schema] t.toml:4:8: params.type: "x" is no type; types are array, boolean, integer, null, number, object, string
    "#]].assert_eq(&problems("id = \"W\"\nversion = \"1\"\n[params]\ntype = \"x\"\n"));
    let task = "[params.properties]\nx.default = \"one\"\n[[tasks]]\nid = \"a\"\ntype = \"a.b\"\n";
    expect![[r#"
        [invalid-value] t.toml:6:11: tasks[0].timeout: `one` is no duration (with the default parameters); write a number and one of `ms`, `s`, `m`, `h`, `d`, such as "250ms" or "1m"
    "#]].assert_eq(&problems(&format!("{head}{task}timeout = \"${{params.x}}\"\n")));
    expect![[r#"
        [bad-expression] t.toml:1:1: tasks[0].input[0]: in `${params.y}`: no such key `y` in params (object with keys: x)
    "#]].assert_eq(&problems(&format!("{head}{task}input = [\"${{params.y}}\"]\n")));
    expect![[r#"
        [bad-expression] t.toml:1:1: tasks[0].run_if: there is no parameter `z`, and it has no default
    "#]].assert_eq(&problems(&format!("{head}{task}run_if = \"params.z == input.z\"\n")));
}

#[test]
fn the_template_of_the_guide_makes_a_sound_workflow() {
    let guide = include_str!("../../../../../docs/workflows.md");
    let found = guide.split("```toml\n").find(|example| example.starts_with("[params]"));
    let example = found.and_then(|rest| rest.split("```").next()).expect("an example");
    let source = format!("id = \"w\"\nversion = \"1.0.0\"\n{example}");
    let template = read_template("t.toml", &source).template.expect("a template");
    let id = WorkflowId::new("made").expect("an id");
    let text = template.instantiate(&json!({"owner": "ada"}), &id).expect("a workflow");
    assert_eq!(print(&read("made.toml", &text).problems), "", "{text}");
}
