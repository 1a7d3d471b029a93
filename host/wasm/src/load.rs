//! Turns the bytes of a file into a plugin: checked, compiled, linked, described.

use std::collections::HashMap;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use taskloom_connectors::egress::Egress;
use taskloom_core::attempt::AiSpent;
use taskloom_core::failure::{Failure, FailureClass};
use taskloom_core::id::{Digest, PluginName, RunId, TaskId, TaskType, WorkflowId};
use taskloom_core::plugin::{Effects, ResourceClass};
use taskloom_core::time::Timestamp;
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};

use crate::ai::Accounts;
use crate::asked::Asked;
use crate::bindings::{self, PluginPre};
use crate::cache::CodeCache;
use crate::call::{Call, CallIdentity, CallObserver, LogRecord};
use crate::cancel::CancelToken;
use crate::compile::{self, Compiler};
use crate::ending;
use crate::give_back::give_memory_back;
use crate::guest::Guest;
use crate::limits::CallLimits;
use crate::manifest::{self, CONTRACT};
use crate::outside::OutsideParts;
use crate::perform::{self, Performed, Stage};
use crate::plugin::{Offer, Plugin};
use crate::policy::{Policy, PolicyInForce};
use crate::ports::Ports;

/// The largest file that is loaded, in bytes. Components that carry a language's engine have 20 MB.
pub const COMPONENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The interface that makes a component a plugin, without its version.
const HANDLER: &str = "taskloom:plugin/handler";

/// The package of the contract.
const PACKAGE: &str = "taskloom:plugin/";

/// The task type of the smoke call: no plugin can offer it, since it is no name.
const SMOKE_TASK_TYPE: &str = "?";

/// The file is no plugin that this host can run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Longer than [`COMPONENT_BYTES_MAX`].
    #[error("it has {bytes} bytes; at most {COMPONENT_BYTES_MAX} are loaded")]
    TooLarge {
        /// Its length.
        bytes: u64,
    },
    /// Its first bytes are not those of WebAssembly.
    #[error("it is no WebAssembly file; is it still being copied?")]
    NotWasm,
    /// A module without the component around it.
    #[error(
        "it is a core WebAssembly module, not a component: build it with the SDK's tool, or wrap it \
         with `wasm-tools component new`"
    )]
    CoreModule,
    /// Native code.
    #[error("it is precompiled native code; only WebAssembly components are loaded")]
    Precompiled,
    /// Not valid, or cut off.
    #[error("it is no valid component: {0}")]
    Invalid(String),
    /// The compiler did not come to an end.
    #[error("compiling it took longer than {limit:?}")]
    CompileTimeout {
        /// How long it may take.
        limit: Duration,
    },
    /// A component, but of another kind.
    #[error("it is a component, but no plugin: it does not export `{HANDLER}@{CONTRACT}`")]
    NotAPlugin,
    /// Made for another version of the contract.
    #[error("{}", manifest::made_for_another(found))]
    OtherContract {
        /// The version.
        found: String,
    },
    /// It needs what this host does not offer.
    #[error("it does not fit this host: {0}")]
    Link(String),
    /// `describe` did not work.
    #[error("its `describe` failed: {}: {}", failure.code, failure.message)]
    Describe {
        /// How.
        failure: Box<Failure>,
    },
    /// It crashed, or found no end, when it was called for the first time.
    #[error(
        "its smoke call failed: {}: {}: `execute` must answer a task type that the plugin does not \
         offer, such as `{SMOKE_TASK_TYPE}`, with an error",
        failure.code,
        failure.message
    )]
    Smoke {
        /// How.
        failure: Box<Failure>,
    },
    /// No instance is free to call `describe` in.
    #[error("the host is busy; it is tried again")]
    HostBusy,
    /// What `describe` returns is wrong.
    #[error("its manifest is wrong: {}", .0.join("; "))]
    Manifest(Vec<String>),
}

impl LoadError {
    /// Whether the rest of the file may still be on its way.
    pub const fn may_be_incomplete(&self) -> bool {
        matches!(self, Self::NotWasm | Self::Invalid(_))
    }
}

