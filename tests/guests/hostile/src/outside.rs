//! Calls that misuse what the host offers of WASI.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use taskloom_sdk::bindings::wasi::http::outgoing_handler;
use taskloom_sdk::bindings::wasi::http::types::{Fields, OutgoingRequest, Scheme};
use taskloom_sdk::http::Request;
use taskloom_sdk::{Error, Result};

use crate::exhaust::{Anything, Nothing};

/// Makes handles of the host's and never gives one back.
pub(crate) fn hold_handles(_: Anything) -> Result<Nothing> {
    loop {
        std::mem::forget(Fields::new());
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Length {
    /// How many headers; 500,000 if nothing is said.
    entries: Option<usize>,
}

/// Hands a list to the host that is longer than any request has headers.
pub(crate) fn huge_list(input: Length) -> Result<Refused> {
    let entry = ("x".to_owned(), b"y".to_vec());
    let entries = vec![entry; input.entries.unwrap_or(500_000)];
    Ok(Refused { taken: Fields::from_list(&entries).is_ok() })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    name: String,
    value: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Refused {
    /// Whether the host took it.
    taken: bool,
}

/// Hands a header to the host as it is, past the SDK's own checks.
pub(crate) fn inject_header(input: Header) -> Result<Refused> {
    let fields = Fields::new();
    let taken = fields.append(&input.name, &input.value.into_bytes()).is_ok();
    Ok(Refused { taken })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    authority: String,
    path: String,
}

/// Hands a URL to the host as it is, past the SDK's own checks.
pub(crate) fn inject_url(input: Place) -> Result<Refused> {
    let request = OutgoingRequest::new(Fields::new());
    let given = request
        .set_scheme(Some(&Scheme::Http))
        .and_then(|()| request.set_authority(Some(&input.authority)))
        .and_then(|()| request.set_path_with_query(Some(&input.path)));
    let sent = given.is_ok() && outgoing_handler::handle(request, None).is_ok();
    Ok(Refused { taken: sent })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Then {
    /// What it requests first, without looking at what comes of it.
    url: String,
    /// What it requests after that.
    next: Option<String>,
    ending: Sudden,
    /// The code of the failure, if it returns one.
    code: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Sudden {
    Panic,
    Trap,
    Retryable,
    Permanent,
}

/// Requests what it may not have, and ends in its own way.
pub(crate) fn request_then(input: Then) -> Result<Nothing> {
    let _ = Request::get(&input.url).send();
    if let Some(next) = input.next {
        let _ = Request::get(&next).send();
    }
    let code = input.code.as_deref().unwrap_or("asked-to-fail");
    match input.ending {
        Sudden::Panic => panic!("nobody expected this"),
        Sudden::Trap => core::arch::wasm32::unreachable(),
        Sudden::Retryable => Err(Error::retryable(code, "the input asks for a failure")),
        Sudden::Permanent => Err(Error::permanent(code, "the input asks for a failure")),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    url: String,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Arrived {
    body: String,
}

/// Goes wherever an answer sends it.
pub(crate) fn follow(input: Start) -> Result<Arrived> {
    let mut url = input.url;
    loop {
        let response = Request::get(&url).send()?;
        match response.header("location") {
            Some(next) => url = next.to_owned(),
            None => return Ok(Arrived { body: response.text()? }),
        }
        if url.len() > 10_000 {
            return Err(Error::permanent("lost", "the way is too long"));
        }
    }
}
