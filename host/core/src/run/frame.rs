//! Copies of what a `for_each` repeats, and the names of the tasks in them.
//!
//! Frame 0 is the workflow itself. A frame's tasks lie side by side in the run's list, so a task is
//! found by adding its place in the body to the frame's base.

use super::{FrameIndex, RunState, SectionIndex, TaskIndex, TaskState};
use crate::failure::{Failure, Outcome};
use crate::id::TaskId;
use crate::payload::PayloadRef;
use crate::workflow::{BlockIndex, BodyIndex, NodeIndex};

/// One copy of a body.
#[derive(Debug)]
pub struct Frame {
    /// What it is a copy of.
    pub body: BodyIndex,
    /// The `for_each` and the item it was opened for; `None` for the workflow itself.
    pub item: Option<(TaskIndex, u32)>,
    /// The section of the item's block.
    pub section: SectionIndex,
    /// How the item ended, once it has.
    pub end: Option<ItemEnd>,
    /// The place of its first task.
    base: usize,
}

/// How an item of a `for_each` ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemEnd {
    /// How.
    pub outcome: Outcome,
    /// The value of its block, if it succeeded.
    pub output: Option<PayloadRef>,
    /// Why it did not succeed.
    pub failure: Option<Failure>,
}

impl RunState {
    /// The frame at `index`.
    pub fn frame(&self, index: FrameIndex) -> &Frame {
        &self.frames[index.as_usize()]
    }

    /// The frame of the `item`-th item of the `for_each` at `list`, if it was taken up.
    pub fn item_frame(&self, list: TaskIndex, item: u32) -> Option<FrameIndex> {
        self.item_frames.get(&(list, item)).copied()
    }

    /// The place of `node` in `frame`, whose body it must belong to.
    pub fn place(&self, frame: FrameIndex, node: NodeIndex) -> TaskIndex {
        TaskIndex::new(self.frame(frame).base + self.workflow.task(node).offset as usize)
    }

    /// The place of the task called `id`, if there is one already.
    pub fn index_of(&self, id: &TaskId) -> Option<TaskIndex> {
        let mut frame = FrameIndex::ROOT;
        let mut rest = id.as_str();
        while let Some((item, inner)) = rest.split_once("].") {
            let (list, number) = item.split_once('[')?;
            let list = self.place_of(frame, list)?;
            frame = self.item_frame(list, number.parse().ok()?)?;
            rest = inner;
        }
        self.place_of(frame, rest)
    }

    /// The place of the task called `id` in the file, if the frame has it.
    fn place_of(&self, frame: FrameIndex, id: &str) -> Option<TaskIndex> {
        let node = *self.workflow.index.get(id)?;
        let inside = self.workflow.task(node).body == self.frame(frame).body;
        inside.then(|| self.place(frame, node))
    }

    /// The tasks of `block` in `frame`.
    pub fn block_tasks(
        &self,
        block: BlockIndex,
        frame: FrameIndex,
    ) -> impl Iterator<Item = TaskIndex> {
        self.workflow.block(block).tasks.iter().map(move |node| self.place(frame, *node))
    }

    /// Adds a copy of `body` with all its tasks.
    pub(super) fn add_frame(
        &mut self,
        body: BodyIndex,
        item: Option<(TaskIndex, u32)>,
    ) -> FrameIndex {
        let frame = FrameIndex::new(self.frames.len());
        let workflow = std::sync::Arc::clone(&self.workflow);
        let list = item.map(|(list, number)| (self.task(list).id.clone(), number));
        let base = self.tasks.len();
        let nodes = &workflow.body(body).tasks;
        self.tasks.reserve(nodes.len());
        for node in nodes {
            let own = &workflow.task(*node).id;
            let id = match &list {
                None => own.clone(),
                Some((list, number)) => TaskId::within(list, *number, own),
            };
            let needs = workflow.graph.dependencies(*node).len();
            self.tasks.push(TaskState::new(*node, frame, id, needs));
        }
        let section = SectionIndex::new(self.sections.len());
        self.frames.push(Frame { body, item, section, end: None, base });
        if let Some(item) = item {
            self.item_frames.insert(item, frame);
        }
        frame
    }
}
