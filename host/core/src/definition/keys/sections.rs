//! The keys of everything but tasks.

use super::{Key, Section, Shape, TASK, Tag};
use crate::definition::policy::{FUEL_MAX, MAX_PARALLEL_MAX, PRIORITY_MAX, TASK_ATTEMPTS_MAX};
use crate::definition::{CONCURRENCY_MAX, RATE_MAX};

pub(in crate::definition) static HEAD: Section = Section {
    name: "workflow",
    tag: None,
    keys: &[
        Key::new("id", Shape::Pattern("^[a-z][a-z0-9_-]*$"), "Name in the API and the journal.")
            .required(),
        Key::new("name", Shape::Text, "A title for people; the id when absent."),
        Key::new("description", Shape::Text, "What the workflow is for."),
        Key::new("version", Shape::Text, "Semantic version of the workflow.").required(),
        Key::new("enabled", Shape::Truth, "Whether new runs may start; `true` when absent."),
        Key::new("input", Shape::JsonSchema, "JSON Schema (2020-12) of the run's input."),
        Key::new("params", Shape::JsonSchema, "JSON Schema of parameters: makes it a template."),
        Key::new("output", Shape::Value, "The output of a run that succeeded."),
        Key::new("config", Shape::Table(&CONFIG), "How a run behaves as a whole."),
        Key::new("context", Shape::Table(&CONTEXT), "What its runs share with others."),
        Key::new("defaults", Shape::Table(&DEFAULTS), "What tasks have that do not say otherwise."),
        Key::new("triggers", Shape::Tables(&TRIGGER), "What starts runs."),
        Key::new("tasks", Shape::Tables(&TASK), "The tasks.").required(),
        Key::new("finally", Shape::Tables(&TASK), "Tasks at the end, however the run ended."),
    ],
};

pub(in crate::definition) static CONFIG: Section = Section {
    name: "config",
    tag: None,
    keys: &[
        Key::new("timeout", Shape::Duration, "The run's time from its start to its end."),
        Key::new("finally_timeout", Shape::Duration, "The time of compensation and `finally`."),
        Key::new(
            "max_parallel",
            Shape::Number(1, MAX_PARALLEL_MAX),
            "Attempts of one run at the same time.",
        ),
        Key::new(
            "priority",
            Shape::Number(-PRIORITY_MAX, PRIORITY_MAX),
            "Higher goes first; 0 when absent.",
        ),
        Key::new(
            "on_failure",
            Shape::Choice(&["stop", "continue"]),
            "Whether tasks that do not need a failed one go on; `stop` when absent.",
        ),
        Key::new(
            "context_merge",
            Shape::Choice(&["last", "first", "deep", "fail"]),
            "What becomes of a name of the context that two tasks set; `last` when absent.",
        ),
        Key::new(
            "concurrency",
            Shape::Table(&CONCURRENCY),
            "How many runs of one key may be at work at the same time.",
        ),
    ],
};

pub(in crate::definition) static CONCURRENCY: Section = Section {
    name: "concurrency",
    tag: None,
    keys: &[
        Key::new(
            "key",
            Shape::TextTemplate,
            "Runs with the same key share a limit; reads `input`.",
        )
        .required(),
        Key::new(
            "limit",
            Shape::Number(1, CONCURRENCY_MAX),
            "Runs of one key at work at the same time; 1 when absent.",
        ),
        Key::new(
            "when_full",
            Shape::Choice(&["queue", "reject", "cancel-running"]),
            "What happens to a start beyond the limit; `queue` when absent.",
        ),
    ],
};

pub(in crate::definition) static CONTEXT: Section = Section {
    name: "context",
    tag: None,
    keys: &[
        Key::new("shared", Shape::Texts, "The shared contexts that a run reads at its start."),
        Key::new(
            "publish",
            Shape::Value,
            "What a run that succeeds sets in shared contexts: an object for each name.",
        ),
        Key::new(
            "merge",
            Shape::Choice(&["last", "first", "deep", "fail"]),
            "What becomes of a name that is there already; `last` when absent.",
        ),
        Key::new(
            "merge_type",
            Shape::Text,
            "Instead of `merge`: the task type that makes one value of two.",
        ),
        Key::new(
            "merge_input",
            Shape::Constant,
            "What the input of `merge_type` has beside `values`; without expressions.",
        ),
    ],
};

