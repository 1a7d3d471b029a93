//! Instances that serve more than one call: who finds what others have left, and who never does.
//!
//! `count-calls` answers how many calls its instance has served, this one included.

use std::sync::Arc;

use taskloom_core::id::{RunId, WorkflowId};
use taskloom_wasm::{Call, CallReport, Plugin, Policy};

use crate::conformance::{JavaScript, Language, Python, Rust, guest};
use crate::fixture::{Heard, call_of, runtime, told};
use crate::http::{HELLO, server};

fn granted(language: Language, policy: &str) -> Option<Arc<Plugin>> {
    let plugin = guest(language, Policy::read("reuse.policy.toml", policy).expect("a policy"));
    if plugin.is_none() {
        eprintln!("LEFT OUT: a guest in another language is not built");
    }
    plugin
}

async fn run(
    plugin: &Arc<Plugin>,
    short: &str,
    input: &str,
    change: impl FnOnce(&mut Call),
) -> (CallReport, Arc<Heard>) {
    let (mut call, heard) = call_of(plugin, short, input);
    change(&mut call);
    (runtime().call(plugin, call).await, heard)
}

/// How many calls the instance of a call has served.
async fn served(plugin: &Arc<Plugin>, change: impl FnOnce(&mut Call)) -> String {
    let (report, _) = run(plugin, "count-calls", "{}", change).await;
    told(&report.ending)
}

fn of_run(number: u8) -> impl FnOnce(&mut Call) {
    move |call| {
        let id = format!("01890a5d-ac96-774b-bcce-b30209900{number:03}");
        call.identity.run_id = id.parse::<RunId>().expect("a run id");
    }
}

const WITHIN_RUN: &str = "[reuse]\n";
const WITHIN_PLUGIN: &str = "[reuse]\nwithin = \"plugin\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_a_run_share_an_instance_in_every_language() {
    for language in [Rust, JavaScript, Python] {
        let Some(plugin) = granted(language, WITHIN_RUN) else { continue };
        assert_eq!(served(&plugin, of_run(1)).await, "succeeded 1");
        assert_eq!(served(&plugin, of_run(1)).await, "succeeded 2");
        assert_eq!(served(&plugin, of_run(2)).await, "succeeded 1", "another run");
        let (report, heard) = run(&plugin, "talk", r#"{"lines":3}"#, of_run(1)).await;
        assert!(report.usage.reused_instance);
        assert_eq!(report.usage.log_lines, 3, "what was said before is not counted again");
        assert_eq!(heard.text().len(), 3, "{:?}", heard.text());
        let (report, _) = run(&plugin, "noop", "{}", of_run(1)).await;
        assert!(!report.usage.reused_instance, "a pure call has an instance of its own");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_shares_an_instance_that_is_not_granted() {
    let plugin = granted(Rust, "").expect("built");
    for _ in 0..2 {
        assert_eq!(served(&plugin, of_run(1)).await, "succeeded 1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_shared_as_far_as_is_granted_and_ends_after_its_calls() {
    let of_workflow = |name: &'static str, number| {
        move |call: &mut Call| {
            of_run(number)(call);
            call.identity.workflow_id = WorkflowId::new(name).expect("a workflow id");
        }
    };
    let plugin = granted(Rust, "[reuse]\nwithin = \"workflow\"\ncalls = 2\n").expect("built");
    assert_eq!(served(&plugin, of_workflow("a", 1)).await, "succeeded 1");
    assert_eq!(served(&plugin, of_workflow("b", 2)).await, "succeeded 1", "another workflow");
    assert_eq!(served(&plugin, of_workflow("a", 3)).await, "succeeded 2");
    assert_eq!(served(&plugin, of_workflow("a", 4)).await, "succeeded 1", "it had two calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_crashed_or_was_stopped_serves_no_other_call() {
    let plugin = granted(Rust, WITHIN_PLUGIN).expect("built");
    for (short, ending) in [("panic-reads", "crash panic"), ("spin-io", "limit out-of-fuel")] {
        assert_eq!(served(&plugin, of_run(1)).await, "succeeded 1");
        let few = |call: &mut Call| call.limits.fuel = 1_000_000;
        let (report, _) = run(&plugin, short, "{}", few).await;
        assert!(report.usage.reused_instance);
        assert!(told(&report.ending).starts_with(ending), "{:?}", report.ending);
    }
    let (report, _) = run(&plugin, "fail", r#"{"class":"permanent","code":"c"}"#, |_| {}).await;
    assert!(told(&report.ending).starts_with("permanent c"));
    let (report, _) = run(&plugin, "count-calls", "{}", |_| {}).await;
    assert!(report.usage.reused_instance, "an error is an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_whose_call_sent_a_request_is_not_kept() {
    let port = server(Some(HELLO)).await;
    let policy = format!(
        "{WITHIN_PLUGIN}[[http]]\nhost = \"127.0.0.1\"\nport = {port}\nschemes = [\"http\"]\n"
    );
    for language in [Rust, JavaScript, Python] {
        let Some(plugin) = granted(language, &policy) else { continue };
        assert_eq!(served(&plugin, |_| {}).await, "succeeded 1");
        let input = format!(r#"{{"url":"http://127.0.0.1:{port}/"}}"#);
        let (report, _) = run(&plugin, "open-url", &input, |_| {}).await;
        assert!(report.usage.reused_instance);
        assert!(told(&report.ending).starts_with("succeeded"), "{:?}", report.ending);
        assert_eq!(served(&plugin, |_| {}).await, "succeeded 1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_memory_holds_for_what_an_instance_has_already() {
    let plugin = granted(Rust, WITHIN_PLUGIN).expect("built");
    assert_eq!(served(&plugin, |_| {}).await, "succeeded 1");
    let (report, _) = run(&plugin, "count-calls", "{}", |_| {}).await;
    let held = report.usage.memory_peak_bytes;
    let less = |call: &mut Call| call.limits.memory_bytes = held - 1;
    let (report, _) = run(&plugin, "count-calls", "{}", less).await;
    assert!(!report.usage.reused_instance, "it does not fit");
    assert!(told(&report.ending).starts_with("limit out-of-memory"), "{:?}", report.ending);
}
