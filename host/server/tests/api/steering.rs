//! Control flow and the steering of runs, as clients see them.

use serde_json::{Value, json};

use crate::host::{ask, finished, get, post, started, until};

/// The task called `id` of a run.
fn task<'r>(run: &'r Value, id: &str) -> &'r Value {
    let tasks = run["tasks"].as_array().expect("a list");
    tasks.iter().find(|task| task["id"] == id).unwrap_or_else(|| panic!("no `{id}` in {run:#}"))
}

fn ended(id: &str) -> Value {
    until(&format!("/runs/{id}"), |run| !run["outcome"].is_null())
}

#[test]
fn each_item_of_a_list_has_tasks_of_its_own() {
    let run = finished("each", json!({ "names": ["Ada", "Bob", "Cy"] }));
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    let said = |name: &str| json!({ "echo": { "said": name } });
    assert_eq!(run["output"]["all"], json!([said("Ada 0"), said("Bob 1"), said("Cy 2")]));
    assert_eq!(task(&run, "all[1].echo")["attempts"].as_array().map(Vec::len), Some(1));
    assert_eq!(task(&run, "all")["kind"], "parallel");
    let run = finished("each", json!({ "names": [] }));
    assert_eq!(run["output"]["all"], json!([]));
    let run = finished("each", json!({ "names": "Ada" }));
    assert_eq!(run["outcome"], "failed");
    assert_eq!(task(&run, "all")["failure"]["code"], "not-a-list", "{run:#}");
}

#[test]
fn a_branch_takes_one_of_its_blocks_and_merges_what_follows() {
    for (large, branch, left) in [(true, "then", "little"), (false, "else", "much")] {
        let run = finished("choose", json!({ "large": large }));
        assert_eq!(run["outcome"], "succeeded", "{run:#}");
        assert_eq!(task(&run, "size")["branch"], branch);
        assert_eq!(task(&run, left)["outcome"], "skipped", "{run:#}");
        assert_eq!(run["output"]["both"], json!({ "a": 1, "b": 2 }), "{run:#}");
    }
}

#[test]
fn a_wait_takes_the_signal_of_its_name() {
    let id = started("waits", json!({}));
    let run = until(&format!("/runs/{id}"), |run| task(run, "go")["status"] == "waiting");
    assert_eq!(run["status"], "waiting");
    assert!(task(&run, "go")["waiting_for"].as_str().is_some_and(|why| why.contains("go-ahead")));
    assert!(task(&run, "after")["waiting_for"].as_str().is_some_and(|why| why.contains("go")));
    let path = format!("/runs/{id}/signals");
    post(&path, &[], &json!({ "name": "other" })).expect(202);
    post(&path, &[], &json!({ "name": "go-ahead", "payload": { "n": 7 }, "id": "one" }))
        .expect(202);
    let run = ended(&id);
    assert_eq!(run["output"], json!({ "after": { "n": 7 } }), "{run:#}");
    let problem = post(&path, &[], &json!({ "name": "go-ahead" })).expect(409);
    assert_eq!(problem["code"], "run-ended");
}

#[test]
fn a_person_approves_or_rejects() {
    for (approved, outcome) in [(true, "succeeded"), (false, "failed")] {
        let id = started("asks", json!({}));
        until(&format!("/runs/{id}"), |run| task(run, "sure")["status"] == "waiting");
        let path = format!("/runs/{id}/tasks/sure/approve");
        let problem = post(&path, &[], &json!({ "input": { "ticket": 1 } })).expect(422);
        assert_eq!(problem["code"], "invalid-input");
        let answer = json!({ "approved": approved, "by": "Ada", "input": { "ticket": "T-1" } });
        post(&path, &[], &answer).expect(202);
        let run = ended(&id);
        assert_eq!(run["outcome"], outcome, "{run:#}");
        if approved {
            let said = &run["output"]["after"];
            assert_eq!((&said["by"], &said["input"]), (&json!("Ada"), &json!({ "ticket": "T-1" })));
        }
        let problem = post(&path, &[], &json!({})).expect(409);
        assert_eq!(problem["code"], "run-ended");
    }
}

#[test]
fn a_paused_run_starts_nothing_until_it_is_resumed() {
    let id = started("waits", json!({}));
    let path = |what: &str| format!("/runs/{id}/{what}");
    until(&format!("/runs/{id}"), |run| task(run, "go")["status"] == "waiting");
    let run = post(&path("pause"), &[], &json!({ "reason": "lunch" })).expect(202);
    assert_eq!((&run["status"], &run["paused"]), (&json!("paused"), &json!("lunch")));
    let problem = post(&path("pause"), &[], &json!({})).expect(409);
    assert_eq!(problem["code"], "not-now");
    post(&path("signals"), &[], &json!({ "name": "go-ahead", "payload": 1 })).expect(202);
    let run = until(&format!("/runs/{id}"), |run| task(run, "after")["status"] == "ready");
    assert!(task(&run, "after")["waiting_for"].as_str().is_some_and(|why| why.contains("lunch")));
    ask(&format!("POST {}", path("resume")), &[], "").expect(202);
    assert_eq!(ended(&id)["outcome"], "succeeded");
}

