//! Checks the tree of an expression and rewrites it for evaluation.
//!
//! Two rewrites. The longest plain paths become variables `@0`, `@1`, … that are looked up in the
//! JSON values when they are reached, so only what an expression reads becomes a CEL value, and a
//! path that leads nowhere is explained by name. And whatever makes or reads values again pays for
//! it: sums, items of lists and maps, rounds of comprehensions (see `budget`).

use cel::IdedExpr;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, SourceInfo, operators,
};
use cel::common::types::CelInt;

use super::SyntaxError;
use super::budget::{HELD, ROUND, SUM};
use super::path::{Path, PathStep};
use crate::document::suggest;

/// The deepest tree of an expression. Evaluation recurses on it.
pub const TREE_DEPTH_MAX: usize = 48;

/// How deep comprehensions (`map`, `filter`, `all`, `exists`, `exists_one`) may nest.
pub const COMPREHENSIONS_MAX: usize = 2;

/// The functions an expression may call, beside CEL's operators.
pub const FUNCTIONS: [&str; 24] = [
    "all",
    "bool",
    "bytes",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "exists",
    "exists_one",
    "filter",
    "has",
    "hasValue",
    "int",
    "map",
    "none",
    "of",
    "ofNonZeroValue",
    "or",
    "orValue",
    "size",
    "startsWith",
    "string",
    "type",
    "uint",
];

/// CEL's names of types, which are values: `type(x) == int`.
const TYPES: [&str; 10] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];

/// A plain path inside an expression, and how it is read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) path: Path,
    pub(super) ask: Ask,
}

/// What is asked of a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// The value it leads to.
    Value,
    /// Whether it leads anywhere: `has(tasks.a.output)`.
    Exists,
    /// Whether the value it leads to has this key: `has(input.a)`.
    HasKey(String),
}

/// The variable that stands for the `place`-th read.
fn variable(place: usize) -> Expr {
    Expr::Ident(format!("@{place}"))
}

/// The read that the variable `name` stands for.
pub(super) fn read_of(name: &str) -> Option<usize> {
    name.strip_prefix('@')?.parse().ok()
}

/// Checks and rewrites `tree`, and gives what it reads.
pub(super) fn compile(tree: &mut IdedExpr, info: &SourceInfo) -> Result<Vec<Read>, SyntaxError> {
    let mut compiler = Compiler { info, reads: Vec::new(), bound: Vec::new(), round: 0 };
    compiler.visit(tree, 0)?;
    Ok(compiler.reads)
}

struct Compiler<'i> {
    info: &'i SourceInfo,
    reads: Vec<Read>,
    /// The variables of the comprehensions around, each with its nesting.
    bound: Vec<(String, usize)>,
    /// How many comprehensions are around.
    round: usize,
}

