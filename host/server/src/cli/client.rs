//! Asks a running host through its public API.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use reqwest::{RequestBuilder, StatusCode, Url};
use serde::Serialize;
use serde_json::Value;

use super::output::{harmless, one_line};
use crate::api::BASE;
use crate::api::types::ProblemDetails;

/// Every answer comes sooner, or the host hangs.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

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
        self.send(self.http.get(url)).await
    }

    /// What the API says when `body` is posted to `path`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) async fn post(&self, path: &[&str], body: &impl Serialize) -> Result<Value> {
        let url = self.url(path)?;
        self.send(self.http.post(url).json(body)).await
    }

    /// What the API says when `body` is put to `path`, if what is there is at `seq`, where that is said.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) async fn put(
        &self,
        path: &[&str],
        body: &impl Serialize,
        seq: Option<u64>,
    ) -> Result<Value> {
        let request = self.http.put(self.url(path)?).json(body);
        self.send(if_match(request, seq)).await
    }

    /// Deletes what is at `path`, if it is at `seq`, where that is said.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) async fn delete(&self, path: &[&str], seq: Option<u64>) -> Result<()> {
        let request = self.http.delete(self.url(path)?);
        self.send(if_match(request, seq)).await.map(|_| ())
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

    async fn send(&self, request: RequestBuilder) -> Result<Value> {
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
        match serde_json::from_str::<ProblemDetails>(&text) {
            Ok(problem) => Err(anyhow!(told(&problem))),
            Err(_) => bail!("the host at {} answered {status}: {}", self.server, one_line(&text)),
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

/// A request that is refused when what it is about is not at `seq` any more.
fn if_match(request: RequestBuilder, seq: Option<u64>) -> RequestBuilder {
    match seq {
        Some(seq) => request.header("if-match", format!("\"{seq}\"")),
        None => request,
    }
}
