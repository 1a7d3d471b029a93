//! What the plugins of one run were refused: the view of it, against the events it is made of.

use std::collections::HashMap;

use rusqlite::{Connection, Result};
use taskloom_core::id::{Digest, PluginName, RunId};
use taskloom_core::journal::{Entry, RunEvent};

use crate::check::Problems;
use crate::refusals;
use crate::rows::RefusalRow;

/// What the events of one run say of refusals.
#[derive(Default)]
pub(super) struct RefusalsCheck {
    /// Every version that the run ever kept, and whose it is.
    plugins: HashMap<Digest, PluginName>,
    /// Refusals that have a row.
    rows: u64,
}

impl RefusalsCheck {
    /// Checks an event of the run with the key `stream`: what an attempt was refused has the rows that its
    /// event gives.
    pub(super) fn event(
        &mut self,
        connection: &Connection,
        (stream, run): (i64, RunId),
        entry: &Entry<RunEvent>,
        problems: &mut Problems,
    ) -> Result<()> {
        self.keep_plugins(&entry.event);
        let Some((task, number, usage)) = entry.event.used() else { return Ok(()) };
        let plugin = usage.plugin_digest.and_then(|digest| self.plugins.get(&digest));
        let Some(plugin) = plugin else { return Ok(()) };
        let expected = RefusalRow::of(run, plugin, entry);
        if expected.is_empty() {
            return Ok(());
        }
        self.rows += expected.len() as u64;
        let found = refusals::of_attempt(connection, (stream, run), task, number)?;
        problems.expect(found == expected, || {
            format!("run {run}: the refusals of attempt {number} of `{task}` have other rows")
        });
        Ok(())
    }

    /// No refusal in the view is of no event.
    pub(super) fn finish(
        &self,
        connection: &Connection,
        (stream, run): (i64, RunId),
        problems: &mut Problems,
    ) -> Result<()> {
        let found = refusals::count(connection, stream)?;
        problems.expect(found == self.rows, || {
            format!("run {run}: {found} refusals have rows, not {}", self.rows)
        });
        Ok(())
    }

    fn keep_plugins(&mut self, event: &RunEvent) {
        match event {
            RunEvent::RunStarted(start) => {
                let pins = start.pins.iter().map(|(plugin, digest)| (*digest, plugin.clone()));
                self.plugins.extend(pins);
            }
            RunEvent::PluginPinned { plugin, digest }
            | RunEvent::PluginRepinned { plugin, to: digest, .. } => {
                self.plugins.insert(*digest, plugin.clone());
            }
            _ => {}
        }
    }
}
