//! Reads the kinds of tasks that hold tasks: `branch`, `switch`, `group` and `parallel`.

use std::collections::HashMap;

use super::formula::{Formula, Reader, What, read_expression, read_template};
use super::keys;
use super::policy::MAX_PARALLEL_MAX;
use super::site::List;
use super::task::{Role, TaskReader};
use crate::document::{Step, Table};
use crate::workflow::{
    BlockIndex, BodyIndex, Case, Conflicts, Members, Merge, NodeIndex, TaskKind, by_value,
};

impl TaskReader<'_> {
    pub(super) fn read_branch(
        &mut self,
        table: &mut Table<'_>,
        node: NodeIndex,
    ) -> Option<TaskKind> {
        table.require(&["condition", "then"]);
        let condition = read_expression(table, "condition");
        self.note(node, "condition", condition.clone().map(What::Bare));
        let then = self.read_block(table, "then", Some(node), List::Then, Role::Once);
        self.read_output(table, node, then, ("then_output", None));
        let otherwise = table.has("else").then(|| {
            let block = self.read_block(table, "else", Some(node), List::Else, Role::Once);
            self.read_output(table, node, block, ("else_output", None));
            block
        });
        if otherwise.is_none() {
            refuse_alone(table, "else_output", "else");
        }
        Some(TaskKind::Branch { condition: condition?, then, otherwise })
    }

    pub(super) fn read_switch(
        &mut self,
        table: &mut Table<'_>,
        node: NodeIndex,
    ) -> Option<TaskKind> {
        table.require(&["on", "cases"]);
        let on = read_expression(table, "on");
        self.note(node, "on", on.clone().map(What::Bare));
        let tables = table.tables("cases");
        if tables.is_empty() && table.has("cases") {
            let help = Some("add one: `[[tasks.cases]]` with `equals` and `tasks`".to_owned());
            table.report(&[Step::Key("cases")], "no-cases", "a switch needs a case", help);
        }
        let mut cases: Vec<Case> = Vec::with_capacity(tables.len());
        let mut known = HashMap::new();
        for (place, mut inner) in tables.into_iter().enumerate() {
            cases.extend(self.read_case(&mut inner, node, place, &mut known));
            keys::finish(&inner, &keys::CASE);
        }
        let default = table.has("default").then(|| {
            let block = self.read_block(table, "default", Some(node), List::Default, Role::Once);
            self.read_output(table, node, block, ("default_output", None));
            block
        });
        if default.is_none() {
            refuse_alone(table, "default_output", "default");
        }
        Some(TaskKind::Switch { on: on?, cases, default })
    }

    fn read_case(
        &mut self,
        table: &mut Table<'_>,
        node: NodeIndex,
        place: usize,
        known: &mut HashMap<String, usize>,
    ) -> Option<Case> {
        table.require(&["equals", "tasks"]);
        let equals = table.json("equals");
        let key = equals.as_ref().map(|equals| by_value(equals).to_string());
        let first = key.map(|key| *known.entry(key).or_insert(place));
        if let Some(first) = first.filter(|first| *first != place) {
            let help = Some(format!("cases[{first}] has the same value, and goes first"));
            table.report(&[Step::Key("equals")], "duplicate-case", "it never runs", help);
        }
        let block = self.read_block(table, "tasks", Some(node), List::Case(place), Role::Once);
        self.read_output(table, node, block, ("output", Some(place)));
        Some(Case::new(&equals?, block))
    }

    pub(super) fn read_group(
        &mut self,
        table: &mut Table<'_>,
        node: NodeIndex,
    ) -> Option<TaskKind> {
        table.require(&["tasks"]);
        let block = self.read_block(table, "tasks", Some(node), List::Tasks, Role::Once);
        self.read_output(table, node, block, ("output", None));
        Some(TaskKind::Group { block })
    }

    pub(super) fn read_parallel(
        &mut self,
        table: &mut Table<'_>,
        node: NodeIndex,
    ) -> Option<TaskKind> {
        table.require(&["tasks"]);
        let repeats = table.has("for_each");
        let items = read_expression(table, "for_each");
        self.note(node, "for_each", items.clone().map(What::Bare));
        let max_parallel = table.integer("max_parallel", 1..=MAX_PARALLEL_MAX);
        let role = if repeats { Role::Repeated } else { Role::Members };
        let block = self.read_block(table, "tasks", Some(node), List::Tasks, role);
        if repeats {
            self.read_output(table, node, block, ("output", None));
        } else if table.has("output") {
            let message = "a `parallel` of fixed members has the merge of their outputs";
            let help = "say `merge`, or put a `group` with an `output` around it".to_owned();
            table.report(&[Step::Key("output")], "wrong-kind", message, Some(help));
        }
        let merge = self.read_merge(table, node, block, repeats);
        let members = match repeats {
            false => Members::Tasks(block),
            true => Members::Items { items: items?, block, body: BodyIndex::ROOT },
        };
        let max_parallel = max_parallel.and_then(|most| u32::try_from(most).ok());
        Some(TaskKind::Parallel { members, max_parallel, merge: merge? })
    }

    /// Reads `merge`; the task of `reduce` comes after all members in the list of tasks.
    fn read_merge(
        &mut self,
        table: &mut Table<'_>,
        node: NodeIndex,
        members: BlockIndex,
        repeats: bool,
    ) -> Option<Merge> {
        let default = if repeats { Merge::Array } else { Merge::Object };
        if !table.has("merge") {
            return Some(default);
        }
        let mut inner = table.table("merge")?;
        let word = inner.raw_text("strategy");
        let known = keys::MERGE.tag.as_ref().into_iter().flat_map(|tag| tag.words);
        let choices: Vec<_> = known.map(|word| (*word, *word)).collect();
        inner.require(&["strategy"]);
        let strategy = word.and_then(|_| inner.choice("strategy", &choices));
        let merge = match strategy {
            Some("array") => Some(Merge::Array),
            Some("object") => read_object(&inner, repeats),
            Some("first") => Some(Merge::First),
            Some("any") => Some(Merge::Any),
            Some("quorum") => {
                let most = self.raw.block(members).tasks.len();
                read_quorum(&mut inner, if repeats { None } else { Some(most) })
            }
            Some("deep") => Some(Merge::Deep { conflicts: read_conflicts(&mut inner) }),
            Some(_) => self.read_reduce(table, &mut inner, node),
            None => None,
        };
        keys::finish_as(&inner, &keys::MERGE, strategy);
        merge
    }

    fn read_reduce(
        &mut self,
        table: &Table<'_>,
        merge: &mut Table<'_>,
        node: NodeIndex,
    ) -> Option<Merge> {
        merge.require(&["type"]);
        let task = self.host_task(table, node, List::Merge);
        let called = self.read_type(merge, task).map(TaskKind::Call);
        self.set_reduce(task, called);
        Some(Merge::Reduce { task })
    }

    /// Reads the template of a block's value: at a key of the task, or of one of its cases.
    fn read_output(
        &mut self,
        table: &mut Table<'_>,
        node: NodeIndex,
        block: BlockIndex,
        (key, case): (&'static str, Option<usize>),
    ) {
        let Some(output) = read_template(table, key, self.templates) else { return };
        let case = case.map(|place| [Step::Key("cases"), Step::Item(place)]);
        let path = case.into_iter().flatten().chain([Step::Key(key)]).collect();
        let what = What::Template(output.clone());
        let reader = Reader::Block(block);
        self.formulas.push(Formula { task: Some(node), path, reader, what });
        self.raw.blocks[block.0 as usize].output = Some(output);
    }
}

