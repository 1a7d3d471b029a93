//! What a plugin asks for in its manifest. Asking is not having, and not asking is not having either:
//! what is granted beyond it is of no use.

use taskloom_connectors::egress::{HostPattern, Target};
use taskloom_core::plugin::{Capabilities, ContextNames, covers};

/// The capabilities of a manifest, ready to be compared with what is done.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    capabilities: Capabilities,
    /// Whether every host is asked for, addresses included.
    any_host: bool,
    hosts: Vec<HostPattern>,
}

impl Asked {
    /// Reads the hosts of a manifest.
    ///
    /// # Errors
    /// Each that names no host.
    pub(crate) fn of(capabilities: &Capabilities) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut parse = |host: &String| match host.parse() {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                problems.push(format!("capabilities.http: {error}"));
                None
            }
        };
        let any_host = capabilities.http.iter().any(|host| host == "*");
        let hosts: Vec<_> =
            capabilities.http.iter().filter(|host| *host != "*").filter_map(&mut parse).collect();
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { capabilities: capabilities.clone(), any_host, hosts })
    }

    /// Whether requests to this target are asked for.
    pub(crate) fn http(&self, target: &Target) -> bool {
        self.any_host || self.hosts.iter().any(|host| host.matches(target))
    }

    /// Whether a secret is asked for.
    pub(crate) fn secret(&self, name: &str) -> bool {
        covers(&self.capabilities.secrets, name)
    }

    /// Whether models are asked for.
    pub(crate) const fn ai(&self) -> bool {
        self.capabilities.ai
    }

    /// Whether instances that serve one call after another are asked for.
    pub(crate) const fn reuse(&self) -> bool {
        self.capabilities.reuse
    }

    /// The names of the context that are asked for.
    pub(crate) const fn context(&self) -> &ContextNames {
        &self.capabilities.context
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(hosts: &[&str], url: &str) -> bool {
        let http = hosts.iter().map(|host| (*host).to_owned()).collect();
        let asked = Asked::of(&Capabilities { http, ..Capabilities::default() }).expect("hosts");
        asked.http(&Target::of(http::Method::GET, url).expect("a URL"))
    }

    #[test]
    fn a_host_is_asked_for_by_name_or_by_a_star() {
        assert!(asks(&["a.test"], "https://a.test/x"));
        assert!(asks(&["*.a.test"], "http://b.a.test:81/"));
        assert!(!asks(&["a.test"], "https://b.test/"));
        assert!(asks(&["*"], "http://127.0.0.1/"), "the input decides");
        assert!(!asks(&[], "https://a.test/"));
        let http = vec!["https://a.test".to_owned()];
        let wrong = Asked::of(&Capabilities { http, ..Capabilities::default() });
        assert!(wrong.expect_err("no host")[0].starts_with("capabilities.http: `https://a.test`"));
    }
}
