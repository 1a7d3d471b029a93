//! A request that a case expects, and how it is answered: nothing leaves the machine.

use http::Method;
use serde_json::Value;
use taskloom_connectors::egress::{Target, TargetError};
use taskloom_core::document::Table;

use super::texts;

/// A request and its answer.
#[derive(Debug, Clone)]
pub(in crate::cli::kit) struct Exchange {
    /// The method and the URL, as the host reads it.
    pub(in crate::cli::kit) target: Target,
    /// Headers that the request has; it may have others.
    pub(in crate::cli::kit) headers: Vec<(String, String)>,
    /// Its body, if that matters.
    pub(in crate::cli::kit) body: Option<BodyExpected>,
    /// How often it is sent.
    pub(in crate::cli::kit) times: u32,
    /// What comes back.
    pub(in crate::cli::kit) answer: Answer,
}

/// The body that a request is expected to have.
#[derive(Debug, Clone)]
pub(in crate::cli::kit) enum BodyExpected {
    /// This text.
    Text(String),
    /// This value, however it is written.
    Json(Value),
}

/// What comes back.
#[derive(Debug, Clone)]
pub(in crate::cli::kit) enum Answer {
    /// A response.
    Response { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// None.
    Trouble(Trouble),
}

/// Why no response comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::kit) enum Trouble {
    Timeout,
    Connect,
    Dns,
    Tls,
    Protocol,
}

/// The words for trouble.
const TROUBLES: [(&str, Trouble); 5] = [
    ("timeout", Trouble::Timeout),
    ("connect", Trouble::Connect),
    ("dns", Trouble::Dns),
    ("tls", Trouble::Tls),
    ("protocol", Trouble::Protocol),
];

/// How often one request can be expected.
const TIMES_MAX: i64 = 10_000;

pub(super) fn read(mut table: Table<'_>) -> Option<Exchange> {
    table.require(&["request"]);
    let request = table.table("request").and_then(request);
    let times = table.integer("times", 1..=TIMES_MAX).unwrap_or(1);
    let response = table.has("response");
    let trouble = table.choice("error", &TROUBLES);
    let answer = match table.table("response") {
        Some(response) => answer(response),
        None => trouble.map(Answer::Trouble),
    };
    match (response, table.has("error")) {
        (true, true) => {
            table.report(&["error".into()], "conflict", "there is a `response` too", None);
        }
        (false, false) => {
            let help = "write `response = { status = 200 }` or `error = \"timeout\"`".to_owned();
            table.report(&[], "missing-key", "it is not answered", Some(help));
        }
        _ => {}
    }
    table.finish();
    let (target, headers, body) = request?;
    Some(Exchange {
        target,
        headers,
        body,
        times: u32::try_from(times).unwrap_or(1),
        answer: answer?,
    })
}

type Request = (Target, Vec<(String, String)>, Option<BodyExpected>);

fn request(mut table: Table<'_>) -> Option<Request> {
    table.require(&["url"]);
    let method = table.string("method").unwrap_or_else(|| "GET".to_owned());
    let method = Method::from_bytes(method.as_bytes()).ok();
    if method.is_none() {
        table.report(&["method".into()], "invalid-value", "it is no method of HTTP", None);
    }
    let read = |url: String| Target::of(method.clone().unwrap_or_default(), &url);
    let target = table.string("url").and_then(|url| {
        let report = |error: TargetError| {
            table.report(&["url".into()], "invalid-value", error.to_string(), None);
        };
        read(url).map_err(report).ok()
    });
    let headers = texts(&mut table, "headers");
    let text = table.string("body").map(BodyExpected::Text);
    let json = table.json("json").map(BodyExpected::Json);
    if text.is_some() && json.is_some() {
        table.report(&["json".into()], "conflict", "there is a `body` too", None);
    }
    table.finish();
    method?;
    Some((target?, headers, text.or(json)))
}

fn answer(mut table: Table<'_>) -> Option<Answer> {
    let status = table.integer("status", 200..=599).unwrap_or(200);
    let mut headers = texts(&mut table, "headers");
    let text = table.string("body");
    let json = table.json("json");
    match (&text, &json) {
        (Some(_), Some(_)) => {
            table.report(&["json".into()], "conflict", "there is a `body` too", None);
        }
        (None, Some(_)) if !headers.iter().any(|(name, _)| is_content_type(name)) => {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        _ => {}
    }
    table.finish();
    let body = text.or_else(|| json.map(|value| value.to_string())).unwrap_or_default();
    Some(Answer::Response {
        status: u16::try_from(status).unwrap_or(200),
        headers,
        body: body.into_bytes(),
    })
}

fn is_content_type(name: &str) -> bool {
    name.eq_ignore_ascii_case("content-type")
}
