//! The gate: every check that a change has to pass, in the order of what is cheap to know.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::guests::Guests;
use crate::left_out::LeftOut;
use crate::tally::Tally;
use crate::toolchain::{TARGET, Toolchain};
use crate::{command, languages, packages, setup, tool};

/// The guests' workspace, and the one folder that it is built into.
const GUESTS: &str = "plugins/Cargo.toml";
const GUESTS_TARGET: &str = "target/guests";

/// Recorded payloads, as npm installs them.
const WEBHOOKS: &str = "tests/node_modules/@octokit/webhooks-examples/api.github.com";

const BROWSER_TESTS: &str = "tests/browser";

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run only these steps; what a step needs is set up all the same.
    #[arg(long, value_name = "STEP")]
    only: Vec<Step>,
    /// Fail when something is left out because this machine has no Node or Python; `CI=true` in the environment says the
    /// same.
    #[arg(long)]
    complete: bool,
}

/// One check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// Formatting of both workspaces.
    Format,
    /// Licences, banned crates and sources, of both lock files.
    Dependencies,
    /// Plugins and the guests of the tests build.
    Guests,
    /// Clippy on the host's workspace.
    Lints,
    /// Clippy on the guests' workspace, for their target and for the tests.
    GuestLints,
    /// Tests of the host's workspace.
    Tests,
    /// Native tests of the guests' workspace, and of the SDKs in other languages.
    GuestTests,
    /// Tests that drive a browser.
    BrowserTests,
}

impl Step {
    const LINTS: [Self; 4] = [Self::Format, Self::Dependencies, Self::Lints, Self::GuestLints];

    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn run(self, root: &Path) -> Result<Done> {
        match self {
            Self::Format => format(root),
            Self::Dependencies => dependencies(root),
            Self::Guests => {
                let left_out = setup::guests(root, Guests::All)?;
                return Ok(Done { left_out, ..Done::default() });
            }
            Self::Lints => lints(root),
            Self::GuestLints => guest_lints(root, &Toolchain::set_up(root)?),
            Self::Tests => return tests(root),
            Self::GuestTests => return guest_tests(root),
            Self::BrowserTests => return browser_tests(root),
        }?;
        Ok(Done::default())
    }
}

/// What a step came to.
#[derive(Debug, Default)]
struct Done {
    tally: Tally,
    left_out: LeftOut,
}

/// Whether everything must be built and tested, or what this machine lacks is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Everything,
    WhatIsPossible,
}

impl Extent {
    /// What a flag and the variable `CI` ask for.
    fn asked(is_complete: bool, ci: Option<&OsStr>) -> Self {
        if is_complete || ci.is_some_and(|value| value == "true" || value == "1") {
            Self::Everything
        } else {
            Self::WhatIsPossible
        }
    }

    /// A step that left something out is not passed where everything is wanted.
    fn judge(self, done: &Done) -> Result<()> {
        if self == Self::WhatIsPossible || done.left_out.is_empty() {
            return Ok(());
        }
        let lines: Vec<_> = done.left_out.lines().collect();
        bail!("everything was to be tested, and this was left out: {}", lines.join("; "))
    }
}

/// Runs the whole gate, or the steps that were asked for.
///
/// # Errors
///
/// At the first step that fails, when a test was ignored, and when something was left out that must not be.
pub(crate) fn test(root: &Path, arguments: &Arguments) -> Result<()> {
    let all = Step::value_variants();
    let steps = if arguments.only.is_empty() { all } else { &arguments.only };
    let ci: Option<OsString> = std::env::var_os("CI");
    run(root, steps, Extent::asked(arguments.complete, ci.as_deref()))
}

/// Runs the checks that need no test.
///
/// # Errors
///
/// At the first check that fails.
pub(crate) fn lint(root: &Path) -> Result<()> {
    run(root, &Step::LINTS, Extent::WhatIsPossible)
}

