//! How the rest of the host talks to the engine.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use taskloom_core::definition::Definition;
use taskloom_core::id::{Digest, RunId, TriggerName};
use taskloom_core::journal::{IdempotencyKey, Parent, Trigger};
use taskloom_core::run::{Refusal, RerunPlan, TaskIndex};
use taskloom_core::time::Timestamp;
use tokio::sync::{Semaphore, oneshot};

use super::concurrency;
use super::progress::{Progress, Progresses};
use super::service::Input;
use super::waits::Waits;
use super::watch::{RunWatch, Watchers};
use crate::payloads::Payloads;

/// Commands waiting for the engine. Callers wait for an answer anyway, so a longer queue would
/// only hide overload: beyond it a start is refused with "try again".
pub(super) const COMMAND_QUEUE: usize = 4096;

/// What a caller is told to wait when the host is full.
pub(super) const FULL_RETRY_AFTER: Duration = Duration::from_secs(1);

/// How deep runs may stand below runs whose tasks started them. A workflow that starts itself ends
/// here, and few hierarchies that people think of are half as deep.
pub(super) const CHILD_DEPTH_MAX: u32 = 32;

/// Live runs beyond `runs.max_live` that tasks may start. The limit itself does not hold for them: a
/// parent whose child waited for room would keep the room that the child waits for. So many only come
/// of workflows that start themselves again and again.
pub(super) const CHILDREN_BEYOND_MAX: usize = 100_000;

/// A handle to the engine; cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(super) mailbox: mpsc::Sender<Input>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) watchers: Watchers,
    pub(super) payloads: Payloads,
    pub(super) progresses: Progresses,
}

/// What a run is started with. The input has been checked against the workflow's schema.
#[derive(Debug, Clone)]
pub struct StartRun {
    /// The workflow, and the source that the run keeps.
    pub definition: Arc<Definition>,
    /// The input, a JSON text.
    pub input: Arc<str>,
    /// The context, the JSON text of an object that has been checked; the run of a task gets that of
    /// its parent instead.
    pub context: Option<Arc<str>>,
    /// What starts it.
    pub trigger: Trigger,
    /// Which trigger of the workflow starts it, if one does.
    pub trigger_name: Option<TriggerName>,
    /// The caller's key, under which the start happens at most once.
    pub idempotency: Option<IdempotencyKey>,
    /// The caller's trace.
    pub traceparent: Option<String>,
    /// Instead of the workflow's own priority.
    pub priority: Option<i32>,
    /// What is taken over from an earlier run, if it is a rerun.
    pub rerun: Option<RerunPlan>,
    /// The task that starts it, if it is a child.
    pub parent: Option<Parent>,
    /// The id it must have; `None` for a fresh one.
    pub run: Option<RunId>,
    /// Whether its tasks take over no outputs of earlier attempts.
    pub no_cache: bool,
    /// When it begins; `None` for at once.
    pub begins: Option<Begins>,
}

/// When a run begins that does not begin at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// At a time; one that has passed is at once.
    At(Timestamp),
    /// So long after its start was accepted.
    After(Duration),
}

/// A run that is on disk.
#[derive(Debug)]
pub struct Started {
    /// The run.
    pub run: RunId,
    /// Wakes at every change since its start.
    pub watch: RunWatch,
    /// Whether it had been started before, under the same idempotency key.
    pub existing: bool,
}

/// Why a run was not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The idempotency key belongs to a run that was started with another request.
    #[error("the idempotency key was used for run {run} with another request")]
    KeyReused {
        /// That run.
        run: RunId,
    },
    /// Too many runs are live, or too many commands are waiting.
    #[error("{what}; try again in {retry_after:?}")]
    Full {
        /// What is full, with its limit.
        what: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The host is stopping.
    #[error("the host is shutting down")]
    ShuttingDown,
    /// The task that starts it does not wait for it any more.
    #[error("the task that starts it does not wait for it any more")]
    Unwanted,
    /// Too many runs are above it.
    #[error(
        "runs start runs more than {CHILD_DEPTH_MAX} deep; does a workflow start itself without end?"
    )]
    TooDeep,
    /// The concurrency key cannot be computed from the input.
    #[error("the concurrency key of the run cannot be used: {0}")]
    Key(String),
    /// As many runs of its concurrency key are at work as may be.
    #[error("{why}")]
    KeyBusy {
        /// Which key, and which runs.
        why: String,
        /// Those runs.
        runs: Vec<RunId>,
    },
    /// It would wait for the run that waits for it.
    #[error(
        "it shares the concurrency key `{0}` with the run that waits for it, and would wait for its end"
    )]
    KeyOfAncestor(String),
    /// The store refused.
    #[error("the run could not be stored: {0}")]
    Store(String),
}

