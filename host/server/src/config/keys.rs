//! Every key of the configuration: its kind, its default and what it is for.

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its section and name, such as `server.listen`.
    pub path: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// Its value when nobody sets it.
    pub preset: Preset,
    /// What it is for, as one or two sentences.
    pub docs: &'static str,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `127.0.0.1:8080`.
    Address,
    /// A path; in the file relative to the file's folder, elsewhere to the working directory.
    Folder,
    /// Any text.
    Text,
    /// A list of texts; separated by commas in the environment.
    Texts,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Word(&'static [(&'static str, &'static str)]),
    /// A whole number within bounds.
    Count(u64, u64),
    /// A size such as `64MiB` within bounds, in bytes.
    Size(u64, u64),
    /// A duration such as `30s` within bounds, in milliseconds.
    Duration(u64, u64),
}

/// The value of a key that nobody sets.
#[derive(Debug, Clone, Copy)]
pub enum Preset {
    /// This one, as it would be written.
    Text(&'static str),
    /// No text at all.
    None,
    /// The number of processor cores.
    Cores,
    /// The machine's name.
    HostName,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The names that `[limits]` and `[limits.max]` share.
pub const CALL_LIMITS: [&str; 16] = [
    "fuel",
    "memory",
    "timeout",
    "input",
    "output",
    "log_lines",
    "log_bytes",
    "host_calls",
    "requests",
    "response_bytes",
    "artefacts",
    "artefact_bytes",
    "artefacts_bytes",
    "metrics",
    "secrets",
    "ai_requests",
];

/// Every key, section by section, in the order in which they are shown.
pub const KEYS: &[Key] = &[
    key(
        "server.listen",
        Kind::Address,
        Preset::Text("127.0.0.1:8080"),
        "Where the host listens; port 0 takes a free one. The API has no login: let it listen on \
         loopback, or behind a proxy that checks who calls.",
    ),
    key("server.name", Kind::Text, Preset::HostName, "The name of this host in attempts."),
    key(
        "server.allowed_hosts",
        Kind::Texts,
        Preset::None,
        "Names under which clients may reach the host, as in the `Host` header, beside IP addresses \
         and `localhost`. Requests to any other name are refused, so that no web page can reach a \
         local host through a name of its own (DNS rebinding).",
    ),
    key(
        "server.connections",
        Kind::Count(1, 100_000),
        Preset::Text("2048"),
        "Connections of clients at once, and never more than half of the files that the process may have \
         open. One more waits until another is closed. A thousand of them may be streams of events.",
    ),
    key(
        "server.head_timeout",
        Kind::Duration(10, 10 * MINUTE),
        Preset::Text("30s"),
        "How long a client may take for the head of a request, and a connection may bring none. Then it is \
         closed.",
    ),
    key(
        "server.body_bytes_max",
        Kind::Size(KIB, 256 * MIB),
        Preset::Text("8MiB"),
        "The largest body of a request; a larger one is answered with 413.",
    ),
    key(
        "server.prefer_wait_max",
        Kind::Duration(0, 10 * MINUTE),
        Preset::Text("60s"),
        "The longest wait that `Prefer: wait=N` is granted.",
    ),
    key(
        "server.shutdown_grace",
        Kind::Duration(0, 10 * MINUTE),
        Preset::Text("10s"),
        "How long running attempts may go on after SIGTERM or SIGINT. What has not ended then is \
         cancelled without consuming an attempt, and goes on at the next start.",
    ),
    key(
        "data.folder",
        Kind::Folder,
        Preset::Text("taskloom-data"),
        "The folder of the journal, kept plugin versions and compiled code. It is made when absent, \
         and belongs to one host at a time.",
    ),
    key(
        "data.durability",
        Kind::Word(&[
            ("full", "survives the end of the process, the system and the power"),
            ("process", "survives the end of the process; faster"),
        ]),
        Preset::Text("full"),
        "What an acknowledged result survives.",
    ),
    key(
        "data.secrets_key",
        Kind::Folder,
        Preset::None,
        "The file with the key of the encrypted secrets; `secrets.key` in `data.folder` when it is not set.",
    ),
    key(
        "workflows.folder",
        Kind::Folder,
        Preset::Text("workflows"),
        "The folder of workflow files (`*.toml`, not in folders below). It is watched.",
    ),
    key(
        "templates.folder",
        Kind::Folder,
        Preset::Text("workflows/templates"),
        "The folder of templates (`*.toml`, not in folders below). It is read when somebody asks for \
         templates, and need not be there.",
    ),
    key(
        "plugins.folder",
        Kind::Folder,
        Preset::Text("plugins"),
        "The folder of plugins (`*.wasm`, not in folders below) and their policies. It is watched.",
    ),
    key(
        "plugins.settle",
        Kind::Duration(10, MINUTE),
        Preset::Text("300ms"),
        "How long a file must have been left alone before it is loaded.",
    ),
    key(
        "plugins.instances_max",
        Kind::Count(16, 100_000),
        Preset::Text("1200"),
        "Calls at once, over all plugins. An attempt that finds no room waits, uncounted.",
    ),
    key(
        "plugins.requests_at_once",
        Kind::Count(1, 100_000),
        Preset::Text("2048"),
        "Outbound requests under way at once, over all plugins: from when one is sent until its response was \
         read. One beyond waits, on the time of its attempt.",
    ),
    key(
        "plugins.requests_at_once_each",
        Kind::Count(1, 100_000),
        Preset::Text("1024"),
        "The same of each plugin, over all its attempts.",
    ),
    key(
        "plugins.memory_total",
        Kind::Size(64 * MIB, 1 << 40),
        Preset::Text("4GiB"),
        "Memory that all guests may hold together. An attempt that finds no room waits, uncounted.",
    ),
    key(
        "plugins.versions_kept",
        Kind::Count(0, 40),
        Preset::Text("3"),
        "Good versions of a plugin whose bytes are kept beside the one in use, to go back to. What live \
         runs have pinned is kept besides.",
    ),
    key(
        "plugins.crash_limit",
        Kind::Count(0, 1_000),
        Preset::Text("5"),
        "Crashes of one version of a plugin, of two tasks at least and without a success between them, \
         that put it into quarantine; `0` never does.",
    ),
    key(
        "plugins.crash_window",
        Kind::Duration(SECOND, 24 * HOUR),
        Preset::Text("10m"),
        "Within how much time these crashes must happen.",
    ),
    key(
        "plugins.require_signed",
        Kind::Switch,
        Preset::Text("false"),
        "Whether a plugin is only loaded with a signature by one of the trusted keys.",
    ),
    key(
        "plugins.trusted_keys",
        Kind::Texts,
        Preset::None,
        "Public keys whose signatures of plugins are believed, as `taskloom plugin keygen` and minisign \
         write them (`RW…`). Once there is one, a signature by any other key refuses its plugin.",
    ),
    key(
        "triggers.files",
        Kind::Folder,
        Preset::None,
        "The folder whose files triggers of kind `file` may look at, with the folders below it. Without \
         one there are no such triggers.",
    ),
    key(
        "slots.cpu",
        Kind::Count(1, 4_096),
        Preset::Cores,
        "Attempts of class `cpu` that run at the same time.",
    ),
    key(
        "slots.io",
        Kind::Count(1, 100_000),
        Preset::Text("1024"),
        "Attempts of class `io` that run at the same time.",
    ),
    key(
        "slots.ai",
        Kind::Count(1, 100_000),
        Preset::Text("8"),
        "Attempts of class `ai` that run at the same time.",
    ),
    key(
        "slots.github",
        Kind::Count(1, 100_000),
        Preset::Text("16"),
        "Attempts of class `github` that run at the same time; GitHub allows 100.",
    ),
    key(
        "slots.claim_ahead",
        Kind::Count(0, 100_000),
        Preset::Text("256"),
        "Attempts of each class that are claimed ahead of a free slot, so that a slot never waits \
         for the disk.",
    ),
    key(
        "runs.max_live",
        Kind::Count(1, 10_000_000),
        Preset::Text("100000"),
        "Runs that may be live at the same time; a start beyond is answered with 429. Runs that tasks \
         start count, and are started beyond it.",
    ),
    key(
        "limits.fuel",
        FUEL,
        Preset::Text("10000000000"),
        "Units of deterministic work of a call, about one a WebAssembly instruction.",
    ),
    key(
        "limits.memory",
        MEMORY,
        Preset::Text("64MiB"),
        "Memory of a call, over all its linear memories and tables.",
    ),
    key(
        "limits.timeout",
        TIMEOUT,
        Preset::Text("30s"),
        "Wall-clock time of a call, waiting included.",
    ),
    key("limits.input", BYTES, Preset::Text("8MiB"), "Bytes of a call's input."),
    key("limits.output", BYTES, Preset::Text("1MiB"), "Bytes of a call's output."),
    key(
        "limits.log_lines",
        NUMBER,
        Preset::Text("1000"),
        "Log lines of a call that are kept; more are dropped and counted.",
    ),
    key(
        "limits.log_bytes",
        BYTES,
        Preset::Text("256KiB"),
        "Bytes of a call's log lines that are kept.",
    ),
    key("limits.host_calls", NUMBER, Preset::Text("100000"), "Calls from a guest into the host."),
    key("limits.requests", NUMBER, Preset::Text("100"), "Outbound requests of a call."),
    key(
        "limits.response_bytes",
        BYTES,
        Preset::Text("16MiB"),
        "Bytes over the bodies of all responses of a call.",
    ),
    key("limits.artefacts", NUMBER, Preset::Text("32"), "Artefacts that a call may leave."),
    key(
        "limits.artefact_bytes",
        BYTES,
        Preset::Text("16MiB"),
        "Bytes of one artefact that a call leaves or reads.",
    ),
    key(
        "limits.artefacts_bytes",
        BYTES,
        Preset::Text("64MiB"),
        "Bytes over all artefacts that a call leaves.",
    ),
    key(
        "limits.metrics",
        NUMBER,
        Preset::Text("64"),
        "Names of measurements of a call that are kept; more are dropped and counted.",
    ),
    key("limits.secrets", NUMBER, Preset::Text("16"), "Secrets that a call may use."),
    key("limits.ai_requests", NUMBER, Preset::Text("32"), "Requests of a call to models."),
    key(
        "limits.cancel_grace",
        Kind::Duration(0, MINUTE),
        Preset::Text("2s"),
        "How long a cancelled handler may go on before it is stopped.",
    ),
    key(
        "limits.lost_max",
        Kind::Count(1, 1_000_000),
        Preset::Text("5"),
        "How often a task may be lost with its host after its handler had been started, before it \
         has failed.",
    ),
    key(
        "limits.lost_unstarted_max",
        Kind::Count(1, 1_000_000),
        Preset::Text("100"),
        "How often a task may be lost with its host while it waited for a slot.",
    ),
    key("limits.max.fuel", FUEL, Preset::Text("1000000000000"), CEILING),
    key("limits.max.memory", MEMORY, Preset::Text("1GiB"), CEILING),
    key("limits.max.timeout", TIMEOUT, Preset::Text("1h"), CEILING),
    key("limits.max.input", BYTES, Preset::Text("32MiB"), CEILING),
    key("limits.max.output", BYTES, Preset::Text("32MiB"), CEILING),
    key("limits.max.log_lines", NUMBER, Preset::Text("10000"), CEILING),
    key("limits.max.log_bytes", BYTES, Preset::Text("4MiB"), CEILING),
    key("limits.max.host_calls", NUMBER, Preset::Text("10000000"), CEILING),
    key("limits.max.requests", NUMBER, Preset::Text("10000"), CEILING),
    key("limits.max.response_bytes", BYTES, Preset::Text("256MiB"), CEILING),
    key("limits.max.artefacts", NUMBER, Preset::Text("1000"), CEILING),
    key("limits.max.artefact_bytes", BYTES, Preset::Text("256MiB"), CEILING),
    key("limits.max.artefacts_bytes", BYTES, Preset::Text("1GiB"), CEILING),
    key("limits.max.metrics", NUMBER, Preset::Text("256"), CEILING),
    key("limits.max.secrets", NUMBER, Preset::Text("64"), CEILING),
    key("limits.max.ai_requests", NUMBER, Preset::Text("1000"), CEILING),
    key(
        "retention.mode",
        Kind::Word(&[("on", "old runs are deleted"), ("off", "nothing is ever deleted")]),
        Preset::Text("on"),
        "Whether a host deletes what is old.",
    ),
    key(
        "retention.finished_age",
        AGE,
        Preset::Text("720h"),
        "How long a run is kept after its end; `0s` keeps it without limit.",
    ),
    key(
        "retention.finished_max",
        Kind::Count(0, 1_000_000_000),
        Preset::Text("100000"),
        "How many finished runs are kept, the newest; `0` keeps all.",
    ),
    key(
        "retention.bytes_max",
        Kind::Size(0, 1 << 50),
        Preset::Text("20GiB"),
        "Bytes that the journal and the artefacts may use; beyond, the oldest finished runs go. `0` sets no limit.",
    ),
    key(
        "retention.log_age",
        AGE,
        Preset::Text("720h"),
        "How long log lines are kept; they go with their run at the latest. `0s` leaves it at that.",
    ),
    key(
        "retention.cached_age",
        AGE,
        Preset::Text("720h"),
        "How long results are kept for tasks with `cache`; `0s` keeps them without limit.",
    ),
    key(
        "retention.every",
        Kind::Duration(SECOND, 24 * HOUR),
        Preset::Text("15m"),
        "How often a host looks for what is old.",
    ),
    key(
        "log.level",
        Kind::Text,
        Preset::Text("info"),
        "`error`, `warn`, `info`, `debug` or `trace`; or a list by part, such as \
         `info,taskloom=debug`.",
    ),
    key(
        "log.format",
        Kind::Word(&[("text", "for people"), ("json", "one JSON object a line")]),
        Preset::Text("text"),
        "How a log line is written. Logs go to standard error.",
    ),
];

const CEILING: &str = "The ceiling of the limit above: no task, plugin or policy can exceed it.";
const FUEL: Kind = Kind::Count(1_000_000, 1_000_000_000_000_000);
const MEMORY: Kind = Kind::Size(64 * KIB, 4 * GIB);
const TIMEOUT: Kind = Kind::Duration(1, 24 * HOUR);
const BYTES: Kind = Kind::Size(KIB, GIB);
const AGE: Kind = Kind::Duration(0, 10 * 365 * 24 * HOUR);
const NUMBER: Kind = Kind::Count(0, 1_000_000_000);

/// Keys whose variable is shorter than their path.
const SHORT_VARIABLES: [(&str, &str); 4] = [
    ("server.listen", "TASKLOOM_LISTEN"),
    ("data.folder", "TASKLOOM_DATA"),
    ("workflows.folder", "TASKLOOM_WORKFLOWS"),
    ("plugins.folder", "TASKLOOM_PLUGINS"),
];

const fn key(path: &'static str, kind: Kind, preset: Preset, docs: &'static str) -> Key {
    Key { path, kind, preset, docs }
}

impl Key {
    /// The section it is in, such as `limits.max`.
    pub fn section(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// Its name within its section.
    pub fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }

    /// The environment variable that sets it, such as `TASKLOOM_SLOTS_CPU`.
    pub fn variable(&self) -> String {
        match SHORT_VARIABLES.iter().find(|(path, _)| *path == self.path) {
            Some((_, short)) => (*short).to_owned(),
            None => format!("TASKLOOM_{}", self.path.replace('.', "_").to_uppercase()),
        }
    }

    /// Its default as it would be written, or what it is in words.
    pub fn preset_text(&self) -> String {
        match self.preset {
            Preset::Text(text) => text.to_owned(),
            Preset::None => "none".to_owned(),
            Preset::Cores => "the number of cores".to_owned(),
            Preset::HostName => "the machine's name".to_owned(),
        }
    }
}
