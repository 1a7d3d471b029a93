//! What a workflow asks to be sent.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use taskloom_sdk::artefact::{self, Artefact};
use taskloom_sdk::http::{self, Method};
use taskloom_sdk::{Error, Result, log, secret, task};

use crate::answer::Answer;

/// A request.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// The method.
    #[serde(default)]
    method: Verb,
    /// An absolute URL, `https` or `http`.
    #[schemars(length(min = 8), extend("format" = "uri"))]
    url: String,
    /// Headers to send.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Parameters to add to the query of the URL, percent-encoded.
    #[serde(default)]
    query: BTreeMap<String, Parameter>,
    /// Secrets of the host by a mark of one's own: `{token}` in a header or a parameter stands for the
    /// secret that `secrets = { token = "github-token" }` names. Where it may go is said by the policy.
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    /// Sends `authorization: Basic`, with a secret as the password.
    basic: Option<Basic>,
    /// The body as a JSON value; sets `content-type` unless `headers` does. Not together with `body`.
    #[serde(default, deserialize_with = "present")]
    json: Option<Value>,
    /// The body as text. Not together with `json`.
    body: Option<String>,
    /// The body: the bytes of an artefact, such as `${tasks.report.output.artefact}`; sets `content-type`
    /// unless `headers` does. Not together with `json` or `body`.
    file: Option<Artefact>,
    /// Milliseconds to wait for the connection, for the first byte, and between two parts of the
    /// answer. The attempt's own timeout holds in any case.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u64>,
    /// Statuses beside 2xx that are no failure.
    #[serde(default)]
    accept_status: Vec<u16>,
    /// Leaves the body of the answer as an artefact of this name instead of giving it as text: it need
    /// be no text then.
    save_as: Option<String>,
    /// Whether to send the task's idempotency key in the header `idempotency-key`, so that a service
    /// that knows it does nothing twice when the task is tried again.
    #[serde(default)]
    send_idempotency_key: bool,
}

/// A request that only reads.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Get {
    /// An absolute URL, `https` or `http`.
    #[schemars(length(min = 8), extend("format" = "uri"))]
    url: String,
    /// Headers to send.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Parameters to add to the query of the URL, percent-encoded.
    #[serde(default)]
    query: BTreeMap<String, Parameter>,
    /// Secrets of the host by a mark of one's own: `{token}` in a header or a parameter stands for the
    /// secret that `secrets = { token = "github-token" }` names. Where it may go is said by the policy.
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    /// Sends `authorization: Basic`, with a secret as the password.
    basic: Option<Basic>,
    /// Milliseconds to wait for the connection, for the first byte, and between two parts of the
    /// answer. The attempt's own timeout holds in any case.
    #[schemars(range(min = 1))]
    timeout_ms: Option<u64>,
    /// Statuses beside 2xx that are no failure.
    #[serde(default)]
    accept_status: Vec<u16>,
    /// Leaves the body of the answer as an artefact of this name instead of giving it as text: it need
    /// be no text then.
    save_as: Option<String>,
}

/// A user and a password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Basic {
    /// The user; may be empty.
    user: String,
    /// The name of the secret that is the password.
    secret: String,
}

/// The methods that can be sent.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Verb {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

/// The value of a parameter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Parameter {
    Text(String),
    Number(serde_json::Number),
    Flag(bool),
}

impl From<Get> for Request {
    fn from(get: Get) -> Self {
        let Get { url, headers, query, secrets, basic, timeout_ms, accept_status, save_as } = get;
        let rest = Self::default();
        Self { url, headers, query, secrets, basic, timeout_ms, accept_status, save_as, ..rest }
    }
}

impl From<Verb> for Method {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Get => Self::Get,
            Verb::Head => Self::Head,
            Verb::Post => Self::Post,
            Verb::Put => Self::Put,
            Verb::Patch => Self::Patch,
            Verb::Delete => Self::Delete,
            Verb::Options => Self::Options,
        }
    }
}

impl Parameter {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
        }
    }
}

