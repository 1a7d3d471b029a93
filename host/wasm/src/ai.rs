//! Models for guests: what is asked is checked, bounded by the operator's budget, and counted.
//!
//! A request is refused before anybody is asked when it cannot fit the budget, and waits while others of its
//! run hold what it needs. The shares of all requests under way fit the budget together, so it is exceeded
//! only by answers that cost more than their share. What a model reports is counted whatever it is.

mod budget;
mod request;

use std::sync::Arc;

use serde_json::{Value, json};
use taskloom_core::attempt::AiUse;
use taskloom_core::failure::code;
use taskloom_core::plugin::{Capability, Effects};
use taskloom_core::schema::join;

use crate::bindings::taskloom::plugin::ai::Host;
use crate::bindings::taskloom::plugin::types::{Failure, TaskError};
use crate::guest::{Guest, cut};
use crate::outside::OutsideParts;
use crate::policy::AiGrant;
use crate::ports::{ModelAnswer, ModelFailure, ModelRetry, ModelUsage};

pub(crate) use budget::{Account, Accounts};
use request::Asked;

/// The longest message of a provider that is handed on, in bytes.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;

impl Host for Guest {
    async fn complete(&mut self, request: String) -> wasmtime::Result<Result<String, TaskError>> {
        self.count()?;
        Ok(self.ask(&request).await)
    }
}

impl Guest {
    async fn ask(&mut self, request: &str) -> Result<String, TaskError> {
        let parts = Arc::clone(self.parts());
        let grant =
            granted(&parts).map_err(|message| self.refused_ai(code::NOT_GRANTED, message))?;
        let request = match self.held.scrubber() {
            Some(scrubber) => &scrubber.named(request),
            None => request,
        };
        let asked = Asked::read(request).map_err(|message| {
            permanent(code::AI_REQUEST_INVALID, &format!("the request {message}"))
        })?;
        let limit = self.call.limits.ai_requests;
        if self.account(&parts).used().requests >= limit {
            let message = format!("an attempt may ask models {limit} times");
            return Err(self.refused_ai(code::TOO_MANY_AI_REQUESTS, message));
        }
        let (input_tokens, wanted) = (asked.input_tokens(), asked.output_tokens_wanted());
        let share = self.account(&parts).share(&grant, input_tokens, wanted).await;
        let share = share.map_err(|message| {
            let origin = parts.policy.get().origin().to_owned();
            self.refused_ai(code::AI_BUDGET_EXCEEDED, format!("{message} ({origin})"))
        })?;
        let schema = asked.schema.clone();
        let request = asked.for_model(&self.call.identity, &share);
        let answered = parts.ports.models.complete(request).await;
        let usage = match &answered {
            Ok(answer) => answer.usage,
            Err(failure) => failure.usage,
        };
        self.account(&parts).settle(&share, usage);
        let used = self.account(&parts).used();
        self.notes.use_by(|uses| uses.ai = Some(used));
        let answer = answered.map_err(failed)?;
        if usage.input_tokens.saturating_add(usage.output_tokens) > grant.tokens_per_call {
            let message = format!(
                "the answer cost {} tokens, and `tokens_per_call` is {}; it is kept back",
                usage.input_tokens.saturating_add(usage.output_tokens),
                grant.tokens_per_call
            );
            return Err(self.refused_ai(code::AI_BUDGET_EXCEEDED, message));
        }
        text_of(answer, schema.as_ref())
    }

    fn refused_ai(&self, code: &str, message: String) -> TaskError {
        self.notes.refuse(Capability::Ai, &message);
        permanent(code, &message)
    }

    /// What the call may spend, from the first time it asks on.
    fn account(&mut self, parts: &OutsideParts) -> &mut Account {
        let (call, plugin) = (&self.call, parts.plugin.clone());
        self.account.get_or_insert_with(|| {
            Box::new(parts.accounts.open(call.identity.run_id, plugin, call.ai_spent))
        })
    }

    /// What the call used of models, what was under way when it was stopped included.
    pub(crate) fn ai_used(&self) -> Option<AiUse> {
        self.account.as_ref().map(|account| account.used())
    }
}

/// The grant for a call; in words if there is none.
fn granted(parts: &OutsideParts) -> Result<AiGrant, String> {
    if parts.effects == Effects::Pure {
        return Err("a model was refused: the task type is declared `pure`".to_owned());
    }
    if !parts.asked.ai() {
        return Err(
            "a model was refused: the plugin's manifest does not ask for it by `capabilities.ai`"
                .to_owned(),
        );
    }
    let policy = parts.policy.get();
    policy
        .ai()
        .copied()
        .ok_or_else(|| format!("{} does not grant models; add [ai] with a budget", policy.origin()))
}

/// The answer as the guest gets it.
fn text_of(answer: ModelAnswer, schema: Option<&request::Wanted>) -> Result<String, TaskError> {
    let ModelAnswer { text, model, usage: ModelUsage { input_tokens, output_tokens, .. } } = answer;
    let usage = json!({ "input_tokens": input_tokens, "output_tokens": output_tokens });
    let mut told = json!({ "text": text, "model": model, "usage": usage });
    if let Some(wanted) = schema {
        let invalid = |why: String| {
            let message = format!("what `{model}` answered does not fit the schema: {why}");
            TaskError::Retryable(failure(code::AI_ANSWER_INVALID, &message))
        };
        let value: Value = serde_json::from_str(&text)
            .map_err(|error| invalid(format!("it is no JSON: {error}")))?;
        let violations = wanted.compiled.violations(&value);
        if !violations.is_empty() {
            return Err(invalid(join(&violations)));
        }
        told["value"] = value;
    }
    Ok(told.to_string())
}

fn failed(problem: ModelFailure) -> TaskError {
    let ModelFailure { retry, code, message, .. } = problem;
    let failure = failure(&code, &message);
    match retry {
        ModelRetry::Never => TaskError::Permanent(failure),
        ModelRetry::Later => TaskError::Retryable(failure),
        ModelRetry::After(delay) => {
            let ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            TaskError::RetryAfter((failure, ms))
        }
    }
}

fn permanent(code: &str, message: &str) -> TaskError {
    TaskError::Permanent(failure(code, message))
}

fn failure(code: &str, message: &str) -> Failure {
    let message = cut(message, MESSAGE_BYTES_MAX).to_owned();
    Failure { code: code.to_owned(), message, details: None }
}
