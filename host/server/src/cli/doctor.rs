//! `taskloom doctor`: is everything in the data folder what it must be?

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::json;
use taskloom_core::id::Digest;
use taskloom_store::{Examination, MissingVersion, Severity, examine};

use super::args::Doctor;
use super::output::{print, print_json};
use super::{Done, Failed};
use crate::config::Settings;

/// With less free room than this somebody should look.
const FREE_BYTES_LOW: u64 = 1 << 30;

const MIB: f64 = 1024.0 * 1024.0;

pub(super) fn check(arguments: &Doctor) -> Result<Done, Failed> {
    let config = Settings::load(&arguments.folders.sources(Vec::new()))?.config()?;
    let folder = config.data.folder;
    let mut found = examine(&folder).map_err(Failed::invalid)?;
    look_at_versions(&config.plugins.folder, &mut found);
    look_at_disk(&folder, arguments.min_free, &mut found)?;
    if arguments.json {
        print_json(&as_json(&folder, &found))?;
    } else {
        print(&as_text(&folder, &found))?;
    }
    Ok(if found.is_sound() { Done::Well } else { Done::Badly })
}

/// What live runs pinned is kept, or in the folder of plugins, from where the next start keeps it.
fn look_at_versions(plugins: &Path, found: &mut Examination) {
    for missing in std::mem::take(&mut found.missing_versions) {
        let MissingVersion { plugin, digest, place, run, runs } = missing;
        let file = fs::read(plugins.join(format!("{plugin}.wasm")));
        if file.is_ok_and(|bytes| Digest::of(&bytes) == digest) {
            continue;
        }
        let what = format!(
            "version {digest} of plugin `{plugin}` is nowhere, and {runs} live runs keep it, such as {run}"
        );
        let help = "put its bytes there, from a backup or another host, or cancel these runs: they wait \
                    for it";
        found.add(Severity::Error, what, &place.display().to_string(), help);
    }
}

/// Notes that there is little room, if there is: an error below `min` bytes.
fn look_at_disk(folder: &Path, min: u64, found: &mut Examination) -> Result<(), Failed> {
    let disk = rustix::fs::statvfs(folder).map_err(std::io::Error::from)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if let Some(severity) = severity_of(free, min) {
        let what = format!("the disk has {:.0} MiB left", free as f64 / MIB);
        let help = "free some space, or lower `retention.bytes_max`";
        found.add(severity, what, &folder.display().to_string(), help);
    }
    Ok(())
}

/// How bad it is that the disk has `free` bytes left.
fn severity_of(free: u64, min: u64) -> Option<Severity> {
    match free {
        _ if free < min => Some(Severity::Error),
        _ if free < FREE_BYTES_LOW => Some(Severity::Warning),
        _ => None,
    }
}

fn as_json(folder: &Path, found: &Examination) -> serde_json::Value {
    let findings = found.findings.iter().map(|finding| {
        json!({
            "severity": finding.severity.as_str(),
            "what": finding.what,
            "where": finding.place,
            "what_to_do": finding.help,
        })
    });
    let sizes = found.sizes.iter().map(|(name, bytes)| json!({ "name": name, "bytes": bytes }));
    json!({
        "folder": folder,
        "ok": found.is_sound(),
        "host_is_running": found.host_is_running,
        "schema_version": found.schema_version,
        "findings": findings.collect::<Vec<_>>(),
        "sizes": sizes.collect::<Vec<_>>(),
    })
}

fn as_text(folder: &Path, found: &Examination) -> String {
    let state = if found.is_sound() { "sound" } else { "damaged" };
    let mut text = format!("the journal in `{}` is {state}\n", folder.display());
    if found.host_is_running {
        text.push_str("a host is running: this shows one moment of it\n");
    }
    for finding in &found.findings {
        let (severity, help) = (finding.severity.as_str(), &finding.help);
        let _ = writeln!(text, "  {severity}: {}: {}; {help}", finding.place, finding.what);
    }
    let _ = writeln!(text, "schema version {}, the largest parts:", found.schema_version);
    for (name, bytes) in found.sizes.iter().take(8) {
        let _ = writeln!(text, "  {:>10.2} MiB  {name}", *bytes as f64 / MIB);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_is_a_warning_and_less_an_error() {
        let min = 100 << 20;
        assert_eq!(severity_of(FREE_BYTES_LOW, min), None);
        assert_eq!(severity_of(FREE_BYTES_LOW - 1, min), Some(Severity::Warning));
        assert_eq!(severity_of(min, min), Some(Severity::Warning));
        assert_eq!(severity_of(min - 1, min), Some(Severity::Error));
        assert_eq!(severity_of(0, 0), Some(Severity::Warning));
        assert_eq!(severity_of(2 << 30, 3 << 30), Some(Severity::Error), "asked for");
    }

    #[test]
    fn a_disk_without_room_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut found = Examination::default();
        assert!(look_at_disk(folder.path(), u64::MAX, &mut found).is_ok());
        let [finding] = &found.findings[..] else { panic!("{found:?}") };
        assert_eq!(finding.severity, Severity::Error);
        assert!(finding.what.starts_with("the disk has ") && finding.what.ends_with(" MiB left"));
        assert!(!found.is_sound());
    }
}
