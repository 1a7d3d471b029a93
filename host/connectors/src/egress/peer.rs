//! What answers requests in the place of the network, where plugins are tested.

use bytes::Bytes;
use http::Response;

use super::{Outgoing, SendError};

/// Answers requests that have been checked, without sending them.
pub trait Peer: Send + Sync {
    /// Answers one. Called on a thread of the call that asks: it must not block.
    ///
    /// # Errors
    /// When no response comes back.
    fn answer(&self, request: &Outgoing) -> Result<Response<Bytes>, SendError>;
}
