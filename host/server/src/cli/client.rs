//! Asks a running host through its public API.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::{RequestBuilder, Url};
use serde::Serialize;
use serde_json::Value;

use super::output::{harmless, one_line};
use crate::api::BASE;
use crate::api::types::ProblemDetails;

/// Every answer comes sooner, or the host hangs.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// One request to a host.
pub(super) struct Request {
    method: Method,
    path: Vec<String>,
    headers: HeaderMap,
    body: Option<String>,
}

impl Request {
    fn new(method: Method, path: &[&str]) -> Self {
        let path = path.iter().map(|segment| (*segment).to_owned()).collect();
        Self { method, path, headers: HeaderMap::new(), body: None }
    }

    /// Asks for what is at `path`, whose segments are escaped.
    pub(super) fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path)
    }

    /// Posts `body` to `path`.
    ///
    /// # Errors
    /// When the body cannot be written as JSON.
    pub(super) fn post(path: &[&str], body: &impl Serialize) -> Result<Self> {
        let body = Some(serde_json::to_string(body)?);
        Ok(Self { body, ..Self::new(Method::POST, path) })
    }

    /// Puts `body` at `path`.
    ///
    /// # Errors
    /// As [`Self::post`].
    pub(super) fn put(path: &[&str], body: &impl Serialize) -> Result<Self> {
        let body = Some(serde_json::to_string(body)?);
        Ok(Self { body, ..Self::new(Method::PUT, path) })
    }

    /// Deletes what is at `path`.
    pub(super) fn delete(path: &[&str]) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// With a header.
    ///
    /// # Errors
    /// When `value` cannot stand in one.
    pub(super) fn header(mut self, name: &'static str, value: &str) -> Result<Self> {
        let value = HeaderValue::from_str(value)
            .with_context(|| format!("`{value}` cannot be sent as the header `{name}`"))?;
        self.headers.insert(name, value);
        Ok(self)
    }
}

/// A client of one host.
pub(super) struct Client {
    http: reqwest::Client,
    server: Url,
}

impl Client {
    /// A client of the host at `server`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When that is no address of a host.
    pub(super) fn new(server: &str) -> Result<Self> {
        let url: Url = server
            .parse()
            .with_context(|| format!("`{server}` is no URL such as `http://127.0.0.1:8080`"))?;
        if !matches!(url.scheme(), "http" | "https") {
            bail!("`{server}` is no URL such as `http://127.0.0.1:8080`");
        }
        let http = reqwest::Client::builder().timeout(ANSWER_WITHIN).build()?;
        Ok(Self { http, server: url })
    }

    /// What the API says at `path`, whose segments are escaped, with these parameters.
    ///
    /// # Errors
    /// When no host answers, or it refuses; the message says why.
    pub(super) async fn get(
        &self,
        path: &[&str],
        query: &[(&str, Option<String>)],
    ) -> Result<Value> {
        let mut url = self.url(path)?;
        for (name, value) in query {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        self.answer(self.http.get(url)).await
    }

    /// What the API says to `request`; `null` when it has nothing to say.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) async fn send(&self, request: Request) -> Result<Value> {
        let Request { method, path, headers, body } = request;
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let is_typed = headers.contains_key(CONTENT_TYPE);
        let mut sent = self.http.request(method, self.url(&path)?).headers(headers);
        if let Some(body) = body {
            if !is_typed {
                sent = sent.header(CONTENT_TYPE, "application/json");
            }
            sent = sent.body(body);
        }
        self.answer(sent).await
    }

    /// What the API says when `body` is posted to `path`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) async fn post(&self, path: &[&str], body: &impl Serialize) -> Result<Value> {
        self.send(Request::post(path, body)?).await
    }

    /// What the API says when the text of a TOML file is put to `path`, with these headers.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) async fn put_toml(
        &self,
        path: &[&str],
        headers: &[(&'static str, String)],
        text: String,
    ) -> Result<Value> {
        let mut request = Request::new(Method::PUT, path);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/toml"));
        for (name, value) in headers {
            request = request.header(name, value)?;
        }
        self.send(Request { body: Some(text), ..request }).await
    }

    /// Deletes what is at `path`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) async fn delete(&self, path: &[&str]) -> Result<()> {
        self.send(Request::delete(path)).await.map(drop)
    }

    /// The bytes that the API gives at `path`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) async fn bytes(&self, path: &[&str]) -> Result<Vec<u8>> {
        let request = self.http.get(self.url(path)?);
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let bytes = response.bytes().await.context("the host's answer broke off")?;
        if status.is_success() {
            return Ok(bytes.into());
        }
        Err(self.refused(status, &String::from_utf8_lossy(&bytes)))
    }

    fn url(&self, path: &[&str]) -> Result<Url> {
        let mut url = self.server.clone();
        let not_a_base = || anyhow!("`{}` is no URL such as `http://127.0.0.1:8080`", self.server);
        url.path_segments_mut()
            .map_err(|()| not_a_base())?
            .pop_if_empty()
            .extend(BASE.trim_start_matches('/').split('/'))
            .extend(path);
        Ok(url)
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Value> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let text = response.text().await.context("the host's answer broke off")?;
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        if status.is_success() {
            return serde_json::from_str(&text)
                .with_context(|| format!("what answers at {} is no Taskloom host", self.server));
        }
        Err(self.refused(status, &text))
    }

    /// Why the host refused, in its words.
    fn refused(&self, status: StatusCode, text: &str) -> anyhow::Error {
        match serde_json::from_str::<ProblemDetails>(text) {
            Ok(problem) => anyhow!(told(&problem)),
            Err(_) => anyhow!("the host at {} answered {status}: {}", self.server, one_line(text)),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        let server = self.server.as_str().trim_end_matches('/');
        if error.is_connect() {
            return anyhow!(
                "no host answers at {server}\n\n  Start one:     taskloom serve\n  Name another:  \
                 --server URL, or the environment variable TASKLOOM_SERVER"
            );
        }
        if error.is_timeout() {
            return anyhow!("the host at {server} did not answer within {ANSWER_WITHIN:?}");
        }
        anyhow!("the host at {server} could not be asked: {error}")
    }
}

/// Problem details as people read them.
fn told(problem: &ProblemDetails) -> String {
    let mut text = harmless(&problem.detail);
    for problem in &problem.problems {
        text.push_str("\n  - ");
        text.push_str(&one_line(&problem.to_string()));
    }
    text
}
