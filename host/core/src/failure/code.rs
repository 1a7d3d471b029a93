//! The codes that the host gives to failures. They are stable: retry policies name them, expressions
//! compare with them. What each means for a workflow is told in `docs/workflows.md`, which a test
//! compares with [`ALL`].

/// Declares each code once, as a constant and as one of all.
macro_rules! codes {
    ($($(#[$words:meta])* $name:ident = $code:literal;)+) => {
        $($(#[$words])* pub const $name: &str = $code;)+

        /// Every code of the host.
        pub const ALL: &[&str] = &[$($name),+];
    };
}

codes! {
    // A run as a whole, and what steers it.
    /// A task, or something in a group, failed: the reason is in the details.
    TASK_FAILED = "task-failed";
    /// Somebody cancelled the run.
    RUN_CANCELLED = "run-cancelled";
    /// The run took longer than `config.timeout`.
    RUN_TIMEOUT = "run-timeout";
    /// A task of `finally` failed, and nothing else.
    FINALLY_FAILED = "finally-failed";
    /// Compensation and `finally` took longer than `config.finally_timeout`.
    FINALLY_TIMEOUT = "finally-timeout";
    /// The attempt, or the run of the task, was stopped with its run.
    CANCELLED = "cancelled";
    /// The attempt was stopped with the group that it is in.
    STOPPED = "stopped";
    /// The group was decided without the task.
    NOT_NEEDED = "not-needed";
    /// The host stops; never in a journal.
    SHUTDOWN = "shutdown";

    // Times.
    /// The attempt took longer than `timeout`.
    TIMEOUT = "timeout";
    /// The handler reported no progress for `heartbeat`.
    HEARTBEAT_MISSED = "heartbeat-missed";
    /// The task waited longer than `queue_timeout` for its start.
    QUEUE_TIMEOUT = "queue-timeout";
    /// The task took longer than `total_timeout`.
    TOTAL_TIMEOUT = "total-timeout";
    /// The signal did not come in time.
    SIGNAL_TIMEOUT = "signal-timeout";
    /// Nobody answered before the deadline.
    APPROVAL_TIMEOUT = "approval-timeout";

    // What is computed.
    /// An expression failed.
    EXPRESSION_FAILED = "expression-failed";
    /// A condition is neither true nor false.
    NOT_A_BOOLEAN = "not-a-boolean";
    /// A `for_each` is no list.
    NOT_A_LIST = "not-a-list";
    /// An `until` is no time.
    NOT_A_TIME = "not-a-time";
    /// A value that must be an object is none.
    NOT_AN_OBJECT = "not-an-object";
    /// A `for_each` has more items than the limit.
    TOO_MANY_ITEMS = "too-many-items";
    /// A value cannot be read back from the store.
    PAYLOAD_UNREADABLE = "payload-unreadable";
    /// A mistake of the host.
    PLANNER_CONTRADICTION = "planner-contradiction";

    // Groups, people and runs of tasks.
    /// Fewer members succeeded than `merge` needs.
    TOO_FEW_SUCCEEDED = "too-few-succeeded";
    /// A member failed without saying why.
    MEMBER_FAILED = "member-failed";
    /// Two members give another value to one key.
    MERGE_CONFLICT = "merge-conflict";
    /// A deep merge was given something that is no object.
    MERGE_NOT_AN_OBJECT = "merge-not-an-object";
    /// The task that reduces left no output.
    NOT_REDUCED = "not-reduced";
    /// A person, or a deadline, rejected.
    REJECTED = "rejected";
    /// The run of the task did not succeed.
    CHILD_FAILED = "child-failed";
    /// The run of the task was refused.
    CHILD_NOT_STARTED = "child-not-started";
    /// The run of the task would be below too many others.
    TOO_DEEP = "too-deep";
    /// The run of the task cannot be read from the store.
    CHILD_UNREADABLE = "child-unreadable";
    /// The concurrency key of the run of the task is busy.
    CONCURRENCY_KEY_BUSY = "concurrency-key-busy";
    /// The workflow of the task is not registered.
    UNKNOWN_WORKFLOW = "unknown-workflow";
    /// The workflow of the task is switched off.
    WORKFLOW_DISABLED = "workflow-disabled";
    /// The workflow of the task cannot run here.
    WORKFLOW_UNAVAILABLE = "workflow-unavailable";

    // The context of a run, and contexts that runs share.
    /// A context would have too many bytes or names.
    CONTEXT_TOO_LARGE = "context-too-large";
    /// A name has another value already.
    CONTEXT_CONFLICT = "context-conflict";
    /// The task type that merges a shared context failed.
    CONTEXT_NOT_MERGED = "context-not-merged";
    /// Others changed a shared context again and again.
    CONTEXT_BUSY = "context-busy";
    /// A shared context cannot be written.
    CONTEXT_UNWRITTEN = "context-unwritten";
    /// The host had no room for the call that merges a shared context.
    NO_ROOM = "no-room";

    // Calls of handlers.
    /// The input does not fit its schema.
    INVALID_INPUT = "invalid-input";
    /// The output does not fit its schema, or is no JSON.
    INVALID_OUTPUT = "invalid-output";
    /// The plugin has no such task type.
    UNKNOWN_TASK_TYPE = "unknown-task-type";
    /// The handler says that it was cancelled, and was not.
    CANCELLED_BY_ITSELF = "cancelled-by-itself";
    /// The handler gave its failure no code.
    UNSPECIFIED = "unspecified";
    /// The handler panicked.
    PANIC = "panic";
    /// The handler ended its process.
    EXITED = "exited";
    /// The handler executed what must not be reached.
    TRAP = "trap";
    /// The handler called itself too deep.
    STACK_OVERFLOW = "stack-overflow";
    /// The host itself failed during the call.
    HOST_FAILURE = "host-failure";
    /// The host died while it owned the attempt.
    HOST_LOST = "host-lost";

    // Limits of calls.
    /// The fuel is used up.
    OUT_OF_FUEL = "out-of-fuel";
    /// More memory than the limit.
    OUT_OF_MEMORY = "out-of-memory";
    /// The input is longer than the limit.
    INPUT_TOO_LARGE = "input-too-large";
    /// The output is longer than the limit.
    OUTPUT_TOO_LARGE = "output-too-large";
    /// More calls into the host than the limit.
    HOST_CALLS_EXCEEDED = "host-calls-exceeded";
    /// The body of a request is longer than the limit.
    REQUEST_TOO_LARGE = "request-too-large";
    /// More requests than the limit.
    REQUESTS_EXCEEDED = "requests-exceeded";
    /// A response is longer than the limit.
    RESPONSE_TOO_LARGE = "response-too-large";

    // What a handler was refused: a failure of the task if it hands it on.
    /// No grant for what was asked for.
    NOT_GRANTED = "not-granted";
    /// More secrets than the limit.
    TOO_MANY_SECRETS = "too-many-secrets";
    /// The host has no such secret.
    UNKNOWN_SECRET = "unknown-secret";
    /// The secret cannot be read.
    SECRET_UNREADABLE = "secret-unreadable";
    /// The request to a model is malformed.
    AI_REQUEST_INVALID = "ai-request-invalid";
    /// More requests to models than the limit.
    TOO_MANY_AI_REQUESTS = "too-many-ai-requests";
    /// The budget for models is spent.
    AI_BUDGET_EXCEEDED = "ai-budget-exceeded";
    /// A model's answer does not fit the schema.
    AI_ANSWER_INVALID = "ai-answer-invalid";
    /// The host has no model.
    AI_NOT_CONFIGURED = "ai-not-configured";
    /// A name of the context is malformed.
    INVALID_NAME = "invalid-name";
    /// A value for the context is no JSON.
    INVALID_JSON = "invalid-json";
    /// The name or type of an artefact is malformed.
    INVALID_ARTEFACT = "invalid-artefact";
    /// An artefact is longer than the limit.
    ARTEFACT_TOO_LARGE = "artefact-too-large";
    /// The artefacts of an attempt are longer than the limit.
    ARTEFACTS_TOO_LARGE = "artefacts-too-large";
    /// More artefacts than the limit.
    TOO_MANY_ARTEFACTS = "too-many-artefacts";
    /// The host could not write an artefact.
    ARTEFACT_NOT_KEPT = "artefact-not-kept";
    /// The input refers to no such artefact.
    UNKNOWN_ARTEFACT = "unknown-artefact";
    /// The artefact cannot be read.
    UNREADABLE_ARTEFACT = "unreadable-artefact";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::ALL;

    const GUIDE: &str = include_str!("../../../../docs/workflows.md");

    #[test]
    fn every_code_stands_once() {
        let all: BTreeSet<_> = ALL.iter().collect();
        assert_eq!(all.len(), ALL.len());
    }

    #[test]
    fn the_guide_tells_of_every_code_and_of_no_other() {
        let section = GUIDE.split_once("## Failures").expect("the section").1;
        let section = section.split_once("## Problems").expect("the section after it").0;
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        let words = rows.flat_map(|row| row.split('|').nth(1).unwrap_or_default().split('`'));
        let told: BTreeSet<_> =
            words.filter(|word| word.starts_with(char::is_alphabetic)).collect();
        assert_eq!(told, ALL.iter().copied().collect());
    }
}
