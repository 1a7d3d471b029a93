//! Task types that call HTTP services: `http.request` and `http.get`.
//!
//! The host decides what may be called, by `plugins/http.policy.toml`; nothing is decided here.

mod answer;
mod call;

use taskloom_sdk::{Result, plugin};

use crate::answer::Answer;
use crate::call::{Get, Request};

plugin! {
    http: ["*"],
    secrets: ["*"],

    /// Sends an HTTP request and gives the answer.
    ///
    /// A status other than 2xx is a failure, unless `accept_status` lists it: 408, 425, 429 and 5xx
    /// (but 501 and 505) are retryable, with the wait that a `Retry-After` asks for; every other is
    /// permanent. Its code is `http-<status>`. A host that cannot be reached or does not answer in time
    /// is retryable. A request that `plugins/http.policy.toml` does not grant is permanent: `http-denied`.
    ///
    /// Redirects are not followed. The body of the answer must be text in UTF-8.
    "request" => request { effects: Writes, class: Io },

    /// Reads a URL: a GET that can be cached and does no harm when it is repeated.
    ///
    /// As `http.request`, but with the method GET and without a body.
    "get" => get { effects: Reads, class: Io, idempotent: true },
}

fn request(input: Request) -> Result<Answer> {
    input.send()
}

fn get(input: Get) -> Result<Answer> {
    Request::from(input).send()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use taskloom_sdk::http::Response;
    use taskloom_sdk::testing;

    #[test]
    fn the_task_types_are_called_with_json() {
        let host = testing::Host::new()
            .answers(|request| Ok(Response::new(200).with_body(request.method().as_str())));
        let (outputs, _) = host.run(|| {
            ["request", "get"].map(|task_type| {
                testing::execute!(task_type, r#"{"url":"https://example.org/"}"#).expect("answered")
            })
        });
        for output in outputs {
            assert_eq!(output, r#"{"status":200,"headers":{},"body":"GET"}"#);
        }
    }

    #[test]
    fn only_a_get_is_harmless() {
        let manifest = testing::manifest!();
        assert_eq!(manifest["capabilities"], json!({ "http": ["*"], "secrets": ["*"] }));
        assert_eq!(manifest["task_types"]["request"]["effects"], "writes");
        assert_eq!(manifest["task_types"]["get"]["effects"], "reads");
        assert_eq!(manifest["task_types"]["get"]["idempotent"], true);
        assert_eq!(
            manifest["task_types"]["get"]["summary"].as_str().map(|text| text.len()),
            Some(75)
        );
    }
}
