//! Loads plugins and calls their handlers.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use taskloom_connectors::egress::{Bounds, Egress, EgressError};
use taskloom_core::attempt::{AttemptUse, ReleaseReason};
use taskloom_core::failure::{Failure, FailureClass, code};
use taskloom_core::id::{PluginName, TaskType};
use taskloom_core::plugin::{LimitsWish, ResourceClass};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::cache::{CacheError, CodeCache};
use crate::call::{Call, CallReport, Ending};
use crate::compile::{COMPILE_TIME_MAX, Compiler};
use crate::engine::{self, Ticker};
use crate::limits::CallLimits;
use crate::load::{Compiling, DESCRIBE_CLASS, Interfaces, LoadError, Loader, Smoke, World};
use crate::memory::MemoryBudget;
use crate::perform::{Stage, perform};
use crate::plugin::Plugin;
use crate::policy::Policy;
use crate::ports::Ports;
use crate::threads::Threads;

/// How a runtime is set up; the default suits a machine of any size.
#[derive(Debug, Clone)]
pub struct RuntimeConfig {
    /// Where compiled code is kept between starts; `None` compiles anew each time.
    pub cache_folder: Option<PathBuf>,
    /// The program that compiles; `None` compiles in this process, as it does without a cache.
    pub compiler: Option<Compiler>,
    /// How long compiling one component may take; what takes longer is refused.
    pub compile_time: Duration,
    /// Threads for guests that compute.
    pub cpu_threads: usize,
    /// Threads for guests that wait.
    pub io_threads: usize,
    /// Calls at once, over all plugins; more are answered with [`ReleaseReason::HostBusy`].
    pub instances_max: u32,
    /// Memory that all guests may hold together, in bytes.
    pub memory_budget_bytes: u64,
    /// What a call may use when nobody wishes for anything.
    pub defaults: CallLimits,
    /// What nobody may exceed.
    pub ceilings: CallLimits,
    /// How long a cancelled handler may go on before it is stopped.
    pub cancel_grace: Duration,
    /// Where secrets and models are.
    pub ports: Ports,
    /// The tokio runtime for timers and sockets of guests; `None` starts one of its own. It must not
    /// be one that guests run on.
    pub services: Option<Handle>,
    /// What sends the requests of guests; `None` sends them over the network.
    pub egress: Option<Egress>,
    /// How many requests of guests may be under way at once.
    pub requests: Bounds,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            cache_folder: None,
            compiler: None,
            compile_time: COMPILE_TIME_MAX,
            cpu_threads: cores,
            io_threads: cores.min(4),
            // A thousand attempts parked in host calls, and room for others.
            instances_max: 1_200,
            memory_budget_bytes: 4 * 1024 * 1024 * 1024,
            defaults: CallLimits::DEFAULTS,
            ceilings: CallLimits::CEILINGS,
            cancel_grace: Duration::from_secs(2),
            ports: Ports::default(),
            services: None,
            egress: None,
            requests: Bounds::DEFAULTS,
        }
    }
}

