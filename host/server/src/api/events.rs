//! The events of a run: a page, or a stream that goes on until the run has ended.
//!
//! A stream carries no state that matters: whoever reconnects says after which event to go on, and
//! nothing is lost or repeated. Wake-ups only say that there may be something new; the journal says
//! what.

#![expect(unused_qualifications, reason = "made by the macro that describes query parameters")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream;
use http::header::{ACCEPT, CACHE_CONTROL};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use taskloom_core::id::RunId;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::IntoParams;

use super::error::ApiError;
use super::request::{self, Params};
use super::types::{Event, EventPage, ProblemDetails};
use super::{Api, EVENT_STREAMS_MAX, runs};
use crate::engine::RunWatch;
use crate::reader::{ReadError, Reader};

/// Events that are read at once for a stream.
const EVENTS_PER_READ: usize = 256;

/// How often a stream that has nothing to say says that.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a client should wait before it reconnects.
const RECONNECT: Duration = Duration::from_secs(1);

/// The last event of every run.
const LAST_KIND: &str = "run-finished";

/// Which events to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// Those after the event with this number; all when left out.
    after: Option<u64>,
    /// Events of the page, from 1 to 1,000; 100 when left out. A stream has no pages.
    limit: Option<usize>,
}

/// Follow a run
///
/// With `Accept: text/event-stream` the answer is a stream of server-sent events that ends after
/// `run-finished`: `id` is the event's number, `event` its kind, `data` the event as JSON. Reconnect
/// with `Last-Event-ID`; when there is nothing left, the answer is 204, at which browsers stop. Without that
/// header the answer is a page.
#[utoipa::path(get, path = "/runs/{id}/events", tag = "runs", operation_id = "listEvents",
    params(
        ("id" = String, Path, description = "The run's id"),
        EventsQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "The number of the last event that was received"),
    ),
    responses(
        (status = 200, description = "A page of events, or the stream", content(
            (EventPage = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = 204, description = "The run has ended and nothing is left to stream"),
        (status = 400, description = "An unknown or wrong parameter", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 404, description = "Unknown run", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "Too many streams are open", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(
    State(api): State<Api>,
    Path(id): Path<String>,
    Params(query): Params<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let run = request::run_id(&id)?;
    let last = last_event_id(&headers)?;
    let after = last.or(query.after).unwrap_or(0);
    // Made before the first look, so that no change is missed.
    let watch = api.app.engine.watch(run);
    let row = api.app.reader.row(run).await?.ok_or_else(|| runs::unknown(run))?;
    let has_ended = row.outcome.is_some();
    if !wants_stream(&headers) {
        let limit = request::page_rows(query.limit)?;
        return Ok(Json(page(&api, run, after, limit, has_ended).await?).into_response());
    }
    if last.is_some() && has_ended && api.app.reader.events(run, after, 1).await?.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let permit = api.streams.clone().try_acquire_owned().map_err(|_| ApiError::Full {
        what: format!("{EVENT_STREAMS_MAX} streams of events are open, which is the limit"),
        retry_after: KEEP_ALIVE,
    })?;
    let source = Source {
        reader: api.app.reader.clone(),
        watch,
        run,
        after,
        read: VecDeque::new(),
        ended: false,
        _permit: permit,
    };
    let stream = Sse::new(source.stream()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    let mut response = stream.into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn page(
    api: &Api,
    run: RunId,
    after: u64,
    limit: usize,
    has_ended: bool,
) -> Result<EventPage, ApiError> {
    let stored = api.app.reader.events(run, after, limit).await?;
    let is_last = stored.len() < limit;
    let events: Vec<Event> = stored.into_iter().map(Event::from).collect();
    let complete = match events.last() {
        Some(last) => last.kind == LAST_KIND,
        None => has_ended && is_last,
    };
    Ok(EventPage { next_after: events.last().map_or(after, |event| event.seq), events, complete })
}

/// Where the events of a stream come from.
struct Source {
    reader: Reader,
    watch: RunWatch,
    run: RunId,
    /// The last event that was read.
    after: u64,
    /// Events that were read and not sent.
    read: VecDeque<Event>,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

impl Source {
    fn stream(self) -> impl Stream<Item = Result<sse::Event, Infallible>> {
        stream::unfold(self, |mut source| async move {
            let event = source.next().await?;
            Some((Ok(event), source))
        })
    }

    /// The next event; `None` after the last one, or when the host stops.
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.read.pop_front() {
                self.ended = event.kind == LAST_KIND;
                return Some(written(&event));
            }
            if self.ended {
                return None;
            }
            match self.fill().await {
                Ok(true) => {}
                Ok(false) => {
                    if !self.watch.changed().await {
                        return None;
                    }
                }
                // The host stops; the client comes back when it does.
                Err(ReadError::Store(taskloom_store::Error::Stopped { .. })) => return None,
                Err(error) => {
                    tracing::error!(run = %self.run, %error, "a stream of events ends");
                    return None;
                }
            }
        }
    }

    /// Reads what is new; `false` if nothing is.
    async fn fill(&mut self) -> Result<bool, ReadError> {
        let stored = self.reader.events(self.run, self.after, EVENTS_PER_READ).await?;
        if let Some(last) = stored.last() {
            self.after = last.seq;
        }
        self.read.extend(stored.into_iter().map(Event::from));
        Ok(!self.read.is_empty())
    }
}

fn written(event: &Event) -> sse::Event {
    let data = serde_json::to_string(event).expect("an event of the API is JSON");
    sse::Event::default().id(event.seq.to_string()).event(&event.kind).retry(RECONNECT).data(data)
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts
        .flat_map(|value| value.split(','))
        .any(|kind| kind.split(';').next().unwrap_or("").trim() == "text/event-stream")
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    let wrong =
        || ApiError::InvalidHeader("last-event-id: it must be an event's number".to_owned());
    number.map(Some).ok_or_else(wrong)
}
