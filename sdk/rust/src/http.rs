//! Calls services over HTTP, as far as the operator grants it.
//!
//! ```no_run
//! # #[derive(serde::Deserialize)] struct Issue { title: String }
//! # fn main() -> taskloom_sdk::Result<()> {
//! use std::time::Duration;
//! use taskloom_sdk::http::{self, Request};
//!
//! let text = http::get("https://example.org/")?.error_for_status()?.text()?;
//! let issue: Issue = Request::post("https://api.example.org/issues")
//!     .header("accept", "application/json")
//!     .query("notify", "false")
//!     .json(&serde_json::json!({ "title": text }))?
//!     .timeout(Duration::from_secs(5))
//!     .send()?
//!     .error_for_status()?
//!     .json()?;
//! # Ok(()) }
//! ```
//!
//! A plugin asks for hosts by `http: ["…"]` in [`plugin!`](crate::plugin!); the operator grants them in
//! `plugins/<name>.policy.toml`. Redirects are not followed: each host is granted by name. By `?` an
//! [`Error`] becomes a [`crate::Error`] of the right class: what may go away is retried, a
//! `Retry-After` is honoured, and a request that was not granted fails for good.

mod error;
mod request;
mod response;
mod retry_after;
mod url;
#[cfg(target_arch = "wasm32")]
pub(crate) mod wasi;

pub use error::{Error, StatusError, TransportError};
pub use request::{Headers, Method, Request};
pub use response::Response;

/// Sends a GET request without a header or a timeout of its own.
///
/// # Errors
/// When the URL is invalid, the request is not granted, or no answer arrives. An answer with an
/// error status is an answer; see [`Response::error_for_status`].
pub fn get(url: &str) -> Result<Response, Error> {
    Request::get(url).send()
}

/// The first value of the header `name`, which is compared without regard to case.
fn header_value<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
