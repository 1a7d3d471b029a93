//! `taskloom serve`: a host with its HTTP API.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::args::Serve;
use super::{Done, Failed, compile, logging, output, runtime};
use crate::api;
use crate::app::App;
use crate::config::{Config, Settings};
use crate::connections;

/// Connections that the system keeps until the host takes them.
const BACKLOG: u32 = 1024;

/// How long answers that are under way may take after everything else has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// The exit code of a host that was told twice to stop.
const STOPPED_AT_ONCE: i32 = 130;

pub(super) fn serve(arguments: &Serve) -> Result<Done, Failed> {
    let Serve { listen, workflows, folders } = arguments;
    let more = vec![("server.listen", listen), ("workflows.folder", workflows)];
    let settings = Settings::load(&folders.sources(more))?;
    let mut config = settings.config()?;
    config.plugins.compiler = Some(compile::compiler());
    logging::start(&config.log)?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    runtime()?.block_on(host(config))
}

async fn host(config: Config) -> Result<Done, Failed> {
    let listen = config.server.listen;
    let grace = config.server.shutdown_grace;
    let mut signals = Signals::new().context("listening for signals")?;
    // Taken first, so that a port in use is told before anything is touched; listened on last.
    let socket = take_port(listen).map_err(|error| Failed::invalid(no_port(listen, &error)))?;
    let app = App::start(Arc::new(config)).map_err(|error| Failed::invalid(explain(error)))?;
    let app = Arc::new(app);
    app.keep_tidy();
    app.triggers.listen();
    let listener = socket.listen(BACKLOG);
    let listener = listener.map_err(|error| Failed::invalid(no_port(listen, &error)))?;
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let server = tokio::spawn(answer(listener, Arc::clone(&app), stop.clone()));
    output::print(&format!("listening on http://{address}\n"))?;
    tokio::select! {
        name = signals.next() => tracing::info!(signal = name, "stopping"),
        () = app.stopped() => {}
    }
    // Who asks a second time does not want to wait: what runs is lost and goes on at the next start.
    tokio::spawn(async move {
        signals.next().await;
        std::process::exit(STOPPED_AT_ONCE);
    });
    stop.cancel();
    app.shut_down(grace).await?;
    // Who is still reading then has had its time.
    let _ = tokio::time::timeout(LAST_ANSWERS, server).await;
    Ok(Done::Well)
}

async fn answer(listener: TcpListener, app: Arc<App>, stop: CancellationToken) {
    let limits = app.config.server.connections;
    connections::serve(listener, api::router(app), limits, stop).await;
}

fn take_port(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A host that was just stopped leaves connections behind that would hold the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn no_port(address: SocketAddr, error: &io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => anyhow!(
            "{address} is in use by another program; stop that one, or listen elsewhere by \
             `--listen ADDRESS:PORT` (port 0 takes a free one)"
        ),
        io::ErrorKind::PermissionDenied => anyhow!(
            "{address} may not be listened on by this user; ports below 1024 are reserved: listen \
             elsewhere by `--listen ADDRESS:PORT`"
        ),
        io::ErrorKind::AddrNotAvailable => anyhow!(
            "{address} is no address of this machine; listen elsewhere by `--listen ADDRESS:PORT`"
        ),
        _ => anyhow!("{address} cannot be listened on: {error}"),
    }
}

/// Says first what an error of the store means for the person who starts a host.
fn explain(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<taskloom_store::Error>() {
        Some(taskloom_store::Error::HostLocked { .. }) => {
            error.context("another host works on this data folder")
        }
        Some(taskloom_store::Error::Newer { .. }) => {
            error.context("the journal was written by a newer version")
        }
        _ => error,
    }
}

/// The signals that ask a host to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
