//! What tasks set in the context, and who waits for whom because of it.

use expect_test::{Expect, expect};

use super::{check_tasks, check_types, print};
use crate::definition::read;
use crate::workflow::NodeIndex;

/// Reads sound tasks and shows who needs whom.
fn check_needs(tasks: &str, expected: Expect) {
    let source = format!("id = \"w\"\nversion = \"1.0.0\"\n{tasks}");
    let reading = read("w.toml", &source);
    assert_eq!(print(&reading.problems), "");
    let workflow = &reading.definition.expect("it has no problems").workflow;
    let mut text = String::new();
    for (place, task) in workflow.tasks.iter().enumerate() {
        let needs = workflow.graph.dependencies(NodeIndex::new(place)).iter();
        let needs: Vec<_> = needs.map(|need| workflow.task(*need).id.as_str()).collect();
        if !needs.is_empty() {
            text.push_str(&format!("{} <- {}\n", task.id, needs.join(", ")));
        }
    }
    expected.assert_eq(&text);
}

#[test]
fn what_reads_a_name_waits_for_the_tasks_that_set_it() {
    check_needs(
        r#"
[[tasks]]
id = "reads"
type = "a.b"
input = { x = "${context.x}" }
[[tasks]]
id = "one"
type = "a.b"
set = { x = "${output.text}" }
[[tasks]]
id = "two"
type = "a.b"
set = { x = 1, y = 2 }
[[tasks]]
id = "asks"
kind = "approval"
prompt = "good?"
run_if = "has(context.y)"
[[tasks]]
id = "takes_all"
type = "a.b"
input = "${context}"
[[tasks]]
id = "reads_another"
type = "a.b"
input = "${context.z}"
"#,
        expect![[r#"
            reads <- one, two
            asks <- one, two
            takes_all <- one, two
        "#]],
    );
}

#[test]
fn what_a_writer_needs_reads_what_was_there_before() {
    check_needs(
        r#"
[[tasks]]
id = "before"
type = "a.b"
input = "${has(context.x)}"
[[tasks]]
id = "writes"
type = "a.b"
needs = ["before"]
input = "${context.x}"
set = { x = "${context.x + output}" }
[[tasks]]
id = "after"
type = "a.b"
input = "${context.x}"
"#,
        expect![[r#"
            writes <- before
            after <- writes
        "#]],
    );
}

#[test]
fn groups_wait_for_groups() {
    check_needs(
        r#"
[[tasks]]
id = "each"
kind = "parallel"
for_each = "[1]"
[[tasks.tasks]]
id = "inner"
type = "a.b"
set = { x = "${item}" }
[[tasks.tasks]]
id = "beside"
type = "a.b"
input = "${context.x}"
[[tasks]]
id = "later"
kind = "group"
[[tasks.tasks]]
id = "reads"
type = "a.b"
input = "${context.x}"
[[tasks]]
id = "members"
kind = "parallel"
[[tasks.tasks]]
id = "m"
type = "a.b"
set = { y = 1 }
[[tasks.tasks]]
id = "n"
type = "a.b"
input = "${context.y}"
[[finally]]
id = "last"
type = "a.b"
input = "${context.x}"
"#,
        expect![[r#"
            beside <- inner
            later <- each
        "#]],
    );
}

#[test]
fn a_task_waits_for_what_comes_back_from_a_run() {
    check_needs(
        r#"
[[tasks]]
id = "child"
kind = "workflow"
workflow = "other"
context = "return"
[[tasks]]
id = "reads"
type = "a.b"
input = "${context.anything}"
"#,
        expect![[r#"
            reads <- child
        "#]],
    );
}

#[test]
fn what_cannot_be_set_is_refused() {
    check_tasks(
        r#"
output = "${output}"
[config]
context_merge = "lst"
[[tasks]]
id = "a"
type = "a.b"
input = "${output.x}"
set = "${output}"
[[tasks]]
id = "b"
type = "a.b"
set = { x = "${tasks.b.output}", y = "${context.x +}" }
[[tasks]]
id = "c"
kind = "workflow"
workflow = "other"
detached = true
context = "return"
"#,
        expect![[r#"
            [out-of-scope] w.toml:4:13: output: `output` is there in `set` only; the output of another task is `tasks.<id>.output`
            [unknown-value] w.toml:6:17: config.context_merge: unknown value `lst`; did you mean `last`?
            [out-of-scope] w.toml:10:12: tasks[0].input: `output` is there in `set` only; the output of another task is `tasks.<id>.output`
            [invalid-value] w.toml:11:7: tasks[0].set: it is no table of names; write `set = { name = "${output}" }`
            [bad-expression] w.toml:15:52: tasks[1].set.y: this is no CEL: it ends too early
            [wrong-kind] w.toml:21:11: tasks[2].context: a run whose end is not waited for returns no context; leave `context` or `detached` out
        "#]],
    );
}

#[test]
fn tasks_that_wait_for_what_the_other_sets_are_a_circle() {
    check_tasks(
        r#"
[[tasks]]
id = "a"
type = "a.b"
input = "${context.y}"
set = { x = 1 }
[[tasks]]
id = "b"
type = "a.b"
input = "${context.x}"
set = { y = 1 }
"#,
        expect![[r#"
            [cycle] w.toml:7:9: tasks[0].input: tasks need each other in a circle: `a` needs `b` needs `a`
        "#]],
    );
}

#[test]
fn what_is_shared_is_named_in_the_file() {
    check_tasks(
        r#"
[context]
shared = ["notes", "Wrong"]
merge = "best"
publish = { notes = { a = "${tasks.a.output}", b = "${item}" }, "no name" = {} }
keep = true
[[tasks]]
id = "a"
type = "a.b"
input = { fine = "${shared.notes.x}", wrong = "${shared.note}" }
"#,
        expect![[r#"
            [invalid-value] w.toml:5:20: context.shared[1]: `Wrong` is no context name: it must be lower-case letters, digits, `-` and `_`, beginning with a letter, of at most 128 bytes
            [unknown-value] w.toml:6:9: context.merge: unknown value `best`; it must be one of `last`, `first`, `deep`, `fail`
            [out-of-scope] w.toml:7:55: context.publish.notes.b: `item` is there only inside a `parallel` with `for_each`
            [invalid-value] w.toml:7:77: context.publish."no name": `no name` is no context name: it must be lower-case letters, digits, `-` and `_`, beginning with a letter, of at most 128 bytes
            [unknown-key] w.toml:8:1: context.keep: unknown key `keep`; known: `shared`, `publish`, `merge`, `merge_type`, `merge_input`
            [unknown-context] w.toml:12:50: tasks[0].input.wrong: no shared context `note` is read by this workflow; did you mean `notes`?
        "#]],
    );
}

#[test]
fn what_merges_values_of_shared_contexts_is_said_once() {
    let tasks = "[[tasks]]\nid = \"a\"\ntype = \"a.b\"\n";
    check_tasks(
        &format!(
            "[context]\nmerge = \"deep\"\nmerge_type = \"json.merge\"\n\
             merge_input = {{ values = [1] }}\n{tasks}"
        ),
        expect![[r#"
            [conflicting-keys] w.toml:5:14: context.merge_type: `merge` says already what becomes of a name; leave out one of them
            [reserved-key] w.toml:6:26: context.merge_input.values: the two values stand there; leave it out
        "#]],
    );
    check_tasks(
        &format!("[context]\nmerge_type = \"merge\"\nmerge_input = 1\n{tasks}"),
        expect![[r#"
            [invalid-value] w.toml:4:14: context.merge_type: `merge` is no task type: it must be `plugin.name`, both of lower-case letters, digits, `-` and `_`, of at most 128 bytes
            [invalid-value] w.toml:5:15: context.merge_input: it is no table; write `merge_input = { arrays = "concat" }`
        "#]],
    );
    check_tasks(
        &format!("[context]\nmerge_input = {{ arrays = \"x\" }}\n{tasks}"),
        expect![[r#"
        [unused-key] w.toml:4:15: context.merge_input: there is no task type that it could be for; say with `merge_type` whose input it is
    "#]],
    );
}

#[test]
fn what_merges_values_of_shared_contexts_fits_its_task_type() {
    let tasks = "[[tasks]]\nid = \"a\"\nkind = \"wait\"\nsignal = \"go\"\n";
    for (merge, problems) in [
        (
            "merge_type = \"text.chose\"",
            expect![[r#"
            [unknown-task-type] w.toml:4:14: context.merge_type: unknown task type `text.chose`; did you mean `text.choose`?
        "#]],
        ),
        (
            "merge_type = \"text.render\"\nmerge_input = { mode = \"x\", template = \"abc\" }",
            expect![[r#"
                [invalid-input] w.toml:5:15: context.merge_input: the input does not fit `text.render`: "x" is not one of "fast" or "slow"
                [invalid-input] w.toml:5:15: context.merge_input: the input does not fit `text.render`: [null,null] is not of type "object"
            "#]],
        ),
    ] {
        check_types(&format!("[context]\n{merge}\n{tasks}"), problems);
    }
}
