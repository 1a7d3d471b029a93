//! Calls that misuse what the host offers of WASI.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use taskloom_sdk::bindings::wasi::http::types::Fields;
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
