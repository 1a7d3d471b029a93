//! Who needs whom: `needs` and what expressions read.

use std::collections::HashMap;

use super::step_of;
use super::task::RawTask;
use crate::document::{Document, Step};
use crate::expression::Template;
use crate::id::TaskId;
use crate::workflow::{Graph, NodeIndex};

/// The most tasks of a cycle that a message names.
const CYCLE_TASKS_MAX: usize = 10;

/// Finds the dependencies of every task; `None` when something about them is wrong, and noted.
pub(super) fn link(
    document: &Document<'_>,
    tasks: &[RawTask],
    output: Option<&Template>,
) -> Option<Graph> {
    let places = place_ids(document, tasks);
    let linker = Linker {
        document,
        tasks,
        // A task whose id could not be read may be the one that is not found.
        is_complete: !document.is_damaged() && tasks.iter().all(|task| task.id.is_some()),
        places,
    };
    let dependencies = (0..tasks.len()).map(|place| linker.dependencies(place)).collect();
    if let Some(output) = output {
        linker.check_references(&[Step::Key("output")], output, None);
    }
    match Graph::new(dependencies) {
        Ok(graph) => Some(graph),
        Err(cycle) => {
            linker.report_cycle(&cycle);
            None
        }
    }
}

/// Where each id is; notes those that are used twice.
fn place_ids<'t>(document: &Document<'_>, tasks: &'t [RawTask]) -> HashMap<&'t str, usize> {
    let mut places = HashMap::with_capacity(tasks.len());
    for (place, task) in tasks.iter().enumerate() {
        let Some(id) = &task.id else { continue };
        if let Some(first) = places.get(id.as_str()) {
            let path = [Step::Key("tasks"), Step::Item(place), Step::Key("id")];
            let message = format!("there is another task `{id}`");
            let help = format!("tasks[{first}] has the same id");
            document.root().report(&path, "duplicate-task", message, Some(help));
        } else {
            places.insert(id.as_str(), place);
        }
    }
    places
}

struct Linker<'a> {
    document: &'a Document<'a>,
    tasks: &'a [RawTask],
    places: HashMap<&'a str, usize>,
    is_complete: bool,
}

impl Linker<'_> {
    /// What the task at `place` needs, without doubles.
    fn dependencies(&self, place: usize) -> Vec<NodeIndex> {
        let task = &self.tasks[place];
        let mut found = Vec::new();
        for (item, name) in task.needs.iter().enumerate() {
            match self.places.get(name.as_str()) {
                Some(need) if *need == place => {
                    self.report_need(
                        place,
                        item,
                        "self-dependency",
                        "a task cannot need itself",
                        None,
                    );
                }
                Some(need) => found.push(*need),
                None if self.is_complete => {
                    let message = format!("unknown task `{}`", crate::document::clip(name));
                    self.report_need(place, item, "unknown-task", &message, self.similar(name));
                }
                None => {}
            }
        }
        if let Some(input) = &task.input {
            for name in &input.references().tasks {
                found.extend(self.places.get(name.as_str()).filter(|need| **need != place));
            }
            let path = [Step::Key("tasks"), Step::Item(place), Step::Key("input")];
            self.check_references(&path, input, Some(place));
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().map(NodeIndex::new).collect()
    }

    /// Notes every expression that reads a task which is not there, or its own.
    fn check_references(&self, path: &[Step<'_>], template: &Template, own: Option<usize>) {
        let wrong = |name: &TaskId| match self.places.get(name.as_str()) {
            Some(place) => own == Some(*place),
            None => self.is_complete,
        };
        if !template.references().tasks.iter().any(wrong) {
            return;
        }
        template.node().expressions(&mut Vec::new(), &mut |inside, offset, expression| {
            for name in expression.references().tasks.iter().filter(|name| wrong(name)) {
                let mut steps = path.to_vec();
                steps.extend(inside.iter().map(step_of));
                steps.push(Step::Byte(offset));
                let (code, message, help) = match self.places.contains_key(name.as_str()) {
                    true => ("self-dependency", "a task cannot read itself".to_owned(), None),
                    false => {
                        let message = format!("unknown task `{name}`");
                        ("unknown-task", message, self.similar(name.as_str()))
                    }
                };
                self.document.root().report(&steps, code, message, help);
            }
        });
    }

    fn similar(&self, name: &str) -> Option<String> {
        let ids = self.tasks.iter().filter_map(|task| task.id.as_ref()).map(TaskId::as_str);
        self.document.did_you_mean(name, ids)
    }

    fn report_need(
        &self,
        place: usize,
        item: usize,
        code: &'static str,
        message: &str,
        help: Option<String>,
    ) {
        let path = [Step::Key("tasks"), Step::Item(place), Step::Key("needs"), Step::Item(item)];
        self.document.root().report(&path, code, message, help);
    }

    /// Notes a cycle at the task that comes first in the file.
    fn report_cycle(&self, cycle: &[NodeIndex]) {
        let places: Vec<_> = cycle.iter().map(|task| task.as_usize()).collect();
        let first = (0..places.len()).min_by_key(|n| places[*n]).unwrap_or(0);
        let ordered: Vec<_> = places[first..].iter().chain(&places[..first]).copied().collect();
        let name = |place: usize| {
            self.tasks[place].id.as_ref().map_or("?".to_owned(), |id| format!("`{id}`"))
        };
        let mut names: Vec<_> =
            ordered.iter().take(CYCLE_TASKS_MAX).map(|place| name(*place)).collect();
        if ordered.len() > CYCLE_TASKS_MAX {
            names.push(format!("… ({} tasks in all)", ordered.len()));
        }
        names.extend(ordered.first().map(|place| name(*place)));
        let message = format!("tasks need each other in a circle: {}", names.join(" needs "));
        let (Some(here), next) = (ordered.first(), ordered.get(1).or(ordered.first())) else {
            return;
        };
        let next_id = next.and_then(|place| self.tasks[*place].id.as_ref());
        let need = next_id
            .and_then(|id| self.tasks[*here].needs.iter().position(|name| name == id.as_str()));
        let mut path = vec![Step::Key("tasks"), Step::Item(*here)];
        match need {
            Some(item) => path.extend([Step::Key("needs"), Step::Item(item)]),
            None => path.push(Step::Key("input")),
        }
        self.document.root().report(&path, "cycle", message, None);
    }
}
