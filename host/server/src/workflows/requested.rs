//! The workflows that requests put, read.

use std::collections::BTreeMap;
use std::sync::Arc;

use taskloom_core::definition::{self, Definition};
use taskloom_core::document::Problem;
use taskloom_core::id::WorkflowId;
use taskloom_store::{Error, Store};

use crate::ledger::{Ledger, WorkflowKind};

/// What the text of a workflow that a request put comes to.
pub(super) struct Requested {
    /// The definition, if this version of the host can read it.
    pub(super) definition: Option<Arc<Definition>>,
    /// Why it cannot, if so.
    pub(super) problems: Vec<Problem>,
}

/// Reads all that the ledger has.
pub(super) fn read_all(
    ledger: &Ledger<WorkflowKind>,
    store: &Store,
) -> Result<BTreeMap<WorkflowId, Requested>, Error> {
    let read = |(id, put, _): (&WorkflowId, &crate::ledger::Put, _)| {
        let source = store.payload(&put.source)?;
        Ok((id.clone(), Requested::read(id, source.as_deref())))
    };
    ledger.requested().map(read).collect()
}

impl Requested {
    /// A definition that was just put.
    pub(super) const fn of(definition: Arc<Definition>) -> Self {
        Self { definition: Some(definition), problems: Vec::new() }
    }

    fn read(id: &WorkflowId, source: Option<&str>) -> Self {
        let name = requested_name(id);
        let Some(source) = source else {
            let problem = Problem {
                origin: name,
                line: 1,
                column: 1,
                field: String::new(),
                code: "unreadable",
                message: "its text is missing".to_owned(),
                help: Some("put the workflow again, and run `taskloom doctor`".to_owned()),
            };
            return Self { definition: None, problems: vec![problem] };
        };
        let definition::Reading { definition, problems } = definition::read(&name, source);
        Self { definition, problems }
    }
}

/// How problems name a text that no file holds.
pub(super) fn requested_name(id: &WorkflowId) -> String {
    format!("workflow {id}")
}
