//! Triggers and concurrency.

use std::time::Duration;

use expect_test::expect;

use super::super::{Reading, read};
use super::{check_tasks, print};
use crate::trigger::{CatchUp, FileEvent, Overlap, Rate, Source, Verify};
use crate::workflow::WhenFull;

const TASK: &str = "[[tasks]]\nid = \"a\"\ntype = \"a.b\"\n";

#[test]
fn triggers_are_read_as_written() {
    let source = format!(
        r#"
id = "w"
version = "1.0.0"
enabled = false
[config]
finally_timeout = "1m"
concurrency = {{ key = "issue-${{input.number}}", limit = 2, when_full = "cancel-running" }}
[[triggers]]
kind = "cron"
schedule = "30 6 * * mon-fri"
timezone = "Europe/Berlin"
catch_up = "last"
overlap = "skip"
input = {{ at = "${{event.time}}" }}
[[triggers]]
kind = "webhook"
path = "deploy"
secret = "deploy-key"
verify = "standard-webhooks"
when = "event.body.ref == 'main'"
debounce = "10s"
rate = {{ count = 10, per = "1m" }}
[[triggers]]
kind = "github"
events = ["issues.opened", "push"]
[[triggers]]
kind = "file"
path = "inbox"
[[triggers]]
kind = "run"
workflow = "other"
outcomes = ["failed", "timed_out"]
{TASK}"#
    );
    let Reading { definition, problems } = read("w.toml", &source);
    assert_eq!(print(&problems), "");
    let workflow = &definition.expect("it has no problems").workflow;
    assert!(!workflow.enabled);
    assert_eq!(workflow.config.finally_timeout, Duration::from_secs(60));
    let concurrency = workflow.config.concurrency.as_ref().expect("there is one");
    assert_eq!((concurrency.limit, concurrency.when_full), (2, WhenFull::CancelRunning));
    let [cron, webhook, github, file, run] = &workflow.triggers[..] else {
        panic!("five triggers")
    };
    assert!(matches!(&cron.source, Source::Cron(cron) if cron.timezone == "Europe/Berlin"
        && cron.catch_up == CatchUp::Last && cron.overlap == Overlap::Skip));
    assert!(cron.input.is_some() && cron.when.is_none());
    assert!(matches!(&webhook.source, Source::Webhook(webhook) if webhook.path == "deploy"
        && webhook.verify == Verify::StandardWebhooks));
    assert_eq!(webhook.debounce, Some(Duration::from_secs(10)));
    assert_eq!(webhook.rate, Some(Rate { count: 10, per: Duration::from_secs(60) }));
    assert!(matches!(&github.source, Source::Github { events, secret: None } if events.len() == 2));
    assert!(matches!(&file.source, Source::File { events, .. } if events[2] == FileEvent::Removed));
    assert!(matches!(&run.source, Source::Run { outcomes, .. } if outcomes.len() == 2));
}

#[test]
fn wrong_triggers_are_refused() {
    check_tasks(
        &format!(
            r#"
[config.concurrency]
key = "${{input.n}}-${{tasks.a.output}}-${{run.id}}"
limit = 0
[[triggers]]
kind = "cron"
schedule = "0 25 * * *"
timezone = "../x"
path = "x"
[[triggers]]
kind = "webhook"
path = "a/b"
[[triggers]]
kind = "webhook"
path = "a"
secret = "b"
verify = "none"
when = "input.x && tasks.a.output"
[[triggers]]
kind = "github"
events = ["Issues opened", "a.b.c"]
input = "${{event.x + run.id}}"
[[triggers]]
kind = "file"
path = "../etc"
events = ["creatd"]
[[triggers]]
kind = "run"
outcomes = []
rate = {{ count = 0 }}
debounce = "2h"
[[triggers]]
kind = "corn"
[[triggers]]
{TASK}"#
        ),
        expect![[r#"
            [out-of-scope] w.toml:5:21: config.concurrency.key: tasks cannot be read here; nothing has run yet
            [out-of-scope] w.toml:5:39: config.concurrency.key: `run` is not known before a run starts; it may read `input`
            [out-of-range] w.toml:6:9: config.concurrency.limit: 0 is out of range; it must be from 1 to 10000
            [invalid-value] w.toml:9:12: triggers[0].schedule: `0 25 * * *`: `25` is no hour: it must be from 0 to 23
            [invalid-value] w.toml:10:12: triggers[0].timezone: `../x` is no name of a time zone; use letters, digits and `/`, `-`, `_`, `+`, at most 128
            [wrong-kind] w.toml:11:1: triggers[0].path: `path` belongs to kind `webhook` and `file`; this is of kind `cron`
            [missing-key] w.toml:12:1: triggers[1]: there is no `secret` to check requests with; name a secret of the host, or say `verify = "none"`: then anybody who reaches the host may start runs
            [invalid-value] w.toml:14:8: triggers[1].path: `a/b` is no name of a webhook; use letters, digits and `-`, `_`, at most 128
            [too-many-keys] w.toml:18:10: triggers[2].secret: the secret is not used: nothing is verified; leave out one of them
            [out-of-scope] w.toml:20:9: triggers[2].when: `input` is not known where a trigger decides; it may read `event`
            [out-of-scope] w.toml:20:9: triggers[2].when: tasks cannot be read here; nothing has run yet
            [invalid-value] w.toml:23:11: triggers[3].events[0]: `Issues opened` is no event of GitHub; write the event and maybe its action, such as `issues.opened` or `push`
            [invalid-value] w.toml:23:28: triggers[3].events[1]: `a.b.c` is no event of GitHub; write the event and maybe its action, such as `issues.opened` or `push`
            [out-of-scope] w.toml:24:22: triggers[3].input: `run` is not known where a trigger decides; it may read `event`
            [invalid-value] w.toml:27:8: triggers[4].path: `../etc` is no path within the host's folder; write a path without `..` that does not begin with `/`
            [unknown-value] w.toml:28:11: triggers[4].events[0]: unknown value `creatd`; did you mean `created`?
            [missing-key] w.toml:29:1: triggers[5].workflow: is missing
            [invalid-value] w.toml:31:12: triggers[5].outcomes: the list is empty, so nothing would ever happen
            [missing-key] w.toml:32:8: triggers[5].rate.per: is missing
            [out-of-range] w.toml:32:18: triggers[5].rate.count: 0 is out of range; it must be from 1 to 1000000
            [out-of-range] w.toml:33:12: triggers[5].debounce: 2h is out of range; it must be from 1ms to 1h
            [unknown-value] w.toml:35:8: triggers[6].kind: unknown value `corn`; did you mean `cron`?
            [missing-key] w.toml:36:1: triggers[7].kind: is missing
        "#]],
    );
}
