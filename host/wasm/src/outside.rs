//! What a guest sees of the world outside: WASI with nothing granted, and HTTP by grant.
//!
//! Guests of languages with a runtime import WASI whether they use it or not. They get clocks, random
//! numbers and an output whose lines go to the attempt's log; no files, environment, arguments or
//! sockets. A `pure` call gets clocks that stand still, random numbers seeded by its input and the identity
//! of no attempt, so equal input gives equal output.

mod http;
mod print;
pub(crate) mod still;

use std::sync::Arc;

use taskloom_connectors::egress::{Budget, Egress};
use taskloom_core::id::{Digest, PluginName};
use taskloom_core::plugin::Effects;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::ai::Accounts;
use crate::asked::Asked;
use crate::call::Call;
use crate::guest::Guest;
use crate::notes::Notes;
use crate::policy::PolicyInForce;
use crate::ports::Ports;
use crate::secrets::Held;
use http::Hooks;
use print::Printed;
use still::{StillClock, StillWallClock};

/// The most resources (requests, bodies, streams, pollables, …) that a guest may hold at once.
const RESOURCES_MAX: usize = 10_000;

/// The most resources that an instance may hold between two calls.
const RESOURCES_KEPT_MAX: usize = 16;

/// The most random bytes that a guest gets at once.
const RANDOM_BYTES_MAX: u64 = 64 * 1024;

/// What the world outside is made of, for one task type of one plugin.
pub(crate) struct OutsideParts {
    pub(crate) plugin: PluginName,
    pub(crate) effects: Effects,
    pub(crate) asked: Arc<Asked>,
    pub(crate) policy: Arc<PolicyInForce>,
    pub(crate) egress: Egress,
    pub(crate) ports: Ports,
    pub(crate) accounts: Accounts,
}

/// WASI and HTTP of one call.
pub(crate) struct Outside {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    budget: Arc<Budget>,
    printed: [Printed; 2],
}

impl Outside {
    pub(crate) fn new(call: &Call, parts: &Arc<OutsideParts>, notes: &Notes, held: &Held) -> Self {
        let printed = ["info", "warn"].map(|level| Printed::new(level, notes.clone()));
        let budget = Arc::new(Budget::new(call.limits.requests, call.limits.response_bytes));
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        Self {
            table,
            wasi: wasi(call, parts, &printed),
            http: WasiHttpCtx::new(),
            hooks: Hooks::new(Arc::clone(parts), Arc::clone(&budget), notes.clone(), held.clone()),
            budget,
            printed,
        }
    }

    /// For another call of the same instance: what the instance holds stays, what belongs to a call is new.
    #[must_use]
    pub(crate) fn again(
        mut self: Box<Self>,
        call: &Call,
        parts: &Arc<OutsideParts>,
        notes: &Notes,
        held: &Held,
    ) -> Box<Self> {
        self.budget = Arc::new(Budget::new(call.limits.requests, call.limits.response_bytes));
        let (parts, budget) = (Arc::clone(parts), Arc::clone(&self.budget));
        self.hooks = Hooks::new(parts, budget, notes.clone(), held.clone());
        self.http = WasiHttpCtx::new();
        self
    }

    /// Whether a call has left nothing here but what every instance of a language with a runtime holds,
    /// such as its output: it sent no request, and has let go of what it was given.
    pub(crate) fn is_tidy(&mut self) -> bool {
        self.budget.requests() == 0 && self.table.iter_mut().count() <= RESOURCES_KEPT_MAX
    }

    /// What was sent and received.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Ends the lines that the guest began to print.
    pub(crate) fn end_lines(&self) {
        self.printed.iter().for_each(Printed::end_line);
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