impl Compiler<'_> {
    fn visit(&mut self, node: &mut IdedExpr, depth: usize) -> Result<(), SyntaxError> {
        if depth > TREE_DEPTH_MAX {
            let error =
                SyntaxError::new(self.offset(node.id), "the expression is nested too deeply");
            return Err(
                error.help(format!("the most is {TREE_DEPTH_MAX} operations in each other"))
            );
        }
        if let Some((root, steps)) = static_path(node) {
            return self.visit_path(node, root, steps);
        }
        let id = node.id;
        match &mut node.expr {
            Expr::Select(select) => self.visit_select(select, depth).map(|has| {
                if let Some(has) = has {
                    node.expr = has;
                }
            }),
            Expr::Call(call) => self.visit_call(id, call, depth),
            Expr::List(list) => {
                list.elements.iter_mut().try_for_each(|item| self.visit_kept(item, depth))
            }
            Expr::Map(map) => map.entries.iter_mut().try_for_each(|entry| match &mut entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.visit_kept(&mut entry.key, depth)?;
                    self.visit_kept(&mut entry.value, depth)
                }
                EntryExpr::StructField(_) => Err(self.no_messages(id)),
            }),
            Expr::Comprehension(comprehension) => {
                self.visit_comprehension(id, comprehension, depth)
            }
            Expr::Struct(_) => Err(self.no_messages(id)),
            Expr::Literal(_) => Ok(()),
            Expr::Ident(_) | Expr::Unspecified => {
                Err(SyntaxError::new(self.offset(id), "this is no expression"))
            }
        }
    }

    /// Visits something that a list or a map will hold, and makes it pay.
    fn visit_kept(&mut self, node: &mut IdedExpr, depth: usize) -> Result<(), SyntaxError> {
        self.visit(node, depth + 1)?;
        if !matches!(node.expr, Expr::Literal(_)) {
            hold(node);
        }
        Ok(())
    }

    fn visit_path(
        &mut self,
        node: &mut IdedExpr,
        root: String,
        steps: Vec<PathStep>,
    ) -> Result<(), SyntaxError> {
        if let Some((_, round)) = self.bound.iter().rev().find(|(name, _)| *name == root) {
            // A variable of an outer comprehension is read again in every inner round.
            if *round < self.round && !root.starts_with('@') {
                hold(node);
            }
            return Ok(());
        }
        if steps.is_empty() && TYPES.contains(&&*root) {
            return Ok(());
        }
        let path = Path::resolve(&root, steps, self.root_offset(node))?;
        node.expr = self.read(Read { path, ask: Ask::Value });
        Ok(())
    }

    /// Visits `a.b` whose `a` is no plain path, or `has(a.b)`; gives what stands in its place.
    fn visit_select(
        &mut self,
        select: &mut SelectExpr,
        depth: usize,
    ) -> Result<Option<Expr>, SyntaxError> {
        if let Some((root, mut steps)) = static_path(&select.operand)
            && select.test
            && !self.is_bound(&root)
        {
            let offset = self.root_offset(&select.operand);
            // `has(tasks.a.output)` asks for the output itself.
            if root == "tasks" && steps.len() == 1 {
                steps.push(PathStep::Key(select.field.clone()));
                let path = Path::resolve(&root, steps, offset)?;
                return Ok(Some(self.read(Read { path, ask: Ask::Exists })));
            }
            let path = Path::resolve(&root, steps, offset)?;
            let ask = Ask::HasKey(select.field.clone());
            return Ok(Some(self.read(Read { path, ask })));
        }
        self.visit(&mut select.operand, depth + 1)?;
        Ok(None)
    }

    fn visit_call(
        &mut self,
        id: u64,
        call: &mut CallExpr,
        depth: usize,
    ) -> Result<(), SyntaxError> {
        let is_operator = call.func_name.starts_with(['_', '!', '-', '@']);
        if !is_operator && !FUNCTIONS.contains(&&*call.func_name) {
            let name = &call.func_name;
            let error = SyntaxError::new(self.offset(id), format!("unknown function `{name}`"));
            return Err(match suggest(name, FUNCTIONS) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error,
            });
        }
        if let Some(target) = &mut call.target {
            // `optional.of(x)` is a function of that name, not a call on a value.
            let is_namespace = matches!(&target.expr, Expr::Ident(name) if name == "optional");
            if !is_namespace || self.is_bound("optional") {
                self.visit(target, depth + 1)?;
            }
        }
        for argument in &mut call.args {
            self.visit(argument, depth + 1)?;
        }
        if call.func_name == operators::ADD
            && call.args.len() == 2
            && !is_accumulator(&call.args[0])
        {
            SUM.clone_into(&mut call.func_name);
        }
        Ok(())
    }

    fn visit_comprehension(
        &mut self,
        id: u64,
        comprehension: &mut ComprehensionExpr,
        depth: usize,
    ) -> Result<(), SyntaxError> {
        self.visit(&mut comprehension.iter_range, depth + 1)?;
        self.visit(&mut comprehension.accu_init, depth + 1)?;
        if self.round == COMPREHENSIONS_MAX {
            let error = SyntaxError::new(self.offset(id), "comprehensions are nested too deeply");
            return Err(error.help(format!("the most is {COMPREHENSIONS_MAX} in each other")));
        }
        let cost = count(&comprehension.loop_step);
        let outside = self.bound.len();
        self.round += 1;
        let names = [Some(&comprehension.iter_var), comprehension.iter_var2.as_ref()];
        for name in names.into_iter().flatten().chain([&comprehension.accu_var]) {
            self.bound.push((name.clone(), self.round));
        }
        self.visit(&mut comprehension.loop_cond, depth + 1)?;
        self.visit(&mut comprehension.loop_step, depth + 1)?;
        self.visit(&mut comprehension.result, depth + 1)?;
        self.round -= 1;
        self.bound.truncate(outside);
        charge_rounds(&mut comprehension.loop_step, cost);
        Ok(())
    }

    fn is_bound(&self, name: &str) -> bool {
        self.bound.iter().any(|(bound, _)| bound == name)
    }

    /// The variable of a read.
    fn read(&mut self, read: Read) -> Expr {
        let same = |known: &Read| known.path == read.path && known.ask == read.ask;
        let place = self.reads.iter().position(same).unwrap_or_else(|| {
            self.reads.push(read);
            self.reads.len() - 1
        });
        variable(place)
    }

    /// Where a node begins in the text.
    fn offset(&self, id: u64) -> usize {
        self.info.offset_for(id).map_or(0, |(start, _)| start as usize)
    }

    /// Where the name that a path begins with stands.
    fn root_offset(&self, node: &IdedExpr) -> usize {
        match &node.expr {
            Expr::Select(select) => self.root_offset(&select.operand),
            Expr::Call(call) if !call.args.is_empty() => self.root_offset(&call.args[0]),
            _ => self.offset(node.id),
        }
    }

    fn no_messages(&self, id: u64) -> SyntaxError {
        SyntaxError::new(self.offset(id), "there are no message types here")
            .help("write a map: `{\"key\": value}`")
    }
}

