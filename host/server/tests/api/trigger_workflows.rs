//! Workflows with triggers, and the secrets that they name.

/// The host's secrets, each in a file of this name.
pub const SECRETS: [(&str, &str); 3] = [
    ("hook.secret", "a very secret word\n"),
    ("standard.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"),
    ("github.secret", "known to GitHub"),
];

/// The host's configuration file.
pub const CONFIGURATION: &str = r#"
[secrets]
hook = { file = "hook.secret" }
standard = { file = "standard.secret" }
github = { file = "github.secret" }
gone = { file = "gone.secret" }
example-webhook = { file = "hook.secret" }

[triggers]
files = "files"
"#;

/// The examples that ship, one a kind.
pub const EXAMPLES: [&str; 5] = ["cron", "webhook", "github", "file", "run"];

pub const WORKFLOWS: [(&str, &str); 9] = [
    (
        "hooked.toml",
        r#"
id = "hooked"
version = "1.0.0"
output = "${input}"

[input]
type = "object"
required = ["branch"]
properties = { branch = { type = "string" } }

[[triggers]]
kind = "webhook"
path = "push"
secret = "hook"
when = "event.body.ref != 'ignored'"
input = { branch = "${event.body.ref}" }

[[triggers]]
kind = "webhook"
path = "standard"
secret = "standard"
verify = "standard-webhooks"
input = { branch = "${event.body.ref}" }

[[triggers]]
id = "lost"
kind = "webhook"
path = "lost"
secret = "gone"

[[tasks]]
id = "a"
type = "noop.run"
"#,
    ),
    (
        "open-hook.toml",
        r#"
id = "open-hook"
version = "1.0.0"
output = "${input}"

[[triggers]]
kind = "webhook"
path = "open"
verify = "none"

[[triggers]]
id = "calm"
kind = "webhook"
path = "calm"
verify = "none"
debounce = "20ms"

[[triggers]]
id = "rare"
kind = "webhook"
path = "rare"
verify = "none"
rate = { count = 2, per = "1h" }

[[tasks]]
id = "a"
type = "noop.run"
"#,
    ),
    (
        "from-github.toml",
        r#"
id = "from-github"
version = "1.0.0"
output = "${input}"

[[triggers]]
id = "issues"
kind = "github"
events = ["issues.labeled"]
input = { number = "${event.body.issue.number}", delivery = "${event.delivery}" }

[[triggers]]
id = "pushes"
kind = "github"
events = ["push"]
input = { ref = "${event.body.ref}", action = "${event.action}" }

[[tasks]]
id = "a"
type = "noop.run"
"#,
    ),
    (
        "yearly.toml",
        r#"
id = "yearly"
version = "1.0.0"
output = "${input}"

[[triggers]]
kind = "cron"
schedule = "@yearly"
timezone = "Europe/Berlin"
input = { at = "${event.time}" }

[[tasks]]
id = "a"
type = "noop.run"
"#,
    ),
    (
        "unknown-secret.toml",
        r#"
id = "unknown-secret"
version = "1.0.0"

[[triggers]]
kind = "webhook"
path = "unknown-secret"
secret = "hok"

[[triggers]]
kind = "cron"
schedule = "@daily"
timezone = "Europe/Berlni"

[[tasks]]
id = "a"
type = "noop.run"
"#,
    ),
    (
        "switched-off.toml",
        r#"
id = "switched-off"
version = "1.0.0"
enabled = false

[[triggers]]
kind = "webhook"
path = "switched-off"
verify = "none"

[[tasks]]
id = "a"
type = "noop.run"
"#,
    ),
    (
        "upstream.toml",
        r#"
id = "upstream"
version = "1.2.0"
output = { said = "${input.say}" }

[[tasks]]
id = "a"
type = "hostile.fail"
input = { class = "permanent", code = "no-luck" }
allow_failure = true
"#,
    ),
    (
        "downstream.toml",
        r#"
id = "downstream"
version = "1.0.0"
output = "${input}"

[[triggers]]
id = "after"
kind = "run"
workflow = "upstream"

[[triggers]]
id = "never"
kind = "run"
workflow = "upstream"
outcomes = ["timed_out"]

[[tasks]]
id = "a"
type = "noop.run"
"#,
    ),
    (
        "watches.toml",
        r#"
id = "watches"
version = "1.0.0"
output = "${input}"

[[triggers]]
id = "inbox"
kind = "file"
path = "watched"

[[tasks]]
id = "a"
type = "noop.run"
"#,
    ),
];
