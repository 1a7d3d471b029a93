//! A host that a test starts, talks to and kills.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a test waits for what must happen before it says that it did not.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The folders of a host, removed at the end of the test.
pub struct Folders {
    root: TempDir,
}

impl Folders {
    /// Folders with these plugins (by name) and workflows (by file name and source).
    pub fn new(plugins: &[&str], workflows: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        for folder in ["plugins", "workflows"] {
            fs::create_dir(root.path().join(folder)).expect("a new folder");
        }
        let folders = Self { root };
        for plugin in plugins {
            folders.add_plugin(plugin);
        }
        for (name, source) in workflows {
            fs::write(folders.workflows().join(name), source).expect("written");
        }
        folders
    }

    pub fn add_plugin(&self, name: &str) {
        let to = self.plugins().join(format!("{name}.wasm"));
        let unsettled = to.with_extension("tmp");
        fs::copy(component(name), &unsettled).expect("copied");
        fs::rename(unsettled, to).expect("renamed");
    }

    /// Keeps compiled code beside the guests, where it is found again: plugins that carry a language's engine take
    /// ten seconds to compile.
    pub fn share_compiled_code(&self) {
        let shared = repository().join("target/guests/code");
        fs::create_dir_all(&shared).expect("a folder");
        fs::create_dir_all(self.data()).expect("a folder");
        std::os::unix::fs::symlink(shared, self.data().join("cache")).expect("a link");
    }

    pub fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    pub fn plugins(&self) -> PathBuf {
        self.root.path().join("plugins")
    }

    pub fn workflows(&self) -> PathBuf {
        self.root.path().join("workflows")
    }

    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.root.path().join(name);
        fs::write(&path, content).expect("written");
        path
    }

    /// The arguments that name these folders.
    pub fn arguments(&self) -> Vec<String> {
        let pairs = [
            ("--data", self.data()),
            ("--plugins", self.plugins()),
            ("--workflows", self.workflows()),
        ];
        pairs
            .into_iter()
            .flat_map(|(flag, path)| [flag.to_owned(), path.display().to_string()])
            .collect()
    }
}

/// A built component, a plugin that ships or a test guest.
pub fn component(name: &str) -> PathBuf {
    let shipped = repository().join("plugins").join(format!("{name}.wasm"));
    let guest = repository().join("target/guests/components").join(format!("{name}.wasm"));
    let found = [shipped, guest].into_iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no component `{name}`: run `cargo xtask plugins` first"))
}

/// Whether something, such as a component, is not there because this machine lacks the language for it; that is said too.
pub fn left_out(name: &str) -> bool {
    let list = repository().join("target/guests/left-out.txt");
    let list = fs::read_to_string(list).unwrap_or_default();
    let reason = list.lines().find(|line| line.contains(name));
    if let Some(reason) = reason {
        // Not by a macro: what those print is kept back when the test passes.
        let _ = writeln!(std::io::stderr(), "\nLEFT OUT: {reason}");
    }
    reason.is_some()
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The `taskloom` command.
pub fn taskloom() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taskloom"));
    command.env_remove("TASKLOOM_SERVER").env("NO_COLOR", "1");
    command
}

/// A running `taskloom serve`.
pub struct Host {
    child: Child,
    pub address: String,
    client: reqwest::blocking::Client,
}

impl Host {
    pub fn start(folders: &Folders) -> Self {
        Self::start_with(folders, &[])
    }

    pub fn start_with(folders: &Folders, environment: &[(&str, &str)]) -> Self {
        let mut command = taskloom();
        command.envs(environment.iter().copied());
        Self::spawn(command, folders)
    }

    /// A host for which a file that may not grow is an error, not a signal that ends it.
    pub fn start_ignoring_file_limits(folders: &Folders) -> Self {
        let mut command = Command::new("sh");
        let program = env!("CARGO_BIN_EXE_taskloom");
        command.args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#, program]);
        Self::spawn(command, folders)
    }

