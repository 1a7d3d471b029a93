//! Runs that tasks start, and how their ends come back.
//!
//! The id of a child is in its parent's journal before the child exists, so starting it again after
//! a crash finds it: live, ended or not there yet.

use std::sync::Arc;

use serde_json::Value;
use taskloom_core::context::Values;
use taskloom_core::failure::{Failure, FailureClass, Outcome, code};
use taskloom_core::id::{RunId, TaskId, WorkflowId};
use taskloom_core::journal::{Parent, Trigger};
use taskloom_core::payload::PayloadRef;
use taskloom_core::run::{Command, FrameIndex, RunState, TaskIndex};
use taskloom_core::workflow::BlockIndex;
use tokio::sync::oneshot;

use super::concurrency;
use super::handle::{StartError, StartRun};
use super::names::Handed;
use super::outputs;
use super::perform::Performer;
use super::service::{Input, Service};
use crate::payloads::Kept;
use crate::workflows::{Availability, Workflows};

/// A run that a task asks for.
#[derive(Debug, Clone)]
pub(super) struct ChildStart {
    pub(super) parent: RunId,
    pub(super) task: TaskIndex,
    /// The task's name.
    pub(super) task_id: TaskId,
    /// How many runs are above it.
    pub(super) depth: u32,
    pub(super) run: RunId,
    pub(super) workflow: WorkflowId,
    pub(super) input: PayloadRef,
    /// The parent's context as it was when it asked.
    pub(super) context: Handed,
}

/// News of a child for its parent.
pub(super) struct ChildNews {
    pub(super) parent: RunId,
    pub(super) task: TaskIndex,
    pub(super) run: RunId,
    pub(super) end: Option<ChildEnd>,
    /// What its tasks have set in its context.
    pub(super) writes: Option<Values>,
    pub(super) kept: Option<Kept>,
}

/// How a child ended.
pub(super) struct ChildEnd {
    outcome: Outcome,
    output: Option<PayloadRef>,
    failure: Option<Failure>,
}

impl Service {
    /// Starts a child, or goes on with one that is there.
    pub(super) fn start_child(&mut self, child: ChildStart) {
        if self.runs.contains_key(&child.run) {
            self.tell_parent(ChildNews::started(&child));
            return;
        }
        self.performer.start_child(child, self.workflows.clone());
    }

    /// Stops a child. One that is not live has ended or was never started.
    pub(super) fn cancel_child(&mut self, parent: RunId, task: TaskIndex, run: RunId) {
        if self.runs.contains_key(&run) {
            // Refused when it is being stopped or is ending already: its end comes.
            let reason = format!("run {parent}, whose task it is, stops it");
            let _ = self.command(run, Command::Cancel { reason });
            return;
        }
        let failure =
            Failure::new(FailureClass::Cancelled, code::CANCELLED, "it was not under way");
        let end = ChildEnd { outcome: Outcome::Cancelled, output: None, failure: Some(failure) };
        self.tell_parent(ChildNews { parent, task, run, end: Some(end), writes: None, kept: None });
    }

    /// Tells the parent of a run that has ended, if it has one that is live.
    pub(super) fn child_finished(&self, state: &Arc<RunState>) {
        let Some(Parent { run: parent, task, .. }) = &state.start.parent else { return };
        let Some(resident) = self.runs.get(parent) else { return };
        if let Some(task) = resident.state.index_of(task) {
            self.performer.child_ended(*parent, task, Arc::clone(state));
        }
    }

    pub(super) fn tell_parent(&mut self, news: ChildNews) {
        let ChildNews { parent, task, run, end, writes, kept } = news;
        let command = match end {
            Some(ChildEnd { outcome, output, failure }) => {
                Command::ChildEnded { task, run, outcome, output, failure, writes }
            }
            None => Command::ChildStarted { task, run },
        };
        match self.command(parent, command) {
            Ok(()) => {
                if let Some((digest, text)) = kept {
                    self.batch.payload(digest, text);
                }
            }
            // The parent waits no longer: the child was detached, or the task was skipped.
            Err(error) => {
                tracing::debug!(%parent, child = %run, %error, "news of a child came too late")
            }
        }
    }

    /// Whether the parent of a run that is about to start still waits for it.
    pub(super) fn is_wanted(&self, parent: &Parent, run: RunId) -> bool {
        let state = self.runs.get(&parent.run).map(|resident| &resident.state);
        let task = state.and_then(|state| Some(state.task(state.index_of(&parent.task)?)));
        let child = task.and_then(|task| task.child.as_deref());
        child.is_some_and(|child| child.run == run)
            && task.is_some_and(|task| task.status.outcome().is_none())
    }
}

impl ChildNews {
    fn started(child: &ChildStart) -> Self {
        let ChildStart { parent, task, run, .. } = *child;
        Self { parent, task, run, end: None, writes: None, kept: None }
    }

    fn refused(child: &ChildStart, error: &StartError) -> Self {
        let code = match error {
            StartError::KeyBusy { .. } | StartError::KeyOfAncestor(_) => code::CONCURRENCY_KEY_BUSY,
            StartError::TooDeep => code::TOO_DEEP,
            _ => code::CHILD_NOT_STARTED,
        };
        Self::failed(child, code, error.to_string())
    }

