//! Plugins.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use taskloom_core::id;
use taskloom_core::journal::{self, StreamEvent as _};
use taskloom_core::plugin::TaskTypeSpec;
use taskloom_store::{RefusalRow, StoredEvent};
use taskloom_wasm::{self as wasm, PluginEntry};
use utoipa::ToSchema;

use super::PluginVersion;

/// The plugins of the folder.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PluginList {
    /// The plugins, by name.
    pub plugins: Vec<PluginSummary>,
    /// Whether every file that was there at the start has been looked at.
    pub settled: bool,
}

/// A plugin in the list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PluginSummary {
    /// Its name: the stem of its file.
    pub name: String,
    /// Whether new runs can use it.
    pub state: PluginState,
    /// Why its file is refused or not used, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The name of its file.
    pub file: String,
    /// Its own version; null until one was loaded.
    pub version: Option<String>,
    /// The digest of the version that new runs use; null until one was loaded.
    pub digest: Option<String>,
    /// When that version was loaded.
    pub loaded_at: Option<String>,
    /// The number of the key that its file is signed with, if the host checked that.
    #[serde(default)]
    pub signed_by: Option<String>,
    /// What it is for.
    pub summary: String,
    /// The task types it offers.
    pub task_types: Vec<String>,
    /// The versions that were loaded once, the newest first; at most 50.
    #[serde(default)]
    pub versions: Vec<PluginVersion>,
}

/// Whether new runs can use a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PluginState {
    /// Its file is being looked at or compiled.
    Loading,
    /// New runs use it.
    Active,
    /// Its file is no plugin that this host can run; a version loaded before goes on being used.
    Refused,
    /// The version in its file crashed again and again: no run uses it until it is released. New runs use
    /// the last good version, if there is one.
    Quarantined,
    /// New runs use an older version than the one in its file, since somebody wanted that.
    RolledBack,
    /// Its file is gone; live runs keep the version they use.
    Removed,
}

/// A plugin.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Plugin {
    /// What the list has of it.
    #[serde(flatten)]
    pub summary: PluginSummary,
    /// Bytes of its file.
    pub bytes: Option<u64>,
    /// The interfaces it imports.
    pub imports: Vec<String>,
    /// What it asks for and what it is granted, thing by thing.
    pub capabilities: Vec<Capability>,
    /// Requests that its policy grants.
    pub grants: Vec<Grant>,
    /// Secrets that its policy grants, once for each destination.
    pub secret_grants: Vec<SecretGrant>,
    /// What its policy lets it spend on models; null if it may ask none.
    pub ai_grant: Option<AiGrant>,
    /// Where its policy stands: a file in the folder of plugins, or the section of the host's configuration that
    /// counts in its place.
    pub policy_file: String,
    /// Its task types in full.
    pub task_type_details: Vec<TaskType>,
}

/// What happened to a plugin's file, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PluginEventPage {
    /// The events.
    pub events: Vec<PluginEvent>,
    /// Goes on with what was before, as `cursor`.
    pub next_cursor: Option<String>,
}

/// Something that happened to a plugin's file.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PluginEvent {
    /// Its number, from 1.
    pub seq: u64,
    /// When.
    pub at: String,
    /// `plugin-loaded`, `plugin-refused`, `plugin-removed`, `plugin-quarantined`, `plugin-released`,
    /// `plugin-rolled-back` or `plugin-version-dropped`.
    pub kind: String,
    /// The digest of the version it is about; of a roll-back, that which new runs use from then on.
    pub digest: Option<String>,
    /// The plugin's own version, when it was loaded.
    pub version: Option<String>,
    /// The task types that it offered, when it was loaded.
    pub task_types: Vec<String>,
    /// Bytes of the file, when it was loaded.
    pub bytes: Option<u64>,
    /// How long loading took: compiling or reading the cache, describing, checking.
    pub load_ms: Option<u64>,
    /// The number of the key that its file was signed with, when it was loaded and that was checked.
    #[serde(default)]
    pub signed_by: Option<String>,
    /// What its policy was known by when it was loaded: another digest whenever it grants or bounds something
    /// else.
    #[serde(default)]
    pub policy_digest: Option<String>,
    /// The version that new runs used before a roll-back.
    pub from: Option<String>,
    /// How many attempts crashed that led to a quarantine.
    pub crashes: Option<u32>,
    /// Why it was refused, and what to do; how the last attempt crashed; why it was rolled back.
    pub reason: Option<String>,
}

