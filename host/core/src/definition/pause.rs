//! Reads the kinds of tasks that wait for something else: `wait`, `approval` and `workflow`.

use super::formula::{What, read_expression};
use super::head::read_schema;
use super::policy::LONG_TIMES;
use super::task::TaskReader;
use crate::document::{Step, Table};
use crate::workflow::{
    Approval, ChildWorkflow, NodeIndex, OnDeadline, OnTimeout, TaskKind, Wait, WaitUntil,
};

/// The longest prompt of an approval, in characters.
pub const PROMPT_CHARS_MAX: usize = 10_000;

/// The longest name of a signal, in bytes.
pub const SIGNAL_BYTES_MAX: usize = 128;

impl TaskReader<'_> {
    pub(super) fn read_wait(&mut self, table: &mut Table<'_>, node: NodeIndex) -> Option<TaskKind> {
        let given: Vec<_> =
            ["for", "until", "signal"].into_iter().filter(|key| table.has(key)).collect();
        if given.is_empty() {
            let message = "it does not say what it waits for";
            let help = "add one of `for`, `until` and `signal`".to_owned();
            table.report(&[], "missing-key", message, Some(help));
        }
        for more in given.iter().skip(1) {
            let message = format!("there is `{}` already", given[0]);
            let help = "a wait has one of `for`, `until` and `signal`".to_owned();
            table.report(&[Step::Key(more)], "too-many-keys", message, Some(help));
        }
        let passed = table.duration("for", LONG_TIMES).map(WaitUntil::For);
        let time = read_expression(table, "until");
        self.note(node, "until", time.clone().map(What::Bare));
        let signal = read_signal(table);
        if signal.is_none() && !table.has("signal") {
            refuse_without_signal(table);
        }
        let timeout = table.duration("timeout", LONG_TIMES);
        let on_timeout = table.choice(
            "on_timeout",
            &[
                ("fail", OnTimeout::Fail),
                ("succeed", OnTimeout::Succeed),
                ("skip", OnTimeout::Skip),
            ],
        );
        let until = passed.or(time.map(WaitUntil::Time)).or(signal)?;
        let on_timeout = on_timeout.unwrap_or(OnTimeout::Fail);
        Some(TaskKind::Wait(Wait { until, timeout, on_timeout }))
    }

    pub(super) fn read_approval(
        &mut self,
        table: &mut Table<'_>,
        node: NodeIndex,
    ) -> Option<TaskKind> {
        table.require(&["prompt"]);
        let prompt = super::head::read_text(table, "prompt", PROMPT_CHARS_MAX);
        self.read_input(table, node);
        let input_schema = read_schema(table, "input_schema");
        let deadline = table.duration("deadline", LONG_TIMES);
        let on_deadline = table.choice(
            "on_deadline",
            &[
                ("fail", OnDeadline::Fail),
                ("approve", OnDeadline::Approve),
                ("reject", OnDeadline::Reject),
            ],
        );
        if table.has("on_deadline") && !table.has("deadline") {
            let help = Some("add a `deadline`".to_owned());
            let message = "there is no deadline";
            table.report(&[Step::Key("on_deadline")], "missing-key", message, help);
        }
        let reject_fails = table.choice("on_reject", &[("fail", true), ("continue", false)]);
        Some(TaskKind::Approval(Approval {
            prompt: prompt?,
            input_schema,
            deadline,
            on_deadline: on_deadline.unwrap_or(OnDeadline::Fail),
            reject_fails: reject_fails.unwrap_or(true),
        }))
    }

    pub(super) fn read_child(
        &mut self,
        table: &mut Table<'_>,
        node: NodeIndex,
    ) -> Option<TaskKind> {
        table.require(&["workflow"]);
        self.read_input(table, node);
        let workflow = table.parsed("workflow");
        let detached = table.boolean("detached").unwrap_or(false);
        let returns = table.choice("context", &[("return", true), ("keep", false)]);
        let returns_context = returns.unwrap_or(false);
        if returns_context && detached {
            let message = "a run whose end is not waited for returns no context";
            let help = Some("leave `context` or `detached` out".to_owned());
            table.report(&[Step::Key("context")], "wrong-kind", message, help);
        }
        Some(TaskKind::Workflow(ChildWorkflow { workflow: workflow?, detached, returns_context }))
    }
}

/// Reads `signal`: a name that stands in a path of the API.
fn read_signal(table: &mut Table<'_>) -> Option<WaitUntil> {
    let name = table.raw_text("signal")?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if (1..=SIGNAL_BYTES_MAX).contains(&name.len()) && name.chars().all(is_part) {
        return Some(WaitUntil::Signal(name.into()));
    }
    let message = format!("`{}` is no name of a signal", crate::document::clip(name));
    let help = format!("use letters, digits, `-`, `_` and `.`, at most {SIGNAL_BYTES_MAX}");
    table.report(&[Step::Key("signal")], "invalid-value", message, Some(help));
    None
}

/// Notes keys that only a wait for a signal has.
fn refuse_without_signal(table: &Table<'_>) {
    for key in ["timeout", "on_timeout"].into_iter().filter(|key| table.has(key)) {
        let message = format!("`{key}` is for a wait for a `signal`");
        table.report(&[Step::Key(key)], "wrong-kind", message, None);
    }
}