/// The name and the steps of a plain path: an identifier, fields and constant indexes.
fn static_path(node: &IdedExpr) -> Option<(String, Vec<PathStep>)> {
    let mut steps = Vec::new();
    let mut node = node;
    loop {
        node = match &node.expr {
            Expr::Ident(name) => {
                steps.reverse();
                return Some((name.clone(), steps));
            }
            Expr::Select(select) if !select.test => {
                steps.push(PathStep::Key(select.field.clone()));
                &select.operand
            }
            Expr::Call(call) if call.func_name == operators::INDEX && call.args.len() == 2 => {
                steps.push(match &call.args[1].expr {
                    Expr::Literal(LiteralValue::String(key)) => {
                        PathStep::Key(key.inner().to_owned())
                    }
                    Expr::Literal(LiteralValue::Int(place)) => {
                        PathStep::Item(usize::try_from(*place.inner()).ok()?)
                    }
                    _ => return None,
                });
                &call.args[0]
            }
            _ => return None,
        };
    }
}

/// Makes every round of a comprehension pay before its body is evaluated. The shapes that the
/// crate builds quickly (`@result + [x]`, `cond ? @result + [x] : @result`) and those in which it
/// lets a later round outdo an error (`@result || x`) stay as they are.
fn charge_rounds(step: &mut IdedExpr, cost: i64) {
    match &mut step.expr {
        Expr::Call(call) if call.func_name == operators::CONDITIONAL && call.args.len() == 3 => {
            charge(&mut call.args[0], cost);
        }
        Expr::Call(call) if call.args.len() == 2 && is_accumulator(&call.args[0]) => {
            match &mut call.args[1].expr {
                Expr::List(list) if call.func_name == operators::ADD => {
                    list.elements.iter_mut().for_each(|item| charge(item, cost));
                }
                _ => charge(&mut call.args[1], cost),
            }
        }
        _ => charge(step, cost),
    }
}

/// `node` becomes `@round(cost) ? node : null`.
fn charge(node: &mut IdedExpr, cost: i64) {
    let id = node.id;
    let literal = |value| IdedExpr { id, expr: Expr::Literal(value) };
    let round = CallExpr {
        func_name: ROUND.to_owned(),
        target: None,
        args: vec![literal(LiteralValue::Int(CelInt::from(cost)))],
    };
    let round = IdedExpr { id, expr: Expr::Call(round) };
    let body = std::mem::take(node);
    let choice = CallExpr {
        func_name: operators::CONDITIONAL.to_owned(),
        target: None,
        args: vec![round, body, literal(LiteralValue::Null)],
    };
    *node = IdedExpr { id, expr: Expr::Call(choice) };
}

/// `node` becomes `@held(node)`.
fn hold(node: &mut IdedExpr) {
    let id = node.id;
    let args = vec![std::mem::take(node)];
    let call = CallExpr { func_name: HELD.to_owned(), target: None, args };
    *node = IdedExpr { id, expr: Expr::Call(call) };
}

/// Whether it is the variable in which a comprehension gathers its result.
fn is_accumulator(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Ident(name) if name.starts_with('@') && read_of(name).is_none())
}

/// How many nodes a tree has.
fn count(node: &IdedExpr) -> i64 {
    let below: i64 = match &node.expr {
        Expr::Call(call) => {
            call.target.as_deref().map_or(0, count) + call.args.iter().map(count).sum::<i64>()
        }
        Expr::Select(select) => count(&select.operand),
        Expr::List(list) => list.elements.iter().map(count).sum(),
        Expr::Map(map) => {
            let entry = |entry: &_| match entry {
                EntryExpr::MapEntry(entry) => count(&entry.key) + count(&entry.value),
                EntryExpr::StructField(field) => count(&field.value),
            };
            map.entries.iter().map(|item| entry(&item.expr)).sum()
        }
        Expr::Comprehension(inner) => count(&inner.iter_range) + count(&inner.loop_step),
        _ => 0,
    };
    1 + below
}