impl Request {
    /// Sends the request and judges the status of the answer.
    ///
    /// # Errors
    /// When the request cannot be sent, no answer arrives, or its status is not accepted.
    pub(crate) fn send(self) -> Result<Answer> {
        let response = self.prepare()?.send()?;
        log::debug!("answered"; status = response.status(), bytes = response.body().len());
        if !response.is_success() && !self.accept_status.contains(&response.status()) {
            return Err(response.status_error().into());
        }
        match &self.save_as {
            Some(name) => Answer::saved(&response, name),
            None => Answer::of(response),
        }
    }

    fn prepare(&self) -> Result<http::Request> {
        let mut request = http::Request::new(self.method.into(), &self.url);
        let marks = self.marks()?;
        for (name, value) in &self.headers {
            request = request.header(name, filled(value, &marks));
        }
        if let Some(Basic { user, secret: name }) = &self.basic {
            request =
                request.header("authorization", secret::basic(user, &secret::placeholder(name)?));
        }
        if !self.headers.keys().any(|name| name.eq_ignore_ascii_case("user-agent")) {
            request = request.header("user-agent", USER_AGENT);
        }
        for (name, value) in &self.query {
            request = request.query(name, &filled(&value.text(), &marks));
        }
        if let Some(milliseconds) = self.timeout_ms {
            request = request.timeout(Duration::from_millis(milliseconds));
        }
        if self.send_idempotency_key {
            request = request.header("idempotency-key", task().idempotency_key());
        }
        match (&self.json, &self.body, &self.file) {
            (Some(value), None, None) => Ok(request.json(value)?),
            (None, Some(text), None) => Ok(request.body(text.as_str())),
            (None, None, Some(file)) => Ok(self.typed(request, file).body(artefact::read(file)?)),
            (None, None, None) => Ok(request),
            _ => Err(Error::invalid_input(
                "two-bodies",
                "of `json`, `body` and `file` one may be given; a request has one body",
            )),
        }
    }

    /// The marks of secrets, each with its placeholder. They stand for a secret in headers and
    /// parameters, which a workflow's author writes, and not in bodies, which may quote strangers.
    fn marks(&self) -> Result<Vec<(String, String)>> {
        let mark = |(mark, name): (&String, &String)| {
            Ok((format!("{{{mark}}}"), secret::placeholder(name)?))
        };
        self.secrets.iter().map(mark).collect()
    }

    /// With the media type of its file, unless the headers say another.
    fn typed(&self, request: http::Request, file: &Artefact) -> http::Request {
        if self.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
            return request;
        }
        request.header("content-type", &file.media_type)
    }
}

/// `text` with a placeholder in the place of every mark.
fn filled(text: &str, marks: &[(String, String)]) -> String {
    marks.iter().fold(text.to_owned(), |text, (mark, placeholder)| text.replace(mark, placeholder))
}

/// Some services refuse a request that does not say who sends it.
const USER_AGENT: &str = concat!("taskloom-http/", env!("CARGO_PKG_VERSION"));

