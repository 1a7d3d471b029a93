//! Questions of the planner, and how they are answered: everything that is computed for a run
//! beside the inputs of its handlers. Nothing in here changes a run.

use std::sync::Arc;

use serde_json::Value;
use taskloom_core::context::Values;
use taskloom_core::expression::{Expression, References, Scope, Template};
use taskloom_core::failure::{Failure, FailureClass, code};
use taskloom_core::id::RunId;
use taskloom_core::run::{Answer, Question, Recommended, RunState, TaskIndex};
use taskloom_core::time::Timestamp;
use taskloom_core::workflow::{
    BlockIndex, Case, Members, NodeIndex, TaskKind, WaitUntil, Workflow,
};
use uuid::Uuid;

use super::deciding;
use super::fault::{expression_failed, key_of, type_of, wrong_type};
use super::names::{Known, Names};
use super::outputs::{Part, leaves, members, merged, object};
use crate::payloads::{Kept, Payloads};

/// A question with all that is needed to answer it.
pub(super) struct Inquiry {
    pub(super) run: RunId,
    pub(super) task: TaskIndex,
    pub(super) question: Question,
    workflow: Arc<Workflow>,
    node: NodeIndex,
    names: Names,
    parts: Vec<Part>,
}

/// An answer on its way back to the planner, and what the store must keep for it.
pub(super) struct Answered {
    pub(super) run: RunId,
    pub(super) task: TaskIndex,
    pub(super) question: Question,
    pub(super) answer: Result<Answer, Failure>,
    pub(super) payloads: Vec<Kept>,
}

impl Inquiry {
    /// What is asked of `task`.
    pub(super) fn new(state: &RunState, task: TaskIndex, question: Question) -> Self {
        let (node, own) = (state.task(task).node, state.task(task).frame);
        let frame = match question {
            Question::ItemValue { item } => state.item_frame(task, item).unwrap_or(own),
            _ => own,
        };
        let references = references(&state.workflow, node, question);
        let names = Names::of(state, frame, &references.unwrap_or_default());
        let own = (question == Question::Writes).then(|| state.task(task).output().cloned());
        let names = names.with_output(own.flatten());
        let parts = match (question, block_of(&state.workflow, node, question)) {
            (Question::MergedValue, _) => members(state, task),
            (_, Some(block)) if state.workflow.block(block).output.is_none() => {
                leaves(state, block, frame)
            }
            _ => Vec::new(),
        };
        let workflow = Arc::clone(&state.workflow);
        Self { run: state.id, task, question, workflow, node, names, parts }
    }

    /// Answers it.
    pub(super) async fn answer(self, payloads: &Payloads, known: &Known) -> Answered {
        let mut kept = Vec::new();
        let answer = self.compute(payloads, known, &mut kept).await;
        let Self { run, task, question, .. } = self;
        Answered { run, task, question, answer, payloads: kept }
    }

    async fn compute(
        &self,
        payloads: &Payloads,
        known: &Known,
        kept: &mut Vec<Kept>,
    ) -> Result<Answer, Failure> {
        let task = self.workflow.task(self.node);
        let mut keep = |value: &Value| {
            let (payload, text) =
                payloads.keep(value.to_string()).expect("a JSON value prints as JSON");
            kept.extend(text);
            payload
        };
        let scope = self.names.read(payloads, known).await?;
        let key = key_of(task, self.question);
        let failed = |error| expression_failed(&key, &error);
        let of = |expression: &Expression| expression.evaluate(&scope).map_err(failed);
        let value_of = |template: &Template| template.evaluate(&scope).map_err(failed);
        match (self.question, &task.kind) {
            (Question::RunIf, _) => {
                let expression = task.run_if.as_ref().ok_or_else(|| self.misplaced())?;
                Ok(Answer::Truth(truth((&key, expression), &of(expression)?)?))
            }
            (Question::Condition, TaskKind::Branch { condition, .. }) => {
                Ok(Answer::Truth(truth((&key, condition), &of(condition)?)?))
            }
            (Question::Selector, TaskKind::Switch { on, cases, .. }) => {
                let value = of(on)?;
                let place = Case::chosen_by(&value, cases);
                Ok(Answer::Case(place.and_then(|place| u32::try_from(place).ok())))
            }
            (Question::Items, TaskKind::Parallel { members: Members::Items { items, .. }, .. }) => {
                let list = of(items)?;
                let count = match &list {
                    Value::Array(items) => u32::try_from(items.len()).unwrap_or(u32::MAX),
                    other => {
                        return Err(wrong_type(code::NOT_A_LIST, (&key, items), ("a list", other)));
                    }
                };
                Ok(Answer::Items { items: keep(&list), count })
            }
            (Question::Until, TaskKind::Wait(wait)) => match &wait.until {
                WaitUntil::Time(expression) => time((&key, expression), &of(expression)?),
                _ => Err(self.misplaced()),
            },
            (Question::BlockValue { .. } | Question::ItemValue { .. }, _) => {
                let block = block_of(&self.workflow, self.node, self.question);
                let block = block.ok_or_else(|| self.misplaced())?;
                let value = match &self.workflow.block(block).output {
                    Some(template) => value_of(template)?,
                    None => Value::Object(object(&self.parts, payloads).await?),
                };
                Ok(Answer::Value(keep(&value)))
            }
            (Question::MergedValue, TaskKind::Parallel { merge, .. }) => {
                let value = merged(merge, &self.parts, payloads).await?;
                Ok(Answer::Value(keep(&value)))
            }
            (Question::ChildInput, _) => {
                let input = keep(&value_of(&task.input)?);
                Ok(Answer::Child { run: RunId::new(Uuid::now_v7()), input })
            }
            (Question::Recommendation, TaskKind::Decision(decision)) => {
                let open = deciding::open(decision, |place, when| {
                    when.evaluate(&scope).map_err(|error| expression_failed(place, &error))
                })?;
                let said = decision.recommendation(&open, deciding::output_in(decision, &scope));
                let input = keep(&value_of(&task.input)?);
                Ok(Answer::Recommended(Box::new(Recommended { said, open, input })))
            }
            (Question::Prompt, _) => Ok(Answer::Value(keep(&value_of(&task.input)?))),
            (Question::Writes, _) => {
                let set = task.set.as_ref().ok_or_else(|| self.misplaced())?;
                Ok(Answer::Writes(values_set(set, &scope)?))
            }
            _ => Err(self.misplaced()),
        }
    }

