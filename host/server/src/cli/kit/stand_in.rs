//! The secrets and models of a case: what a host has behind its ports, and a case says itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use taskloom_wasm::ports::{
    ModelAnswer, ModelFailure, ModelFuture, ModelRequest, ModelRetry, ModelUsage, Models,
    SecretProblem, SecretSource, SecretValue,
};

use super::cases::{Prompt, Reply};

/// The model of a case that names none.
const MODEL: &str = "test-model";

/// The longest message that is shown, in characters.
const MESSAGE_CHARS_MAX: usize = 300;

/// Has the secrets and the models of one case after the other.
#[derive(Default)]
pub(super) struct StandIn(Mutex<State>);

#[derive(Default)]
struct State {
    secrets: BTreeMap<String, String>,
    /// Each with whether it was asked.
    prompts: Vec<(Prompt, bool)>,
    unexpected: Vec<String>,
}

impl StandIn {
    /// Has the secrets of a case, and expects what it asks models.
    pub(super) fn expect(&self, secrets: &[(String, String)], prompts: &[Prompt]) {
        self.with(|state| {
            let secrets = secrets.iter().cloned().collect();
            let prompts = prompts.iter().map(|prompt| (prompt.clone(), false)).collect();
            *state = State { secrets, prompts, unexpected: Vec::new() };
        });
    }

    /// What went otherwise than the case expects.
    pub(super) fn differences(&self) -> Vec<String> {
        self.with(|state| {
            let missing = state.prompts.iter().filter(|(_, asked)| !asked);
            let missing = missing.map(|(prompt, _)| {
                let asks = prompt.asks.as_deref().unwrap_or("anything");
                format!("ai: no model was asked `{}`", cut(asks))
            });
            state.unexpected.iter().cloned().chain(missing).collect()
        })
    }

    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn answer(&self, request: &ModelRequest) -> Result<ModelAnswer, ModelFailure> {
        let reply = self.with(|state| {
            let fits = |(prompt, asked): &&mut (Prompt, bool)| !*asked && is(prompt, request);
            if let Some((prompt, asked)) = state.prompts.iter_mut().find(fits) {
                *asked = true;
                return Some(prompt.reply.clone());
            }
            let messages: Vec<_> = request
                .messages
                .iter()
                .map(|message| format!("{}: {}", message.role, cut(&message.content)))
                .collect();
            state.unexpected.push(format!(
                "ai: a model was asked what the case does not expect: {}",
                messages.join(" / ")
            ));
            None
        });
        match reply {
            Some(Reply::Text { text, input_tokens, output_tokens, usd_micros }) => {
                let usage = ModelUsage { input_tokens, output_tokens, usd_micros };
                let model = request.model.clone().unwrap_or_else(|| MODEL.to_owned());
                Ok(ModelAnswer { text, model, usage })
            }
            Some(Reply::Failure { code, message, is_final }) => {
                let retry = if is_final { ModelRetry::Never } else { ModelRetry::Later };
                Err(ModelFailure { retry, code, message, usage: ModelUsage::default() })
            }
            None => Err(ModelFailure {
                retry: ModelRetry::Never,
                code: "ai-unexpected".to_owned(),
                message: "the case does not expect what the model was asked".to_owned(),
                usage: ModelUsage::default(),
            }),
        }
    }
}

impl SecretSource for StandIn {
    fn read(&self, name: &str) -> Result<SecretValue, SecretProblem> {
        let value = self.with(|state| state.secrets.get(name).cloned());
        let none = || format!("the case has no secret `{name}`; add it to `secrets`");
        let value = value.ok_or_else(|| SecretProblem::Unknown(none()))?;
        Ok(SecretValue::new(value.into_bytes()))
    }
}

impl Models for StandIn {
    fn complete(&self, request: ModelRequest) -> ModelFuture<'_> {
        Box::pin(std::future::ready(self.answer(&request)))
    }
}

/// Whether a request is the one that is expected.
fn is(prompt: &Prompt, request: &ModelRequest) -> bool {
    prompt
        .asks
        .as_ref()
        .is_none_or(|part| request.messages.iter().any(|message| message.content.contains(part)))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
