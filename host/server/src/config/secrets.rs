//! Reads `[secrets]` of the configuration file: where each secret is, never what it is.

use std::path::Path;

use taskloom_core::document::{Step, Table};

use crate::secrets::{Origin, Secrets};

/// The longest name of a secret, in bytes, as in workflow files.
const NAME_BYTES_MAX: usize = 128;

/// Reads the table; files are relative to `folder`.
pub(super) fn read(mut table: Table<'_>, folder: &Path) -> Secrets {
    let mut secrets = Secrets::default();
    let names: Vec<_> = table.keys().collect();
    for name in names {
        if !is_name(name) {
            let help = "use letters, digits, `-`, `_` and `.`, at most 128".to_owned();
            table.report(&[Step::Key(name)], "invalid-value", "no name of a secret", Some(help));
        }
        if let Some(origin) = table.table(name).and_then(|inner| read_one(inner, folder)) {
            secrets.insert(name, origin);
        }
    }
    secrets
}

fn read_one(mut table: Table<'_>, folder: &Path) -> Option<Origin> {
    let (variable, file) = (table.string("env"), table.string("file"));
    let origin = match (variable, file) {
        (Some(variable), None) if !variable.is_empty() => Some(Origin::Variable(variable)),
        (None, Some(file)) if !file.is_empty() => Some(Origin::File(folder.join(file))),
        _ if table.has("env") != table.has("file") => {
            table.report(&[], "invalid-value", "must not be empty", None);
            None
        }
        _ => {
            let help = "write `{ env = \"VARIABLE\" }` or `{ file = \"path\" }`".to_owned();
            table.report(&[], "invalid-value", "must say where the secret is", Some(help));
            None
        }
    };
    table.finish();
    origin
}

/// Whether a secret can have this name.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= NAME_BYTES_MAX
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}
