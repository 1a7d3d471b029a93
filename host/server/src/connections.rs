//! The connections of clients: how many there are at once, and how long one may say nothing.
//!
//! What is asked over them is answered by the API; this bounds what a client holds that asks for nothing,
//! or takes for ever to say what it wants.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// How long nothing is accepted after the system had no room for a connection: until others are closed.
const NO_ROOM_PAUSE: Duration = Duration::from_secs(1);

/// What clients may hold without asking for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at once. One more is taken when another is closed, and waits in the system's queue.
    pub connections: usize,
    /// How long the head of a request may take from the first moment that there could be one: a connection
    /// that brings none is closed as well.
    pub head_timeout: Duration,
}

impl ConnectionLimits {
    /// These limits for this process: files that it may open are also there for what is not a connection.
    fn here(self) -> Self {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let most = usize::try_from(files / 2).unwrap_or(usize::MAX).max(1);
        Self { connections: self.connections.min(most), ..self }
    }
}

/// Answers the requests that come over `listener` until `stop`; then those that are under way. Returns when
/// the last connection is closed.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    let limits = limits.here();
    let mut room = Room { places: Arc::new(Semaphore::new(limits.connections)), is_full: false };
    let open = GracefulShutdown::new();
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(limits.head_timeout);
    loop {
        let (stream, place) = tokio::select! {
            next = accept(&listener, &mut room) => next,
            () = stop.cancelled() => break,
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = open.watch(protocol.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // Clients go away in the middle of everything; that is no news.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    // Nobody else is taken while the last ones are answered.
    drop(listener);
    open.shutdown().await;
}

/// Room for connections.
struct Room {
    places: Arc<Semaphore>,
    /// Whether it was full when the last place was taken: that is told once, not for each who waits.
    is_full: bool,
}

impl Room {
    async fn take(&mut self) -> OwnedSemaphorePermit {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            self.is_full = false;
            return place;
        }
        if !self.is_full {
            tracing::warn!("as many clients are connected as may be: see `server.connections`");
            self.is_full = true;
        }
        let place = Arc::clone(&self.places).acquire_owned().await;
        place.expect("nobody closes it")
    }
}

/// The next connection, and its place among those there may be.
async fn accept(listener: &TcpListener, room: &mut Room) -> (TcpStream, OwnedSemaphorePermit) {
    let place = room.take().await;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(NO_ROOM_PAUSE).await;
            }
        }
    }
}

/// Whether a connection could not be accepted because the other side is gone again.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinHandle;

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

    struct Server {
        address: std::net::SocketAddr,
        stop: CancellationToken,
        serving: JoinHandle<()>,
    }

    async fn start(connections: usize, head_timeout: Duration) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let router = Router::new().route("/", get(async || "well"));
        let (limits, stop) =
            (ConnectionLimits { connections, head_timeout }, CancellationToken::new());
        let serving = tokio::spawn(serve(listener, router, limits, stop.clone()));
        Server { address, stop, serving }
    }

    impl Server {
        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.expect("connected")
        }
    }

    /// Asks over a connection and reads the answer as far as its last word.
    async fn ask(connection: &mut TcpStream) -> bool {
        connection.write_all(REQUEST).await.expect("sent");
        let mut answer = Vec::new();
        while !answer.ends_with(b"well") {
            if connection.read_buf(&mut answer).await.expect("read") == 0 {
                return false;
            }
        }
        answer.starts_with(b"HTTP/1.1 200")
    }

    #[tokio::test]
    async fn a_client_that_drips_its_head_is_closed_and_others_are_served() {
        let server = start(64, Duration::from_millis(100)).await;
        let mut silent = server.connect().await;
        let mut slow = server.connect().await;
        // It says something again and again, and would never come to an end.
        let dripping = async {
            let mut some = [0; 64];
            loop {
                if slow.write_all(b"G").await.is_err() {
                    return;
                }
                tokio::select! {
                    read = slow.read(&mut some) => match read {
                        Ok(0) | Err(_) => return,
                        Ok(_) => {}
                    },
                    () = tokio::task::yield_now() => {}
                }
            }
        };
        let served = async {
            let mut other = server.connect().await;
            assert!(ask(&mut other).await);
            assert!(ask(&mut other).await, "one connection, two requests");
        };
        tokio::join!(dripping, served);
        let mut rest = Vec::new();
        silent.read_to_end(&mut rest).await.expect("closed");
        assert!(rest.is_empty(), "who says nothing is told nothing");
    }

    #[tokio::test]
    async fn a_client_too_many_waits_until_another_is_gone() {
        let server = start(1, Duration::from_secs(60)).await;
        let mut first = server.connect().await;
        assert!(ask(&mut first).await);
        let mut second = server.connect().await;
        let mut asked = Box::pin(ask(&mut second));
        // The first is answered again while the second waits.
        tokio::select! {
            biased;
            _ = &mut asked => panic!("there is room for one"),
            again = ask(&mut first) => assert!(again),
        }
        drop(first);
        assert!(asked.await);
    }

    #[tokio::test]
    async fn the_end_waits_for_answers_and_for_nobody_who_asks_nothing() {
        let server = start(64, Duration::from_secs(60)).await;
        let mut idle = server.connect().await;
        assert!(ask(&mut idle).await);
        server.stop.cancel();
        server.serving.await.expect("it ends");
        assert_eq!(idle.read(&mut [0; 8]).await.expect("closed"), 0);
        assert!(TcpStream::connect(server.address).await.is_err(), "nobody else is taken");
    }
}