/// Tells a `null` that is given from a field that is missing.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use taskloom_sdk::Class;
    use taskloom_sdk::http::Response;
    use taskloom_sdk::testing::{self, Host, Record};

    use super::*;

    fn send(input: Value, answer: Response) -> (Result<Answer>, Record) {
        let request: Request = serde_json::from_value(input).expect("a request");
        Host::new().answers(move |_| Ok(answer.clone())).run(|| request.send())
    }

    #[test]
    fn every_part_of_the_input_is_sent() {
        let input = json!({
            "method": "POST",
            "url": "https://example.org/items?a=1",
            "headers": { "accept": "text/plain" },
            "query": { "page": 2, "q": "a b", "all": true },
            "json": null,
            "send_idempotency_key": true,
        });
        let (answer, record) = send(input, Response::new(204));
        answer.expect("accepted");
        let [request] = &record.requests[..] else { panic!("{record:?}") };
        assert_eq!(request.url(), "https://example.org/items?a=1&all=true&page=2&q=a%20b");
        assert_eq!(request.body_bytes(), b"null");
        let names: Vec<_> = request.headers().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["accept", "user-agent", "idempotency-key", "content-type"]);
    }

    #[test]
    fn a_secret_stands_where_its_mark_stood_and_in_no_body() {
        let input = json!({
            "url": "https://example.org/",
            "headers": { "x-key": "Bearer {token}" },
            "query": { "key": "{token}" },
            "secrets": { "token": "example-token" },
            "basic": { "user": "me", "secret": "password" },
            "body": "{token}",
        });
        let request: Request = serde_json::from_value(input).expect("a request");
        let host = Host::new().secret("example-token").secret("password");
        let (answer, record) = host.answers(|_| Ok(Response::new(204))).run(|| request.send());
        answer.expect("accepted");
        let [sent] = &record.requests[..] else { panic!("{record:?}") };
        let placeholder = testing::placeholder("example-token");
        assert_eq!(sent.url(), format!("https://example.org/?key={placeholder}"));
        let header = |name: &str| {
            let mut found = sent.headers().iter().filter(|(own, _)| own == name);
            found.next().map(|(_, value)| value.clone()).unwrap_or_default()
        };
        assert_eq!(header("x-key"), format!("Bearer {placeholder}"));
        let basic = secret::basic("me", &testing::placeholder("password"));
        assert_eq!(header("authorization"), basic);
        assert_eq!(sent.body_bytes(), b"{token}");
    }

    #[test]
    fn a_status_is_a_failure_unless_it_is_accepted() {
        let input = json!({ "url": "https://example.org/" });
        let (answer, _) = send(input, Response::new(503).with_header("retry-after", "7"));
        let error = answer.expect_err("no 2xx");
        assert_eq!(error.class(), Class::RetryAfter(Duration::from_secs(7)));
        let input = json!({ "url": "https://example.org/", "accept_status": [404] });
        let (answer, _) = send(input, Response::new(404));
        assert_eq!(answer.expect("accepted").status, 404);
    }

    #[test]
    fn a_body_can_be_left_as_a_file() {
        let input = json!({ "url": "https://example.org/", "save_as": "logo.png" });
        let answer = Response::new(200).with_header("content-type", "image/png");
        let (answer, record) = send(input, answer.with_body([0xff, 0]));
        let shown = serde_json::to_value(answer.expect("accepted")).expect("JSON");
        assert_eq!((&shown["body"], &shown["artefact"]["name"]), (&json!(""), &json!("logo.png")));
        let [(artefact, content)] = &record.artefacts[..] else { panic!("{record:?}") };
        assert_eq!((artefact.media_type.as_str(), &content[..]), ("image/png", &[0xff, 0][..]));
    }

    #[test]
    fn a_file_can_be_sent() {
        let (host, file) = Host::new().file("a.csv", "text/csv", "a,b");
        let input = json!({ "method": "PUT", "url": "https://example.org/", "file": file });
        let request: Request = serde_json::from_value(input).expect("a request");
        let (answer, record) = host.answers(|_| Ok(Response::new(204))).run(|| request.send());
        answer.expect("accepted");
        let [sent] = &record.requests[..] else { panic!("{record:?}") };
        assert_eq!(sent.body_bytes(), b"a,b");
        assert!(
            sent.headers()
                .iter()
                .any(|(name, value)| name == "content-type" && value == "text/csv")
        );
    }

    #[test]
    fn a_request_has_one_body() {
        let input = json!({ "url": "https://example.org/", "json": 1, "body": "1" });
        let (answer, record) = send(input, Response::new(200));
        assert_eq!(answer.expect_err("two bodies").code(), "two-bodies");
        assert!(record.requests.is_empty());
    }

    #[test]
    fn what_is_not_granted_fails_for_good() {
        let request = Request { url: "https://example.org/".to_owned(), ..Request::default() };
        let error = request.send().expect_err("nothing is granted");
        assert_eq!((error.class(), error.code()), (Class::Permanent, "http-denied"));
    }
}
