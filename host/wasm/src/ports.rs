//! What capabilities of guests lead to: secrets and models, which the host has elsewhere.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::call::CallIdentity;
use taskloom_core::failure::code;

/// Where secrets and models are. The default has neither.
#[derive(Clone)]
pub struct Ports {
    /// The secrets of the host.
    pub secrets: Arc<dyn SecretSource>,
    /// The models that the host can ask.
    pub models: Arc<dyn Models>,
}

impl Default for Ports {
    fn default() -> Self {
        Self { secrets: Arc::new(Nothing), models: Arc::new(Nothing) }
    }
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ports")
    }
}

/// Reads secrets. They are read each time they are used, so that a new value counts at once.
pub trait SecretSource: Send + Sync {
    /// The value of a secret. May block: it is called where it holds up no guest.
    ///
    /// # Errors
    /// When there is none, or it cannot be read. Errors are shown to operators and authors, so they
    /// say nothing of what a secret is.
    fn read(&self, name: &str) -> Result<SecretValue, SecretProblem>;
}

/// The value of a secret. Prints as nothing, and is wiped when it is let go.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// Takes the bytes of a secret.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// What it is.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

/// Why a secret cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretProblem {
    /// The host has no secret of that name.
    #[error("{0}")]
    Unknown(String),
    /// It has one, and cannot read it.
    #[error("{0}")]
    Unreadable(String),
}

/// Asks models.
pub trait Models: Send + Sync {
    /// Asks a model. The future is dropped when the attempt is stopped.
    ///
    /// What it uses should stay within [`ModelRequest::output_tokens_max`]: whatever it reports is
    /// counted.
    fn complete(&self, request: ModelRequest) -> ModelFuture<'_>;
}

/// A model at work.
pub type ModelFuture<'m> =
    Pin<Box<dyn Future<Output = Result<ModelAnswer, ModelFailure>> + Send + 'm>>;

/// What a model is asked.
#[derive(Debug, Clone)]
pub struct ModelRequest {
    /// The attempt that asks.
    pub identity: CallIdentity,
    /// The conversation so far; at least one message.
    pub messages: Vec<ModelMessage>,
    /// The JSON Schema that the answer must fit, if there is one. The host checks it as well.
    pub schema: Option<Value>,
    /// How much chance there is, from 0 to 2; the model's own if absent.
    pub temperature: Option<f64>,
    /// The operator's name of the model; the operator's choice if absent.
    pub model: Option<String>,
    /// The longest answer, in tokens.
    pub output_tokens_max: u64,
    /// What the answer may cost at most, in millionths of a US dollar.
    pub usd_micros_max: u64,
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelMessage {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What is said.
    pub content: String,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelAnswer {
    /// What it wrote.
    pub text: String,
    /// The model.
    pub model: String,
    /// What it cost.
    pub usage: ModelUsage,
}

/// What an answer, or the lack of one, cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ModelUsage {
    /// Tokens of the request.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Money, in millionths of a US dollar.
    pub usd_micros: u64,
}

/// Why a model did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFailure {
    /// What it means for another attempt.
    pub retry: ModelRetry,
    /// A stable word in kebab case, such as `ai-overloaded`.
    pub code: String,
    /// What happened, for people.
    pub message: String,
    /// What it cost all the same.
    pub usage: ModelUsage,
}

/// What a model's failure means for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelRetry {
    /// It will never succeed.
    Never,
    /// It may succeed later.
    Later,
    /// It may succeed after this time, and not before.
    After(Duration),
}

/// The ports of a host that has nothing behind them.
struct Nothing;

impl SecretSource for Nothing {
    fn read(&self, name: &str) -> Result<SecretValue, SecretProblem> {
        Err(SecretProblem::Unknown(format!("the host has no secret `{name}`")))
    }
}

impl Models for Nothing {
    fn complete(&self, _request: ModelRequest) -> ModelFuture<'_> {
        Box::pin(std::future::ready(Err(ModelFailure {
            retry: ModelRetry::Never,
            code: code::AI_NOT_CONFIGURED.to_owned(),
            message: "no model is configured on this host; task types that ask models cannot run \
                      on it"
                .to_owned(),
            usage: ModelUsage::default(),
        })))
    }
}
