//! Clients that start runs one after the other, each over a connection of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// Runs of clients that go on until they are stopped. A run that does not succeed is an error.
pub(crate) struct Clients {
    stop: Arc<AtomicBool>,
    ended: Arc<AtomicUsize>,
    answers: Arc<Mutex<Vec<String>>>,
    threads: Vec<JoinHandle<Result<()>>>,
}

/// Whether a client keeps what it is answered.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Answers {
    Dropped,
    Kept,
}

impl Clients {
    /// Starts `count` clients that run `workflow` on the host at `address`.
    pub(crate) fn start(address: &str, workflow: &str, count: usize, answers: Answers) -> Self {
        let (stop, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let kept = Arc::<Mutex<Vec<String>>>::default();
        let client = |_| {
            let (stop, ended, kept) = (Arc::clone(&stop), Arc::clone(&ended), Arc::clone(&kept));
            let (address, workflow) = (address.to_owned(), workflow.to_owned());
            thread::spawn(move || {
                client(&address, &workflow, &stop, |body| {
                    ended.fetch_add(1, Ordering::Relaxed);
                    if answers == Answers::Kept {
                        kept.lock().unwrap_or_else(PoisonError::into_inner).push(body);
                    }
                })
            })
        };
        let threads = (0..count).map(client).collect();
        Self { stop, ended, answers: kept, threads }
    }

    /// Runs that have ended.
    pub(crate) fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }

    /// Runs a second, over `time` from now on.
    pub(crate) fn rate(&self, time: Duration) -> f64 {
        let (before, begun) = (self.ended(), Instant::now());
        thread::sleep(time);
        (self.ended() - before) as f64 / begun.elapsed().as_secs_f64()
    }

    /// Ends them, and gives what they have kept.
    pub(crate) fn stop(self) -> Result<Vec<String>> {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.threads {
            client.join().ok().context("a client panicked")??;
        }
        Ok(std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Starts runs one after the other over one connection. By hand, since a client that does more would take the
/// host's cores.
fn client(address: &str, workflow: &str, stop: &AtomicBool, told: impl Fn(String)) -> Result<()> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_nodelay(true)?;
    let mut answers = BufReader::new(connection.try_clone()?);
    let body = r#"{"input":{}}"#;
    let request = format!(
        "POST /api/v1/workflows/{workflow}/runs HTTP/1.1\r\nhost: {address}\r\nprefer: wait=10\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    while !stop.load(Ordering::Relaxed) {
        connection.write_all(request.as_bytes())?;
        let body = answer(&mut answers)?;
        ensure!(body.contains(r#""outcome":"succeeded""#), "{body}");
        told(body);
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
