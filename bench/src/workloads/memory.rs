//! B7: memory of a host that is idle, that has many waiting runs, and many calls in the air.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::copies::renamed;
use crate::figures::mb;
use crate::host::{Folders, Host, Place};
use crate::report::{Reach, Report};

const PLUGINS: usize = 20;
const WAITING_RUNS: usize = 10_000;
const PARKED: usize = 1_000;

/// Memory an idle host may have, in MB, and a busy one.
const IDLE_MAX: f64 = 60.0;
const BUSY_MAX: f64 = 300.0;

pub(crate) fn measure(place: &Place, report: &Report) -> Result<()> {
    let (idle, waiting, parked) = ("B7.idle", "B7.waiting", "B7.parked");
    if ![idle, waiting, parked].iter().any(|id| report.wants(id)) {
        return Ok(());
    }
    let server = silent_server()?;
    let host = Host::start(place, folders(place, server)?)?;
    thread::sleep(Duration::from_secs(2));
    let line = |id: &str, max: f64, note: &str| {
        let value = mb(host.memory()?);
        report.line(id, (value, "MB"), None, Reach::AtMost(max), ("full", note))
    };
    line(idle, IDLE_MAX, "resident memory, idle with 20 plugins")?;
    for _ in 0..WAITING_RUNS {
        host.run("wait", None)?;
    }
    until(&host, "/runs?status=waiting&limit=1", |page| !page["runs"][0].is_null())?;
    thread::sleep(Duration::from_secs(2));
    line(waiting, BUSY_MAX, "and 10,000 runs that wait for their next attempt")?;
    for _ in 0..PARKED {
        host.run("park", None)?;
    }
    let oldest = host.run("park", None)?["id"].as_str().context("no id")?.to_owned();
    until(&host, &format!("/runs/{oldest}"), |run| run["tasks"][0]["status"] == "running")?;
    thread::sleep(Duration::from_secs(2));
    line(parked, BUSY_MAX, "and 1,001 attempts that wait inside a host call")
}

fn until(host: &Host, path: &str, holds: impl Fn(&serde_json::Value) -> bool) -> Result<()> {
    while !holds(&host.get(path)?) {
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Accepts connections and never answers.
fn silent_server() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        let mut connections = Vec::new();
        for connection in listener.incoming() {
            connections.push(connection);
        }
    });
    Ok(port)
}

fn folders(place: &Place, port: u16) -> Result<Folders> {
    let wait = "id = \"wait\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"a\"\ntype = \"hostile.fail\"\n\
                input = { class = \"retry-after\", delay_ms = 3_600_000 }\n";
    let park = format!(
        "id = \"park\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"a\"\ntype = \"hostile.park\"\n\
         input = {{ url = \"http://127.0.0.1:{port}/\" }}\ntimeout = \"1h\"\n"
    );
    let shipped = ["github", "http", "json", "text", "hostile"];
    let workflows = [("wait", wait.to_owned()), ("park", park)];
    let folders = Folders::new(place, &shipped, &workflows)?;
    let policy = format!(
        "[[http]]\nhost = \"127.0.0.1\"\nport = {port}\nschemes = [\"http\"]\n\
         [limits]\ntimeout = \"1h\"\n"
    );
    folders.add_policy("hostile", &policy)?;
    let noop = place.component("noop")?;
    for copy in shipped.len()..PLUGINS {
        let name = format!("np{copy:02}");
        folders.add_plugin(&name, &renamed(&noop, *b"noop", name.as_bytes().try_into()?))?;
    }
    Ok(folders)
}
