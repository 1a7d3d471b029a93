//! An answer, and how to read it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{Error, StatusError};
use super::request::Headers;
use super::{header_value, retry_after};
use crate::Result;

/// An answer, read to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The URL that was asked; set when the request is sent.
    pub(crate) url: String,
    status: u16,
    headers: Headers,
    body: Vec<u8>,
}

impl Response {
    /// An answer without headers and body: what a test hands to the handler.
    pub fn new(status: u16) -> Self {
        Self { url: String::new(), status, headers: Headers::new(), body: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to a value as JSON, with the `content-type` of JSON.
    ///
    /// # Panics
    /// When the value cannot be written as JSON.
    #[must_use]
    pub fn with_json(self, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("the value can be written as JSON");
        self.with_header("content-type", "application/json").with_body(body)
    }

    /// The status code, such as 200.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The headers in order. A value that is not UTF-8 has its broken bytes replaced.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The first value of a header; its name is compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header_value(&self.headers, name)
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    ///
    /// # Errors
    /// When the body is not UTF-8: permanent, code `http-not-text`.
    pub fn text(self) -> Result<String> {
        String::from_utf8(self.body).map_err(|error| {
            crate::Error::permanent(
                "http-not-text",
                format!("the answer of {} is not UTF-8: {}", self.url, error.utf8_error()),
            )
        })
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When the body is no JSON of this type: permanent, code `http-not-json`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            crate::Error::permanent(
                "http-not-json",
                format!("the answer of {} is not the JSON expected: {error}", self.url),
            )
        })
    }

    /// The answer itself, if its status is 2xx.
    ///
    /// # Errors
    /// [`Error::Status`] for any other status; its class is in [`StatusError`].
    pub fn error_for_status(self) -> Result<Self, Error> {
        if self.is_success() { Ok(self) } else { Err(self.status_error()) }
    }

    /// The error that this answer is, with the wait it asks for and the beginning of its body.
    pub fn status_error(&self) -> Error {
        let text = String::from_utf8_lossy(&self.body);
        let body = match text.char_indices().nth(EXCERPT_CHARS) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.into_owned(),
        };
        let header = |name| self.header(name);
        Error::Status(StatusError {
            status: self.status,
            url: self.url.clone(),
            location: self.header("location").map(str::to_owned),
            retry_after: retry_after::delay(header("retry-after"), header("date")),
            body,
        })
    }
}

/// How much of the body of an error goes into a failure: enough to see what the service says.
const EXCERPT_CHARS: usize = 500;
