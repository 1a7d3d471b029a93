//! Who needs whom: `needs` and what expressions read.

use super::context;
use super::formula::Formula;
use super::reach::{Map, Reach};
use super::site::path_of;
use super::step_of;
use super::task::{RawTasks, Role};
use crate::document::{Document, Step, clip, print_path};
use crate::id::TaskId;
use crate::workflow::{Graph, NodeIndex};

/// The most tasks of a cycle that a message names.
const CYCLE_TASKS_MAX: usize = 10;

/// Finds the dependencies of every task; `None` when something about them is wrong, and noted.
pub(super) fn link(document: &Document<'_>, map: &Map<'_>, formulas: &[Formula]) -> Option<Graph> {
    let raw = map.raw;
    refuse_doubles(document, map);
    let mut linker = Linker {
        document,
        map,
        raw,
        // A task whose id could not be read may be the one that is not found.
        is_complete: !document.is_damaged() && raw.tasks.iter().all(|task| task.id.is_some()),
        needs: vec![Vec::new(); raw.tasks.len()],
    };
    for place in 0..raw.tasks.len() {
        linker.add_needs(NodeIndex::new(place));
    }
    for formula in formulas {
        linker.add_formula(formula);
    }
    context::add_needs(document, map, formulas, &mut linker.needs);
    let mut needs = std::mem::take(&mut linker.needs);
    for list in &mut needs {
        list.sort_unstable();
        list.dedup();
    }
    match Graph::new(needs) {
        Ok(graph) => Some(graph),
        Err(cycle) => {
            linker.report_cycle(&cycle, formulas);
            None
        }
    }
}

/// Notes the ids that are used twice.
fn refuse_doubles(document: &Document<'_>, map: &Map<'_>) {
    for (place, task) in map.raw.tasks.iter().enumerate() {
        let Some(id) = &task.id else { continue };
        let first = map.node(id.as_str()).expect("the map has every id");
        if first.as_usize() == place || map.raw.sites[place].list.is_made_by_the_host() {
            continue;
        }
        let mut path = path_of(&map.raw.sites, NodeIndex::new(place));
        path.push(Step::Key("id"));
        let message = format!("there is another task `{id}`");
        let help = format!("{} has the same id", print_path(&path_of(&map.raw.sites, first)));
        document.root().report(&path, "duplicate-task", message, Some(help));
    }
}

/// A code, what is wrong, and what to do.
type Refusal = (&'static str, String, Option<String>);

struct Linker<'a> {
    document: &'a Document<'a>,
    map: &'a Map<'a>,
    raw: &'a RawTasks,
    is_complete: bool,
    /// What each task needs, so far.
    needs: Vec<Vec<NodeIndex>>,
}

