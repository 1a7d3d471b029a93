//! Loads plugins in the background: reading, compiling and describing take their time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use taskloom_core::id::{Digest, PluginName};

use super::CatalogConfig;
use super::folder::{Stamp, policy_path, signature_path, wasm_path};
use super::keeper::Message;
use super::shelf::Shelf;
use super::versions::Versions;
use crate::load::{COMPONENT_BYTES_MAX, LoadError};
use crate::plugin::Plugin;
use crate::policy::Policy;
use crate::runtime::Runtime;
use crate::signature::{KeyId, SIGNATURE_BYTES_MAX, SignatureRules};

/// Plugins that are loaded at once. Compiling uses every core by itself.
const LOADERS: usize = 2;

/// The longest policy file that is read, in bytes.
const POLICY_BYTES_MAX: u64 = 256 * 1024;

/// Something to load.
#[derive(Debug, Clone)]
pub(super) enum Job {
    /// The file of the folder, as it was when it had this stamp.
    File(PluginName, Stamp),
    /// A version that a run has pinned.
    Version(PluginName, Digest),
}

/// What became of a job.
pub(super) struct Outcome {
    pub(super) job: Job,
    /// From the look at the file until this outcome.
    pub(super) took: Duration,
    pub(super) result: Result<Loaded, Refusal>,
}

/// A plugin, and what lies beside its file.
pub(super) struct Loaded {
    pub(super) plugin: Arc<Plugin>,
    pub(super) policy: Arc<Policy>,
    /// Who is answerable for its bytes.
    pub(super) signed_by: Option<KeyId>,
}

/// Why something was not loaded.
pub(super) struct Refusal {
    pub(super) digest: Digest,
    pub(super) reason: String,
    pub(super) kind: RefusalKind,
}

/// What a refusal means for the next look at the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusalKind {
    /// The file is what it is.
    Final,
    /// The rest of the file may still be on its way.
    Incomplete,
    /// The host, not the file, is to blame.
    Busy,
    /// The policy cannot be read.
    Policy,
}

struct Loader {
    runtime: Runtime,
    folder: PathBuf,
    versions: Versions,
    shelf: Arc<Shelf>,
    signatures: SignatureRules,
    policies: BTreeMap<PluginName, Policy>,
}

/// Starts the threads that load. They end when the sender of jobs is dropped.
pub(super) fn start(
    runtime: Runtime,
    config: &CatalogConfig,
    versions: &Versions,
    shelf: &Arc<Shelf>,
    outcomes: Sender<Message>,
) -> io::Result<Sender<Job>> {
    let (jobs, queue) = channel();
    let loader = Arc::new(Loader {
        runtime,
        folder: config.folder.clone(),
        versions: versions.clone(),
        shelf: Arc::clone(shelf),
        signatures: config.signatures.clone(),
        policies: config.policies.clone(),
    });
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..LOADERS {
        let (loader, queue) = (Arc::clone(&loader), Arc::clone(&queue));
        let outcomes = outcomes.clone();
        std::thread::Builder::new()
            .name("taskloom-load".to_owned())
            .spawn(move || loader.run(&queue, &outcomes))?;
    }
    Ok(jobs)
}

impl Loader {
    fn run(&self, queue: &Mutex<Receiver<Job>>, outcomes: &Sender<Message>) {
        loop {
            let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = job else { return };
            let began = Instant::now();
            let result = match &job {
                Job::File(name, _) => self.load_file(name),
                Job::Version(name, digest) => self.load_version(name, digest),
            };
            let took = began.elapsed();
            if outcomes.send(Message::Ended(Outcome { job, took, result })).is_err() {
                return;
            }
        }
    }

