//! Listing, showing and cancelling runs.

use serde_json::{Value, json};

use crate::host::{ask, finished, get, post, started, until};

#[test]
fn runs_are_listed_newest_first_in_pages() {
    let ids: Vec<_> = (0..5).map(|_| started("talks", json!({}))).collect();
    let mut listed: Vec<String> = Vec::new();
    let mut path = "/runs?workflow=talks&limit=2".to_owned();
    loop {
        let page = get(&path);
        let runs = page["runs"].as_array().expect("a list");
        listed.extend(runs.iter().map(|run| run["id"].as_str().expect("an id").to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/runs?workflow=talks&limit=2&cursor={cursor}"),
            None => break,
        }
    }
    let mine: Vec<_> = listed.iter().filter(|id| ids.contains(id)).cloned().collect();
    let newest_first: Vec<_> = ids.into_iter().rev().collect();
    assert_eq!(mine, newest_first);
    let all: std::collections::HashSet<_> = listed.iter().collect();
    assert_eq!(all.len(), listed.len(), "no run appears twice");
}

#[test]
fn lists_are_narrowed_by_their_filters() {
    let run = finished("fails", json!({}));
    let id = &run["id"];
    let holds = |query: &str| {
        let page = get(&format!("/runs?{query}"));
        page["runs"].as_array().expect("a list").iter().any(|run| run["id"] == *id)
    };
    assert!(holds("workflow=fails&outcome=failed&status=finished"));
    assert!(!holds("workflow=fails&outcome=succeeded"));
    assert!(!holds("workflow=fails&status=running"));
    assert!(holds("trigger=api&workflow=fails"));
    assert!(!holds("trigger=rerun"));
    assert!(!holds(&format!("parent={}", run["id"].as_str().expect("an id"))));
    assert!(!holds(&format!("rerun_of={}", run["id"].as_str().expect("an id"))));
    assert!(holds("started_after=2020-01-01T00:00:00Z&limit=1000"));
    assert!(!holds("started_before=2020-01-01T00:00:00Z&limit=1000"));
}

#[test]
fn a_query_that_is_not_understood_is_refused() {
    for (path, part) in [
        ("/runs?wrokflow=x", "wrokflow"),
        ("/runs?status=done", "`done`"),
        ("/runs?outcome=skipped", "`skipped`"),
        ("/runs?trigger=moon", "`moon`"),
        ("/runs?parent=x", "`x`"),
        ("/runs?rerun_of=x", "`x`"),
        ("/runs?limit=0", "limit"),
        ("/runs?limit=1001", "1001"),
        ("/runs?limit=many", "limit"),
        ("/runs?cursor=x", "cursor"),
        ("/runs?started_after=yesterday", "RFC 3339"),
        ("/runs?workflow=No", "workflow"),
        ("/runs/00000000-0000-0000-0000-000000000000?include=all", "include"),
    ] {
        let problem = ask(&format!("GET {path}"), &[], "").expect(400);
        assert_eq!(problem["code"], "invalid-query", "{path}");
        assert!(
            problem["detail"].as_str().is_some_and(|d| d.contains(part)),
            "{path}: {problem:#}"
        );
    }
}

#[test]
fn a_failure_is_told_where_it_happened_and_what_it_meant() {
    let run = finished("fails", json!({}));
    assert_eq!((&run["outcome"], &run["output"]), (&json!("failed"), &Value::Null));
    let (flaky, after) = (&run["tasks"][0], &run["tasks"][1]);
    let attempts = flaky["attempts"].as_array().expect("a list");
    assert_eq!(attempts.len(), 2, "{flaky:#}");
    for attempt in attempts {
        assert_eq!(attempt["failure"]["code"], "no-luck");
        assert_eq!(attempt["failure"]["class"], "retryable");
        assert_eq!((&attempt["outcome"], &attempt["counted"]), (&json!("failed"), &json!(true)));
    }
    assert_eq!(after["outcome"], "skipped");
    assert!(after["skip_reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    assert!(run["failure"]["message"].as_str().is_some_and(|message| message.contains("flaky")));
}

#[test]
fn a_run_can_be_cancelled_once() {
    let id = started("endless", json!({}));
    until(&format!("/runs/{id}"), |run| run["tasks"][0]["status"] == "running");
    let path = format!("/runs/{id}/cancel");
    let answer = post(&path, &[], &json!({ "reason": "seen enough" }));
    assert_eq!(answer.expect(202)["id"], *id);
    let run = until(&format!("/runs/{id}"), |run| run["outcome"].is_string());
    assert_eq!(run["outcome"], "cancelled", "{run:#}");
    assert!(
        run["failure"]["message"].as_str().is_some_and(|m| m.contains("seen enough")),
        "{run:#}"
    );
    assert_eq!(run["tasks"][0]["attempts"][0]["outcome"], "cancelled", "{run:#}");
    let problem = ask(&format!("POST {path}"), &[], "").expect(409);
    assert_eq!(problem["code"], "run-ended");
    assert!(problem["detail"].as_str().is_some_and(|d| d.contains("cancelled")), "{problem:#}");
}

#[test]
fn more_than_a_thousand_tasks_come_in_pages() {
    let run = finished("wide", json!({}));
    assert_eq!((&run["tasks_total"], &run["tasks_ended"]), (&json!(1_203), &json!(1_203)));
    assert_eq!(run["tasks"].as_array().map(Vec::len), Some(1_000));
    let cursor = run["tasks_next_cursor"].as_str().expect("a cursor");
    let id = run["id"].as_str().expect("an id");
    let page = get(&format!("/runs/{id}/tasks?limit=1000&cursor={cursor}"));
    assert_eq!(page["tasks"].as_array().map(Vec::len), Some(203));
    assert_eq!((&page["tasks"][0]["id"], &page["next_cursor"]), (&json!("t1000"), &Value::Null));
    let first = get(&format!("/runs/{id}/tasks"));
    assert_eq!((&first["next_cursor"], &first["total"]), (&json!("100"), &json!(1_203)));
    let problem = ask(&format!("GET /runs/{id}/tasks?cursor=x"), &[], "").expect(400);
    assert_eq!(problem["code"], "invalid-query");
}

#[test]
fn a_task_is_shown_with_what_went_in_and_came_out() {
    let run = finished("greet", json!({ "name": "Ada" }));
    let id = run["id"].as_str().expect("an id");
    let task = get(&format!("/runs/{id}/tasks/echo"));
    assert_eq!(task["needs"], json!(["text"]));
    assert_eq!(task["input"], json!({ "said": "Hello Ada" }));
    assert_eq!(task["output"], json!({ "said": "Hello Ada" }));
    assert_eq!(task["type"], "hostile.echo");
    let problem = ask(&format!("GET /runs/{id}/tasks/ehco"), &[], "").expect(404);
    assert!(problem["detail"].as_str().is_some_and(|d| d.contains("`echo`")), "{problem:#}");
}

#[test]
fn what_tasks_logged_can_be_read() {
    let run = finished("talks", json!({}));
    let id = run["id"].as_str().expect("an id");
    let path = format!("/runs/{id}/logs?limit=1000");
    let log = until(&path, |log| log["lines"].as_array().is_some_and(|lines| lines.len() == 7));
    let line = &log["lines"][2];
    assert_eq!((&line["task"], &line["attempt"]), (&json!("talk"), &json!(1)));
    assert_eq!((&line["level"], &line["message"]), (&json!("info"), &json!("line 3")));
    assert_eq!(line["fields"], json!({ "line": 3 }));
    assert_eq!(get(&format!("/runs/{id}/logs?task=quiet"))["lines"], json!([]));
    let page = get(&format!("/runs/{id}/logs?task=talk&attempt=1&limit=4"));
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    let rest = get(&format!("/runs/{id}/logs?limit=4&cursor={cursor}"));
    assert_eq!(rest["lines"].as_array().map(Vec::len), Some(3));
}

#[test]
fn an_unknown_run_is_not_found_wherever_it_is_asked_for() {
    for id in ["00000000-0000-0000-0000-000000000000", "nonsense"] {
        for line in [
            "GET /runs/{}",
            "GET /runs/{}/tasks",
            "GET /runs/{}/tasks/a",
            "GET /runs/{}/logs",
            "GET /runs/{}/events",
            "POST /runs/{}/cancel",
        ] {
            let problem = ask(&line.replace("{}", id), &[], "").expect(404);
            assert_eq!(problem["code"], "run-not-found", "{line}");
        }
    }
}
