//! Calls of the hostile guest that nobody should make, each with its stated ending.
//!
//! On its own, without the components by hand: the end-to-end tests call them, and the benchmark does
//! before it measures.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// A call, and how it ends.
pub struct HostileCall {
    /// The task type, without the plugin's name.
    pub task_type: &'static str,
    /// Its input in TOML; `{server}` is the address of the [`server`].
    pub input: &'static str,
    /// Class and code of its failure; `None` when it succeeds.
    pub ending: Option<(&'static str, &'static str)>,
}

const fn ends(
    task_type: &'static str,
    input: &'static str,
    class: &'static str,
    code: &'static str,
) -> HostileCall {
    HostileCall { task_type, input, ending: Some((class, code)) }
}

const fn succeeds(task_type: &'static str, input: &'static str) -> HostileCall {
    HostileCall { task_type, input, ending: None }
}

/// All of them.
pub const CALLS: [HostileCall; 34] = [
    ends("spin", "{}", "limit", "out-of-fuel"),
    ends("spin-io", "{}", "limit", "out-of-fuel"),
    ends("allocate", "{}", "limit", "out-of-memory"),
    succeeds("grow-many", "{}"),
    ends("fill-forever", "{}", "timeout", "timeout"),
    ends("recurse", "{}", "crash", "stack-overflow"),
    ends("flood-output", "{}", "limit", "out-of-memory"),
    ends("flood-output", "{ bytes = 2_000_000 }", "limit", "output-too-large"),
    ends("log-forever", "{}", "limit", "host-calls-exceeded"),
    ends("call-host-forever", "{}", "limit", "host-calls-exceeded"),
    succeeds("talk", "{ lines = 5_000 }"),
    succeeds("measure", "{ values = [[\"no name!\", 1.0], [\"fine\", 2.0]] }"),
    ends("invalid-json", "{}", "permanent", "invalid-output"),
    ends("wrong-output", "{}", "permanent", "invalid-output"),
    ends("ignore-cancel", "{}", "timeout", "timeout"),
    ends("hold-handles", "{}", "crash", "trap"),
    ends("huge-list", "{}", "limit", "output-too-large"),
    succeeds("inject-header", "{ name = \"x-more\", value = \"one\\r\\nx-second: two\" }"),
    ends("open-url", "{ url = \"http://127.0.0.1:9/\" }", "permanent", "http-denied"),
    ends("open-url-pure", "{ url = \"http://{server}/\" }", "permanent", "http-denied"),
    ends("follow", "{ url = \"http://{server}/away\" }", "permanent", "http-denied"),
    ends("park", "{ url = \"http://{server}/\" }", "timeout", "timeout"),
    ends("send-secret", "{ ask = [\"token\"] }", "permanent", "not-granted"),
    ends("send-secret-pure", "{ ask = [\"token\"] }", "permanent", "not-granted"),
    ends("ask-model", "{ prompt = \"Hello\" }", "permanent", "not-granted"),
    ends("use-context", "{ set = { seen = 1 } }", "permanent", "not-granted"),
    ends("read-file", "{ wanted = \"sha256:00\" }", "permanent", "unknown-artefact"),
    ends("panic", "{}", "crash", "panic"),
    ends("trap", "{}", "crash", "trap"),
    ends("fail", "{ class = \"permanent\", code = \"no-luck\" }", "permanent", "no-luck"),
    ends("fail", "{ class = \"invalid-input\" }", "permanent", "asked-to-fail"),
    ends("fail", "{ class = \"retryable\" }", "retryable", "asked-to-fail"),
    ends("fail", "{ class = \"retry-after\" }", "retryable", "asked-to-fail"),
    ends("fail", "{ class = \"cancelled\" }", "permanent", "cancelled-by-itself"),
];

/// What the operator grants the guest while it is called: one server, and nothing else.
pub fn policy(server: &str) -> String {
    let port = server.rsplit_once(':').map_or("", |(_, port)| port);
    format!("[[http]]\nhost = \"127.0.0.1\"\nport = {port}\nschemes = [\"http\"]\n")
}

impl HostileCall {
    /// A workflow of this one call.
    pub fn workflow(&self, id: &str, server: &str) -> String {
        let Self { task_type, input, .. } = self;
        let input = input.replace("{server}", server);
        let ends_by_time = self.ending.is_some_and(|(class, _)| class == "timeout");
        let timeout = if ends_by_time { "500ms" } else { "60s" };
        // Enough for everybody who needs more than a moment, and soon used up by who spins.
        let spins = task_type.starts_with("spin");
        let fuel = if spins { 500_000_000_u64 } else { 100_000_000_000 };
        format!(
            "id = \"{id}\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"task\"\n\
             type = \"hostile.{task_type}\"\ninput = {input}\ntimeout = \"{timeout}\"\n\
             retry = {{ max_attempts = 1 }}\nlimits = {{ fuel = {fuel} }}\n"
        )
    }
}

/// Starts a server that sends `/away` to where nobody may go, and answers nothing else, ever. Gives its
/// address; it lives as long as the process.
pub fn server() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming().flatten() {
            silent.extend(answer(stream));
        }
    });
    Ok(address)
}

/// Answers a request; gives the connection back when nothing is to be said.
fn answer(mut stream: TcpStream) -> Option<TcpStream> {
    let mut head = [0; 1024];
    let read = stream.read(&mut head).ok()?;
    if !head[..read].starts_with(b"GET /away ") {
        return Some(stream);
    }
    let away = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\
                 connection: close\r\n\r\n";
    stream.write_all(away).ok()?;
    None
}
