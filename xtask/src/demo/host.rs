//! A host that the demo starts and stops.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Where the demo keeps the journal and the host's log.
pub(crate) const FOLDER: &str = "target/demo";

/// What the host prints, followed by its address, once it serves.
const READY: &str = "listening on ";

/// A host reads its workflows and opens its journal in far less.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// How much of the log is shown when the host fails.
const LOG_LINES: usize = 20;

/// A running host. Ctrl-C and SIGTERM stop it, gracefully at first, at once when repeated.
#[derive(Debug)]
pub(crate) struct Host {
    child: Child,
    address: String,
    log: PathBuf,
    is_stopping: Arc<AtomicBool>,
}

impl Host {
    /// Starts `program` and waits until it serves.
    ///
    /// # Errors
    ///
    /// When it ends before it serves, with what it said, or does not serve in time.
    pub(crate) fn start(root: &Path, program: &Path, listen: SocketAddr) -> Result<Self> {
        let folder = root.join(FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let log = folder.join("host.log");
        let log_file = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let mut child = Command::new(program)
            .current_dir(root)
            .args(["serve", "--listen", &listen.to_string()])
            .arg("--data")
            .arg(folder.join("data"))
            .args(["--workflows", "workflows", "--plugins", "plugins"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let output = child.stdout.take().expect("standard output was asked for as a pipe");
        let is_stopping = Arc::new(AtomicBool::new(false));
        stop_on_signals(&child, Arc::clone(&is_stopping))?;
        let mut host = Self { child, address: String::new(), log, is_stopping };
        match announced(output).recv_timeout(READY_LIMIT) {
            Ok(address) => host.address = address,
            Err(_) if host.is_stopping() => bail!("stopped before the host was ready"),
            Err(error) => return Err(host.failed(error == RecvTimeoutError::Disconnected)),
        }
        Ok(host)
    }

    /// Where it serves, such as `http://127.0.0.1:8080`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Whether it was told to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// When it ends without having been told to, or unsuccessfully.
    pub(crate) fn wait(mut self) -> Result<()> {
        let status = self.child.wait().context("waiting for the end of the host")?;
        if self.is_stopping() && status.success() {
            return Ok(());
        }
        bail!("the host ended with {status}; {}", self.last_words())
    }

    /// Tells it to stop and waits for its end.
    ///
    /// # Errors
    ///
    /// When it does not end successfully.
    pub(crate) fn stop(self) -> Result<()> {
        self.is_stopping.store(true, Ordering::Relaxed);
        send(&self.child, Signal::TERM)?;
        self.wait()
    }

    /// The error of a host that never served: it has closed its output, or is ended here.
    fn failed(mut self, has_ended: bool) -> anyhow::Error {
        let end = if has_ended {
            self.child
                .wait()
                .map_or_else(|error| error.to_string(), |status| format!("ended with {status}"))
        } else {
            // It may have ended since; then there is nothing to end.
            let _ = self.child.kill();
            let _ = self.child.wait();
            format!("did not serve within {} s", READY_LIMIT.as_secs())
        };
        anyhow::anyhow!("the host {end}; {}", self.last_words())
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        format!("the end of {}:\n{last}", self.log.display())
    }
}

/// The address that the host announces; disconnected when the host ends without having done so.
/// Everything it prints is read, so that it never waits for a reader.
fn announced(output: ChildStdout) -> Receiver<String> {
    let (announce, announced) = mpsc::channel();
    thread::spawn(move || {
        let mut announce = Some(announce);
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let Some((_, address)) = line.split_once(READY) else { continue };
            if let Some(announce) = announce.take() {
                // Nobody listens any more when the limit has passed.
                let _ = announce.send(address.trim().to_owned());
            }
        }
    });
    announced
}

/// Passes the first Ctrl-C or SIGTERM on as a request to stop, a second one as an order.
fn stop_on_signals(child: &Child, is_stopping: Arc<AtomicBool>) -> Result<()> {
    let pid = pid(child)?;
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("handling Ctrl-C")?;
    thread::spawn(move || {
        for _ in signals.forever() {
            let signal =
                if is_stopping.swap(true, Ordering::Relaxed) { Signal::KILL } else { Signal::TERM };
            // The host may have got the terminal's own Ctrl-C and be gone already.
            let _ = kill_process(pid, signal);
        }
    });
    Ok(())
}

fn send(child: &Child, signal: Signal) -> Result<()> {
    kill_process(pid(child)?, signal).context("stopping the host")
}

fn pid(child: &Child) -> Result<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("the host has no process id")
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::path::Path;

    use anyhow::Result;

    use super::Host;

    /// Starts a script of `xtask/fixtures` as a host, with its files below `root`.
    fn start(root: &Path, script: &str) -> Result<Host> {
        let program = crate::root().join("xtask/fixtures").join(script);
        Host::start(root, &program, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    #[test]
    fn a_host_is_ready_when_it_says_so_and_ends_when_told_to() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let host = start(root.path(), "host-that-serves").expect("it says that it is ready");
        assert_eq!(host.address(), "http://127.0.0.1:4711");
        host.stop().expect("it ends successfully");
    }

    #[test]
    fn a_host_that_ends_at_once_is_told_with_its_last_words() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let error = start(root.path(), "host-that-fails").expect_err("it never serves").to_string();
        assert!(error.contains("port 8080 is in use") && error.contains('4'), "{error}");
    }
}
