//! Templates: kept, made into workflows, made of workflows.

use serde_json::{Value, json};

use crate::host::{Answer, ask, finished, get, post};

const GREETING: &str = r#"
id = "greeting"
version = "1.0.0"
description = "Says something."
output = "${tasks.say.output.said}"

[params]
required = ["who"]
additionalProperties = false
properties.who = { type = "string", minLength = 1 }
properties.times = { type = "integer", minimum = 1, default = 2 }

[[tasks]]
id = "say"
type = "hostile.echo"
input = { said = "${params.times} x ${params.who}" }
"#;

fn put(id: &str, headers: &[(&str, &str)], text: &str) -> Answer {
    let mut all = vec![("content-type", "application/toml")];
    all.extend(headers);
    ask(&format!("PUT /templates/{id}"), &all, text.to_owned())
}

fn named(id: &str) -> String {
    GREETING.replace("\"greeting\"", &format!("\"{id}\""))
}

fn make(template: &str, body: &Value) -> Answer {
    post(&format!("/templates/{template}/workflows"), &[], body)
}

#[test]
fn a_template_is_put_listed_shown_and_deleted() {
    let made = put("kept", &[("if-none-match", "*")], &named("kept"));
    let shown = made.expect(201);
    assert_eq!(made.header("location"), "/api/v1/templates/kept");
    assert_eq!(shown["params"], json!(["times", "who"]));
    assert_eq!(shown["defaults"], json!({ "times": 2 }));
    assert_eq!(shown["origin"]["kind"], "api");
    assert_eq!(put("kept", &[("if-none-match", "*")], &named("kept")).status, 412);
    let second = named("kept").replace("1.0.0", "1.1.0");
    put("kept", &[("if-match", made.header("etag"))], &second).expect(200);

    let list = get("/templates");
    let ids: Vec<_> = list["templates"].as_array().expect("a list").iter().collect();
    assert!(ids.iter().any(|template| template["id"] == "kept"), "{list:#}");
    assert!(ids.iter().any(|template| template["origin"]["file"] == "fan-out.toml"), "{list:#}");
    assert_eq!(get("/templates/kept")["source"], second);

    let versions = get("/templates/kept/versions");
    assert_eq!(versions["versions"].as_array().map(Vec::len), Some(2));
    let old =
        get(&format!("/templates/kept/versions/{}", shown["digest"].as_str().expect("a digest")));
    assert_eq!((&old["source"], &old["current"]), (&json!(named("kept")), &json!(false)));

    assert_eq!(ask("DELETE /templates/kept", &[], "").status, 204);
    let problem = ask("GET /templates/kpet", &[], "").expect(404);
    assert_eq!(problem["code"], "template-not-found");
    assert_eq!(ask("DELETE /templates/kept", &[], "").status, 404);
}

#[test]
fn a_template_that_is_wrong_is_refused_with_each_place() {
    let wrong = named("wrong").replace("[[tasks]]\nid", "[[tasks]]\nnede = []\nid");
    let problem = put("wrong", &[], &wrong.replace("required = [\"who\"]\n", "")).expect(422);
    assert_eq!(problem["code"], "invalid-template");
    assert!(!problem["problems"].as_array().expect("problems").is_empty(), "{problem:#}");
    let problem = put("other", &[], &named("wrong")).expect(422);
    assert!(problem["detail"].to_string().contains("not of `other`"), "{problem:#}");
    let problem = put("fan-out", &[], &named("fan-out")).expect(409);
    assert_eq!(problem["code"], "template-from-file");
}

#[test]
fn a_workflow_is_made_of_a_template_and_knows_it() {
    let template = put("makes", &[], &named("makes")).expect(201);
    let made = make("makes", &json!({ "id": "made", "params": { "who": "Ada" } })).expect(201);
    let origin = &made["origin"];
    assert_eq!((&origin["kind"], &origin["template"]), (&json!("template"), &json!("makes")));
    assert_eq!(origin["template_digest"], template["digest"]);
    assert_eq!(finished("made", json!({}))["output"], "2 x Ada");

    let again = make("makes", &json!({ "id": "made", "params": { "who": "Bob" } })).expect(412);
    assert_eq!(again["code"], "precondition-failed");
    let tag = format!("\"{}\"", made["digest"].as_str().expect("a digest"));
    let path = "/templates/makes/workflows";
    let body = json!({ "id": "made", "params": { "who": "Bob", "times": 1 } });
    post(path, &[("if-match", &tag)], &body).expect(200);
    assert_eq!(finished("made", json!({}))["output"], "1 x Bob");
}

#[test]
fn parameters_are_checked_all_at_once() {
    put("checks", &[], &named("checks")).expect(201);
    let body = json!({ "id": "unmade", "params": { "times": 0, "whom": "Ada" } });
    let problem = make("checks", &body).expect(422);
    assert_eq!(problem["code"], "invalid-params");
    assert_eq!(problem["problems"].as_array().map(Vec::len), Some(3), "{problem:#}");
    assert_eq!(ask("GET /workflows/unmade", &[], "").status, 404);
    assert_eq!(
        make("nothing", &json!({ "id": "unmade" })).expect(404)["code"],
        "template-not-found"
    );
}

#[test]
fn a_workflow_becomes_a_template_that_makes_it_again() {
    let text = named("source").replace("[params]", "[input]").replace("params", "input");
    let text = text.replace("required = [\"who\"]\n", "");
    let text = text.replace("\"${input.times} x ${input.who}\" }", "\"hello\" } # what it says");
    ask("PUT /workflows/source", &[("content-type", "application/toml")], text).expect(201);
    let body = json!({
        "id": "saved",
        "params": {
            "said": { "at": "tasks[say].input.said" },
            "about": { "at": "description", "schema": { "type": "string", "minLength": 3 } },
        },
    });
    let saved = post("/workflows/source/template", &[], &body).expect(201);
    assert_eq!(saved["defaults"], json!({ "said": "hello" }));
    assert_eq!(saved["params_schema"]["required"], json!(["about"]));
    assert!(saved["source"].to_string().contains("# what it says"), "comments stay");
    make("saved", &json!({ "id": "again", "params": { "about": "Says it again." } })).expect(201);
    assert_eq!(finished("again", json!({}))["output"], "hello");
    assert_eq!(get("/workflows/again")["description"], "Says it again.");

    let wrong = json!({
        "id": "unsaved",
        "params": {
            "a": { "at": "tasks[0].input.nothing" },
            "b": { "at": "output" },
            "c d": { "at": "version" },
            "e": { "at": "id" },
        },
    });
    let problem = post("/workflows/source/template", &[], &wrong).expect(422);
    assert_eq!(problem["code"], "invalid-template");
    assert_eq!(problem["problems"].as_array().map(Vec::len), Some(4), "{problem:#}");
}
