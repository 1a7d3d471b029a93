use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::json;

use super::{Reading, read};
use crate::document::Problem;
use crate::id::{Digest, TaskType};
use crate::plugin::{Effects, LimitsWish, ResourceClass, TaskTypeSpec};
use crate::retry::{Jitter, RetryPolicy};
use crate::workflow::{NodeIndex, OnFailure};

fn print(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |mut text, problem| {
        writeln!(text, "[{}] {problem}", problem.code).expect("a string takes all");
        text
    })
}

/// Reads a source and shows everything that is wrong with it.
fn check(source: &str, expected: Expect) {
    let Reading { definition, problems } = read("w.toml", source);
    assert_eq!(definition.is_some(), problems.is_empty());
    expected.assert_eq(&print(&problems));
}

/// Reads a source with this before it: the least that a workflow needs besides tasks.
fn check_tasks(tasks: &str, expected: Expect) {
    check(&format!("id = \"w\"\nversion = \"1.0.0\"\n{tasks}"), expected);
}

fn known_types() -> BTreeMap<TaskType, TaskTypeSpec> {
    let spec = |input_schema, output_schema| TaskTypeSpec {
        summary: String::new(),
        docs: String::new(),
        input_schema,
        output_schema,
        effects: Effects::Pure,
        resource_class: ResourceClass::Cpu,
        idempotent: true,
        limits: LimitsWish::default(),
    };
    let render = json!({
        "type": "object", "required": ["template"], "additionalProperties": false,
        "properties": {
            "template": {"type": "string", "minLength": 2},
            "count": {"type": "integer", "minimum": 1},
            "mode": {"enum": ["fast", "slow"]},
            "values": {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}},
            "list": {"type": "array", "items": {"type": "integer"}, "uniqueItems": true, "maxItems": 3},
        },
    });
    let choose = json!({
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        "if": {"properties": {"kind": {"const": "x"}}}, "then": {"required": ["c"]},
    });
    let output = json!({
        "type": "object", "additionalProperties": false,
        "properties": {"text": {"type": "string"}, "parts": {"type": "array", "items": {"type": "integer"}}},
    });
    [
        ("text.render", render, output),
        ("text.choose", choose, json!(true)),
        ("http.get", json!(true), json!(true)),
    ]
    .into_iter()
    .map(|(name, input, output)| (TaskType::new(name).expect("a type"), spec(input, output)))
    .collect()
}

/// Reads tasks that must be sound, and shows what is wrong given the task types.
fn check_types(tasks: &str, expected: Expect) {
    let source = format!("id = \"w\"\nversion = \"1.0.0\"\n{tasks}");
    let Reading { definition, problems } = read("w.toml", &source);
    assert_eq!(print(&problems), "");
    let types = known_types();
    let known = types.iter().collect();
    let problems = definition.expect("it has no problems").check_types(&known);
    expected.assert_eq(&print(&problems));
}

#[test]
fn a_full_definition_is_read_as_written() {
    let source = r##"
        id = "issue-triage"
        name = "Triage an issue"
        description = "Labels it."
        version = "1.2.0"
        output = { label = "${tasks.classify.output.label}" }

        [input]
        type = "object"
        required = ["issue"]
        [input.properties.issue]
        type = "object"

        [config]
        timeout = "30s"
        max_parallel = 8
        priority = -3
        on_failure = "continue"

        [defaults]
        timeout = "20s"
        retry = { max_attempts = 2, jitter = "none" }
        limits = { memory = "32MiB", output = 65536 }

        [[tasks]]
        id = "classify"
        type = "github.classify-issue"
        input = { title = "${input.issue.title}", body = "# ${input.issue.body}", constant = "$${x}" }
        timeout = "5s"
        retry = { max_attempts = 4, backoff = "exponential", initial = "250ms", max = "10s", jitter = "full" }
        limits = { fuel = 200_000_000, memory = "64MiB" }

        [[tasks]]
        id = "tell"
        type = "http.post"
        needs = ["classify", "classify"]

        [[tasks]]
        id = "log"
        type = "text.render"
        input = "${[tasks['classify'].output.label, tasks.tell.outcome].size()}"
    "##;
    let Reading { definition, problems } = read("w.toml", source);
    assert_eq!(print(&problems), "");
    let definition = definition.expect("it has no problems");
    let workflow = &definition.workflow;
    assert_eq!(&*definition.source, source);
    assert_eq!(workflow.digest, Digest::of(source.as_bytes()));
    assert_eq!(
        (workflow.id.as_str(), workflow.name.as_str(), workflow.version.as_str()),
        ("issue-triage", "Triage an issue", "1.2.0")
    );
    assert_eq!(workflow.config.timeout, Some(Duration::from_secs(30)));
    assert_eq!(workflow.config.max_parallel, Some(8));
    assert_eq!((workflow.config.priority, workflow.config.on_failure), (-3, OnFailure::Continue));
    assert_eq!(workflow.input_schema["properties"]["issue"], json!({"type": "object"}));
    let needs: Vec<Vec<_>> = (0..3)
        .map(|n| {
            workflow.graph.dependencies(NodeIndex::new(n)).iter().map(|t| t.as_usize()).collect()
        })
        .collect();
    assert_eq!(needs, [vec![], vec![0], vec![0, 1]]);

    let first = &workflow.tasks[0];
    let limits = LimitsWish {
        fuel: Some(200_000_000),
        memory_bytes: Some(64 << 20),
        timeout_ms: Some(5_000),
        output_bytes: Some(65_536),
    };
    assert_eq!(first.limits, limits);
    let retry = RetryPolicy {
        max_attempts: 4,
        initial: Duration::from_millis(250),
        max: Duration::from_secs(10),
        jitter: Jitter::Full,
    };
    assert_eq!(first.retry, retry);
    assert_eq!(
        workflow.tasks[1].retry,
        RetryPolicy { max_attempts: 2, jitter: Jitter::None, ..RetryPolicy::default() }
    );
    assert_eq!(workflow.tasks[1].input.as_constant(), Some(&json!({})));
}

