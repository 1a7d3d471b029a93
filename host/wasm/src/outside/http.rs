//! `wasi:http`: every request of a guest goes through here to the egress.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::Method;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use taskloom_connectors::egress::{
    Budget, Incoming, Outgoing, Patience, ReceivedError, SendError, Target, TargetError,
};
use taskloom_core::failure::code;
use taskloom_core::plugin::{Capability, Effects};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::OutsideParts;
use crate::ending::DENIED;
use crate::notes::{Denial, Notes};
use crate::secrets::{Filled, Held, Scrubbed, Scrubber};

/// The longest body of a request, in bytes. It is gathered before it is sent.
const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Result<(http::Response<WasiBody>, Io), Error>;

/// Decides about the requests of one call, and sends what is allowed.
pub(super) struct Hooks {
    parts: Arc<OutsideParts>,
    budget: Arc<Budget>,
    notes: Notes,
    held: Held,
}

impl Hooks {
    pub(super) const fn new(
        parts: Arc<OutsideParts>,
        budget: Arc<Budget>,
        notes: Notes,
        held: Held,
    ) -> Self {
        Self { parts, budget, notes, held }
    }

    /// Where a request goes, if it may.
    fn check(&self, method: &Method, uri: &http::Uri) -> Result<Target, Error> {
        let target = Target::of(method.clone(), &uri.to_string()).map_err(|error| {
            let told = match error {
                TargetError::Credentials => Error::HttpRequestDenied,
                TargetError::Scheme(_) | TargetError::Invalid { .. } => {
                    Error::HttpRequestUriInvalid
                }
            };
            let denial = Denial::NotGranted(format!("a request was refused: {error}"));
            deny(&self.notes, Capability::Http, denial, told)
        })?;
        let effects = self.parts.effects;
        let read = *target.method() == Method::GET || *target.method() == Method::HEAD;
        let refusal = match effects {
            Effects::Pure => {
                Some(format!("{target} was refused: the task type is declared `pure`"))
            }
            Effects::Reads if !read => Some(format!(
                "{target} was refused: the task type is declared `reads`, which allows GET and HEAD"
            )),
            Effects::Reads | Effects::Writes if !self.parts.asked.http(&target) => Some(format!(
                "{target} was refused: the plugin's manifest does not ask for `{}` in \
                 `capabilities.http`",
                target.host()
            )),
            Effects::Reads | Effects::Writes => {
                let policy = self.parts.policy.get();
                policy.grants().check(&target).err().map(|why| format!("{} {why}", policy.origin()))
            }
        };
        match refusal {
            None => Ok(target),
            Some(message) => {
                let denial = Denial::NotGranted(message);
                Err(deny(&self.notes, Capability::Http, denial, Error::HttpRequestDenied))
            }
        }
    }
}

/// Notes that a request was not let through, and gives what the guest is `told`.
fn deny(notes: &Notes, capability: Capability, denial: Denial, told: Error) -> Error {
    let code = match told {
        Error::HttpRequestUriInvalid | Error::HttpRequestBodySize(_) => "http-invalid-request",
        Error::HttpResponseBodySize(_) => "http-response-too-large",
        _ => DENIED,
    };
    notes.deny(capability, denial, code);
    told
}

impl WasiHttpHooks for Hooks {
    fn set_host_header(&mut self) -> bool {
        // The client writes it, from the URL that was checked.
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _fut: Io,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let (head, body) = request.into_parts();
        let target = match self.check(&head.method, &head.uri) {
            Ok(target) => target,
            Err(error) => {
                let notes = self.notes.clone();
                return Box::new(async move {
                    // A guest that is still writing would find its stream closed, which the engine of a language
                    // takes for its own end; the refusal comes where an answer would.
                    let _ = gather(body, &notes).await;
                    Err(error)
                });
            }
        };
        let patience = patience(options);
        let (parts, budget) = (Arc::clone(&self.parts), Arc::clone(&self.budget));
        let (notes, held) = (self.notes.clone(), self.held.clone());
        Box::new(async move {
            let body = gather(body, &notes).await?;
            let mut headers = head.headers;
            // The client counts what it sends, which is not what the guest wrote.
            headers.remove(CONTENT_LENGTH);
            let outgoing = fill(Outgoing { target, headers, body }, &held, &parts, &notes).await?;
            let is_head = *outgoing.target.method() == Method::HEAD;
            let sent = parts.egress.send(outgoing, patience, &budget).await;
            let Incoming { status, mut headers, body } =
                sent.map_err(|error| unsent(error, &notes))?;
            let body = body.map_err(move |error| unreceived(error, &notes));
            let body = match held.scrubber() {
                None => body.boxed_unsync(),
                Some(scrubber) => {
                    scrub_headers(&mut headers, &scrubber, is_head);
                    Scrubbed::new(body, scrubber).boxed_unsync()
                }
            };
            let mut response = http::Response::new(body);
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            // Nothing is left to do beside reading the body.
            Ok((response, Box::new(std::future::ready(Ok(()))) as Io))
        })
    }
}