impl Linker<'_> {
    /// Adds what the task at `node` names in `needs`.
    fn add_needs(&mut self, node: NodeIndex) {
        let task = self.raw.task(node);
        for (item, name) in task.needs.iter().enumerate() {
            let Some(need) = self.map.node(name) else {
                if self.is_complete {
                    let message = format!("unknown task `{}`", clip(name));
                    self.report_need(node, item, ("unknown-task", message), self.similar(name));
                }
                continue;
            };
            if need == node {
                let message = "a task cannot need itself".to_owned();
                self.report_need(node, item, ("self-dependency", message), None);
            } else if self.raw.task(need).block != task.block {
                let (message, help) = self.no_sibling(node, need);
                self.report_need(node, item, ("no-sibling", message), Some(help));
            } else if self.raw.block(task.block).role == Role::Members {
                let message = "members of a `parallel` run side by side".to_owned();
                let help = "put tasks that follow each other into a `group`".to_owned();
                self.report_need(node, item, ("needs-member", message), Some(help));
            } else {
                self.needs[node.as_usize()].push(need);
            }
        }
    }

    /// Why the task at `node` cannot name the one at `need` in `needs`, and what to do.
    fn no_sibling(&self, node: NodeIndex, need: NodeIndex) -> (String, String) {
        let name = self.name(need);
        let is_sibling = |group| self.raw.task(group).block == self.raw.task(node).block;
        match self.map.between(node, need) {
            Reach::OwnGroup => {
                let message = format!("{name} is the group that this task is in");
                (message, "it ends only after this task".to_owned())
            }
            Reach::Needs { .. } => {
                let message = format!("{name} is outside of the list that this task is in");
                let help = "reading it in an expression is enough, or let the group need it";
                (message, help.to_owned())
            }
            Reach::Inside { group } if group == node => {
                (format!("{name} is inside this task"), "leave it out".to_owned())
            }
            Reach::Inside { group } if is_sibling(group) => {
                let group = self.name(group);
                (format!("{name} is inside {group}"), format!("need {group}"))
            }
            Reach::Inside { group } => {
                let group = self.name(group);
                let help = format!("read `tasks.{}.output`", group.trim_matches('`'));
                (format!("{name} is inside {group}"), help)
            }
            Reach::HasEnded => {
                (format!("{name} has ended before this anyway"), "leave it out".to_owned())
            }
            _ => {
                let help = "`needs` names tasks of the same list".to_owned();
                (format!("{name} is in another list"), help)
            }
        }
    }

    /// Adds what a formula reads, and notes the tasks that it cannot read.
    fn add_formula(&mut self, formula: &Formula) {
        let references = formula.what.references();
        let mut is_sound = true;
        for name in &references.tasks {
            let reach = self.map.reach(formula, name.as_str());
            match reach {
                Reach::Needs { who, need } if self.allows(reach) => {
                    self.needs[who.as_usize()].push(need);
                }
                _ => is_sound &= self.allows(reach),
            }
        }
        if !is_sound {
            self.report_reads(formula);
        }
    }

    /// Whether somebody may read what is like this to them.
    fn allows(&self, reach: Reach) -> bool {
        match reach {
            Reach::HasEnded => true,
            Reach::Needs { who, .. } => {
                self.raw.block(self.raw.task(who).block).role != Role::Members
            }
            Reach::Unknown => !self.is_complete,
            _ => false,
        }
    }

    /// Notes every expression of a formula that reads a task which it cannot read.
    fn report_reads(&self, formula: &Formula) {
        let base = base_path(self.raw, formula);
        formula.what.expressions(&mut |inside, offset, expression| {
            for name in &expression.references().tasks {
                let reach = self.map.reach(formula, name.as_str());
                if self.allows(reach) {
                    continue;
                }
                let (code, message, help) = self.refusal(formula, name, reach);
                let mut steps = base.clone();
                steps.extend(inside.iter().map(step_of));
                steps.push(Step::Byte(offset));
                self.document.root().report(&steps, code, message, help);
            }
        });
    }

    /// Why a formula cannot read the task called `name`, which is like `reach` to it.
    fn refusal(&self, formula: &Formula, name: &TaskId, reach: Reach) -> Refusal {
        let help = |text: String| Some(text);
        match reach {
            Reach::Unknown => {
                ("unknown-task", format!("unknown task `{name}`"), self.similar(name.as_str()))
            }
            Reach::Itself => ("self-dependency", "a task cannot read itself".to_owned(), None),
            Reach::OwnGroup => {
                let message = format!("`{name}` is the group that this task is in");
                ("self-dependency", message, help("it ends only after this task".to_owned()))
            }
            Reach::Needs { .. } | Reach::HasEnded => {
                let message = format!("`{name}` runs beside this, in the same `parallel`");
                let text = "put tasks that follow each other into a `group`".to_owned();
                ("needs-member", message, help(text))
            }
            Reach::Inside { group } if Some(group) == formula.task => {
                let message = format!("`{name}` is inside this task");
                ("out-of-reach", message, help("it runs after this is computed".to_owned()))
            }
            Reach::Inside { group } => {
                let group = self.name(group);
                let text = format!("read `tasks.{}.output`", group.trim_matches('`'));
                ("out-of-reach", format!("`{name}` is inside {group}"), help(text))
            }
            Reach::Beside { group } => {
                let message = format!("`{name}` is in another list of {}", self.name(group));
                let text = "only one of the lists runs, or they run without each other".to_owned();
                ("out-of-reach", message, help(text))
            }
            Reach::Later => {
                let message = format!("`{name}` runs in `finally`, after everything else");
                ("out-of-reach", message, None)
            }
            Reach::NoTasks => {
                let message = "tasks cannot be read here".to_owned();
                ("out-of-scope", message, help("nothing has run yet".to_owned()))
            }
        }
    }

    fn name(&self, node: NodeIndex) -> String {
        self.raw.task(node).id.as_ref().map_or("?".to_owned(), |id| format!("`{id}`"))
    }

    fn similar(&self, name: &str) -> Option<String> {
        let ids = self.raw.tasks.iter().filter_map(|task| task.id.as_ref()).map(TaskId::as_str);
        self.document.did_you_mean(name, ids.filter(|id| !id.contains('.')))
    }

    fn report_need(
        &self,
        node: NodeIndex,
        item: usize,
        (code, message): (&'static str, String),
        help: Option<String>,
    ) {
        let mut path = path_of(&self.raw.sites, node);
        path.extend([Step::Key("needs"), Step::Item(item)]);
        self.document.root().report(&path, code, message, help);
    }

    /// Notes a cycle at the task that comes first in the file.
    fn report_cycle(&self, cycle: &[NodeIndex], formulas: &[Formula]) {
        let first = (0..cycle.len()).min_by_key(|place| cycle[*place]).unwrap_or(0);
        let ordered: Vec<_> = cycle[first..].iter().chain(&cycle[..first]).copied().collect();
        let mut names: Vec<_> =
            ordered.iter().take(CYCLE_TASKS_MAX).map(|node| self.name(*node)).collect();
        if ordered.len() > CYCLE_TASKS_MAX {
            names.push(format!("… ({} tasks in all)", ordered.len()));
        }
        names.extend(ordered.first().map(|node| self.name(*node)));
        let message = format!("tasks need each other in a circle: {}", names.join(" needs "));
        let (Some(here), Some(next)) = (ordered.first(), ordered.get(1).or(ordered.first())) else {
            return;
        };
        let path = self.path_of_need(*here, *next, formulas);
        self.document.root().report(&path, "cycle", message, None);
    }

    /// Where it is said that `who` needs `need`.
    fn path_of_need<'f>(
        &self,
        who: NodeIndex,
        need: NodeIndex,
        formulas: &'f [Formula],
    ) -> Vec<Step<'f>> {
        let mut path = path_of(&self.raw.sites, who);
        let id = self.raw.task(need).id.as_ref();
        let named =
            id.and_then(|id| self.raw.task(who).needs.iter().position(|name| name == id.as_str()));
        if let Some(item) = named {
            path.extend([Step::Key("needs"), Step::Item(item)]);
            return path;
        }
        let says = |formula: &&Formula| {
            let reached = |name: &TaskId| self.map.reach(formula, name.as_str());
            let names = &formula.what.references().tasks;
            names.iter().any(|name| reached(name) == Reach::Needs { who, need })
        };
        match formulas.iter().find(says) {
            Some(formula) => base_path(self.raw, formula),
            None => match context::reader_of(self.map, formulas, who, need) {
                Some(formula) => base_path(self.raw, formula),
                None => path,
            },
        }
    }
}

/// The path of a formula, in the document.
pub(super) fn base_path(raw: &RawTasks, formula: &Formula) -> Vec<Step<'static>> {
    let mut path = formula.task.map(|task| path_of(&raw.sites, task)).unwrap_or_default();
    path.extend(&formula.path);
    path
}
