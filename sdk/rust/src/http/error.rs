//! Why a request brought no answer, or one that is an error, and what that means for another attempt.

use std::fmt;
use std::time::Duration;

use serde_json::json;

use super::request::Request;

/// Why a request failed.
#[derive(Debug, Clone, PartialEq)]
pub enum Error {
    /// The host does not grant it. Permanent, `http-denied`.
    Denied(String),
    /// The request itself cannot be sent: its URL, a header or its body is wrong. Invalid input,
    /// `http-invalid-request`.
    Invalid(String),
    /// No answer arrived. Its class and code are the error's own.
    Transport(TransportError),
    /// The answer has a status that is no 2xx; see [`StatusError`].
    Status(StatusError),
}

/// Why no answer arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportError {
    /// The word, in kebab case and after `http-`: `http-connection-refused`, `http-timeout`.
    pub code: String,
    /// What happened, for people.
    pub message: String,
    /// Whether it may go away: refused and lost connections, names that were not found, timeouts.
    /// A certificate that is wrong or an answer that is too large does not.
    pub is_retryable: bool,
}

/// An answer with a status that is no 2xx.
///
/// Retryable are 408, 425, 429 and 5xx but 501 and 505; with a `Retry-After` it is honoured, and then
/// 403 is retryable too. Every other status is permanent. The code is `http-<status>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusError {
    /// The status, such as 404.
    pub status: u16,
    /// The URL that was asked.
    pub url: String,
    /// Where a redirect points. None is followed.
    pub location: Option<String>,
    /// How long the service asks to wait.
    pub retry_after: Option<Duration>,
    /// The beginning of the body.
    pub body: String,
}

impl Error {
    /// The error for a request that is not granted.
    pub fn denied(request: &Request) -> Self {
        Self::Denied(format!(
            "{} {} is not granted: see `plugins/<name>.policy.toml`",
            request.method(),
            request.url()
        ))
    }

    pub(crate) fn invalid(message: String) -> Self {
        Self::Invalid(message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(message) | Self::Invalid(message) => f.write_str(message),
            Self::Transport(error) => f.write_str(&error.message),
            Self::Status(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}", self.url, self.status)?;
        match &self.location {
            Some(location) => write!(f, ", a redirect to {location}, which is not followed"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Denied(_) => Self::permanent("http-denied", message),
            Error::Invalid(_) => Self::invalid_input("http-invalid-request", message),
            Error::Transport(error) if error.is_retryable => Self::retryable(&error.code, message),
            Error::Transport(error) => Self::permanent(&error.code, message),
            Error::Status(error) => error.into_error(message),
        }
    }
}

impl StatusError {
    fn into_error(self, message: String) -> crate::Error {
        let code = format!("http-{}", self.status);
        let error = match (self.status, self.retry_after) {
            (403 | 408 | 425 | 429 | 500.., Some(delay)) => {
                crate::Error::retry_after(delay, &code, message)
            }
            (501 | 505, None) => crate::Error::permanent(&code, message),
            (408 | 425 | 429 | 500.., None) => crate::Error::retryable(&code, message),
            _ => crate::Error::permanent(&code, message),
        };
        error.with_details(json!({ "status": self.status, "url": self.url, "body": self.body }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Class;
    use crate::http::Response;

    #[test]
    fn the_status_decides_the_class() {
        let five = Class::RetryAfter(Duration::from_secs(5));
        for (status, retry_after, class) in [
            (429, None, Class::Retryable),
            (429, Some("5"), five),
            (503, Some("5"), five),
            (403, Some("5"), five),
            (500, None, Class::Retryable),
            (408, None, Class::Retryable),
            (403, None, Class::Permanent),
            (404, Some("5"), Class::Permanent),
            (501, None, Class::Permanent),
            (301, None, Class::Permanent),
        ] {
            let mut response = Response::new(status);
            if let Some(delay) = retry_after {
                response = response.with_header("Retry-After", delay);
            }
            let error = crate::Error::from(response.error_for_status().expect_err("no 2xx"));
            assert_eq!(error.class(), class, "{status}");
            assert_eq!(error.code(), format!("http-{status}"));
        }
    }

    #[test]
    fn a_long_error_body_is_cut_between_characters() {
        let response = Response::new(500).with_body("ä".repeat(2000));
        let error = crate::Error::from(response.status_error());
        let body = error.details().expect("details")["body"].as_str().expect("text");
        assert_eq!(body.chars().count(), 501);
    }
}
