//! What guests can reach.

use std::sync::Arc;
use std::time::{Duration, Instant};

use taskloom_connectors::egress::{Bounds, Egress, Names};
use taskloom_wasm::{CallLimits, CallReport, Plugin, Policy, Runtime, RuntimeConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::fixture::{Heard, call, component, hostile, hostile_with, name, runtime, told};

/// Answers requests with `response`, or never when there is none. Gives its port.
pub(crate) async fn server(response: Option<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                match response {
                    Some(response) => drop(stream.write_all(response.as_bytes()).await),
                    None => std::future::pending::<()>().await,
                }
            });
        }
    });
    port
}

pub(crate) const HELLO: &str =
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";

/// The hostile guest, with the loopback address granted on `port`.
fn granted(port: u16, methods: &str) -> Arc<Plugin> {
    let source = format!(
        "[[http]]\nhost = \"127.0.0.1\"\nport = {port}\nschemes = [\"http\"]\nmethods = {methods}\n"
    );
    hostile_with(Policy::read("plugins/hostile.policy.toml", &source).expect("a policy"))
}

async fn open(
    plugin: &Arc<Plugin>,
    short: &str,
    input: &str,
    change: impl FnOnce(&mut CallLimits),
) -> (CallReport, Arc<Heard>) {
    let (mut call, heard) = call(short, input);
    change(&mut call.limits);
    (runtime().call(plugin, call).await, heard)
}

