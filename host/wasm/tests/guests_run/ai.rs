//! Models: by grant, within budgets, with answers that fit.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use taskloom_core::attempt::AiSpent;
use taskloom_core::id::RunId;
use taskloom_wasm::ports::{
    ModelAnswer, ModelFailure, ModelFuture, ModelRequest, ModelRetry, ModelUsage, Models,
};
use taskloom_wasm::{CallReport, Plugin};
use tokio::sync::Notify;

use crate::fixture::{Heard, call, hostile, runtime, told, under};

/// A model that answers with what it was asked last; some words mean something else.
pub(crate) struct Model;

/// For each request the run, and what it may cost.
static ASKED: Mutex<Vec<(RunId, u64)>> = Mutex::new(Vec::new());

/// Wakes when a model was asked.
static NEWS: Notify = Notify::const_new();

/// What each request of a run may cost, once there are so many.
async fn asked(run: RunId, count: usize) -> Vec<u64> {
    loop {
        let news = NEWS.notified();
        let shares = asked_now(run);
        if shares.len() >= count {
            return shares;
        }
        news.await;
    }
}

fn asked_now(run: RunId) -> Vec<u64> {
    let asked = ASKED.lock().expect("not poisoned");
    asked.iter().filter(|(of, _)| *of == run).map(|(_, share)| *share).collect()
}

impl Models for Model {
    fn complete(&self, request: ModelRequest) -> ModelFuture<'_> {
        let asked = (request.identity.run_id, request.usd_micros_max);
        ASKED.lock().expect("not poisoned").push(asked);
        NEWS.notify_waiters();
        Box::pin(async move {
            let text = request.messages.last().expect("a message").content.clone();
            let usage =
                |output_tokens| ModelUsage { input_tokens: 10, output_tokens, usd_micros: 400_000 };
            let failure = |retry, code: &str| ModelFailure {
                retry,
                code: code.to_owned(),
                message: "the model says no".to_owned(),
                usage: ModelUsage { input_tokens: 3, ..ModelUsage::default() },
            };
            match text.as_str() {
                "busy" => Err(failure(ModelRetry::After(Duration::from_secs(7)), "ai-overloaded")),
                "refuse" => Err(failure(ModelRetry::Never, "ai-blocked")),
                "park" => std::future::pending().await,
                "overspend" => {
                    Ok(ModelAnswer { text, model: "test".to_owned(), usage: usage(5_000) })
                }
                "limit" => {
                    let text = request.output_tokens_max.to_string();
                    Ok(ModelAnswer { text, model: "test".to_owned(), usage: usage(1) })
                }
                _ => Ok(ModelAnswer { text, model: "test".to_owned(), usage: usage(5) }),
            }
        })
    }
}

const GRANT: &str = "[ai]\ntokens_per_call = 1000\ntokens_per_run = 2000\nusd_per_run = 1.0\n";

/// Calls in a run of its own, so that tests do not spend each other's budgets.
async fn ask(plugin: &Arc<Plugin>, short: &str, input: &str) -> (CallReport, Arc<Heard>) {
    ask_in(plugin, short, input, run()).await
}

async fn ask_in(
    plugin: &Arc<Plugin>,
    short: &str,
    input: &str,
    run: RunId,
) -> (CallReport, Arc<Heard>) {
    let (mut call, heard) = call(short, input);
    call.identity.run_id = run;
    (runtime().call(plugin, call).await, heard)
}

fn run() -> RunId {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("01890a5d-ac96-774b-bcce-b3020{number:07x}").parse().expect("a run id")
}

