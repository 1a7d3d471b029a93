//! The network of a case: it answers the requests that the case expects, and remembers the others.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Response};
use serde_json::Value;
use taskloom_connectors::egress::{Outgoing, Peer, SendError};

use super::cases::{Answer, BodyExpected, Exchange, Trouble};

/// The longest body that is shown, in characters.
const BODY_CHARS_MAX: usize = 300;

/// Answers the requests of one case after the other.
#[derive(Default)]
pub(super) struct Network(Mutex<State>);

#[derive(Default)]
struct State {
    /// Each with how often it was asked.
    exchanges: Vec<(Exchange, u32)>,
    unexpected: Vec<String>,
}

impl Network {
    /// Expects the requests of a case, and nothing else.
    pub(super) fn expect(&self, exchanges: &[Exchange]) {
        self.with(|state| {
            let exchanges = exchanges.iter().map(|exchange| (exchange.clone(), 0)).collect();
            *state = State { exchanges, unexpected: Vec::new() };
        });
    }

    /// What went otherwise than the case expects.
    pub(super) fn differences(&self) -> Vec<String> {
        self.with(|state| {
            let missing = state.exchanges.iter().filter(|(exchange, sent)| *sent < exchange.times);
            let missing = missing.map(|(exchange, sent)| {
                let Exchange { target, times, .. } = exchange;
                format!("http: {target} was sent {sent} of {times} times")
            });
            state.unexpected.iter().cloned().chain(missing).collect()
        })
    }

    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Peer for Network {
    fn answer(&self, request: &Outgoing) -> Result<Response<Bytes>, SendError> {
        let host = request.target.authority();
        let answer = self.with(|state| {
            let fits = |(exchange, sent): &&mut (Exchange, u32)| {
                *sent < exchange.times && mismatch(exchange, request).is_none()
            };
            if let Some((exchange, sent)) = state.exchanges.iter_mut().find(fits) {
                *sent += 1;
                return Some(exchange.answer.clone());
            }
            let told = unexpected(request, &state.exchanges);
            state.unexpected.push(told);
            None
        });
        match answer {
            Some(Answer::Response { status, headers, body }) => {
                let mut response = Response::builder().status(status);
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                let reason = |error: http::Error| format!("the case's response: {error}");
                response
                    .body(Bytes::from(body))
                    .map_err(|error| SendError::Protocol { host, reason: reason(error) })
            }
            Some(Answer::Trouble(trouble)) => Err(trouble_with(trouble, request)),
            None => {
                let reason = "the case expects no such request".to_owned();
                Err(SendError::Connect { host, reason })
            }
        }
    }
}

fn trouble_with(trouble: Trouble, request: &Outgoing) -> SendError {
    let host = request.target.authority();
    let reason = "the case says so".to_owned();
    match trouble {
        Trouble::Timeout => SendError::Timeout { host },
        Trouble::Connect => SendError::Connect { host, reason },
        Trouble::Tls => SendError::Tls { host, reason },
        Trouble::Protocol => SendError::Protocol { host, reason },
        Trouble::Dns => SendError::NameNotFound { host: request.target.host().to_owned(), reason },
    }
}

/// Why `request` is not the one that is expected, if it is not.
fn mismatch(expected: &Exchange, request: &Outgoing) -> Option<String> {
    let (target, asked) = (&expected.target, &request.target);
    if target.method() != asked.method() || target.url() != asked.url() {
        return Some(format!("it expects {} {}", target.method(), target.url()));
    }
    for (name, value) in &expected.headers {
        let sent = request.headers.get(name).and_then(|sent| sent.to_str().ok());
        if sent != Some(value) {
            let sent = sent.map_or("is absent".to_owned(), |sent| format!("is `{sent}`"));
            return Some(format!("its header `{name}` {sent}, expected is `{value}`"));
        }
    }
    let fits = match &expected.body {
        None => true,
        Some(BodyExpected::Text(text)) => request.body == text.as_bytes(),
        Some(BodyExpected::Json(value)) => {
            serde_json::from_slice::<Value>(&request.body).is_ok_and(|sent| sent == *value)
        }
    };
    (!fits).then(|| match &expected.body {
        Some(BodyExpected::Text(text)) => format!("its body is expected to be `{}`", cut(text)),
        Some(BodyExpected::Json(value)) => {
            format!("its body is expected to be {}", cut(&value.to_string()))
        }
        None => String::new(),
    })
}

/// What was asked for, whole, and why the nearest of what is expected is something else.
fn unexpected(request: &Outgoing, exchanges: &[(Exchange, u32)]) -> String {
    let (method, url) = (request.target.method(), request.target.url());
    let mut told =
        format!("http: unexpected request: {method} {url}{}", sent_with(&request.headers));
    if !request.body.is_empty() {
        let body = String::from_utf8_lossy(&request.body);
        told.push_str(&format!(", body `{}`", cut(&body)));
    }
    let same = |(exchange, _): &&(Exchange, u32)| {
        exchange.target.url() == url && exchange.target.method() == method
    };
    let alike = |(exchange, _): &&(Exchange, u32)| exchange.target.host() == request.target.host();
    let nearest = exchanges.iter().find(same).or_else(|| exchanges.iter().find(alike));
    match nearest {
        None if exchanges.is_empty() => told.push_str("; the case expects none"),
        None => told.push_str("; the case expects none to this host"),
        Some((exchange, sent)) => match mismatch(exchange, request) {
            Some(why) => told.push_str(&format!("; {why}")),
            None => told.push_str(&format!("; it was expected {sent} times already")),
        },
    }
    told
}

/// Headers that an author chose.
fn sent_with(headers: &HeaderMap) -> String {
    let shown: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    if shown.is_empty() { String::new() } else { format!(" ({})", shown.join(", ")) }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(BODY_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
