//! How a handler says that it did not succeed, and what that means for another attempt.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

/// What a handler returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The end of a call that did not succeed.
///
/// The [`Class`] decides what the host does next. An error gets its class from the constructor, or by `?`
/// from an error whose meaning is known ([`crate::http::Error`], `serde_json::Error`), or by
/// [`Classify`] from any other.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    class: Class,
    failure: Failure,
}

/// What a failure means for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It may succeed when tried again: the host follows the task's retry policy.
    Retryable,
    /// As [`Class::Retryable`], but not before this much time has passed.
    RetryAfter(Duration),
    /// The input is wrong: never tried again.
    InvalidInput,
    /// It will never succeed: never tried again.
    Permanent,
    /// The handler saw that its attempt was cancelled, and stopped.
    Cancelled,
}

/// Why a call did not succeed, as it stands in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// A stable, machine-readable word in kebab case, such as `rate-limited`.
    pub code: String,
    /// What happened, where and why, for people.
    pub message: String,
    /// More, as JSON.
    pub details: Option<Value>,
}

impl Error {
    /// A failure that may go away when the task is tried again, such as a busy service.
    pub fn retryable(code: &str, message: impl Into<String>) -> Self {
        Self::new(Class::Retryable, code, message)
    }

    /// A failure that goes away no sooner than after `delay` (sent in milliseconds, rounded up).
    pub fn retry_after(delay: Duration, code: &str, message: impl Into<String>) -> Self {
        Self::new(Class::RetryAfter(delay), code, message)
    }

    /// The input is wrong in a way that its schema cannot say.
    pub fn invalid_input(code: &str, message: impl Into<String>) -> Self {
        Self::new(Class::InvalidInput, code, message)
    }

    /// A failure that no further attempt will change.
    pub fn permanent(code: &str, message: impl Into<String>) -> Self {
        Self::new(Class::Permanent, code, message)
    }

    /// The handler stopped because the attempt was cancelled; see [`crate::check_cancelled`].
    pub fn cancelled() -> Self {
        Self::new(Class::Cancelled, "cancelled", "the attempt was cancelled")
    }

    fn new(class: Class, code: &str, message: impl Into<String>) -> Self {
        let failure = Failure { code: code.to_owned(), message: message.into(), details: None };
        Self(Box::new(Inner { class, failure }))
    }

    /// Adds details for machines. A value that is no JSON (a map with keys that are no strings) is left
    /// out: an error on the way to an error would hide the first one.
    #[must_use]
    pub fn with_details(mut self, details: impl Serialize) -> Self {
        self.0.failure.details = serde_json::to_value(details).ok();
        self
    }

    /// Puts `what`, the thing that was being done, before the message.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.0.failure.message = format!("{what}: {}", self.0.failure.message);
        self
    }

    /// What the failure means for another attempt.
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// The machine-readable word.
    pub fn code(&self) -> &str {
        &self.0.failure.code
    }

    /// What happened, for people.
    pub fn message(&self) -> &str {
        &self.0.failure.message
    }

    /// The details, if there are any.
    pub fn details(&self) -> Option<&Value> {
        self.0.failure.details.as_ref()
    }

    /// Class and failure, taken apart.
    pub fn into_parts(self) -> (Class, Failure) {
        (self.0.class, self.0.failure)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0.failure.message, self.0.failure.code)
    }
}

impl std::error::Error for Error {}

/// JSON that a handler reads or writes and that is not what it should be is no better the next time.
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::permanent("invalid-json", error.to_string())
    }
}

/// Says what was being done when something failed.
pub trait Context<T> {
    /// Puts `what` before the message of the error: `reading the list of labels: …`.
    ///
    /// # Errors
    /// The error of `self`, with `what` before its message.
    fn context(self, what: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.into().context(what))
    }
}

/// Gives a class and a code to an error that has none, or to a value that is missing.
pub trait Classify<T> {
    /// May succeed when tried again.
    ///
    /// # Errors
    /// The error of `self` as [`Class::Retryable`].
    fn or_retryable(self, code: &str) -> Result<T>;

    /// The input is to blame.
    ///
    /// # Errors
    /// The error of `self` as [`Class::InvalidInput`].
    fn or_invalid_input(self, code: &str) -> Result<T>;

    /// No further attempt will change it.
    ///
    /// # Errors
    /// The error of `self` as [`Class::Permanent`].
    fn or_permanent(self, code: &str) -> Result<T>;
}

impl<T, E: fmt::Display> Classify<T> for Result<T, E> {
    fn or_retryable(self, code: &str) -> Result<T> {
        self.map_err(|error| Error::retryable(code, error.to_string()))
    }

    fn or_invalid_input(self, code: &str) -> Result<T> {
        self.map_err(|error| Error::invalid_input(code, error.to_string()))
    }

    fn or_permanent(self, code: &str) -> Result<T> {
        self.map_err(|error| Error::permanent(code, error.to_string()))
    }
}

impl<T> Classify<T> for Option<T> {
    fn or_retryable(self, code: &str) -> Result<T> {
        self.ok_or(MISSING).or_retryable(code)
    }

    fn or_invalid_input(self, code: &str) -> Result<T> {
        self.ok_or(MISSING).or_invalid_input(code)
    }

    fn or_permanent(self, code: &str) -> Result<T> {
        self.ok_or(MISSING).or_permanent(code)
    }
}

/// The message for an `Option` that was empty; [`Context`] says of what.
const MISSING: &str = "no value";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_error_gets_a_class_where_it_happens() {
        let error = "x".parse::<u8>().or_invalid_input("bad-count").expect_err("no number");
        assert_eq!((error.class(), error.code()), (Class::InvalidInput, "bad-count"));
        let error = None::<u8>.or_permanent("no-owner").context("finding the owner");
        assert_eq!(error.expect_err("nothing there").message(), "finding the owner: no value");
    }

    #[test]
    fn context_stands_before_the_message_and_keeps_the_class() {
        let failed: Result<()> =
            Err(Error::retry_after(Duration::from_secs(2), "rate-limited", "too many requests"));
        let error = failed.context("listing labels").expect_err("failed");
        assert_eq!(error.to_string(), "listing labels: too many requests (rate-limited)");
        assert_eq!(error.class(), Class::RetryAfter(Duration::from_secs(2)));
    }

    #[test]
    fn json_errors_are_permanent() {
        fn parse(text: &str) -> Result<u8> {
            Ok(serde_json::from_str(text)?)
        }
        let error = parse("{").expect_err("not JSON");
        assert_eq!((error.class(), error.code()), (Class::Permanent, "invalid-json"));
    }
}
