//! Who needs whom because of the context: what reads a name waits for the tasks that set it.

use std::collections::{HashMap, HashSet};

use super::formula::Formula;
use super::reach::{Map, Reach};
use super::task::Role;
use crate::document::{Document, Step};
use crate::expression::References;
use crate::workflow::{NodeIndex, TaskKind};

/// The most pairs of an expression that reads the context and a task that sets what it reads.
const LINKS_MAX: usize = 10_000;

/// Adds to `needs` what follows from reads of the context. What a writer needs anyway does not wait for
/// it: it reads what was there before.
pub(super) fn add_needs(
    document: &Document<'_>,
    map: &Map<'_>,
    formulas: &[Formula],
    needs: &mut [Vec<NodeIndex>],
) {
    if !formulas.iter().any(|formula| formula.what.references().context) {
        return;
    }
    let writers = Writers::of(map);
    let mut above: HashMap<NodeIndex, HashSet<NodeIndex>> = HashMap::new();
    let mut found = Vec::new();
    let mut links = 0;
    for formula in formulas.iter().filter(|formula| formula.what.references().context) {
        for writer in writers.of_reads(formula.what.references()) {
            links += 1;
            if let Some((who, need)) = link(map, formula, writer) {
                let above = above.entry(need).or_insert_with(|| all_above(need, needs));
                if !above.contains(&who) {
                    found.push((who, need));
                }
            }
        }
        if links > LINKS_MAX {
            let message = format!("more than {LINKS_MAX} reads of the context wait for a writer");
            let help = "set fewer names, or pass values on as outputs".to_owned();
            document.root().report(&[Step::Key("tasks")], "too-many-links", message, Some(help));
            return;
        }
    }
    for (who, need) in found {
        needs[who.as_usize()].push(need);
    }
}

/// The formula whose read of the context makes `who` need `need`.
pub(super) fn reader_of<'f>(
    map: &Map<'_>,
    formulas: &'f [Formula],
    who: NodeIndex,
    need: NodeIndex,
) -> Option<&'f Formula> {
    let writers = Writers::of(map);
    formulas.iter().filter(|formula| formula.what.references().context).find(|formula| {
        let mut read = writers.of_reads(formula.what.references()).into_iter();
        read.any(|writer| link(map, formula, writer) == Some((who, need)))
    })
}

/// Who waits for whom when `formula` reads what `writer` sets: tasks that stand side by side, in which
/// the two are.
fn link(map: &Map<'_>, formula: &Formula, writer: NodeIndex) -> Option<(NodeIndex, NodeIndex)> {
    let owner = |inner: &NodeIndex| map.raw.block(map.raw.task(*inner).block).owner;
    let places = std::iter::successors(Some(writer), owner);
    let reached = places.map(|place| map.reach_node(formula, place));
    let mut needs = reached.filter_map(|reach| match reach {
        Reach::Needs { who, need } => Some((who, need)),
        _ => None,
    });
    // Members of a `parallel` run beside each other, and read what there is.
    needs.next().filter(|(who, _)| map.raw.block(map.raw.task(*who).block).role != Role::Members)
}

/// Everything that the task at `node` needs, directly or not.
fn all_above(node: NodeIndex, needs: &[Vec<NodeIndex>]) -> HashSet<NodeIndex> {
    let mut found = HashSet::new();
    let mut left = vec![node];
    while let Some(node) = left.pop() {
        left.extend(needs[node.as_usize()].iter().copied().filter(|need| found.insert(*need)));
    }
    found
}

/// The tasks that write to the context.
struct Writers<'a> {
    by_name: HashMap<&'a str, Vec<NodeIndex>>,
    /// Those that may set any name.
    of_any: Vec<NodeIndex>,
    all: Vec<NodeIndex>,
}

impl<'a> Writers<'a> {
    fn of(map: &Map<'a>) -> Self {
        let mut writers = Self { by_name: HashMap::new(), of_any: Vec::new(), all: Vec::new() };
        for (place, task) in map.raw.tasks.iter().enumerate() {
            let node = NodeIndex::new(place);
            let returns =
                matches!(&task.kind, Some(TaskKind::Workflow(child)) if child.returns_context);
            if returns {
                writers.of_any.push(node);
            }
            for name in &task.sets {
                writers.by_name.entry(name).or_default().push(node);
            }
            if returns || !task.sets.is_empty() {
                writers.all.push(node);
            }
        }
        writers
    }

    /// Those that may set what is read.
    fn of_reads(&self, references: &References) -> Vec<NodeIndex> {
        if references.context_whole {
            return self.all.clone();
        }
        let names = references.context_names.iter();
        let named = names.filter_map(|name| self.by_name.get(name.as_str())).flatten();
        named.chain(&self.of_any).copied().collect()
    }
}
