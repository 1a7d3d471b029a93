//! What reads foreign bytes, each as one function of them, with what must hold whatever they are.
//!
//! The fuzzer (`cargo xtask fuzz`, `fuzz/libfuzzer`) calls these functions with bytes that it makes up; the tests
//! call them with what it has found worth keeping (`fuzz/corpus/<target>`), on every run of the gate.

mod definitions;
mod hosts;
mod plugins;
mod requests;

/// A reader of foreign bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Reads the bytes; whether they were taken for what they should be. Panics when a promise does not hold.
    pub read: fn(&[u8]) -> bool,
}

/// Every reader.
pub const TARGETS: [Target; 13] = [
    Target { name: "workflow", read: definitions::workflow },
    Target { name: "template", read: definitions::template },
    Target { name: "expression", read: definitions::expression },
    Target { name: "policy", read: plugins::policy },
    Target { name: "manifest", read: plugins::manifest },
    Target { name: "component", read: plugins::component },
    Target { name: "signature", read: plugins::signature },
    Target { name: "destination", read: plugins::destination },
    Target { name: "cases", read: plugins::cases },
    Target { name: "configuration", read: hosts::configuration },
    Target { name: "secrets", read: hosts::secrets },
    Target { name: "request", read: requests::request },
    Target { name: "webhook", read: requests::webhook },
];

/// The reader of that name.
///
/// # Panics
/// When there is none.
pub fn target(name: &str) -> Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    *found.unwrap_or_else(|| panic!("no target `{name}`"))
}
