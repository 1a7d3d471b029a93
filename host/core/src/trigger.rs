//! What starts runs by itself: times, requests, files, other runs.
//!
//! A trigger only says what it listens to, and when what. Listening, and keeping what was missed, is
//! the host's; what an event looks like is told in `docs/triggers.md`.

mod cron;
mod debounce;
mod rate;
mod schedule;

use std::fmt;
use std::time::Duration;

use crate::expression::{Expression, Template};
use crate::failure::Outcome;
use crate::id::{TriggerName, WorkflowId};
use crate::journal;

pub use cron::{Cron, InvalidCron};
pub use debounce::Held;
pub use rate::Window;
pub use schedule::{CATCH_UP_MAX, Due, Fall, fall, next_after};

/// The name of the secret that checks GitHub's events unless a trigger names another.
pub const GITHUB_SECRET: &str = "github";

/// Something that starts runs of a workflow.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// Its name among the workflow's triggers: a word of lower-case letters, digits, `-` and `_`.
    pub id: String,
    /// What it listens to.
    pub source: Source,
    /// Decides over `event` whether it starts a run; without it, it does.
    pub when: Option<Expression>,
    /// The run's input, computed from `event`; without it, the event itself.
    pub input: Option<Template>,
    /// Events that come within this time of each other start one run, with the last of them.
    pub debounce: Option<Duration>,
    /// The most runs it starts in a time; events beyond it are dropped.
    pub rate: Option<Rate>,
}

impl Trigger {
    /// Its name among all triggers of the host.
    pub fn name(&self, workflow: &WorkflowId) -> TriggerName {
        TriggerName::new(&format!("{workflow}.{}", self.id))
            .expect("a workflow id and the word of a trigger make a name")
    }
}

impl Source {
    /// The word of its kind, as in the file.
    pub const fn kind(&self) -> &'static str {
        self.started_by().as_str()
    }

    /// What is said to have started its runs.
    pub const fn started_by(&self) -> journal::Trigger {
        match self {
            Self::Cron(_) => journal::Trigger::Cron,
            Self::Webhook(_) => journal::Trigger::Webhook,
            Self::Github { .. } => journal::Trigger::Github,
            Self::File { .. } => journal::Trigger::File,
            Self::Run { .. } => journal::Trigger::Run,
        }
    }

    /// The name of the secret that checks its requests; `None` when nothing is checked. GitHub's
    /// events are checked with the host's secret `github` unless the trigger names another.
    pub fn secret(&self) -> Option<&str> {
        match self {
            Self::Webhook(webhook) => webhook.secret.as_deref(),
            Self::Github { secret, .. } => Some(secret.as_deref().unwrap_or(GITHUB_SECRET)),
            Self::Cron(_) | Self::File { .. } | Self::Run { .. } => None,
        }
    }
}

impl fmt::Display for Source {
    /// What it listens to, in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(cron) => write!(f, "{} in {}", cron.schedule, cron.timezone),
            Self::Webhook(webhook) => write!(f, "requests at {}", webhook.path),
            Self::Github { events, .. } => write!(f, "events {} of GitHub", events.join(", ")),
            Self::File { path, events } => {
                let words: Vec<_> = events.iter().map(|event| event.as_str()).collect();
                write!(f, "files {} in {path}", words.join(", "))
            }
            Self::Run { workflow, outcomes } => {
                let words: Vec<_> = outcomes.iter().map(|outcome| outcome.as_str()).collect();
                write!(f, "runs of {workflow} that end {}", words.join(", "))
            }
        }
    }
}

impl FileEvent {
    /// The word, as in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Modified => "modified",
            Self::Removed => "removed",
        }
    }
}

/// So many in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In this time.
    pub per: Duration,
}

/// What a trigger listens to.
#[derive(Debug, Clone)]
pub enum Source {
    /// `kind = "cron"`: times.
    Cron(CronSource),
    /// `kind = "webhook"`: requests at a path of the host.
    Webhook(Webhook),
    /// `kind = "github"`: events of GitHub.
    Github {
        /// Such as `issues.opened`, or `push` for an event without actions or any of its actions.
        events: Vec<String>,
        /// The name of the secret that signs them; `None` for the host's own.
        secret: Option<String>,
    },
    /// `kind = "file"`: changes in a folder.
    File {
        /// The file or folder, within the folder that the host allows.
        path: String,
        /// What is to have happened to it.
        events: Vec<FileEvent>,
    },
    /// `kind = "run"`: ends of another workflow's runs.
    Run {
        /// The workflow.
        workflow: WorkflowId,
        /// How the runs are to have ended.
        outcomes: Vec<Outcome>,
    },
}

/// Times at which runs start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronSource {
    /// The times.
    pub schedule: Cron,
    /// The name of the time zone they are in, such as `Europe/Berlin`. Whether there is one of that
    /// name only the host knows.
    pub timezone: String,
    /// What happens with times that passed while the host was down.
    pub catch_up: CatchUp,
    /// What happens when the run before is still live.
    pub overlap: Overlap,
}

/// What happens with times that passed while the host was down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// They are gone.
    None,
    /// The last one starts a run.
    Last,
    /// Each starts a run.
    All,
}

/// What happens at a time when the run that the trigger started before is still live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// Another run starts.
    Allow,
    /// None starts.
    Skip,
    /// The live one is cancelled, and another starts.
    CancelRunning,
}

/// Requests at a path of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The name in the path.
    pub path: String,
    /// The name of the secret that signs requests.
    pub secret: Option<String>,
    /// How signatures are checked.
    pub verify: Verify,
}

/// How the signature of a request is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// `x-hub-signature-256` or `x-signature-256`: HMAC-SHA-256 (RFC 2104) of the body, as GitHub
    /// has it.
    HmacSha256,
    /// The scheme of <https://www.standardwebhooks.com>: id, time and body.
    StandardWebhooks,
    /// Not at all.
    None,
}

/// What has happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileEvent {
    /// It is new.
    Created,
    /// It has another content.
    Modified,
    /// It is gone.
    Removed,
}
