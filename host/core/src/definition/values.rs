//! What a file reads of the values that its host's configuration gives to workflows.

use serde_json::Value;

use super::Definition;
use super::site::path_of;
use super::types::{Found, Help};
use crate::document::{Problem, Step, clip, suggest};
use crate::expression::{Path, PathStep, Root};
use crate::workflow::KnownTypes;

/// The code of the problem of a value that the host does not have: no fault of the file itself.
pub const NO_CONFIG_VALUE: &str = "unknown-config-value";

/// The most keys that a hint lists.
const KEYS_LISTED_MAX: usize = 12;

impl Definition {
    /// What the workflow reads of `config` that `values`, those of the host, do not hold. What an
    /// expression asks for by `has()` may be missing.
    pub fn check_values(&self, values: &Value) -> Vec<Problem> {
        let mut found = Vec::new();
        for formula in self.formulas.iter().filter(|formula| formula.what.references().config) {
            formula.what.expressions(&mut |inside, offset, expression| {
                for path in expression.paths() {
                    if path.root != Root::Config || expression.is_guarded(path) {
                        continue;
                    }
                    let Some((message, help)) = missing(values, path) else { continue };
                    let task = formula.task.map(|task| path_of(&self.sites, task));
                    let mut steps: Vec<Step<'static>> = task.unwrap_or_default();
                    steps.extend(formula.path.iter().copied());
                    found.push(Found {
                        path: steps,
                        inside: inside.to_vec(),
                        byte: Some(offset + expression.position_of("config")),
                        code: NO_CONFIG_VALUE,
                        message,
                        help: Help::Text(Some(help)),
                    });
                }
            });
        }
        self.place(found, &KnownTypes::new())
    }
}

/// What of `path` is not in `values`, and what to do; `None` when all of it is.
fn missing(values: &Value, path: &Path) -> Option<(String, String)> {
    let mut here = values;
    for (done, step) in path.steps.iter().enumerate() {
        let next = match step {
            PathStep::Key(key) => here.get(key),
            PathStep::Item(place) => here.get(*place),
        };
        let Some(next) = next else {
            let reached = Path { root: Root::Config, steps: path.steps[..=done].to_vec() };
            let message = format!(
                "`{}` is not in the configuration of this host",
                clip(&reached.to_string())
            );
            return Some((message, advice(here, step)));
        };
        here = next;
    }
    None
}

fn advice(here: &Value, step: &PathStep) -> String {
    let keys = || here.as_object().into_iter().flat_map(|object| object.keys().map(String::as_str));
    let near = match step {
        PathStep::Key(key) => suggest(key, keys()),
        PathStep::Item(_) => None,
    };
    let add = "add it to `[values]` of the host's configuration and start the host again";
    if let Some(near) = near {
        return format!("did you mean `{near}`? or {add}");
    }
    let listed: Vec<_> = keys().take(KEYS_LISTED_MAX).collect();
    if listed.is_empty() {
        add.to_owned()
    } else {
        format!("{add}; there is: {}", listed.join(", "))
    }
}
