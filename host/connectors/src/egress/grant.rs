//! What an operator allows a plugin to request.

use std::fmt;
use std::net::IpAddr;

use http::Method;

use super::address::is_public;
use super::target::{Scheme, Target};

/// Which hosts a grant is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// Exactly this name.
    Name(String),
    /// Every name that ends in a dot and this.
    Subdomains(String),
    /// Every public name; never an address.
    AnyName,
    /// Exactly this address, private or not.
    Address(IpAddr),
}

/// A text that names no hosts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no host: write a name such as `api.github.com`, `*.example.org` for every name \
     below, `*` for every public name, or an IP address; scheme, port and path are keys of their own"
)]
pub struct GrantError(String);

impl std::str::FromStr for HostPattern {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let error = || GrantError(text.chars().take(100).collect());
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse() {
            return Ok(Self::Address(address));
        }
        if text == "*" {
            return Ok(Self::AnyName);
        }
        let lower = text.to_ascii_lowercase();
        let (name, below) = match lower.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (lower.as_str(), false),
        };
        // The same reading as a request's URL gets, so `0x7f.1` cannot hide an address.
        let target = Target::of(Method::GET, &format!("https://{name}/")).map_err(|_| error())?;
        let plain =
            name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || b == b'_');
        if !plain || name.contains("..") || target.address().is_some() || target.host() != name {
            return Err(error());
        }
        Ok(if below { Self::Subdomains(name.to_owned()) } else { Self::Name(name.to_owned()) })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Subdomains(name) => write!(f, "*.{name}"),
            Self::AnyName => f.write_str("*"),
            Self::Address(address) => write!(f, "{address}"),
        }
    }
}

impl HostPattern {
    /// Whether the target's host is one of these.
    pub fn matches(&self, target: &Target) -> bool {
        let host = target.host();
        match (self, target.address()) {
            (Self::Address(granted), Some(address)) => *granted == address,
            (Self::Address(_), None) | (_, Some(_)) => false,
            (Self::Name(name), None) => name == host,
            // `localhost` and what is below it is this machine: granted by its own name only.
            (Self::Subdomains(name), None) => {
                let below = host.strip_suffix(name).and_then(|rest| rest.strip_suffix('.'));
                below.is_some_and(|rest| !rest.is_empty()) && !is_local(host)
            }
            (Self::AnyName, None) => !is_local(host),
        }
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

/// One `[[http]]` section of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The hosts.
    pub host: HostPattern,
    /// The port; `None` for the default port of the request's scheme.
    pub port: Option<u16>,
    /// The schemes.
    pub schemes: Vec<Scheme>,
    /// The methods.
    pub methods: Vec<Method>,
    /// What the path must begin with, in whole segments.
    pub path_prefix: String,
}

impl Grant {
    /// A grant for `host` with the defaults: HTTPS on its port, GET and HEAD, every path.
    pub fn new(host: HostPattern) -> Self {
        Self {
            host,
            port: None,
            schemes: vec![Scheme::Https],
            methods: vec![Method::GET, Method::HEAD],
            path_prefix: "/".to_owned(),
        }
    }

    fn allows(&self, target: &Target) -> bool {
        self.host.matches(target) && self.missing(target).is_empty()
    }

    /// The keys that do not cover `target`, though the host does.
    fn missing(&self, target: &Target) -> Vec<&'static str> {
        let mut missing = Vec::new();
        if !self.schemes.contains(&target.scheme()) {
            missing.push("schemes");
        }
        if self.port.unwrap_or(target.scheme().default_port()) != target.port() {
            missing.push("port");
        }
        if !self.methods.contains(target.method()) {
            missing.push("methods");
        }
        if !under(&self.path_prefix, target.path()) {
            missing.push("path_prefix");
        }
        missing
    }
}

impl fmt::Display for Grant {
    /// `GET, HEAD https://api.github.com/`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods: Vec<_> = self.methods.iter().map(Method::as_str).collect();
        let schemes: Vec<_> = self.schemes.iter().map(|scheme| scheme.as_str()).collect();
        write!(f, "{} {}://{}", methods.join(", "), schemes.join("|"), self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path_prefix)
    }
}

