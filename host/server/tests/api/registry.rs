//! Workflows that requests put.

use serde_json::json;

use crate::host::{Answer, ask, get, post, rewrite, until};

fn text(id: &str, version: &str, said: &str) -> String {
    format!(
        "id = \"{id}\"\nversion = \"{version}\"\noutput = \"${{tasks.echo.output.said}}\"\n\
         [[tasks]]\nid = \"echo\"\ntype = \"hostile.echo\"\ninput = {{ said = \"{said}\" }}\n"
    )
}

fn put(id: &str, headers: &[(&str, &str)], text: String) -> Answer {
    let mut all = vec![("content-type", "application/toml")];
    all.extend(headers);
    ask(&format!("PUT /workflows/{id}"), &all, text)
}

fn run(id: &str, body: &serde_json::Value) -> Answer {
    post(&format!("/workflows/{id}/runs"), &[("prefer", "wait=60")], body)
}

#[test]
fn a_workflow_is_put_replaced_and_deleted() {
    let first = put("put-me", &[], text("put-me", "1.0.0", "one"));
    let shown = first.expect(201);
    assert_eq!(first.header("location"), "/api/v1/workflows/put-me");
    assert_eq!(first.header("etag"), format!("\"{}\"", shown["digest"].as_str().expect("one")));
    assert_eq!((&shown["file"], &shown["origin"]["kind"]), (&json!(null), &json!("api")));
    assert_eq!((&shown["enabled"], &shown["enabled_by"]), (&json!(true), &json!("definition")));
    assert_eq!(run("put-me", &json!({})).expect(200)["output"], "one");

    assert_eq!(put("put-me", &[], text("put-me", "1.0.0", "one")).status, 200, "nothing changed");
    put("put-me", &[], text("put-me", "1.1.0", "two")).expect(200);
    assert_eq!(run("put-me", &json!({})).expect(200)["output"], "two");

    let versions = get("/workflows/put-me/versions");
    let versions = versions["versions"].as_array().expect("a list");
    let words: Vec<_> = versions.iter().map(|v| (&v["version"], &v["current"])).collect();
    assert_eq!(words, [(&json!("1.1.0"), &json!(true)), (&json!("1.0.0"), &json!(false))]);
    let old = shown["digest"].as_str().expect("a digest");
    let version = get(&format!("/workflows/put-me/versions/{old}"));
    assert_eq!(version["source"], text("put-me", "1.0.0", "one"));
    assert_eq!(run("put-me", &json!({ "definition": old })).expect(200)["output"], "one");

    assert_eq!(ask("DELETE /workflows/put-me", &[], "").status, 204);
    assert_eq!(ask("GET /workflows/put-me", &[], "").status, 404);
    let problem = ask("DELETE /workflows/put-me", &[], "").expect(404);
    assert_eq!(problem["code"], "workflow-not-found");
    assert_eq!(get("/workflows/put-me/versions")["versions"][0]["current"], json!(false));
}

