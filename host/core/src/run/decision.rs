//! Decides what a decision point chooses: what was recommended, if that will do, or what is said for
//! when it will not.

use serde_json::{Value, json};

use super::{Refusal, RunState, TaskIndex, TaskStatus, WaitFor};
use crate::document::clip;
use crate::failure::{Failure, FailureClass, code};
use crate::id::{OptionId, TaskId};
use crate::journal::{DecidedBy, RunEvent};
use crate::payload::PayloadRef;
use crate::time::Timestamp;
use crate::workflow::{Decision, Fallback, Recommend, TaskKind};

/// The longest reason, in bytes as JSON: it stands in the output, which lies in the event itself.
const REASON_BYTES_MAX: usize = 600;

/// What was computed for a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommended {
    /// What was recommended, or why nothing was.
    pub said: Result<Recommendation, String>,
    /// Whether each option may be recommended: its `when` holds, or it has none. Of a rule, what
    /// stands behind the first that holds is not looked at.
    pub open: Vec<bool>,
    /// What the decision is about.
    pub input: PayloadRef,
}

/// What was recommended; nobody has looked at it yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommendation {
    /// Who or what recommends it.
    pub by: DecidedBy,
    /// The option, as it was said.
    pub option: String,
    /// How sure who recommends it is.
    pub confidence: Option<f64>,
    /// Why, for people.
    pub reason: Option<String>,
}

impl Recommendation {
    /// Reads the output of the task that recommends.
    fn of(task: &TaskId, output: &Value) -> Result<Self, String> {
        let Value::Object(said) = output else { return Err("it is no object".to_owned()) };
        let option = said.get("option").and_then(Value::as_str).ok_or("it has no text `option`")?;
        let confidence = match said.get("confidence") {
            None | Some(Value::Null) => None,
            Some(value) => {
                let number = value.as_f64().filter(|number| (0.0..=1.0).contains(number));
                Some(number.ok_or("its `confidence` is no number from 0 to 1")?)
            }
        };
        let reason = said.get("reason").and_then(Value::as_str).map(str::to_owned);
        let by = DecidedBy::Task(task.clone());
        Ok(Self { by, option: option.to_owned(), confidence, reason })
    }
}

impl Decision {
    /// What is recommended, or why nothing is: given which options are open and the output of the
    /// task that recommends, if one does.
    ///
    /// # Errors
    /// Why nothing is recommended, for people.
    pub fn recommendation(
        &self,
        open: &[bool],
        output: Option<&Value>,
    ) -> Result<Recommendation, String> {
        match &self.recommend {
            Recommend::Rule => {
                let holds =
                    self.options.iter().zip(open).find(|(o, open)| o.when.is_some() && **open);
                let (option, _) = holds.ok_or("no `when` of an option holds")?;
                let (by, option) = (DecidedBy::Rule, option.id.to_string());
                Ok(Recommendation { by, option, confidence: None, reason: None })
            }
            Recommend::Task(task) => match output {
                Some(output) => Recommendation::of(task, output)
                    .map_err(|why| format!("the output of `{task}` is no recommendation: {why}")),
                None => Err(format!("`{task}` has no output")),
            },
            Recommend::Ai => Err("no provider of models is configured".to_owned()),
        }
    }

    /// The option that was recommended, or why it will not do.
    fn judge(&self, said: &Recommendation, open: &[bool]) -> Result<OptionId, String> {
        let name = clip(&said.option);
        let place = self.place(&said.option);
        let place = place.ok_or_else(|| {
            format!("`{name}` was recommended, and the options are {}", self.names())
        })?;
        if open.get(place) != Some(&true) {
            return Err(format!("`{name}` was recommended, and its `when` does not hold"));
        }
        match (self.min_confidence, said.confidence) {
            (Some(least), None) => {
                Err(format!("`{name}` was recommended without a confidence, and {least} is needed"))
            }
            (Some(least), Some(given)) if given < least => Err(format!(
                "`{name}` was recommended with a confidence of {given}, and {least} is needed"
            )),
            _ => Ok(self.options[place].id.clone()),
        }
    }
}

/// The output of a decision; what is not known is left out.
pub fn decision_output(
    option: &OptionId,
    by: &DecidedBy,
    confidence: Option<f64>,
    reason: Option<&str>,
) -> Value {
    let mut output = json!({ "option": option.as_str(), "by": by.to_string() });
    if let DecidedBy::Person(who) = by {
        output["who"] = who.as_str().into();
    }
    if let Some(confidence) = confidence {
        output["confidence"] = confidence.into();
    }
    if let Some(reason) = reason {
        output["reason"] = reason.into();
    }
    output
}

