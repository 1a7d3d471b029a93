//! Where a request goes, read in one way only: what is checked is what is reached.

use std::net::IpAddr;

use http::Method;
use reqwest::Url;

/// The longest URL that is sent, in bytes.
const URL_BYTES_MAX: usize = 8 * 1024;

/// The schemes that requests can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain text.
    Http,
    /// Encrypted.
    Https,
}

impl Scheme {
    /// The scheme as it stands in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that a URL of this scheme means when it names none.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A method and a URL, in normal form: `http://0x7f.1/a/../b` is `http://127.0.0.1/b`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    method: Method,
    scheme: Scheme,
    url: Url,
}

/// A URL that cannot be the target of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is no URL with a host.
    #[error("`{url}` is no URL that can be requested: {reason}")]
    Invalid {
        /// The text, shortened, without its query and user information, which may hold secrets.
        url: String,
        /// Why.
        reason: String,
    },
    /// Neither `http` nor `https`.
    #[error("the scheme `{0}` is not supported; use https")]
    Scheme(String),
    /// A name or password before the host.
    #[error("a URL with a user name or password is not sent; use a header")]
    Credentials,
}

impl Target {
    /// Reads `url`.
    ///
    /// # Errors
    /// When it is no absolute HTTP URL.
    pub fn of(method: Method, url: &str) -> Result<Self, TargetError> {
        let invalid = |reason: String| TargetError::Invalid { url: shown(url), reason };
        if url.len() > URL_BYTES_MAX {
            return Err(invalid(format!("it is longer than {URL_BYTES_MAX} bytes")));
        }
        let mut parsed = Url::parse(url).map_err(|error| invalid(error.to_string()))?;
        let scheme = match parsed.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => return Err(TargetError::Scheme(other.to_owned())),
        };
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(TargetError::Credentials);
        }
        if parsed.host_str().is_none_or(str::is_empty) {
            return Err(invalid("it names no host".to_owned()));
        }
        parsed.set_fragment(None);
        Ok(Self { method, scheme, url: parsed })
    }

    /// The method.
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The scheme.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The URL in normal form.
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The same target with another query, which stands as it is in the URL.
    ///
    /// # Errors
    /// When the URL becomes too long.
    pub fn with_query(mut self, query: &str) -> Result<Self, TargetError> {
        self.url.set_query(Some(query));
        if self.url.as_str().len() > URL_BYTES_MAX {
            let reason = format!("it is longer than {URL_BYTES_MAX} bytes");
            return Err(TargetError::Invalid { url: self.to_string(), reason });
        }
        Ok(self)
    }

    /// The host in normal form, lower case; an IPv6 address without its brackets, a name without a
    /// final dot.
    pub fn host(&self) -> &str {
        let host = self.url.host_str().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.')
    }

    /// The host, if it is an address.
    pub fn address(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.url.port().unwrap_or(self.scheme.default_port())
    }

    /// The path, beginning with `/`.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The host and port, for messages.
    pub fn authority(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{}:{port}", self.host()),
            None => self.host().to_owned(),
        }
    }
}

/// What messages say of a text that is no target.
fn shown(url: &str) -> String {
    let open = url.split(['?', '#']).next().unwrap_or_default();
    let open = open.rsplit_once('@').map_or(open, |(_, behind)| behind);
    open.chars().take(100).collect()
}

impl std::fmt::Display for Target {
    /// `GET https://example.org/a`, without the query, which may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path: String = self.path().chars().take(200).collect();
        write!(f, "{} {}://{}{path}", self.method, self.scheme.as_str(), self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(url: &str) -> String {
        Target::of(Method::GET, url).expect("a URL").host().to_owned()
    }

    #[test]
    fn other_ways_to_write_an_address_are_that_address() {
        for url in ["http://127.0.0.1", "http://2130706433", "http://0x7f.1", "http://127.1:80/"] {
            assert_eq!(host(url), "127.0.0.1", "{url}");
        }
        assert_eq!(host("http://[::FFFF:7f00:1]/"), "::ffff:7f00:1");
        assert_eq!(host("https://EXAMPLE.org./a"), "example.org");
    }

    #[test]
    fn dots_in_a_path_are_resolved_before_anybody_looks() {
        let target = Target::of(Method::GET, "https://a.test/x/../y/%2e%2e/z?q#f").expect("a URL");
        assert_eq!(target.path(), "/z");
        assert_eq!(target.to_string(), "GET https://a.test/z");
    }

    #[test]
    fn what_is_no_http_url_is_refused() {
        for bad in ["", "a.test/x", "ftp://a.test", "http://", "https://u:p@a.test/", "file:///etc"]
        {
            assert!(Target::of(Method::GET, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_refused_is_told_without_what_may_be_secret() {
        for bad in ["https://me:pass@a b.test/?token=1", "https://a b.test/x?token=1#pass"] {
            let told = Target::of(Method::GET, bad).expect_err("no host").to_string();
            assert!(told.contains("b.test/"), "{told}");
            assert!(!told.contains("pass") && !told.contains("token"), "{told}");
        }
    }
}
