//! Workflows about what one attempt can do.

/// Files and their text.
pub const WORKFLOWS: [(&str, &str); 8] = [
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
    (
        "remembers.toml",
        r#"
id = "remembers"
version = "1.0.0"

[[tasks]]
id = "a"
type = "hostile.identity"
input = "${input}"
cache = { ttl = "1h" }
"#,
    ),
    (
        "forgets.toml",
        r#"
id = "forgets"
version = "1.0.0"

[[tasks]]
id = "a"
type = "hostile.identity"
input = { of = "forgets" }
cache = { ttl = "1ms" }
"#,
    ),
    (
        "uncacheable.toml",
        r#"
id = "uncacheable"
version = "1.0.0"

[[tasks]]
id = "a"
type = "hostile.open-url"
input = { url = "http://127.0.0.1:9/" }
cache = { ttl = "1h" }
"#,
    ),
    (
        "falls_silent.toml",
        r#"
id = "falls_silent"
version = "1.0.0"

[[tasks]]
id = "a"
type = "hostile.spin"
heartbeat = "50ms"
retry = { max_attempts = 2, initial = "1ms", jitter = "none" }
limits = { fuel = 1_000_000_000_000 }
"#,
    ),
    (
        "keeps_talking.toml",
        r#"
id = "keeps_talking"
version = "1.0.0"

[[tasks]]
id = "a"
type = "hostile.ignore-cancel"
heartbeat = "5s"
timeout = "5m"
limits = { fuel = 1_000_000_000_000 }
"#,
    ),
];
