//! What a workflow gets.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use taskloom_sdk::Result;
use taskloom_sdk::artefact::{self, Artefact};
use taskloom_sdk::http::Response;

/// An answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The headers by their lower-case name. Several values of one name are joined by `, `.
    headers: BTreeMap<String, String>,
    /// The body as text; empty when it was left as a file.
    body: String,
    /// The body as a value, when its `content-type` says JSON and it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    /// The file with the body, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    artefact: Option<Artefact>,
}

impl Answer {
    /// Takes a response over.
    ///
    /// # Errors
    /// When the body is not UTF-8.
    pub(crate) fn of(response: Response) -> Result<Self> {
        let headers = headers_of(&response);
        let is_json = response.header("content-type").is_some_and(says_json);
        let status = response.status();
        let body = response.text()?;
        let json = is_json.then(|| serde_json::from_str(&body).ok()).flatten();
        Ok(Self { status, headers, body, json, artefact: None })
    }

    /// Takes a response over, and leaves its body as the file `name`.
    ///
    /// # Errors
    /// When the file cannot be left.
    pub(crate) fn saved(response: &Response, name: &str) -> Result<Self> {
        let media_type = response.header("content-type").unwrap_or("application/octet-stream");
        let left = Some(artefact::put(name, media_type, response.body())?);
        let (status, headers) = (response.status(), headers_of(response));
        Ok(Self { status, headers, body: String::new(), json: None, artefact: left })
    }
}

fn headers_of(response: &Response) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in response.headers() {
        headers
            .entry(name.to_ascii_lowercase())
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(value);
            })
            .or_insert_with(|| value.clone());
    }
    headers
}

/// Whether a `content-type` is JSON: `application/json`, or a type that ends with `+json`.
fn says_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let media_type = media_type.to_ascii_lowercase();
    media_type == "application/json" || media_type.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_read_when_the_service_says_so() {
        let answer = |content_type: &str, body: &str| {
            let response = Response::new(200).with_header("Content-Type", content_type);
            Answer::of(response.with_body(body)).expect("text").json
        };
        assert_eq!(answer("application/problem+JSON; charset=utf-8", "[1]"), Some(json!([1])));
        assert_eq!(answer("application/json", "[1"), None);
        assert_eq!(answer("text/html", "[1]"), None);
    }

    #[test]
    fn values_of_one_header_are_joined() {
        let response = Response::new(200).with_header("Link", "<a>").with_header("link", "<b>");
        let answer = Answer::of(response).expect("text");
        assert_eq!(answer.headers["link"], "<a>, <b>");
    }

    #[test]
    fn a_body_that_is_no_text_is_refused() {
        let error = Answer::of(Response::new(200).with_body([0xff])).expect_err("no text");
        assert_eq!(error.code(), "http-not-text");
    }
}
