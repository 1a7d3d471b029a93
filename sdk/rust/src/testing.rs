//! Tests handlers on your own machine, without a host.
//!
//! A handler is a plain function: call it. Whatever it asks the host is answered by a stand-in that
//! belongs to the thread: it is the first of three attempts, not cancelled, log lines go to standard
//! error, and no request is granted. [`Host`] sets other answers and keeps what the handler said.
//!
//! ```
//! use taskloom_sdk::http::{self, Response};
//! use taskloom_sdk::testing::Host;
//!
//! let host = Host::new().attempt(2).answers(|request| {
//!     assert_eq!(request.url(), "https://example.org/");
//!     Ok(Response::new(200).with_body("hello"))
//! });
//! let (text, record) = host.run(|| http::get("https://example.org/")?.text());
//! assert_eq!(text.expect("answered"), "hello");
//! assert_eq!(record.requests.len(), 1);
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Map, Value, json};

use crate::Error as TaskError;
use crate::Result;
use crate::ai;
use crate::artefact::Artefact;
use crate::http::{Error, Request, Response};
use crate::log::Level;
use crate::manifest::Manifest;

/// The stand-in for the host while a handler is tested.
pub struct Host {
    pub(crate) attempt: u32,
    pub(crate) max_attempts: u32,
    pub(crate) remaining_ms: u64,
    pub(crate) cancelled: bool,
    answers: Option<Box<Answers>>,
    files: Vec<(String, Vec<u8>)>,
    secrets: Vec<String>,
    answers_ai: Option<Box<AiAnswers>>,
    context: Map<String, Value>,
    pub(crate) record: Record,
}

/// Answers the requests of a handler under test.
type Answers = dyn FnMut(&Request) -> Result<Response, Error>;

/// Answers the prompts of a handler under test, with what a model would write.
type AiAnswers = dyn FnMut(&ai::Request) -> Result<String>;

/// What a handler said while it was tested.
#[derive(Debug, Default)]
pub struct Record {
    /// The lines it logged.
    pub lines: Vec<Line>,
    /// The fractions and notes of its progress.
    pub progress: Vec<(f64, String)>,
    /// The requests it sent.
    pub requests: Vec<Request>,
    /// The files it left, with their content; the last one of each name.
    pub artefacts: Vec<(Artefact, Vec<u8>)>,
    /// The measurements it recorded, the last of each name.
    pub metrics: BTreeMap<String, f64>,
    /// The secrets it got a placeholder for.
    pub secrets: Vec<String>,
    /// What it asked models.
    pub prompts: Vec<ai::Request>,
    /// What it set in the context.
    pub context: Map<String, Value>,
}

/// A line that a handler logged.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// Its text.
    pub message: String,
    /// Its fields for machines.
    pub fields: Option<Value>,
}

impl Host {
    /// The first of three attempts, ten seconds left, not cancelled, no request granted.
    pub fn new() -> Self {
        Self {
            attempt: 1,
            max_attempts: 3,
            remaining_ms: 10_000,
            cancelled: false,
            answers: None,
            files: Vec::new(),
            secrets: Vec::new(),
            answers_ai: None,
            context: Map::new(),
            record: Record::default(),
        }
    }

    /// Sets the number of the attempt.
    #[must_use]
    pub fn attempt(mut self, number: u32) -> Self {
        self.attempt = number;
        self
    }

    /// Sets how many attempts the task may have.
    #[must_use]
    pub fn max_attempts(mut self, number: u32) -> Self {
        self.max_attempts = number;
        self
    }

    /// Sets the milliseconds left until the attempt times out.
    #[must_use]
    pub fn remaining_ms(mut self, milliseconds: u64) -> Self {
        self.remaining_ms = milliseconds;
        self
    }

    /// Makes the attempt a cancelled one.
    #[must_use]
    pub fn cancelled(mut self) -> Self {
        self.cancelled = true;
        self
    }

    /// Answers requests.
    #[must_use]
    pub fn answers(
        mut self,
        answers: impl FnMut(&Request) -> Result<Response, Error> + 'static,
    ) -> Self {
        self.answers = Some(Box::new(answers));
        self
    }

    /// Gives a file that the handler may read: put the reference into its input.
    #[must_use]
    pub fn file(
        mut self,
        name: &str,
        media_type: &str,
        content: impl AsRef<[u8]>,
    ) -> (Self, Artefact) {
        let artefact = reference(name, media_type, content.as_ref());
        self.files.push((artefact.digest.clone(), content.as_ref().to_vec()));
        (self, artefact)
    }

    /// Grants a secret; requests show [`placeholder`] where it stands.
    #[must_use]
    pub fn secret(mut self, name: &str) -> Self {
        self.secrets.push(name.to_owned());
        self
    }

    /// Answers prompts with what a model would write. With a schema in the prompt it must be JSON.
    #[must_use]
    pub fn answers_ai(
        mut self,
        answers: impl FnMut(&ai::Request) -> Result<String> + 'static,
    ) -> Self {
        self.answers_ai = Some(Box::new(answers));
        self
    }

