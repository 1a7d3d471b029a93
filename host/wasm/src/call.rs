//! One call of a handler: what goes in and what comes back.

use std::sync::Arc;
use std::time::Duration;

use taskloom_core::attempt::{AiSpent, AttemptUse, Refused, ReleaseReason};
use taskloom_core::context::Values;
use taskloom_core::failure::Failure;
use taskloom_core::id::{Digest, RunId, TaskId, TaskType, WorkflowId};
use taskloom_core::plugin::Capability;
use taskloom_core::time::Timestamp;

use crate::cancel::CancelToken;
use crate::limits::CallLimits;

/// A call of a handler.
#[derive(Clone)]
pub struct Call {
    /// What to run.
    pub task_type: TaskType,
    /// Its input, a JSON text; it is checked against the task type's schema.
    pub input: Arc<str>,
    /// What the handler may ask about itself.
    pub identity: CallIdentity,
    /// What it may use; see [`crate::Runtime::limits`].
    pub limits: CallLimits,
    /// The context of the run as it is now. Empty will do for a plugin without a grant for it; see
    /// [`crate::Plugin::uses_context`].
    pub context: Values,
    /// What the plugin has spent on models in the run so far.
    pub ai_spent: AiSpent,
    /// How long it may go on without saying how far it is; `None` for as long as it likes.
    pub heartbeat: Option<Duration>,
    /// Stops it.
    pub cancel: CancelToken,
    /// Hears what it says while it runs.
    pub observer: Arc<dyn CallObserver>,
}

/// Which attempt of which task a call is.
#[derive(Debug, Clone)]
pub struct CallIdentity {
    /// The run.
    pub run_id: RunId,
    /// The run's workflow.
    pub workflow_id: WorkflowId,
    /// The task within the run.
    pub task_id: TaskId,
    /// The number of the attempt.
    pub attempt: u32,
    /// How many counted attempts the task may have.
    pub max_attempts: u32,
    /// The same for every attempt of the task.
    pub idempotency_key: String,
    /// The W3C trace context, if the run is traced.
    pub traceparent: Option<String>,
}

/// Hears what happens during a call. The functions are called on the guest's thread, and the guest
/// waits for them: they must be quick and never block, unless they say otherwise.
pub trait CallObserver: Send + Sync {
    /// The handler is about to start; answers the time at which.
    fn started(&self) -> Timestamp;

    /// The handler, or the host on its behalf, logged a line.
    fn log(&self, record: LogRecord);

    /// Keeps the bytes of an artefact; on disk when this returns. May block: it is called away from
    /// the guest's thread. Nothing is kept by default.
    ///
    /// # Errors
    /// When they cannot be kept; in words.
    fn put_artefact(&self, content: &[u8]) -> Result<Digest, String> {
        let _ = content;
        Err("this host keeps no artefacts".to_owned())
    }

    /// The bytes of an artefact of at most `most` bytes; `None` if it is not there or longer. May block
    /// as [`Self::put_artefact`] may.
    ///
    /// # Errors
    /// When they cannot be read; in words.
    fn read_artefact(&self, digest: &Digest, most: u64) -> Result<Option<Vec<u8>>, String> {
        let _ = (digest, most);
        Err("this host keeps no artefacts".to_owned())
    }

    /// The time at which the handler's clocks stand still; its random numbers then follow from its input,
    /// as those of a `pure` call do. `None`, unless somebody else says so, for clocks that go on.
    fn clock(&self) -> Option<Timestamp> {
        None
    }

    /// The host refused the handler something. Nothing is done by default; the first that are refused are in
    /// the report as well.
    fn refused(&self, refused: &Refused) {
        let _ = refused;
    }

    /// The host refused the handler so much more than could be told one by one. Nothing is done by default.
    fn refused_more(&self, capability: Capability, count: u64) {
        let _ = (capability, count);
    }

    /// The handler says how far it is: a fraction from 0 to 1 and a note. Nothing is done by default.
    fn progress(&self, fraction: f64, note: &str) {
        let _ = (fraction, note);
    }
}

/// A line of an attempt's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Its place among the lines of the call, from 0.
    pub seq: u32,
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    /// The text.
    pub message: String,
    /// More, as a JSON text.
    pub fields: Option<String>,
}

/// How a call ended, and what it used, each beside its limit.
#[derive(Debug, Clone, PartialEq)]
pub struct CallReport {
    /// How it ended.
    pub ending: Ending,
    /// What it used; filled in whatever the ending is.
    pub usage: AttemptUse,
    /// What it set in the context, if it succeeded and set anything.
    pub writes: Option<Values>,
}

impl CallReport {
    /// A report of a call that set nothing in the context.
    pub(crate) const fn new(ending: Ending, usage: AttemptUse) -> Self {
        Self { ending, usage, writes: None }
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The handler returned this JSON text, which fits its schema.
    Succeeded(String),
    /// The handler or the host ended it with a failure.
    Failed {
        /// Why.
        failure: Failure,
        /// Not before this many milliseconds, if the handler asked for a wait.
        retry_after_ms: Option<u64>,
    },
    /// It was cancelled, and the handler stopped or was stopped.
    Cancelled(Failure),
    /// It could not run for a reason that is not its own.
    Waiting(ReleaseReason),
}

impl From<Failure> for Ending {
    fn from(failure: Failure) -> Self {
        Self::Failed { failure, retry_after_ms: None }
    }
}
