//! Why a request was not carried out: one enum, and one function that maps it to a status.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use taskloom_core::document::Problem;
use taskloom_core::failure::Outcome;
use taskloom_core::id::{RunId, TemplateId, WorkflowId};
use taskloom_core::run::Refusal;
use taskloom_core::schema::Violation;
use taskloom_wasm::ChangeError;

use super::types::{self, ProblemDetails};
use crate::engine::{CommandError, StartError};
use crate::reader::ReadError;

/// The media type of problem details.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The body is not JSON.
    #[error("{0}")]
    MalformedJson(String),
    /// The body is JSON of another shape.
    #[error("{0}")]
    InvalidBody(String),
    /// A query parameter is unknown or wrong.
    #[error("{0}")]
    InvalidQuery(String),
    /// A header is wrong.
    #[error("{0}")]
    InvalidHeader(String),
    /// The body does not fit the host's limit.
    #[error(
        "the body is larger than {limit} bytes, the limit of this host (`server.body_bytes_max`)"
    )]
    BodyTooLarge {
        /// That limit.
        limit: u64,
    },
    /// The body does not come to an end.
    #[error("the body took longer than {} s", longest.as_secs())]
    BodyTimeout {
        /// How long it may take.
        longest: Duration,
    },
    /// The context of a run, or one that runs share, does not fit the limit of the format.
    #[error("the context has {bytes} bytes, and the limit is {limit}; leave out what nobody reads")]
    ContextTooLarge {
        /// Its bytes of JSON.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The body is of a type that is not read here.
    #[error("a body of type `{found}` is not read here; send `content-type: {expected}`")]
    UnsupportedMediaType {
        /// The type of the body, or `none`.
        found: String,
        /// What is read here.
        expected: &'static str,
    },
    /// The run's input does not fit the workflow's schema.
    #[error("the input does not fit the input schema of workflow `{workflow}`")]
    InvalidInput {
        /// The workflow.
        workflow: WorkflowId,
        /// Every place that does not fit.
        violations: Vec<Violation>,
    },
    /// The idempotency key belongs to another request.
    #[error("the idempotency key was used for run {run} with another request; use a new key")]
    KeyReused {
        /// The run that has it.
        run: RunId,
    },
    /// The concurrency key cannot be computed from the input.
    #[error("the concurrency key of the run cannot be used: {0}")]
    InvalidKey(String),
    /// As many runs of the concurrency key are at work as may be.
    #[error("{why}; try again when one has ended, or cancel one")]
    KeyBusy {
        /// Which key, and which runs.
        why: String,
        /// Those runs.
        runs: Vec<RunId>,
    },
    /// The workflow cannot run with the plugins that are loaded.
    #[error("workflow `{workflow}` cannot run with the plugins that are loaded{hints}")]
    WorkflowUnavailable {
        /// The workflow.
        workflow: WorkflowId,
        /// What is missing.
        problems: Vec<Problem>,
        /// Why plugins it needs were refused, or nothing.
        hints: String,
    },
    /// The versions of a plugin do not allow it.
    #[error("{0}")]
    PluginNotNow(ChangeError),
    /// The text is no sound workflow.
    #[error("the text of workflow `{id}` is wrong")]
    InvalidWorkflow {
        /// The workflow.
        id: WorkflowId,
        /// All that is wrong.
        problems: Vec<Problem>,
    },
    /// A file holds the workflow.
    #[error("workflow `{id}` comes from the file `{file}`; change or remove that file")]
    WorkflowFromFile {
        /// The workflow.
        id: WorkflowId,
        /// The file's name.
        file: String,
    },
    /// The text is no sound template, or cannot be made one.
    #[error("{what}")]
    InvalidTemplate {
        /// What is wrong as a whole.
        what: String,
        /// All that is wrong.
        problems: Vec<types::Problem>,
    },
    /// A file holds the template.
    #[error("template `{id}` comes from the file `{file}`; change or remove that file")]
    TemplateFromFile {
        /// The template.
        id: TemplateId,
        /// The file's name.
        file: String,
    },
    /// The parameters do not fit the template.
    #[error("the parameters do not fit template `{template}`")]
    InvalidParams {
        /// The template.
        template: TemplateId,
        /// All that is wrong.
        problems: Vec<types::Problem>,
    },
    /// What is there is not what the caller expects.
    #[error("{0}")]
    PreconditionFailed(String),
    /// There is nothing under this name.
    #[error("there is no {kind} `{name}`{help}")]
    NotFound {
        /// What was looked for: `workflow`, `template`, `version`, `run`, `task`,
        /// `artefact`, `plugin`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What may have been meant, with what comes before it.
        help: String,
    },
    /// A request from outside is not signed as it has to be. Which part is wrong is not said.
    #[error("the request is not signed as this host wants it")]
    NotGenuine,
    /// There is no such page.
    #[error("there is nothing at `{0}`; the operations are listed at /api/v1/docs/")]
    NoRoute(String),
    /// The page does not take this method.
    #[error("`{path}` does not take {method}; the header `allow` says what it takes")]
    MethodNotAllowed {
        /// The method.
        method: String,
        /// The page.
        path: String,
    },
    /// A web page of another origin tries to change something.
    #[error(
        "a page of `{0}` must not change anything here; call the API from outside of a browser"
    )]
    CrossOrigin(String),
    /// The host was reached under a name that is not its own.
    #[error(
        "this host does not answer to the name `{0}`; use its address, or add the name to \
         `server.allowed_hosts`"
    )]
    ForeignHost(String),
    /// The run has ended.
    #[error("run {run} has already ended: {}", .outcome.map_or("it is not live", Outcome::as_str))]
    RunEnded {
        /// The run.
        run: RunId,
        /// How, if that is known.
        outcome: Option<Outcome>,
    },
    /// The run is already being stopped.
    #[error("run {0} is already being stopped")]
    RunStopping(RunId),
    /// The workflow is switched off.
    #[error(
        "workflow `{0}` is switched off, by its text (`enabled = false`) or by a request; \
         `POST /api/v1/workflows/{0}/enable` switches it on"
    )]
    WorkflowDisabled(WorkflowId),
    /// The run is not in a state that allows it.
    #[error("run {run}: {reason}")]
    NotNow {
        /// The run.
        run: RunId,
        /// Why not.
        reason: String,
    },
    /// The host is full.
    #[error("{what}")]
    Full {
        /// What is full, with its limit.
        what: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The host is stopping.
    #[error("the host is shutting down; try again when it is back")]
    ShuttingDown,
    /// Something is wrong with the host. The answer does not say what; the log does.
    #[error("{0}")]
    Internal(String),
}

