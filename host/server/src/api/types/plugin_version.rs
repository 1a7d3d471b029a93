//! Versions of a plugin: which there are, which one new runs use, and which none may use.

use serde::{Deserialize, Serialize};
use taskloom_core::id::{Digest, PluginName};
use taskloom_core::life::{self, PluginLife};
use taskloom_wasm::Catalog;
use utoipa::ToSchema;

/// A version of a plugin that was loaded once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginVersion {
    /// The digest of its file.
    pub digest: String,
    /// The plugin's own version.
    pub version: String,
    /// When its file was loaded.
    pub loaded_at: String,
    /// Whether it is the one in the file.
    pub in_file: bool,
    /// Whether new runs use it.
    pub in_use: bool,
    /// Whether its bytes are kept, so that new runs can go back to it.
    pub kept: bool,
    /// Why no run uses it; null when runs may.
    pub quarantine: Option<PluginQuarantine>,
}

/// Why no run uses a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginQuarantine {
    /// Since when.
    pub since: String,
    /// How many attempts crashed without one that succeeded between them.
    pub crashes: u32,
    /// Within how much time.
    pub within_ms: u64,
    /// How the last of them ended.
    pub reason: String,
}

/// The body of `POST /plugins/{name}/rollback` and `POST /plugins/{name}/release`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChoosePluginVersion {
    /// The version, as its digest or the first characters of it. Left out, a roll-back leads to the
    /// version before that which new runs use, and a release is that of the version in the file, else of
    /// the newest in quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl PluginVersion {
    /// The versions of a plugin, the newest first.
    pub fn all(catalog: &Catalog, name: &PluginName) -> Vec<Self> {
        let Some(life) = catalog.life(name) else { return Vec::new() };
        let shown = |version: &life::PluginVersion| Self {
            digest: version.digest.to_string(),
            version: version.version.clone(),
            loaded_at: version.loaded_at.to_string(),
            in_file: life.file() == Some(version.digest),
            in_use: life.current() == Some(version.digest),
            kept: catalog.is_kept(&version.digest),
            quarantine: version.quarantine.as_ref().map(PluginQuarantine::from),
        };
        life.versions().iter().rev().map(shown).collect()
    }
}

/// The version whose digest begins with `text`.
///
/// # Errors
/// When there is none, or more than one.
pub fn named_version(life: &PluginLife, text: &str) -> Result<Digest, String> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    let begins = |digest: &Digest| !hex.is_empty() && digest.hex().starts_with(hex);
    let digests = life.versions().iter().map(|version| version.digest);
    match *digests.filter(begins).collect::<Vec<_>>() {
        [digest] => Ok(digest),
        [] => Err(format!("no version of the plugin has a digest that begins with `{hex}`")),
        [_, _, ..] => Err(format!("the digests of more than one version begin with `{hex}`")),
    }
}

impl From<&life::Quarantine> for PluginQuarantine {
    fn from(quarantine: &life::Quarantine) -> Self {
        Self {
            since: quarantine.since.to_string(),
            crashes: quarantine.crashes,
            within_ms: u64::try_from(quarantine.within.as_millis()).unwrap_or(u64::MAX),
            reason: quarantine.reason.clone(),
        }
    }
}