/// Whether `path` lies under `prefix`: `/repos` covers `/repos` and `/repos/x`, not `/reposx`.
fn under(prefix: &str, path: &str) -> bool {
    if prefix == "/" {
        return true;
    }
    // Servers disagree on whether an escaped separator is one, so a narrow grant takes no chances.
    let escaped = path.to_ascii_lowercase();
    if escaped.contains("%2f") || escaped.contains("%5c") || escaped.contains("%2e") {
        return false;
    }
    match path.strip_prefix(prefix) {
        Some(rest) => prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

/// Everything that one plugin was granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

impl Grants {
    /// These grants; each stands for itself.
    pub const fn new(grants: Vec<Grant>) -> Self {
        Self(grants)
    }

    /// The grants.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.0.iter()
    }

    /// Lets `target` pass, or says what would have to be granted.
    ///
    /// # Errors
    /// The words that complete "the policy …", such as
    /// ``does not grant POST https://a.test/x: …``.
    pub fn check(&self, target: &Target) -> Result<(), String> {
        self.check_as(target, "[[http]]")
    }

    /// As [`Self::check`], for grants that stand in another section: `section` is how one begins.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn check_as(&self, target: &Target, section: &str) -> Result<(), String> {
        if self.0.iter().any(|grant| grant.allows(target)) {
            return Ok(());
        }
        let near = self.0.iter().find(|grant| grant.host.matches(target));
        let advice = match near {
            Some(grant) => {
                let keys: Vec<_> =
                    grant.missing(target).into_iter().map(|key| format!("`{key}`")).collect();
                format!("its grant for `{}` does not cover it by {}", grant.host, keys.join(", "))
            }
            None => {
                let mut lines = format!("add {section} host = \"{}\"", target.host());
                let scheme = target.scheme();
                if scheme == Scheme::Http {
                    lines.push_str(", schemes = [\"http\"]");
                }
                if target.port() != scheme.default_port() {
                    lines.push_str(&format!(", port = {}", target.port()));
                }
                if *target.method() != Method::GET && *target.method() != Method::HEAD {
                    lines.push_str(&format!(", methods = [\"{}\"]", target.method()));
                }
                if target.address().is_some_and(|address| !is_public(address))
                    || is_local(target.host())
                {
                    lines.push_str(" (this opens an address that is not on the public Internet)");
                }
                lines
            }
        };
        Err(format!("does not grant {target}; {advice}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(host: &str) -> Grant {
        Grant::new(host.parse().expect("a host"))
    }

    fn check(grant: &Grant, method: Method, url: &str) -> Result<(), String> {
        Grants::new(vec![grant.clone()]).check(&Target::of(method, url).expect("a URL"))
    }

    #[test]
    fn a_grant_covers_its_host_and_nothing_beside_it() {
        for (host, url, allowed) in [
            ("api.github.com", "https://api.github.com/repos", true),
            ("api.github.com", "https://API.github.com:443/", true),
            ("api.github.com", "http://api.github.com/", false),
            ("api.github.com", "https://api.github.com:8443/", false),
            ("api.github.com", "https://api.github.com.evil.test/", false),
            ("*.example.org", "https://a.example.org/", true),
            ("*.example.org", "https://a.b.example.org/", true),
            ("*.example.org", "https://example.org/", false),
            ("*.example.org", "https://notexample.org/", false),
            ("*", "https://anything.test/", true),
            ("*", "https://127.0.0.1/", false),
            ("*", "https://2130706433/", false),
            ("*", "https://1.1.1.1/", false),
            ("*", "https://localhost/", false),
            ("*", "https://x.localhost/", false),
            ("localhost", "https://localhost/", true),
            ("127.0.0.1", "https://127.0.0.1/", true),
            ("127.0.0.1", "https://0x7f000001/", true),
            ("127.0.0.1", "https://127.0.0.2/", false),
            ("::1", "https://[::1]/", true),
        ] {
            assert_eq!(check(&grant(host), Method::GET, url).is_ok(), allowed, "{host} {url}");
        }
    }

    #[test]
    fn a_path_prefix_is_whole_segments() {
        let mut narrow = grant("a.test");
        narrow.path_prefix = "/repos/me".to_owned();
        for (path, allowed) in [
            ("/repos/me", true),
            ("/repos/me/x", true),
            ("/repos/men", false),
            ("/repos/me/../you", false),
            ("/repos/me/..%2fyou", false),
            ("/", false),
        ] {
            let url = format!("https://a.test{path}");
            assert_eq!(check(&narrow, Method::GET, &url).is_ok(), allowed, "{path}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_grant() {
        assert_eq!(
            Grants::default()
                .check(&Target::of(Method::POST, "http://a.test:81/x?token=1").expect("a URL"))
                .expect_err("nothing is granted"),
            "does not grant POST http://a.test:81/x; add [[http]] host = \"a.test\", \
             schemes = [\"http\"], port = 81, methods = [\"POST\"]"
        );
        assert_eq!(
            check(&grant("a.test"), Method::PUT, "http://a.test/").expect_err("not covered"),
            "does not grant PUT http://a.test/; its grant for `a.test` does not cover it by \
             `schemes`, `methods`"
        );
    }

    #[test]
    fn what_names_no_host_is_no_grant() {
        for bad in
            ["", "https://a.test", "a.test/x", "a.test:80", "a b", "*.", "a.*", "0x7f.1", "ä"]
        {
            assert!(bad.parse::<HostPattern>().is_err(), "{bad}");
        }
    }
}
