//! One host for all tests of this program, and requests to it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use taskloom::api;
use taskloom::app::App;
use taskloom::config::{Config, Sources};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use crate::service::SERVICE;
use crate::{attempt_workflows, held, steering_workflows, trigger_workflows};

/// Bytes of a body that the host reads.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

const PLUGINS: [&str; 6] = ["github", "hostile", "http", "json", "noop", "text"];

/// The file of a workflow that a test changes, and its first version.
pub const MOVES: (&str, &str) = (
    "moves.toml",
    "id = \"moves\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"a\"\ntype = \"noop.run\"\n",
);

const WORKFLOWS: [(&str, &str); 7] = [
    MOVES,
    (
        "greet.toml",
        r#"
id = "greet"
name = "Greet somebody"
version = "1.2.0"

[input]
type = "object"
required = ["name"]
properties = { name = { type = "string" }, times = { type = "integer", minimum = 1 } }
additionalProperties = false

[[tasks]]
id = "text"
type = "text.render"
input = { template = "Hello {{ name }}", values = { name = "${input.name}" } }

[[tasks]]
id = "echo"
type = "hostile.echo"
input = { said = "${tasks.text.output.text}" }
"#,
    ),
    (
        "endless.toml",
        r#"
id = "endless"
version = "1.0.0"

[[tasks]]
id = "spin"
type = "hostile.obey-cancel"
timeout = "5m"
limits = { fuel = 1_000_000_000_000 }

[[tasks]]
id = "after"
type = "noop.run"
needs = ["spin"]
"#,
    ),
    (
        "fails.toml",
        r#"
id = "fails"
version = "1.0.0"

[[tasks]]
id = "flaky"
type = "hostile.fail"
input = { class = "retryable", code = "no-luck" }
retry = { max_attempts = 2, initial = "1ms", jitter = "none" }

[[tasks]]
id = "after"
type = "noop.run"
needs = ["flaky"]
"#,
    ),
    (
        "talks.toml",
        r#"
id = "talks"
version = "1.0.0"

[[tasks]]
id = "talk"
type = "hostile.talk"
input = { lines = 7 }

[[tasks]]
id = "quiet"
type = "noop.run"
"#,
    ),
    (
        "nowhere.toml",
        r#"
id = "nowhere"
version = "1.0.0"

[[tasks]]
id = "a"
type = "nowhere.run"

[[tasks]]
id = "b"
type = "noop.rnu"
"#,
    ),
    ("broken.toml", "id = \"broken\"\nversoin = \"1.0.0\"\n"),
];

/// What workflows read as `config`.
const VALUES: &str = "
[values]
region = 'north'
retries = 3
[values.mail]
from = 'tasks@example.org'
to = ['a@example.org', 'b@example.org']
";

struct Host {
    runtime: Runtime,
    router: Router,
    app: Arc<App>,
}

static HOST: LazyLock<Host> = LazyLock::new(start);

fn start() -> Host {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("api");
    // What an earlier test run left.
    let _ = fs::remove_dir_all(&root);
    for folder in ["plugins", "workflows"] {
        fs::create_dir_all(root.join(folder)).expect("made");
    }
    for plugin in PLUGINS {
        let to = root.join("plugins").join(format!("{plugin}.wasm"));
        fs::copy(component(plugin), to).expect("copied");
    }
    fs::write(root.join("plugins/broken.wasm"), "no component").expect("written");
    fs::write(
        root.join("plugins/text.policy.toml"),
        "[[http]]\nhost = \"api.example.org\"\nmethods = [\"GET\"]\n",
    )
    .expect("written");
    fs::write(root.join("plugins/http.policy.toml"), SERVICE.policy()).expect("written");
    let configuration = format!("{VALUES}\n{}", trigger_workflows::CONFIGURATION);
    fs::write(root.join("taskloom.toml"), configuration).expect("written");
    let workflows = WORKFLOWS.into_iter().chain(steering_workflows::WORKFLOWS);
    for (name, source) in workflows
        .chain(held::WORKFLOWS)
        .chain(attempt_workflows::WORKFLOWS)
        .chain(trigger_workflows::WORKFLOWS)
    {
        fs::write(root.join("workflows").join(name), source).expect("written");
    }
    for (name, secret) in trigger_workflows::SECRETS {
        fs::write(root.join(name), secret).expect("written");
    }
    for kind in trigger_workflows::EXAMPLES {
        let name = format!("trigger-{kind}.toml");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows/examples");
        fs::copy(from.join(&name), root.join("workflows").join(&name)).expect("copied");
    }
    for folder in ["files/inbox", "files/watched"] {
        fs::create_dir_all(root.join(folder)).expect("made");
    }
    fs::write(root.join("workflows/wide.toml"), wide()).expect("written");
    let folder = |name: &str| root.join(name).display().to_string();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows/templates");
    let sources = Sources {
        file: Some(root.join("taskloom.toml")),
        flags: vec![
            ("data.folder", folder("data")),
            ("plugins.folder", folder("plugins")),
            ("workflows.folder", folder("workflows")),
            ("templates.folder", shipped.display().to_string()),
            ("server.body_bytes_max", BODY_BYTES_MAX.to_string()),
            ("server.allowed_hosts", "tasks.example.org".to_owned()),
            ("slots.cpu", "4".to_owned()),
        ],
        ..Sources::default()
    };
    let config = Arc::new(Config::load(&sources).expect("a configuration"));
    let runtime = Runtime::new().expect("a runtime");
    let app = {
        let _inside = runtime.enter();
        Arc::new(App::start(config).expect("a host"))
    };
    {
        let _inside = runtime.enter();
        app.triggers.listen();
    }
    let router = api::router(Arc::clone(&app));
    let host = Host { runtime, router, app };
    host.runtime.block_on(async {
        while !host.app.catalog.is_settled() {
            tokio::task::yield_now().await;
        }
    });
    host
}

