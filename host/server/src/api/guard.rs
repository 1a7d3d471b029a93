//! Keeps web pages of other origins away from a host that has no login.
//!
//! A page that a person happens to look at can send requests to `127.0.0.1`. Two checks make that
//! harmless: whatever may change something is refused when its `Origin` is another one; and a
//! `Host` that is neither an address, nor `localhost`, nor named in the configuration is refused,
//! so a page cannot reach the host under a name of its own (DNS rebinding). CORS headers are never
//! sent, so other pages cannot read answers either.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{HOST, HeaderName, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Method};

use super::error::ApiError;

/// Refuses requests of foreign pages. `allowed` are names of the host beside addresses and
/// `localhost`.
pub(super) async fn refuse_strangers(
    State(allowed): State<Arc<[String]>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let headers = request.headers();
    // HTTP/2 has the host in the URI.
    let host = text(headers, &HOST).or_else(|| request.uri().authority().map(Authority::as_str));
    if let Some(host) = host
        && !is_own(host, &allowed)
    {
        return Err(ApiError::ForeignHost(clip(host)));
    }
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if let Some(origin) = text(headers, &ORIGIN).filter(|_| !is_safe)
        && !is_same(origin, host)
    {
        return Err(ApiError::CrossOrigin(clip(origin)));
    }
    Ok(next.run(request).await)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// Whether a `Host` names this host.
fn is_own(host: &str, allowed: &[String]) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}

/// Whether a page of `origin` came from this host itself, perhaps through a proxy that speaks TLS.
fn is_same(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
}

fn clip(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_answers_to_addresses_localhost_and_its_own_names() {
        let allowed = ["build.example.org".to_owned()];
        for own in [
            "127.0.0.1:8080",
            "[::1]:8080",
            "10.0.0.5",
            "localhost:8080",
            "LOCALHOST",
            "app.localhost:1",
            "build.example.org:443",
        ] {
            assert!(is_own(own, &allowed), "{own}");
        }
        for foreign in ["evil.example:8080", "127.0.0.1.evil.example", "?", "", "localhost.evil"] {
            assert!(!is_own(foreign, &allowed), "{foreign}");
        }
    }

    #[test]
    fn an_origin_is_compared_with_scheme_and_port() {
        assert!(is_same("http://127.0.0.1:8080", Some("127.0.0.1:8080")));
        assert!(is_same("https://build.example.org", Some("build.example.org")));
        for foreign in ["http://127.0.0.1:3000", "http://evil.example", "null", ""] {
            assert!(!is_same(foreign, Some("127.0.0.1:8080")), "{foreign}");
        }
        assert!(!is_same("http://127.0.0.1:8080", None));
    }
}
