//! Reads `[context]`: what runs share with others, and who may read that.

use serde_json::{Map, Value};

use super::config::MERGES;
use super::formula::{Formula, Reader, What, parse_template};
use super::keys;
use super::links::base_path;
use super::step_of;
use super::task::RawTasks;
use crate::context::SHARED_CONTEXTS_MAX;
use crate::document::{Document, Step, Table, clip};
use crate::expression::{Expression, TemplateReader};
use crate::id::{ContextName, TaskType};
use crate::workflow::{SharedMerge, Sharing, TypeMerge};

/// Reads `[context]`, and adds what is computed in it to `formulas`.
pub(super) fn read(
    root: &mut Table<'_>,
    templates: &mut TemplateReader,
    formulas: &mut Vec<Formula>,
) -> Sharing {
    let mut sharing = Sharing::default();
    let Some(mut table) = root.table("context") else { return sharing };
    for (item, name) in table.strings("shared").unwrap_or_default().into_iter().enumerate() {
        let path = [Step::Key("shared"), Step::Item(item)];
        sharing.reads.extend(read_name(&table, &path, &name));
    }
    sharing.merge = read_merge(&mut table).unwrap_or_default();
    read_publish(&mut table, templates, formulas, &mut sharing);
    for (key, count) in [("shared", sharing.reads.len()), ("publish", sharing.publishes.len())] {
        if count > SHARED_CONTEXTS_MAX {
            let message = format!("{count} contexts are named");
            let help = Some(format!("the most is {SHARED_CONTEXTS_MAX}"));
            table.report(&[Step::Key(key)], "too-long", message, help);
        }
    }
    keys::finish(&table, &keys::CONTEXT);
    sharing
}

/// Reads what becomes of a name that is there already: `merge`, or `merge_type` with `merge_input`.
fn read_merge(table: &mut Table<'_>) -> Option<SharedMerge> {
    let policy = table.choice("merge", &MERGES).map(SharedMerge::Policy);
    let has_policy = table.has("merge");
    let task_type = table.parsed::<TaskType>("merge_type");
    let input = read_merge_input(table);
    match table.has("merge_type") {
        true if has_policy => {
            let help = Some("leave out one of them".to_owned());
            let message = "`merge` says already what becomes of a name";
            table.report(&[Step::Key("merge_type")], "conflicting-keys", message, help);
        }
        false if table.has("merge_input") => {
            let help = Some("say with `merge_type` whose input it is".to_owned());
            let message = "there is no task type that it could be for";
            table.report(&[Step::Key("merge_input")], "unused-key", message, help);
        }
        _ => {}
    }
    let by_type = |task_type| SharedMerge::Type(TypeMerge { task_type, input });
    task_type.map(by_type).or(policy)
}

fn read_merge_input(table: &mut Table<'_>) -> Map<String, Value> {
    let path = [Step::Key("merge_input")];
    match table.json("merge_input") {
        None => Map::new(),
        Some(Value::Object(input)) => {
            if input.contains_key(TypeMerge::VALUES) {
                let path = [path[0], Step::Key(TypeMerge::VALUES)];
                let message = "the two values stand there";
                table.report(&path, "reserved-key", message, Some("leave it out".to_owned()));
            }
            input
        }
        Some(_) => {
            let help = Some("write `merge_input = { arrays = \"concat\" }`".to_owned());
            table.report(&path, "invalid-value", "it is no table", help);
            Map::new()
        }
    }
}

fn read_name(table: &Table<'_>, path: &[Step<'_>], name: &str) -> Option<ContextName> {
    match name.parse::<ContextName>() {
        Ok(name) => Some(name),
        Err(error) => {
            table.report(path, "invalid-value", error.to_string(), None);
            None
        }
    }
}

fn read_publish(
    table: &mut Table<'_>,
    templates: &mut TemplateReader,
    formulas: &mut Vec<Formula>,
    sharing: &mut Sharing,
) {
    let Some(value) = table.json("publish") else { return };
    let Some(names) = value.as_object() else {
        let help = Some("write `publish = { name = \"${context.value}\" }`".to_owned());
        table.report(&[Step::Key("publish")], "invalid-value", "it is no table of names", help);
        return;
    };
    // Parsed as one, so that problems stand where they are; computed one by one.
    let Some(whole) = parse_template(table, "publish", &value, templates) else { return };
    let (what, path) = (What::Template(whole), vec![Step::Key("context"), Step::Key("publish")]);
    formulas.push(Formula { task: None, path, reader: Reader::Run, what });
    for (name, value) in names {
        let path = [Step::Key("publish"), Step::Key(name)];
        let name = read_name(table, &path, name);
        if let (Some(name), Ok(template)) = (name, templates.read(value)) {
            sharing.publishes.push((name, template));
        }
    }
}

/// Notes every expression that reads a shared context which the file does not name.
pub(super) fn check(
    document: &Document<'_>,
    raw: &RawTasks,
    sharing: &Sharing,
    formulas: &[Formula],
) {
    for formula in formulas.iter().filter(|formula| formula.what.references().shared) {
        let unknown = |name: &&String| sharing.reads.iter().all(|known| known.as_str() != **name);
        if !formula.what.references().shared_names.iter().any(|name| unknown(&name)) {
            continue;
        }
        let base = base_path(raw, formula);
        formula.what.expressions(&mut |inside, offset, expression: &Expression| {
            for name in expression.references().shared_names.iter().filter(unknown) {
                let mut steps = base.clone();
                steps.extend(inside.iter().map(step_of));
                steps.push(Step::Byte(offset + expression.position_of("shared")));
                let message =
                    format!("no shared context `{}` is read by this workflow", clip(name));
                let known = sharing.reads.iter().map(ContextName::as_str);
                let add = "add it to `shared` in `[context]`".to_owned();
                let help = document.did_you_mean(name, known).unwrap_or(add);
                document.root().report(&steps, "unknown-context", message, Some(help));
            }
        });
    }
}
