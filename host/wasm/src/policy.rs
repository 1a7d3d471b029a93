//! What an operator grants a plugin: `plugins/<stem>.policy.toml`.

mod grant;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use taskloom_connectors::egress::{Grant, Grants};
use taskloom_core::document::{Document, Problem, Table};
use taskloom_core::id::Digest;
use taskloom_core::plugin::{ContextNames, LimitsWish};

use crate::limits::CallLimits;

/// The grants and limits of one plugin. The default grants nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    origin: Arc<str>,
    grants: Grants,
    secrets: BTreeMap<String, Grants>,
    ai: Option<AiGrant>,
    context: ContextNames,
    reuse: Option<Reuse>,
    limits: LimitsWish,
}

/// Which calls an instance may serve, one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reuse {
    /// What these calls have in common.
    pub within: Within,
    /// An instance ends after so many.
    pub calls: u32,
}

/// What calls have in common that one instance serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// They belong to one run.
    Run,
    /// They belong to runs of one workflow.
    Workflow,
    /// Nothing but the plugin.
    Plugin,
}

impl Reuse {
    /// What `[reuse]` grants when it says no more: what one run finds out, another does not see; and a handler
    /// that leaks a little does not get far.
    pub const DEFAULT: Self = Self { within: Within::Run, calls: 100 };
}

impl Within {
    /// All of them, narrowest first.
    pub const ALL: [Self; 3] = [Self::Run, Self::Workflow, Self::Plugin];

    /// The word for it, as in the policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Workflow => "workflow",
            Self::Plugin => "plugin",
        }
    }
}

/// What a plugin may spend on models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AiGrant {
    /// Tokens of one request and its answer together.
    pub tokens_per_call: u64,
    /// Tokens over all attempts of one run.
    pub tokens_per_run: u64,
    /// What one request may cost, in millionths of a US dollar. So much is set aside while it is under way.
    pub usd_micros_per_call: u64,
    /// Money over all attempts of one run, in millionths of a US dollar.
    pub usd_micros_per_run: u64,
}

impl AiGrant {
    /// What `[ai]` grants when it says no more: enough for a few pages, and little enough that a
    /// mistake costs little.
    pub const DEFAULT: Self = Self {
        tokens_per_call: 16_384,
        tokens_per_run: 100_000,
        usd_micros_per_call: 250_000,
        usd_micros_per_run: 1_000_000,
    };
}

impl Policy {
    /// Grants nothing; `origin` is the file that could, as messages name it.
    pub fn nothing(origin: &str) -> Self {
        Self {
            origin: origin.into(),
            grants: Grants::default(),
            secrets: BTreeMap::new(),
            ai: None,
            context: ContextNames::default(),
            reuse: None,
            limits: LimitsWish::default(),
        }
    }

    /// Reads a policy file; `origin` is its name in messages.
    ///
    /// # Errors
    /// Everything that is wrong in it, with positions.
    pub fn read(origin: &str, source: &str) -> Result<Self, Vec<Problem>> {
        let document = Document::parse(origin, source);
        let mut root = document.root();
        let policy = Self::of(origin, &mut root);
        root.finish();
        if document.is_fine() { Ok(policy) } else { Err(document.problems()) }
    }

    /// Reads the grants and limits in a table; what is wrong is noted in its document.
    pub fn of(origin: &str, table: &mut Table<'_>) -> Self {
        let grants = table.tables("http").into_iter().filter_map(grant::http).collect();
        let mut secrets: BTreeMap<String, Vec<Grant>> = BTreeMap::new();
        for (name, grant) in table.tables("secrets").into_iter().filter_map(grant::secret) {
            secrets.entry(name).or_default().push(grant);
        }
        Self {
            origin: origin.into(),
            grants: Grants::new(grants),
            secrets: secrets.into_iter().map(|(name, of)| (name, Grants::new(of))).collect(),
            ai: table.table("ai").map(grant::ai),
            context: table.table("context").map(grant::context).unwrap_or_default(),
            reuse: table.table("reuse").map(grant::reuse),
            limits: table.table("limits").map(limits).unwrap_or_default(),
        }
    }

    /// The file that grants, as messages name it.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The requests that are granted.
    pub const fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Where a secret may go; `None` if it is not granted.
    pub fn secret(&self, name: &str) -> Option<&Grants> {
        self.secrets.get(name)
    }

    /// The secrets that are granted, each with where it may go.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &Grants)> {
        self.secrets.iter().map(|(name, grants)| (name.as_str(), grants))
    }

    /// What may be spent on models; `None` if none may be asked.
    pub const fn ai(&self) -> Option<&AiGrant> {
        self.ai.as_ref()
    }

    /// The names of the context that may be read and set.
    pub const fn context(&self) -> &ContextNames {
        &self.context
    }

    /// Which calls an instance may serve one after another; `None` if each has one of its own.
    pub const fn reuse(&self) -> Option<&Reuse> {
        self.reuse.as_ref()
    }

    /// What the grants are known by: another digest whenever something else is granted.
    pub fn grants_digest(&self) -> Digest {
        let granted = (&self.grants, &self.secrets, &self.ai, &self.context);
        Digest::of(format!("{granted:?}").as_bytes())
    }

    /// What the whole policy is known by: as [`Self::grants_digest`], and its limits as well.
    pub fn digest(&self) -> Digest {
        Digest::of(format!("{} {:?}", self.grants_digest(), self.limits).as_bytes())
    }

    /// Ceilings for the plugin's calls.
    pub const fn limits(&self) -> &LimitsWish {
        &self.limits
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::nothing("the policy")
    }
}

