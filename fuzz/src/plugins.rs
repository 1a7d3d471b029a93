//! Plugins: their files, what they say about themselves, what they are granted, and where they want to go.

use std::sync::LazyLock;

use http::Method;
use taskloom_connectors::egress::Target;
use taskloom_core::id::PluginName;
use taskloom_wasm::{LoadError, Policy, Runtime, RuntimeConfig, read_manifest};

/// Everything that can be granted by a name: what passes this was understood.
const POLICY: &str = "[[http]]\nhost = \"*.example.org\"\nschemes = [\"http\", \"https\"]\n";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let config = RuntimeConfig {
        cpu_threads: 1,
        io_threads: 1,
        instances_max: 4,
        ..RuntimeConfig::default()
    };
    Runtime::new(config).expect("the engine starts")
});

fn name() -> PluginName {
    PluginName::new("fuzz").expect("a name")
}

pub(crate) fn policy(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    match Policy::read("fuzz.policy.toml", source) {
        Ok(policy) => drop(policy.grants_digest()),
        Err(problems) => assert!(!problems.is_empty(), "a refusal says why"),
    }
}

pub(crate) fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match read_manifest(&name(), text) {
        Ok(manifest) => assert!(!manifest.task_types.is_empty(), "a plugin offers something"),
        Err(problems) => assert!(!problems.is_empty(), "a refusal says why"),
    }
}

pub(crate) fn component(bytes: &[u8]) {
    match RUNTIME.load(&name(), bytes, Policy::default()) {
        Ok(plugin) => assert_eq!(plugin.manifest().name, name()),
        Err(LoadError::HostBusy) => panic!("nothing else is loaded"),
        Err(error) => assert!(!error.to_string().is_empty(), "a refusal says why"),
    }
}

pub(crate) fn destination(bytes: &[u8]) {
    let Ok(url) = std::str::from_utf8(bytes) else { return };
    let Ok(target) = Target::of(Method::GET, url) else { return };
    let policy = Policy::read("fuzz.policy.toml", POLICY).expect("it is right");
    if policy.grants().check(&target).is_ok() {
        assert!(target.address().is_none(), "a name does not grant an address: {url}");
        assert!(target.host().ends_with(".example.org"), "{url} goes to {}", target.host());
    }
}