/// Something a plugin asks for or is granted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Capability {
    /// `http`, `secrets`, `ai` or `context`.
    pub kind: String,
    /// A host, the name of a secret, `models`, or `read` or `write` and a name of the context; `*` stands
    /// for every one.
    pub name: String,
    /// Whether its manifest asks for it, or for a part of it.
    pub asked: bool,
    /// Whether its policy grants it, or a part of it.
    pub granted: bool,
    /// Whether calls may have it: asked for and granted. All else is refused, call by call.
    pub effective: bool,
}

/// A secret that a policy grants, and where it may go.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SecretGrant {
    /// Its name.
    pub name: String,
    /// Requests that may carry it.
    pub destination: Grant,
}

/// What a policy lets a plugin spend on models.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AiGrant {
    /// Tokens of one request with its answer.
    pub tokens_per_call: u64,
    /// Tokens over all attempts of one run.
    pub tokens_per_run: u64,
    /// What one request may cost, in US dollars.
    pub usd_per_call: f64,
    /// Money over all attempts of one run, in US dollars.
    pub usd_per_run: f64,
}

/// What a plugin was refused.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RefusalPage {
    /// The refusals, the newest first.
    pub refusals: Vec<PluginRefusal>,
    /// Pass it as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// Something that an attempt was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginRefusal {
    /// When the result of the attempt was accepted; its log has the moment.
    pub at: String,
    /// The run.
    pub run: String,
    /// The task within the run.
    pub task: String,
    /// The number of the attempt.
    pub attempt: u32,
    /// Of which capability: `http`, `secrets`, `ai`, `context` or `artefacts`.
    pub capability: String,
    /// What, and which grant would allow it.
    pub message: String,
    /// How often the attempt was refused something; its first 16 refusals are listed.
    pub refused: u64,
}

impl From<RefusalRow> for PluginRefusal {
    fn from(row: RefusalRow) -> Self {
        Self {
            at: row.at.to_string(),
            run: row.run.to_string(),
            task: row.task.to_string(),
            attempt: row.attempt,
            capability: row.capability.to_string(),
            message: row.message,
            refused: row.refused,
        }
    }
}

/// Requests that a policy grants.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// The host, or `*.` and the name that hosts end in.
    pub host: String,
    /// The port; null for the default port of the scheme.
    pub port: Option<u16>,
    /// `http`, `https`.
    pub schemes: Vec<String>,
    /// The methods.
    pub methods: Vec<String>,
    /// What the path must begin with.
    pub path_prefix: String,
}

/// A task type that a plugin offers.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskType {
    /// Its full name, such as `text.render`.
    pub name: String,
    /// What it does.
    pub summary: String,
    /// More, in Markdown.
    pub docs: String,
    /// What a call may do to the world: `pure`, `reads` or `writes`.
    pub effects: String,
    /// Which slots its attempts occupy: `cpu`, `io`, `ai` or `github`.
    pub resource_class: String,
    /// Whether a second call with the same idempotency key does no further harm.
    pub idempotent: bool,
    /// Limits that its author thinks right.
    pub limits: TaskTypeLimits,
    /// JSON Schema (2020-12) of its input.
    #[schema(value_type = Value)]
    pub input_schema: Value,
    /// JSON Schema (2020-12) of its output.
    #[schema(value_type = Value)]
    pub output_schema: Value,
}

/// Limits of one call that an author wishes for; null where the host's default is fine.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskTypeLimits {
    /// Units of deterministic work.
    pub fuel: Option<u64>,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// Wall-clock time in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Bytes of the output.
    pub output_bytes: Option<u64>,
}

