//! What a name of a task means to whoever reads it: what has to wait for what.

use std::collections::HashMap;

use super::formula::{Formula, Reader};
use super::site::List;
use super::task::{RawTasks, Role};
use crate::workflow::{BlockIndex, NodeIndex};

/// What a task is to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// There is none of that name.
    Unknown,
    /// `who`, which is the reader or a task it is in, needs `need`, which stands beside it.
    Needs { who: NodeIndex, need: NodeIndex },
    /// It has ended whenever the reader reads it.
    HasEnded,
    /// The reader is that task.
    Itself,
    /// The reader is inside that task.
    OwnGroup,
    /// It is inside `group`, which the reader may read.
    Inside { group: NodeIndex },
    /// It is in another list of `group`, which the reader is in too.
    Beside { group: NodeIndex },
    /// It runs in `finally`, and the reader before that.
    Later,
    /// The reader has no tasks at all.
    NoTasks,
}

/// Finds tasks by name, from where a reader stands.
pub(super) struct Map<'a> {
    pub(super) raw: &'a RawTasks,
    places: HashMap<&'a str, NodeIndex>,
}

/// Where a reader stands: in a block, and as which task of it.
type Standpoint = (BlockIndex, Option<NodeIndex>);

impl<'a> Map<'a> {
    pub(super) fn new(raw: &'a RawTasks) -> Self {
        let mut places = HashMap::with_capacity(raw.tasks.len());
        for (place, task) in raw.tasks.iter().enumerate() {
            if let Some(id) = &task.id {
                places.entry(id.as_str()).or_insert(NodeIndex::new(place));
            }
        }
        Self { raw, places }
    }

    /// The first task of that name.
    pub(super) fn node(&self, name: &str) -> Option<NodeIndex> {
        self.places.get(name).copied()
    }

    /// What the task called `name` is to what `formula` computes.
    pub(super) fn reach(&self, formula: &Formula, name: &str) -> Reach {
        match self.node(name) {
            Some(node) => self.reach_node(formula, node),
            None => Reach::Unknown,
        }
    }

    /// What the task at `node` is to what `formula` computes.
    pub(super) fn reach_node(&self, formula: &Formula, node: NodeIndex) -> Reach {
        match (formula.reader, formula.task) {
            (Reader::Task | Reader::Done, Some(task)) => {
                self.reach_from(self.standpoint(task), node)
            }
            (Reader::Block(block), _) => self.reach_from((block, None), node),
            (Reader::Run, _) => self.reach_from((BlockIndex::ROOT, None), node),
            _ => Reach::NoTasks,
        }
    }

    /// What the task at `node` is to the task at `from`.
    pub(super) fn between(&self, from: NodeIndex, node: NodeIndex) -> Reach {
        self.reach_from(self.standpoint(from), node)
    }

    /// Where the task at `node` stands.
    fn standpoint(&self, node: NodeIndex) -> Standpoint {
        (self.raw.task(node).block, Some(node))
    }

    /// What the task at `node` is to a reader at `start`.
    fn reach_from(&self, start: Standpoint, node: NodeIndex) -> Reach {
        let target = self.raw.task(node).block;
        let (mut block, mut here) = start;
        let mut undoes = false;
        loop {
            if block == target {
                return match here {
                    None => Reach::HasEnded,
                    Some(_) if undoes && here == Some(node) => Reach::HasEnded,
                    Some(_) if here == Some(node) && start.1 == here => Reach::Itself,
                    Some(_) if here == Some(node) => Reach::OwnGroup,
                    Some(who) => Reach::Needs { who, need: node },
                };
            }
            if Some(block) == self.raw.finally && target == BlockIndex::ROOT {
                return Reach::HasEnded;
            }
            let raw = self.raw.block(block);
            let Some(owner) = raw.owner else { return self.hidden(start, node) };
            undoes = raw.role == Role::Compensation;
            (block, here) = (self.raw.task(owner).block, Some(owner));
        }
    }

    /// Why a reader at `start` cannot read the task at `node`.
    fn hidden(&self, start: Standpoint, node: NodeIndex) -> Reach {
        let around = self.blocks_around(start.0);
        let mut inside = node;
        while let Some(group) = self.raw.block(self.raw.task(inside).block).owner {
            let block = self.raw.task(group).block;
            if around.contains(&block) {
                let is_around =
                    around.iter().any(|block| self.raw.block(*block).owner == Some(group));
                return match is_around {
                    true => Reach::Beside { group },
                    false => Reach::Inside { group },
                };
            }
            inside = group;
        }
        match self.raw.sites[inside.as_usize()].list {
            List::Finally => Reach::Later,
            // From `finally`, something that is inside a task of the workflow's own list.
            _ => Reach::Inside { group: inside },
        }
    }

    /// The block at `block` and all that it is in.
    pub(super) fn blocks_around(&self, block: BlockIndex) -> Vec<BlockIndex> {
        let owner_block = |block: &BlockIndex| {
            let owner = self.raw.block(*block).owner?;
            Some(self.raw.task(owner).block)
        };
        std::iter::successors(Some(block), owner_block).collect()
    }

    /// The block that a formula is computed in, if it is computed within a run.
    pub(super) fn block_of(&self, formula: &Formula) -> Option<BlockIndex> {
        match (formula.reader, formula.task) {
            (Reader::Task | Reader::Done, Some(task)) => Some(self.raw.task(task).block),
            (Reader::Block(block), _) => Some(block),
            (Reader::Run, _) => Some(BlockIndex::ROOT),
            _ => None,
        }
    }
}
