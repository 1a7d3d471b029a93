//! JSON values whose strings hold expressions.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::path::PathStep;
use super::scan::expression_end;
use super::{EvaluationError, Expression, RESULT_BYTES_MAX, References, Scope, SyntaxError, value};

/// A JSON value whose strings may hold expressions, parsed once.
#[derive(Debug, Clone)]
pub struct Template(Arc<Parsed>);

#[derive(Debug)]
struct Parsed {
    node: Node,
    references: References,
}

/// A part of a template.
#[derive(Debug)]
pub(crate) enum Node {
    /// Without any expression.
    Constant(Value),
    /// A string that is exactly one expression: its value, of any type.
    Whole(Expression),
    /// A string with expressions in it.
    Text(Vec<Piece>),
    /// A list in which something is no constant.
    List(Vec<Node>),
    /// An object in which something is no constant.
    Object(Vec<(String, Node)>),
}

/// A part of a string.
#[derive(Debug)]
pub(crate) enum Piece {
    /// As it stands.
    Literal(String),
    /// An expression, and where it begins in the string (after `${`), in bytes.
    Expression(Expression, usize),
}

/// An expression inside a value that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The way to the string that holds it.
    pub path: Vec<PathStep>,
    /// What is wrong; its offset is one of that string.
    pub error: SyntaxError,
}

/// Parses templates; each different expression once.
#[derive(Debug, Default)]
pub struct TemplateReader {
    expressions: HashMap<String, Expression>,
}

/// The most expressions that a reader remembers.
const REMEMBERED_MAX: usize = 10_000;

impl Template {
    /// A value without expressions; nothing in it is looked at.
    pub fn constant(value: Value) -> Self {
        Self(Arc::new(Parsed { node: Node::Constant(value), references: References::default() }))
    }

    /// Parses a value. See [`TemplateReader`] for many values.
    ///
    /// # Errors
    /// With every expression that is none, and where it stands.
    pub fn parse(value: &Value) -> Result<Self, Vec<TemplateError>> {
        TemplateReader::default().read(value)
    }

    /// What it reads.
    pub fn references(&self) -> &References {
        &self.0.references
    }

    /// The value, if there is no expression in it.
    pub fn as_constant(&self) -> Option<&Value> {
        match &self.0.node {
            Node::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// Its value.
    ///
    /// # Errors
    /// When an expression fails, or the value exceeds [`RESULT_BYTES_MAX`]; the error says where in
    /// the template.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, EvaluationError> {
        let mut room = RESULT_BYTES_MAX;
        self.0.node.evaluate(scope, &mut room)
    }

    /// Its parts.
    pub(crate) fn node(&self) -> &Node {
        &self.0.node
    }
}

impl Node {
    fn as_constant(&self) -> Option<Value> {
        match self {
            Self::Constant(value) => Some(value.clone()),
            _ => None,
        }
    }

    fn evaluate(&self, scope: &Scope, room: &mut u64) -> Result<Value, EvaluationError> {
        match self {
            Self::Constant(value) => {
                value::pay_json(value, room).map_err(EvaluationError::without_expression)?;
                Ok(value.clone())
            }
            Self::Whole(expression) => expression.evaluate_within(scope, room),
            Self::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Literal(literal) => text.push_str(literal),
                        Piece::Expression(expression, _) => {
                            append(&mut text, expression.evaluate_within(scope, room)?);
                        }
                    }
                }
                Ok(Value::String(text))
            }
            Self::List(nodes) => {
                let mut list = Vec::with_capacity(nodes.len());
                for (place, node) in nodes.iter().enumerate() {
                    let value = node.evaluate(scope, room);
                    list.push(value.map_err(|error| error.inside(PathStep::Item(place)))?);
                }
                Ok(Value::Array(list))
            }
            Self::Object(entries) => {
                let mut object = Map::new();
                for (key, node) in entries {
                    let value = node.evaluate(scope, room);
                    let value = value.map_err(|error| error.inside(PathStep::Key(key.clone())))?;
                    object.insert(key.clone(), value);
                }
                Ok(Value::Object(object))
            }
        }
    }

    /// Calls `visit` with every expression, the way to its string and its place in it.
    pub(crate) fn expressions<'n>(
        &'n self,
        path: &mut Vec<PathStep>,
        visit: &mut dyn FnMut(&[PathStep], usize, &'n Expression),
    ) {
        match self {
            Self::Constant(_) => {}
            Self::Whole(expression) => visit(path, "${".len(), expression),
            Self::Text(pieces) => {
                for piece in pieces {
                    if let Piece::Expression(expression, offset) = piece {
                        visit(path, *offset, expression);
                    }
                }
            }
            Self::List(nodes) => {
                for (place, node) in nodes.iter().enumerate() {
                    path.push(PathStep::Item(place));
                    node.expressions(path, visit);
                    path.pop();
                }
            }
            Self::Object(entries) => {
                for (key, node) in entries {
                    path.push(PathStep::Key(key.clone()));
                    node.expressions(path, visit);
                    path.pop();
                }
            }
        }
    }
}