/// Puts secrets into a request, or refuses it.
async fn fill(
    outgoing: Outgoing,
    held: &Held,
    parts: &Arc<OutsideParts>,
    notes: &Notes,
) -> Result<Outgoing, Error> {
    if held.is_empty() {
        return Ok(outgoing);
    }
    match held.fill(outgoing, parts).await {
        Ok(Filled { outgoing, secrets }) => {
            notes.use_by(|uses| {
                for name in secrets {
                    if !uses.secrets.iter().any(|known| **known == *name) {
                        uses.secrets.push(name.to_string());
                    }
                }
            });
            Ok(outgoing)
        }
        Err(message) => {
            let denial = Denial::NotGranted(message);
            Err(deny(notes, Capability::Secrets, denial, Error::HttpRequestDenied))
        }
    }
}

/// Takes values of secrets out of the headers of an answer.
fn scrub_headers(headers: &mut HeaderMap, scrubber: &Scrubber, is_head: bool) {
    for value in headers.values_mut().filter(|value| scrubber.finds(value.as_bytes())) {
        let clean = HeaderValue::from_bytes(&scrubber.held_back(value.as_bytes()));
        *value = clean.unwrap_or_else(|_| HeaderValue::from_static(""));
    }
    // The body may become longer or shorter.
    if !is_head {
        headers.remove(CONTENT_LENGTH);
    }
}

fn patience(options: Option<RequestOptions>) -> Patience {
    let options = options.unwrap_or_default();
    let most = Patience::default();
    let first_byte = match (options.connect_timeout, options.first_byte_timeout) {
        (None, None) => most.first_byte,
        (connect, first_byte) => {
            connect.unwrap_or(most.first_byte).saturating_add(first_byte.unwrap_or(most.first_byte))
        }
    };
    Patience {
        // The timeout of the call is above these, so a guest may be more patient than the default.
        first_byte,
        between_bytes: options.between_bytes_timeout.unwrap_or(most.between_bytes),
    }
}

/// The whole body of a request.
async fn gather(mut body: WasiBody, notes: &Notes) -> Result<Bytes, Error> {
    let mut gathered = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            if gathered.len() + data.len() > REQUEST_BYTES_MAX {
                let message = format!("the request's body has more than {REQUEST_BYTES_MAX} bytes");
                let told = Error::HttpRequestBodySize(Some(REQUEST_BYTES_MAX as u64));
                return Err(over_limit(code::REQUEST_TOO_LARGE, message, notes, told));
            }
            gathered.extend_from_slice(&data);
        }
    }
    Ok(gathered.freeze())
}

/// A request that was not answered, as the guest and the log see it.
fn unsent(error: SendError, notes: &Notes) -> Error {
    let message = error.to_string();
    match error {
        SendError::TooManyRequests { .. } => {
            over_limit(code::REQUESTS_EXCEEDED, message, notes, Error::HttpRequestDenied)
        }
        SendError::ResponseTooLarge { limit } => {
            let told = Error::HttpResponseBodySize(Some(limit));
            over_limit(code::RESPONSE_TOO_LARGE, message, notes, told)
        }
        SendError::AddressRefused(_) => {
            let denial = Denial::NotGranted(message);
            deny(notes, Capability::Http, denial, Error::DestinationIpProhibited)
        }
        other => {
            notes.unanswered(message);
            match other {
                SendError::NameNotFound { reason, .. } => {
                    Error::DnsError { rcode: Some(reason), info_code: None }
                }
                SendError::NameUnanswered { .. } => Error::DnsTimeout,
                SendError::Connect { .. } => Error::ConnectionRefused,
                SendError::Tls { .. } => Error::TlsProtocolError,
                SendError::Timeout { .. } => Error::ConnectionTimeout,
                _ => Error::HttpProtocolError,
            }
        }
    }
}

/// A body that did not arrive whole, as the guest and the log see it.
fn unreceived(error: ReceivedError, notes: &Notes) -> Error {
    let message = error.to_string();
    match error {
        ReceivedError::TooLarge { limit } => {
            let told = Error::HttpResponseBodySize(Some(limit));
            over_limit(code::RESPONSE_TOO_LARGE, message, notes, told)
        }
        ReceivedError::Timeout => {
            notes.unanswered(message);
            Error::ConnectionReadTimeout
        }
        ReceivedError::Broken(_) => {
            notes.unanswered(message);
            Error::HttpResponseIncomplete
        }
    }
}

/// Notes that a limit of the call is reached, by the `code` of its failure, and gives what the guest is `told`.
fn over_limit(code: &'static str, message: String, notes: &Notes, told: Error) -> Error {
    deny(notes, Capability::Http, Denial::Limit(code, message), told)
}
