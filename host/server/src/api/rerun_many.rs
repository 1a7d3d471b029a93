//! Runs many runs again at once: those that a filter finds.

use axum::Json;
use axum::extract::{Request, State};
use http::StatusCode;
use taskloom_core::failure::Outcome;
use taskloom_core::id::{Digest, RunId};
use taskloom_core::journal::IdempotencyKey;
use taskloom_core::run::RunStatus;
use taskloom_store::{RunFilter, RunRow};

use super::Api;
use super::error::ApiError;
use super::request;
use super::rerun::{planned, started};
use super::runs::RunsQuery;
use super::steer::optional;
use super::types::{
    ProblemDetails, Rerun, RerunMany, RerunOfOne, RerunStart, RerunsOfMany, RunFilter as Wanted,
};

/// Runs that one request runs again when it does not say.
const RUNS: usize = 100;

/// Runs that one request may run again.
const RUNS_MAX: usize = 1_000;

/// Runs that one request looks at; it says where to go on.
const LOOKED_AT_MAX: usize = 10_000;

/// Runs that are read at once.
const RUNS_PER_READ: usize = 200;

/// Run many runs again
///
/// Each run that the filter finds is run again as if it had been asked for alone, the newest first; runs that
/// were run again already are left out unless `again` is given. With `dry_run` nothing is started.
/// A request that is repeated under its `Idempotency-Key` starts nothing twice. What could not be
/// started is said for each run.
#[utoipa::path(post, path = "/runs/rerun", tag = "runs", operation_id = "rerunRuns",
    params(("Idempotency-Key" = Option<String>, Header, description = "A text of up to 255 bytes; repeating the request under it gives the same runs")),
    request_body(content = Option<RerunMany>, content_type = "application/json"),
    responses(
        (status = 200, description = "What was done for each run", body = RerunsOfMany),
        (status = 400, description = "An unknown or wrong filter", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 422, description = "Out of range", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub(crate) async fn rerun(
    State(api): State<Api>,
    request: Request,
) -> Result<(StatusCode, Json<RerunsOfMany>), ApiError> {
    let key = request::idempotency_key(request.headers())?;
    let body: RerunMany = optional(&api, request).await?;
    let limit = body.limit.unwrap_or(RUNS);
    if !(1..=RUNS_MAX).contains(&limit) {
        let why = format!("limit: {limit} is not from 1 to {RUNS_MAX}");
        return Err(ApiError::InvalidBody(why));
    }
    if body.from == Some(RerunStart::Tasks) {
        let why = "from: `tasks` is for one run alone; say `start` or `failed`";
        return Err(ApiError::InvalidBody(why.to_owned()));
    }
    let many = Many { api: &api, key: key.map(|key| KeyOfMany::new(&key)), body: &body };
    Ok((StatusCode::OK, Json(many.run(limit).await?)))
}

/// One such request.
struct Many<'a> {
    api: &'a Api,
    key: Option<KeyOfMany>,
    body: &'a RerunMany,
}

/// What the idempotency keys of all runs of one request begin with.
struct KeyOfMany(String);

impl KeyOfMany {
    fn new(key: &str) -> Self {
        let digest = Digest::of(key.as_bytes()).to_string();
        Self(format!("rerun-many:{digest}:"))
    }

    /// The key of the rerun of one run.
    fn of(&self, run: RunId) -> IdempotencyKey {
        let key = format!("{}{run}", self.0);
        let request = Digest::of(key.as_bytes());
        IdempotencyKey { key, request }
    }
}

impl Many<'_> {
    async fn run(&self, limit: usize) -> Result<RerunsOfMany, ApiError> {
        let mut filter = filter(&self.body.filter)?;
        let mut answer = RerunsOfMany { runs: Vec::new(), again: 0, next_cursor: None };
        let mut looked_at = 0;
        loop {
            let room = (limit - answer.runs.len()).min(RUNS_PER_READ);
            let page = self.api.app.reader.list(filter.clone(), room).await?;
            looked_at += page.items.len();
            for row in page.items {
                match self.one(&row).await? {
                    Found::Other => {}
                    Found::Again => answer.again += 1,
                    Found::Taken(one) => answer.runs.push(one),
                }
            }
            let Some(next) = page.next else { break };
            if answer.runs.len() >= limit || looked_at >= LOOKED_AT_MAX {
                answer.next_cursor = Some(next.to_string());
                break;
            }
            filter.after = Some(next);
        }
        Ok(answer)
    }

    async fn one(&self, row: &RunRow) -> Result<Found, ApiError> {
        if self.body.filter.outcome.is_none() && row.outcome == Some(Outcome::Succeeded) {
            return Ok(Found::Other);
        }
        let before = match &self.key {
            Some(key) => {
                let key = key.of(row.id).key;
                self.api.app.reader.run_of_key(row.workflow.clone(), key).await?
            }
            None => None,
        };
        let mut one = RerunOfOne::new(row);
        if let Some((run, _)) = before {
            one.rerun = Some(run.to_string());
            one.existing = true;
            return Ok(Found::Taken(one));
        }
        if !self.body.again.unwrap_or(false) && self.was_run_again(row.id).await? {
            return Ok(Found::Again);
        }
        if let Err(error) = self.start(row.id, &mut one).await {
            if matches!(error, ApiError::Internal(_) | ApiError::ShuttingDown) {
                return Err(error);
            }
            one.refused = Some(error.details());
        }
        Ok(Found::Taken(one))
    }

    async fn was_run_again(&self, run: RunId) -> Result<bool, ApiError> {
        let filter = RunFilter { rerun_of: Some(run), ..RunFilter::default() };
        Ok(!self.api.app.reader.list(filter, 1).await?.items.is_empty())
    }

    async fn start(&self, run: RunId, one: &mut RerunOfOne) -> Result<(), ApiError> {
        let from = Rerun { from: self.body.from, tasks: None };
        let (state, plan) = planned(self.api, run, &from).await?;
        // A rerun of this very request that has ended meanwhile is none of the runs it is about.
        let own = |key: &IdempotencyKey| {
            self.key.as_ref().is_some_and(|prefix| key.key.starts_with(&prefix.0))
        };
        if state.start.idempotency.as_ref().is_some_and(own) {
            let reason = "this request started it".to_owned();
            return Err(ApiError::NotNow { run, reason });
        }
        one.reused = plan.reused().count();
        one.tasks_again = plan.again.len();
        if self.body.dry_run.unwrap_or(false) {
            return Ok(());
        }
        let key = self.key.as_ref().map(|key| key.of(run));
        one.rerun = Some(started(self.api, &state, plan, key).await?.run.to_string());
        Ok(())
    }
}

/// What a run is to such a request.
enum Found {
    /// None of its business.
    Other,
    /// It was run again before.
    Again,
    /// This was done.
    Taken(RerunOfOne),
}

/// Only what has ended can be run again.
fn filter(wanted: &Wanted) -> Result<RunFilter, ApiError> {
    let filter = RunsQuery::of(wanted).filter()?;
    Ok(RunFilter { status: Some(RunStatus::Finished), ..filter })
}