#[test]
fn a_task_can_be_skipped_with_something_in_its_place() {
    let id = started("waits", json!({}));
    until(&format!("/runs/{id}"), |run| task(run, "go")["status"] == "waiting");
    let unknown = post(&format!("/runs/{id}/tasks/gone/skip"), &[], &json!({})).expect(404);
    assert_eq!(unknown["code"], "task-not-found");
    let path = format!("/runs/{id}/tasks/go/skip");
    post(&path, &[], &json!({ "output": { "n": 1 }, "reason": "not needed" })).expect(202);
    let run = ended(&id);
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    assert_eq!(run["output"], json!({ "after": { "n": 1 } }));
    assert_eq!(task(&run, "go")["skip_reason"], "not needed");
}

#[test]
fn a_rerun_takes_over_what_succeeded() {
    let first = finished("breaks", json!({}));
    assert_eq!(first["outcome"], "failed");
    let id = first["id"].as_str().expect("an id");
    let preview = post(&format!("/runs/{id}/rerun/preview"), &[], &json!({})).expect(200);
    assert_eq!(preview, json!({ "reused": ["good"], "again": ["bad", "after"] }));
    let second = post(&format!("/runs/{id}/rerun"), &[], &json!({})).expect(201);
    assert_eq!((&second["rerun_of"], &second["trigger"]), (&json!(id), &json!("rerun")));
    let second = ended(second["id"].as_str().expect("an id"));
    assert_eq!(task(&second, "good")["reused_from"], json!(id));
    assert_eq!(task(&second, "good")["attempts"], json!([]));
    assert_eq!(task(&second, "bad")["attempts"].as_array().map(Vec::len), Some(1));
    let whole = json!({ "from": "start" });
    let third = post(&format!("/runs/{id}/rerun"), &[], &whole).expect(201);
    let third = ended(third["id"].as_str().expect("an id"));
    assert_eq!(task(&third, "good")["attempts"].as_array().map(Vec::len), Some(1));
    let live = started("waits", json!({}));
    let problem = post(&format!("/runs/{live}/rerun"), &[], &json!({})).expect(409);
    assert_eq!(problem["code"], "not-now");
    post(&format!("/runs/{live}/cancel"), &[], &json!({})).expect(202);
}

#[test]
fn a_workflow_is_a_task_of_another() {
    let run = finished("outer", json!({ "name": "Ada" }));
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    assert_eq!(run["output"]["inner"], json!({ "echo": { "said": "Hello Ada" } }));
    let child = task(&run, "inner")["child_run"].as_str().expect("a run").to_owned();
    let child = get(&format!("/runs/{child}"));
    assert_eq!(child["parent"], json!({ "run": run["id"], "task": "inner" }));
    assert_eq!((&child["workflow"], &child["trigger"]), (&json!("greet"), &json!("workflow")));
    let run = finished("outer", json!({ "name": 1 }));
    let failure = &task(&run, "inner")["failure"];
    assert_eq!(failure["code"], "child-failed", "{run:#}");
    assert!(failure["message"].as_str().is_some_and(|why| why.contains("does not fit")));
}

#[test]
fn a_cancelled_run_cancels_the_runs_of_its_tasks() {
    let id = started("outer-endless", json!({}));
    let run = until(&format!("/runs/{id}"), |run| task(run, "inner")["status"] == "waiting");
    let child = task(&run, "inner")["child_run"].as_str().expect("a run").to_owned();
    until(&format!("/runs/{id}"), |_| ask(&format!("GET /runs/{child}"), &[], "").status == 200);
    post(&format!("/runs/{id}/cancel"), &[], &json!({})).expect(202);
    assert_eq!(ended(&id)["outcome"], "cancelled");
    assert_eq!(ended(&child)["outcome"], "cancelled");
}

#[test]
fn what_failed_is_undone_and_the_end_is_always_reached() {
    let run = finished("undoes", json!({}));
    assert_eq!(run["outcome"], "failed", "{run:#}");
    assert_eq!(task(&run, "made.compensate")["outcome"], "succeeded", "{run:#}");
    let told = get(&format!("/runs/{}/tasks/told", run["id"].as_str().expect("an id")));
    assert_eq!(told["output"], json!({ "how": "failed", "made": { "id": 3 } }), "{told:#}");
}

#[test]
fn a_quorum_is_enough() {
    let run = finished("votes", json!({}));
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    assert_eq!(run["output"]["vote"].as_array().map(Vec::len), Some(2), "{run:#}");
    assert_eq!(run["output"]["late"], json!({ "n": 5 }), "{run:#}");
}

#[test]
fn what_the_host_does_not_do_yet_is_refused_and_said_where() {
    let problem = post("/workflows/promises/runs", &[], &json!({})).expect(409);
    assert_eq!(problem["code"], "workflow-unavailable", "{problem:#}");
    let problems = problem["problems"].as_array().expect("a list");
    let places: Vec<_> = problems.iter().map(|one| (&one["line"], &one["code"])).collect();
    let unperformed = json!("not-performed");
    assert_eq!(places, [(&json!(4), &unperformed)], "{problem:#}");
    let problem = post("/workflows/off/runs", &[], &json!({})).expect(409);
    assert_eq!(problem["code"], "workflow-disabled", "{problem:#}");
}
