//! Expressions that are more than a path: parsed, checked and evaluated by the crate `cel`.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, OnceLock};

use cel::common::types::{CelBool, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, IdedExpr, ParseErrors};
use serde_json::Value;

use super::budget::{self, VALUE_COST};
use super::compile::{Ask, Read, compile, read_of};
use super::path::Path;
use super::scan::expression_end;
use super::value::{to_cel, to_json};
use super::{Scope, SyntaxError};

/// CEL's standard library and the functions of the budget.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    budget::declare(&mut env).expect("the names begin with `@`, so they are nobody else's");
    Arc::new(env)
});

/// The longest message of the crate that is handed on.
const MESSAGE_CHARS_MAX: usize = 240;

/// A checked tree and the paths it reads.
pub(super) struct Program {
    tree: IdedExpr,
    reads: Vec<Read>,
}

impl Program {
    pub(super) fn parse(text: &str) -> Result<Self, SyntaxError> {
        expression_end(text, true)?;
        let parse = || ENVIRONMENT.parser().parse_with_source_info(text);
        let (mut tree, info) = catch_unwind(AssertUnwindSafe(parse))
            .map_err(|_| SyntaxError::new(0, "the CEL parser gave up on this"))?
            .map_err(|errors| first_error(text, &errors))?;
        let reads = compile(&mut tree, &info).map_err(|mut error| {
            error.offset = boundary(text, error.offset);
            error
        })?;
        Ok(Self { tree, reads })
    }

    /// The paths it reads.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.reads.iter().map(|read| &read.path)
    }

    /// The paths that the expression itself asks for with `has()`.
    pub(super) fn asked_for(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.reads.iter().filter_map(|read| match &read.ask {
            Ask::HasKey(key) => Some((&read.path, &**key)),
            Ask::Value | Ask::Exists => None,
        })
    }

    /// Its value; takes the size off `room`.
    pub(super) fn evaluate(&self, scope: &Scope, room: &mut u64) -> Result<Value, String> {
        let evaluation = || {
            budget::with_budget(|| {
                let reads = Reads::new(&self.reads, scope);
                let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
                context.set_variable_resolver(&reads);
                let value = cel::Value::resolve_val(&self.tree, &context)
                    .map_err(|error| reads.explain(&error))?;
                to_json(value.as_ref(), room)
            })
        };
        match catch_unwind(AssertUnwindSafe(evaluation)) {
            Ok(Ok(result)) => result,
            Ok(Err(exhausted)) => Err(exhausted.to_owned()),
            Err(_) => Err("the CEL interpreter gave up on this".to_owned()),
        }
    }
}

/// The values of the reads of one evaluation, each made when it is first reached.
struct Reads<'s> {
    reads: &'s [Read],
    scope: &'s Scope,
    values: Vec<OnceLock<Option<Made<'s>>>>,
}

/// A value and what each reading of it costs.
type Made<'s> = (Box<dyn Val + 's>, u64);

impl<'s> Reads<'s> {
    fn new(reads: &'s [Read], scope: &'s Scope) -> Self {
        Self { reads, scope, values: reads.iter().map(|_| OnceLock::new()).collect() }
    }

    /// The value of a read and what reading it costs; `None` when it leads nowhere or is more than
    /// what is left of the budget.
    fn make(&self, place: usize) -> Option<Made<'s>> {
        let read = self.reads.get(place)?;
        let truth = |truth| Some((Box::new(CelBool::from(truth)) as Box<dyn Val>, VALUE_COST));
        match &read.ask {
            Ask::Value => {}
            Ask::Exists => return truth(read.path.look_up(self.scope).is_ok()),
            Ask::HasKey(key) => return truth(read.path.has(key, self.scope).ok()?),
        }
        match read.path.look_up(self.scope).ok()? {
            Cow::Borrowed(value) => {
                let cost = cost_of(value);
                budget::pay(cost).ok()?;
                Some((to_cel(value), cost))
            }
            Cow::Owned(value) => {
                let text = value.as_str()?.to_owned();
                Some((Box::new(CelString::from(text)), VALUE_COST))
            }
        }
    }

    /// An error in the words of the expression.
    fn explain(&self, error: &ExecutionError) -> String {
        if let ExecutionError::UndeclaredReference(name) = error
            && let Some(read) = read_of(name).and_then(|place| self.reads.get(place))
        {
            let result = match &read.ask {
                Ask::HasKey(key) => read.path.has(key, self.scope).map(drop),
                Ask::Value | Ask::Exists => read.path.look_up(self.scope).map(drop),
            };
            return result.err().unwrap_or_else(|| format!("{} is too large", read.path));
        }
        explain(error)
    }
}

