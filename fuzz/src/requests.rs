//! Requests: to the API, and of senders that a trigger believes.

use std::fs;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use hmac::{Hmac, Mac as _};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use sha2::Sha256;
use taskloom::api;
use taskloom::app::App;
use taskloom::config::{Config, Sources};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// Bytes of an answer that are looked at: a stream of events never ends.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

const SECRET: &str = "a very secret word";

const WORKFLOW: &str = r#"
id = "waits"
version = "1.0.0"
input = { type = "object" }
output = "${input}"
[[triggers]]
kind = "webhook"
path = "push"
secret = "hook"
input = { ref = "${event.body.ref}" }
[[triggers]]
kind = "github"
secret = "hook"
events = ["issues", "push"]
[[tasks]]
id = "wait"
kind = "wait"
signal = "go"
timeout = "1s"
"#;

struct Place {
    runtime: Runtime,
    router: Router,
    _folder: TempDir,
}

static PLACE: LazyLock<Place> = LazyLock::new(place);

fn place() -> Place {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    for name in ["plugins", "workflows", "templates"] {
        fs::create_dir(path(name)).expect("made");
    }
    fs::write(path("workflows/waits.toml"), WORKFLOW).expect("written");
    fs::write(path("secret"), SECRET).expect("written");
    let secrets = format!("[secrets]\nhook = {{ file = '{}' }}\n", path("secret").display());
    fs::write(path("taskloom.toml"), secrets).expect("written");
    let text = |name: &str| path(name).display().to_string();
    let flags = vec![
        ("data.folder", text("data")),
        ("plugins.folder", text("plugins")),
        ("workflows.folder", text("workflows")),
        ("templates.folder", text("templates")),
        // A crash of the machine is not what is looked for.
        ("data.durability", "process".to_owned()),
        ("runs.max_live", "100".to_owned()),
    ];
    let sources = Sources { file: Some(path("taskloom.toml")), flags, ..Sources::default() };
    let config = Arc::new(Config::load(&sources).expect("a configuration"));
    let runtime = Runtime::new().expect("a runtime");
    let app = {
        let _inside = runtime.enter();
        Arc::new(App::start(config).expect("a host"))
    };
    Place { runtime, router: api::router(app), _folder: folder }
}

/// A line with method and path, lines of headers, an empty line, the body: as HTTP/1.1 has it, without
/// what hyper would refuse before the host sees it.
pub(crate) fn request(bytes: &[u8]) -> bool {
    let (head, body) = halves(bytes);
    let Ok(head) = std::str::from_utf8(head) else { return false };
    let mut lines = head.lines();
    let Some((method, path)) = lines.next().and_then(|line| line.split_once(' ')) else {
        return false;
    };
    let Ok(method) = Method::from_bytes(method.as_bytes()) else { return false };
    // A request that waits would make the fuzzer wait.
    let headers = lines.filter(|line| !line.to_ascii_lowercase().starts_with("prefer"));
    let Some(request) = made(method, path, headers, body) else { return false };
    answered(request)
}

/// Lines of headers, an empty line, the body; signed as a sender would who knows the secret.
pub(crate) fn webhook(bytes: &[u8]) -> bool {
    let (head, body) = halves(bytes);
    let Ok(head) = std::str::from_utf8(head) else { return false };
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    let signed =
        [format!("x-signature-256: sha256={hex}"), format!("x-hub-signature-256: sha256={hex}")];
    let mut is_taken = false;
    for path in ["/api/v1/hooks/push", "/api/v1/hooks/github"] {
        let headers = head.lines().chain(signed.iter().map(String::as_str));
        let Some(request) = made(Method::POST, path, headers, body) else { return false };
        is_taken |= answered(request);
    }
    is_taken
}

/// What is before the first empty line, and what is after it.
fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n");
    end.map_or((bytes, &[]), |end| (&bytes[..end], &bytes[end + 2..]))
}

fn made<'h>(
    method: Method,
    path: &str,
    headers: impl Iterator<Item = &'h str>,
    body: &[u8],
) -> Option<Request<Body>> {
    let mut request =
        Request::builder().method(method).uri(path).body(Body::from(body.to_vec())).ok()?;
    for line in headers {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        request.headers_mut().append(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    Some(request)
}

/// Sends a request; whether it succeeded. What the host did wrong itself is never an answer to bytes of a caller.
fn answered(request: Request<Body>) -> bool {
    let Place { runtime, router, .. } = &*PLACE;
    let asked = format!("{} {}", request.method(), request.uri());
    runtime.block_on(async {
        let answer = router.clone().oneshot(request).await.expect("a router always answers");
        let status = answer.status();
        assert!(
            !status.is_server_error() || status == StatusCode::NOT_IMPLEMENTED,
            "{asked}: {status}"
        );
        let mut body = answer.into_body();
        let mut seen = 0;
        let is_stream = asked.contains("/events") && status.is_success();
        while !is_stream && seen < ANSWER_BYTES_MAX {
            let Some(Ok(frame)) = body.frame().await else { break };
            seen += frame.data_ref().map_or(0, |data| data.len());
        }
        status.is_success()
    })
}