    fn failed(child: &ChildStart, code: &str, message: String) -> Self {
        let failure = Failure::new(FailureClass::Permanent, code, message);
        let end = ChildEnd { outcome: Outcome::Failed, output: None, failure: Some(failure) };
        Self { end: Some(end), ..Self::started(child) }
    }
}

impl Performer {
    /// Looks whether a child is there, and starts it if it is not.
    fn start_child(&self, child: ChildStart, workflows: Workflows) {
        let performer = self.clone();
        self.spawn(async move {
            if let Some(news) = performer.child_news(&child, &workflows).await {
                performer.send(Input::Child(Box::new(news)));
            }
        });
    }

    async fn child_news(&self, child: &ChildStart, workflows: &Workflows) -> Option<ChildNews> {
        match self.reader().run(child.run).await {
            Ok(Some(state)) if state.finish.is_some() => {
                return Some(self.end_of(child.parent, child.task, &state).await);
            }
            Ok(None) => {}
            // It is live and was just started: its end will be told.
            Ok(Some(_)) => return Some(ChildNews::started(child)),
            Err(error) => {
                return Some(ChildNews::failed(child, code::CHILD_UNREADABLE, error.to_string()));
            }
        }
        let text = match self.payloads().text(&child.input).await {
            Ok(text) => text,
            Err(error) => {
                let message = error.to_string();
                return Some(ChildNews::failed(child, code::PAYLOAD_UNREADABLE, message));
            }
        };
        let context = match child.context.text(self.payloads()).await {
            Ok(context) => context,
            Err(error) => {
                let message = error.to_string();
                return Some(ChildNews::failed(child, code::PAYLOAD_UNREADABLE, message));
            }
        };
        let request = match request(child, text, context, workflows) {
            Ok(request) => request,
            Err((code, message)) => return Some(ChildNews::failed(child, code, message)),
        };
        let key = match concurrency::key_of(&request).await {
            Ok(key) => key,
            Err(error) => return Some(ChildNews::refused(child, &error)),
        };
        let (reply, answer) = oneshot::channel();
        self.send(Input::Start(Box::new((request, key)), reply));
        match answer.await {
            Ok(Ok(_)) => Some(ChildNews::started(child)),
            // The host stops; the next start goes on.
            Ok(Err(StartError::ShuttingDown)) | Err(_) => None,
            Ok(Err(error)) => Some(ChildNews::refused(child, &error)),
        }
    }

    /// Brings the end of a child to its parent.
    fn child_ended(&self, parent: RunId, task: TaskIndex, state: Arc<RunState>) {
        let performer = self.clone();
        self.spawn(async move {
            let news = performer.end_of(parent, task, &state).await;
            performer.send(Input::Child(Box::new(news)));
        });
    }

    async fn end_of(&self, parent: RunId, task: TaskIndex, state: &RunState) -> ChildNews {
        let Some(finish) = &state.finish else {
            return ChildNews { parent, task, run: state.id, end: None, writes: None, kept: None };
        };
        let (mut kept, writes) = (None, state.context().written());
        let mut end = ChildEnd {
            outcome: finish.outcome,
            output: finish.output.clone(),
            failure: finish.failure.clone(),
        };
        if end.outcome == Outcome::Succeeded && end.output.is_none() {
            let leaves = outputs::leaves(state, BlockIndex::ROOT, FrameIndex::ROOT);
            match outputs::object(&leaves, self.payloads()).await {
                Ok(object) => {
                    let text = Value::Object(object).to_string();
                    let (output, text) =
                        self.payloads().keep(text).expect("a JSON value prints as JSON");
                    end.output = Some(output);
                    kept = text;
                }
                Err(failure) => {
                    end =
                        ChildEnd { outcome: Outcome::Failed, output: None, failure: Some(failure) };
                }
            }
        }
        ChildNews { parent, task, run: state.id, end: Some(end), writes: Some(writes), kept }
    }
}

/// What a child is started with, once its workflow and its input have been looked at.
fn request(
    child: &ChildStart,
    input: Arc<str>,
    context: Option<Arc<str>>,
    workflows: &Workflows,
) -> Result<StartRun, (&'static str, String)> {
    let id = &child.workflow;
    let Some(registered) = workflows.get(id) else {
        return Err((code::UNKNOWN_WORKFLOW, format!("there is no workflow `{id}`")));
    };
    if !registered.enabled() {
        return Err((code::WORKFLOW_DISABLED, format!("workflow `{id}` is switched off")));
    }
    if let Availability::Unavailable(problems) = workflows.availability(&registered) {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let message = format!("workflow `{id}` cannot run: {}", problems.join("; "));
        return Err((code::WORKFLOW_UNAVAILABLE, message));
    }
    let value: Value = serde_json::from_str(&input).unwrap_or(Value::Null);
    let violations = registered.input_schema.violations(&value);
    if !violations.is_empty() {
        let reasons: Vec<String> = violations.iter().map(ToString::to_string).collect();
        let message = format!("the input does not fit workflow `{id}`: {}", reasons.join("; "));
        return Err((code::INVALID_INPUT, message));
    }
    Ok(StartRun {
        definition: Arc::clone(&registered.definition),
        input,
        context,
        trigger: Trigger::Workflow,
        trigger_name: None,
        idempotency: None,
        traceparent: None,
        priority: None,
        rerun: None,
        parent: Some(Parent { run: child.parent, task: child.task_id.clone(), depth: child.depth }),
        run: Some(child.run),
        no_cache: false,
        begins: None,
    })
}
