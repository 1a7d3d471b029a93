//! What a plugin asks for beside what it is granted, thing by thing: for people who look at it.

use taskloom_core::plugin::{Capability, ContextNames};

use crate::plugin::Plugin;

/// One thing that a plugin asks for or is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Of which capability.
    pub capability: Capability,
    /// What: a host, the name of a secret, `models`, `read` or `write` and a name of the context, or
    /// `instances`. `*` is every one.
    pub name: String,
    /// Whether the manifest asks for it, or for a part of it.
    pub asked: bool,
    /// Whether the policy grants it, or a part of it.
    pub granted: bool,
}

impl Standing {
    /// Whether calls may have it: what is asked for and granted.
    pub const fn is_effective(&self) -> bool {
        self.asked && self.granted
    }
}

impl Plugin {
    /// Everything that the plugin asks for or is granted now.
    pub fn standings(&self) -> Vec<Standing> {
        let policy = self.policy();
        let asked = &self.manifest().capabilities;
        let hosts: Vec<_> = policy.grants().iter().map(|grant| grant.host.to_string()).collect();
        let secrets: Vec<_> = policy.secrets().map(|(name, _)| name.to_owned()).collect();
        let mut all = compared(Capability::Http, &asked.http, &hosts);
        all.extend(compared(Capability::Secrets, &asked.secrets, &secrets));
        let granted = policy.ai().is_some();
        if asked.ai || granted {
            let (capability, name) = (Capability::Ai, "models".to_owned());
            all.push(Standing { capability, name, asked: asked.ai, granted });
        }
        let granted = policy.reuse().is_some();
        if asked.reuse || granted {
            let (capability, name) = (Capability::Reuse, "instances".to_owned());
            all.push(Standing { capability, name, asked: asked.reuse, granted });
        }
        let (asked, granted) = (&asked.context, policy.context());
        for key in [ContextKey::Read, ContextKey::Write] {
            let of = compared(Capability::Context, key.names(asked), key.names(granted));
            let named = |one: Standing| Standing { name: key.named(&one.name), ..one };
            all.extend(of.into_iter().map(named));
        }
        all
    }
}

/// What is done with a name of the context.
#[derive(Clone, Copy)]
enum ContextKey {
    Read,
    Write,
}

impl ContextKey {
    fn names(self, names: &ContextNames) -> &[String] {
        match self {
            Self::Read => &names.read,
            Self::Write => &names.write,
        }
    }

    fn named(self, name: &str) -> String {
        match self {
            Self::Read => format!("read {name}"),
            Self::Write => format!("write {name}"),
        }
    }
}

/// The names of both lists, each once.
fn compared(capability: Capability, asked: &[String], granted: &[String]) -> Vec<Standing> {
    let mut all: Vec<Standing> = Vec::new();
    for name in asked.iter().chain(granted) {
        if all.iter().any(|known| known.name == *name) {
            continue;
        }
        let in_common = |names: &[String]| names.iter().any(|other| overlap(name, other));
        let (asked, granted) = (in_common(asked), in_common(granted));
        all.push(Standing { capability, name: name.clone(), asked, granted });
    }
    all
}

/// Whether two names, in which `*` and `*.` stand for many, have one in common.
fn overlap(one: &str, other: &str) -> bool {
    let covers = |pattern: &str, name: &str| {
        let below = pattern.strip_prefix('*').filter(|suffix| suffix.starts_with('.'));
        pattern == "*" || pattern == name || below.is_some_and(|suffix| name.ends_with(suffix))
    };
    covers(one, other) || covers(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_and_what_is_granted_are_told_apart() {
        let names =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let asked = names(&["api.a.test", "*.b.test", "c.test"]);
        let granted = names(&["*.a.test", "x.b.test", "d.test"]);
        let told: Vec<_> = compared(Capability::Http, &asked, &granted)
            .into_iter()
            .map(|one| (one.name.clone(), one.asked, one.granted, one.is_effective()))
            .collect();
        let expected = [
            ("api.a.test", true, true, true),
            ("*.b.test", true, true, true),
            ("c.test", true, false, false),
            ("*.a.test", true, true, true),
            ("x.b.test", true, true, true),
            ("d.test", false, true, false),
        ];
        assert_eq!(told, expected.map(|(name, a, b, c)| (name.to_owned(), a, b, c)));
        let any = compared(Capability::Http, &names(&["*"]), &names(&["a.test"]));
        assert!(any.iter().all(Standing::is_effective), "{any:?}");
    }
}
