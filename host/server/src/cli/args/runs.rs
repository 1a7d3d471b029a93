//! What can stand behind `taskloom runs`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::Remote;

#[derive(Debug, Args)]
pub(in crate::cli) struct Runs {
    #[command(flatten)]
    pub(in crate::cli) remote: Remote,
    #[command(subcommand)]
    pub(in crate::cli) command: RunsCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RunsCommand {
    /// Start a run of a workflow that the host has.
    Start(RunsStart),
    /// List runs, the newest first.
    List(RunsList),
    /// Show a run with its tasks, attempts and output.
    Show(Which),
    /// Read what the tasks of a run logged.
    Logs(RunsLogs),
    /// List the files that the tasks of a run left, or download one of them.
    Artefacts {
        #[command(flatten)]
        which: Which,
        /// Download the file of this name or digest
        #[arg(long, value_name = "NAME")]
        get: Option<String>,
        /// Where to put it; `-` is standard output [default: its name, in this folder]
        #[arg(long, value_name = "FILE", requires = "get")]
        to: Option<PathBuf>,
    },
    /// Cancel a run.
    Cancel(WhichAndWhy),
    /// Pause a run: nothing new starts, what is under way ends, timers go on.
    Pause(WhichAndWhy),
    /// Let a paused run go on.
    Resume(Which),
    /// Change the priority of a run.
    Priority {
        #[command(flatten)]
        which: Which,
        /// Higher goes first, from -100 to 100
        #[arg(value_name = "PRIORITY", allow_negative_numbers = true)]
        priority: i32,
    },
    /// Send a signal to a run, for a task that waits for it.
    Signal {
        #[command(flatten)]
        which: Which,
        /// The name that a task waits for
        #[arg(value_name = "NAME")]
        name: String,
        /// What it says: the output of the task that takes it [default: null]
        #[arg(long, value_name = "JSON", value_parser = json)]
        payload: Option<Value>,
        /// An id of yours: the same id twice does nothing [default: a fresh one]
        #[arg(long, value_name = "TEXT")]
        id: Option<String>,
    },
    /// Say yes to an approval, or choose an option of a decision.
    Approve {
        #[command(flatten)]
        answer: Answer,
        /// What the approval asks for
        #[arg(long, value_name = "JSON", value_parser = json)]
        input: Option<Value>,
        /// The option of a decision
        #[arg(long, value_name = "OPTION", conflicts_with = "input")]
        option: Option<String>,
    },
    /// Say no to an approval, or to every option of a decision.
    Reject(Answer),
    /// Skip a task that has nothing under way.
    Skip {
        #[command(flatten)]
        place: Place,
        /// What stands in for its output; without it, what needs the task is skipped too
        #[arg(long, value_name = "JSON", value_parser = json)]
        output: Option<Value>,
        /// Why, for people
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Run a run that has ended again, taking over what succeeded.
    Rerun(RunsRerun),
    /// Run many runs that have ended again.
    ///
    /// Without --outcome: all that did not succeed. Runs that were run again already are left out.
    /// Exit code: 0 all were started, 1 some were not.
    RerunAll(RunsRerunAll),
    /// Delete a run that has ended, with all that belongs to it.
    Delete(Which),
}

/// One run.
#[derive(Debug, Args)]
pub(in crate::cli) struct Which {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: String,
}

/// One run, and a reason.
#[derive(Debug, Args)]
pub(in crate::cli) struct WhichAndWhy {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: String,
    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) reason: Option<String>,
}

/// One task of a run.
#[derive(Debug, Args)]
pub(in crate::cli) struct Place {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: String,
    /// The task, such as `classify` or `checks[3].lint`
    #[arg(value_name = "TASK")]
    pub(in crate::cli) task: String,
}

/// A person's answer to an approval.
#[derive(Debug, Args)]
pub(in crate::cli) struct Answer {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    /// Who answers
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) by: Option<String>,
    /// What they say
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) comment: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RunsStart {
    /// The workflow's id
    #[arg(value_name = "WORKFLOW")]
    pub(in crate::cli) workflow: String,
    /// The run's input, a JSON file; `-` reads it from standard input [default: an empty object]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) input: Option<PathBuf>,
    /// The run's context, a JSON file with an object; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) context: Option<PathBuf>,
    /// Instead of the workflow's own: higher goes first, from -100 to 100
    #[arg(long, value_name = "PRIORITY", allow_negative_numbers = true)]
    pub(in crate::cli) priority: Option<i32>,
    /// The version of the workflow, a digest (`sha256:…`) out of its versions [default: the current one]
    #[arg(long, value_name = "DIGEST")]
    pub(in crate::cli) definition: Option<String>,
    /// Let no task take over the output of an earlier attempt, whatever its `cache` says
    #[arg(long)]
    pub(in crate::cli) no_cache: bool,
    /// Let the run begin at this time (RFC 3339)
    #[arg(long, value_name = "TIME", conflicts_with = "delay")]
    pub(in crate::cli) at: Option<String>,
    /// Let the run begin after this time, such as `90m`
    #[arg(long, value_name = "DURATION")]
    pub(in crate::cli) delay: Option<String>,
    /// Start at most one run of the workflow under this key
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) idempotency_key: Option<String>,
    /// Wait for the end of the run; exit code 1 if it does not succeed
    #[arg(long)]
    pub(in crate::cli) wait: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RunsLogs {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: String,
    /// Only of this task
    #[arg(long, value_name = "TASK")]
    pub(in crate::cli) task: Option<String>,
    /// Only of attempts with this number
    #[arg(long, value_name = "N")]
    pub(in crate::cli) attempt: Option<u32>,
}

