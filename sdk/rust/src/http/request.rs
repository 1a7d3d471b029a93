//! A request, and how to make one.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use super::url::{Url, append_query};
use super::{Error, Response, header_value};
use crate::host;

/// Names and values, in order; a name may appear more than once.
pub type Headers = Vec<(String, String)>;

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of RFC 9110")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Method {
    const ALL: [Self; 7] =
        [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options];

    /// The name, as it stands in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|method| method.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| Error::invalid(format!("`{text}` is no method that can be sent")))
    }
}

/// A request that can be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Option<Duration>,
}

impl Request {
    /// A request without headers, body and timeout.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: Headers::new(), body: Vec::new(), timeout: None }
    }

    /// Reads `url`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::Get, url)
    }

    /// Reads the headers of `url`.
    pub fn head(url: impl Into<String>) -> Self {
        Self::new(Method::Head, url)
    }

    /// Hands a body to `url`.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new(Method::Post, url)
    }

    /// Replaces what is at `url`.
    pub fn put(url: impl Into<String>) -> Self {
        Self::new(Method::Put, url)
    }

    /// Changes what is at `url`.
    pub fn patch(url: impl Into<String>) -> Self {
        Self::new(Method::Patch, url)
    }

    /// Removes what is at `url`.
    pub fn delete(url: impl Into<String>) -> Self {
        Self::new(Method::Delete, url)
    }

    /// Adds a header; checked when the request is sent.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a parameter to the query of the URL, percent-encoded.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        append_query(&mut self.url, name, value);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to a value as JSON, and `content-type` to say so unless it is set.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn json(mut self, value: &impl Serialize) -> Result<Self, Error> {
        self.body = serde_json::to_vec(value)
            .map_err(|error| Error::invalid(format!("the body is no JSON: {error}")))?;
        if header_value(&self.headers, "content-type").is_none() {
            self = self.header("content-type", "application/json");
        }
        Ok(self)
    }

    /// How long to wait for the connection, for the first byte, and between two parts of the answer.
    /// The attempt as a whole has a timeout of its own, which the host keeps.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends the request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// When the URL or a header is invalid, the request is not granted, or no answer arrives.
    pub fn send(self) -> Result<Response, Error> {
        self.parsed_url()?;
        host::send(self)
    }

    /// The URL in its parts.
    pub(crate) fn parsed_url(&self) -> Result<Url, Error> {
        Url::parse(&self.url).map_err(|why| Error::invalid(format!("`{}`: {why}", self.url)))
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The URL, with the query so far.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The headers, as they were added.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The body.
    pub fn body_bytes(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_body_says_so_once() {
        let request = Request::post("https://example.org").json(&[1, 2]).expect("JSON");
        assert_eq!(request.headers(), [("content-type".into(), "application/json".into())]);
        assert_eq!(request.body_bytes(), b"[1,2]");
        let patch = Request::patch("https://example.org")
            .header("Content-Type", "application/merge-patch+json")
            .json(&())
            .expect("JSON");
        assert_eq!(patch.headers().len(), 1);
    }

    #[test]
    fn methods_are_read_without_regard_to_case() {
        assert_eq!("delete".parse::<Method>().expect("known"), Method::Delete);
        assert!("CONNECT".parse::<Method>().is_err());
    }

    #[test]
    fn an_invalid_url_is_not_sent() {
        let error = crate::http::get("ftp://example.org").expect_err("not HTTP");
        assert!(matches!(error, Error::Invalid(_)), "{error}");
    }
}
