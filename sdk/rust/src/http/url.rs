//! The parts of an absolute `http` or `https` URL, as far as sending a request needs them.
//!
//! Strict where leniency would let the host that is called differ from the host that is read: no user
//! information, no backslash, no space, no characters beyond ASCII in the host.

/// A URL in the parts that `wasi:http` takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) is_https: bool,
    /// Host and, if given, port.
    pub(crate) authority: String,
    /// Path and query, at least `/`.
    pub(crate) path_with_query: String,
}

impl Url {
    /// Takes an absolute URL apart; the error says what is wrong with it. A fragment is dropped.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text.split_once("://").ok_or("no absolute URL")?;
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err("the scheme must be `http` or `https`"),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        check_authority(authority)?;
        let path_with_query = rest.split('#').next().unwrap_or_default();
        if path_with_query.contains(|c: char| c.is_ascii_control() || c == ' ' || c == '\\') {
            return Err("no space, backslash or control character may stand in it unencoded");
        }
        let mut encoded = String::with_capacity(path_with_query.len() + 1);
        if !path_with_query.starts_with('/') {
            encoded.push('/');
        }
        for byte in path_with_query.bytes() {
            push_encoded(&mut encoded, byte, byte.is_ascii());
        }
        Ok(Self { is_https, authority: authority.to_ascii_lowercase(), path_with_query: encoded })
    }
}

fn check_authority(authority: &str) -> Result<(), &'static str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or("the IPv6 address has no end")?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if authority.contains('@') {
        return Err("no user name or password may stand in it; use a header");
    }
    if host.is_empty() {
        return Err("it has no host");
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if !host.chars().all(is_plain) {
        return Err(
            "the host may hold letters, digits, `-`, `.` and `_` (others in their `xn--` form)",
        );
    }
    let is_port =
        |port: &str| port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    if !port.is_empty() && !is_port(port) {
        return Err("the port must be a number up to 65535");
    }
    Ok(())
}

/// Adds a parameter to the query of `url`, before its fragment.
pub(super) fn append_query(url: &mut String, name: &str, value: &str) {
    let fragment = url.find('#').map(|at| url.split_off(at)).unwrap_or_default();
    let query = url.find('?').map(|at| &url[at + 1..]);
    match query {
        None => url.push('?'),
        Some("") => {}
        Some(query) if query.ends_with('&') => {}
        Some(_) => url.push('&'),
    }
    push_component(url, name);
    url.push('=');
    push_component(url, value);
    url.push_str(&fragment);
}

fn push_component(url: &mut String, text: &str) {
    for byte in text.bytes() {
        push_encoded(url, byte, byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    }
}

fn push_encoded(url: &mut String, byte: u8, is_plain: bool) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if is_plain {
        url.push(byte.into());
    } else {
        url.push('%');
        url.push(DIGITS[usize::from(byte >> 4)].into());
        url.push(DIGITS[usize::from(byte & 15)].into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (text, is_https, authority, path_with_query) in [
            ("https://example.org", true, "example.org", "/"),
            ("HTTP://Example.org:8080/a/b?c=d#e", false, "example.org:8080", "/a/b?c=d"),
            ("https://example.org?x=1", true, "example.org", "/?x=1"),
            ("http://[::1]:80/", false, "[::1]:80", "/"),
            ("https://example.org/ä", true, "example.org", "/%C3%A4"),
            ("https://example.org#/x", true, "example.org", "/"),
        ] {
            let (authority, path_with_query) = (authority.into(), path_with_query.into());
            assert_eq!(
                Url::parse(text),
                Ok(Url { is_https, authority, path_with_query }),
                "{text}"
            );
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for text in [
            "",
            "example.org",
            "ftp://example.org",
            "https://",
            "https:///path",
            "https://user@example.org",
            "https://good.org@evil.org/",
            "https://good.org\\@evil.org/",
            "https://good.org/a b",
            "https://good.org/a\r\nHost: evil.org",
            "https://exämple.org",
            "https://example.org:",
            "https://example.org:99999",
            "https://[::1",
            "https://[::1]x",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parameters_are_encoded_and_joined() {
        let mut url = "https://example.org/a#top".to_owned();
        append_query(&mut url, "q", "a b&c=ä");
        append_query(&mut url, "page", "2");
        assert_eq!(url, "https://example.org/a?q=a%20b%26c%3D%C3%A4&page=2#top");
    }
}
