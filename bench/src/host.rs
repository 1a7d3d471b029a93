//! A host that is measured: the program as it ships, on a folder of its own.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a file is left half written: shorter than the host waits for a file to settle.
const HALF_WRITTEN: Duration = Duration::from_millis(150);

/// Where things are.
pub(crate) struct Place {
    root: PathBuf,
}

impl Place {
    pub(crate) fn new(root: &Path) -> Result<Self> {
        let root = root.canonicalize().context("finding the repository")?;
        Ok(Self { root })
    }

    /// A folder on the disk that is measured, removed at the end.
    pub(crate) fn scratch(&self) -> Result<TempDir> {
        let folder = self.root.join("target/bench");
        fs::create_dir_all(&folder)?;
        Ok(tempfile::tempdir_in(folder)?)
    }

    /// A folder there that stays for the next measurement.
    pub(crate) fn kept(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join("target/bench").join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The file system under that folder, for the record.
    pub(crate) fn file_system(&self) -> Result<String> {
        let folder = self.scratch()?;
        let output = Command::new("stat").args(["-f", "-c", "%T"]).arg(folder.path()).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// A built component, a plugin that ships or a test guest.
    pub(crate) fn component(&self, name: &str) -> Result<Vec<u8>> {
        let shipped = self.root.join("plugins").join(format!("{name}.wasm"));
        let guest = self.root.join("target/guests/components").join(format!("{name}.wasm"));
        let found = [shipped, guest].into_iter().find(|path| path.is_file());
        let path =
            found.with_context(|| format!("no component `{name}`: run `cargo xtask plugins`"))?;
        Ok(fs::read(path)?)
    }

    /// Checks a workflow file by the program; gives the most memory that it had, in bytes.
    pub(crate) fn validate(&self, file: &Path) -> Result<u64> {
        let mut child = Command::new(self.program()?)
            .arg("validate")
            .arg(file)
            // Where there are no plugins: task types are another matter.
            .current_dir(file.parent().context("a file lies in a folder")?)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        while child.try_wait()?.is_none() {
            peak = fs::read_to_string(&status)
                .ok()
                .and_then(|s| memory_of(&s, "VmHWM:"))
                .unwrap_or(peak);
            std::thread::sleep(Duration::from_millis(2));
        }
        ensure!(child.wait()?.success(), "`{}` is refused", file.display());
        Ok(peak)
    }

    fn program(&self) -> Result<PathBuf> {
        let beside = std::env::current_exe()?.with_file_name("taskloom");
        ensure!(
            beside.is_file(),
            "no `taskloom` beside the benchmark: cargo build --release -p taskloom"
        );
        Ok(beside)
    }
}

/// The folders of a host.
pub(crate) struct Folders {
    root: TempDir,
    data: Option<TempDir>,
}

impl Folders {
    pub(crate) fn new(
        place: &Place,
        plugins: &[&str],
        workflows: &[(&str, String)],
    ) -> Result<Self> {
        let root = place.scratch()?;
        fs::create_dir(root.path().join("plugins"))?;
        fs::create_dir(root.path().join("workflows"))?;
        let folders = Self { root, data: None };
        for name in plugins {
            folders.add_plugin(name, &place.component(name)?)?;
        }
        for (id, source) in workflows {
            fs::write(folders.root.path().join(format!("workflows/{id}.toml")), source)?;
        }
        Ok(folders)
    }

    /// Puts the data folder into memory.
    pub(crate) fn in_memory(mut self) -> Result<Self> {
        self.data = Some(tempfile::tempdir_in("/dev/shm").context("a folder in memory")?);
        Ok(self)
    }

    pub(crate) fn add_plugin(&self, name: &str, component: &[u8]) -> Result<()> {
        Ok(fs::write(self.root.path().join(format!("plugins/{name}.wasm")), component)?)
    }

    /// Puts another version in the place of a plugin, as an installer does: whole or not at all.
    pub(crate) fn replace_plugin(&self, name: &str, component: &[u8]) -> Result<()> {
        let folder = self.root.path().join("plugins");
        let unfinished = folder.join(format!("{name}.wasm.tmp"));
        fs::write(&unfinished, component)?;
        Ok(fs::rename(unfinished, folder.join(format!("{name}.wasm")))?)
    }

    /// Writes another version over a plugin, and takes a break in the middle of it.
    pub(crate) fn write_plugin_in_halves(&self, name: &str, component: &[u8]) -> Result<()> {
        let mut file = fs::File::create(self.root.path().join(format!("plugins/{name}.wasm")))?;
        let (first, second) = component.split_at(component.len() / 2);
        file.write_all(first)?;
        file.sync_all()?;
        std::thread::sleep(HALF_WRITTEN);
        Ok(file.write_all(second)?)
    }

    pub(crate) fn add_policy(&self, name: &str, policy: &str) -> Result<()> {
        Ok(fs::write(self.root.path().join(format!("plugins/{name}.policy.toml")), policy)?)
    }

    fn data(&self) -> PathBuf {
        let folder = self.data.as_ref().unwrap_or(&self.root);
        folder.path().join("data")
    }
}

/// A running host.
pub(crate) struct Host {
    child: Child,
    address: String,
    client: reqwest::blocking::Client,
    folders: Arc<Folders>,
}

impl Host {
    /// Starts a host with its defaults, and waits until its plugins are loaded.
    pub(crate) fn start(place: &Place, folders: Folders) -> Result<Self> {
        Self::start_with(place, folders, &[])
    }

    pub(crate) fn start_with(
        place: &Place,
        folders: Folders,
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        Self::start_on(place, Arc::new(folders), environment)
    }

    /// Ends the host and starts another on its folders.
    pub(crate) fn again(self, place: &Place) -> Result<Self> {
        let folders = Arc::clone(&self.folders);
        drop(self);
        Self::start_on(place, folders, &[])
    }

    fn start_on(
        place: &Place,
        folders: Arc<Folders>,
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let root = folders.root.path();
        let mut child = Command::new(place.program()?)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folders.data())
            .arg("--plugins")
            .arg(root.join("plugins"))
            .arg("--workflows")
            .arg(root.join("workflows"))
            .envs(environment.iter().copied())
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(root.join("host.log"))?)
            .spawn()
            .context("starting the host")?;
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().context("no stdout")?).read_line(&mut line)?;
        let Some(address) = line.trim().strip_prefix("listening on ") else {
            bail!("the host did not start: {}", fs::read_to_string(root.join("host.log"))?);
        };
        // The client wants to know how it would speak TLS; a second answer changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::blocking::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(300))
            .build()?;
        let host = Self { address: address.to_owned(), child, client, folders };
        host.wait_for_plugins()?;
        Ok(host)
    }

    fn wait_for_plugins(&self) -> Result<()> {
        loop {
            let list = self.get("/plugins")?;
            let plugins = list["plugins"].as_array().context("no list of plugins")?;
            if let Some(bad) = plugins.iter().find(|plugin| plugin["state"] == "refused") {
                bail!("a plugin was refused: {bad}");
            }
            if !plugins.is_empty() && plugins.iter().all(|plugin| plugin["state"] == "active") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        let response = self.client.get(format!("{}/api/v1{path}", self.address)).send()?;
        let status = response.status();
        let body: Value = response.json()?;
        ensure!(status.is_success(), "GET {path}: {body}");
        Ok(body)
    }

    /// Starts a run, waits for its end if `wait` is given, and gives what was answered.
    pub(crate) fn run(&self, workflow: &str, wait: Option<u32>) -> Result<Value> {
        let url = format!("{}/api/v1/workflows/{workflow}/runs", self.address);
        let mut request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .body(json!({ "input": {} }).to_string());
        if let Some(seconds) = wait {
            request = request.header("prefer", format!("wait={seconds}"));
        }
        let response = request.send()?;
        let status = response.status();
        let body: Value = response.json()?;
        ensure!(status.is_success(), "starting {workflow}: {body}");
        Ok(body)
    }

    /// Waits for the end of a run and gives it. Looks at the list meanwhile: to show a run its whole journal
    /// is read, which would be measured too.
    pub(crate) fn ended(&self, run: &Value) -> Result<Value> {
        let (id, workflow) = (run["id"].as_str(), run["workflow"].as_str());
        let (id, workflow) = (id.context("no id")?, workflow.context("no workflow")?);
        loop {
            let list = self.get(&format!("/runs?workflow={workflow}&limit=100"))?;
            let runs = list["runs"].as_array().context("no list of runs")?;
            let row = runs.iter().find(|row| row["id"] == id).context("the run is not listed")?;
            if !row["outcome"].is_null() {
                return self.get(&format!("/runs/{id}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Where its plugins and workflows lie.
    pub(crate) fn folders(&self) -> &Folders {
        &self.folders
    }

    /// The address without the scheme.
    pub(crate) fn socket_address(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// Starts a run and gives it when it has succeeded.
    pub(crate) fn finished(&self, workflow: &str) -> Result<Value> {
        let started = self.run(workflow, Some(60))?;
        let run = match started["outcome"].is_null() {
            true => self.ended(&started)?,
            false => started,
        };
        ensure!(run["outcome"] == "succeeded", "{workflow}: {run:#}");
        Ok(run)
    }

    /// Every task of a run, page by page.
    pub(crate) fn tasks(&self, run: &Value) -> Result<Vec<Value>> {
        let id = run["id"].as_str().context("no id")?;
        let mut tasks = Vec::new();
        let mut query = String::from("?limit=1000");
        loop {
            let page = self.get(&format!("/runs/{id}/tasks{query}"))?;
            tasks.extend(page["tasks"].as_array().context("no tasks")?.iter().cloned());
            match page["next_cursor"].as_str() {
                Some(cursor) => query = format!("?limit=1000&cursor={cursor}"),
                None => return Ok(tasks),
            }
        }
    }

    /// Resident memory of the process, in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        self.memory_of("VmRSS:")
    }

    /// The most resident memory that the process ever had, in bytes.
    pub(crate) fn memory_peak(&self) -> Result<u64> {
        self.memory_of("VmHWM:")
    }

    fn memory_of(&self, name: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        memory_of(&status, name).with_context(|| format!("no {name}"))
    }
}

/// A figure of a process's status, in bytes.
fn memory_of(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

impl Drop for Host {
    fn drop(&mut self) {
        // The measurement is over; nothing depends on how the host ends.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
