//! A response's body while it arrives, bounded in bytes and in patience.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::budget::Budget;
use super::crowd::Place;

/// The body of a response.
#[derive(Debug)]
pub struct Received {
    body: reqwest::Body,
    patience: Duration,
    alarm: Option<Pin<Box<Sleep>>>,
    budget: Arc<Budget>,
    /// Given back with the last piece; a guest may keep a body that it has read.
    place: Option<Place>,
}

/// A body did not arrive whole.
#[derive(Debug, thiserror::Error)]
pub enum ReceivedError {
    /// The call has received as many bytes as it may.
    #[error("the call's limit of {limit} response bytes is reached")]
    TooLarge {
        /// The limit, over all responses of the call.
        limit: u64,
    },
    /// The next piece did not come in time.
    #[error("the response stopped arriving")]
    Timeout,
    /// The connection broke, or the peer does not speak HTTP.
    #[error("the response broke off: {0}")]
    Broken(#[source] reqwest::Error),
}

impl Received {
    pub(super) const fn new(
        body: reqwest::Body,
        patience: Duration,
        budget: Arc<Budget>,
        place: Place,
    ) -> Self {
        Self { body, patience, alarm: None, budget, place: Some(place) }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = ReceivedError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReceivedError>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
            let deadline = Instant::now() + this.patience;
            let alarm =
                this.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            ready!(alarm.as_mut().poll(cx));
            return Poll::Ready(Some(Err(ReceivedError::Timeout)));
        };
        this.alarm = None;
        if !matches!(frame, Some(Ok(_))) {
            this.place = None;
        }
        Poll::Ready(frame.map(|frame| {
            // Its URL may hold a secret.
            let frame = frame.map_err(|error| ReceivedError::Broken(error.without_url()))?;
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            if !this.budget.take_response_bytes(bytes) {
                return Err(ReceivedError::TooLarge { limit: this.budget.response_bytes_max() });
            }
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
