//! `kind = "file"`: files of the folder that the host allows.
//!
//! A file counts once it has been left alone for a while, so nobody reads half of it. What was there
//! when a trigger was first listened to, and what happened while the host was down, starts nothing.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use serde_json::json;
use taskloom_core::time::Timestamp;
use taskloom_core::trigger::{FileEvent, Source};
use tokio::sync::Notify;

use super::Triggers;
use super::fire::Occurrence;
use super::registry::Bound;
use super::sight::{Seen, Sight};

/// How often the folder is looked at though nothing was heard: network file systems tell nothing.
const RESCAN: Duration = Duration::from_secs(5);

/// How long a file must have been left alone.
pub(super) const SETTLE: Duration = Duration::from_millis(500);

/// The most files that are looked at below one path.
const FILES_MAX: usize = 100_000;

/// How deep folders in folders are looked at.
const DEPTH_MAX: usize = 32;

impl Triggers {
    /// Follows the files of the allowed folder until the host stops.
    pub(super) async fn follow_files(self) {
        let Some(root) = self.shared.parts.files.clone() else { return };
        let woken = Arc::new(Notify::new());
        let watcher = watch(&root, Arc::clone(&woken));
        let mut changes = self.shared.parts.workflows.changes();
        let mut sights = HashMap::new();
        loop {
            changes.mark_unchanged();
            let unsettled = self.look_at_files(&root, &mut sights).await;
            // A change that was heard is looked at when it may have settled.
            let pause = if unsettled { SETTLE } else { RESCAN };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = woken.notified(), if !unsettled => {}
                changed = changes.changed() => if changed.is_err() { break },
                () = self.shared.parts.stopped.cancelled() => break,
            }
        }
        drop(watcher);
    }

    /// Looks at every path that a trigger names, and says whether something has not settled yet.
    async fn look_at_files(&self, root: &Path, sights: &mut HashMap<String, Sight>) -> bool {
        let mut paths: BTreeMap<String, Vec<Arc<Bound>>> = BTreeMap::new();
        for bound in self.index().that(|source| matches!(source, Source::File { .. })) {
            if let Source::File { path, .. } = &bound.trigger().source
                && bound.is_enabled()
            {
                paths.entry(path.clone()).or_default().push(bound);
            }
        }
        sights.retain(|path, _| paths.contains_key(path));
        let mut unsettled = false;
        for (path, listening) in paths {
            let (folder, below) = (root.to_owned(), path.clone());
            let Ok(files) = tokio::task::spawn_blocking(move || list(&folder, &below)).await else {
                continue;
            };
            let now = self.shared.clock.now();
            let events = match sights.get_mut(&path) {
                Some(sight) => sight.look(files, now, SETTLE),
                None => {
                    sights.insert(path, Sight::first(files));
                    continue;
                }
            };
            unsettled |= sights.get(&path).is_some_and(Sight::is_unsettled);
            for event in events {
                self.tell_file(&listening, event, now).await;
            }
        }
        unsettled
    }

    async fn tell_file(
        &self,
        listening: &[Arc<Bound>],
        event: (String, FileEvent),
        now: Timestamp,
    ) {
        let (path, what) = event;
        for bound in listening {
            let Source::File { events, .. } = &bound.trigger().source else { continue };
            if !events.contains(&what) {
                continue;
            }
            let word = what.as_str();
            let occurrence = Occurrence {
                key: format!("{word} {path} {}", now.as_ms()),
                due: None,
                event: json!({ "path": path, "what": word }),
                by_hand: false,
            };
            let (triggers, bound) = (self.clone(), Arc::clone(bound));
            // A full host must not keep the next look from coming.
            tokio::spawn(async move { triggers.occur_surely(&bound, occurrence).await });
        }
    }
}

/// Wakes `woken` when something happens in the folder.
fn watch(root: &Path, woken: Arc<Notify>) -> Option<RecommendedWatcher> {
    let tell = move |event: notify::Result<notify::Event>| {
        if event.map_or(true, |event| !event.kind.is_access()) {
            woken.notify_one();
        }
    };
    let watcher = notify::recommended_watcher(tell).and_then(|mut watcher| {
        watcher.watch(root, RecursiveMode::Recursive)?;
        Ok(watcher)
    });
    match watcher {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            let folder = root.display();
            tracing::warn!(%error, %folder, "no news of the folder: it is looked at every {RESCAN:?}");
            None
        }
    }
}

/// The files at or below a path, by their paths within `root`. Hidden ones are left out, since that
/// is what half-written files are called; so are links, which may lead out of the folder.
fn list(root: &Path, below: &str) -> BTreeMap<String, Seen> {
    let mut files = BTreeMap::new();
    let parts = below.split('/').filter(|part| !part.is_empty() && *part != ".");
    let clean = parts.collect::<Vec<_>>().join("/");
    let mut open = vec![(root.join(&clean), clean, 0)];
    while let Some((path, name, depth)) = open.pop() {
        let Ok(metadata) = std::fs::symlink_metadata(&path) else { continue };
        if metadata.is_file() && files.len() < FILES_MAX {
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            files.insert(name, Seen { bytes: metadata.len(), modified });
        } else if metadata.is_dir() && depth < DEPTH_MAX {
            open.extend(inside(&path, &name).map(|(path, name)| (path, name, depth + 1)));
        }
    }
    files
}

/// What is in a folder, with names within the root.
fn inside(folder: &Path, name: &str) -> impl Iterator<Item = (PathBuf, String)> {
    let prefix = if name.is_empty() { String::new() } else { format!("{name}/") };
    // A folder that goes while it is looked at was not there.
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(move |entry| {
        let own = entry.file_name().into_string().ok()?;
        (!own.starts_with('.')).then(|| (entry.path(), format!("{prefix}{own}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_listed_below_a_path_but_for_hidden_ones_and_links() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("in/deep")).expect("made");
        std::fs::write(folder.path().join("outside"), "x").expect("written");
        for name in ["in/a", "in/deep/b", "in/.half", "other"] {
            std::fs::write(root.join(name), name).expect("written");
        }
        std::os::unix::fs::symlink(folder.path(), root.join("in/link")).expect("linked");
        let names = |below: &str| list(&root, below).into_keys().collect::<Vec<_>>();
        assert_eq!(names("in"), ["in/a", "in/deep/b"]);
        assert_eq!(names("./in/"), ["in/a", "in/deep/b"]);
        assert_eq!(names("."), ["in/a", "in/deep/b", "other"]);
        assert_eq!(names("other"), ["other"]);
        assert!(names("in/link").is_empty());
        assert!(names("nowhere").is_empty());
    }
}
