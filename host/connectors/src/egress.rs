//! Outbound HTTP of guests: every request is checked against grants, and bounded.
//!
//! ```text
//! guest ─▶ Target::of (one way to read a URL) ─▶ Grants::check ─▶ Egress::send ─▶ Names ─▶ peer
//!                                                 refused: which grant is missing    └ public addresses only
//! ```
//!
//! A redirect is handed to the guest and never followed: following it would be a second request that
//! nobody checked. The environment's proxy settings are not used, since behind a proxy the address
//! that is reached could not be checked.

mod address;
mod budget;
mod crowd;
mod grant;
mod names;
mod peer;
mod received;
mod target;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

pub use address::is_public;
pub use budget::Budget;
pub use crowd::Bounds;
pub use grant::{Grant, GrantError, Grants, HostPattern};
pub use names::Names;
pub use peer::Peer;
pub use received::{Received, ReceivedError};
pub use target::{Scheme, Target, TargetError};

use crowd::{Crowd, Lane};
use names::LookupFailed;

/// How long establishing a connection may take, name lookup included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an unused connection is kept for the next request to the same host.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Unused connections kept for each host. Few: most plugins talk to one host, one request at a time.
const IDLE_CONNECTIONS_PER_HOST: usize = 8;

/// Sends requests that have been checked. Cheap to clone; connections are shared.
#[derive(Clone)]
pub struct Egress {
    way: Way,
    crowd: Arc<Crowd>,
    lane: Lane,
}

/// Whose requests they are until [`Egress::of`] says.
const NOBODY: &str = "";

/// Who answers.
#[derive(Clone)]
enum Way {
    /// The peers that requests are for.
    Network(Network),
    /// One that stands in for them all: nothing leaves the host.
    StandIn(Arc<dyn Peer>),
}

/// The way to everybody.
#[derive(Clone)]
struct Network {
    client: reqwest::Client,
    names: Names,
    /// Whose lookups they are.
    asker: Lane,
}

/// One request, complete.
#[derive(Debug)]
pub struct Outgoing {
    /// Where it goes and by which method; see [`Grants::check`].
    pub target: Target,
    /// Its headers, without `host`.
    pub headers: HeaderMap,
    /// Its body, possibly empty.
    pub body: Bytes,
}

/// How long a request may wait; the time left of the call bounds it as well.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until the response's head has arrived, connecting included.
    pub first_byte: Duration,
    /// Between two pieces of the response's body.
    pub between_bytes: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { first_byte: Duration::from_secs(60), between_bytes: Duration::from_secs(30) }
    }
}

/// The head of a response, and its body while it arrives.
#[derive(Debug)]
pub struct Incoming {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; reading it draws on the budget.
    pub body: Received,
}

/// The client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot prepare outbound HTTPS: {0}")]
pub struct EgressError(#[source] reqwest::Error);

/// A request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The call has sent as many requests as it may.
    #[error("the call's limit of {limit} requests is reached")]
    TooManyRequests {
        /// The limit.
        limit: u64,
    },
    /// The response says that it is longer than the call may still receive.
    #[error("the response would exceed the call's limit of {limit} response bytes")]
    ResponseTooLarge {
        /// The limit, over all responses of the call.
        limit: u64,
    },
    /// The name leads to addresses that are not on the public Internet.
    #[error("{0}")]
    AddressRefused(AddressRefused),
    /// The name leads nowhere.
    #[error("the name `{host}` cannot be resolved: {reason}")]
    NameNotFound {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nobody said in time where the name leads.
    #[error("the name `{host}` was not resolved within {patience:?}")]
    NameUnanswered {
        /// The name.
        host: String,
        /// How long it was waited for.
        patience: Duration,
    },
    /// No connection.
    #[error("cannot connect to {host}: {reason}")]
    Connect {
        /// The host and port.
        host: String,
        /// Why.
        reason: String,
    },
    /// No trusted, encrypted connection.
    #[error("no secure connection to {host}: {reason}")]
    Tls {
        /// The host and port.
        host: String,
        /// Why.
        reason: String,
    },
    /// Nothing came in time.
    #[error("{host} did not answer in time")]
    Timeout {
        /// The host and port.
        host: String,
    },
    /// The peer broke off or does not speak HTTP.
    #[error("the exchange with {host} failed: {reason}")]
    Protocol {
        /// The host and port.
        host: String,
        /// Why.
        reason: String,
    },
}

/// A name leads to addresses that are not on the public Internet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{host}` leads to {address}, which is not a public address; such an address can be reached \
     only by a grant that names it literally"
)]
pub struct AddressRefused {
    /// The name.
    pub host: String,
    /// One of the addresses.
    pub address: std::net::IpAddr,
}

impl Egress {
    /// Prepares connections; none is made yet. Names are resolved by the system.
    ///
    /// # Errors
    /// When the platform's trusted certificates cannot be used.
    pub fn new() -> Result<Self, EgressError> {
        Self::resolving(Names::of_system())
    }

