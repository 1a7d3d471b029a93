//! What is served, made of the files of the folder and of what requests put.
//!
//! A file goes before a request: whoever looks into the folder sees what runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use taskloom_core::definition::Definition;
use taskloom_core::document::Problem;
use taskloom_core::id::{Digest, WorkflowId};
use taskloom_core::journal::Origin;

use super::Sources;
use super::folder::File;
use super::registered::{Registered, Standing};
use super::requested::requested_name;
use crate::ledger::{Put, Record};

/// What can be started, and what cannot because it is wrong.
#[derive(Default)]
pub(super) struct State {
    pub(super) registered: BTreeMap<WorkflowId, Arc<Registered>>,
    pub(super) broken: Vec<BrokenFile>,
}

/// A text that holds no workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenFile {
    /// The name of the file.
    pub file: String,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// The files that hold the same id: the one that is served, and the others.
pub(super) struct Holders<'f> {
    pub(super) owner: &'f str,
    others: Vec<&'f str>,
}

/// Which file holds which workflow. An id that two files hold stays with the file that had it; at
/// the first reading the first by name gets it.
pub(super) fn holders<'f>(
    files: &'f BTreeMap<String, File>,
    before: &State,
) -> BTreeMap<WorkflowId, Holders<'f>> {
    let mut names: BTreeMap<WorkflowId, Vec<&str>> = BTreeMap::new();
    for (name, file) in files {
        if let Some(definition) = &file.good {
            names.entry(definition.workflow.id.clone()).or_default().push(name);
        }
    }
    let held = |(id, mut names): (WorkflowId, Vec<&'f str>)| {
        let owner = before.registered.get(&id).and_then(|registered| registered.file());
        let place = names.iter().position(|name| Some(*name) == owner).unwrap_or(0);
        let owner = names.remove(place);
        (id, Holders { owner, others: names })
    };
    names.into_iter().map(held).collect()
}

impl State {
    /// What the files and the requests come to. Files that hold the same id all get a problem.
    pub(super) fn of(
        sources: &Sources,
        holders: BTreeMap<WorkflowId, Holders<'_>>,
        before: &Self,
    ) -> Self {
        let Sources { files, ledger, .. } = sources;
        let mut state = Self::default();
        for (id, Holders { owner, others }) in holders {
            let file = &files[owner];
            let definition = file.good.as_ref().expect("only files that hold a workflow hold ids");
            let mut problems = file.problems.clone();
            problems.extend(others.iter().map(|other| also_in(file, &id, other)));
            state.broken.extend(others.iter().map(|name| BrokenFile {
                file: (*name).to_owned(),
                problems: vec![taken(&files[*name], &id, owner)],
            }));
            let standing = of_file(owner, definition.workflow.digest, ledger.get(&id));
            state.register(before, definition, standing, problems);
        }
        for (id, put, record) in ledger.requested() {
            if !state.registered.contains_key(id) {
                state.register_requested(before, sources, (id, put, record));
            }
        }
        state.broken.extend(files.iter().filter(|(_, file)| file.good.is_none()).map(
            |(name, file)| BrokenFile { file: name.clone(), problems: file.problems.clone() },
        ));
        state.broken.sort_by(|a, b| a.file.cmp(&b.file));
        state
    }

    fn register_requested(
        &mut self,
        before: &Self,
        sources: &Sources,
        (id, put, record): (&WorkflowId, &Put, &Record),
    ) {
        let requested = sources.requested.get(id);
        let Some(definition) = requested.and_then(|requested| requested.definition.as_ref()) else {
            let problems = requested.map(|requested| requested.problems.clone());
            let file = requested_name(id);
            self.broken.push(BrokenFile { file, problems: problems.unwrap_or_default() });
            return;
        };
        let standing = Standing {
            origin: put.origin.clone(),
            since: Some(put.at),
            switched: record.switched,
            hidden: None,
        };
        self.register(before, definition, standing, Vec::new());
    }

    /// Takes a workflow in; the one that is registered already if nothing about it changed.
    fn register(
        &mut self,
        before: &Self,
        definition: &Arc<Definition>,
        standing: Standing,
        problems: Vec<Problem>,
    ) {
        let id = definition.workflow.id.clone();
        let same = before.registered.get(&id).filter(|before| {
            Arc::ptr_eq(&before.definition, definition)
                && before.standing == standing
                && before.problems == problems
        });
        let registered = same.map_or_else(
            || Arc::new(Registered::new(Arc::clone(definition), standing, problems)),
            Arc::clone,
        );
        self.registered.insert(id, registered);
    }
}

/// What is known of a workflow that a file holds.
fn of_file(owner: &str, digest: Digest, record: Option<&Record>) -> Standing {
    let origin = Origin::File(owner.to_owned());
    let noted = record.and_then(|record| record.last.as_ref()).filter(|last| last.source == digest);
    Standing {
        since: noted.filter(|last| last.origin == origin).map(|last| last.at),
        origin,
        switched: record.and_then(|record| record.switched),
        hidden: record.and_then(|record| record.requested.as_ref()).map(|put| put.source),
    }
}

fn also_in(file: &File, id: &WorkflowId, other: &str) -> Problem {
    file.problem(
        "duplicate-workflow",
        format!("`{other}` has the workflow id `{id}` too"),
        "this file's workflow is served; give the other another id, or remove it",
    )
}

fn taken(file: &File, id: &WorkflowId, owner: &str) -> Problem {
    file.problem(
        "duplicate-workflow",
        format!("the workflow id `{id}` belongs to `{owner}`"),
        "that one is served; give this workflow another id, or remove one of the files",
    )
}

/// Logs what came of a file that changed.
pub(super) fn report(state: &State, name: &str) {
    let broken = state.broken.iter().find(|broken| broken.file == name);
    let registered = state.registered.values().find(|registered| registered.file() == Some(name));
    match (registered, broken) {
        (Some(registered), _) if registered.problems.is_empty() => {
            let workflow = &registered.definition.workflow;
            tracing::info!(file = name, workflow = %workflow.id, version = workflow.version, "workflow read");
        }
        (Some(registered), _) => {
            for problem in &registered.problems {
                tracing::warn!(%problem, "the last good version of the workflow stays");
            }
        }
        (None, Some(broken)) => {
            for problem in &broken.problems {
                tracing::warn!(%problem, "a workflow file is wrong");
            }
        }
        (None, None) => tracing::info!(file = name, "workflow file removed"),
    }
}
