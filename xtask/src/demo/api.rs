//! The part of the HTTP API that the demo uses.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

/// Every answer but an event stream comes sooner, or the host hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Enough for any run that a host shows.
const ANSWER_BYTES: u64 = 256 * 1024 * 1024;

/// A client of one host.
#[derive(Debug)]
pub(crate) struct Api {
    agent: Agent,
    base: String,
}

impl Api {
    /// A client of the host at `address`, such as `http://127.0.0.1:8080`.
    pub(crate) fn new(address: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).proxy(None).build();
        Self { agent: config.new_agent(), base: format!("{address}/api/v1") }
    }

    /// Starts a run of `workflow` and tells its id.
    ///
    /// # Errors
    ///
    /// When the host does not answer, or refuses; the message is its problem details.
    pub(crate) fn start(&self, workflow: &str, input: &Value) -> Result<String> {
        let answer = self
            .agent
            .post(format!("{}/workflows/{workflow}/runs", self.base))
            .config()
            .timeout_global(Some(ANSWER_LIMIT))
            .build()
            .header("content-type", "application/json")
            .send(json!({ "input": input }).to_string())
            .context("starting the run")?;
        let started: Started = read(answer).context("the host did not start the run")?;
        Ok(started.id)
    }

    /// A run as it is now.
    ///
    /// # Errors
    ///
    /// When the host does not answer, or does not know the run.
    pub(crate) fn run(&self, id: &str) -> Result<Run> {
        let answer = self
            .agent
            .get(format!("{}/runs/{id}", self.base))
            .config()
            .timeout_global(Some(ANSWER_LIMIT))
            .build()
            .call()
            .context("reading the run")?;
        read(answer).context("the host did not show the run")
    }

    /// The events of a run after the one numbered `after`, as a stream of server-sent events.
    ///
    /// # Errors
    ///
    /// When the host does not answer, or does not know the run.
    pub(crate) fn events(&self, id: &str, after: Option<&str>) -> Result<impl Read + use<>> {
        let mut request = self
            .agent
            .get(format!("{}/runs/{id}/events", self.base))
            .header("accept", "text/event-stream");
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let answer = request.call().context("following the run")?;
        let answer = accepted(answer).context("the host did not stream the run's events")?;
        Ok(answer.into_body().into_reader())
    }
}

#[derive(Debug, Deserialize)]
struct Started {
    id: String,
}

/// What the demo shows of a run.
#[derive(Debug, Deserialize)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) outcome: Option<String>,
    pub(crate) output: Option<Value>,
    pub(crate) failure: Option<Failure>,
    pub(crate) tasks: Vec<Task>,
}

impl Run {
    /// The Markdown report that the run made.
    pub(crate) fn report(&self) -> Option<&str> {
        self.output.as_ref()?.get("report")?.as_str()
    }
}

/// What the demo shows of a task.
#[derive(Debug, Deserialize)]
pub(crate) struct Task {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) attempts: Vec<Attempt>,
}

/// What the demo shows of an attempt.
#[derive(Debug, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) outcome: Option<String>,
    pub(crate) failure: Option<Failure>,
    #[serde(default, deserialize_with = "time")]
    pub(crate) started_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) fuel_used: Option<u64>,
    pub(crate) fuel_limit: Option<u64>,
    pub(crate) memory_peak_bytes: Option<u64>,
    pub(crate) memory_limit_bytes: Option<u64>,
}

/// Why something did not succeed.
#[derive(Debug, Deserialize)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
}

fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
}

fn read<T: serde::de::DeserializeOwned>(answer: Response<Body>) -> Result<T> {
    let text = text(accepted(answer)?)?;
    serde_json::from_str(&text).context("its answer is not what the API promises")
}

/// The answer itself, unless it tells a problem.
fn accepted(answer: Response<Body>) -> Result<Response<Body>> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    bail!("{}", problem(status.as_u16(), &text(answer)?));
}

fn text(mut answer: Response<Body>) -> Result<String> {
    Ok(answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_string()?)
}

/// Problem details as people read them: title, detail, and every single error.
fn problem(status: u16, text: &str) -> String {
    let Ok(problem) = serde_json::from_str::<Value>(text) else {
        return format!("HTTP {status}: {text}");
    };
    let member = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
    let code = member("code");
    let mut lines = vec![format!("HTTP {status} {code}: {}", member("detail"))];
    if member("detail").is_empty() {
        lines[0].push_str(member("title"));
    }
    for one in problem.get("problems").and_then(Value::as_array).into_iter().flatten() {
        lines.push(format!("  - {}", single(one)));
    }
    lines.join("\n")
}

/// One of several problems: its place, if it has one, what is wrong there, and what to do.
fn single(problem: &Value) -> String {
    let member =
        |name: &str| problem.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let place = member("pointer").or_else(|| member("field"));
    let message = member("message").unwrap_or("no message");
    let told = place.map_or_else(|| message.to_owned(), |place| format!("{place}: {message}"));
    member("help").map_or_else(|| told.clone(), |help| format!("{told}; {help}"))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::problem;

    fn check(status: u16, text: &str, expected: Expect) {
        expected.assert_eq(&problem(status, text));
    }

    #[test]
    fn problem_details_are_told_with_every_error() {
        check(
            422,
            r#"{"title": "Invalid input", "code": "invalid-input", "detail": "the input does not fit",
                "problems": [{"pointer": "/issue", "message": "is missing"}, {"pointer": "", "message": "has too few keys"},
                             {"field": "tasks[2].retry", "message": "is unknown", "help": "did you mean `retries`?"}]}"#,
            expect![[r#"
                HTTP 422 invalid-input: the input does not fit
                  - /issue: is missing
                  - has too few keys
                  - tasks[2].retry: is unknown; did you mean `retries`?"#]],
        );
    }

    #[test]
    fn an_answer_that_is_no_problem_is_told_as_it_is() {
        check(502, "bad gateway", expect!["HTTP 502: bad gateway"]);
    }
}
