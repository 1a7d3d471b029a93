//! Retry, times, caches and compensation.

use std::time::Duration;

use expect_test::expect;

use super::super::{KnownVersions, Reading, read};
use super::{check_tasks, check_types, print};
use crate::id::PluginName;
use crate::retry::{Backoff, Jitter};
use crate::workflow::{CachePolicy, Timeouts};

#[test]
fn policies_are_read_as_written() {
    let source = r#"
id = "w"
version = "1.0.0"
[defaults]
queue_timeout = "1h"
total_timeout = "2h"
retry = { max_elapsed = "10m", never_retry_on = ["quota"] }
[[tasks]]
id = "a"
type = "a.b@>=1.2, <3"
total_timeout = "3h"
heartbeat = "10s"
retry = { backoff = "linear", jitter = "equal", retry_on = ["http-404", "busy"] }
cache = { ttl = "1h" }
allow_failure = true
[tasks.compensate]
type = "a.undo"
retry = { max_attempts = 9 }
"#;
    let Reading { definition, problems } = read("w.toml", source);
    assert_eq!(print(&problems), "");
    let workflow = &definition.expect("it has no problems").workflow;
    let [task, undo] = &workflow.tasks[..] else { panic!("a task and its compensation") };
    let retry = &task.retry;
    assert_eq!((retry.backoff, retry.jitter), (Backoff::Linear, Jitter::Equal));
    assert_eq!(retry.max_elapsed, Some(Duration::from_secs(600)));
    assert_eq!(
        (&*retry.retry_on, &*retry.never_retry_on),
        (&["http-404".to_owned(), "busy".to_owned()][..], &["quota".to_owned()][..],)
    );
    let hours = |hours: u64| Some(Duration::from_secs(hours * 3_600));
    let heartbeat = Some(Duration::from_secs(10));
    assert_eq!(task.timeouts, Timeouts { queue: hours(1), total: hours(3), heartbeat });
    assert_eq!(task.cache, Some(CachePolicy { ttl: Duration::from_secs(3_600) }));
    assert!(task.allow_failure && !undo.allow_failure);
    assert_eq!((undo.id.as_str(), undo.retry.max_attempts), ("a.compensate", 9));
    assert_eq!(task.compensation, workflow.node(&undo.id));
    assert_eq!(workflow.parent(task.compensation.expect("there is one")), workflow.node(&task.id));
}

#[test]
fn wrong_policies_are_refused() {
    check_tasks(
        r#"
[[tasks]]
id = "a"
type = "a.b@one"
queue_timeout = "400d"
heartbeat = "8d"
retry = { retry_on = ["a b", ""], never_retry_on = "x", max_elapsed = "0s" }
cache = {}
compensate = { input = "${tasks.b.output}", cache = { ttl = "1h" } }
[[tasks]]
id = "b"
type = "a.b"
needs = ["a"]
[[tasks]]
id = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
type = "a.b"
compensate = { type = "a.b" }
"#,
        expect![[r#"
            [invalid-version] w.toml:6:13: tasks[0].type: `one`: unexpected character 'o' while parsing major version number; write versions such as `@^1.2` or `@>=1.2, <3`
            [out-of-range] w.toml:7:17: tasks[0].queue_timeout: 400d is out of range; it must be from 1ms to 366d
            [out-of-range] w.toml:8:13: tasks[0].heartbeat: 8d is out of range; it must be from 1ms to 7d
            [invalid-value] w.toml:9:23: tasks[0].retry.retry_on[0]: `a b` is no code of a failure; codes are letters, digits, `-`, `_` and `.`, such as `timeout`
            [invalid-value] w.toml:9:30: tasks[0].retry.retry_on[1]: `` is no code of a failure; codes are letters, digits, `-`, `_` and `.`, such as `timeout`
            [wrong-type] w.toml:9:52: tasks[0].retry.never_retry_on: a list of strings is expected, not a string
            [out-of-range] w.toml:9:71: tasks[0].retry.max_elapsed: 0s is out of range; it must be from 1ms to 366d
            [missing-key] w.toml:10:9: tasks[0].cache.ttl: is missing
            [missing-key] w.toml:11:14: tasks[0].compensate.type: is missing
            [cycle] w.toml:11:24: tasks[0].compensate.input: tasks need each other in a circle: `a` needs `b` needs `a`
            [unknown-key] w.toml:11:45: tasks[0].compensate.cache: unknown key `cache`; known: `type`, `input`, `timeout`, `retry`, `limits`
            [invalid-value] w.toml:17:6: tasks[2].id: the id is too long: `.compensate` is appended to it; leave room for 11 bytes
        "#]],
    );
}

#[test]
fn what_may_change_the_world_is_not_cached() {
    check_types(
        r#"
[[tasks]]
id = "g"
kind = "group"
[[tasks.tasks]]
id = "a"
type = "http.post"
cache = { ttl = "1h" }
compensate = { type = "http.pst" }
[[tasks.tasks]]
id = "b"
type = "text.render"
input = { template = 3 }
cache = { ttl = "1h" }
[[tasks.tasks]]
id = "c"
kind = "parallel"
for_each = "tasks.b.output.parst"
output = "${tasks.d.output.txt}"
merge = { strategy = "reduce", type = "text.rendre" }
tasks = [{ id = "d", type = "text.render", input = { template = "xx" } }]
"#,
        expect![[r#"
            [not-cacheable] w.toml:10:9: tasks[0].tasks[0].cache: `http.post` may change the world, so it cannot be cached; only task types that compute or read can be
            [unknown-task-type] w.toml:11:23: tasks[0].tasks[0].compensate.type: unknown task type `http.pst`; did you mean `http.post`?
            [invalid-input] w.toml:15:22: tasks[0].tasks[1].input.template: the input does not fit `text.render`: 3 is not of type "string"
            [unknown-output] w.toml:20:13: tasks[0].tasks[2].for_each: tasks.b.output has no `parst`, by its schema; did you mean `parts`?
            [unknown-output] w.toml:21:13: tasks[0].tasks[2].output: tasks.d.output has no `txt`, by its schema; did you mean `text`?
            [unknown-task-type] w.toml:22:39: tasks[0].tasks[2].merge.type: unknown task type `text.rendre`; did you mean `text.render`?
        "#]],
    );
}

#[test]
fn a_task_may_ask_for_versions_of_its_plugin() {
    let source =
        "id = \"w\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"a\"\ntype = \"text.render@^1.2\"\n";
    let definition = read("w.toml", source).definition.expect("it has no problems");
    let problems = |version: &str| {
        let text = PluginName::new("text").expect("a name");
        let known = KnownVersions::from([(text, version.parse().expect("a version"))]);
        print(&definition.check_versions(&known))
    };
    assert_eq!(problems("1.3.0"), "");
    expect![[r#"
        [other-version] w.toml:5:8: tasks[0].type: `^1.2` is asked for, and plugin `text` is 2.0.0
    "#]]
    .assert_eq(&problems("2.0.0"));
}
