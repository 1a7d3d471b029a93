//! Reads tasks, with the tasks in them, into one list: a group before what is in it.

use semver::VersionReq;
use serde_json::{Map, Value};

use super::formula::{Formula, Reader, What, parse_template, read_expression, read_template};
use super::keys;
use super::kind::Kind;
use super::policy::{Policy, read_cache};
use super::site::{List, Site};
use crate::context::CONTEXT_NAMES_MAX;
use crate::document::{Step, Table};
use crate::expression::{Expression, Template, TemplateReader};
use crate::id::{TaskId, TaskType};
use crate::workflow::graph::TASKS_MAX;
use crate::workflow::{Block, BlockIndex, CachePolicy, NodeIndex, Task, TaskKind};

/// How deep tasks may stand in tasks. Reading, checking and running recurse or walk by it.
pub const TASKS_DEPTH_MAX: usize = 32;

/// Words that CEL keeps for itself. `tasks.if.output` would be no expression.
const RESERVED: [&str; 21] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// A task as it stands in the file; `None` where a key is absent or wrong.
pub(super) struct RawTask {
    pub(super) id: Option<TaskId>,
    pub(super) kind: Option<TaskKind>,
    pub(super) block: BlockIndex,
    /// The names in `needs`, whatever they are.
    pub(super) needs: Vec<String>,
    version: Option<VersionReq>,
    run_if: Option<Expression>,
    allow_failure: bool,
    input: Option<Template>,
    set: Option<Template>,
    /// The names in `set`.
    pub(super) sets: Vec<String>,
    policy: Policy,
    cache: Option<CachePolicy>,
    compensation: Option<NodeIndex>,
}

/// A list of tasks as it stands in the file.
pub(super) struct RawBlock {
    pub(super) owner: Option<NodeIndex>,
    pub(super) tasks: Vec<NodeIndex>,
    pub(super) output: Option<Template>,
    pub(super) role: Role,
}

/// What a block is to its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Runs once.
    Once,
    /// Its tasks are the members of a `parallel`.
    Members,
    /// Runs for each item of a list.
    Repeated,
    /// Holds what compensates the owner.
    Compensation,
    /// Runs at the end.
    Finally,
}

/// Everything that was read of tasks.
#[derive(Default)]
pub(super) struct RawTasks {
    pub(super) tasks: Vec<RawTask>,
    /// Where each task stands.
    pub(super) sites: Vec<Site>,
    pub(super) blocks: Vec<RawBlock>,
    pub(super) finally: Option<BlockIndex>,
}

/// Reads tasks into one list.
pub(super) struct TaskReader<'r> {
    pub(super) defaults: &'r Policy,
    pub(super) templates: &'r mut TemplateReader,
    pub(super) formulas: &'r mut Vec<Formula>,
    pub(super) raw: RawTasks,
    /// How many tasks the tasks that are being read are in.
    depth: usize,
    is_full: bool,
}

/// Reads `tasks` and `finally`. Notes when there is no task.
pub(super) fn read_all<'d>(
    root: &mut Table<'d>,
    defaults: &Policy,
    templates: &mut TemplateReader,
    formulas: &mut Vec<Formula>,
) -> RawTasks {
    let wrong_before = root.document().count();
    let raw = RawTasks::default();
    let mut reader = TaskReader { defaults, templates, formulas, raw, depth: 0, is_full: false };
    let tables = root.tables("tasks");
    let is_sound = root.document().count() == wrong_before && !root.document().is_damaged();
    if tables.is_empty() && is_sound {
        let help = "add one: `[[tasks]]` with an `id` and a `type`".to_owned();
        root.report(&[], "no-tasks", "a workflow needs at least one task", Some(help));
    }
    reader.read_tables(root, "tasks", tables, None, List::Tasks, Role::Once);
    if root.has("finally") {
        let block = reader.read_block(root, "finally", None, List::Finally, Role::Finally);
        reader.raw.finally = Some(block);
    }
    reader.raw
}

