//! A loaded plugin.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use taskloom_core::id::{Digest, PluginName, TaskType};
use taskloom_core::plugin::{Effects, LimitsWish, Manifest};

use crate::bindings::PluginPre;
use crate::call::Call;
use crate::give_back::give_image_back;
use crate::guest::Guest;
use crate::idle::Idle;
use crate::manifest::Schemas;
use crate::outside::OutsideParts;
use crate::policy::{Policy, PolicyInForce, Reuse};

/// One version of a plugin, compiled, checked and ready to be called.
pub struct Plugin {
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
    pub(crate) manifest: Manifest,
    pub(crate) policy: Arc<PolicyInForce>,
    pub(crate) imports: Vec<String>,
    pub(crate) pre: PluginPre<Guest>,
    pub(crate) offers: HashMap<TaskType, Offer>,
    /// Instances that wait for their next call.
    pub(crate) idle: Arc<Idle>,
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

    /// Which calls the instance that performs `call` may serve before and after it; `None` if it is the call's
    /// own. A `pure` call is, since it must find what every other one finds, and so is one whose clock
    /// somebody else holds.
    pub(crate) fn reuse(&self, offer: &Offer, call: &Call) -> Option<Reuse> {
        let outside = &offer.outside;
        if !outside.asked.reuse() || outside.effects == Effects::Pure {
            return None;
        }
        let reuse = self.policy().reuse().copied()?;
        call.observer.clock().is_none().then_some(reuse)
    }

    /// Gives back the pages of its compiled code.
    pub(crate) fn give_code_back(&self) {
        give_image_back(self.pre.instance_pre().component().image_range());
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