impl VariableResolver for Reads<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let place = read_of(variable)?;
        let made = self.values.get(place)?.get_or_init(|| self.make(place));
        let (value, cost) = made.as_ref()?;
        budget::pay(*cost).ok()?;
        Some(CowVal::Borrowed(value.as_ref()))
    }
}

/// What a JSON value costs as a CEL value.
fn cost_of(value: &Value) -> u64 {
    let inside = match value {
        Value::String(text) => text.len() as u64,
        Value::Array(items) => items.iter().map(cost_of).sum(),
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| VALUE_COST + key.len() as u64 + cost_of(value)).sum()
        }
        _ => 0,
    };
    VALUE_COST + inside
}

/// An error of the crate, with the types of the values instead of the values, which may be large.
fn explain(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no such key `{key}`"),
        ExecutionError::UndeclaredReference(name) => format!("unknown name `{name}`"),
        ExecutionError::NoSuchOverload(overload) => {
            let types = overload.argument_types().join(", ");
            format!("`{}` does not take ({types})", operator(overload.function()))
        }
        ExecutionError::UnexpectedType { got, want } => {
            format!("a value of type {got} stands where {want} is needed")
        }
        ExecutionError::ValuesNotComparable(left, right) => {
            format!("{} and {} cannot be compared", left.type_of(), right.type_of())
        }
        ExecutionError::UnsupportedBinaryOperator(name, left, right) => {
            format!("`{}` does not take ({}, {})", operator(name), left.type_of(), right.type_of())
        }
        ExecutionError::UnsupportedIndex(index, value) => {
            format!("a {} cannot index a {}", index.type_of(), value.type_of())
        }
        ExecutionError::UnsupportedKeyType(key) => {
            format!("a {} cannot be the key of a map", key.type_of())
        }
        ExecutionError::IndexOutOfBounds(index) => match index {
            cel::Value::Int(place) => format!("no item {place} in the list"),
            _ => "no such item in the list".to_owned(),
        },
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "division by zero".to_owned()
        }
        ExecutionError::Overflow(name, ..) => {
            format!("the result of `{}` does not fit into 64 bits", operator(name))
        }
        ExecutionError::FunctionError { function, message } => {
            clip(&format!("`{function}`: {message}"))
        }
        other => clip(&other.to_string()),
    }
}

/// A function's name as people write it.
fn operator(name: &str) -> &str {
    match name {
        "add" | "_+_" | "@sum" => "+",
        "sub" | "_-_" => "-",
        "mul" | "_*_" => "*",
        "div" | "_/_" => "/",
        "rem" | "_%_" => "%",
        "-_" => "-",
        "!_" => "!",
        "_[_]" => "[]",
        "_._" => ".",
        "@in" => "in",
        other => other.trim_matches('_'),
    }
}

/// The first thing that the parser complains about.
fn first_error(text: &str, errors: &ParseErrors) -> SyntaxError {
    let Some(first) = errors.errors.first() else {
        return SyntaxError::new(0, "this is no CEL expression");
    };
    let (line, column) = first.pos;
    let line = usize::try_from(line).unwrap_or(1).max(1);
    let begin: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = text.get(begin..).unwrap_or("");
    let characters = usize::try_from(column).unwrap_or(0).saturating_sub(1);
    let offset = rest.char_indices().nth(characters).map_or(rest.len(), |(at, _)| at);
    let message = format!("this is no CEL: {}", reword(&first.msg));
    SyntaxError::new(boundary(text, begin + offset), message)
}

/// A complaint of the parser in plainer words.
fn reword(message: &str) -> String {
    let message = message.trim_start_matches("Syntax error: ");
    // What could have stood there instead is a list of everything.
    let message = message.split(" expecting ").next().unwrap_or(message);
    let unexpected = [
        "mismatched input ",
        "extraneous input ",
        "no viable alternative at input ",
        "token recognition error at: ",
    ];
    match unexpected.iter().find_map(|words| message.strip_prefix(words)) {
        Some("'<EOF>'") => "it ends too early".to_owned(),
        Some(what) => clip(&format!("unexpected {what}")),
        None => clip(message),
    }
}

/// The nearest place at or before `offset` where a character begins.
fn boundary(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset)
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
