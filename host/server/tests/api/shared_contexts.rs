//! Contexts that runs share, as clients see them.

use serde_json::{Map, Value, json};
use taskloom::contexts::{Merger, Publication};
use taskloom_core::context::ContextMerge;
use taskloom_core::id::{ContextName, RunId};

use crate::host::{Answer, app, ask, finished, get};

const JSON: (&str, &str) = ("content-type", "application/json");

fn put(name: &str, values: &Value, headers: &[(&str, &str)]) -> Answer {
    let mut all = vec![JSON];
    all.extend(headers);
    ask(&format!("PUT /contexts/{name}"), &all, json!({ "values": values }).to_string())
}

fn values(name: &str) -> Value {
    let context = get(&format!("/contexts/{name}"));
    let values = context["values"].as_object().expect("an object").iter();
    values.map(|(name, value)| (name.clone(), value["value"].clone())).collect()
}

#[test]
fn a_run_reads_what_another_has_published() {
    let first = finished("publishes", json!({ "text": "one" }));
    assert_eq!(first["outcome"], "succeeded", "{first:#}");
    assert_eq!(first["output"]["say"]["before"], json!({}), "nothing was there");
    put("unrelated", &json!({ "x": 1 }), &[]).expect(200);
    let second = finished("publishes", json!({ "text": "two" }));
    let before = json!({ "last": "one", "all": { "latest": first["id"] } });
    assert_eq!(second["output"]["say"]["before"], before, "{second:#}");
    assert_eq!(values("notes")["last"], "two");
    let shown = get("/contexts/notes");
    let from = &shown["values"]["last"]["from"];
    assert_eq!(
        (&from["source"], &from["run"], &from["seq"]),
        (&json!("run"), &second["id"], &json!(2))
    );
    let history = get("/contexts/notes/history");
    let runs: Vec<_> = history["events"].as_array().expect("a list").iter().collect();
    assert_eq!(
        (runs.len(), &runs[0]["run"], &runs[0]["values"]["last"]),
        (2, &first["id"], &json!("one"))
    );
    let id = second["id"].as_str().expect("an id");
    let events = get(&format!("/runs/{id}/events"));
    let events = events["events"].as_array().expect("a list");
    let of = |kind: &str| events.iter().find(|event| event["kind"] == kind).expect("the event");
    assert_eq!(of("shared-context-read")["detail"], json!({ "context": "notes", "seq": 1 }));
    assert_eq!(of("context-published")["detail"], json!({ "context": "notes", "seq": 2 }));
}

#[test]
fn a_conflict_fails_the_run_and_sets_nothing() {
    put("first-only", &json!({ "text": "mine" }), &[]).expect(200);
    let run = finished("publishes-once", json!({ "text": "theirs" }));
    assert_eq!(
        (&run["outcome"], &run["failure"]["code"]),
        (&json!("failed"), &json!("context-conflict"))
    );
    assert_eq!(values("first-only"), json!({ "text": "mine" }));
    ask("GET /contexts/beside", &[], "").expect(404);
    let run = finished("publishes-once", json!({ "text": "mine" }));
    assert_eq!((&run["outcome"], &run["output"]), (&json!("succeeded"), &json!("done")), "{run:#}");
    assert_eq!(values("beside"), json!({ "text": "mine" }));
}

#[test]
fn what_is_no_object_is_not_published() {
    let run = finished("publishes-nothing", json!({ "text": "a text" }));
    assert_eq!(run["failure"]["code"], "not-an-object", "{run:#}");
    ask("GET /contexts/nothing", &[], "").expect(404);
}

#[test]
fn a_run_that_is_asked_again_publishes_once() {
    let name = ContextName::new("after-a-crash").expect("a name");
    let run: RunId = "0192f0c1-0000-7000-8000-000000000001".parse().expect("an id");
    let values: Map<String, Value> = [("n".to_owned(), json!(1))].into_iter().collect();
    let publication = || Publication { name: name.clone(), since: 0, values: values.clone() };
    let first =
        app().contexts.publish(run, vec![publication()], &Merger::Policy(ContextMerge::Fail));
    first.0.expect("it fits");
    put("after-a-crash", &json!({ "n": 2 }), &[]).expect(200);
    let (again, published) =
        app().contexts.publish(run, vec![publication()], &Merger::Policy(ContextMerge::Fail));
    again.expect("it was published before");
    assert_eq!((published.len(), published[0].seq), (1, 1));
    assert_eq!(get("/contexts/after-a-crash/history")["next_after"], 2);
}

#[test]
fn a_caller_sets_only_what_it_has_seen() {
    let first = put("seen", &json!({ "a": 1, "b": 1 }), &[("if-match", "\"0\"")]);
    assert_eq!(first.header("etag"), "\"1\"");
    first.expect(200);
    let second = put("seen", &json!({ "a": 1, "b": 2 }), &[("if-match", "\"1\"")]).expect(200);
    assert_eq!(second["values"]["a"]["from"]["seq"], 1, "it was not changed: {second:#}");
    assert_eq!(second["values"]["b"]["from"]["seq"], 2);
    let late = put("seen", &json!({}), &[("if-match", "\"1\"")]).expect(412);
    assert_eq!(late["code"], "precondition-failed");
    let wrong = put("seen", &json!({}), &[("if-match", "1")]).expect(400);
    assert_eq!(wrong["code"], "invalid-header");
    let late = ask("DELETE /contexts/seen", &[("if-match", "\"1\"")], "");
    assert_eq!(late.status, 412);
    assert_eq!(ask("DELETE /contexts/seen", &[], "").status, 204);
    assert_eq!(ask("GET /contexts/seen", &[], "").expect(404)["code"], "context-not-found");
    assert_eq!(ask("DELETE /contexts/seen", &[], "").status, 404);
    let history = get("/contexts/seen/history?after=1&limit=5");
    let kinds: Vec<_> =
        history["events"].as_array().expect("a list").iter().map(|e| &e["kind"]).collect();
    assert_eq!(kinds, ["context-set", "context-deleted"]);
    assert_eq!(put("seen", &json!({ "c": 1 }), &[]).expect(200)["seq"], 4);
}

#[test]
fn contexts_are_listed_by_name() {
    for name in ["list-a", "list-b", "list-c"] {
        put(name, &json!({ "x": name }), &[]).expect(200);
    }
    ask("DELETE /contexts/list-b", &[], "");
    let page = get("/contexts?limit=1&cursor=list-");
    assert_eq!(
        (&page["contexts"][0]["name"], &page["next_cursor"]),
        (&json!("list-a"), &json!("list-a"))
    );
    let page = get("/contexts?limit=1&cursor=list-a");
    assert_eq!(
        (&page["contexts"][0]["name"], &page["contexts"][0]["names"]),
        (&json!("list-c"), &json!(["x"]))
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let names: Map<String, Value> = (0..257).map(|n| (format!("n{n}"), json!(1))).collect();
    let problem = put("large", &Value::Object(names), &[]).expect(422);
    assert!(problem["detail"].as_str().is_some_and(|why| why.contains("257 names")), "{problem:#}");
    assert_eq!(put("Wrong", &json!({}), &[]).expect(422)["code"], "invalid-body");
    assert_eq!(put("large", &json!([1]), &[]).expect(422)["code"], "invalid-body");
    assert_eq!(ask("GET /contexts/Wrong", &[], "").expect(404)["code"], "context-not-found");
    assert_eq!(
        ask("GET /contexts/large/history?limit=101", &[], "").expect(400)["code"],
        "invalid-query"
    );
}
