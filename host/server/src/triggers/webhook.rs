//! `kind = "webhook"`: requests at a path of the host.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Map, Value, json};
use taskloom_core::id::TriggerName;
use taskloom_core::time::Timestamp;
use taskloom_core::trigger::{Source, Verify};
use uuid::Uuid;

use super::fire::{FireError, Fired, Occurrence};
use super::registry::Bound;
use super::{Triggers, signature};
use crate::secrets::SecretError;

/// Headers that name a delivery, so that one that comes again starts nothing. Only the first is
/// signed; the others are believed of those who could sign.
const KEY_HEADERS: [&str; 2] = ["webhook-id", "idempotency-key"];

/// Headers that say who somebody is: they are for the host, and no part of the event.
const HIDDEN_HEADERS: [&str; 7] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-signature-256",
    "webhook-signature",
];

/// The longest name of a delivery, in bytes; one with a longer name is a delivery without.
const KEY_BYTES_MAX: usize = 255;

/// A request as it came.
pub struct Delivery {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its query, decoded.
    pub query: Map<String, Value>,
    /// Its body.
    pub body: Bytes,
}

/// What came of a delivery, trigger by trigger.
pub type Answers = Vec<(TriggerName, Result<Fired, FireError>)>;

/// Why a delivery was not looked at.
#[derive(Debug, thiserror::Error)]
pub enum Turned {
    /// Nobody listens there.
    #[error("nobody listens there")]
    Nobody,
    /// It cannot be said that it comes from whom it should come from.
    #[error("the request is not signed as it has to be")]
    NotGenuine,
    /// The body is not what it says it is.
    #[error("{0}")]
    Malformed(String),
    /// The host's own secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl Triggers {
    /// Lets the webhooks at a path know of a request.
    ///
    /// # Errors
    /// When nobody listens there, or nobody can trust it.
    pub async fn deliver(&self, path: &str, delivery: Delivery) -> Result<Answers, Turned> {
        let listening = self.index().webhooks(path);
        if listening.is_empty() {
            return Err(Turned::Nobody);
        }
        let trusting = self.trusting(listening, &delivery).await?;
        let occurrence = delivery.occurrence()?;
        Ok(self.tell(trusting, &occurrence).await)
    }

    /// Those of `listening` that a delivery is signed for.
    pub(super) async fn trusting(
        &self,
        listening: Vec<Arc<Bound>>,
        delivery: &Delivery,
    ) -> Result<Vec<Arc<Bound>>, Turned> {
        let mut trusting = Vec::new();
        let mut unreadable = None;
        for bound in listening {
            let source = &bound.trigger().source;
            let verify = match source {
                Source::Webhook(webhook) => webhook.verify,
                _ => Verify::HmacSha256,
            };
            let secret = match source.secret() {
                Some(name) => match self.secret(name).await {
                    Ok(secret) => Some(secret),
                    Err(error) => {
                        tracing::warn!(trigger = %bound.name, %error, "requests cannot be checked");
                        unreadable = Some(error);
                        continue;
                    }
                },
                None => None,
            };
            let (headers, body) = (&delivery.headers, &delivery.body);
            if signature::is_genuine(verify, secret.as_ref(), headers, body, wall_clock()) {
                trusting.push(bound);
            }
        }
        match (trusting.is_empty(), unreadable) {
            (false, _) => Ok(trusting),
            (true, Some(error)) => Err(error.into()),
            (true, None) => Err(Turned::NotGenuine),
        }
    }

    /// Tells triggers of an occurrence, one after the other.
    pub(super) async fn tell(&self, triggers: Vec<Arc<Bound>>, occurrence: &Occurrence) -> Answers {
        let mut answers = Vec::with_capacity(triggers.len());
        for bound in triggers {
            let answer = self.occur(&bound, occurrence.clone()).await;
            answers.push((bound.name.clone(), answer));
        }
        answers
    }
}

impl Delivery {
    fn occurrence(&self) -> Result<Occurrence, Turned> {
        let body = self.value()?;
        let headers = self.shown_headers();
        let key = KEY_HEADERS.iter().find_map(|name| self.header(name));
        let key = match key.filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len())) {
            Some(key) => key.to_owned(),
            None => Uuid::now_v7().to_string(),
        };
        let event = json!({ "body": body, "headers": headers, "query": self.query });
        Ok(Occurrence { key, due: None, event, by_hand: false })
    }

    /// A header, when it is a text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body: a JSON value if it is said to be one, or is one; else the text.
    fn value(&self) -> Result<Value, Turned> {
        let kind = self.header("content-type").unwrap_or("");
        let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        let is_json = kind == "application/json" || kind.ends_with("+json");
        match serde_json::from_slice(&self.body) {
            Ok(value) => Ok(value),
            Err(error) if is_json => {
                Err(Turned::Malformed(format!("the body is not JSON: {error}")))
            }
            Err(_) => match std::str::from_utf8(&self.body) {
                Ok(text) => Ok(text.into()),
                Err(error) => {
                    let place = error.valid_up_to();
                    let message = format!("the body is not UTF-8 from byte {place} on");
                    Err(Turned::Malformed(message))
                }
            },
        }
    }

    /// The headers by their lower-case names, but for those that say who somebody is. Several of one
    /// name are one text, with commas between them, as HTTP has it.
    fn shown_headers(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        for name in self.headers.keys() {
            if HIDDEN_HEADERS.contains(&name.as_str()) {
                continue;
            }
            let values = self.headers.get_all(name).iter();
            let values: Vec<_> =
                values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
            shown.insert(name.as_str().to_owned(), values.join(", ").into());
        }
        shown
    }
}

/// The time as the sender's clock should show it.
pub(super) fn wall_clock() -> Timestamp {
    Timestamp::from_ms(jiff::Timestamp::now().as_millisecond())
}
