//! A folder of workflow files that changes.

use std::fs;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;
use taskloom_core::journal::{Origin, WorkflowEvent};

struct Folder(TempDir, TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let [workflows, data] = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
        let folder = Self(workflows, data);
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).expect("written");
    }

    /// The folder without a watcher: read when the test says so.
    fn read(&self) -> Shared {
        let shared = self.shared(self.0.path().to_owned());
        shared.read().expect("readable");
        shared
    }
}

impl Folder {
    fn shared(&self, folder: PathBuf) -> Shared {
        let store = Store::open(self.1.path(), taskloom_store::Options::default());
        Shared::new(folder, store.expect("a store"), Arc::default()).expect("an empty journal")
    }
}

fn workflow(id: &str, version: &str) -> String {
    format!("id = \"{id}\"\nversion = \"{version}\"\n[[tasks]]\nid = \"a\"\ntype = \"noop.run\"\n")
}

/// What is served: `id version file [problem codes]`, then the broken files.
fn shown(shared: &Shared) -> Vec<String> {
    let state = shared.state();
    let codes =
        |problems: &[Problem]| problems.iter().map(|p| format!(" !{}", p.code)).collect::<String>();
    let served = state.registered.values().map(|registered| {
        let workflow = &registered.definition.workflow;
        let codes = codes(&registered.problems);
        format!("{} {} {}{codes}", workflow.id, workflow.version, registered.file().unwrap_or("-"))
    });
    let broken =
        state.broken.iter().map(|broken| format!("({}){}", broken.file, codes(&broken.problems)));
    served.chain(broken).collect()
}

#[test]
fn every_toml_file_of_the_folder_is_read_and_nothing_else() {
    let folder = Folder::new(&[
        ("a.toml", &workflow("a", "1.0.0")),
        ("notes.md", "# notes"),
        (".hidden.toml", &workflow("hidden", "1.0.0")),
    ]);
    fs::create_dir(folder.0.path().join("inputs")).expect("made");
    folder.write("inputs/b.toml", &workflow("b", "1.0.0"));
    assert_eq!(shown(&folder.read()), ["a 1.0.0 a.toml"]);
}

#[test]
fn a_file_that_breaks_leaves_its_last_good_version_in_place() {
    let folder = Folder::new(&[("a.toml", &workflow("a", "1.0.0"))]);
    let shared = folder.read();
    folder.write("a.toml", "id = \"a\"\n[[tasks");
    shared.read().expect("readable");
    let now = shown(&shared);
    assert!(now[0].starts_with("a 1.0.0 a.toml !"), "{now:?}");
    folder.write("a.toml", &workflow("a", "1.1.0"));
    shared.read().expect("readable");
    assert_eq!(shown(&shared), ["a 1.1.0 a.toml"]);
}

#[test]
fn a_file_that_was_never_good_is_listed_as_broken() {
    let folder = Folder::new(&[("a.toml", "versoin = 1\n")]);
    let now = shown(&folder.read());
    assert!(now.len() == 1 && now[0].starts_with("(a.toml) !"), "{now:?}");
}

#[test]
fn an_id_in_two_files_is_a_problem_of_both_and_stays_where_it_was() {
    let folder = Folder::new(&[("b.toml", &workflow("same", "1.0.0"))]);
    let shared = folder.read();
    folder.write("a.toml", &workflow("same", "2.0.0"));
    shared.read().expect("readable");
    assert_eq!(
        shown(&shared),
        ["same 1.0.0 b.toml !duplicate-workflow", "(a.toml) !duplicate-workflow"]
    );
    fs::remove_file(folder.0.path().join("b.toml")).expect("removed");
    shared.read().expect("readable");
    assert_eq!(shown(&shared), ["same 2.0.0 a.toml"]);
}

#[test]
fn a_file_that_is_gone_takes_its_workflow_with_it() {
    let folder = Folder::new(&[("a.toml", &workflow("a", "1.0.0"))]);
    let shared = folder.read();
    fs::remove_file(folder.0.path().join("a.toml")).expect("removed");
    shared.read().expect("readable");
    assert!(shown(&shared).is_empty());
}

