//! Finds the addresses of names that guests may connect to.
//!
//! What answers a guest's lookup is not the host's choice: a grant for `*.example.org` has the name servers of
//! whoever owns that name asked, and asking blocks a thread for as long as they keep silent. So only so many
//! lookups run at once, of one plugin and over all of them, and none is waited for beyond a time. One that
//! nobody waits for any more keeps its place until it ends, as it keeps its thread.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;
use super::crowd::{Bounds, Crowd, Lane};
use super::{AddressRefused, NOBODY};

/// Lookups at once. Each holds one of the host's 512 threads for what blocks, on which it also reads its store and
/// its secrets: an eighth of them is enough for guests. A lookup mostly takes milliseconds.
const LOOKUPS: Bounds = Bounds { total: 64, each: 16 };

/// How long a lookup is waited for, once it runs: longer than a name server that answers at all needs, and less than
/// connecting may take.
const PATIENCE: Duration = Duration::from_secs(5);

tokio::task_local! {
    /// Whose lookups are made on behalf of the request that is under way in this task.
    static ASKER: Lane;
}

/// How names are resolved. Clones share their bounds.
#[derive(Clone)]
pub struct Names {
    lookup: Arc<Lookup>,
    crowd: Arc<Crowd>,
    patience: Duration,
}

/// Answers with the addresses of a name. May block.
type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// A name without addresses.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookupFailed {
    /// It leads nowhere.
    #[error("`{host}`: {reason}")]
    NotFound {
        /// The name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nobody said in time where it leads.
    #[error("`{host}`: no answer within {patience:?}")]
    Unanswered {
        /// The name.
        host: String,
        /// How long it was waited for.
        patience: Duration,
    },
}

type LookupError = Box<dyn std::error::Error + Send + Sync>;

impl Names {
    /// By the system's resolver.
    pub fn of_system() -> Self {
        Self::answered_by(|host| Ok((host, 0).to_socket_addrs()?.map(|at| at.ip()).collect()))
    }

    /// By `lookup`, which may block.
    pub fn answered_by(
        lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        let (lookup, crowd) = (Arc::new(lookup), Arc::new(Crowd::new(LOOKUPS)));
        Self { lookup, crowd, patience: PATIENCE }
    }

    /// The same, with so many lookups at once, each waited for so long.
    pub fn bounded(self, lookups: Bounds, patience: Duration) -> Self {
        Self { crowd: Arc::new(Crowd::new(lookups)), patience, ..self }
    }

    /// The lookups of the plugin `name`.
    pub(super) fn lane(&self, name: &str) -> Lane {
        self.crowd.lane(name)
    }

    /// Those of a name's addresses that guests may connect to, once it is the turn of `lane`. Must be polled
    /// within a tokio runtime.
    async fn find(self, lane: Lane, host: String) -> Result<Vec<IpAddr>, LookupError> {
        let place = lane.enter().await;
        let (lookup, asked) = (self.lookup, host.clone());
        let looking = tokio::task::spawn_blocking(move || {
            let found = lookup(&asked);
            drop(place);
            found
        });
        let Ok(found) = tokio::time::timeout(self.patience, looking).await else {
            return Err(LookupFailed::Unanswered { host, patience: self.patience }.into());
        };
        let not_found = |reason: String| LookupFailed::NotFound { host: host.clone(), reason };
        let found = found.map_err(|error| not_found(error.to_string()))?;
        public(&host, &found.map_err(|error| not_found(error.to_string()))?)
    }
}

impl Resolve for Names {
    /// Resolves a name to public addresses only, after the lookup. A connection goes to what was resolved: a name
    /// that changes its address between check and use gains nothing.
    fn resolve(&self, name: Name) -> Resolving {
        // Without one where the client goes on connecting after its request has found another connection.
        let lane = ASKER.try_with(Lane::clone).unwrap_or_else(|_| self.lane(NOBODY));
        let found = self.clone().find(lane, name.as_str().to_owned());
        // The port is that of the request.
        let at = |address| SocketAddr::new(address, 0);
        Box::pin(async move { Ok(Box::new(found.await?.into_iter().map(at)) as Addrs) })
    }
}

/// Counts the lookups of a request as those of `lane`.
pub(super) async fn asked_by<T>(lane: Lane, request: impl Future<Output = T>) -> T {
    ASKER.scope(lane, request).await
}

/// Those of a name's addresses that guests may connect to.
fn public(host: &str, found: &[IpAddr]) -> Result<Vec<IpAddr>, LookupError> {
    // `localhost` comes this far only when a grant names it.
    let local = host == "localhost";
    let allowed = |address: &&IpAddr| match local {
        true => address.is_loopback(),
        false => is_public(**address),
    };
    let addresses: Vec<IpAddr> = found.iter().filter(allowed).copied().collect();
    let host = host.to_owned();
    match (addresses.is_empty(), found.first()) {
        (false, _) => Ok(addresses),
        (true, Some(address)) => Err(AddressRefused { host, address: *address }.into()),
        (true, None) => {
            let reason = "it has no address".to_owned();
            Err(LookupFailed::NotFound { host, reason }.into())
        }
    }
}

#[cfg(test)]
mod tests;
