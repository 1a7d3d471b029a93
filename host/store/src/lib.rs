//! The journal and its views, on SQLite. The only SQL of the project.
//!
//! ```text
//! commit(batch, done) ──▶ Inbox ──▶ writer thread ── one transaction ──▶ fsync ──▶ done(…)
//! append_logs(lines)  ──▶   │        (group commit)                        │
//!                                                                          ▼
//! run_events, list_runs, logs, … ◀── pool of read-only connections ◀── DATA/taskloom.db
//! ```
//!
//! The journal is the only truth: streams of numbered events, and the payloads they refer to.
//! Everything else is a view and can be made again from it; the README says how.

mod batch;
mod beside;
mod error;
mod page;
mod rows;
mod store;

mod checkpoint;
mod inbox;
mod writer;

mod backup;
mod delete;
mod examine;
mod references;
mod retention;
mod sweep;
mod versions;

mod artefacts;
mod attempts;
mod cached;
mod idempotency;
mod journal;
mod logs;
mod payloads;
mod refusals;
mod runs;
mod streams;

mod check;
mod column;
mod connection;
mod lock;
mod readers;
mod schema;

pub mod yardstick;

pub use backup::{Copied, backup, restore};
pub use batch::{Append, Batch, Committed, Conflict, Events};
pub use error::Error;
pub use examine::{Examination, Finding, Severity, examine};
pub use journal::{StoredEvent, StoredRunEvent};
pub use page::{Cursor, PAGE_ROWS_MAX, Page};
pub use retention::{Retained, Retention};
pub use rows::{
    ArtefactRow, AttemptRow, CachedRow, LogFilter, LogLine, RefusalRow, RunFilter, RunRow,
};
pub use schema::SCHEMA_VERSION;
pub use store::{Durability, Options, Stats, Store};
pub use versions::MissingVersion;