impl<'r> TaskReader<'r> {
    /// Reads the list of tasks at `key`, which must hold one at least.
    pub(super) fn read_block<'d>(
        &mut self,
        table: &mut Table<'d>,
        key: &'static str,
        owner: Option<NodeIndex>,
        list: List,
        role: Role,
    ) -> BlockIndex {
        let wrong_before = table.document().count();
        let tables = table.tables(key);
        if tables.is_empty() && table.has(key) && table.document().count() == wrong_before {
            let help = Some("leave the key out, or add a task".to_owned());
            table.report(&[Step::Key(key)], "no-tasks", "the list has no task", help);
        }
        self.read_tables(table, key, tables, owner, list, role)
    }

    fn read_tables<'d>(
        &mut self,
        table: &Table<'d>,
        key: &'static str,
        tables: Vec<Table<'d>>,
        owner: Option<NodeIndex>,
        list: List,
        role: Role,
    ) -> BlockIndex {
        let block = self.open_block(owner, role);
        if !self.has_room(table, key, tables.len()) {
            return block;
        }
        self.depth += 1;
        for (item, table) in tables.into_iter().enumerate() {
            self.read_task(table, block, Site { owner, list, item });
        }
        self.depth -= 1;
        block
    }

    fn open_block(&mut self, owner: Option<NodeIndex>, role: Role) -> BlockIndex {
        let place = u32::try_from(self.raw.blocks.len()).expect("a text has fewer lists");
        self.raw.blocks.push(RawBlock { owner, tasks: Vec::new(), output: None, role });
        BlockIndex(place)
    }

    /// Whether `count` more tasks may be read here; notes it when they may not.
    fn has_room(&mut self, table: &Table<'_>, key: &'static str, count: usize) -> bool {
        if self.depth >= TASKS_DEPTH_MAX && count > 0 {
            let message = format!("tasks stand in tasks more than {TASKS_DEPTH_MAX} deep");
            let help = "let a part be a workflow of its own".to_owned();
            table.report(&[Step::Key(key)], "too-deep", message, Some(help));
            return false;
        }
        let all = self.raw.tasks.len() + count;
        if all > TASKS_MAX && !self.is_full {
            let message = format!("the workflow has {all} tasks");
            let help = format!("the most is {TASKS_MAX}");
            table.report(&[Step::Key(key)], "too-many-tasks", message, Some(help));
        }
        self.is_full |= all > TASKS_MAX;
        !self.is_full
    }

    /// Takes a place for a task, before what is in it.
    fn open_task(&mut self, block: BlockIndex, site: Site) -> NodeIndex {
        let node = NodeIndex::new(self.raw.tasks.len().min(TASKS_MAX));
        self.raw.tasks.push(RawTask {
            id: None,
            kind: None,
            block,
            needs: Vec::new(),
            version: None,
            run_if: None,
            allow_failure: false,
            input: Some(Template::constant(Value::Object(Map::new()))),
            set: None,
            sets: Vec::new(),
            policy: Policy::default(),
            cache: None,
            compensation: None,
        });
        self.raw.sites.push(site);
        self.raw.blocks[block.0 as usize].tasks.push(node);
        node
    }

    fn task(&mut self, node: NodeIndex) -> &mut RawTask {
        &mut self.raw.tasks[node.as_usize()]
    }

    /// The id of the task at `node`, if it has one.
    pub(super) fn id(&self, node: NodeIndex) -> Option<&TaskId> {
        self.raw.tasks[node.as_usize()].id.as_ref()
    }

    fn read_task(&mut self, mut table: Table<'_>, block: BlockIndex, site: Site) {
        let node = self.open_task(block, site);
        let kind = read_kind(&mut table);
        table.require(&["id"]);
        let id = read_id(&mut table);
        let needs = table.strings("needs").unwrap_or_default();
        let run_if = read_expression(&mut table, "run_if");
        let allow_failure = table.boolean("allow_failure").unwrap_or(false);
        self.note(node, "run_if", run_if.clone().map(What::Bare));
        self.read_set(&mut table, node);
        let task = self.task(node);
        (task.id, task.needs, task.run_if, task.allow_failure) = (id, needs, run_if, allow_failure);
        let Some(kind) = kind else { return keys::finish_as(&table, &keys::TASK, None) };
        let read = match kind {
            Kind::Task => self.read_call(&mut table, node),
            Kind::Branch => self.read_branch(&mut table, node),
            Kind::Switch => self.read_switch(&mut table, node),
            Kind::Group => self.read_group(&mut table, node),
            Kind::Parallel => self.read_parallel(&mut table, node),
            Kind::Decision => self.read_decision(&mut table, node),
            Kind::Wait => self.read_wait(&mut table, node),
            Kind::Approval => self.read_approval(&mut table, node),
            Kind::Workflow => self.read_child(&mut table, node),
        };
        self.task(node).kind = read;
        keys::finish_as(&table, &keys::TASK, Some(kind.as_str()));
    }

    /// Reads the keys of a task that calls a handler.
    fn read_call(&mut self, table: &mut Table<'_>, node: NodeIndex) -> Option<TaskKind> {
        let called = self.read_call_of(table, node);
        let cache = read_cache(table);
        let task = self.task(node);
        task.cache = cache;
        task.policy.read_times(table);
        task.policy.read_heartbeat(table);
        if let Some(mut compensate) = table.table("compensate") {
            let compensation = self.host_task(table, node, List::Compensate);
            let called = self.read_call_of(&mut compensate, compensation);
            self.task(compensation).kind = called;
            keys::finish(&compensate, &keys::COMPENSATE);
            self.task(node).compensation = Some(compensation);
        }
        called
    }

    /// Reads what every call has: `type`, `input`, and the policy of its attempts.
    fn read_call_of(&mut self, table: &mut Table<'_>, node: NodeIndex) -> Option<TaskKind> {
        table.require(&["type"]);
        self.read_input(table, node);
        let policy = self.defaults.read_attempt(table);
        self.task(node).policy = policy;
        self.read_type(table, node).map(TaskKind::Call)
    }

    /// Reads `input`.
    pub(super) fn read_input(&mut self, table: &mut Table<'_>, node: NodeIndex) {
        if !table.has("input") {
            // The key is known, and what there is by default stays.
            return;
        }
        let input = read_template(table, "input", self.templates);
        self.note(node, "input", input.clone().map(What::Template));
        self.task(node).input = input;
    }

    /// Reads `set`: what the task sets in the context.
    fn read_set(&mut self, table: &mut Table<'_>, node: NodeIndex) {
        let Some(value) = table.json("set") else { return };
        let Value::Object(names) = &value else {
            let help = Some("write `set = { name = \"${output}\" }`".to_owned());
            table.report(&[Step::Key("set")], "invalid-value", "it is no table of names", help);
            return;
        };
        if names.len() > CONTEXT_NAMES_MAX {
            let message = format!("it sets {} names", names.len());
            let help = Some(format!("a context has at most {CONTEXT_NAMES_MAX}"));
            table.report(&[Step::Key("set")], "invalid-value", message, help);
            return;
        }
        let names = names.keys().cloned().collect();
        let Some(set) = parse_template(table, "set", &value, self.templates) else { return };
        let (what, path) = (What::Template(set.clone()), vec![Step::Key("set")]);
        self.formulas.push(Formula { task: Some(node), path, reader: Reader::Done, what });
        let task = self.task(node);
        (task.set, task.sets) = (Some(set), names);
    }

    /// Reads `type`: `plugin.name`, and maybe `@` and versions of the plugin.
    pub(super) fn read_type(&mut self, table: &mut Table<'_>, node: NodeIndex) -> Option<TaskType> {
        let text = table.raw_text("type")?;
        let Some((_, versions)) = text.split_once('@') else { return table.parsed("type") };
        let name = &text[..text.len() - versions.len() - 1];
        match versions.parse::<VersionReq>() {
            Ok(versions) => self.task(node).version = Some(versions),
            Err(error) => {
                let message = format!("`{}`: {error}", crate::document::clip(versions));
                let help = "write versions such as `@^1.2` or `@>=1.2, <3`".to_owned();
                let path = [Step::Key("type"), Step::Byte(name.len() + 1)];
                table.report(&path, "invalid-version", message, Some(help));
            }
        }
        match name.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                let error: crate::id::InvalidId = error;
                table.report(&[Step::Key("type")], "invalid-value", error.to_string(), None);
                None
            }
        }
    }

    /// Adds a task that the host makes for the task at `owner`, in a block of its own.
    pub(super) fn host_task(
        &mut self,
        table: &Table<'_>,
        owner: NodeIndex,
        list: List,
    ) -> NodeIndex {
        let (suffix, role) = match list {
            List::Compensate => ("compensate", Role::Compensation),
            _ => ("reduce", Role::Once),
        };
        let block = self.open_block(Some(owner), role);
        let node = self.open_task(block, Site { owner: Some(owner), list, item: 0 });
        let id = self.id(owner).map(|id| TaskId::new(&format!("{id}.{suffix}")));
        let policy = self.defaults.clone();
        let task = self.task(node);
        task.policy = policy;
        match id {
            Some(Ok(id)) => task.id = Some(id),
            Some(Err(_)) => {
                let message = format!("the id is too long: `.{suffix}` is appended to it");
                let help = Some(format!("leave room for {} bytes", suffix.len() + 1));
                table.report(&[Step::Key("id")], "invalid-value", message, help);
            }
            None => {}
        }
        node
    }

    /// Sets what the task of a `reduce` calls. The engine makes its input from the outputs of the
    /// members.
    pub(super) fn set_reduce(&mut self, node: NodeIndex, called: Option<TaskKind>) {
        let task = self.task(node);
        task.kind = called;
        task.input = Some(Template::constant(Value::Null));
    }

    /// Keeps what the task at `node` computes.
    pub(super) fn note(&mut self, node: NodeIndex, key: &'static str, what: Option<What>) {
        let Some(what) = what else { return };
        let path = vec![Step::Key(key)];
        self.formulas.push(Formula { task: Some(node), path, reader: Reader::Task, what });
    }
}

