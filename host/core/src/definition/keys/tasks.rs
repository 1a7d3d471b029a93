//! The keys of tasks, of every kind.

use super::{CACHE, Key, LIMITS, RETRY, Section, Shape, Tag};
use crate::definition::policy::MAX_PARALLEL_MAX;
use crate::workflow::graph::TASKS_MAX;

const KINDS: &[&str] =
    &["task", "branch", "switch", "group", "parallel", "decision", "wait", "approval", "workflow"];

const STRATEGIES: &[&str] = &["array", "object", "first", "any", "quorum", "deep", "reduce"];

pub(in crate::definition) static TASK: Section = Section {
    name: "task",
    tag: Some(Tag { key: "kind", words: KINDS, default: Some("task") }),
    keys: &[
        Key::new("id", Shape::Pattern("^[a-z][a-z0-9_]*$"), "Its name.").required(),
        Key::new("kind", Shape::Choice(KINDS), "What it does; `task` when absent."),
        Key::new("type", Shape::Text, "The task type: `plugin.name`, and maybe `@^1.2`.")
            .of(&["task"])
            .required(),
        Key::new("needs", Shape::Texts, "Tasks of the same list that it needs."),
        Key::new("run_if", Shape::Expression, "Decides whether it runs."),
        Key::new("allow_failure", Shape::Truth, "Whether what needs it goes on when it failed."),
        Key::new("input", Shape::Value, "What the handler, the run or the person is given.")
            .of(&["task", "decision", "approval", "workflow"]),
        Key::new("set", Shape::Value, "What it sets in the context; may read its `output`."),
        Key::new("timeout", Shape::Duration, "The time of one attempt, or of a wait for a signal.")
            .of(&["task", "wait"]),
        Key::new("queue_timeout", Shape::Duration, "From ready to started, of each attempt.")
            .of(&["task"]),
        Key::new("total_timeout", Shape::Duration, "From the first time ready to the end.")
            .of(&["task"]),
        Key::new("heartbeat", Shape::Duration, "Without progress from the handler.").of(&["task"]),
        Key::new("retry", Shape::Table(&RETRY), "How often it is tried.").of(&["task"]),
        Key::new("limits", Shape::Table(&LIMITS), "What one attempt may use.").of(&["task"]),
        Key::new("cache", Shape::Table(&CACHE), "When an earlier result will do.").of(&["task"]),
        Key::new("compensate", Shape::Table(&COMPENSATE), "What undoes it.").of(&["task"]),
        Key::new("condition", Shape::Expression, "Which of the two lists runs.")
            .of(&["branch"])
            .required(),
        Key::new("then", Shape::Tables(&TASK), "What runs when the condition holds.")
            .of(&["branch"])
            .required(),
        Key::new("then_output", Shape::Value, "The output when `then` ran.").of(&["branch"]),
        Key::new("else", Shape::Tables(&TASK), "What runs when it does not.").of(&["branch"]),
        Key::new("else_output", Shape::Value, "The output when `else` ran.").of(&["branch"]),
        Key::new("on", Shape::Expression, "The value that chooses a case.")
            .of(&["switch"])
            .required(),
        Key::new("cases", Shape::Tables(&CASE), "The first that is equal runs.")
            .of(&["switch"])
            .required(),
        Key::new("default", Shape::Tables(&TASK), "What runs when no case is equal.")
            .of(&["switch"]),
        Key::new("default_output", Shape::Value, "The output when `default` ran.").of(&["switch"]),
        Key::new("tasks", Shape::Tables(&TASK), "The tasks in it.")
            .of(&["group", "parallel"])
            .required(),
        Key::new("output", Shape::Value, "The value of the group, or of each item.")
            .of(&["group", "parallel"]),
        Key::new("for_each", Shape::Expression, "The list whose items repeat the tasks.")
            .of(&["parallel"]),
        Key::new("max_parallel", Shape::Number(1, MAX_PARALLEL_MAX), "Members at the same time.")
            .of(&["parallel"]),
        Key::new("merge", Shape::Table(&MERGE), "What becomes of the outputs.").of(&["parallel"]),
        Key::new("question", Shape::Text, "What is decided.").of(&["decision"]).required(),
        Key::new("options", Shape::Tables(&OPTION), "What may be chosen.")
            .of(&["decision"])
            .required(),
        Key::new(
            "recommend",
            Shape::Pattern("^(rule|ai|task:[a-z][a-z0-9_]*)$"),
            "What recommends an option.",
        )
        .of(&["decision"])
        .required(),
        Key::new("min_confidence", Shape::Fraction, "The least confidence of a recommendation.")
            .of(&["decision"]),
        Key::new("fallback", Shape::Table(&FALLBACK), "What happens without a recommendation.")
            .of(&["decision"])
            .required(),
        Key::new("for", Shape::Duration, "How long to wait.").of(&["wait"]),
        Key::new("until", Shape::Expression, "The time to wait for.").of(&["wait"]),
        Key::new("signal", Shape::Text, "The name of the signal to wait for.").of(&["wait"]),
        Key::new(
            "on_timeout",
            Shape::Choice(&["fail", "succeed", "skip"]),
            "When the signal did not come in time; `fail` when absent.",
        )
        .of(&["wait"]),
        Key::new("prompt", Shape::Text, "What is to be approved.").of(&["approval"]).required(),
        Key::new("input_schema", Shape::JsonSchema, "What the person may give along.")
            .of(&["approval"]),
        Key::new("deadline", Shape::Duration, "How long it may take.").of(&["approval"]),
        Key::new(
            "on_deadline",
            Shape::Choice(&["fail", "approve", "reject"]),
            "When nobody answered in time; `fail` when absent.",
        )
        .of(&["approval"]),
        Key::new(
            "on_reject",
            Shape::Choice(&["fail", "continue"]),
            "Whether a rejection fails the task; `fail` when absent.",
        )
        .of(&["approval"]),
        Key::new("workflow", Shape::Text, "The workflow to run.").of(&["workflow"]).required(),
        Key::new("detached", Shape::Truth, "Whether its end is not waited for.").of(&["workflow"]),
        Key::new(
            "context",
            Shape::Choice(&["keep", "return"]),
            "Whether what its tasks set in its context is set in this one; `keep` when absent.",
        )
        .of(&["workflow"]),
    ],
};

