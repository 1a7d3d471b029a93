//! Puts the parts of a host together, and takes them apart in the right order.
//!
//! ```text
//! start:  store (locks the data folder) ▶ runtime ▶ catalog ▶ workflows ▶ engine ▶ HTTP
//! stop:   HTTP takes no new requests ▶ engine drains ▶ journal is flushed ▶ folder is unlocked
//! ```

mod caution;
mod plugin_journal;
pub(crate) mod retention;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use taskloom_core::definition::HostOffers;
use taskloom_store::{Options, Store};
use taskloom_wasm::ports::Ports;
use taskloom_wasm::{Catalog, CatalogConfig, CatalogEvent, Runtime, RuntimeConfig};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::audit::Audit;
use crate::config::Config;
use crate::contexts::Contexts;
use crate::crashes::CrashWatch;
use crate::definitions::Definitions;
use crate::engine::{self, Clock, Engine, Settings};
use crate::finished::FinishedRuns;
use crate::payloads::Payloads;
use crate::reader::Reader;
use crate::templates::Templates;
use crate::triggers::{self, Triggers};
use crate::workflows::Workflows;

use plugin_journal::PluginJournal;

/// Connections that read for the API.
const READERS: usize = 4;

/// A host without its HTTP server: what `serve` serves and `run` uses alone.
pub struct App {
    /// Starts and stops runs.
    pub engine: Engine,
    /// Reads runs.
    pub reader: Reader,
    /// What starts runs by itself.
    pub triggers: Triggers,
    /// The plugins.
    pub catalog: Arc<Catalog>,
    /// The workflows.
    pub workflows: Workflows,
    /// Counts of what plugins did and were refused.
    pub audit: Audit,
    /// The contexts that runs share.
    pub contexts: Contexts,
    /// The templates of workflows.
    pub templates: Templates,
    /// What it was started with.
    pub config: Arc<Config>,
    store: Store,
    thread: Mutex<Option<JoinHandle<Result<(), engine::Fatal>>>>,
    stopped: CancellationToken,
    changed: Arc<Changed>,
}

impl App {
    /// Starts a host: reads the workflows, goes on with unfinished runs, and does not wait for
    /// plugins to compile. Must be called within a tokio runtime that runs no guests.
    ///
    /// # Errors
    /// When the data folder, the WebAssembly engine or a folder cannot be used; the error says
    /// which, why, and what to do.
    pub fn start(config: Arc<Config>) -> Result<Self> {
        let options =
            Options { durability: config.data.durability, readers: READERS, ..Options::default() };
        let store = Store::open(&config.data.folder, options)?;
        // One for all: two that are read one after the other may differ by milliseconds, and what happened
        // before would seem to have happened after.
        let clock = Clock::start();
        let runtime = Runtime::new(runtime_config(&config))?;
        let changed = Arc::new(Changed::default());
        let catalog = open_catalog(&config, &runtime, (&store, clock), &changed)?;
        let offers = HostOffers {
            secrets: config.secrets.names(),
            files: config.trigger_files.is_some(),
            is_zone: |name| jiff::tz::TimeZone::get(name).is_ok(),
        };
        let (folder, values) = (&config.workflows_folder, Arc::clone(&config.values));
        let workflows =
            Workflows::open(folder, store.clone(), Arc::clone(&catalog), values, offers)
                .context("reading the workflows")?;
        let templates = Templates::open(config.templates_folder.clone(), store.clone())
            .context("reading the templates")?;
        let payloads = Payloads::new(store.clone());
        let definitions = Definitions::new(store.clone());
        let finished = FinishedRuns::default();
        let audit = Audit::default();
        let limit = config.plugins.crash_limit;
        let crashes = CrashWatch::new(Arc::clone(&catalog), audit.clone(), limit);
        let parts = engine::Parts {
            store: store.clone(),
            catalog: Arc::clone(&catalog),
            runtime,
            workflows: workflows.clone(),
            payloads: payloads.clone(),
            definitions: definitions.clone(),
            finished: finished.clone(),
            audit: audit.clone(),
            crashes,
        };
        let launched = engine::launch(parts, settings(&config), clock)?;
        changed.tell(Listeners {
            engine: launched.engine.clone(),
            workflows: workflows.clone(),
            catalog: Arc::clone(&catalog),
        });
        if launched.resumed > 0 {
            tracing::info!(runs = launched.resumed, "going on with unfinished runs");
        }
        let stopped = CancellationToken::new();
        let contexts = Contexts::new(store.clone(), payloads.clone(), clock);
        let reader = Reader::new(store.clone(), payloads, definitions, finished.clone());
        let triggers = Triggers::new(triggers::Parts {
            engine: launched.engine.clone(),
            reader: reader.clone(),
            workflows: workflows.clone(),
            store: store.clone(),
            clock,
            finished: finished.clone(),
            secrets: config.secrets.clone(),
            files: config.trigger_files.clone(),
            stopped: stopped.clone(),
        });
        Ok(Self {
            engine: launched.engine,
            audit,
            contexts,
            reader,
            triggers,
            catalog,
            workflows,
            templates,
            config,
            store,
            thread: Mutex::new(Some(watch_thread(launched.thread, stopped.clone()))),
            stopped,
            changed,
        })
    }