impl RawTask {
    /// The task, if nothing of it is wrong.
    fn into_task(self) -> Option<Task> {
        Some(Task {
            block: self.block,
            run_if: self.run_if,
            allow_failure: self.allow_failure,
            set: self.set,
            retry: self.policy.retry,
            limits: self.policy.limits,
            timeouts: self.policy.timeouts,
            cache: self.cache,
            compensation: self.compensation,
            version: self.version,
            ..Task::new(self.id?, self.kind?, self.input?)
        })
    }
}

impl RawTasks {
    /// The tasks and the blocks, if nothing of them is wrong, and where the tasks stand.
    pub(super) fn into_parts(self) -> Option<(Vec<Task>, Vec<Block>, Vec<Site>)> {
        let tasks: Option<Vec<_>> = self.tasks.into_iter().map(RawTask::into_task).collect();
        let block =
            |raw: RawBlock| Block { owner: raw.owner, tasks: raw.tasks, output: raw.output };
        Some((tasks?, self.blocks.into_iter().map(block).collect(), self.sites))
    }

    pub(super) fn block(&self, block: BlockIndex) -> &RawBlock {
        &self.blocks[block.0 as usize]
    }

    pub(super) fn task(&self, node: NodeIndex) -> &RawTask {
        &self.tasks[node.as_usize()]
    }
}