impl PluginSummary {
    /// A file of the plugins folder, and the version that new runs use.
    pub fn new(
        entry: &PluginEntry,
        plugin: Option<&wasm::Plugin>,
        versions: Vec<PluginVersion>,
    ) -> Self {
        let manifest = plugin.map(wasm::Plugin::manifest);
        let (state, reason) = state(entry, plugin);
        Self {
            name: entry.stem.to_string(),
            state,
            reason,
            file: format!("{}.wasm", entry.stem),
            version: manifest.map(|manifest| manifest.version.clone()),
            digest: plugin.map(|plugin| plugin.digest().to_string()),
            loaded_at: entry.loaded_at.filter(|_| plugin.is_some()).map(|at| at.to_string()),
            signed_by: entry.signed_by.map(|key| key.to_string()),
            summary: manifest.map(|manifest| manifest.summary.clone()).unwrap_or_default(),
            task_types: manifest
                .map(|manifest| manifest.task_types.keys().map(id::TaskType::to_string).collect())
                .unwrap_or_default(),
            versions,
        }
    }
}

fn state(entry: &PluginEntry, in_use: Option<&wasm::Plugin>) -> (PluginState, Option<String>) {
    let name = &entry.stem;
    match &entry.state {
        wasm::PluginState::Quarantined { quarantine } => {
            let used = in_use.map_or("no other version may be used".to_owned(), |plugin| {
                format!("new runs use version {}", plugin.digest())
            });
            let reason = format!(
                "the version in the file is in quarantine since {}, after {} crashes, the last one {}; \
                 {used}; put another file in its place, or `taskloom plugin release {name}`",
                quarantine.since, quarantine.crashes, quarantine.reason
            );
            (PluginState::Quarantined, Some(reason))
        }
        wasm::PluginState::RolledBack => {
            let reason = format!(
                "new runs use an older version than that in the file; put another file in its place, or \
                 `taskloom plugin rollback {name}` with the digest of a version"
            );
            (PluginState::RolledBack, Some(reason))
        }
        wasm::PluginState::Loading => (PluginState::Loading, None),
        wasm::PluginState::Active => (PluginState::Active, None),
        wasm::PluginState::Refused { reason } => (PluginState::Refused, Some(reason.clone())),
        wasm::PluginState::Removed => (PluginState::Removed, None),
    }
}

impl Plugin {
    /// A file of the plugins folder, where its policy stands, and the version that new runs use.
    pub fn new(
        entry: &PluginEntry,
        policy_file: String,
        plugin: Option<&wasm::Plugin>,
        versions: Vec<PluginVersion>,
    ) -> Self {
        let summary = PluginSummary::new(entry, plugin, versions);
        let Some(plugin) = plugin else {
            return Self {
                summary,
                bytes: None,
                imports: Vec::new(),
                capabilities: Vec::new(),
                grants: Vec::new(),
                secret_grants: Vec::new(),
                ai_grant: None,
                policy_file,
                task_type_details: Vec::new(),
            };
        };
        let (manifest, policy) = (plugin.manifest(), plugin.policy());
        let secret = |(name, destination): (&str, _)| SecretGrant {
            name: name.to_owned(),
            destination: Grant::from(destination),
        };
        let secrets = policy.secrets();
        let secrets = secrets.flat_map(|(name, to)| to.iter().map(move |to| (name, to)));
        Self {
            summary,
            bytes: Some(plugin.bytes()),
            imports: plugin.imports().to_vec(),
            capabilities: plugin.standings().iter().map(Capability::from).collect(),
            grants: policy.grants().iter().map(Grant::from).collect(),
            secret_grants: secrets.map(secret).collect(),
            ai_grant: policy.ai().map(AiGrant::from),
            policy_file,
            task_type_details: manifest
                .task_types
                .iter()
                .map(|(name, spec)| TaskType::new(name, spec))
                .collect(),
        }
    }
}

