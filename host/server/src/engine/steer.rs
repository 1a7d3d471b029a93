//! What people ask of a live run, from the handle to the planner.

use std::sync::Arc;

use serde_json::Value;
use taskloom_core::id::{OptionId, RunId, TaskId};
use taskloom_core::journal::DecidedBy;
use taskloom_core::payload::PayloadRef;
use taskloom_core::run::{Command, Refusal, RunState, TaskIndex, approval_output, decision_output};
use tokio::sync::oneshot;

use super::batch::Release;
use super::handle::{CommandError, Engine};
use super::service::{Input, Service};
use crate::payloads::Kept;

/// What somebody asks of a live run. Texts called JSON must be JSON.
#[derive(Debug, Clone)]
pub enum Steer {
    /// Stop.
    Cancel {
        /// Why, for people.
        reason: String,
    },
    /// Claim nothing new.
    Pause {
        /// Why, for people.
        reason: String,
    },
    /// Go on after a pause.
    Resume,
    /// Hear something. The same id twice does nothing.
    Signal {
        /// The sender's id for it.
        id: String,
        /// Its name.
        name: String,
        /// What it says, JSON.
        payload: String,
    },
    /// Take a person's answer.
    Approve {
        /// The approval.
        task: TaskId,
        /// The answer.
        approved: bool,
        /// Who.
        by: String,
        /// What they say.
        comment: Option<String>,
        /// What they give along, JSON.
        input: Option<String>,
    },
    /// Take a person's choice.
    Choose {
        /// The decision.
        task: TaskId,
        /// The option.
        option: OptionId,
        /// Who.
        by: String,
        /// Why they say they do.
        comment: Option<String>,
    },
    /// Do not run a task.
    Skip {
        /// The task.
        task: TaskId,
        /// What stands in for its output, JSON.
        output: Option<String>,
        /// Why, for people.
        reason: String,
    },
    /// Go before or after other runs.
    SetPriority {
        /// Higher goes first.
        priority: i32,
    },
}

/// What is asked, with its texts kept.
pub(super) struct Prepared {
    steer: Steer,
    /// The payload, the input or the output that comes along.
    value: Option<PayloadRef>,
    /// The output of an approval or a decision.
    answer: Option<PayloadRef>,
    kept: Vec<Kept>,
}

impl Engine {
    /// Asks something of a live run; returns when that is on disk.
    ///
    /// # Errors
    /// See [`CommandError`]; nothing has changed then.
    pub async fn steer(&self, run: RunId, steer: Steer) -> Result<(), CommandError> {
        let Ok(_permit) = self.permits.try_acquire() else { return Err(CommandError::Overloaded) };
        let prepared = self.prepare(steer)?;
        let (reply, answer) = oneshot::channel();
        self.mailbox
            .send(Input::Steer(run, Box::new(prepared), reply))
            .map_err(|_| CommandError::ShuttingDown)?;
        answer.await.unwrap_or(Err(CommandError::ShuttingDown))
    }

    fn prepare(&self, steer: Steer) -> Result<Prepared, CommandError> {
        let not_json = |error: serde_json::Error| CommandError::NotJson(error.to_string());
        let mut kept = Vec::new();
        let mut keep = |text: String| {
            let (payload, text) = self.payloads.keep(text).map_err(not_json)?;
            kept.extend(text);
            Ok::<_, CommandError>(payload)
        };
        let text = match &steer {
            Steer::Signal { payload, .. } => Some(payload.clone()),
            Steer::Approve { input, .. } => input.clone(),
            Steer::Skip { output, .. } => output.clone(),
            _ => None,
        };
        let value = text.map(&mut keep).transpose()?;
        let answer = match &steer {
            Steer::Approve { approved, by, comment, input, .. } => {
                let input: Value = match input {
                    Some(text) => serde_json::from_str(text).map_err(not_json)?,
                    None => Value::Null,
                };
                let output = approval_output(*approved, Some(by), comment.as_deref(), &input);
                Some(keep(output.to_string())?)
            }
            Steer::Choose { option, by, comment, .. } => {
                let by = DecidedBy::Person(by.clone());
                let output = decision_output(option, &by, None, comment.as_deref());
                Some(keep(output.to_string())?)
            }
            _ => None,
        };
        Ok(Prepared { steer, value, answer, kept })
    }
}

impl Service {
    pub(super) fn steer_run(
        &mut self,
        run: RunId,
        prepared: Prepared,
        reply: oneshot::Sender<Result<(), CommandError>>,
    ) {
        let Prepared { steer, value, answer, kept } = prepared;
        let command = match self.runs.get(&run) {
            Some(resident) => command_of(&resident.state, steer, value, answer),
            None => Err(CommandError::NotLive),
        };
        match command.and_then(|command| self.command(run, command)) {
            Ok(()) => {
                for (digest, text) in kept {
                    self.batch.payload(digest, text);
                }
                self.batch.release(run, Release::Done(reply));
            }
            Err(error) => {
                // Whoever asked may be gone.
                let _ = reply.send(Err(error));
            }
        }
    }
}

fn command_of(
    state: &RunState,
    steer: Steer,
    value: Option<PayloadRef>,
    answer: Option<PayloadRef>,
) -> Result<Command, CommandError> {
    Ok(match steer {
        Steer::Cancel { reason } => Command::Cancel { reason },
        Steer::Pause { reason } => Command::Pause { reason },
        Steer::Resume => Command::Resume,
        Steer::Signal { id, name, .. } => Command::Signal {
            id: Arc::from(id),
            name: Arc::from(name),
            payload: value.unwrap_or_else(PayloadRef::null),
        },
        Steer::Approve { task, approved, by, comment, .. } => Command::Approve {
            task: find(state, task)?,
            approved,
            by,
            comment,
            input: value,
            output: answer.unwrap_or_else(PayloadRef::null),
        },
        Steer::Choose { task, option, by, comment } => Command::Choose {
            task: find(state, task)?,
            option,
            by,
            comment,
            output: answer.unwrap_or_else(PayloadRef::null),
        },
        Steer::Skip { task, reason, .. } => {
            Command::SkipTask { task: find(state, task)?, output: value, reason }
        }
        Steer::SetPriority { priority } => Command::SetPriority { priority },
    })
}

fn find(state: &RunState, task: TaskId) -> Result<TaskIndex, CommandError> {
    state.index_of(&task).ok_or(CommandError::Refused(Refusal::UnknownTask(task)))
}