impl TemplateReader {
    /// Parses a value.
    ///
    /// # Errors
    /// With every expression that is none, and where it stands.
    pub fn read(&mut self, value: &Value) -> Result<Template, Vec<TemplateError>> {
        let mut errors = Vec::new();
        let node = self.read_node(value, &mut Vec::new(), &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let mut references = References::default();
        node.expressions(&mut Vec::new(), &mut |_, _, expression| {
            references.add_all(expression.references());
        });
        Ok(Template(Arc::new(Parsed { node, references })))
    }

    fn read_node(
        &mut self,
        value: &Value,
        path: &mut Vec<PathStep>,
        errors: &mut Vec<TemplateError>,
    ) -> Node {
        match value {
            Value::String(text) if text.contains("${") => match self.read_text(text) {
                Ok(node) => node,
                Err(found) => {
                    let locate = |error| TemplateError { path: path.clone(), error };
                    errors.extend(found.into_iter().map(locate));
                    Node::Constant(Value::Null)
                }
            },
            Value::Array(items) => {
                let mut nodes = Vec::with_capacity(items.len());
                for (place, item) in items.iter().enumerate() {
                    path.push(PathStep::Item(place));
                    nodes.push(self.read_node(item, path, errors));
                    path.pop();
                }
                match nodes.iter().map(Node::as_constant).collect::<Option<Value>>() {
                    Some(constant) => Node::Constant(constant),
                    None => Node::List(nodes),
                }
            }
            Value::Object(entries) => {
                let mut nodes = Vec::with_capacity(entries.len());
                for (key, entry) in entries {
                    path.push(PathStep::Key(key.clone()));
                    nodes.push((key.clone(), self.read_node(entry, path, errors)));
                    path.pop();
                }
                let constant =
                    |(key, node): &(String, Node)| Some((key.clone(), node.as_constant()?));
                match nodes.iter().map(constant).collect::<Option<Map<_, _>>>() {
                    Some(constant) => Node::Constant(Value::Object(constant)),
                    None => Node::Object(nodes),
                }
            }
            other => Node::Constant(other.clone()),
        }
    }

    /// Parses a string that holds `${` or `$${`.
    fn read_text(&mut self, text: &str) -> Result<Node, Vec<SyntaxError>> {
        let mut pieces = Vec::new();
        let mut errors = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].find("${") {
            let dollar = at + found;
            if text[at..dollar].ends_with('$') {
                // The second `$` of `$${`: drop it and take the brace as it is.
                literal.push_str(&text[at..dollar]);
                literal.push('{');
                at = dollar + 2;
                continue;
            }
            literal.push_str(&text[at..dollar]);
            let begin = dollar + 2;
            let end = match expression_end(&text[begin..], false) {
                Ok(length) => begin + length,
                Err(error) => {
                    errors.push(SyntaxError { offset: begin + error.offset, ..error });
                    return Err(errors);
                }
            };
            match self.expression(&text[begin..end]) {
                Ok(expression) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    pieces.push(Piece::Expression(expression, begin));
                }
                Err(error) => errors.push(SyntaxError { offset: begin + error.offset, ..error }),
            }
            at = end + 1;
        }
        literal.push_str(&text[at..]);
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(node_of(pieces, literal))
    }

    fn expression(&mut self, text: &str) -> Result<Expression, SyntaxError> {
        if let Some(expression) = self.expressions.get(text) {
            return Ok(expression.clone());
        }
        let expression = Expression::parse(text)?;
        // Paths are as quick to parse as to find.
        if expression.as_path().is_none() && self.expressions.len() < REMEMBERED_MAX {
            self.expressions.insert(text.to_owned(), expression.clone());
        }
        Ok(expression)
    }
}

/// The node of a string of `pieces` that ends with `rest`.
fn node_of(mut pieces: Vec<Piece>, rest: String) -> Node {
    if pieces.is_empty() {
        return Node::Constant(Value::String(rest));
    }
    if rest.is_empty()
        && let [Piece::Expression(expression, _)] = &pieces[..]
    {
        return Node::Whole(expression.clone());
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    Node::Text(pieces)
}

/// Appends a value to a text: texts as they are, the rest as JSON.
fn append(text: &mut String, value: Value) {
    match value {
        Value::String(inside) => text.push_str(&inside),
        other => text.push_str(&other.to_string()),
    }
}
