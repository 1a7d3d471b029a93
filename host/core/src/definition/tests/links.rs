//! Who needs whom, and who may read whom.

use expect_test::expect;

use super::check_tasks;

#[test]
fn links_between_tasks_are_checked() {
    check_tasks(
        r#"
[[tasks]]
id = "classify"
type = "a.b"
needs = ["clasify", "classify"]
[[tasks]]
id = "classify"
type = "a.b"
[[tasks]]
id = "answer"
type = "a.b"
input = { text = "see ${tasks.clasify.output}", own = ["${tasks.answer.output}"] }
"#,
        expect![[r#"
            [unknown-task] w.toml:7:10: tasks[0].needs[0]: unknown task `clasify`; did you mean `classify`?
            [self-dependency] w.toml:7:21: tasks[0].needs[1]: a task cannot need itself
            [duplicate-task] w.toml:9:6: tasks[1].id: there is another task `classify`; tasks[0] has the same id
            [unknown-task] w.toml:14:25: tasks[2].input.text: unknown task `clasify`; did you mean `classify`?
            [self-dependency] w.toml:14:59: tasks[2].input.own[0]: a task cannot read itself
        "#]],
    );
    check_tasks(
        "output = \"${tasks.b.output}\"\n[[tasks]]\nid = \"a\"\ntype = \"a.b\"\n",
        expect![[r#"
            [unknown-task] w.toml:3:13: output: unknown task `b`
        "#]],
    );
}

#[test]
fn a_circle_is_shown_with_its_tasks_in_order() {
    check_tasks(
        r#"
[[tasks]]
id = "start"
type = "a.b"
[[tasks]]
id = "a"
type = "a.b"
needs = ["start", "b"]
[[tasks]]
id = "b"
type = "a.b"
input = "${tasks.c.output}"
[[tasks]]
id = "c"
type = "a.b"
needs = ["a"]
"#,
        expect![[r#"
            [cycle] w.toml:10:19: tasks[1].needs[1]: tasks need each other in a circle: `a` needs `b` needs `c` needs `a`
        "#]],
    );
}

#[test]
fn needs_name_tasks_of_the_same_list() {
    check_tasks(
        r#"
[[tasks]]
id = "a"
type = "a.b"
needs = ["inner", "other"]
[[tasks]]
id = "g"
kind = "group"
needs = ["inner"]
[[tasks.tasks]]
id = "inner"
type = "a.b"
needs = ["a", "g", "other"]
[[tasks]]
id = "h"
kind = "group"
[[tasks.tasks]]
id = "other"
type = "a.b"
[[tasks]]
id = "p"
kind = "parallel"
[[tasks.tasks]]
id = "left"
type = "a.b"
input = "${tasks.right.output}"
[[tasks.tasks]]
id = "right"
type = "a.b"
needs = ["left"]
input = "${tasks.left.output}"
"#,
        expect![[r#"
            [no-sibling] w.toml:7:10: tasks[0].needs[0]: `inner` is inside `g`; need `g`
            [no-sibling] w.toml:7:19: tasks[0].needs[1]: `other` is inside `h`; need `h`
            [no-sibling] w.toml:11:10: tasks[1].needs[0]: `inner` is inside this task; leave it out
            [no-sibling] w.toml:15:10: tasks[1].tasks[0].needs[0]: `a` is outside of the list that this task is in; reading it in an expression is enough, or let the group need it
            [no-sibling] w.toml:15:15: tasks[1].tasks[0].needs[1]: `g` is the group that this task is in; it ends only after this task
            [no-sibling] w.toml:15:20: tasks[1].tasks[0].needs[2]: `other` is inside `h`; read `tasks.h.output`
            [needs-member] w.toml:28:12: tasks[3].tasks[0].input: `right` runs beside this, in the same `parallel`; put tasks that follow each other into a `group`
            [needs-member] w.toml:32:10: tasks[3].tasks[1].needs[0]: members of a `parallel` run side by side; put tasks that follow each other into a `group`
            [needs-member] w.toml:33:12: tasks[3].tasks[1].input: `left` runs beside this, in the same `parallel`; put tasks that follow each other into a `group`
        "#]],
    );
}

#[test]
fn nobody_reads_into_a_group_or_its_own() {
    check_tasks(
        r#"
output = ["${tasks.inner.output}", "${tasks.late.output}"]
[[tasks]]
id = "a"
type = "a.b"
input = ["${tasks.inner.output}", "${tasks.late.outcome}"]
[[tasks]]
id = "g"
kind = "branch"
condition = "tasks.g.output.x || tasks.inner.output"
then_output = "${tasks.other.output + tasks.g.output}"
[[tasks.then]]
id = "inner"
type = "a.b"
input = ["${tasks.g.output}", "${tasks.other.output}"]
[[tasks.else]]
id = "other"
type = "a.b"
run_if = "tasks.a.failure.code == 'x'"
[[finally]]
id = "late"
type = "a.b"
input = "${tasks.inner.output}"
"#,
        expect![[r#"
            [out-of-reach] w.toml:4:14: output[0]: `inner` is inside `g`; read `tasks.g.output`
            [out-of-reach] w.toml:4:39: output[1]: `late` runs in `finally`, after everything else
            [out-of-reach] w.toml:8:13: tasks[0].input[0]: `inner` is inside `g`; read `tasks.g.output`
            [out-of-reach] w.toml:8:38: tasks[0].input[1]: `late` runs in `finally`, after everything else
            [self-dependency] w.toml:12:14: tasks[1].condition: a task cannot read itself
            [out-of-reach] w.toml:12:14: tasks[1].condition: `inner` is inside this task; it runs after this is computed
            [self-dependency] w.toml:13:18: tasks[1].then_output: `g` is the group that this task is in; it ends only after this task
            [out-of-reach] w.toml:13:18: tasks[1].then_output: `other` is in another list of `g`; only one of the lists runs, or they run without each other
            [self-dependency] w.toml:17:13: tasks[1].then[0].input[0]: `g` is the group that this task is in; it ends only after this task
            [out-of-reach] w.toml:17:34: tasks[1].then[0].input[1]: `other` is in another list of `g`; only one of the lists runs, or they run without each other
            [out-of-reach] w.toml:25:12: finally[0].input: `inner` is inside `g`; read `tasks.g.output`
        "#]],
    );
}

#[test]
fn reads_within_groups_make_the_groups_need_each_other() {
    check_tasks(
        r#"
[[tasks]]
id = "g"
kind = "group"
[[tasks.tasks]]
id = "a"
type = "a.b"
[[tasks.tasks]]
id = "b"
type = "a.b"
input = { x = ["${tasks.h.output}"] }
[[tasks]]
id = "h"
kind = "group"
[[tasks.tasks]]
id = "c"
type = "a.b"
run_if = "tasks.g.outcome == 'failed'"
"#,
        expect![[r#"
            [cycle] w.toml:13:9: tasks[0].tasks[1].input: tasks need each other in a circle: `g` needs `h` needs `g`
        "#]],
    );
}