/// Status, code and title of an error.
struct Kind(StatusCode, &'static str, &'static str);

impl ApiError {
    /// The only place where an error gets its status.
    fn kind(&self) -> Kind {
        use StatusCode as S;
        match self {
            Self::MalformedJson(_) => Kind(S::BAD_REQUEST, "malformed-json", "Malformed JSON"),
            Self::InvalidQuery(_) => Kind(S::BAD_REQUEST, "invalid-query", "Invalid query"),
            Self::InvalidHeader(_) => Kind(S::BAD_REQUEST, "invalid-header", "Invalid header"),
            Self::CrossOrigin(_) => Kind(S::FORBIDDEN, "cross-origin", "Cross-origin request"),
            Self::NotFound { kind, .. } => match *kind {
                "workflow" => Kind(S::NOT_FOUND, "workflow-not-found", "Unknown workflow"),
                "run" => Kind(S::NOT_FOUND, "run-not-found", "Unknown run"),
                "task" => Kind(S::NOT_FOUND, "task-not-found", "Unknown task"),
                "trigger" => Kind(S::NOT_FOUND, "trigger-not-found", "Unknown trigger"),
                "webhook" => Kind(S::NOT_FOUND, "webhook-not-found", "Unknown webhook"),
                "context" => Kind(S::NOT_FOUND, "context-not-found", "Unknown context"),
                "artefact" => Kind(S::NOT_FOUND, "artefact-not-found", "Unknown artefact"),
                "template" => Kind(S::NOT_FOUND, "template-not-found", "Unknown template"),
                "version" => Kind(S::NOT_FOUND, "version-not-found", "Unknown version"),
                _ => Kind(S::NOT_FOUND, "plugin-not-found", "Unknown plugin"),
            },
            Self::NoRoute(_) => Kind(S::NOT_FOUND, "not-found", "Nothing here"),
            Self::MethodNotAllowed { .. } => {
                Kind(S::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed")
            }
            Self::WorkflowUnavailable { .. } => {
                Kind(S::CONFLICT, "workflow-unavailable", "Workflow unavailable")
            }
            Self::KeyBusy { .. } => {
                Kind(S::CONFLICT, "concurrency-key-busy", "Concurrency key busy")
            }
            Self::InvalidKey(_) => Kind(
                S::UNPROCESSABLE_ENTITY,
                "invalid-concurrency-key",
                "Concurrency key cannot be computed",
            ),
            Self::RunEnded { .. } => Kind(S::CONFLICT, "run-ended", "The run has ended"),
            Self::RunStopping(_) => Kind(S::CONFLICT, "run-stopping", "The run is being stopped"),
            Self::WorkflowDisabled(_) => {
                Kind(S::CONFLICT, "workflow-disabled", "Workflow switched off")
            }
            Self::WorkflowFromFile { .. } => {
                Kind(S::CONFLICT, "workflow-from-file", "The workflow comes from a file")
            }
            Self::TemplateFromFile { .. } => {
                Kind(S::CONFLICT, "template-from-file", "The template comes from a file")
            }
            Self::InvalidTemplate { .. } => {
                Kind(S::UNPROCESSABLE_ENTITY, "invalid-template", "Invalid template")
            }
            Self::InvalidParams { .. } => {
                Kind(S::UNPROCESSABLE_ENTITY, "invalid-params", "Invalid parameters")
            }
            Self::PreconditionFailed(_) => {
                Kind(S::PRECONDITION_FAILED, "precondition-failed", "Precondition failed")
            }
            Self::InvalidWorkflow { .. } => {
                Kind(S::UNPROCESSABLE_ENTITY, "invalid-workflow", "Invalid workflow")
            }
            Self::PluginNotNow(_) => {
                Kind(S::CONFLICT, "plugin-not-now", "Not with these versions of the plugin")
            }
            Self::NotNow { .. } => Kind(S::CONFLICT, "not-now", "Not in this state"),
            Self::NotGenuine => Kind(S::UNAUTHORIZED, "not-genuine", "Not signed"),
            Self::BodyTooLarge { .. } => {
                Kind(S::PAYLOAD_TOO_LARGE, "body-too-large", "Body too large")
            }
            Self::BodyTimeout { .. } => Kind(S::REQUEST_TIMEOUT, "body-timeout", "Body too slow"),
            Self::ContextTooLarge { .. } => {
                Kind(S::PAYLOAD_TOO_LARGE, "context-too-large", "Context too large")
            }
            Self::UnsupportedMediaType { .. } => {
                Kind(S::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Unsupported media type")
            }
            Self::ForeignHost(_) => {
                Kind(S::MISDIRECTED_REQUEST, "foreign-host", "Misdirected request")
            }
            Self::InvalidBody(_) => Kind(S::UNPROCESSABLE_ENTITY, "invalid-body", "Invalid body"),
            Self::InvalidInput { .. } => {
                Kind(S::UNPROCESSABLE_ENTITY, "invalid-input", "Invalid input")
            }
            Self::KeyReused { .. } => Kind(
                S::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "Idempotency key used for another request",
            ),
            Self::Full { .. } => Kind(S::TOO_MANY_REQUESTS, "host-full", "The host is full"),
            Self::Internal(_) => {
                Kind(S::INTERNAL_SERVER_ERROR, "internal", "Something is wrong with the host")
            }
            Self::ShuttingDown => {
                Kind(S::SERVICE_UNAVAILABLE, "shutting-down", "The host is shutting down")
            }
        }
    }

    /// The error as the API tells it.
    pub fn details(self) -> ProblemDetails {
        let Kind(status, code, title) = self.kind();
        let detail = match &self {
            Self::Internal(_) => "the host could not do this; its log says why".to_owned(),
            error => error.to_string(),
        };
        let run = match &self {
            Self::KeyReused { run }
            | Self::RunEnded { run, .. }
            | Self::RunStopping(run)
            | Self::NotNow { run, .. } => Some(run.to_string()),
            Self::KeyBusy { runs, .. } => runs.first().map(ToString::to_string),
            _ => None,
        };
        let problems = match self {
            Self::InvalidInput { violations, .. } => {
                violations.into_iter().map(types::Problem::from).collect()
            }
            Self::WorkflowUnavailable { problems, .. } | Self::InvalidWorkflow { problems, .. } => {
                problems.into_iter().map(types::Problem::from).collect()
            }
            Self::InvalidTemplate { problems, .. } | Self::InvalidParams { problems, .. } => {
                problems
            }
            _ => Vec::new(),
        };
        ProblemDetails {
            kind: format!("urn:taskloom:problem:{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail,
            code: code.to_owned(),
            problems,
            run,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry_after = match &self {
            Self::Full { retry_after, .. } => Some(retry_after.as_secs().max(1)),
            Self::ShuttingDown => Some(5),
            Self::Internal(why) => {
                tracing::error!(error = why, "a request failed");
                None
            }
            _ => None,
        };
        let Kind(status, ..) = self.kind();
        let mut response = (status, Json(self.details())).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(taskloom_store::Error::Cursor { .. }) => {
                Self::InvalidQuery(error.to_string())
            }
            ReadError::Store(taskloom_store::Error::Stopped { .. }) => Self::ShuttingDown,
            error => Self::Internal(error.to_string()),
        }
    }
}

impl From<StartError> for ApiError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::KeyReused { run } => Self::KeyReused { run },
            StartError::Full { what, retry_after } => Self::Full { what, retry_after },
            StartError::ShuttingDown => Self::ShuttingDown,
            StartError::Key(why) => Self::InvalidKey(why),
            StartError::KeyBusy { why, runs } => Self::KeyBusy { why, runs },
            error @ (StartError::Unwanted | StartError::TooDeep | StartError::KeyOfAncestor(_)) => {
                Self::Internal(error.to_string())
            }
            StartError::Store(why) => Self::Internal(why),
        }
    }
}

impl ApiError {
    /// A command on `run` that had no effect.
    pub fn of_command(run: RunId, error: CommandError) -> Self {
        match error {
            CommandError::NotLive => Self::RunEnded { run, outcome: None },
            CommandError::Refused(Refusal::Finished(outcome)) => {
                Self::RunEnded { run, outcome: Some(outcome) }
            }
            CommandError::Refused(Refusal::Stopping) => Self::RunStopping(run),
            CommandError::Refused(Refusal::Illegal(error)) => Self::Internal(error.to_string()),
            CommandError::Refused(Refusal::UnknownTask(task)) => Self::NotFound {
                kind: "task",
                name: task.to_string(),
                help: "; it is unknown, or in an item that was not taken up".to_owned(),
            },
            CommandError::Refused(refusal) => Self::NotNow { run, reason: refusal.to_string() },
            CommandError::NotJson(why) => Self::MalformedJson(why),
            CommandError::Overloaded => Self::Full {
                what: CommandError::Overloaded.to_string(),
                retry_after: Duration::from_secs(1),
            },
            CommandError::ShuttingDown => Self::ShuttingDown,
            CommandError::Store(why) => Self::Internal(why),
        }
    }
}
