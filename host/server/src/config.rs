//! The configuration of a host: read from flags, the environment, a file and defaults, checked
//! once, and from then on unable to be wrong.
//!
//! ```text
//! flags > environment > file > default ──▶ Settings (text, with its source) ──▶ Config (typed)
//! ```
//!
//! [`keys::KEYS`] is the one list of what can be set; `docs/configuration.md` and
//! `taskloom config` show it.

pub mod keys;
mod policies;
mod secrets;
mod settings;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use taskloom_connectors::egress::Bounds;
use taskloom_core::dispatch::Slots;
use taskloom_core::id::PluginName;
use taskloom_core::run::LossLimits;
use taskloom_store::Durability;
use taskloom_wasm::{CallLimits, Compiler, Policy, SignatureRules, TrustedKey};

use crate::connections::ConnectionLimits;
use crate::crashes::CrashLimit;
use crate::secrets::{SecretStore, Secrets};

pub(crate) use secrets::is_name as is_secret_name;

pub use settings::{Setting, Settings, Source, Sources};

/// A checked configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The HTTP server and the process.
    pub server: Server,
    /// The journal.
    pub data: Data,
    /// The folder of workflow files.
    pub workflows_folder: PathBuf,
    /// The folder of templates; it need not be there.
    pub templates_folder: PathBuf,
    /// The folder of plugins, and what all guests may take together.
    pub plugins: Plugins,
    /// The folder whose files triggers may look at, if there is one.
    pub trigger_files: Option<PathBuf>,
    /// Where the secrets are.
    pub secrets: Secrets,
    /// How much runs at the same time.
    pub slots: Slots,
    /// Runs that may be live at the same time; more are answered with 429.
    pub runs_max: usize,
    /// What one call may use.
    pub limits: Limits,
    /// What is kept how long.
    pub retention: Retention,
    /// What is logged.
    pub log: Log,
    /// What expressions of workflows read as `config`: an object.
    pub values: Arc<Value>,
}

/// The HTTP server and the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where the host listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The name of this host in attempts.
    pub name: Arc<str>,
    /// Names, beside addresses and `localhost`, under which clients may reach the host.
    pub allowed_hosts: Vec<String>,
    /// What clients may hold without asking for anything.
    pub connections: ConnectionLimits,
    /// Bytes of a request's body.
    pub body_bytes_max: u64,
    /// The longest wait that `Prefer: wait` is granted.
    pub prefer_wait_max: Duration,
    /// How long running attempts may go on after the host was asked to stop.
    pub shutdown_grace: Duration,
}

/// The journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// The folder of the journal and of what the host keeps besides.
    pub folder: PathBuf,
    /// What an acknowledged commit survives.
    pub durability: Durability,
}

/// The folder of plugins, and what all guests may take together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugins {
    /// The folder.
    pub folder: PathBuf,
    /// How long a file must have been left alone before it is loaded.
    pub settle: Duration,
    /// Calls at once, over all plugins.
    pub instances_max: u32,
    /// What compiles plugins; `None` compiles them within the host. Set by the program, not by the
    /// configuration.
    pub compiler: Option<Compiler>,
    /// Memory that all guests may hold together, in bytes.
    pub memory_total: u64,
    /// Requests of guests that may be under way at once.
    pub requests: Bounds,
    /// Good versions of a plugin that are kept beside the one in use.
    pub versions_kept: usize,
    /// What puts a version into quarantine.
    pub crash_limit: CrashLimit,
    /// Whose signatures count.
    pub signatures: SignatureRules,
    /// What plugins are granted, whatever lies beside their files.
    pub policies: BTreeMap<PluginName, Policy>,
}

/// What one call may use, and how often a task may be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// What a call may use when nobody wishes for anything.
    pub defaults: CallLimits,
    /// What nobody may exceed.
    pub ceilings: CallLimits,
    /// How long a cancelled handler may go on before it is stopped.
    pub cancel_grace: Duration,
    /// How often a task may be lost with its host.
    pub losses: LossLimits,
}

/// What is kept how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// What is deleted; `None` deletes nothing.
    pub policy: Option<taskloom_store::Retention>,
    /// How often.
    pub every: Duration,
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// A level, or a list such as `info,taskloom=debug`.
    pub level: String,
    /// How a line is written.
    pub format: LogFormat,
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration is wrong:\n  {}", problems.join("\n  "))]
pub struct ConfigError {
    /// One line each: where, what, and what to do.
    pub problems: Vec<String>,
}

impl Config {
    /// Reads the configuration from all its sources.
    ///
    /// # Errors
    /// With everything that is wrong, in whichever source.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        Settings::load(sources)?.config()
    }
}

