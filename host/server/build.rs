//! Puts into the program what the author kit writes into new projects: the contract, the SDKs, their
//! templates and the guides. So `taskloom plugin new` works where there is no checkout.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Folders and files of the checkout that go into the program, by their paths from its root. What is
/// not there yet is left out.
const PARTS: [&str; 26] = [
    "LICENSE",
    "docs/capabilities.md",
    "docs/plugin-authoring.md",
    "docs/plugins.md",
    "wit/README.md",
    "wit/1.0.0",
    "plugins/Cargo.toml",
    "plugins/Cargo.lock",
    "sdk/rust/Cargo.toml",
    "sdk/rust/README.md",
    "sdk/rust/src",
    "sdk/rust/wit",
    "sdk/rust/template",
    "sdk/js/.npmrc",
    "sdk/js/package.json",
    "sdk/js/package-lock.json",
    "sdk/js/tsconfig.json",
    "sdk/js/build.mjs",
    "sdk/js/README.md",
    "sdk/js/src",
    "sdk/js/template",
    "sdk/python/pyproject.toml",
    "sdk/python/requirements.txt",
    "sdk/python/README.md",
    "sdk/python/taskloom",
    "sdk/python/template",
];

/// What building leaves in such folders.
const LEFTOVERS: [&str; 3] = ["node_modules", "target", "__pycache__"];

fn main() {
    let own = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = own.join("../..").canonicalize().expect("the crate lies in a checkout");
    let mut files = Vec::new();
    for part in PARTS {
        let path = root.join(part);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
            collect(&path, &mut files);
        }
    }
    files.sort();
    let mut text = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&root).expect("it was found below the root");
        // Debug gives a string literal, whatever the path holds.
        let _ = writeln!(text, "    ({name:?}, include_bytes!({file:?})),");
    }
    text.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("kit.rs");
    fs::write(out, text).expect("the build folder can be written to");
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if path.is_dir() {
        if LEFTOVERS.contains(&name) || name.ends_with(".egg-info") {
            return;
        }
        let entries = fs::read_dir(path).expect("a folder of the checkout can be read");
        for entry in entries {
            collect(&entry.expect("an entry of a folder").path(), files);
        }
    } else {
        files.push(path.to_owned());
    }
}
