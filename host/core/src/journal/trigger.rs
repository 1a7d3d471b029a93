//! What triggers have done.

use serde::{Deserialize, Serialize};

use super::StreamEvent;
use crate::id::RunId;
use crate::time::Timestamp;

/// Something that a trigger did. An occurrence is what may start a run: a time of a schedule, a
/// delivery, a change of a file. Its key names it, so that it starts at most one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TriggerEvent {
    /// An occurrence started a run.
    TriggerFired {
        /// Names the occurrence.
        key: String,
        /// The time of the schedule that it stands for, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
        /// The run.
        run: RunId,
    },
    /// An occurrence started nothing.
    TriggerSkipped {
        /// Names the occurrence.
        key: String,
        /// The time of the schedule that it stands for, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
        /// Why.
        reason: String,
    },
    /// The trigger's schedule counts from here: it is new, or was changed.
    TriggerArmed {
        /// Times up to this one are none of its occurrences.
        since: Timestamp,
        /// What it listens to, in words; another text is another schedule.
        source: String,
    },
}

impl StreamEvent for TriggerEvent {
    fn kind(&self) -> &'static str {
        match self {
            Self::TriggerFired { .. } => "trigger-fired",
            Self::TriggerSkipped { .. } => "trigger-skipped",
            Self::TriggerArmed { .. } => "trigger-armed",
        }
    }
}
