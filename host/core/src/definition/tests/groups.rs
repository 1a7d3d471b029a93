//! Tasks that hold tasks, and tasks that wait.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::super::{Reading, read};
use super::{check_tasks, print};
use crate::workflow::{Block, BlockIndex, NodeIndex, Task, Workflow};

/// Reads tasks that must be sound, and shows how they are laid out: every task with its block, body
/// and needs, and every block with its owner.
fn check_layout(tasks: &str, expected: Expect) {
    let source = format!("id = \"w\"\nversion = \"1.0.0\"\n{tasks}");
    let Reading { definition, problems } = read("w.toml", &source);
    assert_eq!(print(&problems), "");
    let definition = definition.expect("it has no problems");
    let workflow = &definition.workflow;
    let mut text = String::new();
    for (place, task) in workflow.tasks.iter().enumerate() {
        writeln!(text, "{}", show_task(workflow, NodeIndex::new(place), task)).expect("a string");
    }
    for (place, block) in workflow.blocks.iter().enumerate() {
        let is_finally = workflow.finally == Some(BlockIndex(place as u32));
        writeln!(text, "{}", show_block(workflow, place, block, is_finally)).expect("a string");
    }
    expected.assert_eq(&text);
}

fn show_task(workflow: &Workflow, node: NodeIndex, task: &Task) -> String {
    let needs = workflow.graph.dependencies(node).iter();
    let needs: Vec<_> = needs.map(|need| workflow.task(*need).id.as_str()).collect();
    let needs = if needs.is_empty() { String::new() } else { format!(" <- {}", needs.join(", ")) };
    let (block, body, kind) = (task.block.0, task.body.0, task.kind.as_str());
    format!("{} ({kind}) in block {block}, body {body}.{}{needs}", task.id, task.offset)
}

fn show_block(workflow: &Workflow, place: usize, block: &Block, is_finally: bool) -> String {
    let owner = match block.owner {
        Some(owner) => format!("of {}", workflow.task(owner).id),
        None => if is_finally { "finally" } else { "of the workflow" }.to_owned(),
    };
    let tasks: Vec<_> = block.tasks.iter().map(|task| workflow.task(*task).id.as_str()).collect();
    let output = if block.output.is_some() { ", with an output" } else { "" };
    format!("block {place} {owner}: {}{output}", tasks.join(", "))
}

