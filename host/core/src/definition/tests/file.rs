//! What a file says, and what is wrong with its keys.

use std::time::Duration;

use expect_test::expect;
use serde_json::json;

use super::super::{Reading, read};
use super::{check, check_tasks, print};
use crate::id::Digest;
use crate::plugin::LimitsWish;
use crate::retry::{Jitter, RetryPolicy};
use crate::workflow::{NodeIndex, OnFailure};

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
        ..RetryPolicy::default()
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
            [unknown-key] w.toml:17:1: defaults.retries: unknown key `retries`; known: `timeout`, `queue_timeout`, `total_timeout`, `retry`, `limits`
            [out-of-range] w.toml:19:16: defaults.retry.max_attempts: 101 is out of range; it must be from 1 to 100
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
            [unknown-key] w.toml:15:1: tasks[2].when: unknown key `when`; known: `id`, `kind`, `type`, `needs`, `run_if`, `allow_failure`, `input`, `set`, `timeout`, `queue_timeout`, `total_timeout`, `heartbeat`, `retry`, `limits`, `cache`, `compensate`
            [no-json] w.toml:16:16: tasks[2].input: 2026-01-01 is a TOML date or time, which JSON has not; put it into quotes
            [no-json] w.toml:16:32: tasks[2].input: nan is no JSON number
            [out-of-range] w.toml:17:11: tasks[2].timeout: 8d is out of range; it must be from 1ms to 7d
            [wrong-type] w.toml:18:9: tasks[2].retry: a table is expected, not a whole number
            [unknown-key] w.toml:19:12: tasks[2].limits.fule: unknown key `fule`; did you mean `fuel`?
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
            [unknown-key] w.toml:3:2: a: unknown key `a`; known: `id`, `name`, `description`, `version`, `enabled`, `input`, `params`, `output`, `config`, `context`, `defaults`, `triggers`, `tasks`, `finally`
            [toml-syntax] w.toml:3:3: TOML syntax: unclosed table, expected `]`
        "#]],
    );
}
