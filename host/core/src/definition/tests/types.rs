//! Definitions against task types.

use expect_test::expect;

use super::check_types;

#[test]
fn unknown_task_types_are_found() {
    check_types(
        r#"
[[tasks]]
id = "a"
type = "text.rendr"
[[tasks]]
id = "b"
type = "text.something-else"
[[tasks]]
id = "c"
type = "nothing.like-it"
"#,
        expect![[r#"
            [unknown-task-type] w.toml:6:8: tasks[0].type: unknown task type `text.rendr`; did you mean `text.render`?
            [unknown-task-type] w.toml:9:8: tasks[1].type: unknown task type `text.something-else`; plugin `text` offers `text.choose`, `text.render`
            [unknown-task-type] w.toml:12:8: tasks[2].type: unknown task type `nothing.like-it`; no plugin `nothing` is loaded; it would be `nothing.wasm` in the plugins folder
        "#]],
    );
}

#[test]
fn constant_inputs_are_checked_fully() {
    check_types(
        r#"
[[tasks]]
id = "a"
type = "text.render"
input = { template = "x", count = 0, mode = "fats", values = {}, list = [1, 1], tempalte = "y" }
[[tasks]]
id = "b"
type = "text.render"
[[tasks]]
id = "c"
type = "text.choose"
input = { kind = "x" }
"#,
        expect![[r#"
            [invalid-input] w.toml:7:22: tasks[0].input.template: the input does not fit `text.render`: "x" is shorter than 2 characters
            [invalid-input] w.toml:7:35: tasks[0].input.count: the input does not fit `text.render`: 0 is less than the minimum of 1
            [invalid-input] w.toml:7:45: tasks[0].input.mode: the input does not fit `text.render`: "fats" is not one of "fast" or "slow"
            [invalid-input] w.toml:7:62: tasks[0].input.values: the input does not fit `text.render`: "a" is a required property
            [invalid-input] w.toml:7:73: tasks[0].input.list: the input does not fit `text.render`: [1,1] has non-unique elements
            [invalid-input] w.toml:7:92: tasks[0].input.tempalte: the input does not fit `text.render`: Additional properties are not allowed ('tempalte' was unexpected)
            [invalid-input] w.toml:8:1: tasks[1].input: the input does not fit `text.render`: "template" is a required property
            [invalid-input] w.toml:14:9: tasks[2].input: the input does not fit `text.choose`: {"kind":"x"} is not valid under any of the schemas listed in the 'anyOf' keyword
            [invalid-input] w.toml:14:9: tasks[2].input: the input does not fit `text.choose`: "c" is a required property
        "#]],
    );
}

#[test]
fn inputs_with_expressions_are_checked_as_far_as_they_are_known() {
    check_types(
        r#"
[[tasks]]
id = "a"
type = "text.render"
input = { count = "${input.n}", extra = "${input.n}" }
[[tasks]]
id = "b"
type = "text.render"
input = { template = "${input.n}", count = "n ${input.n}", values = { b = "${input.n}" }, mode = "fats" }
[[tasks]]
id = "c"
type = "text.render"
input.template = "x ${input.n}"
input.list = ["${input.n}", "${input.n}", 3, "x"]
"#,
        expect![[r#"
            [invalid-input] w.toml:7:9: tasks[0].input: the input does not fit `text.render`: "template" is a required property
            [invalid-input] w.toml:7:41: tasks[0].input.extra: the input does not fit `text.render`: Additional properties are not allowed ('extra' was unexpected)
            [invalid-input] w.toml:11:44: tasks[1].input.count: the input does not fit `text.render`: "n ${input.n}" is not of type "integer"
            [invalid-input] w.toml:11:69: tasks[1].input.values: the input does not fit `text.render`: "a" is a required property
            [invalid-input] w.toml:11:98: tasks[1].input.mode: the input does not fit `text.render`: "fats" is not one of "fast" or "slow"
            [invalid-input] w.toml:16:14: tasks[2].input.list: the input does not fit `text.render`: ["${input.n}","${input.n}",3,"x"] has more than 3 items
            [invalid-input] w.toml:16:46: tasks[2].input.list[3]: the input does not fit `text.render`: "x" is not of type "integer"
        "#]],
    );
    // Nothing here is certainly wrong.
    check_types(
        r#"
[[tasks]]
id = "a"
type = "text.render"
input = { template = "${input.n}", count = "${input.n}", mode = "${input.n}", values = "${input.n}", list = ["${input.n}", "${input.n}"] }
[[tasks]]
id = "b"
type = "text.render"
input = "${input}"
[[tasks]]
id = "c"
type = "text.render"
input = { template = "${input.n}", mode = "${input.n}st" }
[[tasks]]
id = "d"
type = "text.choose"
input = { kind = "${input.n}" }
"#,
        expect![[""]],
    );
}

#[test]
fn reads_of_outputs_are_checked_against_the_type_of_the_task() {
    check_types(
        r#"
output = "${tasks.a.output.text}${tasks.a.output.txt}"
[[tasks]]
id = "a"
type = "text.render"
input = { template = "xx" }
[[tasks]]
id = "b"
type = "http.get"
input = ["${tasks.a.output.parts[0].x}", "${tasks.a.output.parts[0]}", "${size(tasks.a.output.pats)}"]
"#,
        expect![[r#"
            [unknown-output] w.toml:4:35: output: tasks.a.output has no `txt`, by its schema; did you mean `text`?
            [unknown-output] w.toml:12:13: tasks[1].input[0]: tasks.a.output.parts[0] has no key `x`: it is of type integer, by its schema
            [unknown-output] w.toml:12:75: tasks[1].input[2]: tasks.a.output has no `pats`, by its schema; did you mean `parts`?
        "#]],
    );
}