/// Where a rerun begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum From {
    /// Everything runs again
    Start,
    /// What did not succeed runs again, and all that depends on it
    Failed,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RunsRerun {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub(in crate::cli) run: String,
    /// Where to begin
    #[arg(long, value_name = "WHERE", default_value = "failed", conflicts_with = "tasks")]
    pub(in crate::cli) from: From,
    /// Run this task again, what did not succeed, and all that depends on them; may stand there
    /// several times
    #[arg(long = "task", value_name = "TASK")]
    pub(in crate::cli) tasks: Vec<String>,
    /// Only say what would be taken over and what would run again
    #[arg(long)]
    pub(in crate::cli) preview: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RunsRerunAll {
    /// Only of this workflow
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) workflow: Option<String>,
    /// Only those that ended this way: succeeded, failed, cancelled, timed_out
    #[arg(long, value_name = "OUTCOME")]
    pub(in crate::cli) outcome: Option<String>,
    /// Only those accepted at this time (RFC 3339) or later
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) started_after: Option<String>,
    /// Only those accepted before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) started_before: Option<String>,
    /// Where each begins
    #[arg(long, value_name = "WHERE", default_value = "failed")]
    pub(in crate::cli) from: From,
    /// How many, from 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(in crate::cli) limit: usize,
    /// Also those that were run again already
    #[arg(long)]
    pub(in crate::cli) again: bool,
    /// Only say which runs these are
    #[arg(long)]
    pub(in crate::cli) preview: bool,
    /// Go on after an earlier call
    #[arg(long, value_name = "CURSOR")]
    pub(in crate::cli) cursor: Option<String>,
    /// Repeating the call with this key starts nothing twice
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) idempotency_key: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RunsList {
    /// Only of this workflow
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) workflow: Option<String>,
    /// Only with this status: running, waiting, cancelling, finished
    #[arg(long, value_name = "STATUS")]
    pub(in crate::cli) status: Option<String>,
    /// Only those that ended this way: succeeded, failed, cancelled, timed_out
    #[arg(long, value_name = "OUTCOME")]
    pub(in crate::cli) outcome: Option<String>,
    /// Only those accepted at this time (RFC 3339) or later
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) started_after: Option<String>,
    /// Only those accepted before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) started_before: Option<String>,
    /// How many, from 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(in crate::cli) limit: usize,
    /// Go on after an earlier list
    #[arg(long, value_name = "CURSOR")]
    pub(in crate::cli) cursor: Option<String>,
}

/// A JSON value on the command line.
fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| {
        format!("it is not JSON: {error}; a text needs quotes of its own, such as '\"text\"'")
    })
}
