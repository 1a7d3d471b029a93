//! Takes over the output of an earlier attempt instead of calling the handler, where a task says
//! `cache = { ttl }`.
//!
//! What an output depends on is its key: the plugin's version, the task type, the input and what the
//! plugin may reach. Two attempts with one key that run at the same time both run: neither waits for
//! the other, and the later result is kept.

use std::time::Duration;

use serde_json::{Value, json};
use taskloom_core::attempt::CachedFrom;
use taskloom_core::id::{Digest, TaskType};
use taskloom_core::plugin::Effects;
use taskloom_core::time::Timestamp;
use taskloom_store::{CachedRow, Store};
use taskloom_wasm::Plugin;

use crate::payloads::{Kept, Payloads};

/// The output of an earlier attempt.
pub(super) struct Hit {
    pub(super) row: CachedRow,
    /// Its text, if it does not lie in the row: written again in case it has been swept.
    pub(super) kept: Option<Kept>,
}

impl Hit {
    /// Where it is from.
    pub(super) fn from(&self) -> Box<CachedFrom> {
        let CachedRow { run, ref task, attempt, made_at, .. } = self.row;
        Box::new(CachedFrom { run, task: task.clone(), attempt, at: made_at })
    }
}

/// What the output of a call is known by; `None` when it is not for others, since the call may change
/// the world.
pub(super) fn key_of(plugin: &Plugin, task_type: &TaskType, input: &str) -> Option<Digest> {
    let spec = plugin.manifest().task_types.get(task_type)?;
    if spec.effects == Effects::Writes {
        return None;
    }
    let input = serde_json::from_str(input).ok()?;
    Some(key(plugin.digest(), task_type, &input, plugin.policy().grants_digest()))
}

fn key(plugin: Digest, task_type: &TaskType, input: &Value, grants: Digest) -> Digest {
    // Objects are printed in the order of their keys, so form does not matter.
    let parts = json!({
        "plugin": plugin.to_string(),
        "type": task_type.as_str(),
        "input": input,
        "grants": grants.to_string(),
    });
    Digest::of(parts.to_string().as_bytes())
}

/// The output that was kept under a key, if it is at most `ttl` old. What cannot be read is no
/// output: the handler is called.
pub(super) async fn look_up(
    store: &Store,
    payloads: &Payloads,
    key: Digest,
    ttl: Duration,
    now: Timestamp,
) -> Option<Hit> {
    let ttl = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
    let not_before = Timestamp::from_ms(now.as_ms().saturating_sub(ttl));
    let store = store.clone();
    let found = tokio::task::spawn_blocking(move || store.cached(&key, not_before)).await;
    let row = match found.expect("reading a row does not panic") {
        Ok(row) => row?,
        Err(error) => {
            tracing::warn!(%error, "a kept result cannot be read; the handler is called");
            return None;
        }
    };
    let kept = match row.output.inline_text() {
        Some(_) => None,
        None => Some((row.output.digest, payloads.text_of(row.output.digest).await.ok()?)),
    };
    Some(Hit { row, kept })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_key_counts_and_the_form_of_the_input_does_not() {
        let task_type = |name: &str| TaskType::new(name).expect("a task type");
        let (plugin, grants, other) = (Digest::of(b"p"), Digest::of(b"g"), Digest::of(b"x"));
        let input: Value = serde_json::from_str(r#"{"a": 1, "b": "\u00fc"}"#).expect("JSON");
        let same: Value = serde_json::from_str(r#"{"b":"ü","a":1}"#).expect("JSON");
        let of = task_type("p.a");
        let first = key(plugin, &of, &input, grants);
        assert_eq!(first, key(plugin, &of, &same, grants));
        assert_ne!(first, key(other, &of, &input, grants));
        assert_ne!(first, key(plugin, &task_type("p.b"), &input, grants));
        assert_ne!(first, key(plugin, &of, &json!({ "a": 2, "b": "ü" }), grants));
        assert_ne!(first, key(plugin, &of, &input, other));
    }
}