#[tokio::test]
async fn an_answer_fits_the_schema_that_was_asked_for_and_is_counted() {
    let plugin = under(GRANT);
    let input = r#"{"prompt": "[1, 2]", "schema": {"type": "array"}}"#;
    let (report, _) = ask(&plugin, "ask-model", input).await;
    assert_eq!(
        told(&report.ending),
        r#"succeeded {"text":"[1, 2]","value":[1,2],"model":"test","input_tokens":10,"output_tokens":5}"#
    );
    let used = report.usage.capabilities.expect("used").ai.expect("asked");
    assert_eq!((used.requests, used.input_tokens, used.output_tokens), (1, 10, 5));
    assert_eq!((used.call_tokens_limit, used.run_tokens_limit), (1_000, 2_000));
    assert_eq!((used.usd_micros, used.run_usd_micros_limit), (400_000, 1_000_000));
    for (prompt, expected) in [
        ("{}", "retryable ai-answer-invalid: what `test` answered does not fit the schema: "),
        (
            "no JSON",
            "retryable ai-answer-invalid: what `test` answered does not fit the schema: it is no JSON",
        ),
    ] {
        let input = format!(r#"{{"prompt": "{prompt}", "schema": {{"type": "array"}}}}"#);
        let (report, _) = ask(&plugin, "ask-model", &input).await;
        assert!(told(&report.ending).starts_with(expected), "{}", told(&report.ending));
    }
}

#[tokio::test]
async fn without_a_grant_no_model_is_asked() {
    let granted = under(GRANT);
    for (plugin, short, expected) in [
        (&hostile(), "ask-model", "does not grant models; add [ai] with a budget"),
        (&granted, "ask-model-pure", "a model was refused: the task type is declared `pure`"),
    ] {
        let (report, heard) = ask(plugin, short, r#"{"prompt": "?"}"#).await;
        let told = told(&report.ending);
        assert!(told.starts_with("permanent not-granted: ") && told.contains(expected), "{told}");
        assert!(heard.refused()[0].starts_with("ai: "), "{:?}", heard.refused());
    }
}

#[tokio::test]
async fn the_failure_of_a_model_is_one_of_the_handlers() {
    let plugin = under(GRANT);
    for (prompt, expected) in [
        ("busy", "retryable after 7000 ms ai-overloaded: the model says no"),
        ("refuse", "permanent ai-blocked: the model says no"),
    ] {
        let (report, _) = ask(&plugin, "ask-model", &format!(r#"{{"prompt": "{prompt}"}}"#)).await;
        assert_eq!(told(&report.ending), expected);
        assert_eq!(report.usage.capabilities.expect("used").ai.expect("asked").input_tokens, 3);
    }
    let wrong = r#"{"prompt": "?", "max_output_tokens": 0}"#;
    let (report, _) = ask(&plugin, "ask-model", wrong).await;
    let told = told(&report.ending);
    assert!(
        told.starts_with("permanent ai-request-invalid: the request is wrong: /max_output"),
        "{told}"
    );
}

#[tokio::test]
async fn no_more_is_spent_than_is_granted() {
    let plugin = under(GRANT);
    let (report, _) = ask(&plugin, "ask-model", r#"{"prompt": "overspend"}"#).await;
    let over = told(&report.ending);
    assert!(
        over.starts_with("permanent ai-budget-exceeded: the answer cost 5010 tokens"),
        "{over}"
    );
    let long = format!(r#"{{"prompt": "{}"}}"#, "x".repeat(8_000));
    let (report, heard) = ask(&plugin, "ask-model", &long).await;
    let told_long = told(&report.ending);
    assert!(
        told_long.contains("the request has about 2004 tokens, and `tokens_per_call`"),
        "{told_long}"
    );
    assert_eq!(heard.refused().len(), 1);
    // 0.40 US dollars each: the third goes over, the fourth is refused.
    let (report, _) = ask(&plugin, "ask-model", r#"{"prompt": "hm", "times": 4}"#).await;
    let money = told(&report.ending);
    assert!(
        money.contains("the run has spent the 1.000000 US dollars of `usd_per_run`"),
        "{money}"
    );
    assert_eq!(report.usage.capabilities.expect("used").ai.expect("asked").requests, 3);
}

#[tokio::test]
async fn attempts_of_one_run_share_a_budget_and_runs_do_not() {
    let plugin =
        under("[ai]\ntokens_per_call = 1000\ntokens_per_run = 1500\nusd_per_run = 100.0\n");
    let (run, limit) = (run(), r#"{"prompt": "limit"}"#);
    let text = |report: &CallReport| told(&report.ending);
    let (first, _) = ask_in(&plugin, "ask-model", limit, run).await;
    assert!(text(&first).contains(r#""text":"995""#), "{}", text(&first));
    let (mut call, _) = call("ask-model", limit);
    call.identity.run_id = run;
    call.ai_spent = AiSpent { tokens: 1_400, usd_micros: 0 };
    let second = runtime().call(&plugin, call).await;
    assert!(text(&second).contains(r#""text":"95""#), "{}", text(&second));
    let (other, _) = ask(&plugin, "ask-model", limit).await;
    assert!(text(&other).contains(r#""text":"995""#), "{}", text(&other));
}

#[tokio::test]
async fn requests_at_once_do_not_spend_the_same_money() {
    let plugin = under("[ai]\nusd_per_call = 0.4\nusd_per_run = 1.0\n");
    let (run, any) = (run(), r#"{"prompt": "hm"}"#);
    let parked = [(); 2].map(|()| {
        let (mut call, _) = call("ask-model", r#"{"prompt": "park"}"#);
        call.identity.run_id = run;
        let (cancel, plugin) = (call.cancel.clone(), Arc::clone(&plugin));
        (cancel, tokio::spawn(async move { runtime().call(&plugin, call).await }))
    });
    assert_eq!(asked(run, 2).await, [400_000, 400_000]);
    // 0.20 are left, and a third may cost 0.40: it waits, on the time of its attempt.
    let (mut third, _) = call("ask-model", any);
    third.identity.run_id = run;
    third.limits.timeout = Duration::from_millis(150);
    let report = runtime().call(&plugin, third).await;
    assert!(told(&report.ending).starts_with("timeout timeout"), "{}", told(&report.ending));
    assert_eq!(asked_now(run).len(), 2, "no third was asked");
    for (cancel, parked) in parked {
        cancel.cancel("a person asked");
        let report = parked.await.expect("no panic");
        let used = report.usage.capabilities.expect("used").ai.expect("asked");
        assert_eq!(used.usd_micros, 400_000, "nobody knows what it cost");
    }
    let (report, _) = ask_in(&plugin, "ask-model", any, run).await;
    assert!(told(&report.ending).starts_with("succeeded"), "{}", told(&report.ending));
    assert_eq!(asked_now(run)[2], 200_000, "what is left");
    let (report, heard) = ask_in(&plugin, "ask-model", any, run).await;
    let told = told(&report.ending);
    assert!(told.starts_with("permanent ai-budget-exceeded: the run has spent"), "{told}");
    assert_eq!(heard.refused().len(), 1);
}

#[tokio::test]
async fn a_model_that_is_stopped_counts_as_if_it_had_answered() {
    let plugin = under(GRANT);
    let (mut call, _) = call("ask-model", r#"{"prompt": "park", "max_output_tokens": 50}"#);
    call.identity.run_id = run();
    call.limits.timeout = Duration::from_millis(100);
    let report = runtime().call(&plugin, call).await;
    assert!(told(&report.ending).starts_with("timeout timeout"), "{}", told(&report.ending));
    let used = report.usage.capabilities.expect("used").ai.expect("asked");
    assert_eq!((used.requests, used.output_tokens, used.usd_micros), (1, 50, 250_000));
}

#[tokio::test]
async fn an_attempt_asks_so_often_and_no_more() {
    let plugin = under("[ai]\nusd_per_run = 1000.0\n");
    let (mut call, heard) = call("ask-model", r#"{"prompt": "hm", "times": 3}"#);
    call.identity.run_id = run();
    call.limits.ai_requests = 2;
    let report = runtime().call(&plugin, call).await;
    let message = "an attempt may ask models 2 times";
    assert_eq!(told(&report.ending), format!("permanent too-many-ai-requests: {message}"));
    assert_eq!(heard.refused(), [format!("ai: {message}")]);
}
