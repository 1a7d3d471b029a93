//! B2: one-task runs of many clients at once.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::noops;
use crate::host::{Folders, Host, Place};
use crate::limits::Limits;
use crate::report::{Reach, Report};

const CLIENTS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(5);

/// Runs a second to reach.
const TARGET: f64 = 5_000.0;

pub(crate) fn measure(place: &Place, limits: &Limits, report: &Report) -> Result<()> {
    if !report.wants("B2") {
        return Ok(());
    }
    let folders = Folders::new(place, &["noop"], &[("one", noops("one", 1, |_| vec![]))])?;
    let host = Host::start(place, folders)?;
    host.finished("one")?;
    let (stop, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (stop, ended) = (Arc::clone(&stop), Arc::clone(&ended));
            let address = host.socket_address().to_owned();
            thread::spawn(move || client(&address, &stop, &ended))
        })
        .collect();
    thread::sleep(WARM_UP);
    let (before, begun) = (ended.load(Ordering::Relaxed), Instant::now());
    thread::sleep(MEASURED);
    let runs = ended.load(Ordering::Relaxed) - before;
    let value = runs as f64 / begun.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().ok().context("a client panicked")??;
    }
    let cores = thread::available_parallelism()?.get() as f64;
    let limit = Some(cores / limits.call.as_secs_f64());
    let note = format!(
        "one-task runs over HTTP, {CLIENTS} clients on the same cores, each waits for its result; \
         limit = cores / limit-call"
    );
    report.line("B2", (value, "runs/s"), limit, Reach::AtLeast(TARGET), ("full", note))
}

/// Starts runs one after the other over one connection. By hand, since a client that does more would take the
/// host's cores.
fn client(address: &str, stop: &AtomicBool, ended: &AtomicUsize) -> Result<()> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_nodelay(true)?;
    let mut answers = BufReader::new(connection.try_clone()?);
    let body = r#"{"input":{}}"#;
    let request = format!(
        "POST /api/v1/workflows/one/runs HTTP/1.1\r\nhost: {address}\r\nprefer: wait=10\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    while !stop.load(Ordering::Relaxed) {
        connection.write_all(request.as_bytes())?;
        let body = answer(&mut answers)?;
        ensure!(body.contains(r#""outcome":"succeeded""#), "{body}");
        ended.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Reads one answer of a server that says how long it is.
fn answer(connection: &mut BufReader<TcpStream>) -> Result<String> {
    let mut length = None;
    let mut line = String::new();
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = Some(value.trim().parse()?);
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length.context("an answer without a length")?];
    connection.read_exact(&mut body)?;
    Ok(String::from_utf8(body)?)
}
