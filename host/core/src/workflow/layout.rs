//! Puts a workflow together: which body repeats which task, and who needs whom.

use serde_json::Value;

use super::{
    Block, BlockIndex, Body, BodyIndex, Graph, Members, NodeIndex, RunConfig, Task, TaskKind,
    Workflow,
};
use crate::expression::Template;
use crate::id::{Digest, WorkflowId};

/// What a workflow is made of. `block` of every task is right, and every `BodyIndex` may be
/// anything: bodies follow from the blocks.
#[derive(Debug)]
pub struct Parts {
    /// See [`Workflow::id`].
    pub id: WorkflowId,
    /// See [`Workflow::name`].
    pub name: String,
    /// See [`Workflow::description`].
    pub description: String,
    /// See [`Workflow::version`].
    pub version: String,
    /// See [`Workflow::digest`].
    pub digest: Digest,
    /// See [`Workflow::enabled`].
    pub enabled: bool,
    /// See [`Workflow::input_schema`].
    pub input_schema: Value,
    /// See [`Workflow::config`].
    pub config: RunConfig,
    /// See [`Workflow::tasks`]: a group before what is in it.
    pub tasks: Vec<Task>,
    /// See [`Workflow::blocks`].
    pub blocks: Vec<Block>,
    /// See [`Workflow::graph`].
    pub graph: Graph,
    /// See [`Workflow::finally`].
    pub finally: Option<BlockIndex>,
    /// See [`Workflow::output`].
    pub output: Option<Template>,
}

impl Workflow {
    /// Puts the parts together.
    pub fn assemble(parts: Parts) -> Self {
        let Parts { mut tasks, blocks, graph, .. } = parts;
        let bodies = lay_out(&mut tasks, &blocks);
        let index = tasks.iter().enumerate();
        let index = index.map(|(place, task)| (task.id.clone(), NodeIndex::new(place))).collect();
        Self {
            id: parts.id,
            name: parts.name,
            description: parts.description,
            version: parts.version,
            digest: parts.digest,
            enabled: parts.enabled,
            input_schema: parts.input_schema,
            config: parts.config,
            finally: parts.finally,
            output: parts.output,
            triggers: Vec::new(),
            tasks,
            blocks,
            bodies,
            graph,
            index,
        }
    }
}

/// Gives every task its body and its place in it. A group comes before what is in it, so its own
/// body is known when its tasks are looked at.
fn lay_out(tasks: &mut [Task], blocks: &[Block]) -> Vec<Body> {
    let mut bodies = vec![Body { owner: None, tasks: Vec::new() }];
    let mut body_of_block = vec![BodyIndex::ROOT; blocks.len()];
    let mut owned = vec![Vec::new(); tasks.len()];
    for (place, block) in blocks.iter().enumerate() {
        if let Some(owner) = block.owner {
            owned[owner.as_usize()].push(place);
        }
    }
    for place in 0..tasks.len() {
        let node = NodeIndex::new(place);
        let body = body_of_block[tasks[place].block.0 as usize];
        let members = &mut bodies[body.0 as usize].tasks;
        let offset = u32::try_from(members.len()).expect("a workflow has at most TASKS_MAX tasks");
        members.push(node);
        let task = &mut tasks[place];
        (task.body, task.offset) = (body, offset);
        for block in &owned[place] {
            body_of_block[*block] = body;
        }
        if let TaskKind::Parallel { members: Members::Items { block, body, .. }, .. } =
            &mut task.kind
        {
            let next = u32::try_from(bodies.len()).expect("there are fewer bodies than tasks");
            *body = BodyIndex(next);
            body_of_block[block.0 as usize] = *body;
            bodies.push(Body { owner: Some(node), tasks: Vec::new() });
        }
    }
    bodies
}
