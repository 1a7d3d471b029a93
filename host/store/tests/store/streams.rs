//! Part of the suite: streams that are not a run's.

use std::collections::BTreeMap;

use taskloom_core::id::WorkflowId;
use taskloom_core::journal::{
    Author, ContextEvent, Entry, Origin, PluginEvent, StreamId, TemplateEvent, TriggerEvent,
    WorkflowEvent,
};
use taskloom_core::payload::PayloadRef;
use taskloom_core::time::Timestamp;
use taskloom_store::{Append, Batch, Events};

use crate::conformance::assert_healthy;
use crate::script::{Opener, plugin, plugin_removed, put, run_id, text};

fn entry<E>(event: E) -> Vec<Entry<E>> {
    vec![Entry { at: Timestamp::from_ms(1), event }]
}

fn stream(name: &str) -> StreamId {
    name.parse().expect("a stream's name")
}

fn switched(name: &str, after: u64, enabled: bool) -> Append {
    let events = Events::Workflow(entry(WorkflowEvent::WorkflowSwitched { enabled }));
    Append::plain(stream(name), after, events)
}

pub(crate) fn streams_are_kept_apart_by_kind_and_name(open: Opener) {
    let place = open();
    let store = place.open();
    let (source, kept) = text("x");
    let payloads = vec![(source, kept)];
    store.commit_and_wait(Batch { payloads, ..Batch::default() }).expect("commits");
    let template =
        TemplateEvent::TemplatePut { source, version: "1.0.0".to_owned(), origin: Origin::Api };
    let key = "2026-01-01T00:00:00Z".to_owned();
    let fired = TriggerEvent::TriggerFired { key, due: None, run: run_id(1) };
    let set = ContextEvent::ContextSet {
        value: PayloadRef::of("{}").expect("is JSON"),
        by: Author::Caller,
        sources: BTreeMap::new(),
    };
    for append in [
        plugin_removed("text", 0),
        plugin_removed("http", 0),
        switched("workflow/text", 0, false),
        Append::plain(stream("template/text"), 0, Events::Template(entry(template))),
        Append::plain(stream("trigger/text.cron-1"), 0, Events::Trigger(entry(fired))),
        Append::plain(stream("context/text"), 0, Events::Context(entry(set.clone()))),
    ] {
        assert_eq!(put(&store, append), Ok(1));
    }
    assert_eq!(put(&store, plugin_removed("text", 1)), Ok(2));
    let text = StreamId::Plugin(plugin("text"));
    let events = store.stream_events::<PluginEvent>(&text, 1, 9).expect("reads");
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].seq, &events[0].entry.event), (2, &PluginEvent::PluginRemoved));
    let context = store.last_event::<ContextEvent>(&stream("context/text")).expect("reads");
    assert_eq!(context.expect("is there").entry.event, set);
    assert_healthy(&store);
}

pub(crate) fn the_end_of_a_stream_is_found_at_once(open: Opener) {
    let place = open();
    let store = place.open();
    let name = "workflow/triage";
    let last = || store.last_event::<WorkflowEvent>(&stream(name)).expect("reads");
    assert_eq!(last(), None);
    for (after, enabled) in [(0, true), (1, false)] {
        put(&store, switched(name, after, enabled)).expect("no conflict");
    }
    let last = last().expect("is there");
    assert_eq!(last.seq, 2);
    assert_eq!(last.entry.event, WorkflowEvent::WorkflowSwitched { enabled: false });
}

pub(crate) fn streams_are_listed_by_kind(open: Opener) {
    let place = open();
    let store = place.open();
    for name in ["workflow/b", "workflow/a", "workflow/a-b"] {
        put(&store, switched(name, 0, true)).expect("no conflict");
    }
    put(&store, plugin_removed("workflow", 0)).expect("no conflict");
    let names = ["a", "a-b", "b"].map(|id| WorkflowId::new(id).expect("valid"));
    let expected = names.map(StreamId::Workflow).to_vec();
    assert_eq!(store.streams("workflow").expect("lists"), expected);
    assert_eq!(store.streams("context").expect("lists"), []);
    let plugins = [StreamId::Plugin(plugin("workflow"))];
    assert_eq!(store.streams("plugin").expect("lists"), plugins);
}
