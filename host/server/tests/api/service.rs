//! A service on this machine that workflows call.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// The service, running until the tests have ended.
pub static SERVICE: LazyLock<Service> = LazyLock::new(Service::start);

pub struct Service {
    pub port: u16,
    heard: Heard,
    _runtime: Runtime,
}

#[derive(Clone, Default)]
struct Heard {
    posted: Arc<Mutex<Vec<(String, Value)>>>,
    keys: Arc<Mutex<BTreeSet<String>>>,
}

impl Service {
    fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let heard = Heard::default();
        let router = Router::new()
            .route("/inbox/{name}", post(take))
            .route("/flaky/{name}", post(stumble))
            .route("/data", get(async || Json(json!({ "stars": [{ "n": 1 }, { "n": 2 }] }))))
            .with_state(heard.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { port, heard, _runtime: runtime }
    }

    /// The address of a page of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What was posted to `/inbox/<name>`.
    pub fn posted(&self, name: &str) -> Vec<Value> {
        let posted = self.heard.posted.lock().unwrap_or_else(PoisonError::into_inner);
        posted.iter().filter(|(to, _)| to == name).map(|(_, body)| body.clone()).collect()
    }

    /// What a host must grant to the http plugin.
    pub fn policy(&self) -> String {
        format!(
            "[[http]]\nhost = \"127.0.0.1\"\nport = {}\nschemes = [\"http\"]\n\
             methods = [\"GET\", \"POST\", \"PUT\"]\n",
            self.port
        )
    }
}

async fn take(
    State(heard): State<Heard>,
    Path(name): Path<String>,
    Json(body): Json<Value>,
) -> Json<Value> {
    heard.posted.lock().unwrap_or_else(PoisonError::into_inner).push((name, body));
    Json(json!({ "taken": true }))
}

/// Refuses the first request under each idempotency key, and every one of what is called `bad`.
async fn stumble(
    State(heard): State<Heard>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if body == "bad" {
        return (StatusCode::BAD_REQUEST, "bad").into_response();
    }
    let key = headers.get("idempotency-key").map(|key| format!("{key:?}")).unwrap_or_default();
    if heard.keys.lock().unwrap_or_else(PoisonError::into_inner).insert(key) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    format!("did {body}").into_response()
}
