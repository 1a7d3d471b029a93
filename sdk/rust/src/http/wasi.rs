//! Sends a request by `wasi:http`, one at a time and waiting for it.

use std::time::Duration;

use super::error::{Error, TransportError};
use super::request::{Method, Request};
use super::response::Response;
use super::url::Url;
use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method as WasiMethod, OutgoingBody,
    OutgoingRequest, RequestOptions, Scheme, http_error_code,
};
use crate::bindings::wasi::io::streams::StreamError;

/// How much of a body is written or read by one call of the host. `blocking-write-and-flush` takes
/// no more than this.
const CHUNK_BYTES: usize = 4096;

/// How much of a body is asked for by one call of the host.
const READ_BYTES: u64 = 64 * 1024;

pub(crate) fn send(request: Request) -> Result<Response, Error> {
    let url = request.parsed_url()?;
    let outgoing = outgoing(&request, &url)?;
    let body = if request.body.is_empty() { None } else { outgoing.body().ok() };
    let options = request.timeout.map(options);
    let future =
        outgoing_handler::handle(outgoing, options).map_err(|code| error(&code, &request))?;
    // When the body cannot be written, the answer says why.
    let written = body.map_or(Ok(()), |body| write(body, &request.body));
    future.subscribe().block();
    let incoming = future
        .get()
        .and_then(Result::ok)
        .expect("ready and not yet taken")
        .map_err(|code| error(&code, &request))?;
    written.or_else(|_| if incoming.status() >= 400 { Ok(()) } else { Err(incomplete()) })?;
    read(&incoming, &request)
}

fn outgoing(request: &Request, url: &Url) -> Result<OutgoingRequest, Error> {
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect();
    let headers = Fields::from_list(&headers)
        .map_err(|why| Error::invalid(format!("a header cannot be sent: {why}")))?;
    let outgoing = OutgoingRequest::new(headers);
    let scheme = if url.is_https { Scheme::Https } else { Scheme::Http };
    outgoing
        .set_method(&method(request.method))
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(&url.authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(&url.path_with_query)))
        .map_err(|()| Error::invalid(format!("the host finds `{}` invalid", request.url)))?;
    Ok(outgoing)
}

fn method(method: Method) -> WasiMethod {
    match method {
        Method::Get => WasiMethod::Get,
        Method::Head => WasiMethod::Head,
        Method::Post => WasiMethod::Post,
        Method::Put => WasiMethod::Put,
        Method::Patch => WasiMethod::Patch,
        Method::Delete => WasiMethod::Delete,
        Method::Options => WasiMethod::Options,
    }
}

fn options(timeout: Duration) -> RequestOptions {
    let nanoseconds = Some(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
    let options = RequestOptions::new();
    // A host that does not support one of them keeps its own, shorter or longer.
    let _ = options.set_connect_timeout(nanoseconds);
    let _ = options.set_first_byte_timeout(nanoseconds);
    let _ = options.set_between_bytes_timeout(nanoseconds);
    options
}

/// Writes a body to its end. The error has nothing to say that the answer does not say better.
fn write(body: OutgoingBody, content: &[u8]) -> Result<(), ()> {
    let stream = body.write()?;
    for chunk in content.chunks(CHUNK_BYTES) {
        stream.blocking_write_and_flush(chunk).map_err(drop)?;
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(drop)
}

fn read(incoming: &IncomingResponse, request: &Request) -> Result<Response, Error> {
    let mut response = Response::new(incoming.status());
    response.url.clone_from(&request.url);
    for (name, value) in incoming.headers().entries() {
        response = response.with_header(name, String::from_utf8_lossy(&value));
    }
    let body = incoming.consume().expect("consumed once");
    read_body(&body, request).map(|body| response.with_body(body))
}

fn read_body(body: &IncomingBody, request: &Request) -> Result<Vec<u8>, Error> {
    let stream = body.stream().expect("taken once");
    let mut content = Vec::new();
    loop {
        match stream.blocking_read(READ_BYTES) {
            Ok(part) if content.is_empty() => content = part,
            Ok(part) => content.extend_from_slice(&part),
            Err(StreamError::Closed) => return Ok(content),
            Err(StreamError::LastOperationFailed(cause)) => {
                return Err(match http_error_code(&cause) {
                    Some(code) => error(&code, request),
                    None => incomplete(),
                });
            }
        }
    }
}

fn incomplete() -> Error {
    transport("incomplete", "the connection was lost before the end".to_owned(), true)
}

/// What the host's word for a failure means.
fn error(code: &ErrorCode, request: &Request) -> Error {
    let (word, what, is_retryable) = match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => {
            return Error::denied(request);
        }
        ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestBodySize(_) => {
            return Error::invalid(format!("{} cannot be sent: {code}", request.url));
        }
        ErrorCode::DnsTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => ("timeout", "did not answer in time", true),
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            ("name-not-found", "has a name that was not found", true)
        }
        ErrorCode::ConnectionRefused => ("connection-refused", "refused the connection", true),
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
            ("incomplete", "closed the connection before the end of its answer", true)
        }
        ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionLimitReached => ("unreachable", "cannot be reached", true),
        ErrorCode::TlsCertificateError => ("certificate", "has no valid certificate", false),
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => {
            ("tls", "could not agree on an encrypted connection", false)
        }
        ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_) => {
            ("response-too-large", "answered more than the limit allows", false)
        }
        ErrorCode::HttpProtocolError => ("protocol", "does not speak HTTP", true),
        ErrorCode::InternalError(Some(why)) => {
            return transport("failed", format!("{}: {why}", request.url), true);
        }
        _ => {
            return transport("failed", format!("{}: {code}", request.url), true);
        }
    };
    transport(word, format!("{} {what}", request.url), is_retryable)
}

fn transport(word: &str, message: String, is_retryable: bool) -> Error {
    Error::Transport(TransportError { code: format!("http-{word}"), message, is_retryable })
}
