//! Measures which lines the tests reach. It builds everything again, so it is no part of the gate.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::guests::Guests;
use crate::{command, debian, packages, setup, tool};

const REPORT: &str = "target/coverage.json";

/// A machine may reach the package registries and not rustup's server.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

/// Debian's tools of the LLVM that the compiler was made with.
const DEBIAN_LLVM: &str = "llvm-22";
const DEBIAN_TOOLS: [(&str, &str); 2] =
    [("LLVM_COV", "/usr/bin/llvm-cov-22"), ("LLVM_PROFDATA", "/usr/bin/llvm-profdata-22")];

/// Runs the tests of the host's workspace with coverage and prints a table per crate.
///
/// # Errors
///
/// When a tool cannot be installed, or a test fails.
pub(crate) fn run(root: &Path) -> Result<()> {
    // What is left out without them is told with the guests.
    let _ = packages::install(root)?;
    setup::guests(root, Guests::All)?;
    tool::LLVM_COV.set_up(root)?;
    let mut tests = tool::LLVM_COV.command(root);
    tests.envs(llvm_tools(root)?);
    tests.args(["--release", "--workspace", "--json", "--summary-only", "--output-path", REPORT]);
    // Hosts that tests kill leave half a profile behind.
    tests.args(["--failure-mode", "all"]);
    command::run("cargo llvm-cov", &mut tests)?;
    let report = fs::read(root.join(REPORT)).with_context(|| format!("reading {REPORT}"))?;
    print!("{}", table(root, &report)?);
    Ok(())
}

/// What tells cargo-llvm-cov where LLVM's tools are; nothing when rustup has them.
fn llvm_tools(root: &Path) -> Result<Vec<(&'static str, &'static str)>> {
    if has_component(root) || (add_component(root) && has_component(root)) {
        return Ok(Vec::new());
    }
    let are_there = || DEBIAN_TOOLS.iter().all(|(_, program)| Path::new(program).is_file());
    if !are_there() {
        debian::install("the tools that read coverage", &[DEBIAN_LLVM])?;
    }
    if !are_there() {
        bail!("missing llvm-cov: `rustup component add llvm-tools`, or Debian's {DEBIAN_LLVM}");
    }
    Ok(DEBIAN_TOOLS.to_vec())
}

fn has_component(root: &Path) -> bool {
    let folder =
        command::output(Command::new("rustc").current_dir(root).args(["--print", "target-libdir"]));
    folder.is_some_and(|folder| Path::new(&folder).with_file_name("bin/llvm-cov").is_file())
}

fn add_component(root: &Path) -> bool {
    let mut rustup = Command::new("rustup");
    rustup.current_dir(root).args(["component", "add", "llvm-tools"]);
    command::is_installed("rustup") && command::succeeds_within(&mut rustup, RUSTUP_LIMIT)
}

#[derive(Debug, Deserialize)]
struct Report {
    data: Vec<Data>,
}

#[derive(Debug, Deserialize)]
struct Data {
    files: Vec<File>,
}

#[derive(Debug, Deserialize)]
struct File {
    filename: String,
    summary: Summary,
}

#[derive(Debug, Deserialize)]
struct Summary {
    lines: Lines,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct Lines {
    count: u64,
    covered: u64,
}

impl Lines {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.covered += other.covered;
    }

    fn row(self, name: &str) -> String {
        let percent = 100.0 * self.covered as f64 / self.count.max(1) as f64;
        format!("{name:<20} {:>6} of {:>6} lines  {percent:>5.1} %\n", self.covered, self.count)
    }
}

/// A line per crate, and one for the host as a whole.
fn table(root: &Path, report: &[u8]) -> Result<String> {
    let report: Report = serde_json::from_slice(report)
        .context("the report of cargo-llvm-cov has changed its form")?;
    let mut crates = BTreeMap::<String, Lines>::new();
    for file in report.data.iter().flat_map(|data| &data.files) {
        let Ok(path) = Path::new(&file.filename).strip_prefix(root) else { continue };
        let Some((name, _)) = path.to_str().and_then(|path| path.split_once("/src/")) else {
            continue;
        };
        crates.entry(name.to_owned()).or_default().add(file.summary.lines);
    }
    let mut host = Lines::default();
    for (_, lines) in crates.iter().filter(|(name, _)| name.starts_with("host/")) {
        host.add(*lines);
    }
    let rows = crates.iter().map(|(name, lines)| lines.row(name));
    Ok(rows.chain([host.row("host in total")]).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use expect_test::expect;

    use super::table;

    #[test]
    fn lines_are_added_up_per_crate() {
        let file = |name: &str, count: u64, covered: u64| {
            format!(
                r#"{{"filename": "{name}", "summary": {{"lines": {{"count": {count}, "covered": {covered}}}}}}}"#
            )
        };
        let files = [
            file("/r/host/core/src/run.rs", 100, 90),
            file("/r/host/core/src/run/apply.rs", 100, 100),
            file("/r/host/store/src/lib.rs", 50, 20),
            file("/r/sdk/rust/src/lib.rs", 10, 10),
            file("/elsewhere/src/lib.rs", 10, 0),
        ];
        let report = format!(r#"{{"data": [{{"files": [{}]}}]}}"#, files.join(", "));
        let table = table(Path::new("/r"), report.as_bytes()).expect("a report");
        expect![[r#"
            host/core               190 of    200 lines   95.0 %
            host/store               20 of     50 lines   40.0 %
            sdk/rust                 10 of     10 lines  100.0 %
            host in total           210 of    250 lines   84.0 %
        "#]]
        .assert_eq(&table);
    }
}
