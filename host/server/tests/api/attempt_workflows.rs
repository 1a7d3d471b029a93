//! Workflows about what one attempt can do.

/// Files and their text.
pub const WORKFLOWS: [(&str, &str); 3] = [
    (
        "configured.toml",
        r#"
id = "configured"
version = "1.0.0"
output = { by = "${config.region}" }

[[tasks]]
id = "a"
type = "hostile.echo"
input = { from = "${config.mail.from}", second = "${config.mail.to[1]}", all = "${size(config.mail.to)}" }

[[tasks]]
id = "b"
type = "hostile.echo"
run_if = "config.retries > 2 && !(has(config.nothing) && config.nothing.at_all)"
input = "${config.mail}"
"#,
    ),
    (
        "misconfigured.toml",
        r#"
id = "misconfigured"
version = "1.0.0"

[[tasks]]
id = "a"
type = "hostile.echo"
input = { from = "${config.mail.form}" }

[[tasks]]
id = "b"
type = "hostile.echo"
run_if = "config.weather == 'fine'"
"#,
    ),
    (
        "recovers.toml",
        r#"
id = "recovers"
version = "1.0.0"

[[tasks]]
id = "a"
type = "hostile.flaky"
input = { succeed_on = 3 }
retry = { max_attempts = 3, initial = "1ms", jitter = "none" }
"#,
    ),
];