    fn spawn(mut command: Command, folders: &Folders) -> Self {
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(folders.arguments());
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(folders.root.path().join("host.log"))
            .expect("a log file");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut first = String::new();
        let stdout = child.stdout.as_mut().expect("piped");
        BufReader::new(stdout).read_line(&mut first).expect("a line");
        let Some(address) = first.trim().strip_prefix("listening on ") else {
            let log = fs::read_to_string(folders.root.path().join("host.log")).unwrap_or_default();
            panic!("the host did not start: {first}{log}");
        };
        let address = address.to_owned();
        Self { child, address, client: client() }
    }

    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.try_get(path);
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    /// The whole body of an answer, at a path from the root.
    pub fn read(&self, path: &str, headers: &[(&str, &str)]) -> String {
        let mut request = self.client.get(format!("{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().expect("an answer");
        assert_eq!(response.status(), 200, "GET {path}");
        response.text().expect("a text")
    }

    pub fn try_get(&self, path: &str) -> (u16, Value) {
        let url = format!("{}/api/v1{path}", self.address);
        answer(self.client.get(url).send().expect("an answer"))
    }

    pub fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> (u16, Value) {
        answer(self.try_post(path, body, headers).expect("an answer"))
    }

    fn try_post(
        &self,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> reqwest::Result<reqwest::blocking::Response> {
        let mut request =
            self.client.post(format!("{}/api/v1{path}", self.address)).body(body.to_string());
        request = request.header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send()
    }

    /// Starts a run and gives its id.
    pub fn start_run(&self, workflow: &str, input: &Value) -> String {
        let path = format!("/workflows/{workflow}/runs");
        let (status, run) = self.post(&path, &json!({ "input": input }), &[]);
        assert_eq!(status, 201, "{run}");
        run["id"].as_str().expect("an id").to_owned()
    }

    /// Starts a run under a key; `None` when the host died before it answered.
    pub fn start_run_once(&self, workflow: &str, input: &Value, key: &str) -> Option<String> {
        let path = format!("/workflows/{workflow}/runs");
        let body = json!({ "input": input });
        let response = self.try_post(&path, &body, &[("idempotency-key", key)]).ok()?;
        let status = response.status().as_u16();
        let run: Value = response.json().ok()?;
        // The journal could not be written: the host stops.
        if status >= 500 {
            return None;
        }
        assert!(status == 201 || status == 200, "{status}: {run}");
        Some(run["id"].as_str().expect("an id").to_owned())
    }

    /// Starts a run on a host that may be stopping; `None` when it did not take it.
    pub fn start_run_once_or_refused(&self, workflow: &str, input: &Value) -> Option<String> {
        let path = format!("/workflows/{workflow}/runs");
        let response = self.try_post(&path, &json!({ "input": input }), &[]).ok()?;
        let taken = response.status().is_success();
        let run: Value = response.json().ok()?;
        taken.then(|| run["id"].as_str().expect("an id").to_owned())
    }

    /// Waits until a run has ended and gives it.
    pub fn finished(&self, run: &str) -> Value {
        self.when(run, |run| run["outcome"].is_string())
    }

    /// Waits, woken by the run's events, until `holds` of the run.
    pub fn when(&self, run: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let url = format!("{}/api/v1/runs/{run}/events", self.address);
        let events =
            self.client.get(url).header("accept", "text/event-stream").send().expect("a stream");
        let mut lines = BufReader::new(events).lines();
        loop {
            let now = self.get(&format!("/runs/{run}"));
            if holds(&now) {
                return now;
            }
            assert!(Instant::now() < deadline, "it did not happen in time: {now:#}");
            let mut event =
                lines.by_ref().take_while(|line| line.as_ref().is_ok_and(|l| !l.is_empty()));
            // At the end of the stream the run has ended: the next look decides.
            if event.next().is_none() && now["outcome"].is_string() {
                panic!("the run ended without: {now:#}");
            }
            event.for_each(drop);
        }
    }

    /// Waits until no plugin is being loaded.
    pub fn settled(&self) {
        self.until("/plugins", |plugins| {
            let list = plugins["plugins"].as_array().expect("a list");
            plugins["settled"] == true && list.iter().all(|plugin| plugin["state"] != "loading")
        });
    }

    /// Asks again and again, at most for [`PATIENCE`], until `holds` of the answer.
    pub fn until(&self, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path);
            if holds(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "GET {path} stays: {answer:#}");
            std::thread::yield_now();
        }
    }

    /// Kills the process as the kernel would, without a chance to clean up.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Asks the process to stop, and waits until it has.
    pub fn stop(mut self) -> ExitStatus {
        signal(&self.child, "TERM");
        self.child.wait().expect("it ends")
    }

    /// Sends the process a signal, by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// From now on no file of the process grows beyond so many bytes, nor is written to behind them.
    pub fn limit_files(&self, bytes: u64) {
        let pid = self.child.id().to_string();
        let limit = format!("--fsize={bytes}");
        let done = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
        assert!(done.expect("prlimit runs").success());
    }

    /// Waits for the end of the process; gives what it logged, too.
    pub fn wait_with_log(mut self, folders: &Folders) -> (ExitStatus, String) {
        let status = self.child.wait().expect("it ends");
        let log = fs::read_to_string(folders.root.path().join("host.log"));
        (status, log.expect("a log"))
    }

    pub fn terminate(&self) {
        signal(&self.child, "TERM");
    }

    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Already dead in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(child: &Child, name: &str) {
    let done = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(done.expect("kill runs").success());
}

fn client() -> reqwest::blocking::Client {
    // The client wants to know how it would speak TLS; a second answer changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::blocking::Client::builder().timeout(PATIENCE).no_proxy().build().expect("a client")
}

fn answer(response: reqwest::blocking::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let mut text = String::new();
    let mut response = response;
    response.read_to_string(&mut text).expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The tasks of a run by their id.
pub fn tasks(run: &Value) -> HashMap<String, Value> {
    let tasks = run["tasks"].as_array().expect("a list of tasks");
    let named = |task: &Value| (task["id"].as_str().expect("an id").to_owned(), task.clone());
    tasks.iter().map(named).collect()
}

/// What a finished command printed, and how it ended.
pub struct Finished {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs a command to its end, with a text as its standard input.
pub fn run(command: &mut Command, input: &str) -> Finished {
    use std::io::Write as _;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A program that does not read its input may have ended already.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    Finished {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).expect("UTF-8"),
        err: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}
