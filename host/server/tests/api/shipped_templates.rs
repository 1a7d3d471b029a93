//! Every template that ships, made into a workflow and run with the plugins that ship.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::host::{get, post, started, until};
use crate::service::SERVICE;

/// The templates that are run below.
const COVERED: [&str; 5] =
    ["approval-gate", "fan-out", "http-report", "issue-triage", "pull-request-checks"];

/// Makes a workflow of a template; both have the same name.
fn make(template: &str, params: Value) {
    let body = json!({ "id": template, "params": params });
    let made = post(&format!("/templates/{template}/workflows"), &[], &body).expect(201);
    assert_eq!(made["problems"], json!([]), "{made:#}");
}

/// The end of a run.
fn ended(run: &str) -> Value {
    let run = until(&format!("/runs/{run}"), |run| run["status"] == "finished");
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    run
}

#[test]
fn every_template_that_ships_is_run() {
    let list = get("/templates");
    let templates = list["templates"].as_array().expect("a list");
    let shipped = templates.iter().filter(|template| template["origin"]["kind"] == "file");
    let shipped: BTreeSet<_> = shipped.filter_map(|template| template["id"].as_str()).collect();
    assert_eq!(shipped, COVERED.into_iter().collect(), "a template that ships must be run here");
    assert_eq!(list["broken_files"], json!([]));
}

#[test]
fn an_issue_is_triaged() {
    let labels = json!(["bug", { "name": "docs", "description": "Documentation" }]);
    make("issue-triage", json!({ "deliver_to": SERVICE.url("/inbox/triage"), "labels": labels }));
    let input = include_str!("../../../../workflows/inputs/issue-analysis.json");
    let input: Value = serde_json::from_str(input).expect("JSON");
    let run = ended(&started("issue-triage", input.clone()));
    assert_eq!(run["output"], json!({ "labels": ["bug"], "delivered": true }));
    let posted = SERVICE.posted("triage");
    assert_eq!(posted.len(), 1, "{posted:#?}");
    assert_eq!(posted[0]["labels"], json!(["bug"]));
    assert_eq!(posted[0]["number"], input["issue"]["number"]);
}

#[test]
fn a_pull_request_is_checked() {
    make("pull-request-checks", json!({ "deliver_to": SERVICE.url("/inbox/checks") }));
    let pull = |title: &str, body: Value, additions: u32| {
        json!({
            "repository": { "full_name": "a/b" },
            "pull_request": {
                "number": 7, "title": title, "body": body,
                "additions": additions, "deletions": 1, "base": { "ref": "main" },
            },
        })
    };
    let good = pull("fix(core): hold the lock", json!("Two writers could meet; now they wait."), 9);
    let run = ended(&started("pull-request-checks", good));
    assert_eq!(run["output"]["passed"], true, "{run:#}");
    let run = ended(&started("pull-request-checks", pull("stuff", Value::Null, 9_000)));
    assert_eq!(run["output"]["passed"], false, "{run:#}");
    let report = run["output"]["report"].as_str().expect("a report");
    for part in ["**not ok**: title", "**not ok**: description", "**not ok**: size", "ok: target"] {
        assert!(report.contains(part), "{part} is not in:\n{report}");
    }
    let passed: Vec<_> = SERVICE.posted("checks").iter().map(|p| p["passed"].clone()).collect();
    assert_eq!(passed, [json!(true), json!(false)]);
}

#[test]
fn a_list_is_fanned_out_with_retries_and_a_summary() {
    make("fan-out", json!({ "url": SERVICE.url("/flaky/x"), "initial_wait": "1ms" }));
    let run = ended(&started("fan-out", json!({ "items": ["a", "bad", 3] })));
    let output = &run["output"];
    assert!(output["summary"].as_str().is_some_and(|text| text.starts_with("2 of 3 succeeded")));
    assert_eq!(output["results"][0]["answer"], "did \"a\"", "{output:#}");
    assert_eq!(output["results"][1]["failure"]["code"], "http-400", "{output:#}");
}

#[test]
fn a_report_is_fetched_rendered_and_sent() {
    let params = json!({
        "source": SERVICE.url("/data"), "deliver_to": SERVICE.url("/inbox/report"),
        "path": "$.stars[*].n", "schedule": "0 0 29 2 *",
    });
    let body = json!({ "id": "http-report", "params": params });
    let made = post("/templates/http-report/workflows", &[], &body).expect(201);
    assert_eq!(made["problems"], json!([]), "{made:#}");
    let run = ended(&started("http-report", json!({})));
    let report = run["output"].as_str().expect("a report");
    assert!(report.contains("- `1`") && report.contains("- `2`"), "{report}");
    assert_eq!(SERVICE.posted("report"), [json!({ "text": report })]);
}

#[test]
fn a_call_waits_for_its_approval() {
    make("approval-gate", json!({ "url": SERVICE.url("/inbox/gate"), "prompt": "Really?" }));
    for (approved, sent) in [(false, 0), (true, 1)] {
        let run = started("approval-gate", json!({ "payload": { "amount": 5 } }));
        let task = until(&format!("/runs/{run}/tasks/gate"), |task| task["status"] == "waiting");
        assert!(task["input"].to_string().contains("amount"), "{task:#}");
        let answer = json!({ "approved": approved, "by": "Ada", "comment": "as agreed" });
        post(&format!("/runs/{run}/tasks/gate/approve"), &[], &answer).expect(202);
        let output = ended(&run)["output"].clone();
        assert_eq!((&output["sent"], &output["approved_by"]), (&json!(approved), &json!("Ada")));
        assert_eq!(SERVICE.posted("gate").len(), sent);
    }
    assert_eq!(SERVICE.posted("gate"), [json!({ "amount": 5 })]);
}
