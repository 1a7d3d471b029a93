//! Everything in a file that is computed: expressions and templates, with the place they stand in.

use serde_json::Value;

use super::step_of;
use crate::document::{Step, Table};
use crate::expression::{
    Expression, PathStep, References, Template, TemplateError, TemplateReader,
};
use crate::workflow::{BlockIndex, NodeIndex};

/// An expression or a template of a file.
#[derive(Debug)]
pub(super) struct Formula {
    /// The task whose key it is; `None` for the file's own keys.
    pub(super) task: Option<NodeIndex>,
    /// The way to it from the task, or from the top of the file.
    pub(super) path: Vec<Step<'static>>,
    pub(super) reader: Reader,
    pub(super) what: What,
}

/// Who reads, which decides what is in scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// The task itself, before it runs.
    Task,
    /// The task itself, when its output is known.
    Done,
    /// A block when its tasks have ended.
    Block(BlockIndex),
    /// The run when its tasks have ended.
    Run,
    /// The start of a run, with its input.
    Start,
    /// A trigger, with its event.
    Trigger,
}

/// What is computed.
#[derive(Debug, Clone)]
pub(super) enum What {
    Template(Template),
    Bare(Expression),
}

impl What {
    pub(super) fn references(&self) -> &References {
        match self {
            Self::Template(template) => template.references(),
            Self::Bare(expression) => expression.references(),
        }
    }

    /// Calls `visit` with every expression, the way to its string and its place in it.
    pub(super) fn expressions<'n>(
        &'n self,
        visit: &mut dyn FnMut(&[PathStep], usize, &'n Expression),
    ) {
        match self {
            Self::Template(template) => template.node().expressions(&mut Vec::new(), visit),
            Self::Bare(expression) => visit(&[], 0, expression),
        }
    }
}

/// Reads a key whose value may hold `${…}`; `None` when it is absent or wrong.
pub(super) fn read_template<'d>(
    table: &mut Table<'d>,
    key: &'static str,
    templates: &mut TemplateReader,
) -> Option<Template> {
    let value = table.json(key)?;
    parse_template(table, key, &value, templates)
}

/// Parses the value of `key` as a template, and notes what is wrong in it.
pub(super) fn parse_template(
    table: &Table<'_>,
    key: &'static str,
    value: &Value,
    templates: &mut TemplateReader,
) -> Option<Template> {
    let errors = match templates.read(value) {
        Ok(template) => return Some(template),
        Err(errors) => errors,
    };
    for TemplateError { path, error } in errors {
        let mut steps = vec![Step::Key(key)];
        steps.extend(path.iter().map(step_of));
        steps.push(Step::Byte(error.offset));
        table.report(&steps, "bad-expression", error.message, error.help);
    }
    None
}

/// Reads a key that is one expression; `None` when it is absent or wrong.
pub(super) fn read_expression<'d>(table: &mut Table<'d>, key: &'static str) -> Option<Expression> {
    let text = table.raw_text(key)?;
    let inside = text.trim().strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    if let Some(inside) = inside {
        let help = format!("write it without `${{}}`: \"{}\"", crate::document::clip(inside));
        let message = "the value is an expression as it is";
        table.report(&[Step::Key(key), Step::Byte(0)], "bad-expression", message, Some(help));
        return None;
    }
    match Expression::parse(text) {
        Ok(expression) => Some(expression),
        Err(error) => {
            let path = [Step::Key(key), Step::Byte(error.offset)];
            table.report(&path, "bad-expression", error.message, error.help);
            None
        }
    }
}