/// Whether a component is called before it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Smoke {
    /// It is: nobody relies on it yet.
    Call,
    /// It is not: live runs have pinned this version, and were started when it was good enough. It may
    /// come from before there was a smoke call; to refuse it now would strand them.
    Skip,
}

/// The names of what a component imports and exports, such as `taskloom:plugin/handler@1.0.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interfaces {
    /// What it needs of a host.
    pub imports: Vec<String>,
    /// What it offers.
    pub exports: Vec<String>,
}

impl Interfaces {
    /// The version of the contract that it was made for, if it speaks any.
    pub fn contract(&self) -> Option<&str> {
        let all = self.exports.iter().chain(&self.imports);
        let contract = |name: &String| name.starts_with(PACKAGE);
        let found = all.into_iter().find(|name| contract(name))?;
        found.rsplit_once('@').map(|(_, version)| version)
    }
}

/// What loading needs of the runtime.
pub(crate) struct Loader {
    pub(crate) linker: Linker<Guest>,
    pub(crate) cache: Option<CodeCache>,
    pub(crate) compiling: Compiling,
    pub(crate) world: World,
    pub(crate) accounts: Accounts,
    pub(crate) stage: Stage,
}

/// Who compiles, and for how long.
pub(crate) struct Compiling {
    /// The program that does; `None` compiles in this process.
    pub(crate) compiler: Option<Compiler>,
    /// How long one component may take.
    pub(crate) limit: Duration,
}

/// Where requests, secrets and models of guests lead.
pub(crate) struct World {
    pub(crate) egress: Egress,
    pub(crate) ports: Ports,
}

impl Loader {
    pub(crate) fn new(
        engine: &Engine,
        cache: Option<CodeCache>,
        compiling: Compiling,
        world: World,
        stage: Stage,
    ) -> wasmtime::Result<Self> {
        let linker = linker(engine)?;
        let accounts = Accounts::default();
        Ok(Self { linker, cache, compiling, world, accounts, stage })
    }

    /// Loads the plugin in the file `stem`; without a file, by the name that it has itself. Blocks.
    pub(crate) fn load(
        &self,
        threads: &tokio::runtime::Handle,
        stem: Option<&PluginName>,
        bytes: &[u8],
        policy: Policy,
        smoke: Smoke,
    ) -> Result<Plugin, LoadError> {
        check_header(bytes)?;
        let digest = Digest::of(bytes);
        let component = self.component(&digest, bytes)?;
        let engine = &self.stage.engine;
        check_contract(engine, &component)?;
        let component_type = component.component_type();
        let imports = component_type.imports(engine).map(|(name, _)| name.to_owned()).collect();
        let link = |error: wasmtime::Error| LoadError::Link(format!("{error:#}"));
        let pre = self.linker.instantiate_pre(&component).map_err(link)?;
        let pre = PluginPre::new(pre).map_err(link)?;
        let policy = Arc::new(PolicyInForce::new(policy));
        let parts = |plugin: &PluginName, effects, asked: &Arc<Asked>| {
            Arc::new(OutsideParts {
                plugin: plugin.clone(),
                effects,
                asked: Arc::clone(asked),
                policy: Arc::clone(&policy),
                egress: self.world.egress.of(plugin.as_str()),
                ports: self.world.ports.clone(),
                accounts: self.accounts.clone(),
            })
        };
        let unnamed = PluginName::new("unnamed").expect("valid");
        let outside = || parts(stem.unwrap_or(&unnamed), Effects::Pure, &Arc::default());
        let text = self.describe(threads, stem.unwrap_or(&unnamed), &pre, outside())?;
        let described = match stem {
            Some(stem) => manifest::read(stem, &text),
            None => manifest::own_name(&text).and_then(|name| manifest::read(&name, &text)),
        };
        let described = described.map_err(LoadError::Manifest)?;
        if smoke == Smoke::Call {
            self.smoke(threads, stem.unwrap_or(&unnamed), &pre, outside())?;
        }
        let manifest = described.manifest;
        let asked = Arc::new(described.asked);
        let parts = |effects| parts(&manifest.name, effects, &asked);
        let offers = offers(&manifest, described.schemas, &parts);
        let bytes = bytes.len() as u64;
        let idle = Arc::default();
        Ok(Plugin { digest, bytes, manifest, policy, imports, pre, offers, idle })
    }