/// Why a command on a run had no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There is no such live run; it may have ended.
    #[error("no live run has this id")]
    NotLive,
    /// The run's state does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A value that came along is no JSON.
    #[error("the value is not JSON: {0}")]
    NotJson(String),
    /// Too many commands are waiting.
    #[error("too many commands are waiting (limit {COMMAND_QUEUE}); try again")]
    Overloaded,
    /// The host is stopping.
    #[error("the host is shutting down")]
    ShuttingDown,
    /// The store refused.
    #[error("the command could not be stored: {0}")]
    Store(String),
}

impl Engine {
    /// Starts a run; returns when that is on disk.
    ///
    /// # Errors
    /// See [`StartError`]; nothing was started then.
    pub async fn start_run(&self, request: StartRun) -> Result<Started, StartError> {
        let Ok(_permit) = self.permits.try_acquire() else {
            let what = format!("too many commands are waiting (limit {COMMAND_QUEUE})");
            return Err(StartError::Full { what, retry_after: FULL_RETRY_AFTER });
        };
        let key = concurrency::key_of(&request).await?;
        let (reply, answer) = oneshot::channel();
        self.mailbox
            .send(Input::Start(Box::new((request, key)), reply))
            .map_err(|_| StartError::ShuttingDown)?;
        answer.await.unwrap_or(Err(StartError::ShuttingDown))
    }

    /// Asks a live run to stop; returns when the request is on disk, which is before the run ends.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn cancel_run(&self, run: RunId, reason: String) -> Result<(), CommandError> {
        let Ok(_permit) = self.permits.try_acquire() else { return Err(CommandError::Overloaded) };
        let (reply, answer) = oneshot::channel();
        self.mailbox
            .send(Input::Cancel(run, reason, reply))
            .map_err(|_| CommandError::ShuttingDown)?;
        answer.await.unwrap_or(Err(CommandError::ShuttingDown))
    }

    /// Watches a run for changes.
    pub fn watch(&self, run: RunId) -> RunWatch {
        self.watchers.watch(run)
    }

    /// What the host knows of why tasks of a live run are not running. Empty for any other run.
    pub async fn waits(&self, run: RunId) -> Waits {
        let (reply, answer) = oneshot::channel();
        if self.mailbox.send(Input::Waits(run, reply)).is_err() {
            return Waits::default();
        }
        answer.await.unwrap_or_default()
    }

    /// How far the attempt of a task is that is under way, if it ever said so.
    pub fn progress(&self, run: RunId, task: TaskIndex) -> Option<Progress> {
        self.progresses.of(run, task)
    }

    /// The runs that a held run waits behind, as they would begin. Empty for any other run.
    pub async fn behind(&self, run: RunId) -> Vec<RunId> {
        let (reply, answer) = oneshot::channel();
        if self.mailbox.send(Input::Behind(run, reply)).is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }

    /// The plugin versions that live runs have pinned; `None` when the engine has stopped. Blocks
    /// for as long as the engine takes to answer: not for a thread that serves requests.
    pub fn pinned_versions(&self) -> Option<HashSet<Digest>> {
        let (reply, answer) = oneshot::channel();
        self.mailbox.send(Input::PinnedVersions(reply)).ok()?;
        answer.blocking_recv().ok()
    }

    /// How many runs are live.
    pub async fn live_runs(&self) -> usize {
        let (reply, answer) = oneshot::channel();
        if self.mailbox.send(Input::LiveRuns(reply)).is_err() {
            return 0;
        }
        answer.await.unwrap_or_default()
    }

    /// Tells the engine that plugins were loaded or removed.
    pub fn plugins_changed(&self) {
        // A stopped engine needs no plugins.
        let _ = self.mailbox.send(Input::PluginsChanged);
    }

    /// Stops taking work, gives what runs `grace` to end, stops the rest without counting it as an
    /// attempt, and ends the service.
    pub fn shut_down(&self, grace: Duration) {
        // An engine that has stopped already needs no second word.
        let _ = self.mailbox.send(Input::Shutdown { grace });
    }
}