pub(in crate::definition) static CASE: Section = Section {
    name: "case",
    tag: None,
    keys: &[
        Key::new("equals", Shape::Constant, "The value that chooses this case.").required(),
        Key::new("tasks", Shape::Tables(&TASK), "What runs then.").required(),
        Key::new("output", Shape::Value, "The output when this case ran."),
    ],
};

pub(in crate::definition) static OPTION: Section = Section {
    name: "option",
    tag: None,
    keys: &[
        Key::new("id", Shape::Pattern("^[A-Za-z0-9_-]{1,64}$"), "Its name.").required(),
        Key::new("about", Shape::Text, "What it means, for people and models."),
        Key::new(
            "when",
            Shape::Expression,
            "Whether it may be recommended; of a rule, whether it is.",
        ),
    ],
};

pub(in crate::definition) static FALLBACK: Section = Section {
    name: "fallback",
    tag: None,
    keys: &[
        Key::new("option", Shape::Text, "The option that is chosen."),
        Key::new("approval", Shape::Truth, "Whether a person chooses."),
        Key::new("deadline", Shape::Duration, "How long the person may take."),
    ],
};

pub(in crate::definition) static MERGE: Section = Section {
    name: "merge",
    tag: Some(Tag { key: "strategy", words: STRATEGIES, default: None }),
    keys: &[
        Key::new("strategy", Shape::Choice(STRATEGIES), "How the outputs become one.").required(),
        Key::new("count", Shape::Number(1, TASKS_MAX as i64), "How many must succeed.")
            .of(&["quorum"])
            .required(),
        Key::new(
            "conflicts",
            Shape::Choice(&["first", "last", "fail"]),
            "Which value stays where two differ; `last` when absent.",
        )
        .of(&["deep"]),
        Key::new("type", Shape::Text, "The task type that is given `{ items }`.")
            .of(&["reduce"])
            .required(),
    ],
};

pub(in crate::definition) static COMPENSATE: Section = Section {
    name: "compensate",
    tag: None,
    keys: &[
        Key::new("type", Shape::Text, "The task type that undoes it.").required(),
        Key::new("input", Shape::Value, "What its handler is given; may read the task's output."),
        Key::new("timeout", Shape::Duration, "The time of one attempt."),
        Key::new("retry", Shape::Table(&RETRY), "How often it is tried."),
        Key::new("limits", Shape::Table(&LIMITS), "What one attempt may use."),
    ],
};
