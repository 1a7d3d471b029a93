//! Who needs whom within a workflow.

use petgraph::graph::DiGraph;

/// A task's place within its workflow. At most [`TASKS_MAX`] tasks, so 32 bits hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(u32);

/// The most tasks one workflow may have. Ten times what the largest published workflows hold.
pub const TASKS_MAX: usize = 1_000_000;

impl NodeIndex {
    /// The `place`-th task; places beyond [`TASKS_MAX`] are refused where definitions are read.
    pub fn new(place: usize) -> Self {
        Self(u32::try_from(place).expect("a workflow has at most TASKS_MAX tasks"))
    }

    /// The place as an index of a list.
    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// The dependencies of a workflow's tasks, without a cycle.
#[derive(Debug)]
pub struct Graph {
    dependencies: Vec<Vec<NodeIndex>>,
    dependents: Vec<Vec<NodeIndex>>,
    /// How many tasks stand one after another below each task, itself included.
    depths: Vec<u32>,
}

impl Graph {
    /// Builds the graph from what each task needs (each list without doubles).
    ///
    /// # Errors
    /// With the tasks of one cycle, in order, when there is one.
    pub fn new(dependencies: Vec<Vec<NodeIndex>>) -> Result<Self, Vec<NodeIndex>> {
        let mut dependents = vec![Vec::new(); dependencies.len()];
        for (task, needs) in dependencies.iter().enumerate() {
            for need in needs {
                dependents[need.as_usize()].push(NodeIndex::new(task));
            }
        }
        let order = topological_order(&dependencies).ok_or_else(|| find_cycle(&dependencies))?;
        let mut depths = vec![1; dependencies.len()];
        for task in order.into_iter().rev() {
            let below: &Vec<NodeIndex> = &dependents[task.as_usize()];
            let deepest = below.iter().map(|next| depths[next.as_usize()]).max().unwrap_or(0);
            depths[task.as_usize()] = deepest + 1;
        }
        Ok(Self { dependencies, dependents, depths })
    }

    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.dependencies.len()
    }

    /// Whether there is no task.
    pub fn is_empty(&self) -> bool {
        self.dependencies.is_empty()
    }

    /// What `task` needs.
    pub fn dependencies(&self, task: NodeIndex) -> &[NodeIndex] {
        &self.dependencies[task.as_usize()]
    }

    /// What needs `task`.
    pub fn dependents(&self, task: NodeIndex) -> &[NodeIndex] {
        &self.dependents[task.as_usize()]
    }

    /// The tasks that nothing depends on, in the order of the file.
    pub fn leaves(&self) -> impl Iterator<Item = NodeIndex> {
        (0..self.len()).map(NodeIndex::new).filter(|task| self.dependents(*task).is_empty())
    }

    /// How many tasks stand one after another from `task` to the end, itself included: its rank
    /// while nothing is known of durations ("Hu's level", T. C. Hu, Operations Research 9(6), 1961).
    pub fn depth(&self, task: NodeIndex) -> u32 {
        self.depths[task.as_usize()]
    }
}

/// Every task after all it needs; `None` when there is a cycle.
fn topological_order(dependencies: &[Vec<NodeIndex>]) -> Option<Vec<NodeIndex>> {
    let edges = dependencies
        .iter()
        .enumerate()
        .flat_map(|(task, needs)| needs.iter().map(move |need| (need.0, NodeIndex::new(task).0)));
    let mut graph = DiGraph::<(), (), u32>::with_capacity(dependencies.len(), 0);
    for _ in dependencies {
        graph.add_node(());
    }
    graph.extend_with_edges(edges);
    let order = petgraph::algo::toposort(&graph, None).ok()?;
    Some(order.into_iter().map(|node| NodeIndex::new(node.index())).collect())
}

/// One cycle of a graph that has one, in the order of needs, each task once.
fn find_cycle(dependencies: &[Vec<NodeIndex>]) -> Vec<NodeIndex> {
    // What stays needs something that stays, so walking along needs from any of it must come back
    // to a task that was seen before.
    let stays = unpeelable(dependencies);
    let Some(start) = stays.iter().position(|stays| *stays) else { return Vec::new() };
    let mut path = vec![NodeIndex::new(start)];
    let mut places = vec![None; dependencies.len()];
    loop {
        let last = path[path.len() - 1].as_usize();
        places[last] = Some(path.len() - 1);
        let next = dependencies[last]
            .iter()
            .copied()
            .find(|need| stays[need.as_usize()])
            .expect("a task that stays needs one that stays");
        if let Some(place) = places[next.as_usize()] {
            return path.split_off(place);
        }
        path.push(next);
    }
}

/// The tasks that stay when every task whose needs have all gone goes too, again and again
/// (A. B. Kahn, Communications of the ACM 5(11), 1962): those on a cycle or behind one.
fn unpeelable(dependencies: &[Vec<NodeIndex>]) -> Vec<bool> {
    let mut left: Vec<usize> = dependencies.iter().map(Vec::len).collect();
    let mut dependents = vec![Vec::new(); dependencies.len()];
    for (task, needs) in dependencies.iter().enumerate() {
        for need in needs {
            dependents[need.as_usize()].push(task);
        }
    }
    let mut gone: Vec<usize> = (0..left.len()).filter(|task| left[*task] == 0).collect();
    while let Some(task) = gone.pop() {
        for dependent in &dependents[task] {
            left[*dependent] -= 1;
            if left[*dependent] == 0 {
                gone.push(*dependent);
            }
        }
    }
    left.into_iter().map(|needs| needs > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(needs: &[&[usize]]) -> Result<Graph, Vec<usize>> {
        let lists = needs.iter().map(|list| list.iter().map(|n| NodeIndex::new(*n)).collect());
        Graph::new(lists.collect())
            .map_err(|cycle| cycle.into_iter().map(NodeIndex::as_usize).collect())
    }

    #[test]
    fn knows_both_directions_and_the_depth() {
        let diamond = graph(&[&[], &[0], &[0], &[1, 2], &[]]).expect("no cycle");
        let depths: Vec<_> = (0..5).map(|n| diamond.depth(NodeIndex::new(n))).collect();
        assert_eq!(depths, [3, 2, 2, 1, 1]);
        let leaves: Vec<_> = diamond.leaves().map(NodeIndex::as_usize).collect();
        assert_eq!(leaves, [3, 4]);
        assert_eq!(diamond.dependents(NodeIndex::new(0)).len(), 2);
    }

    #[test]
    fn names_the_tasks_of_a_cycle() {
        assert_eq!(graph(&[&[], &[0, 3], &[1], &[2]]).expect_err("a cycle").len(), 3);
        assert_eq!(graph(&[&[0]]).expect_err("a cycle"), [0]);
    }

    #[test]
    fn a_cycle_is_found_in_a_large_graph() {
        // A reversed chain of 100,000 tasks beside a circle of two: the worst order to peel.
        let count = 100_000;
        let chain = (0..count).map(|n| (n + 1 < count).then(|| NodeIndex::new(n + 1)));
        let mut needs: Vec<Vec<NodeIndex>> = chain.map(|need| need.into_iter().collect()).collect();
        needs.extend([vec![NodeIndex::new(count + 1)], vec![NodeIndex::new(count)]]);
        assert_eq!(Graph::new(needs).expect_err("a cycle").len(), 2);
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let needs =
            (0..100_000).map(|n: usize| n.checked_sub(1).map(NodeIndex::new).into_iter().collect());
        let needs: Vec<Vec<NodeIndex>> = needs.collect();
        assert_eq!(Graph::new(needs).expect("no cycle").depth(NodeIndex::new(0)), 100_000);
    }
}
