//! Questions of the planner, and how they are answered: everything that is computed for a run
//! beside the inputs of its handlers. Nothing in here changes a run.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use taskloom_core::context::Values;
use taskloom_core::expression::{Expression, References, Scope, Template};
use taskloom_core::failure::{Failure, FailureClass};
use taskloom_core::id::RunId;
use taskloom_core::payload::PayloadRef;
use taskloom_core::run::{Answer, FrameIndex, Question, Recommended, RunState, TaskIndex};
use taskloom_core::time::Timestamp;
use taskloom_core::workflow::{
    BlockIndex, Conflicts, Members, Merge, NodeIndex, TaskKind, WaitUntil, Workflow,
};
use uuid::Uuid;

use super::deciding;
use super::names::{Known, Names, lost_payload};
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

/// A named output: of a task of a block, or of a member of a parallel.
pub(super) struct Part {
    name: String,
    output: Option<PayloadRef>,
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
        let of = |expression: &Expression| expression.evaluate(&scope).map_err(expression_failed);
        let value_of = |template: &Template| template.evaluate(&scope).map_err(expression_failed);
        match (self.question, &task.kind) {
            (Question::RunIf, _) => {
                let expression = task.run_if.as_ref().ok_or_else(|| self.misplaced())?;
                Ok(Answer::Truth(truth(expression, &of(expression)?)?))
            }
            (Question::Condition, TaskKind::Branch { condition, .. }) => {
                Ok(Answer::Truth(truth(condition, &of(condition)?)?))
            }
            (Question::Selector, TaskKind::Switch { on, cases, .. }) => {
                let value = of(on)?;
                let place = cases.iter().position(|case| case.equals == value);
                Ok(Answer::Case(place.and_then(|place| u32::try_from(place).ok())))
            }
            (Question::Items, TaskKind::Parallel { members: Members::Items { items, .. }, .. }) => {
                let list = of(items)?;
                let count = match &list {
                    Value::Array(items) => u32::try_from(items.len()).unwrap_or(u32::MAX),
                    other => return Err(wrong_type("not-a-list", items, "a list", other)),
                };
                Ok(Answer::Items { items: keep(&list), count })
            }
            (Question::Until, TaskKind::Wait(wait)) => match &wait.until {
                WaitUntil::Time(expression) => time(expression, &of(expression)?),
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
                let open = deciding::open(decision, of)?;
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
        Failure::new(FailureClass::Permanent, "planner-contradiction", message)
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

/// The outputs of the tasks that nothing in the block depends on.
pub(super) fn leaves(state: &RunState, block: BlockIndex, frame: FrameIndex) -> Vec<Part> {
    let workflow = &state.workflow;
    let nodes = workflow.block(block).tasks.iter();
    let leaves = nodes.filter(|node| workflow.graph.dependents(**node).is_empty());
    leaves
        .map(|node| Part {
            name: workflow.task(*node).id.to_string(),
            output: state.task(state.place(frame, *node)).output().cloned(),
        })
        .collect()
}

/// The outputs of the members of a parallel, in their order.
pub(super) fn members(state: &RunState, group: TaskIndex) -> Vec<Part> {
    let members = state.members(group).into_iter().enumerate();
    members
        .map(|(place, member)| Part {
            name: match member.task {
                Some(task) => state.definition(task).id.to_string(),
                None => format!("item {place}"),
            },
            output: member.output.cloned(),
        })
        .collect()
}

/// The object of the outputs that are there, by name.
pub(super) async fn object(
    parts: &[Part],
    payloads: &Payloads,
) -> Result<Map<String, Value>, Failure> {
    let mut object = Map::new();
    for part in parts {
        if let Some(output) = &part.output {
            let value = payloads.value(output).await.map_err(lost_payload)?;
            object.insert(part.name.clone(), value);
        }
    }
    Ok(object)
}

/// The list of the outputs; `null` for one that is not there, if `all` are asked for.
pub(super) async fn list(
    parts: &[Part],
    all: bool,
    payloads: &Payloads,
) -> Result<Vec<Value>, Failure> {
    let mut list = Vec::with_capacity(parts.len());
    for part in parts {
        match &part.output {
            Some(output) => list.push(payloads.value(output).await.map_err(lost_payload)?),
            None if all => list.push(Value::Null),
            None => {}
        }
    }
    Ok(list)
}

async fn merged(merge: &Merge, parts: &[Part], payloads: &Payloads) -> Result<Value, Failure> {
    Ok(match merge {
        Merge::Array | Merge::Reduce { .. } => Value::Array(list(parts, true, payloads).await?),
        Merge::Object => Value::Object(object(parts, payloads).await?),
        Merge::Any => Value::Array(list(parts, false, payloads).await?),
        Merge::Quorum { count } => {
            let mut outputs = list(parts, false, payloads).await?;
            outputs.truncate(*count as usize);
            Value::Array(outputs)
        }
        Merge::First => {
            let outputs = list(parts, false, payloads).await?;
            outputs.into_iter().next().unwrap_or(Value::Null)
        }
        Merge::Deep { conflicts } => {
            let mut whole = Map::new();
            for part in parts {
                let Some(output) = &part.output else { continue };
                match payloads.value(output).await.map_err(lost_payload)? {
                    Value::Object(object) => {
                        merge_into(&mut whole, object, *conflicts, &mut Vec::new(), &part.name)?;
                    }
                    other => return Err(no_object(&part.name, &other)),
                }
            }
            Value::Object(whole)
        }
    })
}

/// Merges `from` into `into`, key by key; objects are merged, anything else is replaced or kept.
fn merge_into(
    into: &mut Map<String, Value>,
    from: Map<String, Value>,
    conflicts: Conflicts,
    path: &mut Vec<String>,
    source: &str,
) -> Result<(), Failure> {
    for (key, value) in from {
        path.push(key.clone());
        match (into.get_mut(&key), value) {
            (None, value) => {
                into.insert(key, value);
            }
            (Some(Value::Object(before)), Value::Object(object)) => {
                merge_into(before, object, conflicts, path, source)?;
            }
            (Some(before), value) if *before == value => {}
            (Some(before), value) => match conflicts {
                Conflicts::First => {}
                Conflicts::Last => *before = value,
                Conflicts::Fail => {
                    let message = format!(
                        "`{source}` gives another value to `{}` than a member before it; choose \
                         `conflicts = \"first\"` or `\"last\"`, or give them names of their own",
                        path.join(".")
                    );
                    return Err(Failure::new(FailureClass::Permanent, "merge-conflict", message));
                }
            },
        }
        path.pop();
    }
    Ok(())
}

/// What a task sets in the context.
pub(super) fn values_set(set: &Template, scope: &Scope) -> Result<Values, Failure> {
    match set.evaluate(scope).map_err(expression_failed)? {
        Value::Object(values) => Ok(Arc::new(values)),
        other => {
            let message =
                format!("`set` gives {}, and names with values are needed", type_of(&other));
            Err(Failure::new(FailureClass::Permanent, "not-an-object", message))
        }
    }
}

pub(super) fn truth(expression: &Expression, value: &Value) -> Result<bool, Failure> {
    match value {
        Value::Bool(holds) => Ok(*holds),
        other => Err(wrong_type("not-a-boolean", expression, "true or false", other)),
    }
}

fn time(expression: &Expression, value: &Value) -> Result<Answer, Failure> {
    let at = match value {
        Value::Number(ms) => ms.as_i64(),
        Value::String(text) => text.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond()),
        _ => None,
    };
    let expected = "a time: an RFC 3339 text or milliseconds since 1970";
    let at = at.ok_or_else(|| wrong_type("not-a-time", expression, expected, value))?;
    Ok(Answer::Time(Timestamp::from_ms(at)))
}

fn wrong_type(code: &str, expression: &Expression, expected: &str, value: &Value) -> Failure {
    let found = type_of(value);
    let text = expression.text();
    let message = format!("`{text}` should be {expected}, and is {found}");
    let mut failure = Failure::new(FailureClass::Permanent, code, message);
    failure.details = Some(json!({ "expression": text, "type": found }));
    failure
}

fn no_object(source: &str, value: &Value) -> Failure {
    let message =
        format!("the output of `{source}` is {}, and a deep merge takes objects", type_of(value));
    Failure::new(FailureClass::Permanent, "merge-not-an-object", message)
}

const fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

pub(super) fn expression_failed(error: taskloom_core::expression::EvaluationError) -> Failure {
    Failure::new(FailureClass::Permanent, "expression-failed", error.to_string())
}

/// The members of the group that a host-made task reduces, if `task` is such a task.
pub(super) fn reduced(state: &RunState, task: TaskIndex) -> Option<Vec<Part>> {
    let owner = state.section_of(task)?.owner?;
    match &state.definition(owner).kind {
        TaskKind::Parallel { merge: Merge::Reduce { task: node }, .. }
            if *node == state.task(task).node =>
        {
            Some(members(state, owner))
        }
        _ => None,
    }
}

/// The input of a task that reduces: `{ items }`.
pub(super) async fn items_of(parts: &[Part], payloads: &Payloads) -> Result<Value, Failure> {
    Ok(json!({ "items": list(parts, true, payloads).await? }))
}
