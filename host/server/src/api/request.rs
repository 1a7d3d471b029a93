//! Reads what comes with a request: its body, query, path and headers, each checked once.

use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use taskloom_core::id::RunId;

use super::error::ApiError;

/// Rows of a page when the caller does not say.
const PAGE_ROWS: usize = 100;

/// Rows of a page that a caller may ask for.
const PAGE_ROWS_MAX: usize = 1_000;

/// How long a body may take from the end of the request's head. One of the default limit, sent in this time,
/// comes at 28 KB/s.
const BODY_TIME_MAX: Duration = Duration::from_secs(5 * 60);

/// Bytes of an `Idempotency-Key`.
const KEY_BYTES_MAX: usize = 255;

/// A query string as `T`; what `T` does not know is an error.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(QueryRejection::FailedToDeserializeQueryString(error)) => {
                // The library's own words come before the reason.
                let text = error.body_text();
                let reason = text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason);
                Err(ApiError::InvalidQuery(format!("the query is wrong: {reason}")))
            }
            Err(error) => Err(ApiError::InvalidQuery(error.body_text())),
        }
    }
}

/// Reads a JSON body of at most `limit` bytes.
///
/// # Errors
/// See [`ApiError`]: the media type, the length, the syntax with its place, the shape.
pub(super) async fn json<T: DeserializeOwned>(
    request: Request<Body>,
    limit: u64,
) -> Result<T, ApiError> {
    let is_json = |kind: &str| kind == "application/json" || kind.ends_with("+json");
    check_type(request.headers(), is_json, "application/json")?;
    let bytes = body(request, limit).await?;
    parse(&bytes)
}

/// As [`json`], but no body stands for the default.
///
/// # Errors
/// As [`json`].
pub(super) async fn json_or_default<T: DeserializeOwned + Default>(
    request: Request<Body>,
    limit: u64,
) -> Result<T, ApiError> {
    let (parts, body_stream) = request.into_parts();
    let headers = parts.headers.clone();
    let bytes = body(Request::from_parts(parts, body_stream), limit).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    let is_json = |kind: &str| kind == "application/json" || kind.ends_with("+json");
    check_type(&headers, is_json, "application/json")?;
    parse(&bytes)
}

/// Reads a TOML text of at most `limit` bytes.
///
/// # Errors
/// See [`ApiError`]: the media type, the length, text that is not UTF-8.
pub(super) async fn toml(request: Request<Body>, limit: u64) -> Result<String, ApiError> {
    const TYPES: [&str; 5] =
        ["application/toml", "text/toml", "text/x-toml", "text/plain", "application/octet-stream"];
    check_type(request.headers(), |kind| kind.is_empty() || TYPES.contains(&kind), TYPES[0])?;
    let bytes = body(request, limit).await?;
    String::from_utf8(bytes.into()).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        ApiError::InvalidBody(format!("the body is not UTF-8 from byte {place} on"))
    })
}

/// The rows of a page that a caller asks for.
///
/// # Errors
/// When it is not from 1 to 1,000.
pub(super) fn page_rows(limit: Option<usize>) -> Result<usize, ApiError> {
    let limit = limit.unwrap_or(PAGE_ROWS);
    if (1..=PAGE_ROWS_MAX).contains(&limit) {
        return Ok(limit);
    }
    Err(ApiError::InvalidQuery(format!("limit: {limit} is not from 1 to {PAGE_ROWS_MAX}")))
}

/// A run's id out of a path.
///
/// # Errors
/// What is no id names no run.
pub(super) fn run_id(text: &str) -> Result<RunId, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound {
        kind: "run",
        name: text.chars().take(80).collect(),
        help: "; a run id is a UUID".to_owned(),
    })
}

/// The `Idempotency-Key`, if there is one.
///
/// # Errors
/// When it is empty, too long, or not visible ASCII.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let wrong = |why: &str| ApiError::InvalidHeader(format!("idempotency-key: {why}"));
    if headers.get_all("idempotency-key").iter().count() > 1 {
        return Err(wrong("it stands there twice"));
    }
    let text = value.to_str().map_err(|_| wrong("only visible ASCII characters are allowed"))?;
    // The draft of the header has it as a quoted string; most clients send it bare.
    let text = text.trim();
    let text = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    match text.len() {
        0 => Err(wrong("it is empty")),
        1..=KEY_BYTES_MAX => Ok(Some(text.to_owned())),
        length => {
            Err(wrong(&format!("it has {length} bytes; at most {KEY_BYTES_MAX} are allowed")))
        }
    }
}

