//! The end of a run all of whose tasks have succeeded: its output, and what it sets in contexts that
//! others read.

use std::sync::Arc;

use serde_json::Value;
use taskloom_core::expression::{PathStep, Template, write_steps};
use taskloom_core::failure::{Failure, FailureClass, code};
use taskloom_core::id::{ContextName, RunId};
use taskloom_core::payload::PayloadRef;
use taskloom_core::run::{FrameIndex, Published, RunState};
use taskloom_core::workflow::{SharedMerge, Workflow};

use super::fault::expression_failed;
use super::merging::{MergeTools, TypeMerger, is_stopping};
use super::names::{Known, Names};
use crate::contexts::{Contexts, Merger, Publication};
use crate::payloads::{Kept, Payloads};

/// What is needed to end a run.
pub(super) struct RunEnding {
    run: RunId,
    workflow: Arc<Workflow>,
    output: Option<Names>,
    /// What each publication reads, and what its context ended with when the run started.
    publishes: Vec<(Names, u64)>,
    /// What merges it, where a task type does.
    merger: Option<TypeMerger>,
}

/// What a run ends with.
pub(super) struct ResolvedOutput {
    /// The value of its workflow's `output`, if that has one, or why the run does not succeed.
    pub(super) output: Result<Option<PayloadRef>, Failure>,
    /// What was set in contexts of others.
    pub(super) published: Vec<Published>,
    /// What the store must keep for it.
    pub(super) kept: Option<Kept>,
}

impl RunEnding {
    pub(super) fn of(state: &RunState, merger: Option<TypeMerger>) -> Self {
        let workflow = Arc::clone(&state.workflow);
        let names = |template: &Template| Names::of(state, FrameIndex::ROOT, template.references());
        let output = workflow.output.as_ref().map(names);
        let publish = |(name, template): &(ContextName, Template)| {
            let since = state.context().shared().get(name).map_or(0, |read| read.seq);
            (names(template), since)
        };
        let publishes = workflow.config.sharing.publishes.iter().map(publish).collect();
        Self { run: state.id, output, publishes, merger, workflow }
    }

    /// Computes the output, then sets what is published; `None` when the host stops first.
    pub(super) async fn resolve(
        self,
        payloads: &Payloads,
        known: &Known,
        contexts: &Contexts,
        tools: MergeTools,
    ) -> Option<ResolvedOutput> {
        let failed = |failure, published| {
            let kept = None;
            Some(ResolvedOutput { output: Err(failure), published, kept })
        };
        let output = match self.output(payloads, known).await {
            Ok(output) => output,
            Err(failure) => return failed(failure, Vec::new()),
        };
        let publications = match self.publications(payloads, known).await {
            Ok(publications) => publications,
            Err(failure) => return failed(failure, Vec::new()),
        };
        let mut published = Vec::new();
        if !publications.is_empty() {
            let merger = match (self.merger, &self.workflow.config.sharing.merge) {
                (Some(merger), _) => merger.into_merger(tools),
                (None, SharedMerge::Policy(policy)) => Merger::Policy(*policy),
                (None, SharedMerge::Type(_)) => return None,
            };
            let result = publish(contexts.clone(), self.run, publications, merger).await;
            published = result.1;
            match result.0 {
                Err(failure) if is_stopping(&failure) => return None,
                Err(failure) => return failed(failure, published),
                Ok(()) => {}
            }
        }
        let (output, kept) = output.unzip();
        Some(ResolvedOutput { output: Ok(output), published, kept: kept.flatten() })
    }

    async fn output(
        &self,
        payloads: &Payloads,
        known: &Known,
    ) -> Result<Option<(PayloadRef, Option<Kept>)>, Failure> {
        let (Some(template), Some(names)) = (&self.workflow.output, &self.output) else {
            return Ok(None);
        };
        let value = computed(("output", template), names, payloads, known).await?;
        Ok(Some(payloads.keep(value.to_string()).expect("a JSON value prints as JSON")))
    }

    async fn publications(
        &self,
        payloads: &Payloads,
        known: &Known,
    ) -> Result<Vec<Publication>, Failure> {
        let mut publications = Vec::with_capacity(self.publishes.len());
        let plans = self.workflow.config.sharing.publishes.iter().zip(&self.publishes);
        for ((name, template), (names, since)) in plans {
            let key = place_of(name);
            let computed = computed((&key, template), names, payloads, known).await?;
            let Value::Object(values) = computed else {
                let message = format!(
                    "what is published to shared context `{name}` is no object; write \
                     `{{ name = \"${{…}}\" }}`"
                );
                return Err(Failure::new(FailureClass::Permanent, code::NOT_AN_OBJECT, message));
            };
            publications.push(Publication { name: name.clone(), since: *since, values });
        }
        Ok(publications)
    }
}

async fn publish(
    contexts: Contexts,
    run: RunId,
    publications: Vec<Publication>,
    merger: Merger,
) -> (Result<(), Failure>, Vec<Published>) {
    let work = move || contexts.publish(run, publications, &merger);
    tokio::task::spawn_blocking(work).await.expect("publishing does not panic")
}

/// The key of the file that says what is set in a context that runs share.
fn place_of(name: &ContextName) -> String {
    let mut key = "context.publish".to_owned();
    let name = [PathStep::Key(name.to_string())];
    write_steps(&mut key, &name).expect("a text takes everything");
    key
}

async fn computed(
    (key, template): (&str, &Template),
    names: &Names,
    payloads: &Payloads,
    known: &Known,
) -> Result<Value, Failure> {
    let scope = names.read(payloads, known).await?;
    template.evaluate(&scope).map_err(|error| expression_failed(key, &error))
}
