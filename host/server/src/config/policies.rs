//! Reads `[plugins.policy.<name>]` of the configuration file: what plugins are granted by whoever runs the host, and not by
//! whoever can write the folder of plugins.

use std::collections::BTreeMap;

use taskloom_core::document::{Step, Table};
use taskloom_core::id::PluginName;
use taskloom_wasm::Policy;

/// Policies by the names of their plugins.
pub(super) type Policies = BTreeMap<PluginName, Policy>;

/// Reads the table; `origin` is the file's name in messages.
pub(super) fn read(origin: &str, mut table: Table<'_>) -> Policies {
    let mut policies = Policies::new();
    let names: Vec<_> = table.keys().collect();
    for name in names {
        let plugin = match PluginName::new(name) {
            Ok(plugin) => plugin,
            Err(error) => {
                table.report(&[Step::Key(name)], "invalid-value", error.to_string(), None);
                continue;
            }
        };
        if let Some(mut inner) = table.table(name) {
            let policy = Policy::of(&format!("[plugins.policy.{name}] of {origin}"), &mut inner);
            inner.finish();
            policies.insert(plugin, policy);
        }
    }
    policies
}
