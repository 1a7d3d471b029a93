//! What has names and texts: workflows and templates, with their events.

use std::fmt::Display;

use taskloom_core::id::{Digest, TemplateId, WorkflowId};
use taskloom_core::journal::{Entry, Origin, StreamEvent, StreamId, TemplateEvent, WorkflowEvent};
use taskloom_store::Events;

/// A kind of things that have names and texts.
pub trait Kind {
    /// Its names.
    type Id: Ord + Clone + Display;
    /// What happens to it.
    type Event: StreamEvent + Clone;
    /// How its streams begin.
    const STREAMS: &str;

    /// The stream of a name.
    fn stream(id: &Self::Id) -> StreamId;
    /// The name of a stream, if it is one of this kind.
    fn id(stream: &StreamId) -> Option<Self::Id>;
    /// That a name has this text from now on.
    fn put(source: Digest, version: String, origin: Origin) -> Self::Event;
    /// What an event means.
    fn change(event: Self::Event) -> Change;
    /// Events as the store takes them.
    fn events(entries: Vec<Entry<Self::Event>>) -> Events;
}

/// What an event means.
#[derive(Debug)]
pub enum Change {
    /// It has this text from now on.
    Put {
        /// The digest of the text.
        source: Digest,
        /// The version that its author gave it.
        version: String,
        /// Where it comes from.
        origin: Origin,
    },
    /// It is gone.
    Deleted,
    /// It was switched on or off.
    Switched {
        /// Whether it is on.
        enabled: bool,
    },
}

/// Workflows.
#[derive(Debug)]
pub struct WorkflowKind;

/// Templates.
#[derive(Debug)]
pub struct TemplateKind;

impl Kind for WorkflowKind {
    type Id = WorkflowId;
    type Event = WorkflowEvent;
    const STREAMS: &str = "workflow";

    fn stream(id: &WorkflowId) -> StreamId {
        StreamId::Workflow(id.clone())
    }

    fn id(stream: &StreamId) -> Option<WorkflowId> {
        match stream {
            StreamId::Workflow(id) => Some(id.clone()),
            _ => None,
        }
    }

    fn put(source: Digest, version: String, origin: Origin) -> WorkflowEvent {
        WorkflowEvent::WorkflowPut { source, version, origin }
    }

    fn change(event: WorkflowEvent) -> Change {
        match event {
            WorkflowEvent::WorkflowPut { source, version, origin } => {
                Change::Put { source, version, origin }
            }
            WorkflowEvent::WorkflowDeleted => Change::Deleted,
            WorkflowEvent::WorkflowSwitched { enabled } => Change::Switched { enabled },
        }
    }

    fn events(entries: Vec<Entry<WorkflowEvent>>) -> Events {
        Events::Workflow(entries)
    }
}

impl Kind for TemplateKind {
    type Id = TemplateId;
    type Event = TemplateEvent;
    const STREAMS: &str = "template";

    fn stream(id: &TemplateId) -> StreamId {
        StreamId::Template(id.clone())
    }

    fn id(stream: &StreamId) -> Option<TemplateId> {
        match stream {
            StreamId::Template(id) => Some(id.clone()),
            _ => None,
        }
    }

    fn put(source: Digest, version: String, origin: Origin) -> TemplateEvent {
        TemplateEvent::TemplatePut { source, version, origin }
    }

    fn change(event: TemplateEvent) -> Change {
        match event {
            TemplateEvent::TemplatePut { source, version, origin } => {
                Change::Put { source, version, origin }
            }
            TemplateEvent::TemplateDeleted => Change::Deleted,
        }
    }

    fn events(entries: Vec<Entry<TemplateEvent>>) -> Events {
        Events::Template(entries)
    }
}