#[test]
fn a_group_comes_before_what_is_in_it() {
    check_layout(
        r#"
[[tasks]]
id = "facts"
type = "a.b"
[[tasks]]
id = "route"
kind = "branch"
condition = "tasks.facts.output.bug"
then_output = "${tasks.file.output}"
[[tasks.then]]
id = "file"
type = "a.b"
input = "${tasks.facts.output}"
[[tasks.then]]
id = "tell"
type = "a.b"
needs = ["file"]
[[tasks.else]]
id = "answer"
type = "a.b"
input = "${tasks.late.output}"
[[tasks]]
id = "late"
type = "a.b"
[[finally]]
id = "clean"
type = "a.b"
input = ["${tasks.route.outcome}", "${run.outcome}", "${run.failure}"]
"#,
        expect![[r#"
            facts (task) in block 0, body 0.0
            route (branch) in block 0, body 0.1 <- facts, late
            file (task) in block 1, body 0.2
            tell (task) in block 1, body 0.3 <- file
            answer (task) in block 2, body 0.4
            late (task) in block 0, body 0.5
            clean (task) in block 3, body 0.6
            block 0 of the workflow: facts, route, late
            block 1 of route: file, tell, with an output
            block 2 of route: answer
            block 3 finally: clean
        "#]],
    );
}

#[test]
fn every_kind_of_group_has_its_blocks() {
    check_layout(
        r#"
[[tasks]]
id = "pick"
kind = "switch"
on = "input.size"
default_output = 3
[[tasks.cases]]
equals = "small"
tasks = [{ id = "one", type = "a.b" }]
output = "${tasks.one.output}"
[[tasks.cases]]
equals = 2
[[tasks.cases.tasks]]
id = "two"
type = "a.b"
[[tasks.default]]
id = "many"
type = "a.b"
[[tasks]]
id = "checks"
kind = "parallel"
merge = { strategy = "quorum", count = 2 }
[[tasks.tasks]]
id = "lint"
type = "a.b"
[[tasks.tasks]]
id = "test"
kind = "group"
output = { passed = "${tasks.unit.output}" }
[[tasks.tasks.tasks]]
id = "unit"
type = "a.b"
[[tasks]]
id = "days"
kind = "parallel"
for_each = "tasks.pick.output"
max_parallel = 4
merge = { strategy = "reduce", type = "a.sum@^1.2" }
output = "${tasks.hours.output[0] + index + indexes.days}"
[[tasks.tasks]]
id = "book"
type = "a.b"
input = "${item}"
compensate = { type = "a.undo", input = ["${tasks.book.output}", "${item}", "${tasks.checks.output}"] }
[[tasks.tasks]]
id = "hours"
kind = "parallel"
for_each = "item.hours"
[[tasks.tasks.tasks]]
id = "hour"
type = "a.b"
input = ["${items.days.name}", "${item}", "${items.hours}", "${indexes.days + index}", "${tasks.book.output}"]
"#,
        expect![[r#"
            pick (switch) in block 0, body 0.0
            one (task) in block 1, body 0.1
            two (task) in block 2, body 0.2
            many (task) in block 3, body 0.3
            checks (parallel) in block 0, body 0.4
            lint (task) in block 4, body 0.5
            test (group) in block 4, body 0.6
            unit (task) in block 5, body 0.7
            days (parallel) in block 0, body 0.8 <- pick, checks
            book (task) in block 6, body 1.0
            book.compensate (task) in block 7, body 1.1
            hours (parallel) in block 6, body 1.2 <- book
            hour (task) in block 8, body 2.0
            days.reduce (task) in block 9, body 0.9
            block 0 of the workflow: pick, checks, days
            block 1 of pick: one, with an output
            block 2 of pick: two
            block 3 of pick: many, with an output
            block 4 of checks: lint, test
            block 5 of test: unit, with an output
            block 6 of days: book, hours, with an output
            block 7 of book: book.compensate
            block 8 of hours: hour
            block 9 of days: days.reduce
        "#]],
    );
}

#[test]
fn keys_that_belong_to_another_kind_say_so() {
    check_tasks(
        r#"
[[tasks]]
id = "a"
type = "a.b"
condition = "true"
[[tasks]]
id = "b"
condition = "true"
[[tasks.then]]
id = "c"
type = "a"
[[tasks]]
id = "d"
kind = "wait"
for = "1m"
timeout = "1m"
retry = { max_attempts = 2 }
thne = []
[[tasks]]
id = "e"
kind = "brnch"
condition = "nope"
[[tasks]]
id = "f"
kind = "parallel"
output = "x"
merge = { strategy = "array", count = 2 }
[[tasks.tasks]]
id = "g"
kind = "parallel"
for_each = "${input}"
merge = { strategy = "object" }
tasks = []
[[tasks]]
id = "h"
kind = "parallel"
merge = { strategy = "quorum", count = 3 }
tasks = [{ id = "i", type = "a.b" }, { id = "j", type = "a.b" }]
[[tasks]]
id = "k"
kind = "parallel"
for_each = "input.list"
merge = { strategy = "reduce", type = "nope" }
tasks = [{ id = "l", type = "a.b@^x" }]
"#,
        expect![[r#"
            [wrong-kind] w.toml:7:1: tasks[0].condition: `condition` belongs to kind `branch`; say so with `kind = "branch"`
            [missing-key] w.toml:8:1: tasks[1]: the task has keys of kind `branch`, but does not say so; add `kind = "branch"`
            [invalid-value] w.toml:13:8: tasks[1].then[0].type: `a` is no task type: it must be `plugin.name`, both of lower-case letters, digits, `-` and `_`, of at most 128 bytes
            [wrong-kind] w.toml:18:11: tasks[2].timeout: `timeout` is for a wait for a `signal`
            [wrong-kind] w.toml:19:1: tasks[2].retry: `retry` belongs to kind `task`; this is of kind `wait`
            [unknown-key] w.toml:20:1: tasks[2].thne: unknown key `thne`; known: `id`, `kind`, `needs`, `run_if`, `allow_failure`, `set`, `timeout`, `for`, `until`, `signal`, `on_timeout`
            [unknown-value] w.toml:23:8: tasks[3].kind: unknown value `brnch`; did you mean `branch`?
            [wrong-kind] w.toml:28:10: tasks[4].output: a `parallel` of fixed members has the merge of their outputs; say `merge`, or put a `group` with an `output` around it
            [wrong-kind] w.toml:29:31: tasks[4].merge.count: `count` belongs to strategy `quorum`; this is of strategy `array`
            [bad-expression] w.toml:33:13: tasks[4].tasks[0].for_each: the value is an expression as it is; write it without `${}`: "input"
            [invalid-value] w.toml:34:22: tasks[4].tasks[0].merge.strategy: items have no ids to be the keys of an object; use `array`, `deep` or `reduce`
            [no-tasks] w.toml:35:9: tasks[4].tasks[0].tasks: the list has no task; leave the key out, or add a task
            [out-of-range] w.toml:39:40: tasks[5].merge.count: 3 is out of range; it must be from 1 to 2
            [invalid-value] w.toml:45:39: tasks[6].merge.type: `nope` is no task type: it must be `plugin.name`, both of lower-case letters, digits, `-` and `_`, of at most 128 bytes
            [invalid-version] w.toml:46:34: tasks[6].tasks[0].type: `^x`: unexpected character 'x' while parsing major version number; write versions such as `@^1.2` or `@>=1.2, <3`
        "#]],
    );
}

#[test]
fn waits_approvals_and_workflows_are_checked() {
    check_tasks(
        r#"
[[tasks]]
id = "a"
kind = "wait"
[[tasks]]
id = "b"
kind = "wait"
for = "1m"
signal = "a/b"
on_timeout = "ignore"
[[tasks]]
id = "c"
kind = "wait"
until = "tasks.a.output.at +"
[[tasks]]
id = "d"
kind = "approval"
on_deadline = "approve"
[tasks.input_schema]
type = "strin"
[[tasks]]
id = "e"
kind = "workflow"
workflow = "Not One"
detached = 1
[[tasks]]
id = "f"
kind = "switch"
on = "input.x"
cases = [{ equals = 1, tasks = [] }, { equals = 1.0, tasks = [{ id = "g", type = "a.b" }] }, { output = 3 }]
else_output = 3
default_output = 3
"#,
        expect![[r#"
            [missing-key] w.toml:4:1: tasks[0]: it does not say what it waits for; add one of `for`, `until` and `signal`
            [too-many-keys] w.toml:11:10: tasks[1].signal: there is `for` already; a wait has one of `for`, `until` and `signal`
            [invalid-value] w.toml:11:10: tasks[1].signal: `a/b` is no name of a signal; use letters, digits, `-`, `_` and `.`, at most 128
            [unknown-value] w.toml:12:14: tasks[1].on_timeout: unknown value `ignore`; it must be one of `fail`, `succeed`, `skip`
            [bad-expression] w.toml:16:29: tasks[2].until: this is no CEL: it ends too early
            [missing-key] w.toml:17:1: tasks[3].prompt: is missing
            [missing-key] w.toml:20:15: tasks[3].on_deadline: there is no deadline; add a `deadline`
            [invalid-schema] w.toml:22:8: tasks[3].input_schema.type: "strin" is no type; types are array, boolean, integer, null, number, object, string
            [invalid-value] w.toml:26:12: tasks[4].workflow: `Not One` is no workflow id: it must be lower-case letters, digits, `-` and `_`, beginning with a letter, of at most 128 bytes
            [wrong-type] w.toml:27:12: tasks[4].detached: true or false is expected, not a whole number
            [no-tasks] w.toml:32:32: tasks[5].cases[0].tasks: the list has no task; leave the key out, or add a task
            [duplicate-case] w.toml:32:49: tasks[5].cases[1].equals: it never runs; cases[0] has the same value, and goes first
            [missing-key] w.toml:32:94: tasks[5].cases[2].equals: is missing
            [missing-key] w.toml:32:94: tasks[5].cases[2].tasks: is missing
            [wrong-kind] w.toml:33:1: tasks[5].else_output: `else_output` belongs to kind `branch`; this is of kind `switch`
            [missing-key] w.toml:34:18: tasks[5].default_output: there is no `default` whose output it could be
        "#]],
    );
}

#[test]
fn positions_are_exact_within_nested_tasks() {
    check_tasks(
        r#"
[[tasks]]
id = "a"
kind = "group"
[[tasks.tasks]]
id = "b"
kind = "switch"
on = "inptu.x"
[[tasks.tasks.cases]]
equals = 1
[[tasks.tasks.cases.tasks]]
id = "c"
type = "a.b"
input = { deep = ["x ${tasks.nope.output}", "${item.x}"] }
needs = ["nope"]
compensate = { type = "a.b", input = { text = "  ${ 1 + event.x}" }, need = 3 }
[[tasks.tasks]]
id = "a"
type = "a.b"
"#,
        expect![[r#"
            [bad-expression] w.toml:10:7: tasks[0].tasks[0].on: unknown name `inptu`; did you mean `input`?
            [unknown-task] w.toml:16:24: tasks[0].tasks[0].cases[0].tasks[0].input.deep[0]: unknown task `nope`
            [out-of-scope] w.toml:16:48: tasks[0].tasks[0].cases[0].tasks[0].input.deep[1]: `item` is there only inside a `parallel` with `for_each`
            [unknown-task] w.toml:17:10: tasks[0].tasks[0].cases[0].tasks[0].needs[0]: unknown task `nope`
            [out-of-scope] w.toml:18:57: tasks[0].tasks[0].cases[0].tasks[0].compensate.input.text: `event` is there for triggers only; the `input` of a trigger can take over what a run needs of it
            [unknown-key] w.toml:18:70: tasks[0].tasks[0].cases[0].tasks[0].compensate.need: unknown key `need`; known: `type`, `input`, `timeout`, `retry`, `limits`
            [duplicate-task] w.toml:20:6: tasks[0].tasks[1].id: there is another task `a`; tasks[0] has the same id
        "#]],
    );
}

#[test]
fn tasks_stand_in_tasks_only_so_deep() {
    let nested = |depth: usize| {
        let mut text = String::new();
        for level in 0..depth {
            let path = vec!["tasks"; level + 1].join(".");
            let kind = if level + 1 == depth { "type = \"a.b\"" } else { "kind = \"group\"" };
            writeln!(text, "[[{path}]]\nid = \"t{level}\"\n{kind}").expect("a string");
        }
        text
    };
    check_tasks(&nested(super::super::TASKS_DEPTH_MAX), expect![[""]]);
    let source = format!("id = \"w\"\nversion = \"1.0.0\"\n{}", nested(33));
    assert_eq!(read("w.toml", &source).problems[0].code, "too-deep");
}