/// The runtime cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The WebAssembly engine.
    #[error("cannot start the WebAssembly engine: {0}")]
    Engine(String),
    /// The threads of guests.
    #[error("cannot start the threads of guests: {0}")]
    Threads(#[from] std::io::Error),
    /// The folder for compiled code.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The client of outbound requests.
    #[error(transparent)]
    Egress(#[from] EgressError),
}

impl From<wasmtime::Error> for RuntimeError {
    fn from(error: wasmtime::Error) -> Self {
        Self::Engine(format!("{error:#}"))
    }
}

/// Loads plugins and calls their handlers. Clones are the same runtime.
#[derive(Clone)]
pub struct Runtime(Arc<Shared>);

struct Shared {
    config: RuntimeConfig,
    loader: Loader,
    stage: Stage,
    threads: Threads,
    _ticker: Ticker,
}

impl Runtime {
    /// Starts the engine and the threads of guests.
    ///
    /// # Errors
    /// When the system refuses threads, address space or the cache's folder.
    pub fn new(config: RuntimeConfig) -> Result<Self, RuntimeError> {
        let engine = engine::engine(config.instances_max)?;
        let threads =
            Threads::start(config.cpu_threads, config.io_threads, config.services.clone())?;
        let cache = match &config.cache_folder {
            Some(folder) => Some(CodeCache::open(folder, &engine)?),
            None => None,
        };
        let stage = Stage {
            engine: engine.clone(),
            memory: Arc::new(MemoryBudget::new(config.memory_budget_bytes)),
            services: threads.services().clone(),
            cancel_grace: config.cancel_grace,
        };
        let egress = match &config.egress {
            Some(egress) => egress.clone(),
            None => Egress::new()?,
        }
        .bounded(config.requests);
        let world = World { egress, ports: config.ports.clone() };
        let compiling = Compiling { compiler: config.compiler.clone(), limit: config.compile_time };
        let loader = Loader::new(&engine, cache, compiling, world, stage.clone())?;
        let ticker = Ticker::start(&engine)?;
        Ok(Self(Arc::new(Shared { config, loader, stage, threads, _ticker: ticker })))
    }

    /// Loads the plugin in the file `stem`, from the cache of compiled code if it can. Blocks for as
    /// long as compiling takes: not for a thread that has other things to do, and never for one of a
    /// tokio runtime.
    ///
    /// # Errors
    /// When the bytes are no plugin that this host can run; the error says why.
    pub fn load(
        &self,
        stem: &PluginName,
        bytes: &[u8],
        policy: Policy,
    ) -> Result<Arc<Plugin>, LoadError> {
        let threads = self.threads(DESCRIBE_CLASS);
        self.0.loader.load(threads, Some(stem), bytes, policy, Smoke::Call).map(Arc::new)
    }

    /// As [`Self::load`], for a version that live runs have pinned: it is described again, but not
    /// called on trial, since they need it whatever it would answer.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_pinned(
        &self,
        stem: &PluginName,
        bytes: &[u8],
        policy: Policy,
    ) -> Result<Arc<Plugin>, LoadError> {
        let threads = self.threads(DESCRIBE_CLASS);
        self.0.loader.load(threads, Some(stem), bytes, policy, Smoke::Skip).map(Arc::new)
    }

    /// As [`Self::load`], for a component that is in no file yet: its name is what it says itself, and
    /// nothing is granted.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_unnamed(&self, bytes: &[u8]) -> Result<Arc<Plugin>, LoadError> {
        let threads = self.threads(DESCRIBE_CLASS);
        let policy = Policy::default();
        self.0.loader.load(threads, None, bytes, policy, Smoke::Call).map(Arc::new)
    }

    /// What a component imports and exports, also when it is no plugin. Blocks as [`Self::load`] does.
    ///
    /// # Errors
    /// When the bytes are no component.
    pub fn interfaces(&self, bytes: &[u8]) -> Result<Interfaces, LoadError> {
        self.0.loader.interfaces(bytes)
    }

    /// What a call of `task_type` may use when its task wishes for `wish`.
    pub fn limits(&self, plugin: &Plugin, task_type: &TaskType, wish: &LimitsWish) -> CallLimits {
        let own = plugin.offers.get(task_type).map(|offer| offer.wish).unwrap_or_default();
        let Shared { config, .. } = &*self.0;
        let policy = plugin.policy();
        CallLimits::resolve(wish, &own, policy.limits(), &config.defaults, &config.ceilings)
    }

    /// Performs a call. The guest runs on the threads of its task type's class, wherever this is
    /// awaited; dropping the future stops the guest.
    pub async fn call(&self, plugin: &Arc<Plugin>, call: Call) -> CallReport {
        let class = plugin.offers.get(&call.task_type).map_or(ResourceClass::Io, |o| o.class);
        let threads = self.threads(class);
        if Handle::try_current().is_ok_and(|here| here.id() == threads.id()) {
            return perform(&self.0.stage, plugin, call).await;
        }
        let (stage, plugin) = (self.0.stage.clone(), Arc::clone(plugin));
        let performing = threads.spawn(async move { perform(&stage, &plugin, call).await });
        match StopOnDrop(performing).await {
            Ok(report) => report,
            Err(error) if error.is_panic() => {
                let message = "the host itself failed during the call; its log says where";
                let failure = Failure::new(FailureClass::Crash, code::HOST_FAILURE, message);
                CallReport::new(failure.into(), AttemptUse::default())
            }
            Err(_) => {
                CallReport::new(Ending::Waiting(ReleaseReason::Shutdown), AttemptUse::default())
            }
        }
    }

    /// The threads that guests of `class` run on, for work that belongs to a call, such as computing
    /// its input: a call that is awaited there does not change threads.
    pub fn threads(&self, class: ResourceClass) -> &Handle {
        self.0.threads.of(class)
    }

    /// The memory that guests hold now, in bytes.
    pub fn memory_used_bytes(&self) -> u64 {
        self.0.stage.memory.used()
    }

    /// A compiled component, from the cache if it is there.
    pub(crate) fn component(
        &self,
        digest: &taskloom_core::id::Digest,
        bytes: &[u8],
    ) -> Result<wasmtime::component::Component, LoadError> {
        self.0.loader.component(digest, bytes)
    }

    pub(crate) fn engine(&self) -> &wasmtime::Engine {
        &self.0.stage.engine
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Runtime")
    }
}

/// A task that ends with its future.
struct StopOnDrop<T>(JoinHandle<T>);

impl<T> Future for StopOnDrop<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for StopOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
