//! Runs the programs that xtask is made of, and keeps people informed while they run.

use std::io::{BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Between two signs of life of a silent step, when nobody sees cargo's own progress bar.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How often a command with a time limit is asked whether it has ended.
const POLL: Duration = Duration::from_millis(50);

/// A cargo command in the workspace at `root`, as if it was typed there.
///
/// `cargo run` adds variables that describe xtask to its environment. Build scripts that watch such
/// variables (ring's does) would then run again at every change between `cargo` and `cargo xtask`.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        let described = name.to_string_lossy();
        if described.starts_with("CARGO_PKG_")
            || described.starts_with("CARGO_MANIFEST_")
            || matches!(described.as_ref(), "CARGO" | "CARGO_BIN_NAME" | "CARGO_PRIMARY_PACKAGE")
        {
            command.env_remove(name);
        }
    }
    command
}

/// Runs `command` to its end with its output shown.
///
/// # Errors
///
/// When it cannot be started, or does not succeed.
pub(crate) fn run(label: &str, command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let child =
        command.stdin(Stdio::null()).spawn().with_context(|| format!("{label}: {program}"))?;
    let status = with_heartbeat(label, || wait(child))?;
    succeeded(label, command, status)
}

/// Runs `command` to its end, shows its standard output and gives each line of it to `line`.
///
/// # Errors
///
/// When it cannot be started, or does not succeed.
pub(crate) fn run_and_read(
    label: &str,
    command: &mut Command,
    mut line: impl FnMut(&str) + Send,
) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("{label}: {program}"))?;
    let output = child.stdout.take().expect("standard output was asked for as a pipe");
    let status = with_heartbeat(label, move || {
        let mut reader = BufReader::new(output);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).context("reading its output")? > 0 {
            let text = String::from_utf8_lossy(&bytes);
            print!("{text}");
            line(text.trim_end());
            bytes.clear();
        }
        wait(child)
    })?;
    succeeded(label, command, status)
}

/// Whether `command` succeeded within `limit`. It is ended at the limit; not being able to start it
/// counts as not succeeding.
pub(crate) fn succeeds_within(command: &mut Command, limit: Duration) -> bool {
    let Ok(mut child) = command.stdin(Stdio::null()).spawn() else { return false };
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if started.elapsed() < limit => thread::sleep(POLL),
            _ => {
                // The child may have ended between the two looks; then there is nothing to end.
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

/// The trimmed standard output of `command`, `None` when it fails or cannot be started.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether `program` is found on the search path.
pub(crate) fn is_installed(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Performs `work` on this thread while another one says every ten seconds that `label` still runs,
/// unless people see the progress on a terminal anyway.
pub(crate) fn with_heartbeat<T>(label: &str, work: impl FnOnce() -> T) -> T {
    if std::io::stderr().is_terminal() {
        return work();
    }
    let (done, end) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let started = Instant::now();
            while end.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                eprintln!("   … {label}: {} s", started.elapsed().as_secs());
            }
        });
        let result = work();
        drop(done);
        result
    })
}

fn wait(mut child: Child) -> Result<ExitStatus> {
    child.wait().context("waiting for its end")
}

fn succeeded(label: &str, command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect();
    bail!("{label} failed ({status}): {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::{output, run_and_read, succeeds_within};

    #[test]
    fn a_command_that_hangs_is_ended_at_its_limit() {
        let started = Instant::now();
        let mut sleep = Command::new("sleep");
        assert!(!succeeds_within(sleep.arg("600"), Duration::from_millis(20)));
        assert!(started.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_program_that_is_missing_does_not_succeed() {
        let mut command = Command::new("no-program-of-this-name");
        assert!(!succeeds_within(&mut command, Duration::from_secs(60)));
        assert_eq!(output(&mut command), None);
    }

    #[test]
    fn lines_are_read_also_when_the_command_fails() {
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two; exit 3"]);
        let error = run_and_read("counting", &mut command, |line| lines.push(line.to_owned()));
        let message = error.expect_err("it fails").to_string();
        assert_eq!(lines, ["one", "two"]);
        assert!(message.contains("counting failed") && message.contains('3'), "{message}");
    }
}