    /// What a component imports and exports, also when it is no plugin.
    pub(crate) fn interfaces(&self, bytes: &[u8]) -> Result<Interfaces, LoadError> {
        check_header(bytes)?;
        let engine = &self.stage.engine;
        let component_type = self.component(&Digest::of(bytes), bytes)?.component_type();
        let imports = component_type.imports(engine).map(|(name, _)| name.to_owned()).collect();
        let exports = component_type.exports(engine).map(|(name, _)| name.to_owned()).collect();
        Ok(Interfaces { imports, exports })
    }

    /// The compiled component, from the cache if it is there.
    pub(crate) fn component(&self, digest: &Digest, bytes: &[u8]) -> Result<Component, LoadError> {
        let engine = &self.stage.engine;
        let cached = || self.cache.as_ref()?.load(engine, digest);
        if let Some(component) = cached() {
            return Ok(component);
        }
        let Compiling { compiler, limit } = &self.compiling;
        let Some(cache) = &self.cache else { return compile::here(engine, bytes, *limit) };
        let code = match compiler {
            Some(compiler) => compiler.compile(engine, bytes, *limit)?,
            None => compile::code_here(engine, bytes, *limit)?,
        };
        if let Err(error) = cache.store(&code, digest) {
            tracing::warn!(%error, "compiled code cannot be kept; it is compiled again at next start");
        }
        drop(code);
        give_memory_back();
        // From the file: its pages belong to the system's cache, not to this process.
        match cached() {
            Some(component) => Ok(component),
            None => compile::here(engine, bytes, *limit),
        }
    }

    /// What the plugin says about itself.
    fn describe(
        &self,
        threads: &tokio::runtime::Handle,
        stem: &PluginName,
        pre: &PluginPre<Guest>,
        outside: Arc<OutsideParts>,
    ) -> Result<String, LoadError> {
        let said = self.first_call(FirstCall::Describe, threads, stem, pre, outside)?;
        said.map_err(|failure| LoadError::Describe { failure: Box::new(failure) })
    }