/// Notes an output of a list that is not there.
fn refuse_alone(table: &Table<'_>, key: &'static str, list: &str) {
    if table.has(key) {
        let message = format!("there is no `{list}` whose output it could be");
        table.report(&[Step::Key(key)], "missing-key", message, None);
    }
}

fn read_object(merge: &Table<'_>, repeats: bool) -> Option<Merge> {
    if !repeats {
        return Some(Merge::Object);
    }
    let message = "items have no ids to be the keys of an object";
    let help = "use `array`, `deep` or `reduce`".to_owned();
    merge.report(&[Step::Key("strategy")], "invalid-value", message, Some(help));
    None
}

fn read_quorum(merge: &mut Table<'_>, members: Option<usize>) -> Option<Merge> {
    merge.require(&["count"]);
    let most = members.map_or(i64::from(u32::MAX), |members| members.max(1) as i64);
    let count = merge.integer("count", 1..=most)?;
    Some(Merge::Quorum { count: u32::try_from(count).expect("the range was checked") })
}

fn read_conflicts(merge: &mut Table<'_>) -> Conflicts {
    let words = [("first", Conflicts::First), ("last", Conflicts::Last), ("fail", Conflicts::Fail)];
    merge.choice("conflicts", &words).unwrap_or(Conflicts::Last)
}
