//! The outputs of tasks, as values of what they are in: of a block, of a `parallel`, of what is reduced.

use serde_json::{Map, Value, json};
use taskloom_core::failure::{Failure, FailureClass, code};
use taskloom_core::payload::PayloadRef;
use taskloom_core::run::{FrameIndex, RunState, TaskIndex};
use taskloom_core::workflow::{BlockIndex, Conflicts, Merge, TaskKind};

use super::fault::type_of;
use super::names::lost_payload;
use crate::payloads::Payloads;

/// A named output: of a task of a block, or of a member of a parallel.
pub(super) struct Part {
    name: String,
    output: Option<PayloadRef>,
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

/// What a `parallel` makes of the outputs of its members.
pub(super) async fn merged(
    merge: &Merge,
    parts: &[Part],
    payloads: &Payloads,
) -> Result<Value, Failure> {
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
                    return Err(Failure::new(
                        FailureClass::Permanent,
                        code::MERGE_CONFLICT,
                        message,
                    ));
                }
            },
        }
        path.pop();
    }
    Ok(())
}

fn no_object(source: &str, value: &Value) -> Failure {
    let message =
        format!("the output of `{source}` is {}, and a deep merge takes objects", type_of(value));
    Failure::new(FailureClass::Permanent, code::MERGE_NOT_AN_OBJECT, message)
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

#[cfg(test)]
mod tests;
