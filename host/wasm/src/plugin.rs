//! A loaded plugin.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use taskloom_core::id::{Digest, PluginName, TaskType};
use taskloom_core::plugin::{LimitsWish, Manifest};

use crate::bindings::PluginPre;
use crate::guest::Guest;
use crate::manifest::Schemas;
use crate::outside::OutsideParts;
use crate::policy::{Policy, PolicyInForce};

/// One version of a plugin, compiled, checked and ready to be called.
pub struct Plugin {
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
    pub(crate) manifest: Manifest,
    pub(crate) policy: Arc<PolicyInForce>,
    pub(crate) imports: Vec<String>,
    pub(crate) pre: PluginPre<Guest>,
    pub(crate) offers: HashMap<TaskType, Offer>,
}

/// A task type of a plugin, as a call needs it.
pub(crate) struct Offer {
    pub(crate) schemas: Schemas,
    pub(crate) wish: LimitsWish,
    pub(crate) outside: Arc<OutsideParts>,
    pub(crate) class: taskloom_core::plugin::ResourceClass,
}

impl Plugin {
    /// Its name, which is the stem of its file.
    pub const fn name(&self) -> &PluginName {
        &self.manifest.name
    }

    /// The digest of its file: which version it is.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The length of its file in bytes.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What it says about itself.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What it is granted now.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.get()
    }

    /// Grants something else from now on, to calls under way too.
    pub(crate) fn set_policy(&self, policy: Arc<Policy>) {
        self.policy.set(policy);
    }

    /// Whether its calls may read or set the context of their run: it asks for it, and is granted some.
    pub fn uses_context(&self) -> bool {
        !self.manifest.capabilities.context.is_empty() && !self.policy().context().is_empty()
    }

    /// The interfaces it imports, such as `wasi:http/outgoing-handler@0.2.6`.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// The hosts it asks for that no grant names: its calls to them will be refused.
    pub fn ungranted_hosts(&self) -> Vec<&str> {
        let policy = self.policy();
        let granted =
            |host: &&String| policy.grants().iter().any(|grant| grant.host.to_string() == **host);
        let asked = self.manifest.capabilities.http.iter();
        let any = policy.grants().iter().next().is_some();
        asked
            .filter(|host| if *host == "*" { !any } else { !granted(host) })
            .map(String::as_str)
            .collect()
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plugin({} {} {})", self.name(), self.manifest.version, self.digest)
    }
}
