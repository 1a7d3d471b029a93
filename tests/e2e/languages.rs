//! Workflows with plugins in languages that carry an engine of their own, run by the command line.
//!
//! Apart from the other examples: compiling such a plugin takes long, and this machine may not have the language.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::examples::holds;
use crate::host::{Folders, left_out, repository, taskloom};

/// The beginning of the names of their files in `workflows/examples`.
pub(crate) const PREFIX: &str = "plugin-";

/// File, plugin, input, and a part of the output.
fn cases() -> Vec<(&'static str, &'static str, Value, Value)> {
    vec![
        (
            "plugin-javascript.toml",
            "release",
            json!({ "current": "1.4.2", "commits": [{ "message": "feat: speak JavaScript" }] }),
            json!({ "version": "1.5.0", "ok": true }),
        ),
        (
            "plugin-python.toml",
            "review",
            json!({ "diff": "--- a/x.py\n+++ b/x.py\n@@ -0,0 +1 @@\n+breakpoint()\n", "earlier": [] }),
            json!({ "risk": "low", "findings": 1, "similar": [] }),
        ),
    ]
}

#[test]
fn workflows_with_plugins_in_other_languages_run() {
    for (file, plugin, input, expected) in cases() {
        if left_out(plugin) {
            continue;
        }
        let folders = Folders::new(&[plugin], &[]);
        folders.share_compiled_code();
        let input = folders.file("input.json", &input.to_string());
        let mut run = taskloom();
        run.arg("run").arg(repository().join("workflows/examples").join(file));
        run.arg("--input").arg(input).arg("--plugins").arg(folders.plugins());
        let finished = run.arg("--data").arg(folders.data()).output().expect("it starts");
        let said = String::from_utf8_lossy(&finished.stderr);
        assert!(finished.status.success(), "{file}: {said}");
        let output: Value = serde_json::from_slice(&finished.stdout).expect("the output");
        assert!(holds(&output, &expected), "{file}: {output:#} lacks {expected:#}");
    }
}

#[test]
fn each_of_them_is_run() {
    let files = fs::read_dir(repository().join("workflows/examples")).expect("the folder");
    let names = files.map(|file| file.expect("an entry").file_name().display().to_string());
    let shipped: BTreeSet<_> = names.filter(|name| name.starts_with(PREFIX)).collect();
    let run = cases().into_iter().map(|(file, ..)| file.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(shipped, run);
}