fn run(root: &Path, steps: &[Step], extent: Extent) -> Result<()> {
    let started = Instant::now();
    let mut report = Report::default();
    for step in steps {
        eprintln!("== {}", step.name());
        let step_started = Instant::now();
        let result = step.run(root).and_then(|done| {
            report.tally += done.tally;
            extent.judge(&done)?;
            report.left_out.join(done.left_out);
            Ok(())
        });
        report.steps.push((step.name(), step_started.elapsed(), result.is_ok()));
        match result {
            Ok(()) => {}
            Err(error) => {
                eprintln!("error: {error:#}");
                report.tally +=
                    error.downcast_ref().map_or_else(Tally::default, |Failed(tally)| *tally);
                report.print(started.elapsed());
                return Err(Told.into());
            }
        }
    }
    report.print(started.elapsed());
    Ok(())
}

/// A failure that was told above the summary, so that the count of tests is the last line.
#[derive(Debug, thiserror::Error)]
#[error("the gate is not passed")]
pub(crate) struct Told;

/// What the gate says at its end.
#[derive(Debug, Default)]
struct Report {
    steps: Vec<(String, Duration, bool)>,
    tally: Tally,
    left_out: LeftOut,
}

impl Report {
    fn print(&self, total: Duration) {
        eprintln!();
        for (name, duration, is_ok) in &self.steps {
            let mark = if *is_ok { "ok" } else { "FAILED" };
            eprintln!("   {name:<14} {:>7.1} s  {mark}", duration.as_secs_f64());
        }
        eprintln!("   {:<14} {:>7.1} s", "total", total.as_secs_f64());
        for line in self.left_out.lines() {
            eprintln!("   LEFT OUT: {line}");
        }
        println!("{}", self.tally);
    }
}

/// Tests that did not all pass, with how many did.
#[derive(Debug, thiserror::Error)]
#[error("the tests did not all pass: {0}")]
struct Failed(Tally);

fn format(root: &Path) -> Result<()> {
    command::run("cargo fmt", command::cargo(root).args(["fmt", "--all", "--check"]))?;
    let mut guests = command::cargo(root);
    guests.args(["fmt", "--all", "--check", "--manifest-path", GUESTS]);
    command::run("cargo fmt of the guests", &mut guests)
}

fn dependencies(root: &Path) -> Result<()> {
    setup::dependency_check(root)?;
    for manifest in ["Cargo.toml", GUESTS] {
        let mut deny = tool::DENY.command(root);
        deny.args(["--log-level", "error", "--config", "deny.toml", "--manifest-path", manifest]);
        deny.args(["check", "bans", "licenses", "sources"]);
        command::run(&format!("cargo deny of {manifest}"), &mut deny)?;
    }
    Ok(())
}

