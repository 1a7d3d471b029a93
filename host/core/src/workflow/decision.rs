//! A decision point: a question with a few answers, what recommends one of them, and what happens when
//! nothing does.

use std::time::Duration;

use crate::expression::Expression;
use crate::id::{OptionId, TaskId};

/// A decision point. The task's input is what it is about, and what a person is shown.
#[derive(Debug)]
pub struct Decision {
    /// What is decided, for people and models.
    pub question: String,
    /// What may be chosen, in the order of the file; at least one.
    pub options: Vec<DecisionOption>,
    /// What recommends one of them.
    pub recommend: Recommend,
    /// The least confidence of a recommendation, from 0 to 1; `None` for any, and for none.
    pub min_confidence: Option<f64>,
    /// What happens without a recommendation that will do.
    pub fallback: Fallback,
}

/// What may be chosen.
#[derive(Debug)]
pub struct DecisionOption {
    /// Its name.
    pub id: OptionId,
    /// What it means, for people and models.
    pub about: Option<String>,
    /// Whether it may be recommended: a truth value. Of a rule, whether it is.
    pub when: Option<Expression>,
}

/// What recommends an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recommend {
    /// The first option whose `when` holds.
    Rule,
    /// The output of a task: `{ option, confidence, reason }`.
    Task(TaskId),
    /// A model.
    Ai,
}

/// What happens without a recommendation that will do.
#[derive(Debug)]
pub enum Fallback {
    /// This option is chosen.
    Option(OptionId),
    /// A person chooses.
    Person {
        /// How long it may take; `None` for no limit.
        deadline: Option<Duration>,
        /// The option that is chosen then; without it, the task has timed out.
        late: Option<OptionId>,
    },
}

impl Decision {
    /// The place of an option.
    pub fn place(&self, id: &str) -> Option<usize> {
        self.options.iter().position(|option| option.id.as_str() == id)
    }

    /// The names of the options, for people: "`low` or `high`".
    pub fn names(&self) -> String {
        let names: Vec<_> = self.options.iter().map(|option| format!("`{}`", option.id)).collect();
        match names.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        }
    }
}