    /// Calls `execute` for a task type that no plugin offers. Any answer will do: that there is one
    /// shows that the handler can be reached, is given its input, and comes to an end.
    fn smoke(
        &self,
        threads: &tokio::runtime::Handle,
        stem: &PluginName,
        pre: &PluginPre<Guest>,
        outside: Arc<OutsideParts>,
    ) -> Result<(), LoadError> {
        match self.first_call(FirstCall::Smoke, threads, stem, pre, outside)? {
            Err(failure) if !is_answer(&failure) => {
                Err(LoadError::Smoke { failure: Box::new(failure) })
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Calls a plugin that is not loaded yet, on the guests' threads, under limits, with nothing
    /// granted.
    fn first_call(
        &self,
        what: FirstCall,
        threads: &tokio::runtime::Handle,
        stem: &PluginName,
        pre: &PluginPre<Guest>,
        outside: Arc<OutsideParts>,
    ) -> Result<Result<String, Failure>, LoadError> {
        let (answer, answered) = mpsc::channel();
        let (stage, pre) = (self.stage.clone(), pre.clone());
        let call = describe_call(stem);
        threads.spawn(async move {
            let run = perform::run(&stage, &pre, &outside, call, None, async |plugin, store| {
                let handler = plugin.taskloom_plugin_handler();
                match what {
                    FirstCall::Describe => handler.call_describe(store).await.map(Ok),
                    FirstCall::Smoke => handler.call_execute(store, SMOKE_TASK_TYPE, "null").await,
                }
            });
            let Performed { outcome, store, .. } = run.await;
            // A loader that is gone needs no answer.
            let _ = answer.send(ending::of_text(outcome, store.data()));
        });
        match answered.recv() {
            Ok(Ok(text)) => Ok(Ok(text)),
            Ok(Err(Some(failure))) => Ok(Err(failure)),
            Ok(Err(None)) | Err(_) => Err(LoadError::HostBusy),
        }
    }
}

/// What a plugin is asked while it is loaded.
#[derive(Debug, Clone, Copy)]
enum FirstCall {
    Describe,
    Smoke,
}

/// Whether a handler failed by saying so. Nobody cancels a call of a plugin that is not loaded yet, so
/// `cancelled` is its own word as well.
const fn is_answer(failure: &Failure) -> bool {
    use FailureClass::{Cancelled, Permanent, Retryable};
    matches!(failure.class, Permanent | Retryable | Cancelled)
}

/// Everything that a plugin can import.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    bindings::Plugin::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    Ok(linker)
}

fn offers(
    manifest: &taskloom_core::plugin::Manifest,
    mut schemas: std::collections::BTreeMap<TaskType, manifest::Schemas>,
    parts: &dyn Fn(Effects) -> Arc<OutsideParts>,
) -> HashMap<TaskType, Offer> {
    let offer = |(name, spec): (&TaskType, &taskloom_core::plugin::TaskTypeSpec)| {
        let schemas = schemas.remove(name)?;
        let (wish, class) = (spec.limits, spec.resource_class);
        Some((name.clone(), Offer { schemas, wish, outside: parts(spec.effects), class }))
    };
    manifest.task_types.iter().filter_map(offer).collect()
}

/// Refuses by the first bytes what is not even meant to be a component.
fn check_header(bytes: &[u8]) -> Result<(), LoadError> {
    let length = bytes.len() as u64;
    if length > COMPONENT_BYTES_MAX {
        return Err(LoadError::TooLarge { bytes: length });
    }
    if Engine::detect_precompiled(bytes).is_some() || bytes.starts_with(b"\x7fELF") {
        return Err(LoadError::Precompiled);
    }
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => Err(LoadError::CoreModule),
        _ => Err(LoadError::NotWasm),
    }
}

fn check_contract(engine: &Engine, component: &Component) -> Result<(), LoadError> {
    let component_type = component.component_type();
    let versions = component_type
        .imports(engine)
        .map(|(name, _)| name.to_owned())
        .chain(component_type.exports(engine).map(|(name, _)| name.to_owned()))
        .filter(|name| name.starts_with(PACKAGE));
    for name in versions {
        let found = name.rsplit_once('@').map_or("", |(_, version)| version);
        if !manifest::speaks_our_contract(found) {
            return Err(LoadError::OtherContract { found: found.to_owned() });
        }
    }
    let is_handler =
        |(name, _): (&str, _)| name.split('@').next().is_some_and(|name| name == HANDLER);
    match component_type.exports(engine).any(|(name, export)| is_handler((name, export))) {
        true => Ok(()),
        false => Err(LoadError::NotAPlugin),
    }
}

/// What `describe` and the smoke call have for a call.
pub(crate) fn describe_call(stem: &PluginName) -> Call {
    let fixed = "describe";
    let run_id = "00000000-0000-7000-8000-000000000000".parse::<RunId>();
    Call {
        task_type: TaskType::new(&format!("{stem}.{fixed}"))
            .unwrap_or_else(|_| TaskType::new("plugin.describe").expect("valid")),
        input: "".into(),
        identity: CallIdentity {
            run_id: run_id.expect("valid"),
            workflow_id: WorkflowId::new(fixed).expect("valid"),
            task_id: TaskId::new(fixed).expect("valid"),
            attempt: 1,
            max_attempts: 1,
            idempotency_key: fixed.to_owned(),
            traceparent: None,
        },
        limits: CallLimits::DESCRIBE,
        context: Arc::default(),
        ai_spent: AiSpent::default(),
        heartbeat: None,
        cancel: CancelToken::new(),
        observer: Arc::new(DescribeLog(stem.clone())),
    }
}

/// Puts what a plugin logs while it is described into the host's log.
struct DescribeLog(PluginName);

impl CallObserver for DescribeLog {
    fn started(&self) -> Timestamp {
        Timestamp::from_ms(0)
    }

    fn log(&self, record: LogRecord) {
        tracing::debug!(plugin = %self.0, level = record.level, "{}", record.message);
    }
}

/// The class of `describe`'s threads: it may start a language's runtime, so it computes.
pub(crate) const DESCRIBE_CLASS: ResourceClass = ResourceClass::Cpu;
