//! What plugins did with capabilities, what they were refused, and how often they crashed, counted for whoever watches.
//! Since the start of the host; what was refused lies in the journal, with each attempt, and is listed by the store.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};
use taskloom_core::attempt::{CapabilityUse, Refused};
use taskloom_core::id::PluginName;
use taskloom_core::plugin::Capability;

/// Counts what plugins do and are refused. Clones are the same.
#[derive(Clone, Debug)]
pub struct Audit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    refused: Family<RefusedLabels, Counter>,
    secrets: Family<PluginLabels, Counter>,
    ai_requests: Family<PluginLabels, Counter>,
    ai_tokens: Family<TokenLabels, Counter>,
    crashes: Family<PluginLabels, Counter>,
    quarantines: Family<PluginLabels, Counter>,
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
    /// Counts a refusal.
    pub fn refused(&self, plugin: &PluginName, refused: &Refused) {
        let capability = refused.capability.as_str();
        let labels = RefusedLabels { plugin: plugin.to_string(), capability };
        self.0.refused.get_or_create(&labels).inc();
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

    #[test]
    fn counts_are_told_as_metrics() {
        let audit = Audit::default();
        let plugin = PluginName::new("p").expect("a name");
        for n in 0..3 {
            let refused = Refused { capability: Capability::Http, message: format!("no {n}") };
            audit.refused(&plugin, &refused);
        }
        audit.refused_more(&plugin, Capability::Http, 4);
        let ai = AiUse { requests: 2, input_tokens: 7, output_tokens: 5, ..AiUse::default() };
        let uses = CapabilityUse {
            secrets: vec!["a".to_owned()],
            ai: Some(ai),
            ..CapabilityUse::default()
        };
        audit.used(&plugin, &uses);
        for is_too_many in [false, true] {
            audit.crashed(&plugin, is_too_many);
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
