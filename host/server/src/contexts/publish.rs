//! What runs set in shared contexts at their end: merged into what is there, and each once.

use serde_json::{Map, Value};
use taskloom_core::context::{ContextMerge, conflicts};
use taskloom_core::failure::{Failure, FailureClass, code};
use taskloom_core::id::{ContextName, RunId};
use taskloom_core::journal::{Author, ContextEvent};
use taskloom_core::run::Published;
use taskloom_store::Error;

use super::{Contexts, Shared, WriteError, too_large};

/// Events that are read at once.
const EVENTS_PER_READ: usize = 1_000;

/// How often a run merges again because somebody else was faster. Each time somebody got through, so
/// more than this is a host that is very busy with one context.
const TRIES_MAX: usize = 1_000;

/// What a run wants to set in a shared context.
#[derive(Debug)]
pub struct Publication {
    /// The context.
    pub name: ContextName,
    /// What the stream ended with when the run started: the run has written nothing before.
    pub since: u64,
    /// The values by name.
    pub values: Map<String, Value>,
}

/// How a value becomes one with a value that is there already.
pub enum Merger {
    /// By a rule of the host's own.
    Policy(ContextMerge),
    /// By what this makes of the one before and the new one. Blocks; may be asked more than once.
    Function(Box<MergeFunction>),
}

/// Makes one value of the one that is there and the new one.
pub type MergeFunction = dyn Fn(&Value, &Value) -> Result<Value, Failure> + Send;

impl Contexts {
    /// Sets what a run publishes, each once: also when the host dies in between and asks again. Nothing
    /// is set when one of them does not fit; the second part is what was set all the same.
    pub fn publish(
        &self,
        run: RunId,
        publications: Vec<Publication>,
        merger: &Merger,
    ) -> (Result<(), Failure>, Vec<Published>) {
        let mut published = Vec::new();
        let result = self.publish_all(run, publications, merger, &mut published);
        (result, published)
    }

    fn publish_all(
        &self,
        run: RunId,
        publications: Vec<Publication>,
        merger: &Merger,
        published: &mut Vec<Published>,
    ) -> Result<(), Failure> {
        let mut left = Vec::new();
        for publication in publications {
            let Publication { name, since, .. } = &publication;
            match self
                .published_by(name, *since, run)
                .map_err(|error| unwritten(name, &error.into()))?
            {
                Some(seq) => published.push(Published { name: name.clone(), seq }),
                None => left.push(publication),
            }
        }
        for Publication { name, values, .. } in &left {
            let before = self.latest(name).map_err(|error| unwritten(name, &error.into()))?;
            self.merged(name, before.as_ref(), values, merger)?;
        }
        for Publication { name, values, .. } in &left {
            let seq = self.publish_one(run, name, values, merger)?;
            published.push(Published { name: name.clone(), seq });
        }
        Ok(())
    }

    fn publish_one(
        &self,
        run: RunId,
        name: &ContextName,
        values: &Map<String, Value>,
        merger: &Merger,
    ) -> Result<u64, Failure> {
        for _ in 0..TRIES_MAX {
            let before = self.latest(name).map_err(|error| unwritten(name, &error.into()))?;
            let merged = self.merged(name, before.as_ref(), values, merger)?;
            let expected = before.as_ref().map_or(0, |before| before.seq);
            let written = self.write(name, Some(expected), |before| {
                let author = Author::Run { run };
                let set = |name: &str, known: bool| {
                    values.contains_key(name) && !(known && merger.keeps_first())
                };
                let sources = self.sources(before, &merged, &author, set)?;
                self.event(&merged, author, sources)
            });
            match written {
                Ok(shared) => return Ok(shared.seq),
                Err(WriteError::Changed { .. }) => {}
                Err(error) => return Err(unwritten(name, &error)),
            }
        }
        let message = format!("shared context `{name}` was changed again and again by others");
        Err(Failure::new(FailureClass::Retryable, code::CONTEXT_BUSY, message))
    }

    /// The event by which a run has set a context, if it has.
    fn published_by(
        &self,
        name: &ContextName,
        since: u64,
        run: RunId,
    ) -> Result<Option<u64>, Error> {
        let mut after = since;
        loop {
            let page = self.history(name, after, EVENTS_PER_READ)?;
            let own = page.iter().find(|stored| match &stored.entry.event {
                ContextEvent::ContextSet { by: Author::Run { run: author }, .. } => *author == run,
                _ => false,
            });
            if let Some(stored) = own {
                return Ok(Some(stored.seq));
            }
            match page.last() {
                Some(last) if page.len() == EVENTS_PER_READ => after = last.seq,
                _ => return Ok(None),
            }
        }
    }

    /// What a context has after a run set `values` in it.
    fn merged(
        &self,
        name: &ContextName,
        before: Option<&Shared>,
        values: &Map<String, Value>,
        merger: &Merger,
    ) -> Result<Map<String, Value>, Failure> {
        let mut merged = match before {
            Some(before) => self.value(before).map_err(|error| unwritten(name, &error))?,
            None => Map::new(),
        };
        if let Merger::Policy(policy) = merger {
            refuse_conflicts(name, &merged, values, *policy)?;
        }
        for (key, new) in values {
            let value = match merged.get(key).filter(|before| *before != new) {
                Some(before) => {
                    merger.merge(before, new).map_err(|why| unmerged(name, key, &why))?
                }
                None => new.clone(),
            };
            merged.insert(key.clone(), value);
        }
        match too_large(&merged) {
            Some(why) => {
                let message = format!("shared context `{name}` {why}");
                Err(Failure::new(FailureClass::Limit, code::CONTEXT_TOO_LARGE, message))
            }
            None => Ok(merged),
        }
    }
}

impl Merger {
    fn merge(&self, before: &Value, new: &Value) -> Result<Value, Failure> {
        match self {
            // Conflicts were refused before.
            Self::Policy(policy) => Ok(policy.merge(before, new).unwrap_or_else(|| new.clone())),
            Self::Function(merge) => merge(before, new),
        }
    }

    const fn keeps_first(&self) -> bool {
        matches!(self, Self::Policy(ContextMerge::First))
    }
}

/// Names all values at once that `policy` does not let a run set.
fn refuse_conflicts(
    name: &ContextName,
    before: &Map<String, Value>,
    values: &Map<String, Value>,
    policy: ContextMerge,
) -> Result<(), Failure> {
    let conflicts = conflicts(before, values, policy);
    if conflicts.is_empty() {
        return Ok(());
    }
    let message = format!(
        "shared context `{name}` has other values for {}; choose names of their own, or another `merge` \
         in `[context]`",
        conflicts.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    );
    Err(Failure::new(FailureClass::Permanent, code::CONTEXT_CONFLICT, message))
}

fn unmerged(name: &ContextName, key: &str, why: &Failure) -> Failure {
    let Failure { code, message, .. } = why;
    let message = format!("`{key}` of shared context `{name}` was not merged: {code}: {message}");
    Failure::new(why.class, code::CONTEXT_NOT_MERGED, message)
}

fn unwritten(name: &ContextName, error: &WriteError) -> Failure {
    let message = format!("shared context `{name}` cannot be written: {error}");
    Failure::new(FailureClass::Retryable, code::CONTEXT_UNWRITTEN, message)
}