    /// Waits until the engine has ended, whether it was asked to or could not go on.
    pub async fn stopped(&self) {
        self.stopped.cancelled().await;
    }

    /// Stops: no new attempts, `grace` for those that run; the rest is given back uncounted and
    /// resumes at the next start. Returns when everything is on disk.
    ///
    /// # Errors
    /// When the engine could not go on before it was asked to stop; the error says why.
    pub async fn shut_down(&self, grace: Duration) -> Result<()> {
        self.engine.shut_down(grace);
        self.stopped().await;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ended = thread.map_or(Ok(Ok(())), JoinHandle::join);
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.close()).await.context("closing the store")?;
        match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(fatal)) => Err(anyhow!(fatal)),
            Err(_) => Err(anyhow!("the engine failed; the log says where")),
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.changed.forget();
    }
}

fn runtime_config(config: &Config) -> RuntimeConfig {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let [cpu, ..] = config.slots.per_class;
    RuntimeConfig {
        cache_folder: Some(config.data.folder.join("cache")),
        compiler: config.plugins.compiler.clone(),
        // More threads than cores would only make computing guests wait for each other.
        cpu_threads: (cpu as usize).min(cores),
        instances_max: config.plugins.instances_max,
        memory_budget_bytes: config.plugins.memory_total,
        defaults: config.limits.defaults,
        ceilings: config.limits.ceilings,
        cancel_grace: config.limits.cancel_grace,
        ports: Ports { secrets: Arc::new(config.secrets.clone()), ..Ports::default() },
        services: Some(Handle::current()),
        requests: config.plugins.requests,
        ..RuntimeConfig::default()
    }
}

fn settings(config: &Config) -> Settings {
    Settings {
        slots: config.slots,
        runs_max: config.runs_max,
        losses: config.limits.losses,
        host: Arc::clone(&config.server.name),
        values: Arc::clone(&config.values),
    }
}

fn open_catalog(
    config: &Config,
    runtime: &Runtime,
    (store, clock): (&Store, Clock),
    changed: &Arc<Changed>,
) -> Result<Arc<Catalog>> {
    let journal =
        PluginJournal::open(store.clone(), clock).context("reading what happened to plugins")?;
    let changed = Arc::clone(changed);
    let catalog_config = CatalogConfig {
        folder: config.plugins.folder.clone(),
        versions_folder: config.data.folder.join("plugins"),
        settle: config.plugins.settle,
        versions_kept: config.plugins.versions_kept,
        lives: journal.lives(),
        signatures: config.plugins.signatures.clone(),
        policies: config.plugins.policies.clone(),
    };
    let sink = move |event: CatalogEvent| {
        journal.record(&event);
        changed.plugins();
        if event == CatalogEvent::Settled {
            changed.drop_versions();
        }
    };
    Ok(Arc::new(Catalog::open(runtime.clone(), catalog_config, sink)?))
}

/// Who is told that plugins changed, once they exist: the catalog begins before them.
#[derive(Default)]
struct Changed {
    listeners: Mutex<Option<Listeners>>,
}

/// Knows of the plugins, and is known by the catalog's own thread: forgotten with the host, or
/// neither would ever be freed.
#[derive(Clone)]
struct Listeners {
    engine: Engine,
    workflows: Workflows,
    catalog: Arc<Catalog>,
}

impl Changed {
    fn tell(self: &Arc<Self>, listeners: Listeners) {
        let settled = listeners.catalog.is_settled();
        *self.lock() = Some(listeners);
        // What changed before is told now.
        self.plugins();
        if settled {
            let changed = Arc::clone(self);
            std::thread::spawn(move || changed.drop_versions());
        }
    }

    fn forget(&self) {
        let listeners = self.lock().take();
        // Dropped after the lock: the last one stops the catalog, which may be telling something.
        drop(listeners);
    }

    fn plugins(&self) {
        if let Some(Listeners { engine, workflows, .. }) = &*self.lock() {
            workflows.plugins_changed();
            engine.plugins_changed();
        }
    }

    /// Has the bytes of versions dropped that nobody needs any more. Blocks until the engine has said
    /// which are pinned; a run that pins the current version meanwhile keeps it, since a version
    /// takes longer to be replaced than this takes.
    fn drop_versions(&self) {
        let listeners = self.lock().clone();
        let Some(Listeners { engine, catalog, .. }) = listeners else { return };
        if let Some(needed) = engine.pinned_versions() {
            catalog.drop_versions_but(needed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Listeners>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cancels `stopped` when the engine's thread ends, however it ends.
fn watch_thread(
    thread: JoinHandle<Result<(), engine::Fatal>>,
    stopped: CancellationToken,
) -> JoinHandle<Result<(), engine::Fatal>> {
    let wait = move || {
        let ended = thread.join();
        stopped.cancel();
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    };
    std::thread::Builder::new()
        .name("taskloom-watch".to_owned())
        .spawn(wait)
        .expect("a thread can be started beside the engine's")
}