/// How long the caller prefers to wait for the end of a run, at most `most`: `Prefer: wait=N`
/// (RFC 7240). A preference that cannot be read is ignored, as the RFC wants.
pub(super) fn preferred_wait(headers: &HeaderMap, most: Duration) -> Option<Duration> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let wait = |preference: &str| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        let seconds = value.trim().trim_matches('"').parse::<u64>().ok()?;
        name.trim().eq_ignore_ascii_case("wait").then_some(seconds)
    };
    let seconds = values.flat_map(|value| value.split(',')).find_map(wait)?;
    Some(Duration::from_secs(seconds).min(most))
}

/// The caller's trace, when it is a W3C `traceparent`; another one is ignored, as the W3C wants.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let hex = |part: &str, length: usize| {
        part.len() == length
            && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let parts: Vec<_> = text.split('-').collect();
    let [version, trace, span, flags] = parts[..] else { return None };
    let not_zero = |part: &str| part.bytes().any(|b| b != b'0');
    let is_valid = hex(version, 2)
        && version != "ff"
        && hex(trace, 32)
        && not_zero(trace)
        && hex(span, 16)
        && not_zero(span)
        && hex(flags, 2);
    is_valid.then(|| text.to_owned())
}

fn check_type(
    headers: &HeaderMap,
    is_read: impl Fn(&str) -> bool,
    expected: &'static str,
) -> Result<(), ApiError> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = value.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    if is_read(&kind) {
        return Ok(());
    }
    let found = if kind.is_empty() { "none".to_owned() } else { kind };
    Err(ApiError::UnsupportedMediaType { found, expected })
}

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// When it is longer, breaks off, or takes too long.
pub(super) async fn body(request: Request<Body>, limit: u64) -> Result<Bytes, ApiError> {
    body_within(request, limit, BODY_TIME_MAX).await
}

async fn body_within(
    request: Request<Body>,
    limit: u64,
    longest: Duration,
) -> Result<Bytes, ApiError> {
    let announced = request.headers().get(CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(ApiError::BodyTooLarge { limit });
    }
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let read = Limited::new(request.into_body(), most).collect();
    match tokio::time::timeout(longest, read).await {
        Err(_) => Err(ApiError::BodyTimeout { longest }),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::BodyTooLarge { limit }),
        Ok(Err(error)) => {
            Err(ApiError::InvalidBody(format!("the body could not be read: {error}")))
        }
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // A list would be taken for an object whose members are given in order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        let message = "the body is a list; line 1 must begin an object, `{`".to_owned();
        return Err(ApiError::InvalidBody(message));
    }
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => {
            ApiError::InvalidBody(format!("the body is not what is read here: {error}"))
        }
        _ if bytes.is_empty() => ApiError::MalformedJson("the body is empty".to_owned()),
        _ => ApiError::MalformedJson(format!("the body is not JSON: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_preferred_wait_is_found_and_capped() {
        let most = Duration::from_secs(60);
        for (values, seconds) in [
            (&["wait=10"][..], Some(10)),
            (&["respond-async, wait=5"], Some(5)),
            (&["respond-async", "Wait=\"7\""], Some(7)),
            (&["wait=9; foo=bar"], Some(9)),
            (&["wait=100000"], Some(60)),
            (&["wait=0"], Some(0)),
            (&["wait=ten"], None),
            (&["wait"], None),
            (&[], None),
        ] {
            let wait = preferred_wait(&headers("prefer", values), most);
            assert_eq!(wait, seconds.map(Duration::from_secs), "{values:?}");
        }
    }

    #[tokio::test]
    async fn a_body_without_an_end_is_given_up() {
        let stream = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let request = Request::new(Body::from_stream(stream));
        let longest = Duration::from_millis(1);
        let error = body_within(request, 10, longest).await.expect_err("it never ends");
        assert!(matches!(error, ApiError::BodyTimeout { .. }), "{error}");
    }

    #[test]
    fn a_key_is_one_short_visible_text() {
        let key = |values: &[&'static str]| idempotency_key(&headers("idempotency-key", values));
        assert_eq!(key(&[]).expect("none"), None);
        assert_eq!(key(&["abc"]).expect("fine").as_deref(), Some("abc"));
        assert_eq!(key(&["\"abc\""]).expect("fine").as_deref(), Some("abc"));
        for wrong in [&[""][..], &["a", "b"]] {
            assert!(matches!(key(wrong), Err(ApiError::InvalidHeader(_))), "{wrong:?}");
        }
        let long: &'static str = "x".repeat(256).leak();
        assert!(matches!(key(&[long]), Err(ApiError::InvalidHeader(_))));
    }

    #[test]
    fn only_a_valid_traceparent_is_handed_on() {
        let trace = |value: &'static str| traceparent(&headers("traceparent", &[value]));
        assert!(trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").is_some());
        for wrong in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        ] {
            assert!(trace(wrong).is_none(), "{wrong}");
        }
    }
}
