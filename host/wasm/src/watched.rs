//! Watches a guest while it runs: its deadline, its cancellation, its processor time and its waiting.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::cancel::CancelToken;
use crate::pulse::Pulse;
use crate::stretch::Stretch;

/// Why a guest was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It took longer than its timeout.
    TimedOut,
    /// It did not say how far it is for longer than its heartbeat.
    HeartbeatMissed(Duration),
    /// It was cancelled for this reason and did not return within the grace period.
    Cancelled(Arc<str>),
}

/// What a guest used of the clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TimeUse {
    /// Processor time of the guest and of the host functions it called.
    pub(crate) cpu: Duration,
    /// Time in which it waited for the host.
    pub(crate) waited: Duration,
}

thread_local! {
    /// Whether the guest that this thread is polling gave way because of an epoch, and so is not
    /// waiting for anything. Set by the store's epoch callback, which cannot reach the watcher.
    static GAVE_WAY: Cell<bool> = const { Cell::new(false) };
}

/// Notes that the guest on this thread gives way to others.
pub(crate) fn note_giving_way() {
    GAVE_WAY.set(true);
}

/// What bounds a guest in time.
#[derive(Clone)]
pub(crate) struct Bounds {
    /// When it must have ended.
    pub(crate) deadline: Instant,
    /// How long a cancelled one may go on.
    pub(crate) grace: Duration,
    pub(crate) cancel: CancelToken,
    /// How long it may go without a sign of life, and those.
    pub(crate) heartbeat: Option<(Duration, Pulse)>,
}

type Alarm = Pin<Box<dyn Future<Output = Stop> + Send>>;

/// A guest's future, with everything that bounds it.
pub(crate) struct Watched<'s, F> {
    guest: Pin<&'s mut F>,
    services: &'s Handle,
    bounds: Bounds,
    /// Made when the guest first gives up its thread: most calls end before.
    alarm: Option<Alarm>,
    waiting_since: Option<Instant>,
    time: &'s mut TimeUse,
}

impl<'s, F: Future> Watched<'s, F> {
    pub(crate) fn new(
        guest: Pin<&'s mut F>,
        services: &'s Handle,
        bounds: Bounds,
        time: &'s mut TimeUse,
    ) -> Self {
        let (alarm, waiting_since) = (None, None);
        Self { guest, services, bounds, alarm, waiting_since, time }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<Stop> {
        let bounds = &self.bounds;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(alarm(bounds.clone())));
        alarm.as_mut().poll(cx)
    }
}

impl<F: Future> Future for Watched<'_, F> {
    type Output = Result<F::Output, Stop>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        // Timers and sockets that the guest asks for belong to the services' threads.
        let _services = this.services.enter();
        if let Some(since) = this.waiting_since.take() {
            this.time.waited += since.elapsed();
        }
        if this.alarm.is_some()
            && let Poll::Ready(stop) = this.poll_alarm(cx)
        {
            return Poll::Ready(Err(stop));
        }
        GAVE_WAY.set(false);
        let stretch = Stretch::begin();
        let polled = this.guest.as_mut().poll(cx);
        this.time.cpu += stretch.end();
        if let Poll::Ready(output) = polled {
            return Poll::Ready(Ok(output));
        }
        if let Poll::Ready(stop) = this.poll_alarm(cx) {
            return Poll::Ready(Err(stop));
        }
        if !GAVE_WAY.take() {
            this.waiting_since = Some(Instant::now());
        }
        Poll::Pending
    }
}

/// Goes off at the deadline, when the heart stops, or when the grace period after a cancellation is
/// over.
async fn alarm(bounds: Bounds) -> Stop {
    let Bounds { deadline, grace, cancel, heartbeat } = bounds;
    let stopped = async {
        match &heartbeat {
            Some((longest, pulse)) => {
                pulse.stops(*longest).await;
                *longest
            }
            None => std::future::pending().await,
        }
    };
    let reason = tokio::select! {
        biased;
        reason = cancel.cancelled() => reason,
        () = tokio::time::sleep_until(deadline.into()) => return Stop::TimedOut,
        longest = stopped => return Stop::HeartbeatMissed(longest),
    };
    let last = deadline.min(Instant::now() + grace);
    tokio::time::sleep_until(last.into()).await;
    Stop::Cancelled(reason)
}
