//! The author kit: makes plugin projects, builds them, looks into components, tests them.
//!
//! Needs no checkout and no host: the contract, the SDKs and the templates of projects are in the
//! program, and components are judged by the runtime that a host has.

mod absent;
mod build;
mod cases;
mod compare;
mod embedded;
mod hints;
mod inspect;
mod language;
mod network;
mod new;
mod project;
mod result;
mod rust_sdk;
mod stand_in;
mod test;
mod used;
mod verdict;
mod witness;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;
use taskloom_connectors::egress::Egress;
use taskloom_core::document::Problem;
use taskloom_wasm::ports::Ports;
use taskloom_wasm::{Plugin, Runtime, RuntimeConfig};

use super::Failed;

pub(super) use build::build;
pub(super) use inspect::inspect;
pub(super) use language::Language;
pub(super) use new::new;
pub(super) use test::test;

/// Reads a `tests.toml` and calls nothing; gives how many cases it has. Files that it names lie relative to `path`.
///
/// # Errors
/// Everything that is wrong in it, with positions.
pub fn check_cases(path: &Path, source: &str) -> Result<usize, Vec<Problem>> {
    cases::read(path, source).map(|cases| cases.len())
}

/// Calls at once in a runtime of the kit.
const INSTANCES_MAX: u32 = 8;

/// What stands in for the world outside of a host.
struct World {
    /// Answers requests.
    egress: Egress,
    /// Has secrets and models.
    ports: Ports,
}

/// A runtime as a host has it, in this world if there is one. Compiled code is kept in the user's cache,
/// since engines of languages take long to compile.
fn runtime(world: Option<World>) -> Result<Runtime, Failed> {
    let (egress, ports) = match world {
        Some(World { egress, ports }) => (Some(egress), ports),
        None => (None, Ports::default()),
    };
    let own = RuntimeConfig { egress, ports, ..RuntimeConfig::default() };
    let config = RuntimeConfig { instances_max: INSTANCES_MAX, ..own };
    let cached = RuntimeConfig { cache_folder: cache_folder(), ..config.clone() };
    // Without a folder that can be written to, everything is compiled again.
    let runtime = Runtime::new(cached).or_else(|_| Runtime::new(config));
    runtime.map_err(|error| anyhow!("the runtime of plugins cannot be started: {error}").into())
}

/// A component as a host would load it from a file of its own name.
pub(super) fn loaded(bytes: &[u8]) -> anyhow::Result<Arc<Plugin>> {
    let runtime = runtime(None).map_err(|failed| failed.error)?;
    Ok(runtime.load_unnamed(bytes)?)
}

fn cache_folder() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.filter(|path| path.is_absolute());
    let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache")))?;
    let folder = cache.join("taskloom");
    std::fs::create_dir_all(&folder).ok()?;
    Some(folder.join("code"))
}