/// Reads `kind`. A task that has neither `kind` nor `type`, but a key of one kind only, is taken
/// for one of that kind, so that what is in it is checked as well.
fn read_kind(table: &mut Table<'_>) -> Option<Kind> {
    if table.has("kind") {
        return table.choice("kind", &Kind::WORDS);
    }
    if table.has("type") {
        return Some(Kind::Task);
    }
    match keys::guess(table, &keys::TASK).and_then(Kind::parse) {
        None | Some(Kind::Task) => Some(Kind::Task),
        Some(kind) => {
            let message = format!("the task has keys of kind `{kind}`, but does not say so");
            let help = Some(format!("add `kind = \"{kind}\"`"));
            table.report(&[], "missing-key", message, help);
            Some(kind)
        }
    }
}

fn read_id(table: &mut Table<'_>) -> Option<TaskId> {
    let id: TaskId = table.parsed("id")?;
    let refusal = if id.as_str().contains(['.', '[']) {
        "dots and brackets are for tasks that the host makes"
    } else if RESERVED.contains(&id.as_str()) {
        "the word belongs to the expression language"
    } else {
        return Some(id);
    };
    let message = format!("`{id}` is no id for a task");
    table.report(&[Step::Key("id")], "invalid-value", message, Some(refusal.to_owned()));
    None
}
