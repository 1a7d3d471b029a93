//! What plugins were refused: the last refusals of each, for whoever asks, and counts of all and of crashes, for
//! whoever watches. Since the start of the host; each attempt's own record of it lies in the journal.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};
use taskloom_core::attempt::{CapabilityUse, Refused};
use taskloom_core::id::{PluginName, RunId, TaskId};
use taskloom_core::plugin::Capability;
use taskloom_core::time::Timestamp;

/// Refusals that are kept of each plugin: enough to see what a new version began to do, and little
/// enough that a plugin which is refused all day costs a megabyte.
const REFUSALS_PER_PLUGIN: usize = 1_000;

/// Keeps what plugins were refused. Clones are the same.
#[derive(Clone, Debug)]
pub struct Audit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    refusals: Mutex<HashMap<PluginName, Kept>>,
    registry: Registry,
    refused: Family<RefusedLabels, Counter>,
    secrets: Family<PluginLabels, Counter>,
    ai_requests: Family<PluginLabels, Counter>,
    ai_tokens: Family<TokenLabels, Counter>,
    crashes: Family<PluginLabels, Counter>,
    quarantines: Family<PluginLabels, Counter>,
}

/// The refusals of one plugin, the oldest first.
#[derive(Debug, Default)]
struct Kept {
    refusals: VecDeque<Refusal>,
    /// All of them, those that are not kept any more included.
    count: u64,
}

