//! Drives every live run: the one place where commands, results, timers and commits meet.
//!
//! ```text
//!  Engine (handle) ──┐
//!  performer ────────┤             ┌─▶ batch ─▶ store (writer thread) ─┐
//!  catalog ──────────┼─▶ mailbox ─▶ Service ◀────── committed ─────────┘
//!  timers ───────────┘   (one thread)  └─▶ effects: perform, stop, wake, tell
//! ```
//!
//! The service has one thread with one mailbox (who else may drive it is told in `desk`). It folds every input into the run's state by
//! [`taskloom_core::run`], collects the events of all runs into one batch, and releases what
//! they ask for when the batch is on disk. While a batch is being written the next one fills:
//! a chain step costs one commit, a thousand parallel results cost a handful.

mod admission;
mod batch;
mod children;
mod clock;
mod commit;
mod concurrency;
mod deciding;
mod desk;
mod ending;
mod fault;
mod handle;
mod inquiry;
mod keys;
mod merging;
mod names;
mod offers;
mod outputs;
mod perform;
mod progress;
mod resident;
mod reuse;
mod service;
mod start;
mod starts;
mod steer;
mod successor;
mod timers;
mod waits;
mod watch;

pub use clock::{Clock, LOOK_MAX, Reading};
pub use handle::{Begins, CommandError, Engine, StartError, StartRun, Started};
pub use progress::Progress;
pub use service::{Fatal, Settings};
pub use start::{Parts, launch};
pub use steer::Steer;
pub use waits::Waits;
pub use watch::{RunWatch, Watchers};