    /// Puts a value into the context of the run.
    #[must_use]
    pub fn context(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.context.insert(name.to_owned(), value.into());
        self
    }

    /// Runs `test` with this host, and gives what it returned and what it said on the way.
    pub fn run<T>(self, test: impl FnOnce() -> T) -> (T, Record) {
        let before = HOST.replace(self);
        let result = test();
        let host = HOST.replace(before);
        (result, host.record)
    }

    pub(crate) fn leave(&mut self, name: &str, media_type: &str, content: &[u8]) -> Artefact {
        let artefact = reference(name, media_type, content);
        self.files.push((artefact.digest.clone(), content.to_vec()));
        self.record.artefacts.retain(|(other, _)| other.name != name);
        self.record.artefacts.push((artefact.clone(), content.to_vec()));
        artefact
    }

    pub(crate) fn content(&self, digest: &str) -> Option<Vec<u8>> {
        self.files.iter().find(|(known, _)| known == digest).map(|(_, content)| content.clone())
    }

    pub(crate) fn placeholder(&mut self, name: &str) -> Result<String> {
        if !self.secrets.iter().any(|granted| granted == name) {
            let message = format!("no secret `{name}`; grant it with `Host::secret`");
            return Err(TaskError::permanent("not-granted", message));
        }
        if !self.record.secrets.iter().any(|known| known == name) {
            self.record.secrets.push(name.to_owned());
        }
        Ok(placeholder(name))
    }

    pub(crate) fn complete(&mut self, request: &ai::Request) -> Result<String> {
        let Some(answers) = &mut self.answers_ai else {
            let message = "no model; answer with `Host::answers_ai`";
            return Err(TaskError::permanent("not-granted", message));
        };
        let text = answers(request)?;
        let wants_json = serde_json::to_value(request)?.get("schema").is_some();
        let usage = ai::Usage {
            input_tokens: request.messages().iter().map(|m| m.content.len() as u64).sum(),
            output_tokens: text.len() as u64,
        };
        let mut answer = json!({ "text": text, "model": "stand-in", "usage": usage });
        if wants_json {
            answer["value"] = serde_json::from_str(&text)
                .map_err(|error| TaskError::retryable("ai-answer-invalid", error.to_string()))?;
        }
        Ok(answer.to_string())
    }

    pub(crate) fn value(&self, name: &str) -> Option<Value> {
        self.record.context.get(name).or_else(|| self.context.get(name)).cloned()
    }

    pub(crate) fn answer(&mut self, request: &Request) -> Result<Response, Error> {
        match &mut self.answers {
            Some(answers) => answers(request),
            None => Err(Error::denied(request)),
        }
    }
}

/// What stands for the secret `name` in requests of a handler under test.
pub fn placeholder(name: &str) -> String {
    format!("placeholder-of-{name}")
}

/// A reference as a host gives it. Its digest depends on the content, as the real one does, and is
/// no SHA-256.
fn reference(name: &str, media_type: &str, content: &[u8]) -> Artefact {
    let part = |seed: u64| {
        let mut hasher = DefaultHasher::new();
        (seed, content).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    };
    Artefact {
        digest: format!("sha256:{}", (0..4).map(part).collect::<String>()),
        name: name.to_owned(),
        media_type: media_type.to_owned(),
        bytes: content.len() as u64,
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("attempt", &self.attempt)
            .field("cancelled", &self.cancelled)
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::new(Host::new());
}

/// Lets `ask` speak to the host of this thread. Not while another question is being answered.
pub(crate) fn with_host<T>(ask: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with_borrow_mut(ask)
}

/// Keeps the compiler from calling the functions of [`plugin!`](crate::plugin!) unused: only a
/// component calls them.
#[doc(hidden)]
pub const fn unused_outside_a_component(
    _manifest: fn() -> Manifest,
    _execute: fn(&str, &str) -> Result<String>,
) {
}

/// The manifest that a plugin's `describe` returns, for tests of it: `testing::manifest!()` in the
/// plugin's own crate.
#[doc(hidden)]
#[expect(clippy::crate_in_macro_def, reason = "the plugin's crate is meant")]
#[macro_export]
macro_rules! __testing_manifest {
    () => {
        $crate::testing::manifest_value(crate::__taskloom_manifest)
    };
}

/// Calls a task type by its short name with JSON text, as a host does: `testing::execute!("greet", text)`.
#[doc(hidden)]
#[expect(clippy::crate_in_macro_def, reason = "the plugin's crate is meant")]
#[macro_export]
macro_rules! __testing_execute {
    ($task_type:expr, $input:expr) => {
        crate::__taskloom_execute($task_type, $input)
    };
}

pub use crate::{__testing_execute as execute, __testing_manifest as manifest};

/// A manifest as a JSON value.
#[doc(hidden)]
pub fn manifest_value(manifest: fn() -> Manifest) -> Value {
    serde_json::to_value(manifest()).expect("a manifest is plain data")
}
