//! What every test here needs: a runtime, guests, calls, and somebody who listens.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use taskloom_core::attempt::{AiSpent, Refused};
use taskloom_core::id::{Digest, PluginName, RunId, TaskId, TaskType, WorkflowId};
use taskloom_core::plugin::{Capability, LimitsWish};
use taskloom_core::time::Timestamp;
use taskloom_wasm::ports::Ports;
use taskloom_wasm::{
    Call, CallIdentity, CallLimits, CallObserver, CallReport, CancelToken, Ending, LogRecord,
    Plugin, Policy, Runtime, RuntimeConfig,
};

/// What `cargo xtask plugins` builds for tests.
fn guests() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/guests"))
}

/// The bytes of a guest of the tests.
pub(crate) fn component(name: &str) -> Vec<u8> {
    let path = guests().join("components").join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("{} is not there ({error}): run `cargo xtask plugins`", path.display())
    })
}

/// As [`component`], of a guest in a language that this machine may not have; `None`, after saying so, where it was
/// left out.
pub(crate) fn component_if_built(name: &str) -> Option<Vec<u8>> {
    let left_out = std::fs::read_to_string(guests().join("left-out.txt")).unwrap_or_default();
    let Some(reason) = left_out.lines().find(|line| line.contains(name)) else {
        return Some(component(name));
    };
    // Not by a macro: what those print is kept back when the test passes.
    let _ = writeln!(std::io::stderr(), "\nLEFT OUT: {reason}");
    None
}

pub(crate) fn name(text: &str) -> PluginName {
    PluginName::new(text).expect("a plugin name")
}

/// One runtime for all tests of the process: each would reserve terabytes of address space.
pub(crate) fn runtime() -> Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let config = RuntimeConfig {
            cpu_threads: 2,
            io_threads: 2,
            cancel_grace: Duration::from_millis(200),
            ports: Ports {
                secrets: Arc::new(crate::secrets::Vault),
                models: Arc::new(crate::ai::Model),
            },
            // Guests that carry a language's engine take ten seconds to compile.
            cache_folder: Some(guests().join("code")),
            ..RuntimeConfig::default()
        };
        Runtime::new(config).expect("a runtime")
    });
    RUNTIME.clone()
}

/// The hostile guest with nothing granted.
pub(crate) fn hostile() -> Arc<Plugin> {
    static HOSTILE: LazyLock<Arc<Plugin>> = LazyLock::new(|| hostile_with(Policy::default()));
    Arc::clone(&HOSTILE)
}

pub(crate) fn hostile_with(policy: Policy) -> Arc<Plugin> {
    load("hostile", component("hostile"), policy)
}

/// Loads a plugin that is fine.
pub(crate) fn load(stem: &str, bytes: Vec<u8>, policy: Policy) -> Arc<Plugin> {
    let stem = name(stem);
    let load = move || runtime().load(&stem, &bytes, policy);
    std::thread::spawn(load).join().expect("no panic").expect("a plugin")
}

/// Remembers what a call said.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) started: Mutex<u32>,
    pub(crate) lines: Mutex<Vec<LogRecord>>,
    pub(crate) progress: Mutex<Vec<(f64, String)>>,
    pub(crate) refusals: Mutex<Vec<Refused>>,
    /// How many more there were.
    pub(crate) more_refusals: Mutex<u64>,
    pub(crate) spoke: tokio::sync::Notify,
    /// The files that were left, which can be read again.
    pub(crate) files: Mutex<HashMap<Digest, Vec<u8>>>,
}

impl CallObserver for Heard {
    fn started(&self) -> Timestamp {
        *self.started.lock().expect("not poisoned") += 1;
        Timestamp::from_ms(1_000)
    }

    fn log(&self, record: LogRecord) {
        self.lines.lock().expect("not poisoned").push(record);
        self.spoke.notify_one();
    }

    fn refused(&self, refused: &Refused) {
        self.refusals.lock().expect("not poisoned").push(refused.clone());
    }