/// What a recommendation means: the decision, or the question to a person.
pub(super) fn recommended(
    task: TaskId,
    decision: &Decision,
    Recommended { said, open, input }: Recommended,
    now: Timestamp,
) -> RunEvent {
    let judged = said.and_then(|said| Ok((decision.judge(&said, &open)?, said)));
    match judged {
        Ok((option, said)) => {
            made(task, option, said.by, (said.confidence, said.reason), Some(input))
        }
        Err(reason) => match &decision.fallback {
            Fallback::Option(option) => {
                let (option, by) = (option.clone(), DecidedBy::Fallback);
                made(task, option, by, (None, Some(reason)), Some(input))
            }
            Fallback::Person { deadline, .. } => {
                let deadline = deadline.map(|most| now.after(most));
                let reason = Some(shortened(&reason));
                RunEvent::ApprovalRequested { task, prompt: input, deadline, reason }
            }
        },
    }
}

/// What happens when no person chose in time.
pub(super) fn late(task: TaskId, decision: &Decision) -> RunEvent {
    match &decision.fallback {
        Fallback::Person { late: Some(option), .. } => {
            let reason = Some("nobody chose in time".to_owned());
            made(task, option.clone(), DecidedBy::Fallback, (None, reason), None)
        }
        Fallback::Person { late: None, .. } | Fallback::Option(_) => {
            let message = "nobody chose in time";
            let failure = Failure::new(FailureClass::Timeout, code::APPROVAL_TIMEOUT, message);
            RunEvent::TaskTimedOut { task, failure }
        }
    }
}

/// What a person's choice means.
pub(super) fn chosen(
    state: &RunState,
    index: TaskIndex,
    (option, by, reason): (OptionId, String, Option<String>),
    output: PayloadRef,
) -> Result<Vec<RunEvent>, Refusal> {
    let TaskStatus::Waiting(WaitFor::Approval { .. }) = state.task(index).status else {
        return Err(state.not_now(index));
    };
    let task = state.task(index).id.clone();
    match &state.definition(index).kind {
        TaskKind::Decision(decision) if decision.place(option.as_str()).is_some() => {
            let (by, confidence, input) = (DecidedBy::Person(by), None, None);
            Ok(vec![RunEvent::DecisionMade { task, option, by, confidence, reason, input, output }])
        }
        TaskKind::Decision(decision) => {
            Err(Refusal::UnknownOption { task, option, options: decision.names() })
        }
        _ => Err(Refusal::NoDecision(task)),
    }
}

fn made(
    task: TaskId,
    option: OptionId,
    by: DecidedBy,
    (confidence, reason): (Option<f64>, Option<String>),
    input: Option<PayloadRef>,
) -> RunEvent {
    let reason = reason.map(|reason| shortened(&reason));
    let output = decision_output(&option, &by, confidence, reason.as_deref());
    let output = PayloadRef::small(&output);
    RunEvent::DecisionMade { task, option, by, confidence, reason, input, output }
}

/// As much of a reason as may be kept.
fn shortened(reason: &str) -> String {
    let mut bytes = 0;
    let fits = |c: &char| {
        bytes += Value::from(c.to_string()).to_string().len() - "\"\"".len();
        bytes <= REASON_BYTES_MAX
    };
    reason.chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(output: &Value) -> String {
        let task = TaskId::new("t").expect("an id");
        match Recommendation::of(&task, output) {
            Ok(Recommendation { option, confidence, reason, .. }) => {
                format!("{option} {confidence:?} {reason:?}")
            }
            Err(why) => why,
        }
    }

    #[test]
    fn a_recommendation_is_an_object_with_an_option() {
        let full = json!({ "option": "a", "confidence": 1, "reason": "so", "more": [] });
        assert_eq!(read(&full), "a Some(1.0) Some(\"so\")");
        assert_eq!(read(&json!({ "option": "a", "confidence": null, "reason": 3 })), "a None None");
        assert_eq!(read(&json!("a")), "it is no object");
        assert_eq!(read(&json!({ "option": 1 })), "it has no text `option`");
        for wrong in [json!(1.5), json!(-0.1), json!("1")] {
            let output = json!({ "option": "a", "confidence": wrong });
            assert_eq!(read(&output), "its `confidence` is no number from 0 to 1");
        }
    }

    #[test]
    fn a_reason_is_kept_as_far_as_it_fits_the_event() {
        assert_eq!(shortened("why\n"), "why\n");
        for long in ["x".repeat(2000), "\u{1}".repeat(2000), "é".repeat(2000)] {
            let task = TaskId::new(&"t".repeat(128)).expect("an id");
            let option = OptionId::new(&"o".repeat(64)).expect("an id");
            let by = DecidedBy::Task(task.clone());
            // It would panic if the output were too long.
            made(task, option, by, (Some(0.123_456_789_012_345_67), Some(long)), None);
        }
    }
}
