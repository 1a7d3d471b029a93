//! A definition against the task types that are loaded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use semver::Version;
use serde_json::{Map, Value};

use super::formula::Formula;
use super::paths::impossible_reads;
use super::site::{List, path_of};
use super::{Definition, step_of};
use crate::document::{Document, Problem, Step};
use crate::expression::{Node, PathStep, Piece, Root};
use crate::id::{PluginName, TaskType};
use crate::plugin::{Effects, TaskTypeSpec};
use crate::schema::{Detail, Schema, Segment};
use crate::workflow::{KnownTypes, NodeIndex, SharedMerge, Task, TypeMerge};

/// Keywords whose verdict on an object or a list does not depend on what its parts hold.
const ABOUT_SHAPE: [&str; 11] = [
    "type",
    "required",
    "additionalProperties",
    "minProperties",
    "maxProperties",
    "minItems",
    "maxItems",
    "propertyNames",
    "dependentRequired",
    "falseSchema",
    "false_schema",
];

/// Keywords below which a verdict depends on other verdicts.
const CONDITIONAL: [&str; 11] = [
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "dependentSchemas",
    "unevaluatedProperties",
    "unevaluatedItems",
    "$dynamicRef",
];

/// The version of each plugin that is known where a definition is checked.
pub type KnownVersions = BTreeMap<PluginName, Version>;

impl Definition {
    /// What is wrong with the workflow given the task types that are loaded: unknown types, inputs
    /// that cannot fit the schema of their type, reads that the output of a task cannot have.
    ///
    /// Inputs without expressions are checked fully; of others only what no value of the
    /// expressions could mend is a problem.
    pub fn check_types(&self, known: &KnownTypes<'_>) -> Vec<Problem> {
        let mut check =
            Check { definition: self, known, schemas: HashMap::new(), found: Vec::new() };
        for place in 0..self.workflow.tasks.len() {
            check.task(NodeIndex::new(place));
        }
        for formula in &self.formulas {
            check.reads(formula);
        }
        if let SharedMerge::Type(merge) = &self.workflow.config.sharing.merge {
            check.merge(merge);
        }
        self.place(check.found, known)
    }

    /// What is wrong with the workflow given the versions of the plugins that are loaded: tasks
    /// that ask for another one (`type = "github.classify-issue@^1.2"`). Plugins that are not known
    /// are no problem here.
    pub fn check_versions(&self, known: &KnownVersions) -> Vec<Problem> {
        let mut found = Vec::new();
        for (place, task) in self.workflow.tasks.iter().enumerate() {
            let (Some(asked), Some(called)) = (&task.version, task.kind.task_type()) else {
                continue;
            };
            let plugin = called.plugin();
            let Some(version) = known.get(&plugin).filter(|version| !asked.matches(version)) else {
                continue;
            };
            found.push(Found {
                path: self.path(NodeIndex::new(place), "type"),
                inside: Vec::new(),
                byte: None,
                code: "other-version",
                message: format!("`{asked}` is asked for, and plugin `{plugin}` is {version}"),
                help: Help::Text(None),
            });
        }
        self.place(found, &KnownTypes::new())
    }

    /// The path of a key of a task.
    pub(super) fn path(&self, node: NodeIndex, key: &'static str) -> Vec<Step<'static>> {
        let mut path = path_of(&self.sites, node);
        path.push(Step::Key(key));
        path
    }

    /// Puts positions to what was found, by reading the text again: it is rarely needed, and
    /// keeping the position of everything would cost more than the workflow itself.
    pub(super) fn place(&self, found: Vec<Found>, known: &KnownTypes<'_>) -> Vec<Problem> {
        if found.is_empty() {
            return Vec::new();
        }
        let document = Document::parse(&self.origin, &self.source);
        for Found { path, inside, byte, code, message, help } in found {
            let mut steps = path;
            steps.extend(inside.iter().map(step_of));
            steps.extend(byte.map(Step::Byte));
            let help = match help {
                Help::Text(help) => help,
                Help::Similar(task_type) => {
                    let names = known.keys().map(|known| known.as_str());
                    document
                        .did_you_mean(task_type.as_str(), names)
                        .or_else(|| Some(no_such_type(&task_type, known)))
                }
            };
            document.root().report(&steps, code, message, help);
        }
        document.problems()
    }
}

/// A problem whose position is still a path.
pub(super) struct Found {
    /// The way to a key.
    pub(super) path: Vec<Step<'static>>,
    /// The way on from there, into its value.
    pub(super) inside: Vec<PathStep>,
    pub(super) byte: Option<usize>,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: Help,
}

/// What to say besides.
pub(super) enum Help {
    Text(Option<String>),
    /// A task type that is like this one.
    Similar(TaskType),
}

struct Check<'a> {
    definition: &'a Definition,
    known: &'a KnownTypes<'a>,
    /// Schemas of inputs, each compiled once; `None` for one that does not compile.
    schemas: HashMap<&'a TaskType, Option<Schema>>,
    found: Vec<Found>,
}