    fn refused_more(&self, _: Capability, count: u64) {
        *self.more_refusals.lock().expect("not poisoned") += count;
    }

    fn put_artefact(&self, content: &[u8]) -> Result<Digest, String> {
        let digest = Digest::of(content);
        self.files.lock().expect("not poisoned").insert(digest, content.to_vec());
        Ok(digest)
    }

    fn read_artefact(&self, digest: &Digest, most: u64) -> Result<Option<Vec<u8>>, String> {
        let files = self.files.lock().expect("not poisoned");
        Ok(files.get(digest).filter(|content| content.len() as u64 <= most).cloned())
    }

    fn progress(&self, fraction: f64, note: &str) {
        self.progress.lock().expect("not poisoned").push((fraction, note.to_owned()));
        self.spoke.notify_one();
    }
}

impl Heard {
    /// The refusals as `capability: message`.
    pub(crate) fn refused(&self) -> Vec<String> {
        let refusals = self.refusals.lock().expect("not poisoned");
        refusals.iter().map(|one| format!("{}: {}", one.capability, one.message)).collect()
    }

    /// The lines as `level: message`.
    pub(crate) fn text(&self) -> Vec<String> {
        let lines = self.lines.lock().expect("not poisoned");
        lines.iter().map(|line| format!("{}: {}", line.level, line.message)).collect()
    }
}

/// A call of the hostile guest's `short` task type, to be changed before it is made.
pub(crate) fn call(short: &str, input: &str) -> (Call, Arc<Heard>) {
    call_of(&hostile(), short, input)
}

/// As [`call`], of any plugin.
pub(crate) fn call_of(plugin: &Plugin, short: &str, input: &str) -> (Call, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let task_type = TaskType::new(&format!("{}.{short}", plugin.name())).expect("a task type");
    let limits = runtime().limits(plugin, &task_type, &LimitsWish::default());
    let call = Call {
        task_type,
        input: input.into(),
        identity: CallIdentity {
            run_id: "01890a5d-ac96-774b-bcce-b302099a8057".parse::<RunId>().expect("a run id"),
            workflow_id: WorkflowId::new("test-flow").expect("a workflow id"),
            task_id: TaskId::new("attack").expect("a task id"),
            attempt: 2,
            max_attempts: 3,
            idempotency_key: "key".to_owned(),
            traceparent: None,
        },
        limits,
        context: Arc::default(),
        ai_spent: AiSpent::default(),
        heartbeat: None,
        cancel: CancelToken::new(),
        observer: Arc::clone(&heard) as Arc<dyn CallObserver>,
    };
    (call, heard)
}

/// Makes a call of the hostile guest under changed limits.
pub(crate) async fn run(
    short: &str,
    input: &str,
    change: impl FnOnce(&mut CallLimits),
) -> (CallReport, Arc<Heard>) {
    let (mut call, heard) = call(short, input);
    change(&mut call.limits);
    (runtime().call(&hostile(), call).await, heard)
}

/// The hostile guest under a policy.
pub(crate) fn under(policy: &str) -> Arc<Plugin> {
    hostile_with(Policy::read("plugins/hostile.policy.toml", policy).expect("a policy"))
}

/// An ending in one line: `class code: message`.
pub(crate) fn told(ending: &Ending) -> String {
    match ending {
        Ending::Succeeded(output) => format!("succeeded {output}"),
        Ending::Failed { failure, retry_after_ms: None } => {
            format!("{} {}: {}", failure.class.as_str(), failure.code, failure.message)
        }
        Ending::Failed { failure, retry_after_ms: Some(ms) } => {
            let class = failure.class.as_str();
            format!("{class} after {ms} ms {}: {}", failure.code, failure.message)
        }
        Ending::Cancelled(failure) => format!("cancelled: {}", failure.message),
        Ending::Waiting(reason) => format!("waiting: {}", reason.as_str()),
    }
}
