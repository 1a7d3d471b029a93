//! Deletes what the policy lets go, at the start and every so often, beside everything else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use taskloom_store::{Error, Retained, Retention};
use tokio_util::sync::CancellationToken;

use super::caution::Caution;
use super::{App, Changed};
use crate::engine::Reading;
use crate::reader::{ReadError, Reader};

/// How long what nothing refers to is kept: longer than any commit that may still refer to it takes.
pub(crate) const GRACE: Duration = Duration::from_secs(60 * 60);

impl App {
    /// Begins to delete what the policy lets go, until the host stops. Must be called within a tokio
    /// runtime.
    pub fn keep_tidy(&self) {
        let Some(policy) = self.config.retention.policy else {
            tracing::info!("nothing is ever deleted: `retention.mode` is `off`");
            return;
        };
        let every = self.config.retention.every;
        let (reader, changed) = (self.reader.clone(), Arc::clone(&self.changed));
        tokio::spawn(tidy(reader, changed, policy, every, self.stopped.clone()));
    }
}

async fn tidy(
    reader: Reader,
    changed: Arc<Changed>,
    policy: Retention,
    every: Duration,
    stopped: CancellationToken,
) {
    let mut caution = Caution::new(Reading::now());
    loop {
        let begun = Instant::now();
        let now = caution.time(Reading::now());
        match reader.retain(policy, now).await {
            Ok(retained) => tell(&retained, begun.elapsed()),
            Err(ReadError::Store(Error::Stopped { .. })) => return,
            Err(error) => {
                tracing::warn!(%error, "old runs could not be deleted; trying again later");
            }
        }
        // Runs that have ended meanwhile need no versions of plugins any more.
        let changed = Arc::clone(&changed);
        let _ = tokio::task::spawn_blocking(move || changed.drop_versions()).await;
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stopped.cancelled() => return,
        }
    }
}

fn tell(retained: &Retained, took: Duration) {
    if *retained == Retained::default() {
        tracing::debug!(?took, "there was nothing to delete");
        return;
    }
    tracing::info!(
        runs = retained.runs,
        log_lines = retained.log_lines,
        cached_results = retained.cached,
        payloads = retained.payloads,
        payload_bytes = retained.payload_bytes,
        artefacts = retained.artefacts,
        artefact_bytes = retained.artefact_bytes,
        pages = retained.pages,
        ?took,
        "deleted what is old"
    );
}
