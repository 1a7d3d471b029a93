//! What plugins may do when an operator grants it, and that a secret is told to nobody.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;

use crate::host::{Folders, Host, run, taskloom, tasks};

/// The value that nobody may hear. Twice in other forms: percent-encoded, and in base64.
const SECRET: &str = "hunter2-Very+secret/value";
const FORMS: [&str; 7] = [
    SECRET,
    "hunter2-Very%2Bsecret%2Fvalue",
    "aHVudGVyMi1WZXJ5K3NlY3JldC92YWx1ZQ",
    "hunter2-Very",
    STORED[0],
    STORED[1],
    "c3RvcmVkLU9uZS9hbmQ",
];

/// What the encrypted store holds, one value after the other.
const STORED: [&str; 2] = ["stored-One/and+more", "stored-Two/after+rotation"];

const WORKFLOW: &str = r#"
id = "leaks"
name = "Tries to leak"
version = "1.0.0"

[input]
type = "object"

[context]
publish = { heard = { kept = "${tasks.keep.output}" } }

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
id = "stored"
type = "hostile.send-secret"
input = "${input.stored}"
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
         [[secrets]]\nname = \"password\"\n{}[[secrets]]\nname = \"spare\"\n{}\
         [context]\nread = [\"*\"]\nwrite = [\"seen\"]\n",
        to(port),
        to(other),
        to(port),
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
    set_stored(&folders, STORED[0]);
    let host = host(&folders);
    let input = json!({
        "keep": with_secret("token", port, false),
        "leak": with_secret("token", port, true),
        "stored": with_secret("spare", port, true),
        "elsewhere": with_secret("token", other, true),
    });
    let first = host.start_run("leaks", &input);
    let ended = host.finished(&first);
    check_endings(&ended);
    // Whoever sets it anew beside the running host needs no restart.
    set_stored(&folders, STORED[1]);
    let second = host.start_run("leaks", &input);
    check_endings(&host.finished(&second));
    let sent = heard.lock().expect("not poisoned").join("\n");
    for value in [SECRET, STORED[0], STORED[1]] {
        assert!(sent.contains(&format!("x-key: {value}")), "`{value}` did not go out: {sent}");
    }
    assert!(unheard.lock().expect("not poisoned").is_empty(), "and nowhere else");
    let listed = host.get("/plugins/hostile/refusals");
    let refused: Vec<_> = listed["refusals"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|refusal| (&refusal["run"], &refusal["task"]))
        .collect();
    let elsewhere = json!("elsewhere");
    let (newest, oldest) = (json!(second), json!(first));
    assert_eq!(refused, [(&newest, &elsewhere), (&oldest, &elsewhere)], "{listed:#}");
    let counted = "taskloom_refusals_total{plugin=\"hostile\",capability=\"secrets\"} 2";
    let counts = host.get("/metrics");
    assert!(counts.as_str().is_some_and(|text| text.contains(counted)), "{counts:#}");
    let plugin = host.get("/plugins/hostile");
    let secret = json!({
        "kind": "secrets", "name": "token", "asked": true, "granted": true, "effective": true
    });
    assert!(plugin["capabilities"].as_array().expect("a list").contains(&secret), "{plugin:#}");
    let answers = everything(&host, &[&first, &second]);
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

/// The input of a task that sends a secret in every place where it may be.
fn with_secret(name: &str, port: u16, leak: bool) -> serde_json::Value {
    json!({
        "url": format!("http://127.0.0.1:{port}/?key={{{name}}}"),
        "method": "POST",
        "headers": { "x-key": format!("{{{name}}}"), "content-type": "application/json" },
        "basic": "me",
        "body": format!("{{\"k\": \"{{{name}}}\"}}"),
        "leak": leak,
    })
}

/// Puts a value into the encrypted store, as an operator does.
fn set_stored(folders: &Folders, value: &str) {
    let mut command = taskloom();
    command.args(["secrets", "--data"]).arg(folders.data()).args(["set", "spare"]);
    let done = run(&mut command, &format!("{value}\n"));
    assert_eq!(done.code, 0, "{}", done.err);
}

fn check_endings(ended: &serde_json::Value) {
    let tasks = tasks(ended);
    let expected =
        [("keep", "succeeded"), ("leak", "failed"), ("stored", "failed"), ("elsewhere", "failed")];
    for (task, outcome) in expected {
        assert_eq!(tasks[task]["outcome"], outcome, "{task}: {ended:#}");
    }
    let refusals = &tasks["elsewhere"]["attempts"][0]["capabilities"]["refusals"];
    assert_eq!(refusals[0]["capability"], "secrets", "{ended:#}");
}

fn names(places: &[(String, Vec<u8>)]) -> Vec<&str> {
    places.iter().map(|(place, _)| place.as_str()).collect()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Everything that the API says about runs and their plugin.
fn everything(host: &Host, runs: &[&str]) -> String {
    let of_host = [
        "/runs",
        "/plugins",
        "/plugins/hostile",
        "/plugins/hostile/refusals",
        "/plugins/hostile/events",
        "/contexts",
        "/contexts/heard",
        "/contexts/heard/history",
        "/metrics",
    ];
    let mut text: String = of_host.iter().map(|path| host.get(path).to_string()).collect();
    text.push_str(&host.read("/", &[]));
    for run in runs {
        text.push_str(&of_run(host, run));
    }
    text
}

fn of_run(host: &Host, run: &str) -> String {
    let of_run = ["", "/events", "/logs", "/tasks", "/artefacts"];
    let mut paths: Vec<_> = of_run.iter().map(|path| format!("/runs/{run}{path}")).collect();
    let tasks = ["keep", "leak", "stored", "elsewhere"];
    paths.extend(tasks.map(|task| format!("/runs/{run}/tasks/{task}")));
    let mut text: String = paths.iter().map(|path| host.get(path).to_string()).collect();
    let events = format!("/api/v1/runs/{run}/events");
    let stream = host.read(&events, &[("accept", "text/event-stream")]);
    assert!(stream.contains("event: ") && stream.contains("run-finished"), "{stream}");
    text.push_str(&stream);
    let left = host.get(&format!("/runs/{run}/artefacts"));
    let left = left["artefacts"].as_array().expect("a list");
    assert!(left.len() >= 2, "both handlers that leak left a file: {left:?}");
    for file in left {
        let artefact = file["artefact"].as_str().expect("a digest");
        let content = host.read(&format!("/api/v1/runs/{run}/artefacts/{artefact}"), &[]);
        assert!(content.contains("x-key: "), "it is what came back: {content}");
        text.push_str(&content);
    }
    text
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
