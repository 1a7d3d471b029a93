//! Reads decision points: `kind = "decision"`.

use std::collections::HashMap;

use super::formula::{Formula, Reader, What, read_expression};
use super::head::read_text;
use super::keys;
use super::policy::LONG_TIMES;
use super::task::TaskReader;
use crate::document::{Step, Table, clip};
use crate::expression::Expression;
use crate::id::{OptionId, TaskId};
use crate::workflow::{Decision, DecisionOption, Fallback, NodeIndex, Recommend, TaskKind};

/// The longest question of a decision, and the longest text about an option, in characters.
pub const QUESTION_CHARS_MAX: usize = 10_000;

/// The most options of a decision: more than a person or a model weighs against each other.
pub const OPTIONS_MAX: usize = 100;

/// What `recommend` of a task begins with.
const TASK_PREFIX: &str = "task:";

impl TaskReader<'_> {
    pub(super) fn read_decision(
        &mut self,
        table: &mut Table<'_>,
        node: NodeIndex,
    ) -> Option<TaskKind> {
        table.require(&["question", "options", "recommend", "fallback"]);
        let question = read_text(table, "question", QUESTION_CHARS_MAX);
        self.read_input(table, node);
        let options = self.read_options(table, node);
        let recommend = self.read_recommend(table, node);
        let min_confidence = table.float("min_confidence", 0.0..=1.0);
        let fallback = read_fallback(table, options.as_deref());
        if recommend == Some(Recommend::Rule) {
            check_rule(table, options.as_deref());
        }
        Some(TaskKind::Decision(Decision {
            question: question?,
            options: options?,
            recommend: recommend?,
            min_confidence,
            fallback: fallback?,
        }))
    }

    /// Reads `options`; `None` when there is none, or one of them is wrong.
    fn read_options(
        &mut self,
        table: &mut Table<'_>,
        node: NodeIndex,
    ) -> Option<Vec<DecisionOption>> {
        let wrong_before = table.document().count();
        let tables = table.tables("options");
        let count = tables.len();
        if count == 0 && table.has("options") && table.document().count() == wrong_before {
            let help = Some("add some: `options = [{ id = \"yes\" }, { id = \"no\" }]`".to_owned());
            table.report(&[Step::Key("options")], "no-options", "there is nothing to choose", help);
        }
        if count > OPTIONS_MAX {
            let help = Some(format!("the most is {OPTIONS_MAX}"));
            let message = format!("it has {count} options");
            table.report(&[Step::Key("options")], "too-many-options", message, help);
        }
        let mut known = HashMap::new();
        let read = tables.into_iter().enumerate().map(|(place, mut option)| {
            let read = self.read_option(&mut option, node, place, &mut known);
            keys::finish(&option, &keys::OPTION);
            read
        });
        let options: Vec<_> = read.collect();
        options.into_iter().collect::<Option<Vec<_>>>().filter(|options| !options.is_empty())
    }

    fn read_option(
        &mut self,
        table: &mut Table<'_>,
        node: NodeIndex,
        place: usize,
        known: &mut HashMap<OptionId, usize>,
    ) -> Option<DecisionOption> {
        table.require(&["id"]);
        let id: Option<OptionId> = table.parsed("id");
        let first = id.clone().map(|id| *known.entry(id).or_insert(place));
        if let Some(first) = first.filter(|first| *first != place) {
            let help = Some(format!("options[{first}] has the same id"));
            let message = "there is another option of this id";
            table.report(&[Step::Key("id")], "duplicate-option", message, help);
        }
        let about = read_text(table, "about", QUESTION_CHARS_MAX);
        let when = read_expression(table, "when");
        if let Some(when) = &when {
            let path = vec![Step::Key("options"), Step::Item(place), Step::Key("when")];
            self.compute(node, path, when.clone());
        }
        Some(DecisionOption { id: id?, about, when })
    }

    /// Reads `recommend`. A task that recommends is needed, as if an expression read its output.
    fn read_recommend(&mut self, table: &mut Table<'_>, node: NodeIndex) -> Option<Recommend> {
        let text = table.raw_text("recommend")?;
        let Some(name) = text.strip_prefix(TASK_PREFIX) else {
            let word = match text {
                "rule" => return Some(Recommend::Rule),
                "ai" => return Some(Recommend::Ai),
                other => clip(other),
            };
            let help = "it must be `rule`, `ai`, or `task:` and the id of a task".to_owned();
            let message = format!("unknown value `{word}`");
            table.report(&[Step::Key("recommend")], "unknown-value", message, Some(help));
            return None;
        };
        let read = TaskId::new(name).map_err(|error| error.to_string()).and_then(|task| {
            let text = format!("tasks.{task}.output.option");
            Ok((task, Expression::parse(&text).map_err(|error| error.message)?))
        });
        match read {
            Ok((task, output)) => {
                self.compute(node, vec![Step::Key("recommend")], output);
                Some(Recommend::Task(task))
            }
            Err(message) => {
                let path = [Step::Key("recommend"), Step::Byte(TASK_PREFIX.len())];
                table.report(&path, "invalid-value", message, None);
                None
            }
        }
    }

    /// Keeps an expression that the task at `node` computes.
    fn compute(&mut self, node: NodeIndex, path: Vec<Step<'static>>, what: Expression) {
        let (task, what) = (Some(node), What::Bare(what));
        self.formulas.push(Formula { task, path, reader: Reader::Task, what });
    }
}

