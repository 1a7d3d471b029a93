//! Expressions in their places.

use expect_test::expect;

use super::check_tasks;

#[test]
fn wrong_expressions_are_found_inside_their_strings() {
    check_tasks(
        r#"
output = ["${tasks.a.result}"]
[[tasks]]
id = "a"
type = "a.b"
input.first = "text ${inptu.x} and ${input.y +} and ${sizes(input)}"
input.list = [{ deep = "é ${run.x}" }, "escaped \t ${nope}", "${input"]
[tasks.input.block]
text = """
two
lines ${tsks.a.output}"""
"#,
        expect![[r#"
            [bad-expression] w.toml:4:14: output[0]: `tasks.a` has no `result`; write `tasks.a.output`, `tasks.a.outcome` or `tasks.a.failure`
            [bad-expression] w.toml:8:23: tasks[0].input.first: unknown name `inptu`; did you mean `input`?
            [bad-expression] w.toml:8:47: tasks[0].input.first: this is no CEL: it ends too early
            [bad-expression] w.toml:8:60: tasks[0].input.first: unknown function `sizes`; did you mean `size`?
            [bad-expression] w.toml:9:29: tasks[0].input.list[0].deep: `run` has no `x`; it has `run.id`, `run.workflow`, `run.version` and `run.started_at`
            [bad-expression] w.toml:9:40: tasks[0].input.list[1]: unknown name `nope`; names are `input`, `tasks.<id>`, `run`, `item`, `index`, `context` and `config`
            [bad-expression] w.toml:9:65: tasks[0].input.list[2]: `${` is not closed by `}`
            [bad-expression] w.toml:13:9: tasks[0].input.block.text: unknown name `tsks`; did you mean `tasks`?
        "#]],
    );
}

#[test]
fn expressions_are_checked_against_the_schema_of_the_input() {
    check_tasks(
        r##"
output = "${input.open.anything}"
[input]
type = "object"
additionalProperties = false
properties.issue = { "$ref" = "#/$defs/issue" }
properties.open = {}
properties.tags = { type = "array", items = { type = "string" } }
properties.maybe = { type = ["object", "null"] }
properties.never = false
properties.map = { additionalProperties = { type = "string" } }
"$defs".issue = { type = "object", properties = { number = { type = "integer" } }, additionalProperties = false }
[[tasks]]
id = "a"
type = "a.b"
[tasks.input]
good = ["${input.issue.number}", "${input.tags[0]}", "${input.maybe.x}", "${input.map.any}", "${has(input.isue)}"]
bad = ["${input.isue.number}", "${input.issue.title + 'x'}", "${input.tags.first}", "${input.tags[0].x}"]
worse = ["${input.issue[0]}", "${input.never.x}", "${input.map.any.more}"]
"##,
        expect![[r#"
            [unknown-input] w.toml:20:11: tasks[0].input.bad[0]: input has no `isue`, by its schema; did you mean `issue`?
            [unknown-input] w.toml:20:35: tasks[0].input.bad[1]: input.issue has no `title`, by its schema; it has: number
            [unknown-input] w.toml:20:65: tasks[0].input.bad[2]: input.tags has no key `first`: it is of type array, by its schema
            [unknown-input] w.toml:20:88: tasks[0].input.bad[3]: input.tags[0] has no key `x`: it is of type string, by its schema
            [unknown-input] w.toml:21:13: tasks[0].input.worse[0]: input.issue has no items: it is of type object, by its schema
            [unknown-input] w.toml:21:34: tasks[0].input.worse[1]: input.never is never there, by its schema
            [unknown-input] w.toml:21:54: tasks[0].input.worse[2]: input.map.any has no key `more`: it is of type string, by its schema
        "#]],
    );
}

#[test]
fn names_are_in_scope_only_where_they_are_known() {
    check_tasks(
        r#"
output = "${item}"
[[tasks]]
id = "a"
type = "a.b"
input = ["${run.outcome}", "x ${1 + index}", "${items.days}", "${event.x}", "${params.x}", "${context.a + config.b}"]
[[tasks]]
id = "days"
kind = "parallel"
for_each = "item.list"
output = "${items.days.x + index}"
[[tasks.tasks]]
id = "b"
type = "a.b"
input = ["${items.b}", "${indexes.days}", "${input.list.all(item, item > 0)}"]
[[finally]]
id = "c"
type = "a.b"
input = ["${run.failure}", "${item}"]
"#,
        expect![[r#"
            [out-of-scope] w.toml:4:13: output: `item` is there only inside a `parallel` with `for_each`
            [out-of-scope] w.toml:8:13: tasks[0].input[0]: how the run ended is known only in `finally`; read `tasks.<id>.outcome`, or move the task to `[[finally]]`
            [out-of-scope] w.toml:8:37: tasks[0].input[1]: `index` is there only inside a `parallel` with `for_each`
            [out-of-scope] w.toml:8:49: tasks[0].input[2]: this is not inside a `parallel` with `for_each` called `days`
            [out-of-scope] w.toml:8:66: tasks[0].input[3]: `event` is there for triggers only; the `input` of a trigger can take over what a run needs of it
            [out-of-scope] w.toml:8:80: tasks[0].input[4]: `params` is there for templates only; `[params]` makes a template, and its values are put in when it is used
            [out-of-scope] w.toml:12:13: tasks[1].for_each: `item` is there only inside a `parallel` with `for_each`
            [out-of-scope] w.toml:17:13: tasks[1].tasks[0].input[0]: this is not inside a `parallel` with `for_each` called `b`; it is inside `days`
            [out-of-scope] w.toml:21:31: finally[0].input[1]: `item` is there only inside a `parallel` with `for_each`
        "#]],
    );
}