fn lints(root: &Path) -> Result<()> {
    let mut clippy = command::cargo(root);
    clippy.args(["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    command::run("cargo clippy", &mut clippy)
}

fn guest_lints(root: &Path, toolchain: &Toolchain) -> Result<()> {
    if toolchain.can_lint() {
        let mut clippy = guest_cargo(root, "clippy");
        clippy.args(["--target", TARGET, "--", "-D", "warnings"]);
        command::run("cargo clippy of the guests", &mut clippy)?;
    }
    let mut clippy = guest_cargo(root, "clippy");
    clippy.args(["--all-targets", "--", "-D", "warnings"]);
    command::run("cargo clippy of the guests' tests", &mut clippy)
}

/// Tests of the host use the guests, the payloads of npm and the program itself.
fn tests(root: &Path) -> Result<Done> {
    // What is left out without them is told, and kept for the tests, with the guests.
    let _ = packages::install(root)?;
    let left_out = setup::guests(root, Guests::All)?;
    let mut tests = command::cargo(root);
    tests.args(["test", "--release", "--workspace", "--no-fail-fast"]);
    Ok(Done { tally: counted("cargo test", &mut tests)?, left_out })
}

fn guest_tests(root: &Path) -> Result<Done> {
    let mut tests = guest_cargo(root, "test");
    tests.arg("--no-fail-fast");
    let (others, mut left_out) = languages::tests(root)?;
    match packages::install(root)? {
        Ok(()) => drop(tests.env("TASKLOOM_WEBHOOKS", root.join(WEBHOOKS))),
        Err(reason) => left_out.add(packages::TESTS, &reason),
    }
    let mut tally = counted("cargo test of the guests", &mut tests)?;
    for (label, mut tests) in others {
        tally += counted(&label, &mut tests)?;
    }
    Ok(Done { tally, left_out })
}

fn browser_tests(root: &Path) -> Result<Done> {
    let mut done = Done::default();
    if let Some(reason) = languages::no_node() {
        done.left_out.add("browser tests", &reason);
        return Ok(done);
    }
    // There is Node: nothing else leaves them out.
    let _ = packages::install(root)?;
    setup::browser()?;
    setup::guests(root, Guests::Plugins)?;
    let host = crate::program(root, "taskloom")?;
    let mut tests = Command::new("node");
    tests.args(["--test", "--test-reporter=tap"]).args(browser_test_files(root)?).current_dir(root);
    tests.env("TASKLOOM", host);
    done.tally = counted("browser tests", &mut tests)?;
    Ok(done)
}

/// By name: versions of Node differ in what they make of a folder.
fn browser_test_files(root: &Path) -> Result<Vec<PathBuf>> {
    let folder = root.join(BROWSER_TESTS);
    let entries = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, io::Error>>()?;
    Ok(files.into_iter().filter(|file| file.to_string_lossy().ends_with(".test.mjs")).collect())
}

/// Runs tests and counts them; every one has to run and pass.
fn counted(label: &str, tests: &mut Command) -> Result<Tally> {
    let mut tally = Tally::default();
    let result = command::run_and_read(label, tests, |line| tally.read(line));
    match result {
        Err(error) if tally == Tally::default() => Err(error),
        Err(error) => Err(error.context(Failed(tally))),
        Ok(()) if tally.ignored > 0 => bail!(Failed(tally)),
        Ok(()) => Ok(tally),
    }
}

fn guest_cargo(root: &Path, command: &str) -> Command {
    let mut cargo = command::cargo(root);
    cargo.args([command, "--release", "--workspace", "--manifest-path", GUESTS]);
    cargo.env("CARGO_TARGET_DIR", root.join(GUESTS_TARGET));
    cargo
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::{Done, Extent};
    use crate::left_out::LeftOut;

    #[test]
    fn ci_wants_everything_and_a_machine_without_a_language_what_is_possible() {
        for (flag, ci, expected) in [
            (false, None, Extent::WhatIsPossible),
            (false, Some(""), Extent::WhatIsPossible),
            (false, Some("false"), Extent::WhatIsPossible),
            (false, Some("true"), Extent::Everything),
            (false, Some("1"), Extent::Everything),
            (true, None, Extent::Everything),
        ] {
            assert_eq!(Extent::asked(flag, ci.map(OsStr::new)), expected, "{flag} {ci:?}");
        }
    }

    #[test]
    fn what_is_left_out_fails_where_everything_is_wanted() {
        let mut left_out = LeftOut::default();
        left_out.add("browser tests", "there is no Node.js");
        let (whole, part) = (Done::default(), Done { left_out, ..Done::default() });
        for extent in [Extent::Everything, Extent::WhatIsPossible] {
            assert!(extent.judge(&whole).is_ok(), "{extent:?}");
        }
        assert!(Extent::WhatIsPossible.judge(&part).is_ok());
        let error = Extent::Everything.judge(&part).expect_err("left out").to_string();
        assert!(error.ends_with("left out: browser tests: there is no Node.js"), "{error}");
    }
}
