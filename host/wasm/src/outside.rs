//! What a guest sees of the world outside: WASI with nothing granted, and HTTP by grant.
//!
//! Guests of languages with a runtime import WASI whether they use it or not. They get clocks, random
//! numbers and an output whose lines go to the attempt's log; no files, environment, arguments or
//! sockets. A `pure` call gets clocks that stand still and random numbers seeded by its input, so equal
//! input gives equal output.

mod http;
mod print;
mod still;

use std::sync::{Arc, Mutex, PoisonError};

use taskloom_connectors::egress::{Budget, Egress};
use taskloom_core::id::Digest;
use taskloom_core::plugin::Effects;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::call::Call;
use crate::guest::Guest;
use crate::policy::PolicyInForce;
use http::Hooks;
use print::Printed;
use still::{StillClock, StillWallClock};

/// The most resources (requests, bodies, streams, pollables, …) that a guest may hold at once.
const RESOURCES_MAX: usize = 10_000;

/// The most random bytes that a guest gets at once.
const RANDOM_BYTES_MAX: u64 = 64 * 1024;

/// Lines that wait to be logged; the host logs them whenever the guest comes up for air.
const WAITING_LINES_MAX: usize = 1_000;

/// What the world outside is made of, for one task type of one plugin.
pub(crate) struct OutsideParts {
    pub(crate) effects: Effects,
    pub(crate) policy: Arc<PolicyInForce>,
    pub(crate) egress: Egress,
}

/// WASI and HTTP of one call.
pub(crate) struct Outside {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    budget: Arc<Budget>,
    notes: Notes,
    printed: [Printed; 2],
}

/// Why a request was not let through, as it is remembered for the failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denial {
    /// The operator did not grant it, or the task type's effects forbid it.
    NotGranted(String),
    /// A limit of the call is reached; with the code of the failure.
    Limit(&'static str, String),
}

/// What happened outside that the log and the failure should tell; shared with requests under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<NotesState>>);

#[derive(Debug, Default)]
struct NotesState {
    lines: Vec<(&'static str, String)>,
    denial: Option<Denial>,
}

impl Notes {
    fn with<R>(&self, change: impl FnOnce(&mut NotesState) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps a line for the log.
    pub(super) fn line(&self, level: &'static str, message: String) {
        self.with(|state| {
            if state.lines.len() < WAITING_LINES_MAX {
                state.lines.push((level, message));
            }
        });
    }

    /// Remembers a denial and logs it; the first one stays, since the others follow from it.
    pub(super) fn deny(&self, denial: Denial) {
        let (Denial::NotGranted(message) | Denial::Limit(_, message)) = &denial;
        self.line("warn", message.clone());
        self.with(|state| state.denial.get_or_insert(denial).clone());
    }
}

impl Outside {
    pub(crate) fn new(call: &Call, parts: &Arc<OutsideParts>) -> Self {
        let notes = Notes::default();
        let printed = ["info", "warn"].map(|level| Printed::new(level, notes.clone()));
        let budget = Arc::new(Budget::new(call.limits.requests, call.limits.response_bytes));
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        Self {
            table,
            wasi: wasi(call, parts, &printed),
            http: WasiHttpCtx::new(),
            hooks: Hooks::new(Arc::clone(parts), Arc::clone(&budget), notes.clone()),
            budget,
            notes,
            printed,
        }
    }

    /// What was sent and received.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Why the first request that was not let through was not.
    pub(crate) fn denial(&self) -> Option<Denial> {
        self.notes.with(|state| state.denial.clone())
    }

    /// Ends the lines that the guest began to print.
    pub(crate) fn end_lines(&self) {
        self.printed.iter().for_each(Printed::end_line);
    }

    /// The lines that wait to be logged.
    pub(crate) fn take_lines(&self) -> Vec<(&'static str, String)> {
        self.notes.with(|state| std::mem::take(&mut state.lines))
    }
}

fn wasi(call: &Call, parts: &OutsideParts, [stdout, stderr]: &[Printed; 2]) -> WasiCtx {
    let mut builder = WasiCtxBuilder::new();
    builder
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .max_random_size(RANDOM_BYTES_MAX)
        .stdout(stdout.clone())
        .stderr(stderr.clone());
    let clock = match parts.effects {
        Effects::Pure => Some(StillWallClock::default()),
        Effects::Reads | Effects::Writes => call.observer.clock().map(StillWallClock::at),
    };
    if let Some(clock) = clock {
        let seed = Digest::of(call.input.as_bytes());
        still::seed(&mut builder, seed.as_bytes());
        builder.wall_clock(clock).monotonic_clock(StillClock::default());
    }
    builder.build()
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let outside = self.outside_mut();
        WasiCtxView { ctx: &mut outside.wasi, table: &mut outside.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let outside = self.outside_mut();
        WasiHttpCtxView {
            ctx: &mut outside.http,
            table: &mut outside.table,
            hooks: &mut outside.hooks,
        }
    }
}
