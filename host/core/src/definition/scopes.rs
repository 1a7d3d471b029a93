//! Which names are in scope where an expression stands.

use super::formula::{Formula, Reader};
use super::links::base_path;
use super::reach::Map;
use super::step_of;
use super::task::Role;
use crate::document::{Document, Step};
use crate::expression::{Expression, References};
use crate::id::TaskId;
use crate::workflow::BlockIndex;

/// Notes every expression that reads a name which is not in scope where it stands. Tasks are
/// judged where dependencies are found.
pub(super) fn check(document: &Document<'_>, map: &Map<'_>, formulas: &[Formula]) {
    for formula in formulas {
        let references = formula.what.references();
        let needs_a_run = matches!(formula.reader, Reader::Start | Reader::Trigger);
        if !references.reads_more() && !needs_a_run {
            continue;
        }
        let place = Place::of(map, formula);
        if place.refusals(references).is_empty() {
            continue;
        }
        let base = base_path(map.raw, formula);
        formula.what.expressions(&mut |inside, offset, expression: &Expression| {
            for (root, message, help) in place.refusals(expression.references()) {
                let mut steps = base.clone();
                steps.extend(inside.iter().map(step_of));
                steps.push(Step::Byte(offset + expression.position_of(root)));
                document.root().report(&steps, "out-of-scope", message, help);
            }
        });
    }
}

/// Where an expression stands.
struct Place {
    reader: Reader,
    /// The `for_each` groups around it, the innermost first.
    loops: Vec<TaskId>,
    /// Whether it is in one at all; the id of a group may be wrong.
    is_repeated: bool,
    is_finally: bool,
}

/// A name that is not in scope, what is wrong, and what to do.
type Refusal = (&'static str, String, Option<String>);

impl Place {
    fn of(map: &Map<'_>, formula: &Formula) -> Self {
        let block = map.block_of(formula);
        let around = block.map(|block| map.blocks_around(block)).unwrap_or_default();
        let repeated: Vec<BlockIndex> = around
            .iter()
            .copied()
            .filter(|block| map.raw.block(*block).role == Role::Repeated)
            .collect();
        let id = |block: &BlockIndex| {
            map.raw.block(*block).owner.and_then(|owner| map.raw.task(owner).id.clone())
        };
        Self {
            reader: formula.reader,
            loops: repeated.iter().filter_map(id).collect(),
            is_repeated: !repeated.is_empty(),
            is_finally: around.iter().any(|block| map.raw.block(*block).role == Role::Finally),
        }
    }

    /// The names among `references` that are not in scope.
    fn refusals(&self, references: &References) -> Vec<Refusal> {
        let mut found: Vec<Refusal> = Vec::new();
        let in_run = !matches!(self.reader, Reader::Start | Reader::Trigger);
        let outside = |name: &'static str, reads: bool| -> Option<Refusal> {
            (reads && !in_run).then(|| self.only(name))
        };
        found.extend(outside("run", references.run));
        if references.own_output && self.reader != Reader::Done {
            let help = "the output of another task is `tasks.<id>.output`";
            found.push(refusal("output", "`output` is there in `set` only", Some(help)));
        }
        found.extend(outside("context", references.context));
        found.extend(outside("shared", references.shared));
        found.extend(outside("config", references.config));
        if references.input && self.reader == Reader::Trigger {
            found.push(self.only("input"));
        }
        if references.event && self.reader != Reader::Trigger {
            let help = "the `input` of a trigger can take over what a run needs of it";
            found.push(refusal("event", "`event` is there for triggers only", Some(help)));
        }
        if references.params {
            let help = "`[params]` makes a template, and its values are put in when it is used";
            found.push(refusal("params", "`params` is there for templates only", Some(help)));
        }
        if references.run_end && in_run && !self.is_finally {
            let message = "how the run ended is known only in `finally`";
            let help = "read `tasks.<id>.outcome`, or move the task to `[[finally]]`";
            found.push(refusal("run", message, Some(help)));
        }
        for (name, reads) in [("item", references.item), ("index", references.index)] {
            if reads && !self.is_repeated {
                let message = format!("`{name}` is there only inside a `parallel` with `for_each`");
                found.push((name, message, None));
            }
        }
        found.extend(references.loops.iter().filter_map(|name| self.refuse_loop(name)));
        found
    }

    fn refuse_loop(&self, name: &TaskId) -> Option<Refusal> {
        if self.loops.contains(name) {
            return None;
        }
        let message = format!("this is not inside a `parallel` with `for_each` called `{name}`");
        let around: Vec<_> = self.loops.iter().map(|id| format!("`{id}`")).collect();
        let help = (!around.is_empty()).then(|| format!("it is inside {}", around.join(", ")));
        Some(("items", message, help))
    }

    /// The refusal of a name that this reader has not.
    fn only(&self, name: &'static str) -> Refusal {
        let (message, only) = match self.reader {
            Reader::Trigger => ("is not known where a trigger decides", "event"),
            _ => ("is not known before a run starts", "input"),
        };
        (name, format!("`{name}` {message}"), Some(format!("it may read `{only}`")))
    }
}

fn refusal(name: &'static str, message: &str, help: Option<&str>) -> Refusal {
    (name, message.to_owned(), help.map(str::to_owned))
}
