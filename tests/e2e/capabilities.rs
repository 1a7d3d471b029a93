//! What plugins may do when an operator grants it, and that a secret is told to nobody.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;

use crate::host::{Folders, Host, tasks};

/// The value that nobody may hear. Twice in other forms: percent-encoded, and in base64.
const SECRET: &str = "hunter2-Very+secret/value";
const FORMS: [&str; 4] =
    [SECRET, "hunter2-Very%2Bsecret%2Fvalue", "aHVudGVyMi1WZXJ5K3NlY3JldC92YWx1ZQ", "hunter2-Very"];

const WORKFLOW: &str = r#"
id = "leaks"
name = "Tries to leak"
version = "1.0.0"

[input]
type = "object"

[[tasks]]
id = "keep"
type = "hostile.send-secret"
input = "${input.keep}"
allow_failure = true

[[tasks]]
id = "leak"
type = "hostile.send-secret"
input = "${input.leak}"
allow_failure = true

[[tasks]]
id = "elsewhere"
type = "hostile.send-secret"
input = "${input.elsewhere}"
allow_failure = true
"#;

/// A server that answers with everything that it was sent. Gives its port and what it hears.
fn echo() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&heard);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Some(text) = answer(stream) {
                keep.lock().expect("not poisoned").push(text);
            }
        }
    });
    (port, heard)
}

fn answer(mut stream: TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        text.push_str(&line);
        if line == "\r\n" || line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    text.push_str(&String::from_utf8_lossy(&body));
    let first = text.lines().next().unwrap_or_default();
    let head = format!("HTTP/1.1 200 OK\r\nx-echo: {first}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(text.as_bytes()).ok()?;
    Some(text)
}

fn policy(folders: &Folders, port: u16, other: u16) {
    let to = |port: u16| format!("host = \"127.0.0.1\"\nport = {port}\nschemes = [\"http\"]\n");
    let text = format!(
        "[[http]]\n{}methods = [\"GET\", \"POST\"]\n[[http]]\n{}methods = [\"POST\"]\n[[secrets]]\nname = \"token\"\n{}\
         [[secrets]]\nname = \"password\"\n{}[context]\nread = [\"*\"]\nwrite = [\"seen\"]\n",
        to(port),
        to(other),
        to(port),
        to(port)
    );
    folders.file("plugins/hostile.policy.toml", &text);
}

fn host(folders: &Folders) -> Host {
    folders.file("secret", &format!("{SECRET}\n"));
    let configuration =
        "[secrets]\ntoken = { file = \"secret\" }\npassword = { env = \"LEAK_TEST\" }\n";
    let configuration = folders.file("taskloom.toml", configuration).display().to_string();
    let environment = [
        ("TASKLOOM_CONFIG", configuration.as_str()),
        ("LEAK_TEST", SECRET),
        ("TASKLOOM_LOG_LEVEL", "trace"),
    ];
    Host::start_with(folders, &environment)
}

#[test]
fn the_value_of_a_secret_is_told_to_nobody() {
    let ((port, heard), (other, unheard)) = (echo(), echo());
    let folders = Folders::new(&["hostile"], &[("leaks.toml", WORKFLOW)]);
    policy(&folders, port, other);
    let host = host(&folders);
    let with_token = |port: u16, leak: bool| {
        json!({
            "url": format!("http://127.0.0.1:{port}/?key={{token}}"),
            "method": "POST",
            "headers": { "x-key": "{token}", "content-type": "application/json" },
            "basic": "me",
            "body": "{\"k\": \"{token}\"}",
            "leak": leak,
        })
    };
    let input = json!({
        "keep": with_token(port, false),
        "leak": with_token(port, true),
        "elsewhere": with_token(other, true),
    });
    let run = host.start_run("leaks", &input);
    let ended = host.finished(&run);
    let tasks = tasks(&ended);
    assert_eq!(tasks["keep"]["outcome"], "succeeded", "{ended:#}");
    assert_eq!(tasks["leak"]["outcome"], "failed", "{ended:#}");
    assert_eq!(tasks["elsewhere"]["outcome"], "failed", "{ended:#}");
    let refusals = &tasks["elsewhere"]["attempts"][0]["capabilities"]["refusals"];
    assert_eq!(refusals[0]["capability"], "secrets", "{ended:#}");
    let sent = heard.lock().expect("not poisoned").join("\n");
    assert!(sent.contains(&format!("x-key: {SECRET}")), "it did go out: {sent}");
    assert!(unheard.lock().expect("not poisoned").is_empty(), "and nowhere else");
    let listed = host.get("/plugins/hostile/refusals");
    let tasks: Vec<_> = listed["refusals"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|refusal| (&refusal["run"], &refusal["task"]))
        .collect();
    assert_eq!(tasks, [(&json!(run), &json!("elsewhere"))], "{listed:#}");
    let counted = "taskloom_refusals_total{plugin=\"hostile\",capability=\"secrets\"} 1";
    let counts = host.get("/metrics");
    assert!(counts.as_str().is_some_and(|text| text.contains(counted)), "{counts:#}");
    let plugin = host.get("/plugins/hostile");
    let secret = json!({
        "kind": "secrets", "name": "token", "asked": true, "granted": true, "effective": true
    });
    assert!(plugin["capabilities"].as_array().expect("a list").contains(&secret), "{plugin:#}");
    let answers = everything(&host, &run);
    assert!(answers.contains("taskloomsecret"), "what came back was a placeholder");
    host.stop();
    let mut places = vec![("the API".to_owned(), answers.into_bytes())];
    files(folders.data().parent().expect("a folder"), &mut places);
    assert!(places.iter().any(|(place, _)| place.ends_with("host.log")), "the log is looked at");
    assert!(places.iter().any(|(place, _)| place.ends_with("taskloom.db")), "{:?}", names(&places));
    for (place, bytes) in &places {
        // Where it is on purpose.
        if place.ends_with("/secret") {
            continue;
        }
        for form in FORMS {
            assert!(!contains(bytes, form), "`{form}` is in {place}");
        }
    }
}

fn names(places: &[(String, Vec<u8>)]) -> Vec<&str> {
    places.iter().map(|(place, _)| place.as_str()).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Everything that the API says about a run and its plugin.
fn everything(host: &Host, run: &str) -> String {
    let mut paths = vec![
        format!("/runs/{run}"),
        format!("/runs/{run}/events"),
        format!("/runs/{run}/logs"),
        format!("/runs/{run}/tasks"),
        format!("/runs/{run}/artefacts"),
        "/runs".to_owned(),
        "/plugins".to_owned(),
        "/plugins/hostile".to_owned(),
        "/plugins/hostile/refusals".to_owned(),
        "/metrics".to_owned(),
    ];
    paths.extend(["keep", "leak", "elsewhere"].map(|task| format!("/runs/{run}/tasks/{task}")));
    paths.iter().map(|path| host.get(path).to_string()).collect()
}

/// Every file below a folder, but for components.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_none_or(|extension| extension != "wasm") {
            found.push((path.display().to_string(), fs::read(&path).unwrap_or_default()));
        }
    }
}