/// Something that an attempt was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Its place among the refusals of the plugin since the start of the host, from 1.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The run of the attempt.
    pub run: RunId,
    /// Its task.
    pub task: TaskId,
    /// Its number.
    pub attempt: u32,
    /// Of which capability, and what.
    pub refused: Refused,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefusedLabels {
    plugin: String,
    capability: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PluginLabels {
    plugin: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TokenLabels {
    plugin: String,
    direction: &'static str,
}

impl Default for Audit {
    fn default() -> Self {
        let (refused, secrets) = (Family::default(), Family::default());
        let (ai_requests, ai_tokens) = (Family::default(), Family::default());
        let mut registry = Registry::with_prefix("taskloom");
        let help = "What plugins were refused because nobody granted it";
        registry.register("refusals", help, Family::clone(&refused));
        let help = "Attempts whose requests carried a secret, for each secret";
        registry.register("secret_uses", help, Family::clone(&secrets));
        let help = "Requests of plugins to models";
        registry.register("ai_requests", help, Family::clone(&ai_requests));
        let help = "Tokens that plugins used of models";
        let unit = Unit::Other("tokens".to_owned());
        registry.register_with_unit("ai", help, unit, Family::clone(&ai_tokens));
        let (crashes, quarantines) = (Family::default(), Family::default());
        let help = "Calls of plugins that crashed";
        registry.register("plugin_crashes", help, Family::clone(&crashes));
        let help = "Versions of plugins that crashed again and again";
        registry.register("plugin_quarantines", help, Family::clone(&quarantines));
        Self(Arc::new(Inner {
            refusals: Mutex::default(),
            registry,
            refused,
            secrets,
            ai_requests,
            ai_tokens,
            crashes,
            quarantines,
        }))
    }
}

impl Audit {
    /// Keeps a refusal, and counts it.
    pub fn refused(
        &self,
        plugin: &PluginName,
        at: Timestamp,
        (run, task, attempt): (RunId, &TaskId, u32),
        refused: &Refused,
    ) {
        let capability = refused.capability.as_str();
        let labels = RefusedLabels { plugin: plugin.to_string(), capability };
        self.0.refused.get_or_create(&labels).inc();
        let mut all = self.0.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = all.entry(plugin.clone()).or_default();
        kept.count += 1;
        if kept.refusals.len() >= REFUSALS_PER_PLUGIN {
            kept.refusals.pop_front();
        }
        let (seq, task, refused) = (kept.count, task.clone(), refused.clone());
        kept.refusals.push_back(Refusal { seq, at, run, task, attempt, refused });
    }

    /// Counts refusals that nobody told one by one.
    pub fn refused_more(&self, plugin: &PluginName, capability: Capability, count: u64) {
        let labels = RefusedLabels { plugin: plugin.to_string(), capability: capability.as_str() };
        self.0.refused.get_or_create(&labels).inc_by(count);
    }

    /// Counts what an attempt used.
    pub fn used(&self, plugin: &PluginName, uses: &CapabilityUse) {
        let labels = PluginLabels { plugin: plugin.to_string() };
        if !uses.secrets.is_empty() {
            self.0.secrets.get_or_create(&labels).inc_by(uses.secrets.len() as u64);
        }
        let Some(ai) = &uses.ai else { return };
        self.0.ai_requests.get_or_create(&labels).inc_by(ai.requests);
        for (direction, tokens) in [("input", ai.input_tokens), ("output", ai.output_tokens)] {
            let labels = TokenLabels { plugin: plugin.to_string(), direction };
            self.0.ai_tokens.get_or_create(&labels).inc_by(tokens);
        }
    }

    /// Counts a call that crashed, and whether it was one too many.
    pub fn crashed(&self, plugin: &PluginName, is_too_many: bool) {
        let labels = PluginLabels { plugin: plugin.to_string() };
        self.0.crashes.get_or_create(&labels).inc();
        if is_too_many {
            self.0.quarantines.get_or_create(&labels).inc();
        }
    }

    /// The last refusals of a plugin before number `before` (of all without one), the newest first, at
    /// most `limit`; and how many there were since the start of the host.
    pub fn refusals(
        &self,
        plugin: &PluginName,
        before: Option<u64>,
        limit: usize,
    ) -> (Vec<Refusal>, u64) {
        let all = self.0.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = all.get(plugin) else { return (Vec::new(), 0) };
        let is_before = |refusal: &&Refusal| before.is_none_or(|before| refusal.seq < before);
        let found = kept.refusals.iter().rev().filter(is_before).take(limit).cloned().collect();
        (found, kept.count)
    }

    /// Every count, as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0.registry).expect("a text takes every line");
        text
    }
}

#[cfg(test)]
mod tests {
    use taskloom_core::attempt::AiUse;

    use super::*;

    fn refuse(audit: &Audit, times: usize) {
        let plugin = PluginName::new("p").expect("a name");
        let run = "01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("a run id");
        let task = TaskId::new("t").expect("a name");
        for n in 0..times {
            let refused = Refused { capability: Capability::Http, message: format!("no {n}") };
            audit.refused(&plugin, Timestamp::from_ms(0), (run, &task, 1), &refused);
        }
    }

    #[test]
    fn the_newest_are_kept_and_all_are_counted() {
        let audit = Audit::default();
        refuse(&audit, REFUSALS_PER_PLUGIN + 2);
        let plugin = PluginName::new("p").expect("a name");
        let (page, count) = audit.refusals(&plugin, None, 2);
        let messages: Vec<_> = page.iter().map(|refusal| &*refusal.refused.message).collect();
        assert_eq!(messages, ["no 1001", "no 1000"]);
        assert_eq!(count, 1_002);
        let (rest, _) = audit.refusals(&plugin, Some(page[1].seq), usize::MAX);
        assert_eq!(rest.len(), REFUSALS_PER_PLUGIN - 2, "the rest of those that are kept");
        let other = PluginName::new("other").expect("a name");
        assert_eq!(audit.refusals(&other, None, 1), (Vec::new(), 0));
    }

    #[test]
    fn counts_are_told_as_metrics() {
        let audit = Audit::default();
        refuse(&audit, 3);
        let plugin = PluginName::new("p").expect("a name");
        audit.refused_more(&plugin, Capability::Http, 4);
        let ai = AiUse { requests: 2, input_tokens: 7, output_tokens: 5, ..AiUse::default() };
        let uses = CapabilityUse {
            secrets: vec!["a".to_owned()],
            ai: Some(ai),
            ..CapabilityUse::default()
        };
        audit.used(&PluginName::new("p").expect("a name"), &uses);
        for is_too_many in [false, true] {
            audit.crashed(&PluginName::new("p").expect("a name"), is_too_many);
        }
        let text = audit.text();
        for line in [
            "taskloom_refusals_total{plugin=\"p\",capability=\"http\"} 7",
            "taskloom_secret_uses_total{plugin=\"p\"} 1",
            "taskloom_ai_requests_total{plugin=\"p\"} 2",
            "taskloom_ai_tokens_total{plugin=\"p\",direction=\"output\"} 5",
            "taskloom_plugin_crashes_total{plugin=\"p\"} 2",
            "taskloom_plugin_quarantines_total{plugin=\"p\"} 1",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line}\nis not in\n{text}");
        }
    }
}
