//! Follows a run by its event stream.
//!
//! An event only says that something has happened; what is shown is the run as the API tells it.

use std::io::{BufRead, BufReader, Read};

use anyhow::{Result, bail};

use super::api::{Api, Run};

/// How often in a row a stream may end without an event before the demo gives up.
const IDLE_STREAMS_MAX: u32 = 5;

/// Calls `show` with the run whenever it has changed, until it has ended.
///
/// # Errors
///
/// When the host does not answer any more.
pub(crate) fn follow(api: &Api, id: &str, mut show: impl FnMut(&Run)) -> Result<Run> {
    let mut after: Option<String> = None;
    let mut idle_streams = 0;
    loop {
        let mut events = Events::new(api.events(id, after.as_deref())?);
        idle_streams += 1;
        while let Some(event) = events.next() {
            idle_streams = 0;
            let is_shown = event.changes_what_is_shown();
            after = event.id.or(after);
            if !is_shown {
                continue;
            }
            let run = api.run(id)?;
            show(&run);
            if run.outcome.is_some() {
                return Ok(run);
            }
        }
        let run = api.run(id)?;
        show(&run);
        if run.outcome.is_some() {
            return Ok(run);
        }
        if idle_streams > IDLE_STREAMS_MAX {
            bail!(
                "the host ended the event stream of the run {id} {idle_streams} times without an event"
            );
        }
    }
}

/// One server-sent event, without its data.
#[derive(Debug, Default, PartialEq, Eq)]
struct Event {
    id: Option<String>,
    kind: String,
}

impl Event {
    fn changes_what_is_shown(&self) -> bool {
        !matches!(self.kind.as_str(), "attempt-claimed" | "attempt-started" | "input-resolved")
    }
}

/// Splits a stream into events.
#[derive(Debug)]
struct Events<R> {
    lines: std::io::Lines<BufReader<R>>,
}

impl<R: Read> Events<R> {
    fn new(stream: R) -> Self {
        Self { lines: BufReader::new(stream).lines() }
    }

    /// The next event, `None` at the end of the stream, also when that is the end of the host.
    fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        let mut has_data = false;
        loop {
            let line = self.lines.next()?.ok()?;
            match line.split_once(':') {
                _ if line.is_empty() && has_data => return Some(event),
                Some(("id", value)) => event.id = Some(value.trim().to_owned()),
                Some(("event", value)) => value.trim().clone_into(&mut event.kind),
                Some(("data", _)) => has_data = true,
                // Comments keep the connection open; other fields mean nothing here.
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, Events};

    #[test]
    fn events_are_split_and_comments_dropped() {
        let stream = ": hello\n\nid: 1\nevent: run-started\ndata: {}\n\n:\n\nid:2\nevent:run-finished\ndata:{}\n\nid: 3\n";
        let mut events = Events::new(stream.as_bytes());
        let event = |id: &str, kind: &str| Event { id: Some(id.to_owned()), kind: kind.to_owned() };
        assert_eq!(events.next(), Some(event("1", "run-started")));
        assert_eq!(events.next(), Some(event("2", "run-finished")));
        assert_eq!(events.next(), None);
    }
}