const SHARES: &str = r#"
id = "shares"
name = "Handlers share"
version = "1.0.0"
output = { seen = "${context.seen}", tenant = "${context.tenant}", read = "${tasks.read.output.got}" }

[[tasks]]
id = "set"
type = "hostile.use-context"
input = { set = { seen = { pages = 3 } } }

[[tasks]]
id = "read"
type = "hostile.use-context-reads"
needs = ["set"]
input = { get = ["seen", "tenant"] }

[[tasks]]
id = "ask"
type = "hostile.ask-model"
input = { prompt = "Hello" }
allow_failure = true
"#;

#[test]
fn what_a_handler_sets_is_in_the_context_of_its_run() {
    let folders = Folders::new(&["hostile"], &[("shares.toml", SHARES)]);
    let text = "[context]\nread = [\"*\"]\nwrite = [\"seen\"]\n[ai]\nusd_per_run = 0.5\n";
    folders.file("plugins/hostile.policy.toml", text);
    let host = host(&folders);
    let start = json!({ "context": { "tenant": "acme" } });
    let (status, run) = host.post("/workflows/shares/runs", &start, &[]);
    assert_eq!(status, 201, "{run:#}");
    let run = host.finished(run["id"].as_str().expect("an id"));
    let seen = json!({ "pages": 3 });
    let read = json!({ "seen": seen, "tenant": "acme" });
    let expected = json!({ "seen": seen, "tenant": "acme", "read": read });
    assert_eq!(run["output"], expected, "{run:#}");
    assert_eq!(run["context"]["seen"]["from"]["task"], "set", "{run:#}");
    assert_eq!(run["context"]["tenant"]["from"]["source"], "start", "{run:#}");
    let tasks = tasks(&run);
    let uses = &tasks["read"]["attempts"][0]["capabilities"];
    assert_eq!((&uses["context_reads"], &uses["refused"]), (&json!(2), &json!(0)));
    let failure = &tasks["ask"]["failure"];
    assert_eq!(failure["code"], "ai-not-configured", "{run:#}");
    assert_eq!(tasks["ask"]["attempts"].as_array().map(Vec::len), Some(1), "it is not tried again");
    let used = &tasks["ask"]["attempts"][0]["capabilities"]["ai"];
    assert_eq!((&used["requests"], &used["run_usd_limit"]), (&json!(1), &json!(0.5)), "{run:#}");
}