    fn load_file(&self, name: &PluginName) -> Result<Loaded, Refusal> {
        let refusal = |digest, reason, kind| Refusal { digest, reason, kind };
        let unread = Digest::of(&[]);
        // One byte more than is loaded tells that there are more.
        let bytes = read(&wasm_path(&self.folder, name), COMPONENT_BYTES_MAX + 1)
            .map_err(|error| refusal(unread, error.to_string(), RefusalKind::Incomplete))?;
        let digest = Digest::of(&bytes);
        let policy =
            self.policy(name).map_err(|reason| refusal(digest, reason, RefusalKind::Policy))?;
        let policy = Arc::new(policy);
        let signature = self
            .signature(name)
            .map_err(|reason| refusal(digest, reason, RefusalKind::Incomplete))?;
        let signed_by = self
            .signatures
            .check(name, &bytes, signature.as_deref())
            .map_err(|error| refusal(digest, error.to_string(), RefusalKind::Incomplete))?;
        let known = self.shelf.version(&digest).filter(|plugin| plugin.name() == name);
        if let Some(plugin) = known {
            return Ok(Loaded { plugin, policy, signed_by });
        }
        let load = self.runtime.load(name, &bytes, Policy::clone(&policy));
        let plugin = load.map_err(|error| refusal(digest, error.to_string(), kind(&error)))?;
        self.versions.keep(&digest, &bytes, signature.as_deref()).map_err(|error| {
            let reason = format!("its bytes cannot be kept for the runs that will use it: {error}");
            refusal(digest, reason, RefusalKind::Busy)
        })?;
        Ok(Loaded { plugin, policy, signed_by })
    }

    fn load_version(&self, name: &PluginName, digest: &Digest) -> Result<Loaded, Refusal> {
        let refusal = |reason, kind| Refusal { digest: *digest, reason, kind };
        let bytes = self
            .versions
            .read(digest)
            .map_err(|error| refusal(error.to_string(), RefusalKind::Final))?;
        let policy = self.policy(name).map_err(|reason| refusal(reason, RefusalKind::Policy))?;
        let signature = self.versions.signature(digest);
        let signature =
            signature.map_err(|error| refusal(error.to_string(), RefusalKind::Final))?;
        let signed_by = self
            .signatures
            .check(name, &bytes, signature.as_deref())
            .map_err(|error| refusal(error.to_string(), RefusalKind::Final))?;
        let plugin = self
            .runtime
            .load_pinned(name, &bytes, policy.clone())
            .map_err(|error| refusal(error.to_string(), kind(&error)))?;
        Ok(Loaded { plugin, policy: Arc::new(policy), signed_by })
    }

    /// The signature beside a plugin's file, if there is one.
    fn signature(&self, name: &PluginName) -> Result<Option<String>, String> {
        let path = signature_path(&self.folder, name);
        let origin = path.display().to_string();
        let bytes = match read(&path, SIGNATURE_BYTES_MAX + 1) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("its signature {origin} cannot be read: {error}")),
        };
        if bytes.len() as u64 > SIGNATURE_BYTES_MAX {
            return Err(format!(
                "its signature {origin} is longer than {SIGNATURE_BYTES_MAX} bytes"
            ));
        }
        let text = String::from_utf8(bytes);
        text.map(Some).map_err(|_| format!("its signature {origin} is no text in UTF-8"))
    }

    /// The policy of a plugin; nothing is granted without one.
    fn policy(&self, name: &PluginName) -> Result<Policy, String> {
        if let Some(policy) = self.policies.get(name) {
            return Ok(policy.clone());
        }
        let path = policy_path(&self.folder, name);
        let origin = path.display().to_string();
        let bytes = match read(&path, POLICY_BYTES_MAX + 1) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Policy::nothing(&origin));
            }
            Err(error) => return Err(format!("its policy {origin} cannot be read: {error}")),
        };
        if bytes.len() as u64 > POLICY_BYTES_MAX {
            return Err(format!("its policy {origin} is longer than {POLICY_BYTES_MAX} bytes"));
        }
        let source = String::from_utf8(bytes)
            .map_err(|_| format!("its policy {origin} is no text in UTF-8"))?;
        Policy::read(&origin, &source).map_err(|problems| {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            format!("its policy is wrong: {}", problems.join("; "))
        })
    }
}

const fn kind(error: &LoadError) -> RefusalKind {
    match error {
        LoadError::HostBusy => RefusalKind::Busy,
        error if error.may_be_incomplete() => RefusalKind::Incomplete,
        _ => RefusalKind::Final,
    }
}

/// At most `most` bytes of a file.
fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