#[test]
fn an_untouched_file_keeps_its_registration() {
    let folder = Folder::new(&[("a.toml", &workflow("a", "1.0.0"))]);
    let shared = folder.read();
    let id = WorkflowId::new("a").expect("valid");
    let before = Arc::clone(&shared.state().registered[&id]);
    shared.read().expect("readable");
    assert!(Arc::ptr_eq(&before, &shared.state().registered[&id]));
}

#[test]
fn every_text_of_a_file_is_written_down_once() {
    let folder = Folder::new(&[("a.toml", &workflow("a", "1.0.0"))]);
    let shared = folder.read();
    let written = |shared: &Shared| {
        let id = WorkflowId::new("a").expect("valid");
        let mut written = Vec::new();
        let stream = taskloom_core::journal::StreamId::Workflow(id);
        let events = shared.store.stream_events(&stream, 0, 100).expect("readable");
        for event in events {
            match event.entry.event {
                WorkflowEvent::WorkflowPut { version, .. } => written.push(version),
                other => panic!("{other:?}"),
            }
        }
        written
    };
    shared.read().expect("readable");
    assert_eq!(written(&shared), ["1.0.0"]);
    for version in ["1.1.0", "1.0.0"] {
        folder.write("a.toml", &workflow("a", version));
        shared.read().expect("readable");
    }
    assert_eq!(written(&shared), ["1.0.0", "1.1.0", "1.0.0"]);
    let store = shared.store.clone();
    let again = Shared::new(folder.0.path().to_owned(), store, Arc::default())
        .expect("the journal is sound");
    again.read().expect("readable");
    assert_eq!(written(&again), ["1.0.0", "1.1.0", "1.0.0"], "a start writes nothing");
}

#[test]
fn what_was_put_is_there_at_the_next_start_and_behind_a_file() {
    let folder = Folder::new(&[]);
    let shared = folder.read();
    let put = |text: &str| {
        let definition = taskloom_core::definition::read("request", text).definition;
        let mut sources = shared.sources.lock().expect("no test has panicked");
        let definition = definition.expect("it is sound");
        let put = super::text(&definition, Origin::Api);
        sources.ledger.put([put]).expect("written");
        let id = definition.workflow.id.clone();
        sources.requested.insert(id, Requested::of(definition));
        shared.serve(&mut sources);
    };
    put(&workflow("a", "1.0.0"));
    assert_eq!(shown(&shared), ["a 1.0.0 -"]);
    let again = Shared::new(folder.0.path().to_owned(), shared.store.clone(), Arc::default())
        .expect("sound");
    again.read().expect("readable");
    assert_eq!(shown(&again), ["a 1.0.0 -"]);
    folder.write("a.toml", &workflow("a", "2.0.0"));
    again.read().expect("readable");
    assert_eq!(shown(&again), ["a 2.0.0 a.toml"]);
    fs::remove_file(folder.0.path().join("a.toml")).expect("removed");
    again.read().expect("readable");
    assert_eq!(shown(&again), ["a 1.0.0 -"], "it is back when the file is gone");
}

#[test]
fn changes_are_noticed_without_being_asked_for() {
    let folder = Folder::new(&[]);
    let shared = Arc::new(folder.read());
    let watched = Arc::clone(&shared);
    let read = move || watched.read().expect("readable");
    let watch = Watch::start(folder.0.path(), read).expect("watchable");
    folder.write("late.toml", &workflow("late", "1.0.0"));
    let deadline = Instant::now() + Duration::from_secs(30);
    while shown(&shared).is_empty() {
        assert!(Instant::now() < deadline, "the new file was not noticed");
        std::thread::yield_now();
    }
    drop(watch);
    assert_eq!(Arc::strong_count(&shared), 1, "the thread has ended");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let shared = Folder::new(&[]).shared("/nowhere/workflows".into());
    let error = shared.read().expect_err("it is not there");
    assert!(error.to_string().contains("/nowhere/workflows"), "{error}");
}