#[tokio::test]
async fn a_granted_request_is_answered_and_counted() {
    let port = server(Some(HELLO)).await;
    let plugin = granted(port, "[\"GET\"]");
    let input = format!(r#"{{"url": "http://127.0.0.1:{port}/x"}}"#);
    let (report, _) = open(&plugin, "open-url", &input, |_| ()).await;
    assert_eq!(told(&report.ending), r#"succeeded {"status":200,"body":"hello"}"#);
    assert_eq!((report.usage.requests, report.usage.response_bytes), (1, 5));
}

#[tokio::test]
async fn a_refusal_says_which_grant_is_missing() {
    let nothing = hostile_with(Policy::nothing("plugins/hostile.policy.toml"));
    let input = r#"{"url": "https://api.test:8443/x?token=secret"}"#;
    let (report, heard) = open(&nothing, "open-url", input, |_| ()).await;
    let told = told(&report.ending);
    let expected = "permanent http-denied: plugins/hostile.policy.toml does not grant \
                    GET https://api.test:8443/x; add [[http]] host = \"api.test\", port = 8443";
    assert!(told.starts_with(expected), "{told}");
    assert!(heard.text().iter().any(|line| line.starts_with("warn: plugins/hostile.policy.toml")));
    assert!(!told.contains("secret"), "{told}");
    assert_eq!(report.usage.requests, 0);
}

#[tokio::test]
async fn effects_are_enforced_whatever_is_granted() {
    let port = server(Some(HELLO)).await;
    let plugin = granted(port, "[\"GET\", \"POST\"]");
    let get = format!(r#"{{"url": "http://127.0.0.1:{port}/"}}"#);
    let post = format!(r#"{{"url": "http://127.0.0.1:{port}/", "method": "POST", "body": "b"}}"#);
    for (short, input, expected) in [
        ("open-url", &post, "succeeded"),
        ("open-url-reads", &get, "succeeded"),
        ("open-url-reads", &post, "permanent http-denied: POST http://127.0.0.1"),
        ("open-url-pure", &get, "permanent http-denied: GET http://127.0.0.1"),
    ] {
        let (report, _) = open(&plugin, short, input, |_| ()).await;
        let told = told(&report.ending);
        assert!(told.starts_with(expected), "{short}: {told}");
    }
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_no_way_around() {
    let port = server(Some(HELLO)).await;
    let plugin = granted(port, "[\"GET\"]");
    for url in [
        format!("http://localhost:{port}/"),
        format!("http://127.0.0.2:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://127.0.0.1:{}/", port ^ 1),
    ] {
        let input = format!(r#"{{"url": "{url}"}}"#);
        let (report, _) = open(&plugin, "open-url", &input, |_| ()).await;
        let told = told(&report.ending);
        assert!(told.contains("does not grant"), "{url}: {told}");
    }
}

#[tokio::test]
async fn a_redirect_is_handed_over_and_not_followed() {
    let port = server(Some(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.2/\r\ncontent-length: 0\r\n\
         connection: close\r\n\r\n",
    ))
    .await;
    let plugin = granted(port, "[\"GET\"]");
    let input = format!(r#"{{"url": "http://127.0.0.1:{port}/"}}"#);
    let (report, _) = open(&plugin, "open-url", &input, |_| ()).await;
    assert_eq!(told(&report.ending), r#"succeeded {"status":302,"body":""}"#);
}

#[tokio::test]
async fn responses_and_requests_are_bounded() {
    let port = server(Some(HELLO)).await;
    let plugin = granted(port, "[\"GET\"]");
    let input = format!(r#"{{"url": "http://127.0.0.1:{port}/"}}"#);
    let (report, heard) =
        open(&plugin, "open-url", &input, |limits| limits.response_bytes = 4).await;
    let response = told(&report.ending);
    assert!(response.starts_with("limit response-too-large: the response would"), "{response}");
    assert!(heard.refused()[0].starts_with("http: the response would"), "{:?}", heard.refused());
    let (report, heard) = open(&plugin, "open-url", &input, |limits| limits.requests = 0).await;
    let request = told(&report.ending);
    assert!(request.starts_with("limit requests-exceeded: the call's limit of 0"), "{request}");
    assert!(heard.refused()[0].starts_with("http: the call's limit"), "{:?}", heard.refused());
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused() {
    let port = server(Some(HELLO)).await;
    let plugin = granted(port, "[\"POST\"]");
    let bytes = 16 * 1024 * 1024 + 1;
    let input = format!(
        r#"{{"url": "http://127.0.0.1:{port}/", "method": "POST", "body_bytes": {bytes}}}"#
    );
    let (report, heard) = open(&plugin, "open-url", &input, |_| ()).await;
    let told = told(&report.ending);
    let message = "the request's body has more than 16777216 bytes";
    assert!(told.starts_with(&format!("limit request-too-large: {message}")), "{told}");
    assert_eq!(heard.refused(), [format!("http: {message}")]);
    assert_eq!(report.usage.requests, 0);
}

#[tokio::test]
async fn a_url_that_nobody_could_grant_is_refused_and_noted() {
    let port = server(Some(HELLO)).await;
    let plugin = granted(port, "[\"GET\"]");
    let long = format!("/{}", "x".repeat(9_000));
    for (authority, path, expected) in [
        (
            format!("me:secret@127.0.0.1:{port}"),
            "/",
            "http: a request was refused: a URL with a user",
        ),
        (format!("127.0.0.1:{port}"), &*long, "it is longer than 8192 bytes"),
    ] {
        let input = format!(r#"{{"authority": "{authority}", "path": "{path}"}}"#);
        let (report, heard) = open(&plugin, "inject-url", &input, |_| ()).await;
        let refused = heard.refused();
        assert!(refused.len() == 1 && refused[0].contains(expected), "{authority}: {refused:?}");
        assert_eq!(report.usage.capabilities.expect("refused").refused, 1);
        assert_eq!(report.usage.requests, 0);
    }
}

#[tokio::test]
async fn a_crash_stays_a_crash_whatever_was_refused_before() {
    for (ending, expected) in [
        ("panic", "crash panic: the handler panicked: nobody expected this"),
        ("trap", "crash trap: the handler crashed: "),
    ] {
        let input = format!(r#"{{"url": "http://127.0.0.1:9/", "ending": "{ending}"}}"#);
        let (report, heard) = open(&hostile(), "request-then", &input, |_| ()).await;
        let told = told(&report.ending);
        assert!(told.starts_with(expected), "{told}");
        assert!(told.contains(" (before, the host refused a request: "), "{told}");
        assert_eq!(heard.refused().len(), 1);
    }
}

#[tokio::test]
async fn a_failure_after_a_refusal_is_permanent_if_it_follows_from_it() {
    let port = server(None).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let dead = closed.local_addr().expect("bound").port();
    drop(closed);
    let plugin = granted(dead, "[\"GET\"]");
    let refused = format!("http://127.0.0.1:{port}/");
    let unanswered = format!("http://127.0.0.1:{dead}/");
    for (code, next, expected) in [
        ("http-denied", None, "permanent http-denied: plugins/hostile.policy.toml does not grant"),
        ("http-failed", None, "permanent not-granted: plugins/hostile.policy.toml does not grant"),
        (
            "http-failed",
            Some(&unanswered),
            "retryable http-failed: the input asks for a failure (before",
        ),
        ("upstream-busy", None, "retryable upstream-busy: the input asks for a failure (before"),
    ] {
        let input = serde_json::json!({ "url": refused, "next": next, "ending": "retryable", "code": code });
        let (report, heard) = open(&plugin, "request-then", &input.to_string(), |_| ()).await;
        let told = told(&report.ending);
        assert!(told.starts_with(expected), "{code} {next:?}: {told}");
        assert_eq!(heard.refused().len(), 1);
    }
}

#[tokio::test]
async fn a_failure_after_a_limit_is_of_that_limit_if_it_follows_from_it() {
    let port = server(Some(HELLO)).await;
    let plugin = granted(port, "[\"GET\"]");
    for (code, expected) in [
        ("http-denied", "limit requests-exceeded: the call's limit of 0 requests"),
        ("own", "permanent own: the input asks for a failure (before, the host refused"),
    ] {
        let input = format!(
            r#"{{"url": "http://127.0.0.1:{port}/", "ending": "permanent", "code": "{code}"}}"#
        );
        let (report, _) = open(&plugin, "request-then", &input, |limits| limits.requests = 0).await;
        let told = told(&report.ending);
        assert!(told.starts_with(expected), "{code}: {told}");
    }
}

/// A runtime of its own, and the hostile guest in it.
fn apart(config: RuntimeConfig, policy: &str) -> (Runtime, Arc<Plugin>) {
    let policy = Policy::read("plugins/hostile.policy.toml", policy).expect("a policy");
    let load = move || {
        let config = RuntimeConfig { instances_max: 8, ..config };
        let runtime = Runtime::new(config).expect("a runtime");
        let plugin = runtime.load(&name("hostile"), &component("hostile"), policy);
        (runtime, plugin.expect("a plugin"))
    };
    std::thread::spawn(load).join().expect("no panic")
}

#[tokio::test]
async fn a_granted_name_that_leads_to_a_private_address_is_refused_after_the_lookup() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let names = Names::answered_by(|host| match host {
        "inner.test" => Ok(vec!["10.0.0.1".parse().expect("an address")]),
        _ => Ok(vec!["127.0.0.1".parse().expect("an address")]),
    });
    let egress = Some(Egress::resolving(names).expect("an egress"));
    let policy = format!("[[http]]\nhost = \"*\"\nport = {port}\nschemes = [\"http\"]\n");
    let (runtime, plugin) = apart(RuntimeConfig { egress, ..RuntimeConfig::default() }, &policy);
    for (host, address) in [("inner.test", "10.0.0.1"), ("local.test", "127.0.0.1")] {
        let (call, heard) = call("open-url", &format!(r#"{{"url": "http://{host}:{port}/"}}"#));
        let report = runtime.call(&plugin, call).await;
        let message = format!("`{host}` leads to {address}, which is not a public address; ");
        let told = told(&report.ending);
        assert!(told.starts_with(&format!("permanent http-denied: {message}")), "{told}");
        let refused = heard.refused();
        assert!(
            refused.len() == 1 && refused[0].starts_with(&format!("http: {message}")),
            "{refused:?}"
        );
    }
    let connected = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(connected.is_err(), "nobody connected");
}

#[tokio::test]
async fn a_guest_that_waits_is_stopped_at_its_deadline() {
    let port = server(None).await;
    let plugin = granted(port, "[\"GET\"]");
    let input = format!(r#"{{"url": "http://127.0.0.1:{port}/"}}"#);
    let timeout = Duration::from_millis(150);
    let (report, _) = open(&plugin, "park", &input, |limits| limits.timeout = timeout).await;
    assert_eq!(told(&report.ending), "timeout timeout: the attempt took longer than 150ms");
    assert!(report.usage.host_wait_ms >= 50, "{:?}", report.usage);
    assert!(report.usage.cpu_ms < 100, "{:?}", report.usage);
}

#[tokio::test]
async fn a_guest_that_waits_is_stopped_after_it_was_cancelled() {
    let port = server(None).await;
    let plugin = granted(port, "[\"GET\"]");
    let (call, _) = call("park", &format!(r#"{{"url": "http://127.0.0.1:{port}/"}}"#));
    let cancel = call.cancel.clone();
    let started = Instant::now();
    let calling = tokio::spawn(async move { runtime().call(&plugin, call).await });
    cancel.cancel("a person asked");
    let report = calling.await.expect("no panic");
    assert_eq!(told(&report.ending), "cancelled: a person asked");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn nothing_is_granted_by_default() {
    assert_eq!(hostile().policy().grants().iter().count(), 0);
}

#[tokio::test]
async fn a_guest_that_follows_a_redirect_gets_no_further_than_its_grant() {
    let port = server(Some(
        "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/meta-data\r\n\
         content-length: 0\r\nconnection: close\r\n\r\n",
    ))
    .await;
    let plugin = granted(port, "[\"GET\"]");
    let input = format!(r#"{{"url": "http://127.0.0.1:{port}/"}}"#);
    let (report, _) = open(&plugin, "follow", &input, |_| ()).await;
    let told = told(&report.ending);
    assert!(told.starts_with("permanent http-denied"), "{told}");
    assert!(told.contains("169.254.169.254"), "{told}");
    assert_eq!(report.usage.requests, 1);
}

#[tokio::test]
async fn nothing_is_unpacked() {
    let port = server(Some(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
    ))
    .await;
    let plugin = granted(port, "[\"GET\"]");
    let input = format!(r#"{{"url": "http://127.0.0.1:{port}/"}}"#);
    let (report, _) = open(&plugin, "open-url", &input, |_| ()).await;
    assert_eq!(told(&report.ending), r#"succeeded {"status":200,"body":"hello"}"#);
    assert_eq!(report.usage.response_bytes, 5, "what came is what is counted");
}

#[tokio::test]
async fn an_answer_that_drips_is_stopped_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        // An answer that comes before its request is none.
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
        let mut sent = stream.write_all(head).await;
        let mut pace = tokio::time::interval(Duration::from_millis(5));
        while sent.is_ok() {
            pace.tick().await;
            sent = stream.write_all(b"x").await;
        }
    });
    let plugin = granted(port, "[\"GET\"]");
    let input = format!(r#"{{"url": "http://127.0.0.1:{port}/"}}"#);
    let timeout = Duration::from_millis(200);
    let (report, _) = open(&plugin, "open-url", &input, |limits| limits.timeout = timeout).await;
    assert_eq!(told(&report.ending), "timeout timeout: the attempt took longer than 200ms");
    assert!(report.usage.response_bytes < 1_000, "{:?}", report.usage);
}

#[tokio::test]
async fn a_request_beyond_those_of_its_plugin_waits_on_the_time_of_its_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let policy = format!("[[http]]\nhost = \"127.0.0.1\"\nport = {port}\nschemes = [\"http\"]\n");
    // The bound is one of the host.
    let requests = Bounds { total: 8, each: 1 };
    let (runtime, plugin) = apart(RuntimeConfig { requests, ..RuntimeConfig::default() }, &policy);
    let input = format!(r#"{{"url": "http://127.0.0.1:{port}/"}}"#);
    let first = call("park", &input).0;
    let (cancel, calling) = (first.cancel.clone(), runtime.clone());
    let (running, parked) = (Arc::clone(&plugin), listener.accept());
    let first = tokio::spawn(async move { calling.call(&running, first).await });
    let connection = parked.await.expect("the first request");
    let mut second = call("park", &input).0;
    second.limits.timeout = Duration::from_millis(150);
    let report = runtime.call(&plugin, second).await;
    assert_eq!(told(&report.ending), "timeout timeout: the attempt took longer than 150ms");
    let another = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(another.is_err(), "the second request never left");
    cancel.cancel("a person asked");
    first.await.expect("no panic");
    drop(connection);
}