    /// As [`Self::new`], with names resolved by `names`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn resolving(names: Names) -> Result<Self, EgressError> {
        // A second call finds the provider installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST)
            .user_agent(concat!("taskloom/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(names.clone()))
            .build()
            .map_err(EgressError)?;
        let asker = names.lane(NOBODY);
        Ok(Self::by(Way::Network(Network { client, names, asker }), Bounds::DEFAULTS))
    }

    /// Sends nothing: `peer` answers, within the same budgets.
    pub fn answered_by(peer: Arc<dyn Peer>) -> Self {
        Self::by(Way::StandIn(peer), Bounds::DEFAULTS)
    }

    fn by(way: Way, bounds: Bounds) -> Self {
        let crowd = Arc::new(Crowd::new(bounds));
        let lane = crowd.lane(NOBODY);
        Self { way, crowd, lane }
    }

    /// The same way out, with no more than so many requests under way at once.
    pub fn bounded(self, bounds: Bounds) -> Self {
        Self::by(self.way, bounds)
    }

    /// The way out of one plugin: its requests and its lookups are counted as its own.
    pub fn of(&self, plugin: &str) -> Self {
        let (mut way, crowd) = (self.way.clone(), Arc::clone(&self.crowd));
        if let Way::Network(network) = &mut way {
            network.asker = network.names.lane(plugin);
        }
        Self { way, lane: crowd.lane(plugin), crowd }
    }

    /// Sends a request that [`Grants::check`] let pass, once there is a place for it: waiting for one is
    /// bounded by the call's own time alone, not by `patience`. Must be polled within a tokio runtime with
    /// timers and sockets.
    ///
    /// # Errors
    /// When no response came, or the budget does not allow the request or the response.
    pub async fn send(
        &self,
        outgoing: Outgoing,
        patience: Patience,
        budget: &Arc<Budget>,
    ) -> Result<Incoming, SendError> {
        if !budget.take_request() {
            return Err(SendError::TooManyRequests { limit: budget.requests_max() });
        }
        let place = self.lane.enter().await;
        let response = match &self.way {
            Way::Network(network) => network.exchange(outgoing, patience).await?,
            Way::StandIn(peer) => peer.answer(&outgoing)?.map(reqwest::Body::from).into(),
        };
        if response.content_length().is_some_and(|bytes| bytes > budget.response_bytes_left()) {
            return Err(SendError::ResponseTooLarge { limit: budget.response_bytes_max() });
        }
        let (head, body) = http::Response::from(response).into_parts();
        let body = Received::new(body, patience.between_bytes, Arc::clone(budget), place);
        Ok(Incoming { status: head.status, headers: head.headers, body })
    }
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.way {
            Way::Network(_) => "Egress(network)",
            Way::StandIn(_) => "Egress(stand-in)",
        })
    }
}

impl Network {
    /// Sends a request and waits for the head of the response.
    async fn exchange(
        &self,
        outgoing: Outgoing,
        patience: Patience,
    ) -> Result<reqwest::Response, SendError> {
        let host = outgoing.target.authority();
        let request = self
            .client
            .request(outgoing.target.method().clone(), outgoing.target.url().clone())
            .headers(outgoing.headers)
            .body(outgoing.body);
        let sending = names::asked_by(self.asker.clone(), request.send());
        match tokio::time::timeout(patience.first_byte, sending).await {
            Err(_) => Err(SendError::Timeout { host }),
            // Its URL may hold a secret.
            Ok(Err(error)) => Err(classify(host, &error.without_url())),
            Ok(Ok(response)) => Ok(response),
        }
    }
}

/// Finds the reason in the chain of an error's sources.
fn classify(host: String, error: &reqwest::Error) -> SendError {
    if let Some(refused) = find::<AddressRefused>(error) {
        return SendError::AddressRefused(refused.clone());
    }
    match find::<LookupFailed>(error) {
        Some(LookupFailed::NotFound { host, reason }) => {
            return SendError::NameNotFound { host: host.clone(), reason: reason.clone() };
        }
        Some(LookupFailed::Unanswered { host, patience }) => {
            return SendError::NameUnanswered { host: host.clone(), patience: *patience };
        }
        None => {}
    }
    if error.is_timeout() {
        return SendError::Timeout { host };
    }
    let reason = innermost(error);
    if find::<rustls::Error>(error).is_some() {
        return SendError::Tls { host, reason };
    }
    if error.is_connect() {
        return SendError::Connect { host, reason };
    }
    SendError::Protocol { host, reason }
}

fn find<'e, E: std::error::Error + 'static>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // An I/O error hides what it wraps from `source`.
        if let Some(wrapped) =
            error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref)
            && let Some(found) = wrapped.downcast_ref::<E>()
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
