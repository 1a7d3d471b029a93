//! Runs the fuzzer over everything that reads foreign bytes. The gate reads again what it has found.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::{command, soak, tool};

/// The programs of the fuzzer, and what is kept for each.
const PROGRAMS: &str = "fuzz/libfuzzer";
const CORPUS: &str = "fuzz/corpus";

/// Where what is only interesting to the next run is kept: too much for the repository.
const FOUND: &str = "target/fuzz";

/// Whole examples to begin with, beside what is kept.
const BEGINNINGS: [(&str, &str); 2] =
    [("template", "workflows/templates"), ("workflow", "workflows/examples")];

/// What to fuzz, and how long.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Names of folders in `fuzz/corpus`; all when left out
    targets: Vec<String>,
    /// How long for each, such as `60s` or `2h`
    #[arg(long, default_value = "60s", value_parser = soak::duration)]
    time: Duration,
}

/// Runs the fuzzer on one target after the other.
///
/// # Errors
///
/// When a target does not exist, or the fuzzer finds bytes that break a promise: it says where it put them.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let known = targets(root)?;
    let chosen = if arguments.targets.is_empty() { &known } else { &arguments.targets };
    if let Some(unknown) = chosen.iter().find(|name| !known.contains(name)) {
        bail!("no target `{unknown}`: there are {}", known.join(", "));
    }
    tool::FUZZ.set_up(root)?;
    for target in chosen {
        let begun = Instant::now();
        fuzz(root, target, arguments.time)?;
        println!("== {target}: nothing found in {} s", begun.elapsed().as_secs());
    }
    Ok(())
}

fn fuzz(root: &Path, target: &str, time: Duration) -> Result<()> {
    let found = root.join(FOUND).join(target);
    fs::create_dir_all(&found).with_context(|| format!("making {}", found.display()))?;
    let artefacts = root.join(FOUND).join("crashes").join(target);
    fs::create_dir_all(&artefacts).with_context(|| format!("making {}", artefacts.display()))?;
    let mut artefact_prefix = OsString::from("-artifact_prefix=");
    artefact_prefix.push(artefacts.join(""));
    let mut fuzz = tool::FUZZ.command(root);
    // Without a sanitizer: the code is safe Rust, and what is looked for panics.
    fuzz.args(["run", "--fuzz-dir", PROGRAMS, "--sanitizer", "none", "--release"])
        .arg("--target-dir")
        .arg(root.join("target/fuzz/build"))
        .arg(target)
        .arg(&found)
        .arg(root.join(CORPUS).join(target));
    fuzz.args(
        BEGINNINGS.iter().filter(|(of, _)| *of == target).map(|(_, folder)| root.join(folder)),
    )
    .arg("--")
    .arg(format!("-max_total_time={}", time.as_secs()))
    // A guest may be compiled for this long, and a machine may be busy.
    .args(["-timeout=60", "-rss_limit_mb=4096", "-print_final_stats=1"])
    .arg(artefact_prefix);
    command::run(&format!("fuzzing {target}"), &mut fuzz)
}

fn targets(root: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(root.join(CORPUS)).with_context(|| format!("reading {CORPUS}"))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