#[test]
fn everything_that_is_wrong_with_a_text_is_answered_with_its_place() {
    let wrong = text("other", "1.0.0", "x").replace("[[tasks]]", "[[tasks]]\nnede = []");
    let problem = put("wrong", &[], wrong).expect(422);
    assert_eq!(problem["code"], "invalid-workflow");
    let found: Vec<_> = problem["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .map(|problem| (problem["code"].clone(), problem["line"].clone()))
        .collect();
    assert_eq!(found, [(json!("other-id"), json!(1)), (json!("unknown-key"), json!(5))]);
    assert_eq!(ask("GET /workflows/wrong", &[], "").status, 404, "nothing is registered");
    let problem = ask("PUT /workflows/wrong", &[("content-type", "application/json")], "{}");
    assert_eq!(problem.expect(415)["code"], "unsupported-media-type");
    let problem = put("No-Name", &[], text("x", "1.0.0", "x")).expect(422);
    assert_eq!(problem["code"], "invalid-body", "what cannot be an id");
}

#[test]
fn a_text_is_replaced_only_if_it_is_what_the_caller_knows() {
    let id = "conditional";
    let first = put(id, &[("if-none-match", "*")], text(id, "1.0.0", "one"));
    first.expect(201);
    let problem = put(id, &[("if-none-match", "*")], text(id, "1.1.0", "two")).expect(412);
    assert_eq!(problem["code"], "precondition-failed");
    let tag = first.header("etag").to_owned();
    put(id, &[("if-match", &tag)], text(id, "1.1.0", "two")).expect(200);
    let problem = put(id, &[("if-match", &tag)], text(id, "1.2.0", "three")).expect(412);
    assert!(problem["detail"].to_string().contains("if-match"), "{problem:#}");
    let line = format!("DELETE /workflows/{id}");
    assert_eq!(ask(&line, &[("if-match", &tag)], "").status, 412);
    assert_eq!(ask(&line, &[("if-match", "*")], "").status, 204);
    assert_eq!(put(id, &[("if-match", "*")], text(id, "1.0.0", "one")).status, 412);
    let problem = put(id, &[("if-match", "new")], text(id, "1.0.0", "one")).expect(400);
    assert_eq!(problem["code"], "invalid-header");
}

#[test]
fn a_workflow_of_a_file_is_changed_by_its_file_only() {
    for answer in
        [put("greet", &[], text("greet", "9.0.0", "x")), ask("DELETE /workflows/greet", &[], "")]
    {
        let problem = answer.expect(409);
        assert_eq!(problem["code"], "workflow-from-file");
        assert!(problem["detail"].to_string().contains("greet.toml"), "{problem:#}");
    }
    let versions = get("/workflows/greet/versions");
    let version = &versions["versions"][0];
    assert_eq!(version["origin"], json!({ "kind": "file", "file": "greet.toml" }));
    assert_eq!(version["current"], json!(true));
    assert_eq!(get("/workflows/greet")["since"], version["since"]);
}

#[test]
fn a_file_that_appears_later_goes_before_a_request() {
    let requested = put("overtaken", &[], text("overtaken", "1.0.0", "request")).expect(201);
    rewrite("overtaken.toml", &text("overtaken", "2.0.0", "file"));
    let shown = until("/workflows/overtaken", |workflow| workflow["file"] == "overtaken.toml");
    assert_eq!(shown["hidden"], requested["digest"]);
    assert_eq!(run("overtaken", &json!({})).expect(200)["output"], "file");
    put("overtaken", &[], text("overtaken", "3.0.0", "request")).expect(409);
    assert_eq!(get("/workflows/overtaken/versions")["versions"].as_array().map(Vec::len), Some(2));
}

#[test]
fn a_workflow_is_switched_off_and_on_again_whatever_its_text_says() {
    let off = text("switched", "1.0.0", "x").replace("output =", "enabled = false\noutput =");
    assert_eq!(put("switched", &[], off).expect(201)["enabled"], json!(false));
    assert_eq!(run("switched", &json!({})).expect(409)["code"], "workflow-disabled");
    let on = post("/workflows/switched/enable", &[], &json!({})).expect(200);
    assert_eq!((&on["enabled"], &on["enabled_by"]), (&json!(true), &json!("request")));
    assert!(on["switched_at"].is_string(), "{on:#}");
    run("switched", &json!({})).expect(200);
    let off = post("/workflows/switched/disable", &[], &json!({})).expect(200);
    assert_eq!(off["enabled"], json!(false));
    assert_eq!(run("switched", &json!({})).status, 409);
    let problem = post("/workflows/swithced/enable", &[], &json!({})).expect(404);
    assert!(problem["detail"].to_string().contains("switched"), "{problem:#}");
}

#[test]
fn only_versions_of_the_workflow_can_be_started() {
    put("versioned", &[], text("versioned", "1.0.0", "x")).expect(201);
    let other = get("/workflows/greet")["digest"].clone();
    for digest in [other, json!("sha256:no")] {
        let problem = run("versioned", &json!({ "definition": digest })).expect(404);
        assert_eq!(problem["code"], "version-not-found");
    }
}
