//! Every way in which a call can end, and what is recorded of it.

use std::time::{Duration, Instant};

use crate::fixture::{call, hostile, run, runtime, told};

async fn check(short: &str, input: &str, expected: &str) {
    let (report, _) = run(short, input, |limits| {
        limits.fuel = 200_000_000;
        limits.host_calls = 500;
    })
    .await;
    let told = told(&report.ending);
    assert!(told.starts_with(expected), "{short}: `{told}` does not begin with `{expected}`");
    assert_eq!(report.usage.plugin_digest, Some(hostile().digest()));
}

#[tokio::test]
async fn every_ending_has_its_class_and_code() {
    for (short, input, expected) in [
        ("noop", "{}", "succeeded {}"),
        ("echo", r#"{"a": [1, "ä"]}"#, r#"succeeded {"a":[1,"ä"]}"#),
        ("spin", "{}", "limit out-of-fuel: the call used up its 200000000 units of fuel"),
        ("spin-io", "{}", "limit out-of-fuel"),
        ("allocate", "{}", "limit out-of-memory: the call asked for more than its 67108864 bytes"),
        ("recurse", "{}", "crash stack-overflow: the handler crashed"),
        ("call-host-forever", "{}", "limit host-calls-exceeded: more than 500 calls"),
        ("log-forever", "{}", "limit host-calls-exceeded"),
        ("panic", "{}", "crash panic: the handler panicked: nobody expected this"),
        ("trap", "{}", "crash trap: the handler crashed: wasm `unreachable` instruction executed"),
        (
            "invalid-json",
            "{}",
            "permanent invalid-output: the handler's output is wrong: it is not",
        ),
        ("wrong-output", "{}", "permanent invalid-output: the handler's output is wrong: /text: 5"),
        ("flood-output", "{}", "limit out-of-memory"),
        ("flood-output", r#"{"bytes": 2000000}"#, "limit output-too-large: the output has 2000000"),
        ("fail", r#"{"class": "retryable", "message": "m"}"#, "retryable asked-to-fail: m"),
        (
            "fail",
            r#"{"class": "retry-after", "delay_ms": 7}"#,
            "retryable after 7 ms asked-to-fail",
        ),
        ("fail", r#"{"class": "invalid-input", "code": "c"}"#, "permanent c: "),
        ("fail", r#"{"class": "permanent", "code": "c"}"#, "permanent c: "),
        ("fail", r#"{"class": "cancelled"}"#, "permanent cancelled-by-itself"),
        (
            "fail",
            r#"{"class": "sometimes"}"#,
            "permanent invalid-input: the input is wrong: /class",
        ),
        ("fail", "{}", "permanent invalid-input"),
        ("echo", "{", "permanent invalid-input: the input is wrong: it is not JSON"),
        (
            "missing",
            "{}",
            "permanent unknown-task-type: plugin `hostile` offers no `hostile.missing`",
        ),
        (
            "open-url-pure",
            r#"{"url": "https://a.test/"}"#,
            "permanent http-denied: GET https://a.test/ was refused: the task type is declared `pure`",
        ),
    ] {
        check(short, input, expected).await;
    }
}

#[tokio::test]
async fn a_crash_names_the_functions_it_was_in() {
    let (report, heard) = run("panic", "{}", |_| ()).await;
    let told = told(&report.ending);
    assert!(told.contains("hostile::finish::panic < "), "{told}");
    assert!(heard.text()[0].starts_with("error: nobody expected this"), "{:?}", heard.text());
}

#[tokio::test]
async fn a_guest_that_hears_a_refusal_can_do_without() {
    let (report, _) = run("grow-many", "{}", |limits| limits.memory_bytes = 4 << 20).await;
    assert!(told(&report.ending).starts_with("succeeded {\"granted\":"), "{:?}", report.ending);
    assert!(report.usage.memory_peak_bytes <= 4 << 20);
    assert!(report.usage.memory_peak_bytes > (4 << 20) - 2 * 65_536);
}

#[tokio::test]
async fn what_a_call_used_is_recorded_beside_its_limits() {
    let (report, heard) = run("talk", r#"{"lines": 7}"#, |limits| {
        limits.log_lines = 3;
        limits.fuel = 300_000_000;
    })
    .await;
    let usage = report.usage;
    assert!(usage.fuel_used > 1_000 && usage.fuel_used < 100_000_000, "{}", usage.fuel_used);
    assert_eq!((usage.fuel_limit, usage.log_lines, usage.log_lines_limit), (300_000_000, 3, 3));
    assert_eq!((usage.host_calls, usage.input_bytes, usage.output_bytes), (14, 12, 2));
    assert!(usage.memory_peak_bytes >= 65_536 && usage.log_bytes > 20);
    assert_eq!(usage.started_at.map(|at| at.as_ms()), Some(1_000));
    assert_eq!(usage.timeout_ms, 30_000);
    let mut expected =
        ["trace: line 1", "debug: line 2", "info: line 3"].map(str::to_owned).to_vec();
    expected.push(
        "warn: 4 more lines were dropped: an attempt may log 3 lines and 262144 bytes".to_owned(),
    );
    assert_eq!(heard.text(), expected);
    assert_eq!(heard.progress.lock().expect("not poisoned").len(), 7);
    assert_eq!(*heard.started.lock().expect("not poisoned"), 1);
}

#[tokio::test]
async fn the_same_call_uses_the_same_fuel() {
    let (one, _) = run("echo", "[1, 2, 3]", |_| ()).await;
    let (two, _) = run("echo", "[1, 2, 3]", |_| ()).await;
    assert_eq!(one.usage.fuel_used, two.usage.fuel_used);
}

#[tokio::test]
async fn a_handler_knows_which_attempt_it_is() {
    let (report, _) = run("identity", "{}", |_| ()).await;
    let told = told(&report.ending);
    for expected in [
        r#""run_id":"01890a5d-ac96-774b-bcce-b302099a8057""#,
        r#""workflow_id":"test-flow""#,
        r#""task_id":"attack""#,
        r#""attempt":2"#,
        r#""max_attempts":3"#,
        r#""idempotency_key":"key""#,
    ] {
        assert!(told.contains(expected), "{expected} is not in {told}");
    }
}

#[tokio::test]
async fn a_spinning_guest_is_stopped_at_its_deadline() {
    let started = Instant::now();
    let (report, _) = run("spin", "{}", |limits| {
        limits.fuel = u64::MAX;
        limits.timeout = Duration::from_millis(150);
    })
    .await;
    assert_eq!(told(&report.ending), "timeout timeout: the attempt took longer than 150ms");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(report.usage.fuel_used > 1_000_000 && report.usage.cpu_ms > 0, "{:?}", report.usage);
}

#[tokio::test]
async fn a_handler_that_obeys_stops_at_once() {
    let (call, heard) = call("obey-cancel", "{}");
    let cancel = call.cancel.clone();
    let calling = tokio::spawn(async move { runtime().call(&hostile(), call).await });
    heard.spoke.notified().await;
    let cancelled = Instant::now();
    cancel.cancel("a person asked");
    let report = calling.await.expect("no panic");
    assert_eq!(told(&report.ending), "cancelled: a person asked");
    assert!(cancelled.elapsed() < Duration::from_millis(190), "{:?}", cancelled.elapsed());
}

#[tokio::test]
async fn a_handler_that_does_not_obey_is_stopped_after_the_grace_period() {
    let (call, heard) = call("ignore-cancel", "{}");
    let cancel = call.cancel.clone();
    let calling = tokio::spawn(async move { runtime().call(&hostile(), call).await });
    heard.spoke.notified().await;
    let cancelled = Instant::now();
    cancel.cancel("the run ended");
    let report = calling.await.expect("no panic");
    assert_eq!(told(&report.ending), "cancelled: the run ended");
    assert!(cancelled.elapsed() >= Duration::from_millis(200), "{:?}", cancelled.elapsed());
    let progress = heard.progress.lock().expect("not poisoned");
    assert!(progress.iter().any(|(fraction, _)| *fraction > 0.5), "it saw the cancellation");
}

#[tokio::test]
async fn a_call_that_is_cancelled_before_it_starts_never_starts() {
    let (call, heard) = call("noop", "{}");
    call.cancel.cancel("too late");
    let report = runtime().call(&hostile(), call).await;
    assert_eq!(told(&report.ending), "cancelled: too late");
    assert_eq!(report.usage.started_at, None);
    assert_eq!(*heard.started.lock().expect("not poisoned"), 0);
}

#[tokio::test]
async fn an_input_above_its_limit_is_not_handed_over() {
    let (report, _) = run("echo", "[1, 2, 3]", |limits| limits.input_bytes = 5).await;
    let expected = "limit input-too-large: the input has 9 bytes; at most 5 are allowed";
    assert_eq!(told(&report.ending), expected);
}

#[tokio::test]
async fn dropping_a_call_stops_its_guest() {
    let before = runtime().memory_used_bytes();
    let (mut call, heard) = call("ignore-cancel", "{}");
    call.limits.fuel = u64::MAX;
    let calling = tokio::spawn(async move { runtime().call(&hostile(), call).await });
    heard.spoke.notified().await;
    calling.abort();
    let deadline = Instant::now() + Duration::from_secs(10);
    // Other tests hold memory too, so only what stays for ever is a leak.
    while runtime().memory_used_bytes() > before && Instant::now() < deadline {
        tokio::task::yield_now().await;
    }
    assert!(Instant::now() < deadline, "the guest still holds memory");
}