impl<'a> Check<'a> {
    fn task(&mut self, node: NodeIndex) {
        let task = self.definition.workflow.task(node);
        let Some(called) = task.kind.task_type() else { return };
        let Some((task_type, spec)) = self.known.get_key_value(called) else {
            let message = format!("unknown task type `{called}`");
            let help = Help::Similar(called.clone());
            self.found(node, "type", "unknown-task-type", message, help);
            return;
        };
        if task.cache.is_some() && spec.effects == Effects::Writes {
            let message = format!("`{called}` may change the world, so it cannot be cached");
            let help = "only task types that compute or read can be".to_owned();
            self.found(node, "cache", "not-cacheable", message, Help::Text(Some(help)));
        }
        // What the host makes for a `reduce` has its input from the host.
        if self.definition.sites[node.as_usize()].list != List::Merge {
            self.input(node, task, task_type, spec);
        }
    }

    /// Keeps a problem with a key of a task.
    fn found(
        &mut self,
        node: NodeIndex,
        key: &'static str,
        code: &'static str,
        message: String,
        help: Help,
    ) {
        let path = self.definition.path(node, key);
        self.found.push(Found { path, inside: Vec::new(), byte: None, code, message, help });
    }

    /// Notes what keeps a task type from merging values of shared contexts.
    fn merge(&mut self, merge: &'a TypeMerge) {
        let called = &merge.task_type;
        let path = |key| vec![Step::Key("context"), Step::Key(key)];
        let found = |path, code, message, help| Found {
            path,
            inside: Vec::new(),
            byte: None,
            code,
            message,
            help,
        };
        let Some((task_type, spec)) = self.known.get_key_value(called) else {
            let message = format!("unknown task type `{called}`");
            let help = Help::Similar(called.clone());
            self.found.push(found(path("merge_type"), "unknown-task-type", message, help));
            return;
        };
        if spec.effects == Effects::Writes {
            let message = format!("`{called}` may change the world, so it cannot merge values");
            let help =
                "it may be called more than once; only task types that compute or read can be";
            let help = Help::Text(Some(help.to_owned()));
            self.found.push(found(path("merge_type"), "writes", message, help));
        }
        let compile = || Schema::compile(&spec.input_schema).ok();
        let Some(schema) = self.schemas.entry(task_type).or_insert_with(compile) else { return };
        let values = Segment::Key(TypeMerge::VALUES.to_owned());
        let any = |item| vec![values.clone(), Segment::Item(item)];
        let unknowns = Unknowns { anything: [any(0), any(1)].into(), ..Unknowns::default() };
        for detail in schema.details(&merge.input_of(&Value::Null, &Value::Null)) {
            if unknowns.allow(&detail) {
                let message = format!("the input does not fit `{called}`: {}", detail.message);
                let inside = detail.unexpected.first().map(|key| PathStep::Key(key.clone()));
                let is_there = |key: &PathStep| match key {
                    PathStep::Key(key) => merge.input.contains_key(key),
                    PathStep::Item(_) => false,
                };
                let key = if merge.input.is_empty() { "merge_type" } else { "merge_input" };
                let mut found = found(path(key), "invalid-input", message, Help::Text(None));
                found.inside.extend(inside.filter(is_there));
                self.found.push(found);
            }
        }
    }

    /// Notes where the input of a task cannot fit the schema of its type.
    fn input(
        &mut self,
        node: NodeIndex,
        task: &Task,
        task_type: &'a TaskType,
        spec: &TaskTypeSpec,
    ) {
        let compile = || Schema::compile(&spec.input_schema).ok();
        let Some(schema) = self.schemas.entry(task_type).or_insert_with(compile) else { return };
        let mut unknowns = Unknowns::default();
        let value = unknowns.fill(task.input.node(), &mut Vec::new());
        for detail in schema.details(&value) {
            if !unknowns.allow(&detail) {
                continue;
            }
            let place = detail.place.iter().map(|segment| match segment {
                Segment::Key(key) => PathStep::Key(key.clone()),
                Segment::Item(place) => PathStep::Item(*place),
            });
            let unexpected = detail.unexpected.first().map(|key| PathStep::Key(key.clone()));
            self.found.push(Found {
                path: self.definition.path(node, "input"),
                inside: place.chain(unexpected).collect(),
                byte: None,
                code: "invalid-input",
                message: format!("the input does not fit `{task_type}`: {}", detail.message),
                help: Help::Text(None),
            });
        }
    }

