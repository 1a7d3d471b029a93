//! What an operator grants a plugin: `plugins/<stem>.policy.toml`.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::Method;
use taskloom_connectors::egress::{Grant, Grants, HostPattern, Scheme};
use taskloom_core::document::{Document, Problem, Step, Table};
use taskloom_core::id::Digest;
use taskloom_core::plugin::LimitsWish;

use crate::limits::CallLimits;

/// The methods that a grant can name.
const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// The grants and limits of one plugin. The default grants nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    origin: Arc<str>,
    grants: Grants,
    limits: LimitsWish,
}

impl Policy {
    /// Grants nothing; `origin` is the file that could, as messages name it.
    pub fn nothing(origin: &str) -> Self {
        Self { origin: origin.into(), grants: Grants::default(), limits: LimitsWish::default() }
    }

    /// Reads a policy file; `origin` is its name in messages.
    ///
    /// # Errors
    /// Everything that is wrong in it, with positions.
    pub fn read(origin: &str, source: &str) -> Result<Self, Vec<Problem>> {
        let document = Document::parse(origin, source);
        let mut root = document.root();
        let grants: Vec<Grant> = root.tables("http").into_iter().filter_map(grant).collect();
        let limits = root.table("limits").map(limits).unwrap_or_default();
        root.finish();
        if document.is_fine() {
            Ok(Self { origin: origin.into(), grants: Grants::new(grants), limits })
        } else {
            Err(document.problems())
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

    /// What the grants are known by: another digest whenever another request is granted.
    pub fn grants_digest(&self) -> Digest {
        let described: Vec<String> = self.grants.iter().map(|grant| format!("{grant:?}")).collect();
        Digest::of(described.join("\n").as_bytes())
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

/// One `[[http]]` section.
fn grant(mut table: Table<'_>) -> Option<Grant> {
    table.require(&["host"]);
    let host = table.parsed::<HostPattern>("host");
    let port = table.integer("port", 1..=65_535).and_then(|port| u16::try_from(port).ok());
    let schemes =
        words(&mut table, "schemes", &[Scheme::Http, Scheme::Https], |scheme| scheme.as_str());
    let methods = words(&mut table, "methods", &METHODS, |method| method.as_str());
    let path_prefix = table.string("path_prefix");
    if path_prefix.as_ref().is_some_and(|prefix| !prefix.starts_with('/')) {
        table.report(&["path_prefix".into()], "invalid-value", "must begin with `/`", None);
    }
    table.finish();
    let mut grant = Grant::new(host?);
    grant.port = port;
    grant.schemes = schemes.unwrap_or(grant.schemes);
    grant.methods = methods.unwrap_or(grant.methods);
    grant.path_prefix = path_prefix.unwrap_or(grant.path_prefix);
    Some(grant)
}

/// A list of words that stand for `known` values.
fn words<'d, T: Clone>(
    table: &mut Table<'d>,
    key: &'d str,
    known: &[T],
    word: impl for<'a> Fn(&'a T) -> &'a str,
) -> Option<Vec<T>> {
    let mut values = Vec::new();
    let texts = table.strings(key)?;
    for (place, text) in texts.iter().enumerate() {
        match known.iter().find(|value| word(value) == text) {
            Some(value) => values.push(value.clone()),
            None => {
                let list: Vec<_> = known.iter().map(|value| format!("`{}`", word(value))).collect();
                let help = Some(format!("it must be one of {}", list.join(", ")));
                let message = format!("unknown value `{}`", crate::guest::cut(text, 80));
                table.report(&[Step::Key(key), place.into()], "unknown-value", message, help);
            }
        }
    }
    Some(values)
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
        assert_eq!(policy.limits().memory_bytes, Some(32 << 20));
        assert_eq!(policy.limits().timeout_ms, Some(5_000));
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
