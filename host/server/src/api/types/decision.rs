//! Decision points of runs.

use serde::{Deserialize, Serialize};
use taskloom_core::run::{RunState, TaskIndex};
use taskloom_core::workflow::{self, TaskKind};
use utoipa::ToSchema;

/// What a decision chooses from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionPoint {
    /// What is decided.
    pub question: String,
    /// What may be chosen.
    pub options: Vec<DecisionOption>,
    /// Why a person is asked, or was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_because: Option<String>,
}

/// What may be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionOption {
    /// Its name.
    pub id: String,
    /// What it means, if the workflow says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
}

impl DecisionPoint {
    /// What a task chooses from, if it is a decision.
    pub fn of(run: &RunState, index: TaskIndex) -> Option<Self> {
        let TaskKind::Decision(decision) = &run.definition(index).kind else { return None };
        let options = decision.options.iter();
        Some(Self {
            question: decision.question.clone(),
            options: options.map(DecisionOption::from).collect(),
            asked_because: run.asked_because(index).map(str::to_owned),
        })
    }
}

impl From<&workflow::DecisionOption> for DecisionOption {
    fn from(option: &workflow::DecisionOption) -> Self {
        Self { id: option.id.to_string(), about: option.about.clone() }
    }
}
