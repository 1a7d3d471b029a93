//! Why a run has not begun.

use serde::{Deserialize, Serialize};
use taskloom_core::run::RunState;
use utoipa::ToSchema;

/// Why a run has not begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// It does not begin before this time; null without such a time.
    pub until: Option<String>,
    /// Its concurrency key; null without one.
    pub key: Option<String>,
    /// The runs of the key that go before it: those at work, then those that wait, each the oldest
    /// first.
    pub behind: Vec<String>,
}

impl Held {
    /// Why a run has not begun; `None` when it has, or never will.
    pub fn new(state: &RunState, behind: &[taskloom_core::id::RunId]) -> Option<Self> {
        let concurrency = state.start.concurrency.as_ref();
        state.is_held().then(|| Self {
            until: state.start.not_before.map(|at| at.to_string()),
            key: concurrency.map(|concurrency| concurrency.key.clone()),
            behind: behind.iter().map(ToString::to_string).collect(),
        })
    }
}