impl Settings {
    /// The settings as the typed configuration they stand for.
    ///
    /// # Errors
    /// When settings that are fine by themselves contradict each other.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let mut problems = self.contradictions();
        let signatures = self.signatures(&mut problems);
        if !problems.is_empty() {
            return Err(ConfigError { problems });
        }
        Ok(Config {
            server: self.server(),
            data: Data {
                folder: self.path("data.folder"),
                durability: match self.text("data.durability") {
                    "process" => Durability::Process,
                    _ => Durability::Full,
                },
            },
            workflows_folder: self.path("workflows.folder"),
            templates_folder: self.path("templates.folder"),
            plugins: Plugins {
                folder: self.path("plugins.folder"),
                settle: self.duration("plugins.settle"),
                instances_max: self.small("plugins.instances_max"),
                compiler: None,
                memory_total: self.number("plugins.memory_total"),
                requests: Bounds {
                    total: self.small("plugins.requests_at_once"),
                    each: self.small("plugins.requests_at_once_each"),
                },
                versions_kept: self.small("plugins.versions_kept") as usize,
                crash_limit: CrashLimit {
                    crashes: self.small("plugins.crash_limit"),
                    within: self.duration("plugins.crash_window"),
                },
                signatures,
                policies: self.policies.clone(),
            },
            trigger_files: Some(self.path("triggers.files"))
                .filter(|path| !path.as_os_str().is_empty()),
            secrets: self.secrets.clone().with_store(self.secret_store()),
            slots: Slots {
                per_class: ["slots.cpu", "slots.io", "slots.ai", "slots.github"]
                    .map(|key| self.small(key)),
                claim_ahead: self.small("slots.claim_ahead"),
            },
            runs_max: usize::try_from(self.number("runs.max_live")).unwrap_or(usize::MAX),
            limits: Limits {
                defaults: self.call_limits("limits"),
                ceilings: self.call_limits("limits.max"),
                cancel_grace: self.duration("limits.cancel_grace"),
                losses: LossLimits {
                    started: self.small("limits.lost_max"),
                    claimed: self.small("limits.lost_unstarted_max"),
                },
            },
            retention: self.retention(),
            values: Arc::clone(&self.values),
            log: Log {
                level: self.text("log.level").to_owned(),
                format: match self.text("log.format") {
                    "json" => LogFormat::Json,
                    _ => LogFormat::Text,
                },
            },
        })
    }

    fn signatures(&self, problems: &mut Vec<String>) -> SignatureRules {
        let (keys, required) = ("plugins.trusted_keys", "plugins.require_signed");
        let mut trusted = Vec::new();
        for (place, text) in self.texts(keys).iter().enumerate() {
            match TrustedKey::read(text) {
                Ok(key) => trusted.push(key),
                Err(reason) => {
                    let source = &self.get(keys).source;
                    problems.push(format!("{source}: {keys}[{place}]: `{text}`: {reason}"));
                }
            }
        }
        let required_by = self.get(required);
        let required = self.switch(required);
        if required && self.texts(keys).is_empty() {
            problems.push(format!(
                "{}: plugins.require_signed: no plugin could be loaded, since `{keys}` is empty: put the public keys \
                 there whose signatures you believe",
                required_by.source
            ));
        }
        SignatureRules { required, trusted }
    }

    fn secret_store(&self) -> SecretStore {
        let (data, key) = (self.path("data.folder"), self.path("data.secrets_key"));
        let key = if key.as_os_str().is_empty() { data.join("secrets.key") } else { key };
        SecretStore::new(data.join("secrets.store"), key)
    }

    fn server(&self) -> Server {
        Server {
            listen: self.address("server.listen"),
            name: self.text("server.name").into(),
            allowed_hosts: self.texts("server.allowed_hosts").to_vec(),
            connections: ConnectionLimits {
                connections: usize::try_from(self.number("server.connections"))
                    .unwrap_or(usize::MAX),
                head_timeout: self.duration("server.head_timeout"),
            },
            body_bytes_max: self.number("server.body_bytes_max"),
            prefer_wait_max: self.duration("server.prefer_wait_max"),
            shutdown_grace: self.duration("server.shutdown_grace"),
        }
    }

    fn retention(&self) -> Retention {
        let number = |key: &str| Some(self.number(key)).filter(|number| *number > 0);
        let age = |key: &str| Some(self.duration(key)).filter(|age| !age.is_zero());
        let policy = taskloom_store::Retention {
            finished_age: age("retention.finished_age"),
            finished_max: number("retention.finished_max"),
            bytes_max: number("retention.bytes_max"),
            log_age: age("retention.log_age"),
            cached_age: age("retention.cached_age"),
            grace: crate::app::retention::GRACE,
        };
        let is_on = self.text("retention.mode") == "on";
        Retention { policy: is_on.then_some(policy), every: self.duration("retention.every") }
    }

    fn call_limits(&self, section: &str) -> CallLimits {
        let number = |name: &str| self.number(&format!("{section}.{name}"));
        CallLimits {
            fuel: number("fuel"),
            memory_bytes: number("memory"),
            timeout: self.duration(&format!("{section}.timeout")),
            input_bytes: number("input"),
            output_bytes: number("output"),
            log_lines: number("log_lines"),
            log_bytes: number("log_bytes"),
            host_calls: number("host_calls"),
            requests: number("requests"),
            response_bytes: number("response_bytes"),
            artefacts: number("artefacts"),
            artefact_bytes: number("artefact_bytes"),
            artefacts_bytes: number("artefacts_bytes"),
            metrics: number("metrics"),
            secrets: number("secrets"),
            ai_requests: number("ai_requests"),
        }
    }

    /// Defaults above their own ceiling.
    fn contradictions(&self) -> Vec<String> {
        let above = |name: &&str| {
            let (key, ceiling) = (format!("limits.{name}"), format!("limits.max.{name}"));
            let (default, most) = (self.get(&key), self.get(&ceiling));
            (default.value.amount() > most.value.amount()).then(|| {
                format!(
                    "{}: {key}: {} is more than `{ceiling}`, which is {} ({})",
                    default.source, default.value, most.value, most.source
                )
            })
        };
        keys::CALL_LIMITS.iter().filter_map(above).collect()
    }
}

#[cfg(test)]
mod tests;
