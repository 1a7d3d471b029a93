//! `kind = "cron"`: times of a schedule.
//!
//! Looks at the wall clock, since that is what a schedule means: a machine that slept, or a clock
//! that was set, is seen at the next look. The trigger's stream says up to which time everything has
//! been dealt with, so a restart neither loses a time nor starts it twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::json;
use taskloom_core::id::TriggerName;
use taskloom_core::journal::TriggerEvent;
use taskloom_core::time::Timestamp;
use taskloom_core::trigger::{Due, Fall, Source, fall, next_after};

use super::fire::{FireError, Occurrence};
use super::registry::Bound;
use super::webhook::wall_clock;
use super::{Triggers, blocking, line};

/// The longest time between two looks at the clock: it may be set, and the machine may sleep.
const LOOK_MAX: Duration = Duration::from_secs(30);

/// What is known of the schedules that are listened to.
struct Watch {
    /// When the host began to look at the clock.
    awake: Timestamp,
    /// Up to which time each schedule has been dealt with, and its words.
    seen: HashMap<TriggerName, Seen>,
    /// Whether the host has looked before: a schedule that appears later counts from then on.
    is_first: bool,
}

struct Seen {
    until: Timestamp,
    source: String,
}

impl Triggers {
    /// Follows the schedules until the host stops.
    pub(super) async fn follow_clock(self) {
        let mut changes = self.shared.parts.workflows.changes();
        let mut watch = Watch { awake: wall_clock(), seen: HashMap::new(), is_first: true };
        loop {
            changes.mark_unchanged();
            let now = wall_clock();
            let next = self.look(&mut watch, now).await;
            let wait = next.map_or(LOOK_MAX, |next| next.since(wall_clock()).min(LOOK_MAX));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                changed = changes.changed() => if changed.is_err() { return },
                () = self.shared.parts.stopped.cancelled() => return,
            }
        }
    }

    /// When a trigger fires next, if it is a schedule that is listened to.
    pub fn next_at(&self, bound: &Bound) -> Option<Timestamp> {
        let Source::Cron(cron) = &bound.trigger().source else { return None };
        if self.deaf(bound).is_some() {
            return None;
        }
        next_after(&cron.schedule, &TimeZone::get(&cron.timezone).ok()?, wall_clock())
    }

    /// Starts what is due, and says when to look again.
    async fn look(&self, watch: &mut Watch, now: Timestamp) -> Option<Timestamp> {
        let schedules = self.index().that(|source| matches!(source, Source::Cron(_)));
        let listening: Vec<_> = schedules.into_iter().filter(|bound| bound.is_enabled()).collect();
        // What is switched off counts from the time at which it is switched on again.
        watch.seen.retain(|name, _| listening.iter().any(|bound| bound.name == *name));
        let mut next: Option<Timestamp> = None;
        for bound in &listening {
            match self.look_at(watch, bound, now).await {
                Ok(Some(at)) => next = Some(next.map_or(at, |next| next.min(at))),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(trigger = %bound.name, %error, "a schedule cannot be followed");
                }
            }
        }
        watch.is_first = false;
        next
    }

    async fn look_at(
        &self,
        watch: &mut Watch,
        bound: &Arc<Bound>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, FireError> {
        let Source::Cron(cron) = &bound.trigger().source else { return Ok(None) };
        // A zone that is unknown makes the workflow unavailable.
        let Ok(zone) = TimeZone::get(&cron.timezone) else { return Ok(None) };
        let until = self.seen(watch, bound, now).await?;
        let (awake, cron) = (watch.awake, cron.clone());
        let fall = blocking(move || Ok(fall(&cron, &zone, until, awake, now))).await?;
        let next = fall.next;
        let last = fall.due.last().map(|due| due.at).max(fall.last_dropped);
        if let (Some(last), Some(seen)) = (last, watch.seen.get_mut(&bound.name)) {
            seen.until = seen.until.max(last);
            let (triggers, bound) = (self.clone(), Arc::clone(bound));
            tokio::spawn(async move { triggers.fall_due(&bound, fall).await });
        }
        Ok(next)
    }

    /// Up to which time a schedule has been dealt with.
    async fn seen(
        &self,
        watch: &mut Watch,
        bound: &Arc<Bound>,
        now: Timestamp,
    ) -> Result<Timestamp, FireError> {
        let source = bound.trigger().source.to_string();
        if let Some(seen) = watch.seen.get(&bound.name).filter(|seen| seen.source == source) {
            return Ok(seen.until);
        }
        let told = line::told_of(&self.shared.parts.store, &bound.name).await?;
        let until = match told {
            Some(told) if watch.is_first && told.source == source => told.until,
            _ => {
                self.arm(bound, now, source.clone()).await?;
                now
            }
        };
        watch.seen.insert(bound.name.clone(), Seen { until, source });
        Ok(until)
    }

    /// Notes that a trigger counts from `since`.
    pub(super) async fn arm(
        &self,
        bound: &Bound,
        since: Timestamp,
        source: String,
    ) -> Result<(), FireError> {
        let line = self.line(&bound.name);
        let mut state = line.state.lock().await;
        self.append(bound, &mut state, TriggerEvent::TriggerArmed { since, source }).await
    }

    /// Starts the runs of times that are due, one after the other.
    async fn fall_due(&self, bound: &Arc<Bound>, fall: Fall) {
        if let Some(last) = fall.last_dropped {
            self.drop_times(bound, last, fall.dropped).await;
        }
        for due in fall.due {
            self.occur_surely(bound, occurrence(due)).await;
        }
    }

    /// Notes times that passed while nobody looked and that start nothing.
    async fn drop_times(&self, bound: &Arc<Bound>, last: Timestamp, dropped: u64) {
        let missed = occurrence(Due { at: last, missed: true });
        // The host may have died between the start of a run and the note of it.
        if let Ok(Some(_)) = self.run_of(bound, &missed).await {
            self.occur_surely(bound, missed).await;
            return;
        }
        let times = if dropped == 1 { "time".to_owned() } else { format!("{dropped} times") };
        let reason = format!("{times} passed while the host was down or asleep (`catch_up`)");
        if let Err(error) = self.note_nothing(bound, &missed, reason).await {
            tracing::warn!(trigger = %bound.name, %error, "missed times could not be noted");
        }
    }
}

/// A time as the occurrence that it is.
fn occurrence(Due { at, missed }: Due) -> Occurrence {
    let time = jiff::Timestamp::from_millisecond(at.as_ms()).unwrap_or_default().to_string();
    let event = json!({ "time": time, "missed": missed });
    Occurrence { key: time, due: Some(at), event, by_hand: false }
}
