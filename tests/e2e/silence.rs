//! A server that says nothing until it is told to, and a task that waits for it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use crate::host::{Folders, PATIENCE};

/// A server that takes requests and leaves them unanswered.
pub struct Silence {
    port: u16,
    requests: Receiver<TcpStream>,
}

impl Silence {
    pub fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Whoever asked has sent all of its head, so its handler waits for the answer.
                let reader = BufReader::new(stream.try_clone().expect("a second handle"));
                let head = reader.lines().map_while(Result::ok).take_while(|line| !line.is_empty());
                let is_whole = head.count() > 0;
                if is_whole && sender.send(stream).is_err() {
                    return;
                }
            }
        });
        Self { port, requests }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// The next request; silence lasts as long as it is kept.
    pub fn next(&self) -> TcpStream {
        self.requests.recv_timeout(PATIENCE).expect("a request")
    }
}

/// Breaks the silence.
pub fn answer(mut request: TcpStream) {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    request.write_all(answer).expect("somebody listens");
}

/// The workflow `parked`: one task that waits for the answer of `input.url`, with more keys.
pub fn parked(keys: &str, silence: &Silence) -> Folders {
    let workflow = format!(
        "id = \"parked\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"parked\"\n\
         type = \"hostile.park\"\ninput = {{ url = \"${{input.url}}\" }}\n\
         retry = {{ max_attempts = 1 }}\n{keys}\n"
    );
    let folders = Folders::new(&["hostile"], &[("parked.toml", &workflow)]);
    let policy = format!(
        "[[http]]\nhost = \"127.0.0.1\"\nport = {}\nschemes = [\"http\"]\nmethods = [\"GET\"]\n",
        silence.port
    );
    folders.file("plugins/hostile.policy.toml", &policy);
    folders
}