#[test]
fn every_key_of_the_head_is_checked() {
    check(
        "",
        expect![[r#"
        [missing-key] w.toml:1:1: id: is missing
        [missing-key] w.toml:1:1: version: is missing
        [no-tasks] w.toml:1:1: a workflow needs at least one task; add one: `[[tasks]]` with an `id` and a `type`
    "#]],
    );
    check(
        "id = \"w\"\nversion = \"1.0.0\"\ntasks = []",
        expect![[r#"
        [no-tasks] w.toml:1:1: a workflow needs at least one task; add one: `[[tasks]]` with an `id` and a `type`
    "#]],
    );
    check(
        r#"
id = "Issue Triage"
nmae = "x"
version = "1.0"
description = 3
[input]
type = "objct"
required = "issue"
properties.a.minimum = "3"
[config]
timeout = "30"
max_paralel = 8
max_parallel = 0
priority = 101
on_failure = "halt"
[defaults]
retries = 3
[defaults.retry]
max_attempts = 101
backoff = "linear"
initial = "2m"
max = "1m"
jitter = "ful"
[defaults.limits]
fuel = 0
memory = "1KiB"
output = 1.5
[[tasks]]
"#,
        expect![[r#"
            [invalid-value] w.toml:2:6: id: `Issue Triage` is no workflow id: it must be lower-case letters, digits, `-` and `_`, beginning with a letter, of at most 128 bytes
            [unknown-key] w.toml:3:1: nmae: unknown key `nmae`; did you mean `name`?
            [invalid-version] w.toml:4:11: version: the version is no semantic version; write three numbers, such as "1.0.0"
            [wrong-type] w.toml:5:15: description: a string is expected, not a whole number
            [invalid-schema] w.toml:7:8: input.type: "objct" is no type; types are array, boolean, integer, null, number, object, string
            [invalid-schema] w.toml:8:12: input.required: "issue" is not of type "array"
            [invalid-schema] w.toml:9:24: input.properties.a.minimum: "3" is not of type "number"
            [invalid-value] w.toml:11:11: config.timeout: `30` is no duration; write a number and one of `ms`, `s`, `m`, `h`, `d`, such as "250ms" or "1m"
            [unknown-key] w.toml:12:1: config.max_paralel: unknown key `max_paralel`; did you mean `max_parallel`?
            [out-of-range] w.toml:13:16: config.max_parallel: 0 is out of range; it must be from 1 to 10000
            [out-of-range] w.toml:14:12: config.priority: 101 is out of range; it must be from -100 to 100
            [unknown-value] w.toml:15:14: config.on_failure: unknown value `halt`; it must be one of `stop`, `continue`
            [unknown-key] w.toml:17:1: defaults.retries: unknown key `retries`; known: `timeout`, `retry`, `limits`
            [out-of-range] w.toml:19:16: defaults.retry.max_attempts: 101 is out of range; it must be from 1 to 100
            [unknown-value] w.toml:20:11: defaults.retry.backoff: unknown value `linear`; it must be one of `exponential`
            [inconsistent-retry] w.toml:21:11: defaults.retry.initial: the first wait (`initial`) is longer than the longest (`max`); initial is 120s and max is 60s
            [unknown-value] w.toml:23:10: defaults.retry.jitter: unknown value `ful`; did you mean `full`?
            [out-of-range] w.toml:25:8: defaults.limits.fuel: 0 is out of range; it must be from 1 to 1000000000000000
            [out-of-range] w.toml:26:10: defaults.limits.memory: 1KiB is out of range; it must be from 64KiB to 4GiB
            [wrong-type] w.toml:27:10: defaults.limits.output: a size is expected, not a number with a point; write bytes as a number, or a number and one of `B`, `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`, such as "64MiB"
            [missing-key] w.toml:28:1: tasks[0].id: is missing
            [missing-key] w.toml:28:1: tasks[0].type: is missing
        "#]],
    );
}

#[test]
fn every_key_of_a_task_is_checked() {
    check_tasks(
        r#"
[[tasks]]
id = "if"
type = "render"
[[tasks]]
id = "a.b"
type = "text.render"
need = []
needs = ["x", 3]
[[tasks]]
id = "c"
type = "text.render"
when = 2026-01-01
input = { at = 2026-01-01, n = nan }
timeout = "8d"
retry = 3
limits = { fule = 3 }
run_if = "true"
"#,
        expect![[r#"
            [invalid-value] w.toml:5:6: tasks[0].id: `if` is no id for a task; the word belongs to the expression language
            [invalid-value] w.toml:6:8: tasks[0].type: `render` is no task type: it must be `plugin.name`, both of lower-case letters, digits, `-` and `_`, of at most 128 bytes
            [invalid-value] w.toml:8:6: tasks[1].id: `a.b` is no id for a task; dots and brackets are for tasks that the host makes
            [unknown-key] w.toml:10:1: tasks[1].need: unknown key `need`; did you mean `needs`?
            [wrong-type] w.toml:11:15: tasks[1].needs[1]: a string is expected, not a whole number
            [unknown-key] w.toml:15:1: tasks[2].when: unknown key `when`; known: `id`, `type`, `needs`, `input`, `timeout`, `retry`, `limits`
            [no-json] w.toml:16:16: tasks[2].input: 2026-01-01 is a TOML date or time, which JSON has not; put it into quotes
            [no-json] w.toml:16:32: tasks[2].input: nan is no JSON number
            [out-of-range] w.toml:17:11: tasks[2].timeout: 8d is out of range; it must be from 1ms to 7d
            [wrong-type] w.toml:18:9: tasks[2].retry: a table is expected, not a whole number
            [unknown-key] w.toml:19:12: tasks[2].limits.fule: unknown key `fule`; did you mean `fuel`?
            [unknown-key] w.toml:20:1: tasks[2].run_if: unknown key `run_if`; known: `id`, `type`, `needs`, `input`, `timeout`, `retry`, `limits`
        "#]],
    );
}

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
            [bad-expression] w.toml:4:14: output[0]: `tasks.a` has no `result`; write `tasks.a.output` or `tasks.a.outcome`
            [bad-expression] w.toml:8:23: tasks[0].input.first: unknown name `inptu`; did you mean `input`?
            [bad-expression] w.toml:8:47: tasks[0].input.first: this is no CEL: it ends too early
            [bad-expression] w.toml:8:60: tasks[0].input.first: unknown function `sizes`; did you mean `size`?
            [bad-expression] w.toml:9:29: tasks[0].input.list[0].deep: `run` has no `x`; it has `run.id`, `run.workflow` and `run.version`
            [bad-expression] w.toml:9:40: tasks[0].input.list[1]: unknown name `nope`; names are `input`, `tasks.<id>` and `run`
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
fn syntax_errors_are_reported_together_with_the_rest() {
    check(
        "id = \"w\"\nversion = 1.0.0\nname = \"open\n[config]\npriority = 999\n[[tasks]]\nid = \"a\"\ntype = \"a.b\"\nneeds = [\"x\"]\nbad key = 3\n",
        expect![[r#"
            [wrong-type] w.toml:2:11: version: a string is expected, not a number with a point
            [toml-syntax] w.toml:2:14: TOML syntax: invalid float, expected nothing
            [toml-syntax] w.toml:3:13: TOML syntax: invalid basic string, expected `"`
            [out-of-range] w.toml:5:12: config.priority: 999 is out of range; it must be from -100 to 100
            [toml-syntax] w.toml:10:5: TOML syntax: key with no value, expected `=`
        "#]],
    );
    check(
        "id = \"w\"\nid = \"w\"\n[a\n",
        expect![[r#"
        [toml-syntax] w.toml:2:1: TOML syntax: duplicate key
        [unknown-key] w.toml:3:2: a: unknown key `a`; known: `id`, `name`, `description`, `version`, `input`, `config`, `output`, `defaults`, `tasks`
        [toml-syntax] w.toml:3:3: TOML syntax: unclosed table, expected `]`
    "#]],
    );
}

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

#[test]
fn a_hundred_thousand_tasks_are_read_quickly() {
    let mut source = String::from("id = \"w\"\nversion = \"1.0.0\"\n");
    for n in 0..100_000_usize {
        let before = n.saturating_sub(1);
        write!(
            source,
            "[[tasks]]\nid = \"t{n}\"\ntype = \"http.get\"\ninput = {{ a = \"${{input.x}}\", b = \"${{{}}}\" }}\n",
            if n == 0 { "run.id".to_owned() } else { format!("tasks.t{before}.output.b") }
        )
        .expect("a string takes all");
    }
    let started = Instant::now();
    let Reading { definition, problems } = read("w.toml", &source);
    assert_eq!(print(&problems), "");
    let types = known_types();
    let definition = definition.expect("it has no problems");
    assert!(definition.check_types(&types.iter().collect()).is_empty());
    assert_eq!(definition.workflow.graph.depth(NodeIndex::new(0)), 100_000);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());

    // Every reference wrong: as many problems, and no search for each among all.
    let broken = source.replace("tasks.t", "tasks.x");
    let started = Instant::now();
    let problems = read("w.toml", &broken).problems;
    assert!(problems.len() <= crate::document::PROBLEMS_MAX + 1);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn nesting_does_not_overflow_a_small_stack() {
    let inline = |depth: usize| format!("{}1{}", "{ a = ".repeat(depth), " }".repeat(depth));
    let dotted = vec!["a"; 79].join(".");
    let product = format!("{}1{}", format!("{{ {dotted} = ").repeat(79), " }".repeat(79));
    let sources = [
        format!("x = {}1{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("x = {}", "[".repeat(100_000)),
        format!("x = {}", inline(10_000)),
        format!("{} = 1", vec!["a"; 100_000].join(".")),
        format!("[{}]", vec!["a"; 100_000].join(".")),
        format!("input = {product}"),
        format!("[{dotted}]\n{dotted} = {product}"),
    ];
    let check = move || {
        for source in &sources {
            assert!(!read("w.toml", source).problems.is_empty());
        }
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(check);
    thread.expect("a thread").join().expect("no overflow");
}

#[test]
fn a_large_broken_text_costs_no_more_than_a_large_sound_one() {
    for garbage in [
        "=".repeat(4 << 20),
        "[[\n".repeat(1 << 20),
        "a = \"\n".repeat(40_000),
        "é".repeat(1 << 20),
    ] {
        let started = Instant::now();
        assert!(!read("w.toml", &garbage).problems.is_empty());
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
    let large = format!("#{}", "x".repeat(crate::document::SOURCE_BYTES_MAX));
    assert_eq!(read("w.toml", &large).problems[0].code, "too-large");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(source in "(?s).{0,300}") {
        let Reading { definition, problems } = read("w.toml", &source);
        prop_assert_eq!(definition.is_some(), problems.is_empty());
    }

    #[test]
    fn no_file_makes_it_panic(lines in prop::collection::vec(
        prop::sample::select(vec![
            "id = \"w\"", "version = \"1.0.0\"", "[[tasks]]", "id = \"a\"", "id = \"b\"",
            "type = \"a.b\"", "needs = [\"a\"]", "needs = [\"b\", 3]", "input = \"${input.x}\"",
            "input = { a = \"${tasks.b.output}\" }", "[input]", "type = \"object\"",
            "additionalProperties = false", "properties.x = {}", "[config]", "timeout = \"1s\"",
            "[tasks.retry]", "[tasks.retry]", "max = \"1s\"", "tasks = 3", "[tasks]", "[defaults]",
            "output = \"${tasks.a.output\"", "x = [", "]", "é = \"é ${é}\"", "\"\" = {}", "\u{0}",
        ]),
        0..20,
    )) {
        let source = lines.join("\n");
        let Reading { definition, problems } = read("w.toml", &source);
        prop_assert_eq!(definition.is_some(), problems.is_empty());
        for problem in &problems {
            prop_assert!(problem.line >= 1 && problem.column >= 1);
        }
        if let Some(definition) = definition {
            let types = known_types();
            definition.check_types(&types.iter().collect());
        }
    }
}

#[test]
fn the_examples_of_the_guide_are_sound() {
    let guide = include_str!("../../../../docs/workflows.md");
    let examples: Vec<_> = guide
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|example| example.contains("[[tasks]]"))
        .collect();
    assert!(!examples.is_empty());
    for example in examples {
        assert_eq!(print(&read("workflows.md", example).problems), "");
    }
}
