//! `kind = "github"`: events of GitHub, all at one address of the host.

use std::sync::Arc;

use serde_json::{Value, json};
use taskloom_core::time::Timestamp;
use taskloom_core::trigger::{GITHUB_SECRET, Source, Verify};

use super::fire::Occurrence;
use super::registry::Bound;
use super::webhook::{Answers, Delivery, Turned, wall_clock};
use super::{Triggers, signature};

/// An event as GitHub names it.
struct Event {
    name: String,
    action: Option<String>,
}

impl Triggers {
    /// Lets the triggers of GitHub know of a delivery. Those that do not listen to its event are not
    /// among the answers.
    ///
    /// # Errors
    /// When nobody can trust it, or it is no delivery of GitHub.
    pub async fn deliver_github(&self, delivery: Delivery) -> Result<Answers, Turned> {
        let listening = self.index().github();
        let trusting = match self.trusting(listening, &delivery).await {
            Ok(trusting) => trusting,
            // GitHub tries an address before anybody listens: the host's own secret is enough.
            Err(Turned::NotGenuine) if self.is_trusted(&delivery, wall_clock()).await => Vec::new(),
            Err(turned) => return Err(turned),
        };
        let (event, occurrence) = read(&delivery)?;
        let listening = trusting.into_iter().filter(|bound| event.concerns(bound)).collect();
        Ok(self.tell(listening, &occurrence).await)
    }

    /// Whether a delivery is signed with the host's own secret.
    async fn is_trusted(&self, delivery: &Delivery, now: Timestamp) -> bool {
        let Ok(secret) = self.secret(GITHUB_SECRET).await else { return false };
        let Delivery { headers, body, .. } = delivery;
        signature::is_genuine(Verify::HmacSha256, Some(&secret), headers, body, now)
    }
}

fn read(delivery: &Delivery) -> Result<(Event, Occurrence), Turned> {
    let missing = |name: &str| Turned::Malformed(format!("the header `{name}` is missing"));
    let named = |name: &'static str| delivery.header(name).ok_or_else(|| missing(name));
    let (name, id) = (named("x-github-event")?, named("x-github-delivery")?);
    let body: Value = serde_json::from_slice(&delivery.body).map_err(|error| {
        Turned::Malformed(format!(
            "the body is not JSON: {error}; choose the content type `application/json` in the \
             settings of the webhook"
        ))
    })?;
    let action = body.get("action").and_then(Value::as_str).map(str::to_owned);
    let (key, name) = (id.to_owned(), name.to_owned());
    let event = json!({ "event": name, "action": action, "delivery": id, "body": body });
    Ok((Event { name, action }, Occurrence { key, due: None, event, by_hand: false }))
}

impl Event {
    /// Whether a trigger listens to it: to the event, or to the event with its action.
    fn concerns(&self, bound: &Arc<Bound>) -> bool {
        let Source::Github { events, .. } = &bound.trigger().source else { return false };
        events.iter().any(|event| match event.split_once('.') {
            Some((name, action)) => name == self.name && Some(action) == self.action.as_deref(),
            None => *event == self.name,
        })
    }
}