/// The host itself, for what a client cannot do.
pub fn app() -> &'static App {
    &HOST.app
}

/// Writes another version of a workflow's file.
pub fn rewrite(file: &str, source: &str) {
    let folder = &HOST.app.config.workflows_folder;
    fs::write(folder.join(file), source).expect("written");
}

/// Writes a file, or removes it, in the folder that triggers may look at.
pub fn put_file(name: &str, content: Option<&str>) {
    let folder = HOST.app.config.trigger_files.as_ref().expect("a folder");
    match content {
        Some(content) => fs::write(folder.join(name), content).expect("written"),
        None => fs::remove_file(folder.join(name)).expect("removed"),
    }
}

/// A workflow of more tasks than one answer holds.
fn wide() -> String {
    let tasks = (0..1_203).map(|n| format!("[[tasks]]\nid = \"t{n}\"\ntype = \"noop.run\"\n"));
    format!("id = \"wide\"\nversion = \"1.0.0\"\n{}", tasks.collect::<String>())
}

/// A built component, a plugin that ships or a test guest.
pub fn component(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shipped = root.join("plugins").join(format!("{name}.wasm"));
    let guest = root.join("target/guests/components").join(format!("{name}.wasm"));
    let found = [shipped, guest].into_iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no component `{name}`: run `cargo xtask plugins` first"))
}

/// What the API said.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("visible ASCII"))
    }

    /// The JSON of an answer with this status.
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }
}

/// Asks with a method and a path, `GET /runs`, relative to the API unless the path begins with `//`.
pub fn ask(line: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    HOST.runtime.block_on(asked(&HOST.router, line, headers, body.into()))
}

/// Asks a router as [`ask`] does.
pub async fn asked(router: &Router, line: &str, headers: &[(&str, &str)], body: Body) -> Answer {
    let request = request(line, headers, body);
    let response = router.clone().oneshot(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.expect("a whole body").to_bytes();
    let text = String::from_utf8(bytes.into()).expect("UTF-8");
    Answer { status: parts.status.as_u16(), headers: parts.headers, text }
}

fn request(line: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let path = match path.strip_prefix('/') {
        Some(whole) if whole.starts_with('/') => whole.to_owned(),
        _ => format!("/api/v1{path}"),
    };
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).expect("a request")
}

pub fn get(path: &str) -> Value {
    ask(&format!("GET {path}"), &[], "").expect(200)
}

pub fn post(path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    ask(&format!("POST {path}"), &all, body.to_string())
}

/// Puts a workflow.
pub fn put_workflow(id: &str, text: String) {
    let answer =
        ask(&format!("PUT /workflows/{id}"), &[("content-type", "application/toml")], text);
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
}

/// Starts a run and gives its id.
pub fn started(workflow: &str, input: Value) -> String {
    let answer = post(&format!("/workflows/{workflow}/runs"), &[], &json!({ "input": input }));
    answer.expect(201)["id"].as_str().expect("an id").to_owned()
}

/// Runs a workflow to its end and gives the run.
pub fn finished(workflow: &str, input: Value) -> Value {
    let path = format!("/workflows/{workflow}/runs");
    post(&path, &[("prefer", "wait=60")], &json!({ "input": input })).expect(200)
}

/// Waits until `holds` of what the API says at a path, woken by nothing but its own questions.
pub fn until(path: &str, holds: impl FnMut(&Value) -> bool) -> Value {
    wait_for(path, || get(path), holds)
}

/// Asks again until `holds` of the answer.
pub fn wait_for(
    path: &str,
    get: impl Fn() -> Value,
    mut holds: impl FnMut(&Value) -> bool,
) -> Value {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let answer = get();
        if holds(&answer) {
            return answer;
        }
        assert!(std::time::Instant::now() < deadline, "GET {path} stays: {answer:#}");
        std::thread::yield_now();
    }
}
