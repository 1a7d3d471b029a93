//! Secrets: who gets a placeholder, where the value goes, and that it comes back to nobody.

use std::sync::{Arc, Mutex};

use taskloom_wasm::ports::{SecretProblem, SecretSource, SecretValue};
use taskloom_wasm::{CallReport, Plugin};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::{Heard, call, hostile, runtime, told, under};

const TOKEN: &str = "t0ken-Value&more";
const PASSWORD: &str = "pass \"word\"";

/// How often the secret `spare` was read: each time it has another value.
static READS: Mutex<u32> = Mutex::new(0);

/// The secrets of the tests.
pub(crate) struct Vault;

impl SecretSource for Vault {
    fn read(&self, name: &str) -> Result<SecretValue, SecretProblem> {
        let value = match name {
            "token" => TOKEN.to_owned(),
            "password" => PASSWORD.to_owned(),
            "spare" => {
                let mut reads = READS.lock().expect("not poisoned");
                *reads += 1;
                format!("spare-value-{reads}")
            }
            _ => return Err(SecretProblem::Unknown(format!("no secret `{name}`"))),
        };
        Ok(SecretValue::new(value.into_bytes()))
    }
}

/// A server that answers each request with its text, and keeps it.
pub(crate) struct Echo {
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let text = read_request(&mut stream).await;
                keep.lock().expect("not poisoned").push(text.clone());
                let line = text.lines().next().unwrap_or_default().to_owned();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nx-echo: {line}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    text.len()
                );
                for piece in [head.as_bytes(), text.as_bytes()] {
                    for few in piece.chunks(7) {
                        let _ = stream.write_all(few).await;
                        let _ = stream.flush().await;
                    }
                }
            }
        });
        Self { port, heard }
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("not poisoned").clone()
    }

    /// The hostile guest with requests to this server granted, and what else is said.
    fn grants(&self, more: &str) -> Arc<Plugin> {
        under(&self.policy(more))
    }

    /// A policy that grants requests to this server, and what else is said.
    pub(crate) fn policy(&self, more: &str) -> String {
        let port = self.port;
        format!(
            "[[http]]\nhost = \"127.0.0.1\"\nport = {port}\nschemes = [\"http\"]\nmethods = [\"GET\", \"POST\"]\n{more}"
        )
    }

    /// The grant of a secret for this server.
    pub(crate) fn secret(&self, name: &str) -> String {
        let port = self.port;
        format!(
            "[[secrets]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {port}\nschemes = [\"http\"]\n"
        )
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return text,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

async fn send(plugin: &Arc<Plugin>, short: &str, input: &str) -> (CallReport, Arc<Heard>) {
    let (call, heard) = call(short, input);
    (runtime().call(plugin, call).await, heard)
}

#[tokio::test]
async fn a_secret_goes_where_its_grant_says_and_comes_back_as_its_placeholder() {
    let echo = Echo::start().await;
    let plugin = echo.grants(&format!("{}{}", echo.secret("token"), echo.secret("password")));
    let input = format!(
        r#"{{"url": "http://127.0.0.1:{}/x?key={{token}}", "method": "POST", "basic": "me",
            "headers": {{"x-key": "k {{token}}", "content-type": "application/json"}},
            "body": "{{\"password\": \"{{password}}\"}}"}}"#,
        echo.port
    );
    let (report, _) = send(&plugin, "send-secret", &input).await;
    let told = told(&report.ending);
    let [heard] = &echo.heard()[..] else { panic!("one request: {told}") };
    assert!(heard.starts_with("POST /x?key=t0ken-Value%26more HTTP/1.1"), "{heard}");
    assert!(heard.contains("x-key: k t0ken-Value&more"), "{heard}");
    assert!(heard.contains("authorization: Basic bWU6cGFzcyAid29yZCI="), "{heard}");
    assert!(heard.ends_with(r#"{"password": "pass \"word\""}"#), "{heard}");
    assert!(told.starts_with("succeeded"), "{told}");
    for value in [TOKEN, "t0ken", "Value%26", "pass \\\"", "bWU6cGFzcyAi"] {
        assert!(!told.contains(value), "`{value}` came back: {told}");
    }
    assert!(told.contains("taskloomsecret"), "{told}");
    let uses = report.usage.capabilities.expect("secrets were used");
    assert_eq!(uses.secrets, ["token", "password"]);
    assert_eq!(uses.refused, 0);
}

#[tokio::test]
async fn a_secret_that_is_not_granted_has_no_placeholder() {
    let echo = Echo::start().await;
    let granted = echo.grants(&echo.secret("token"));
    for (plugin, short, name, expected) in [
        (
            &granted,
            "send-secret",
            "spare",
            "does not grant the secret `spare`; add [[secrets]] name = \"spare\"",
        ),
        (
            &granted,
            "send-secret",
            "other",
            "manifest does not ask for it in `capabilities.secrets`",
        ),
        (&granted, "send-secret-pure", "token", "the task type is declared `pure`"),
        (&hostile(), "send-secret", "token", "does not grant the secret `token`"),
    ] {
        let (report, heard) = send(plugin, short, &format!(r#"{{"ask": ["{name}"]}}"#)).await;
        let told = told(&report.ending);
        assert!(told.starts_with("permanent not-granted: "), "{told}");
        assert!(told.contains(expected), "{told}");
        let refused = heard.refused();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(refused[0].starts_with("secrets: "), "{refused:?}");
        assert_eq!(report.usage.capabilities.expect("refused").refused, 1);
    }
}

#[tokio::test]
async fn a_request_with_a_secret_to_another_destination_is_refused() {
    let (echo, other) = (Echo::start().await, Echo::start().await);
    let more = format!(
        "{}path_prefix = \"/api\"\n[[http]]\nhost = \"127.0.0.1\"\nport = {}\nschemes = [\"http\"]\n",
        echo.secret("token"),
        other.port
    );
    let plugin = echo.grants(&more);
    let places = [
        (other.port, "/api?key={token}", "{}", "port"),
        (echo.port, "/else?key={token}", "{}", "path_prefix"),
        (echo.port, "/api/{token}", "{}", "stands in its address"),
        (other.port, "/api", r#"{"x-key": "{token}"}"#, "port"),
        (echo.port, "/api", r#"{"{token}": "x"}"#, "name of a header"),
    ];
    for (port, path, headers, expected) in places {
        let input = format!(r#"{{"url": "http://127.0.0.1:{port}{path}", "headers": {headers}}}"#);
        let (report, heard) = send(&plugin, "send-secret", &input).await;
        let told = told(&report.ending);
        assert!(told.starts_with("permanent http-denied: "), "{path}: {told}");
        assert!(told.contains(expected), "{path}: {told}");
        assert!(heard.refused()[0].starts_with("secrets: "), "{:?}", heard.refused());
        assert_eq!(report.usage.requests, 0);
    }
    assert!(echo.heard().is_empty() && other.heard().is_empty());
    let input = format!(r#"{{"url": "http://127.0.0.1:{}/api?key={{token}}"}}"#, echo.port);
    let (report, _) = send(&plugin, "send-secret", &input).await;
    assert!(told(&report.ending).starts_with("succeeded"), "{}", told(&report.ending));
}

#[tokio::test]
async fn a_part_or_another_form_of_a_placeholder_goes_out_as_it_is_and_stands_for_nothing() {
    let echo = Echo::start().await;
    let plugin = echo.grants(&echo.secret("token"));
    let port = echo.port;
    for (path, headers, body) in [
        ("/?k={token/percent}", "{}", ""),
        ("/?a={token/head}&b={token/tail}", "{}", ""),
        ("/", r#"{"x-one": "{token/head}", "x-two": "{token/tail}"}"#, ""),
        ("/", "{}", "{token/head} {token/tail}"),
        ("/", "{}", "{token/base64}"),
        ("/{token/head}", "{}", ""),
    ] {
        let input = serde_json::json!({
            "url": format!("http://127.0.0.1:{port}{path}"),
            "method": "POST",
            "headers": serde_json::from_str::<serde_json::Value>(headers).expect("JSON"),
            "body": body,
        });
        let (report, heard) = send(&plugin, "send-secret", &input.to_string()).await;
        let told = told(&report.ending);
        assert!(told.starts_with("succeeded {\"status\":200"), "{path} {headers} {body}: {told}");
        assert!(heard.refused().is_empty(), "{:?}", heard.refused());
        let uses = report.usage.capabilities.map(|uses| uses.secrets).unwrap_or_default();
        assert!(uses.is_empty(), "no secret left: {uses:?}");
    }
    let sent = echo.heard().join("\n");
    for value in [TOKEN, "t0ken", "Value%26", "dDBrZW4t"] {
        assert!(!sent.contains(value), "`{value}` went out: {sent}");
    }
    assert!(sent.contains("?k=%74askloomsecret"), "{sent}");
}

#[tokio::test]
async fn a_placeholder_in_two_pieces_of_a_body_is_one() {
    let (echo, other) = (Echo::start().await, Echo::start().await);
    let more = format!(
        "{}[[http]]\nhost = \"127.0.0.1\"\nport = {}\nschemes = [\"http\"]\nmethods = [\"POST\"]\n",
        echo.secret("token"),
        other.port
    );
    let plugin = echo.grants(&more);
    // A handler hands over a body in pieces of 4 KiB.
    let body = format!("{}{{token}}", "x".repeat(4_090));
    let input = |port: u16| {
        format!(r#"{{"url": "http://127.0.0.1:{port}/", "method": "POST", "body": "{body}"}}"#)
    };
    let (report, _) = send(&plugin, "send-secret", &input(echo.port)).await;
    assert!(told(&report.ending).starts_with("succeeded"), "{}", told(&report.ending));
    assert!(echo.heard()[0].ends_with(TOKEN), "{}", echo.heard()[0]);
    let (report, heard) = send(&plugin, "send-secret", &input(other.port)).await;
    assert!(told(&report.ending).starts_with("permanent http-denied"), "{}", told(&report.ending));
    assert_eq!(heard.refused().len(), 1);
    assert!(other.heard().is_empty());
}

#[tokio::test]
async fn a_placeholder_in_the_name_of_a_host_is_refused_before_it_is_looked_up() {
    let echo = Echo::start().await;
    let plugin = echo.grants(&format!("{}[[http]]\nhost = \"*\"\n", echo.secret("token")));
    let input = r#"{"url": "https://{token}.test/"}"#;
    let (report, heard) = send(&plugin, "send-secret", input).await;
    let told = told(&report.ending);
    assert!(told.starts_with("permanent http-denied: a request to ….test was refused"), "{told}");
    assert!(heard.refused()[0].starts_with("secrets: "), "{:?}", heard.refused());
    assert_eq!(report.usage.requests, 0);
}

/// A server that sends every request on to `port`, with the query that it came with: the value of a secret,
/// if there was one in it.
async fn redirecting_to(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let own = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let text = read_request(&mut stream).await;
            let path = text.split(' ').nth(1).unwrap_or("/").to_owned();
            let answer = format!(
                "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{port}{path}\r\n\
                 content-length: 0\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    own
}

#[tokio::test]
async fn a_redirect_takes_no_secret_elsewhere() {
    let echo = Echo::start().await;
    let port = redirecting_to(echo.port).await;
    let to = |port: u16| format!("host = \"127.0.0.1\"\nport = {port}\nschemes = [\"http\"]\n");
    let plugin = under(&format!(
        "[[http]]\n{}[[http]]\n{}[[secrets]]\nname = \"token\"\n{}",
        to(port),
        to(echo.port),
        to(port)
    ));
    let input = format!(r#"{{"url": "http://127.0.0.1:{port}/?k={{token}}", "follow": true}}"#);
    let (report, heard) = send(&plugin, "send-secret", &input).await;
    let told = told(&report.ending);
    assert!(told.starts_with("permanent http-denied: GET http://127.0.0.1:"), "{told}");
    assert!(told.contains("was refused with the secret `token` in it"), "{told}");
    assert!(heard.refused()[0].starts_with("secrets: "), "{:?}", heard.refused());
    assert!(echo.heard().is_empty(), "{:?}", echo.heard());
    assert_eq!(report.usage.requests, 1);
}

#[tokio::test]
async fn a_secret_too_many_is_refused() {
    let echo = Echo::start().await;
    let plugin = echo.grants(&format!("{}{}", echo.secret("token"), echo.secret("spare")));
    let (mut call, heard) = call("send-secret", r#"{"ask": ["token", "spare"]}"#);
    call.limits.secrets = 1;
    let report = runtime().call(&plugin, call).await;
    let message = "an attempt may use 1 secrets";
    assert_eq!(told(&report.ending), format!("permanent too-many-secrets: {message}"));
    assert_eq!(heard.refused(), [format!("secrets: {message}")]);
}

#[tokio::test]
async fn what_a_guest_says_of_a_secret_is_not_heard() {
    let echo = Echo::start().await;
    let plugin = echo.grants(&format!("{}[context]\nwrite = [\"seen\"]\n", echo.secret("token")));
    let port = echo.port;
    let input = format!(r#"{{"url": "http://127.0.0.1:{port}/?k={{token}}", "leak": true}}"#);
    let (report, heard) = send(&plugin, "send-secret", &input).await;
    let all = format!("{report:?} {:?} {:?}", heard.lines, heard.progress);
    for value in [TOKEN, "t0ken", "Value%26"] {
        assert!(!all.contains(value), "{all}");
    }
    assert!(all.contains("taskloomsecret"), "what came back is a placeholder: {all}");
}

#[tokio::test]
async fn a_secret_is_read_each_time_it_is_used() {
    let echo = Echo::start().await;
    let plugin = echo.grants(&echo.secret("spare"));
    let input = format!(r#"{{"url": "http://127.0.0.1:{}/?k={{spare}}"}}"#, echo.port);
    for _ in 0..2 {
        send(&plugin, "send-secret", &input).await;
    }
    let values: Vec<_> = echo
        .heard()
        .iter()
        .filter_map(|text| {
            text.split("k=spare-value-").nth(1)?.split(' ').next()?.parse::<u32>().ok()
        })
        .collect();
    assert_eq!(values.len(), 2, "{values:?}");
    assert!(values[0] < values[1], "{values:?}");
}
