//! Requests from outside: who is believed, and what each starts.

use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::host::{Answer, BODY_BYTES_MAX, ask, get, until};

/// The HMAC-SHA-256 of a text, in hexadecimal.
fn hmac(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn push(body: &str, headers: &[(&str, &str)]) -> Answer {
    let signature = format!("sha256={}", hmac("a very secret word", body));
    let mut all = vec![("content-type", "application/json"), ("x-signature-256", &signature)];
    all.extend(headers);
    ask("POST /hooks/push", &all, body.to_owned())
}

fn github(event: &str, delivery: &str, body: &Value, secret: &str) -> Answer {
    let body = body.to_string();
    let signature = format!("sha256={}", hmac(secret, &body));
    let headers = [
        ("content-type", "application/json"),
        ("x-github-event", event),
        ("x-github-delivery", delivery),
        ("x-hub-signature-256", &signature),
    ];
    ask("POST /hooks/github", &headers, body)
}

/// The one run of an answer, once it has ended.
fn run_of(answer: &Value) -> Value {
    let runs = answer["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 1, "{answer:#}");
    let run = runs[0]["run"].as_str().expect("an id");
    until(&format!("/runs/{run}"), |run| run["status"] == "finished")
}

#[test]
fn a_signed_request_starts_a_run_with_the_input_of_its_trigger() {
    let answer = push(r#"{"ref":"main"}"#, &[]).expect(202);
    let run = run_of(&answer);
    assert_eq!(run["output"], json!({ "branch": "main" }), "{run:#}");
    assert_eq!((&run["trigger"], &run["workflow"]), (&json!("webhook"), &json!("hooked")));
    assert_eq!(answer["runs"][0]["trigger"], "hooked.webhook-1");
    let other = push(r#"{"ref":"main"}"#, &[]).expect(202);
    assert_ne!(other["runs"][0]["run"], answer["runs"][0]["run"], "two requests, two runs");
}

#[test]
fn a_delivery_that_comes_again_gets_its_run() {
    let headers = [("idempotency-key", "delivery-1")];
    let first = push(r#"{"ref":"first"}"#, &headers).expect(202);
    let again = push(r#"{"ref":"again"}"#, &headers).expect(202);
    assert_eq!(first["runs"][0]["run"], again["runs"][0]["run"]);
    assert_eq!(
        (&first["runs"][0]["existing"], &again["runs"][0]["existing"]),
        (&json!(false), &json!(true))
    );
    let history = get("/triggers/hooked.webhook-1");
    let lines = history["history"].as_array().expect("lines");
    let told = lines.iter().filter(|line| line["key"] == "delivery-1").count();
    assert_eq!(told, 1, "{history:#}");
}

#[test]
fn nobody_without_the_secret_starts_anything() {
    let body = r#"{"ref":"main"}"#;
    let good = hmac("a very secret word", body);
    let other = hmac("another word", body);
    let changed = good.replace(|c: char| c.is_ascii_digit(), "a");
    for headers in [
        &[][..],
        &[("x-signature-256", "")],
        &[("x-signature-256", &other)],
        &[("x-signature-256", &changed)],
        &[("x-signature-256", &good[..62])],
        &[("x-signature-1", &good)],
    ] {
        let answer = ask("POST /hooks/push", headers, body);
        let problem = answer.expect(401);
        assert_eq!(problem["code"], "not-genuine", "{headers:?}");
        assert_eq!(problem["detail"], "the request is not signed as this host wants it");
    }
    let answer = ask("POST /hooks/push", &[("x-signature-256", &good)], r#"{"ref":"Main"}"#);
    answer.expect(401);
}

#[test]
fn standard_webhooks_are_believed_for_five_minutes() {
    let secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let deliver = |id: &str, age: i64| {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        let body = r#"{"ref":"standard"}"#;
        let time = (jiff::Timestamp::now().as_second() - age).to_string();
        let key = STANDARD.decode(secret).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
        mac.update(format!("{id}.{time}.{body}").as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let headers = [
            ("content-type", "application/json"),
            ("webhook-id", id),
            ("webhook-timestamp", &time),
            ("webhook-signature", &signature),
        ];
        ask("POST /hooks/standard", &headers, body)
    };
    let first = deliver("msg_1", 0).expect(202);
    assert_eq!(run_of(&first)["output"], json!({ "branch": "standard" }));
    let again = deliver("msg_1", 100).expect(202);
    assert_eq!(first["runs"][0]["run"], again["runs"][0]["run"]);
    deliver("msg_2", 400).expect(401);
    deliver("msg_2", -400).expect(401);
}

#[test]
fn what_a_trigger_does_not_want_starts_nothing_and_is_told_why() {
    let answer = push(r#"{"ref":"ignored"}"#, &[]).expect(202);
    assert_eq!(
        (&answer["runs"], &answer["skipped"][0]["trigger"]),
        (&json!([]), &json!("hooked.webhook-1"))
    );
    assert_eq!(answer["skipped"][0]["reason"], "its `when` says no");
    let answer = push(r#"{"ref":5}"#, &[]).expect(202);
    let reason = answer["skipped"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("does not fit workflow `hooked`"), "{reason}");
    let answer = push("{}", &[]).expect(202);
    let reason = answer["skipped"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("`when` cannot be computed"), "{reason}");
    let answer = ask("POST /hooks/switched-off", &[], "{}").expect(202);
    assert_eq!(answer["skipped"][0]["reason"], "workflow `switched-off` is switched off");
}

#[test]
fn a_path_that_nobody_listens_to_is_unknown() {
    let problem = ask("POST /hooks/nowhere", &[], "{}").expect(404);
    assert_eq!(
        (&problem["code"], &problem["detail"]),
        (&json!("webhook-not-found"), &json!("there is no webhook `nowhere`"))
    );
}

#[test]
fn a_body_that_is_too_long_is_not_read() {
    let problem = ask("POST /hooks/open", &[], "x".repeat(BODY_BYTES_MAX + 1)).expect(413);
    assert_eq!(problem["code"], "body-too-large");
}

#[test]
fn a_secret_that_cannot_be_read_is_the_host_s_fault() {
    let problem = ask("POST /hooks/lost", &[("x-signature-256", "00")], "{}").expect(500);
    assert!(!problem["detail"].as_str().expect("a text").contains("gone"), "{problem:#}");
}

#[test]
fn without_an_input_the_event_is_the_input() {
    let headers = [("authorization", "Bearer abc"), ("x-kind", "a"), ("x-kind", "b")];
    let answer = ask("POST /hooks/open?a=1&b=two%20words", &headers, "just a text").expect(202);
    let input = run_of(&answer)["output"].clone();
    assert_eq!(input["body"], "just a text");
    assert_eq!(input["query"], json!({ "a": "1", "b": "two words" }));
    assert_eq!(
        (&input["headers"]["x-kind"], &input["headers"]["authorization"]),
        (&json!("a, b"), &Value::Null)
    );
    let json_type = [("content-type", "application/json")];
    let problem = ask("POST /hooks/open", &json_type, "{").expect(422);
    assert_eq!(problem["code"], "invalid-body");
    ask("POST /hooks/open", &[], vec![0xff, 0xfe]).expect(422);
}

#[test]
fn requests_that_come_close_together_start_one_run_with_the_last() {
    for n in 0..3 {
        let answer = ask("POST /hooks/calm", &[], json!({ "n": n }).to_string()).expect(202);
        assert_eq!((&answer["runs"], &answer["waiting"]), (&json!([]), &json!(["open-hook.calm"])));
    }
    let fired = |trigger: &Value| {
        let lines = trigger["history"].as_array().expect("lines");
        lines.first().is_some_and(|line| line["kind"] == "trigger-fired")
    };
    let trigger = until("/triggers/open-hook.calm", fired);
    let run = trigger["history"][0]["run"].as_str().expect("a run");
    let run = until(&format!("/runs/{run}"), |run| run["status"] == "finished");
    assert_eq!(run["output"]["body"]["n"], 2, "{run:#}");
}

#[test]
fn no_more_runs_than_the_rate_are_started_and_the_rest_is_noted() {
    let deliver =
        |key: &str| ask("POST /hooks/rare", &[("idempotency-key", key)], "{}").expect(202);
    let (first, second, third) = (deliver("1"), deliver("2"), deliver("3"));
    assert_eq!(
        (run_of(&first)["outcome"].clone(), run_of(&second)["outcome"].clone()),
        (json!("succeeded"), json!("succeeded"))
    );
    let reason = third["skipped"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("(`rate`)"), "{reason}");
    assert_eq!(deliver("1")["runs"][0]["existing"], true, "what was started counts no more");
    let history = get("/triggers/open-hook.rare?limit=1");
    assert_eq!(
        (&history["history"][0]["kind"], &history["history"][0]["key"]),
        (&json!("trigger-skipped"), &json!("3"))
    );
    let cursor = history["next_cursor"].as_str().expect("there is more");
    let before = get(&format!("/triggers/open-hook.rare?cursor={cursor}"));
    assert_eq!(before["history"].as_array().expect("lines").len(), 2, "{before:#}");
    assert!(before["next_cursor"].is_null(), "{before:#}");
}

#[test]
fn github_starts_what_listens_to_its_event() {
    let secret = "known to GitHub";
    let issue = json!({ "action": "labeled", "issue": { "number": 7 } });
    let answer = github("issues", "d-1", &issue, secret).expect(202);
    let run = run_of(&answer);
    assert_eq!(run["output"], json!({ "number": 7, "delivery": "d-1" }));
    assert_eq!(run["trigger"], "github");
    let again = github("issues", "d-1", &issue, secret).expect(202);
    assert_eq!(again["runs"][0]["run"], answer["runs"][0]["run"]);
    let push = github("push", "d-2", &json!({ "ref": "refs/heads/main" }), secret).expect(202);
    assert_eq!(run_of(&push)["output"], json!({ "ref": "refs/heads/main", "action": null }));
}

#[test]
fn an_event_that_nobody_listens_to_is_taken_and_starts_nothing() {
    let closed = json!({ "action": "closed", "issue": { "number": 7 } });
    for (event, body) in [("issues", &closed), ("ping", &json!({ "zen": "Half measures." }))] {
        let answer = github(event, "d-3", body, "known to GitHub").expect(202);
        assert_eq!(answer["runs"], json!([]));
        assert_eq!(answer["message"], "no trigger listens to this event");
    }
    github("ping", "d-4", &json!({}), "guessed").expect(401);
    let body = "{}";
    let signature = hmac("known to GitHub", body);
    let headers = [("x-hub-signature-256", signature.as_str()), ("x-github-event", "ping")];
    let problem = ask("POST /hooks/github", &headers, body).expect(422);
    assert!(problem["detail"].as_str().expect("a text").contains("x-github-delivery"));
}
