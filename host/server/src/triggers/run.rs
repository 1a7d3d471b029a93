//! `kind = "run"`: ends of another workflow's runs.
//!
//! The engine tells of each end once it is on disk. What was not dealt with when the host stopped is
//! found at the next start: the trigger's stream says how far it came, and the runs that ended since
//! are looked at again. Those that started something are known by their key.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use taskloom_core::id::{RunId, TriggerName, WorkflowId};
use taskloom_core::run::{RunState, RunStatus};
use taskloom_core::time::Timestamp;
use taskloom_core::trigger::Source;
use taskloom_store::{RunFilter, RunRow};
use tokio::sync::broadcast::error::RecvError;

use super::Triggers;
use super::fire::{FireError, Occurrence};
use super::line;
use super::registry::Bound;

/// Ends that are looked at again though later ones were dealt with: they come in nearly, but not
/// exactly, in the order of their times.
const SLACK: Duration = Duration::from_secs(60);

/// Finished runs of a workflow that are looked through for those that ended since, the newest first.
const RUNS_MAX: usize = 10_000;

/// Of these, how many are read at once.
const RUNS_PER_READ: usize = 1_000;

impl Triggers {
    /// Follows the ends of runs until the host stops.
    pub(super) async fn follow_runs(self) {
        // Before the first look: what ends meanwhile is told too.
        let mut ended = self.shared.parts.finished.ends();
        let mut changes = self.shared.parts.workflows.changes();
        let mut known = HashSet::new();
        self.greet(&mut known, true).await;
        loop {
            tokio::select! {
                end = ended.recv() => match end {
                    Ok((run, workflow)) => self.run_ended(run, &workflow).await,
                    Err(RecvError::Lagged(_)) => self.catch_up().await,
                    Err(RecvError::Closed) => return,
                },
                changed = changes.changed() => match changed {
                    Ok(()) => self.greet(&mut known, false).await,
                    Err(_) => return,
                },
                () = self.shared.parts.stopped.cancelled() => return,
            }
        }
    }

    /// Looks at the triggers that were not known: at the start of the host one goes on where its
    /// stream ends; later it counts from now on.
    async fn greet(&self, known: &mut HashSet<TriggerName>, is_first: bool) {
        let listening = self.run_triggers();
        known.retain(|name| listening.iter().any(|bound| bound.name == *name));
        for bound in listening {
            if known.insert(bound.name.clone())
                && let Err(error) = self.greet_one(&bound, is_first).await
            {
                tracing::warn!(trigger = %bound.name, %error, "ends of runs may be missed");
            }
        }
    }

    async fn greet_one(&self, bound: &Arc<Bound>, is_first: bool) -> Result<(), FireError> {
        let source = bound.trigger().source.to_string();
        let told = line::told_of(&self.shared.parts.store, &bound.name).await?;
        if is_first && told.is_some_and(|told| told.source == source) {
            return self.catch_up_with(bound).await;
        }
        self.arm(bound, self.shared.clock.now(), source).await
    }

    async fn catch_up(&self) {
        for bound in self.run_triggers() {
            if let Err(error) = self.catch_up_with(&bound).await {
                tracing::warn!(trigger = %bound.name, %error, "ends of runs may be missed");
            }
        }
    }

    /// Tells a trigger of the ends that its stream does not tell of.
    async fn catch_up_with(&self, bound: &Arc<Bound>) -> Result<(), FireError> {
        let Source::Run { workflow, .. } = &bound.trigger().source else { return Ok(()) };
        let store = &self.shared.parts.store;
        let Some(told) = line::told_of(store, &bound.name).await? else { return Ok(()) };
        let slack = i64::try_from(SLACK.as_millis()).unwrap_or(0);
        // What ended in the very millisecond in which the trigger was armed ended before that, or was heard: whoever
        // arms listens already.
        let armed = Timestamp::from_ms(told.armed.as_ms().saturating_add(1));
        let since = Timestamp::from_ms(told.until.as_ms().saturating_sub(slack)).max(armed);
        let keys = line::keys(store, &bound.name).await?;
        let mut rows = self.ended_since(workflow, since).await?;
        rows.sort_by_key(|row| row.ended_at);
        for row in rows {
            if !keys.contains(&row.id.to_string()) {
                self.tell_end(bound, row.id).await;
            }
        }
        Ok(())
    }

    /// The runs of a workflow that ended at a time or later.
    async fn ended_since(
        &self,
        workflow: &WorkflowId,
        since: Timestamp,
    ) -> Result<Vec<RunRow>, FireError> {
        let mut filter = RunFilter {
            workflow: Some(workflow.clone()),
            status: Some(RunStatus::Finished),
            ..RunFilter::default()
        };
        let mut found = Vec::new();
        for _ in 0..RUNS_MAX / RUNS_PER_READ {
            let page = self.shared.parts.reader.list(filter.clone(), RUNS_PER_READ).await;
            let page = page.map_err(|error| FireError::Store(error.to_string()))?;
            found.extend(page.items.into_iter().filter(|row| row.ended_at >= Some(since)));
            match page.next {
                Some(next) => filter.after = Some(next),
                None => break,
            }
        }
        Ok(found)
    }

    async fn run_ended(&self, run: RunId, workflow: &WorkflowId) {
        for bound in self.run_triggers() {
            if matches!(&bound.trigger().source, Source::Run { workflow: named, .. } if named == workflow)
            {
                self.tell_end(&bound, run).await;
            }
        }
    }

    /// Tells a trigger of the end of a run, if it listens to such an end.
    async fn tell_end(&self, bound: &Arc<Bound>, run: RunId) {
        let Source::Run { outcomes, .. } = &bound.trigger().source else { return };
        let state = match self.shared.parts.reader.run(run).await {
            Ok(Some(state)) => state,
            // It was deleted.
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(trigger = %bound.name, %run, %error, "the end of a run is missed");
                return;
            }
        };
        if !state.outcome().is_some_and(|outcome| outcomes.contains(&outcome)) {
            return;
        }
        match self.end_of(&state).await {
            Ok(occurrence) => self.occur_surely(bound, occurrence).await,
            Err(error) => {
                tracing::warn!(trigger = %bound.name, %run, %error, "the end of a run is missed");
            }
        }
    }

    /// The end of a run as the occurrence that it is.
    async fn end_of(&self, state: &RunState) -> Result<Occurrence, String> {
        let finish = state.finish.as_ref().ok_or("it has not ended")?;
        let output = self.shared.parts.reader.output(state).await;
        let output = output.map_err(|error| error.to_string())?;
        let output = match output {
            Some(text) => serde_json::from_str(text.get()).map_err(|error| error.to_string())?,
            None => Value::Null,
        };
        let failure = finish.failure.as_ref().map(|failure| {
            json!({
                "code": failure.code,
                "message": failure.message,
                "class": failure.class.as_str(),
                "details": failure.details,
            })
        });
        let event = json!({
            "run": state.id.to_string(),
            "workflow": state.start.workflow,
            "version": state.start.version,
            "outcome": finish.outcome.as_str(),
            "output": output,
            "failure": failure,
        });
        let key = state.id.to_string();
        Ok(Occurrence { key, due: Some(finish.at), event, by_hand: false })
    }

    /// The triggers of this kind whose workflow is switched on.
    fn run_triggers(&self) -> Vec<Arc<Bound>> {
        let mut triggers = self.index().that(|source| matches!(source, Source::Run { .. }));
        triggers.retain(|bound| bound.is_enabled());
        triggers
    }
}
