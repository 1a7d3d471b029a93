//! Plugins: their files, who signed them, what they say about themselves, what they are granted, where they want to go, and
//! the cases that their authors test them by.

use std::path::Path;
use std::sync::LazyLock;

use http::Method;
use taskloom::cli::kit::check_cases;
use taskloom_connectors::egress::Target;
use taskloom_core::id::PluginName;
use taskloom_wasm::{
    LoadError, Policy, Runtime, RuntimeConfig, SignatureError, SignatureRules, TrustedKey,
    read_manifest,
};

use crate::definitions::lie_in;

/// Everything that can be granted by a name: what passes this was understood.
const POLICY: &str = "[[http]]\nhost = \"*.example.org\"\nschemes = [\"http\", \"https\"]\n";

/// A key, and bytes that its holder has signed (`corpus/signature/whole`), for a file that is not called `fuzz.wasm`.
const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
const SIGNED: &[u8] = b"test";

static TRUSTED: LazyLock<SignatureRules> = LazyLock::new(|| {
    let key = TrustedKey::read(KEY).expect("a key");
    SignatureRules { required: true, trusted: vec![key] }
});

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

pub(crate) fn policy(bytes: &[u8]) -> bool {
    let Ok(source) = std::str::from_utf8(bytes) else { return false };
    let read = Policy::read("fuzz.policy.toml", source);
    match &read {
        Ok(policy) => drop(policy.grants_digest()),
        Err(problems) => {
            assert!(!problems.is_empty(), "a refusal says why");
            lie_in(source, problems);
        }
    }
    read.is_ok()
}

pub(crate) fn manifest(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let read = read_manifest(&name(), text);
    match &read {
        Ok(manifest) => assert!(!manifest.task_types.is_empty(), "a plugin offers something"),
        Err(problems) => assert!(!problems.is_empty(), "a refusal says why"),
    }
    read.is_ok()
}

pub(crate) fn component(bytes: &[u8]) -> bool {
    let loaded = RUNTIME.load_unnamed(bytes);
    match &loaded {
        Ok(plugin) => assert!(!plugin.manifest().task_types.is_empty(), "it offers something"),
        Err(LoadError::HostBusy) => panic!("nothing else is loaded"),
        Err(error) => assert!(!error.to_string().is_empty(), "a refusal says why"),
    }
    loaded.is_ok()
}

/// What the holder of the key has signed counts as taken: it is refused for its name alone.
pub(crate) fn signature(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let checked = TRUSTED.check(&name(), SIGNED, Some(text));
    assert!(checked.is_err(), "nobody but the holder of the key can sign for this name");
    if let Ok(key) = TrustedKey::read(text) {
        let rules = SignatureRules { required: true, trusted: vec![key] };
        assert!(rules.check(&name(), SIGNED, Some(text)).is_err(), "a key is no signature");
    }
    matches!(checked, Err(SignatureError::OtherName { .. }))
}

pub(crate) fn cases(bytes: &[u8]) -> bool {
    let Ok(source) = std::str::from_utf8(bytes) else { return false };
    let read = check_cases(Path::new("fuzz/tests.toml"), source);
    match &read {
        Ok(cases) => assert!(*cases > 0, "a file without cases is refused"),
        Err(problems) => {
            assert!(!problems.is_empty(), "a refusal says why");
            lie_in(source, problems);
        }
    }
    read.is_ok()
}

pub(crate) fn destination(bytes: &[u8]) -> bool {
    let Ok(url) = std::str::from_utf8(bytes) else { return false };
    let Ok(target) = Target::of(Method::GET, url) else { return false };
    let policy = Policy::read("fuzz.policy.toml", POLICY).expect("it is right");
    if policy.grants().check(&target).is_ok() {
        assert!(target.address().is_none(), "a name does not grant an address: {url}");
        assert!(target.host().ends_with(".example.org"), "{url} goes to {}", target.host());
    }
    true
}
