//! What a workflow's triggers need of the host that listens for them.

use std::collections::BTreeSet;

use super::Definition;
use super::types::{Found, Help};
use crate::document::{Problem, Step, suggest};
use crate::trigger::{Source, Trigger};
use crate::workflow::KnownTypes;

/// What a host offers to triggers.
#[derive(Debug, Clone)]
pub struct HostOffers {
    /// The names of its secrets.
    pub secrets: BTreeSet<String>,
    /// Whether it lets triggers look at files.
    pub files: bool,
    /// Whether it knows a time zone of this name.
    pub is_zone: fn(&str) -> bool,
}

impl Definition {
    /// What the triggers need and the host does not offer: secrets, a folder, time zones. With such a
    /// trigger the workflow would wait for what never comes.
    pub fn check_triggers(&self, host: &HostOffers) -> Vec<Problem> {
        let mut found = Vec::new();
        for (place, trigger) in self.workflow.triggers.iter().enumerate() {
            if let Some((key, code, message, help)) = missing(trigger, host) {
                let mut path = vec![Step::Key("triggers"), Step::Item(place)];
                path.extend(key.map(Step::Key));
                let help = Help::Text(Some(help));
                found.push(Found { path, inside: Vec::new(), byte: None, code, message, help });
            }
        }
        self.place(found, &KnownTypes::new())
    }
}

/// What is missing: the key that asks for it, a code, a message, and what to do.
type Missing = (Option<&'static str>, &'static str, String, String);

fn missing(trigger: &Trigger, host: &HostOffers) -> Option<Missing> {
    if let Some(secret) = trigger.source.secret().filter(|name| !host.secrets.contains(*name)) {
        let meant = suggest(secret, host.secrets.iter().map(String::as_str));
        let meant = meant.map(|name| format!("did you mean `{name}`? or ")).unwrap_or_default();
        let message = format!("the host has no secret `{secret}`");
        let help = format!(
            "{meant}add it to the host's configuration: `[secrets]`, `{secret} = {{ env = \
             \"VARIABLE\" }}`"
        );
        let is_named = !matches!(trigger.source, Source::Github { secret: None, .. });
        return Some((is_named.then_some("secret"), "unknown-secret", message, help));
    }
    match &trigger.source {
        Source::Cron(cron) if !(host.is_zone)(&cron.timezone) => {
            let message = format!("there is no time zone `{}`", cron.timezone);
            let help = "write a name of the IANA database, such as `Europe/Berlin`".to_owned();
            Some((Some("timezone"), "unknown-time-zone", message, help))
        }
        Source::File { .. } if !host.files => {
            let message = "the host lets no trigger look at files".to_owned();
            let help = "name a folder in the host's configuration: `[triggers]`, `files = DIR`";
            Some((Some("path"), "no-files", message, help.to_owned()))
        }
        _ => None,
    }
}
