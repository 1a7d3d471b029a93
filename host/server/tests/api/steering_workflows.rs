//! The workflows of the tests of steering: file names and sources.

pub const WORKFLOWS: [(&str, &str); 22] = [
    (
        "publishes.toml",
        r#"
id = "publishes"
version = "1.0.0"
[context]
shared = ["notes"]
merge = "deep"
[context.publish.notes]
last = "${tasks.say.output.text}"
all = { latest = "${run.id}" }
[[tasks]]
id = "say"
type = "hostile.echo"
input = { text = "${input.text}", before = '${shared["notes"]}' }
"#,
    ),
    (
        "publishes-once.toml",
        r#"
id = "publishes-once"
version = "1.0.0"
output = "done"
[context]
merge = "fail"
publish = { first-only = { text = "${input.text}" }, beside = { text = "${input.text}" } }
[[tasks]]
id = "say"
type = "noop.run"
"#,
    ),
    (
        "publishes-nothing.toml",
        r#"
id = "publishes-nothing"
version = "1.0.0"
[context]
publish = { nothing = "${input.text}" }
[[tasks]]
id = "say"
type = "noop.run"
"#,
    ),
    (
        "leaves.toml",
        r#"
id = "leaves"
version = "1.0.0"
[[tasks]]
id = "leave"
type = "hostile.leave"
input = "${input}"
retry = { max_attempts = 2, initial = "1ms", jitter = "none" }
[[tasks]]
id = "read"
type = "hostile.read-file"
input = { given = "${tasks.leave.output.left[0]}", wanted = "${tasks.leave.output.left[0].artefact}" }
"#,
    ),
    (
        "reads-file.toml",
        r#"
id = "reads-file"
version = "1.0.0"
[[tasks]]
id = "read"
type = "hostile.read-file"
input = "${input}"
"#,
    ),
    (
        "lingers.toml",
        r#"
id = "lingers"
version = "1.0.0"
[[tasks]]
id = "sure"
kind = "approval"
prompt = "Go on?"
[[finally]]
id = "last"
kind = "wait"
signal = "done"
"#,
    ),
    (
        "writes-context.toml",
        r#"
id = "writes-context"
version = "1.0.0"
[config]
context_merge = "deep"
[[tasks]]
id = "first"
type = "hostile.echo"
input = { text = "hello" }
set = { found = { first = "${output.text}" }, tenant = { checked = true } }
[[tasks]]
id = "each"
kind = "parallel"
for_each = "[1, 2]"
[[tasks.tasks]]
id = "one"
type = "hostile.echo"
set = { items = { "n" = "${item}" } }
[[tasks]]
id = "asked"
kind = "wait"
for = "1ms"
set = { found = { second = "${context.found.first + '!'}" } }
[[tasks]]
id = "child"
kind = "workflow"
workflow = "sets-context"
context = "return"
needs = ["asked"]
[[tasks]]
id = "reads"
type = "hostile.echo"
input = "${context}"
"#,
    ),
    (
        "sets-context.toml",
        r#"
id = "sets-context"
version = "1.0.0"
[[tasks]]
id = "inner"
type = "hostile.echo"
input = "${context.found}"
set = { below = "${output}" }
"#,
    ),
    (
        "sets-too-much.toml",
        r#"
id = "sets-too-much"
version = "1.0.0"
[config]
context_merge = "fail"
[input]
type = "object"
[[tasks]]
id = "large"
type = "hostile.echo"
input = "${input}"
set = { text = "${output.text}", copy = "${output.text}" }
[[tasks]]
id = "after"
type = "hostile.echo"
needs = ["large"]
input = { text = "other" }
set = { text = "${output.text}" }
"#,
    ),
    (
        "reads-context.toml",
        r#"
id = "reads-context"
version = "1.0.0"
[[tasks]]
id = "say"
type = "hostile.echo"
input = { tenant = "${context.tenant.name}", dry = "${has(context.dry) && context.dry}" }
"#,
    ),
    (
        "hands-context-down.toml",
        r#"
id = "hands-context-down"
version = "1.0.0"
[[tasks]]
id = "middle"
kind = "workflow"
workflow = "hands-context-on"
"#,
    ),
    (
        "hands-context-on.toml",
        r#"
id = "hands-context-on"
version = "1.0.0"
[[tasks]]
id = "inner"
kind = "workflow"
workflow = "reads-context"
"#,
    ),
    (
        "each.toml",
        r#"
id = "each"
version = "1.0.0"
[[tasks]]
id = "all"
kind = "parallel"
for_each = "input.names"
max_parallel = 2
[[tasks.tasks]]
id = "echo"
type = "hostile.echo"
input = { said = "${item} ${index}" }
"#,
    ),
    (
        "choose.toml",
        r#"
id = "choose"
version = "1.0.0"
[[tasks]]
id = "size"
kind = "branch"
condition = "input.large"
[[tasks.then]]
id = "much"
type = "noop.run"
[[tasks.else]]
id = "little"
type = "noop.run"
[[tasks]]
id = "both"
kind = "parallel"
needs = ["size"]
merge = { strategy = "deep", conflicts = "fail" }
[[tasks.tasks]]
id = "first"
type = "hostile.echo"
input = { a = 1 }
[[tasks.tasks]]
id = "second"
type = "hostile.echo"
input = { b = 2 }
"#,
    ),
    (
        "waits.toml",
        r#"
id = "waits"
version = "1.0.0"
[[tasks]]
id = "go"
kind = "wait"
signal = "go-ahead"
[[tasks]]
id = "after"
type = "hostile.echo"
input = "${tasks.go.output}"
"#,
    ),
    (
        "asks.toml",
        r#"
id = "asks"
version = "1.0.0"
[[tasks]]
id = "sure"
kind = "approval"
prompt = "Go on?"
[tasks.input_schema]
type = "object"
properties = { ticket = { type = "string" } }
[[tasks]]
id = "after"
type = "hostile.echo"
input = "${tasks.sure.output}"
"#,
    ),
    (
        "breaks.toml",
        r#"
id = "breaks"
version = "1.0.0"
[[tasks]]
id = "good"
type = "noop.run"
[[tasks]]
id = "bad"
type = "hostile.fail"
input = { class = "permanent", code = "no-luck" }
needs = ["good"]
[[tasks]]
id = "after"
type = "noop.run"
needs = ["bad"]
"#,
    ),
    (
        "outer.toml",
        r#"
id = "outer"
version = "1.0.0"
[[tasks]]
id = "inner"
kind = "workflow"
workflow = "greet"
input = { name = "${input.name}" }
"#,
    ),
    (
        "outer-endless.toml",
        r#"
id = "outer-endless"
version = "1.0.0"
[[tasks]]
id = "inner"
kind = "workflow"
workflow = "waits"
"#,
    ),
    (
        "undoes.toml",
        r#"
id = "undoes"
version = "1.0.0"
[[tasks]]
id = "made"
type = "hostile.echo"
input = { id = 3 }
[tasks.compensate]
type = "hostile.echo"
input = { undo = "${tasks.made.output.id}" }
[[tasks]]
id = "bad"
type = "hostile.fail"
input = { class = "permanent", code = "no-luck" }
needs = ["made"]
[[finally]]
id = "told"
type = "hostile.echo"
input = { how = "${run.outcome}", made = "${tasks.made.output}" }
"#,
    ),
    (
        "votes.toml",
        r#"
id = "votes"
version = "1.0.0"
[[tasks]]
id = "vote"
kind = "parallel"
merge = { strategy = "quorum", count = 2 }
[[tasks.tasks]]
id = "one"
type = "hostile.echo"
input = { vote = 1 }
[[tasks.tasks]]
id = "two"
type = "hostile.fail"
input = { class = "permanent", code = "no-luck" }
[[tasks.tasks]]
id = "three"
type = "hostile.echo"
input = { vote = 3 }
[[tasks]]
id = "soon"
kind = "wait"
for = "1ms"
[[tasks]]
id = "late"
type = "hostile.echo"
needs = ["soon"]
input = { n = 5 }
"#,
    ),
    (
        "off.toml",
        r#"
id = "off"
version = "1.0.0"
enabled = false
[[tasks]]
id = "a"
type = "noop.run"
"#,
    ),
];