    fn misplaced(&self) -> Failure {
        let id = &self.workflow.task(self.node).id;
        let message = format!("{} was asked of task `{id}`, which has none", self.question);
        Failure::new(FailureClass::Permanent, code::PLANNER_CONTRADICTION, message)
    }
}

/// What the expressions that answer a question use.
fn references(workflow: &Workflow, node: NodeIndex, question: Question) -> Option<References> {
    let task = workflow.task(node);
    let found = match (question, &task.kind) {
        (Question::RunIf, _) => task.run_if.as_ref()?.references(),
        (Question::Condition, TaskKind::Branch { condition, .. }) => condition.references(),
        (Question::Selector, TaskKind::Switch { on, .. }) => on.references(),
        (Question::Items, TaskKind::Parallel { members: Members::Items { items, .. }, .. }) => {
            items.references()
        }
        (Question::Until, TaskKind::Wait(wait)) => match &wait.until {
            WaitUntil::Time(expression) => expression.references(),
            _ => return None,
        },
        (Question::Recommendation, TaskKind::Decision(decision)) => {
            return Some(deciding::references_of(decision, &task.input));
        }
        (Question::ChildInput | Question::Prompt, _) => task.input.references(),
        (Question::Writes, _) => task.set.as_ref()?.references(),
        _ => workflow.block(block_of(workflow, node, question)?).output.as_ref()?.references(),
    };
    Some(found.clone())
}

/// The block whose value is asked for.
fn block_of(workflow: &Workflow, node: NodeIndex, question: Question) -> Option<BlockIndex> {
    match (question, &workflow.task(node).kind) {
        (Question::BlockValue { block }, _) => Some(block),
        (
            Question::ItemValue { .. },
            TaskKind::Parallel { members: Members::Items { block, .. }, .. },
        ) => Some(*block),
        _ => None,
    }
}

/// What a task sets in the context.
pub(super) fn values_set(set: &Template, scope: &Scope) -> Result<Values, Failure> {
    match set.evaluate(scope).map_err(|error| expression_failed("set", &error))? {
        Value::Object(values) => Ok(Arc::new(values)),
        other => {
            let message =
                format!("`set` gives {}, and names with values are needed", type_of(&other));
            Err(Failure::new(FailureClass::Permanent, code::NOT_AN_OBJECT, message))
        }
    }
}

/// Whether a value holds that must be true or false.
pub(super) fn truth(at: (&str, &Expression), value: &Value) -> Result<bool, Failure> {
    match value {
        Value::Bool(holds) => Ok(*holds),
        other => Err(wrong_type(code::NOT_A_BOOLEAN, at, ("true or false", other))),
    }
}

fn time(at: (&str, &Expression), value: &Value) -> Result<Answer, Failure> {
    let time = match value {
        Value::Number(ms) => ms.as_i64(),
        Value::String(text) => text.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond()),
        _ => None,
    };
    let expected = "a time: an RFC 3339 text or milliseconds since 1970";
    let time = time.ok_or_else(|| wrong_type(code::NOT_A_TIME, at, (expected, value)))?;
    Ok(Answer::Time(Timestamp::from_ms(time)))
}