    /// Notes every path into the output of a task that the schema of its type does not allow.
    fn reads(&mut self, formula: &Formula) {
        let (workflow, known) = (&self.definition.workflow, self.known);
        let schema_of = |root: &Root| -> Option<&'a Value> {
            let Root::Output(id) = root else { return None };
            let index: NodeIndex = workflow.node(id)?;
            Some(&known.get(workflow.task(index).kind.task_type()?)?.output_schema)
        };
        for (inside, offset, (message, help)) in impossible_reads(&formula.what, schema_of) {
            let mut path = formula.task.map(|task| path_of(&self.definition.sites, task));
            let path = path.get_or_insert_default();
            path.extend(&formula.path);
            self.found.push(Found {
                path: std::mem::take(path),
                inside,
                byte: Some(offset),
                code: "unknown-output",
                message,
                help: Help::Text(help),
            });
        }
    }
}

/// The parts of an input that are not known before a run.
#[derive(Default)]
struct Unknowns {
    /// Where anything may come to stand.
    anything: BTreeSet<Vec<Segment>>,
    /// Where some text will stand.
    texts: BTreeSet<Vec<Segment>>,
}

impl Unknowns {
    /// The value of a template. What is not known stands as it is written, for messages.
    fn fill(&mut self, node: &Node, place: &mut Vec<Segment>) -> Value {
        match node {
            Node::Constant(value) => value.clone(),
            Node::Whole(expression) => {
                self.anything.insert(place.clone());
                Value::String(format!("${{{}}}", expression.text()))
            }
            Node::Text(pieces) => {
                self.texts.insert(place.clone());
                let shown = |piece: &Piece| match piece {
                    Piece::Literal(text) => text.clone(),
                    Piece::Expression(expression, _) => format!("${{{}}}", expression.text()),
                };
                Value::String(pieces.iter().map(shown).collect())
            }
            Node::List(nodes) => {
                let item = |(place_in_list, node)| {
                    place.push(Segment::Item(place_in_list));
                    let value = self.fill(node, place);
                    place.pop();
                    value
                };
                nodes.iter().enumerate().map(item).collect()
            }
            Node::Object(entries) => {
                let entry = |(key, node): &(String, Node)| {
                    place.push(Segment::Key(key.clone()));
                    let value = self.fill(node, place);
                    place.pop();
                    (key.clone(), value)
                };
                Value::Object(entries.iter().map(entry).collect::<Map<_, _>>())
            }
        }
    }

    /// Whether a violation stands whatever the unknown parts come to be.
    fn allow(&self, detail: &Detail) -> bool {
        if self.anything.is_empty() && self.texts.is_empty() {
            return true;
        }
        let keyword = detail.keyword.as_str();
        let conditional = |word: &str| CONDITIONAL.contains(&word);
        if conditional(keyword) || detail.way.iter().any(|word| conditional(word)) {
            return false;
        }
        let within = |unknowns: &BTreeSet<Vec<Segment>>| {
            (0..=detail.place.len()).any(|length| unknowns.contains(&detail.place[..length]))
        };
        if within(&self.anything) {
            return false;
        }
        if within(&self.texts) {
            return keyword == "type";
        }
        ABOUT_SHAPE.contains(&keyword) || !self.is_above(&detail.place)
    }

    /// Whether something below `place` is not known.
    fn is_above(&self, place: &[Segment]) -> bool {
        let below = |unknowns: &BTreeSet<Vec<Segment>>| {
            unknowns.range(place.to_vec()..).next().is_some_and(|next| next.starts_with(place))
        };
        below(&self.anything) || below(&self.texts)
    }
}

/// What to do about a task type that nothing is like.
fn no_such_type(task_type: &TaskType, known: &KnownTypes<'_>) -> String {
    let plugin: PluginName = task_type.plugin();
    let siblings: Vec<_> = known
        .keys()
        .filter(|known| known.plugin() == plugin)
        .take(8)
        .map(|known| format!("`{known}`"))
        .collect();
    if siblings.is_empty() {
        format!("no plugin `{plugin}` is loaded; it would be `{plugin}.wasm` in the plugins folder")
    } else {
        format!("plugin `{plugin}` offers {}", siblings.join(", "))
    }
}