/// The policy that holds for a plugin now: an operator may change it at any time.
#[derive(Debug)]
pub(crate) struct PolicyInForce(RwLock<Arc<Policy>>);

impl PolicyInForce {
    pub(crate) fn new(policy: Policy) -> Self {
        Self(RwLock::new(Arc::new(policy)))
    }

    pub(crate) fn get(&self) -> Arc<Policy> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set(&self, policy: Arc<Policy>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = policy;
    }
}

/// The `[limits]` section: ceilings, so nothing above the host's own.
fn limits(mut table: Table<'_>) -> LimitsWish {
    let most = &CallLimits::CEILINGS;
    let fuel_max = i64::try_from(most.fuel).unwrap_or(i64::MAX);
    let fuel = table.integer("fuel", 1..=fuel_max).and_then(|fuel| u64::try_from(fuel).ok());
    let timeout = table.duration("timeout", Duration::from_millis(1)..=most.timeout);
    let limits = LimitsWish {
        fuel,
        memory_bytes: table.bytes("memory", 64 * 1024..=most.memory_bytes),
        timeout_ms: timeout.and_then(|timeout| u64::try_from(timeout.as_millis()).ok()),
        output_bytes: table.bytes("output", 1..=most.output_bytes),
    };
    table.finish();
    limits
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use taskloom_connectors::egress::Target;

    #[test]
    fn a_policy_grants_what_it_says() {
        let source = "
            [[http]]
            host = \"api.github.com\"
            methods = [\"GET\", \"POST\"]
            path_prefix = \"/repos\"

            [[http]]
            host = \"127.0.0.1\"
            port = 8080
            schemes = [\"http\"]

            [limits]
            memory = \"32MiB\"
            timeout = \"5s\"
        ";
        let policy = Policy::read("p.policy.toml", source).expect("no problems");
        let allowed = |method: Method, url: &str| {
            policy.grants().check(&Target::of(method, url).expect("a URL")).is_ok()
        };
        assert!(allowed(Method::POST, "https://api.github.com/repos/a/b"));
        assert!(!allowed(Method::POST, "https://api.github.com/user"));
        assert!(allowed(Method::GET, "http://127.0.0.1:8080/x"));
        assert!(!allowed(Method::GET, "http://127.0.0.1/x"));
        let other = Policy::read("p.policy.toml", &source.replace("/repos", "/gists"));
        assert_ne!(policy.grants_digest(), other.expect("no problems").grants_digest());
        let tighter = Policy::read("q.policy.toml", &source.replace("32MiB", "16MiB"));
        let (same, tighter) =
            (Policy::read("q.policy.toml", source), tighter.expect("no problems"));
        assert_eq!(policy.digest(), same.expect("no problems").digest());
        assert_ne!(policy.digest(), tighter.digest());
        assert_eq!(policy.grants_digest(), tighter.grants_digest());
        assert_eq!(policy.limits().memory_bytes, Some(32 << 20));
        assert_eq!(policy.limits().timeout_ms, Some(5_000));
    }

    #[test]
    fn a_request_to_a_model_may_cost_a_part_of_what_its_run_may() {
        for (source, call, run) in [
            ("[ai]", 250_000, 1_000_000),
            ("[ai]\nusd_per_run = 2", 500_000, 2_000_000),
            ("[ai]\nusd_per_run = 2\nusd_per_call = 1.5", 1_500_000, 2_000_000),
            ("[ai]\nusd_per_run = 0", 1, 0),
        ] {
            let policy = Policy::read("p.policy.toml", source).expect("no problems");
            let grant = policy.ai().expect("granted");
            assert_eq!(
                (grant.usd_micros_per_call, grant.usd_micros_per_run),
                (call, run),
                "{source}"
            );
        }
    }

    #[test]
    fn everything_wrong_is_reported_with_its_place() {
        let source =
            "[[http]]\nhots = \"a.test\"\nmethods = [\"FETCH\"]\n\n[limits]\nmemory = \"2TiB\"\n";
        let problems = Policy::read("p.policy.toml", source).expect_err("wrong");
        let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let text = text.join("\n");
        for expected in [
            "p.policy.toml:1:1: http[0].host: is missing",
            "p.policy.toml:2:1: http[0].hots: unknown key `hots`; did you mean `host`?",
            "p.policy.toml:3:12: http[0].methods[0]: unknown value `FETCH`",
            "p.policy.toml:6:10: limits.memory:",
        ] {
            assert!(text.contains(expected), "{expected}\nis not in\n{text}");
        }
    }
}
