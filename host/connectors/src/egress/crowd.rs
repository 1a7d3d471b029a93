//! Bounds how many requests are under way at once: of one plugin, and over all of them.
//!
//! A request is under way from when it is sent until its response was read or let go of. One beyond a bound
//! waits for its turn, first among those of its plugin: a plugin with many waiting takes no place of others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many requests may be under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Over all plugins.
    pub total: u32,
    /// Of one plugin, over all its versions and attempts.
    pub each: u32,
}

impl Bounds {
    /// What a host has that says nothing else: as many for one plugin as attempts of class `io` run at
    /// once by default, and twice that over all.
    pub const DEFAULTS: Self = Self { total: 2_048, each: 1_024 };
}

/// Everybody's requests that are under way.
#[derive(Debug)]
pub(super) struct Crowd {
    each: u32,
    all: Arc<Semaphore>,
    /// By the plugin's name, as long as anybody holds one: versions of a plugin share it.
    lanes: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// The requests of one plugin that are under way.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// The place of one request; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Crowd {
    pub(super) fn new(bounds: Bounds) -> Self {
        let all = Arc::new(semaphore(bounds.total));
        Self { each: bounds.each, all, lanes: Mutex::default() }
    }

    /// The requests of the plugin `name`.
    pub(super) fn lane(&self, name: &str) -> Lane {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let own = lanes.get(name).and_then(Weak::upgrade).unwrap_or_else(|| {
            // Plugins come and go; names of those that went are not kept.
            lanes.retain(|_, lane| lane.strong_count() > 0);
            let own = Arc::new(semaphore(self.each));
            lanes.insert(name.to_owned(), Arc::downgrade(&own));
            own
        });
        Lane { own, all: Arc::clone(&self.all) }
    }
}

impl Lane {
    /// Waits for a place, in the order in which it was asked for.
    pub(super) async fn enter(&self) -> Place {
        let never_closed = "nobody closes it";
        let own = Arc::clone(&self.own).acquire_owned().await.expect(never_closed);
        let all = Arc::clone(&self.all).acquire_owned().await.expect(never_closed);
        Place { _own: own, _all: all }
    }
}

fn semaphore(places: u32) -> Semaphore {
    Semaphore::new((places as usize).clamp(1, Semaphore::MAX_PERMITS))
}

#[cfg(test)]
mod tests;