/// Reads `fallback`.
fn read_fallback(table: &mut Table<'_>, options: Option<&[DecisionOption]>) -> Option<Fallback> {
    let mut inner = table.table("fallback")?;
    let asks = inner.boolean("approval");
    let option = read_choice(&mut inner, options);
    let deadline = inner.duration("deadline", LONG_TIMES);
    keys::finish(&inner, &keys::FALLBACK);
    if asks == Some(true) {
        if inner.has("option") && !inner.has("deadline") {
            let message = "a person is asked, and there is no deadline after which it is chosen";
            let help = Some("add a `deadline`, or leave one of the two out".to_owned());
            inner.report(&[Step::Key("option")], "missing-key", message, help);
        }
        return match inner.has("option") {
            true => option.map(|option| Fallback::Person { deadline, late: Some(option) }),
            false => Some(Fallback::Person { deadline, late: None }),
        };
    }
    if inner.has("deadline") {
        let help = Some("say `approval = true`, or leave it out".to_owned());
        inner.report(&[Step::Key("deadline")], "wrong-kind", "nobody is asked", help);
    }
    if !inner.has("option") && (asks.is_some() || !inner.has("approval")) {
        let help = "say `option = \"…\"` or `approval = true`".to_owned();
        let message = "it does not say what happens without a recommendation";
        inner.report(&[], "missing-key", message, Some(help));
    }
    option.map(Fallback::Option)
}

/// Reads `option` of the fallback: one of the options, as far as those are known.
fn read_choice(table: &mut Table<'_>, options: Option<&[DecisionOption]>) -> Option<OptionId> {
    let id: OptionId = table.parsed("option")?;
    let Some(options) = options else { return Some(id) };
    let names = || options.iter().map(|option| option.id.as_str());
    if names().any(|name| name == id.as_str()) {
        return Some(id);
    }
    let help = table.document().did_you_mean(id.as_str(), names());
    let message = format!("there is no option `{id}`");
    table.report(&[Step::Key("option")], "unknown-option", message, help);
    None
}

/// Notes what a rule cannot do.
fn check_rule(table: &Table<'_>, options: Option<&[DecisionOption]>) {
    if options.is_some_and(|options| options.iter().all(|option| option.when.is_none())) {
        let message = "no option has a `when`: the rule never recommends one";
        let help = "add a `when` to what it is to recommend".to_owned();
        table.report(&[Step::Key("recommend")], "no-rule", message, Some(help));
    }
    if table.has("min_confidence") {
        let help = Some("leave it out".to_owned());
        let message = "a rule has no confidence";
        table.report(&[Step::Key("min_confidence")], "wrong-kind", message, help);
    }
}
