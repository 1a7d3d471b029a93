//! The threads that guests run on: never those that own timers or serve HTTP.
//!
//! Guests that compute have threads of their own, so that a guest that spins in every one of their slots
//! holds up neither a guest that waits for an answer nor the host.

use taskloom_core::plugin::ResourceClass;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::background::step_back;

/// Threads for timers and sockets of guests. They only move bytes.
const SERVICE_THREADS: usize = 1;

/// The threads of guests.
pub(crate) struct Threads {
    cpu: Option<Runtime>,
    io: Option<Runtime>,
    services: Services,
}

/// The runtime that owns the timers and sockets of guests.
enum Services {
    Own(Option<Runtime>, Handle),
    Given(Handle),
}

impl Threads {
    pub(crate) fn start(
        cpu_threads: usize,
        io_threads: usize,
        services: Option<Handle>,
    ) -> std::io::Result<Self> {
        let services = match services {
            Some(handle) => Services::Given(handle),
            None => {
                let runtime = Builder::new_multi_thread()
                    .worker_threads(SERVICE_THREADS)
                    .thread_name("taskloom-net")
                    .enable_all()
                    .build()?;
                let handle = runtime.handle().clone();
                Services::Own(Some(runtime), handle)
            }
        };
        let cpu = Builder::new_multi_thread()
            .worker_threads(cpu_threads.max(1))
            .thread_name("taskloom-cpu")
            .on_thread_start(step_back)
            .build()?;
        let io = Builder::new_multi_thread()
            .worker_threads(io_threads.max(1))
            .thread_name("taskloom-guest")
            .build()?;
        Ok(Self { cpu: Some(cpu), io: Some(io), services })
    }

    /// The threads for guests of `class`.
    pub(crate) fn of(&self, class: ResourceClass) -> &Handle {
        let runtime = match class {
            ResourceClass::Cpu => &self.cpu,
            ResourceClass::Io | ResourceClass::Ai | ResourceClass::Github => &self.io,
        };
        runtime.as_ref().expect("taken only when dropped").handle()
    }

    /// Where timers and sockets live.
    pub(crate) const fn services(&self) -> &Handle {
        match &self.services {
            Services::Own(_, handle) | Services::Given(handle) => handle,
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Waiting is not possible where this may be dropped, on a thread of a runtime.
        let own = match &mut self.services {
            Services::Own(runtime, _) => runtime.take(),
            Services::Given(_) => None,
        };
        for runtime in [self.cpu.take(), self.io.take(), own].into_iter().flatten() {
            runtime.shutdown_background();
        }
    }
}
