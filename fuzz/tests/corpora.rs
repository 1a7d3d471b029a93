//! What the fuzzer found worth keeping is read again on every run of the gate.

use std::fs;
use std::path::{Path, PathBuf};

use taskloom_fuzz::TARGETS;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

#[test]
fn every_corpus_is_read() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in TARGETS {
        let files = files(&corpora.join(target.name));
        assert!(!files.is_empty(), "nothing is kept for `{}`", target.name);
        for file in files {
            let bytes = fs::read(&file).expect("it is there");
            println!("{}", file.display());
            let is_taken = (target.read)(&bytes);
            // What a reader refuses at once leads the fuzzer nowhere: it begins with these.
            assert!(is_taken || !file.ends_with("whole"), "{} is refused", file.display());
        }
    }
}

#[test]
fn every_folder_belongs_to_a_target() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for folder in files(&corpora) {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(TARGETS.iter().any(|target| target.name == name), "{name} is no target");
    }
}