pub(in crate::definition) static DEFAULTS: Section = Section {
    name: "defaults",
    tag: None,
    keys: &[
        Key::new("timeout", Shape::Duration, "The time of one attempt."),
        Key::new("queue_timeout", Shape::Duration, "From ready to started, of each attempt."),
        Key::new("total_timeout", Shape::Duration, "From the first time ready to the end."),
        Key::new("retry", Shape::Table(&RETRY), "How often a task is tried."),
        Key::new("limits", Shape::Table(&LIMITS), "What one attempt may use."),
    ],
};

pub(in crate::definition) static RETRY: Section = Section {
    name: "retry",
    tag: None,
    keys: &[
        Key::new(
            "max_attempts",
            Shape::Number(1, TASK_ATTEMPTS_MAX),
            "Attempts in all, the first included; 3 when absent.",
        ),
        Key::new(
            "backoff",
            Shape::Choice(&["fixed", "linear", "exponential"]),
            "How the wait grows; `exponential` when absent.",
        ),
        Key::new("initial", Shape::Duration, "The first wait; 1s when absent."),
        Key::new("max", Shape::Duration, "No wait is longer; 1m when absent."),
        Key::new(
            "jitter",
            Shape::Choice(&["none", "equal", "full"]),
            "How the wait is spread; `full` when absent.",
        ),
        Key::new("max_elapsed", Shape::Duration, "No attempt starts later after the first one."),
        Key::new("retry_on", Shape::Texts, "Only failures with these codes are tried again."),
        Key::new(
            "never_retry_on",
            Shape::Texts,
            "Failures with these codes are never tried again.",
        ),
    ],
};

pub(in crate::definition) static LIMITS: Section = Section {
    name: "limits",
    tag: None,
    keys: &[
        Key::new("fuel", Shape::Number(1, FUEL_MAX), "Units of computing."),
        Key::new("memory", Shape::Size, "Memory of the guest."),
        Key::new("output", Shape::Size, "Length of the output as JSON."),
    ],
};

pub(in crate::definition) static CACHE: Section = Section {
    name: "cache",
    tag: None,
    keys: &[Key::new("ttl", Shape::Duration, "How old an earlier result may be.").required()],
};

pub(in crate::definition) static TRIGGER: Section = Section {
    name: "trigger",
    tag: Some(Tag {
        key: "kind",
        words: &["cron", "webhook", "github", "file", "run"],
        default: None,
    }),
    keys: &[
        Key::new("kind", Shape::Choice(&["cron", "webhook", "github", "file", "run"]), "Its kind.")
            .required(),
        Key::new(
            "id",
            Shape::Text,
            "Its name among the workflow's triggers; its kind and a number when absent.",
        ),
        Key::new("when", Shape::Expression, "Whether the event starts a run; reads `event`."),
        Key::new("input", Shape::Value, "The run's input; reads `event`."),
        Key::new("debounce", Shape::Duration, "Starts one run when it has been quiet for so long."),
        Key::new("rate", Shape::Table(&RATE), "The most runs it starts in a time."),
        Key::new("schedule", Shape::Text, "Five fields of cron: minute hour day month weekday.")
            .of(&["cron"])
            .required(),
        Key::new("timezone", Shape::Text, "Name of a time zone; `UTC` when absent.").of(&["cron"]),
        Key::new(
            "catch_up",
            Shape::Choice(&["none", "last", "all"]),
            "Which missed times are made up for; `none` when absent.",
        )
        .of(&["cron"]),
        Key::new(
            "overlap",
            Shape::Choice(&["allow", "skip", "cancel-running"]),
            "When its last run is still live; `allow` when absent.",
        )
        .of(&["cron"]),
        Key::new("path", Shape::Text, "The webhook's name in its URL, or the file or folder.")
            .of(&["webhook", "file"])
            .required(),
        Key::new("secret", Shape::Text, "Name of the secret that signs requests.")
            .of(&["webhook", "github"]),
        Key::new(
            "verify",
            Shape::Choice(&["hmac-sha256", "standard-webhooks", "none"]),
            "How signatures are checked; `hmac-sha256` when absent.",
        )
        .of(&["webhook"]),
        Key::new("events", Shape::Texts, "Which events.").of(&["github", "file"]),
        Key::new("workflow", Shape::Text, "The workflow whose runs end.").of(&["run"]).required(),
        Key::new("outcomes", Shape::Texts, "Which outcomes; `succeeded` when absent.").of(&["run"]),
    ],
};

pub(in crate::definition) static RATE: Section = Section {
    name: "rate",
    tag: None,
    keys: &[
        Key::new("count", Shape::Number(1, RATE_MAX), "Runs.").required(),
        Key::new("per", Shape::Duration, "In this time.").required(),
    ],
};