impl From<StoredEvent<journal::PluginEvent>> for PluginEvent {
    fn from(stored: StoredEvent<journal::PluginEvent>) -> Self {
        let nothing = Self {
            seq: stored.seq,
            at: stored.entry.at.to_string(),
            kind: stored.entry.event.kind().to_owned(),
            digest: None,
            version: None,
            task_types: Vec::new(),
            bytes: None,
            load_ms: None,
            signed_by: None,
            policy_digest: None,
            from: None,
            crashes: None,
            reason: None,
        };
        match stored.entry.event {
            journal::PluginEvent::PluginLoaded {
                digest,
                version,
                task_types,
                bytes,
                load_ms,
                signed_by,
                policy,
            } => Self {
                digest: Some(digest.to_string()),
                version: Some(version),
                task_types: task_types.iter().map(id::TaskType::to_string).collect(),
                // Journals from before these were written down have zeros.
                bytes: (bytes > 0).then_some(bytes),
                load_ms: (bytes > 0).then_some(load_ms),
                signed_by,
                policy_digest: policy.map(|policy| policy.to_string()),
                ..nothing
            },
            journal::PluginEvent::PluginRefused { digest, reason } => {
                Self { digest: Some(digest.to_string()), reason: Some(reason), ..nothing }
            }
            journal::PluginEvent::PluginRemoved => nothing,
            journal::PluginEvent::PluginQuarantined { digest, crashes, reason, .. } => Self {
                digest: Some(digest.to_string()),
                crashes: Some(crashes),
                reason: Some(reason),
                ..nothing
            },
            journal::PluginEvent::PluginReleased { digest }
            | journal::PluginEvent::PluginVersionDropped { digest } => {
                Self { digest: Some(digest.to_string()), ..nothing }
            }
            journal::PluginEvent::PluginRolledBack { from, to, reason } => Self {
                digest: Some(to.to_string()),
                from: from.map(|from| from.to_string()),
                reason: Some(reason),
                ..nothing
            },
        }
    }
}

impl From<&wasm::Standing> for Capability {
    fn from(standing: &wasm::Standing) -> Self {
        Self {
            kind: standing.capability.to_string(),
            name: standing.name.clone(),
            asked: standing.asked,
            granted: standing.granted,
            effective: standing.is_effective(),
        }
    }
}

impl From<&wasm::AiGrant> for AiGrant {
    fn from(grant: &wasm::AiGrant) -> Self {
        Self {
            tokens_per_call: grant.tokens_per_call,
            tokens_per_run: grant.tokens_per_run,
            usd_per_call: grant.usd_micros_per_call as f64 / 1e6,
            usd_per_run: grant.usd_micros_per_run as f64 / 1e6,
        }
    }
}

impl From<&taskloom_connectors::egress::Grant> for Grant {
    fn from(grant: &taskloom_connectors::egress::Grant) -> Self {
        Self {
            host: grant.host.to_string(),
            port: grant.port,
            schemes: grant.schemes.iter().map(|scheme| scheme.as_str().to_owned()).collect(),
            methods: grant.methods.iter().map(ToString::to_string).collect(),
            path_prefix: grant.path_prefix.clone(),
        }
    }
}

impl TaskType {
    fn new(name: &id::TaskType, spec: &TaskTypeSpec) -> Self {
        Self {
            name: name.to_string(),
            summary: spec.summary.clone(),
            docs: spec.docs.clone(),
            effects: spec.effects.as_str().to_owned(),
            resource_class: spec.resource_class.as_str().to_owned(),
            idempotent: spec.idempotent,
            limits: TaskTypeLimits {
                fuel: spec.limits.fuel,
                memory_bytes: spec.limits.memory_bytes,
                timeout_ms: spec.limits.timeout_ms,
                output_bytes: spec.limits.output_bytes,
            },
            input_schema: spec.input_schema.clone(),
            output_schema: spec.output_schema.clone(),
        }
    }
}
