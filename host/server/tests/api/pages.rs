//! Workflows, plugins, and the host itself.

use serde_json::{Value, json};

use crate::host::{ask, get};

#[test]
fn workflows_are_listed_with_what_is_wrong_beside_them() {
    let list = get("/workflows");
    let named = |id: &str| {
        let workflows = list["workflows"].as_array().expect("a list");
        workflows.iter().find(|workflow| workflow["id"] == id).cloned().unwrap_or_default()
    };
    let greet = named("greet");
    assert_eq!((&greet["available"], &greet["problems"]), (&json!(true), &json!([])));
    assert_eq!((&greet["name"], &greet["file"]), (&json!("Greet somebody"), &json!("greet.toml")));
    let nowhere = named("nowhere");
    assert_eq!(
        (&nowhere["available"], &nowhere["availability"]),
        (&json!(false), &json!("unavailable"))
    );
    assert_eq!(nowhere["problems"].as_array().map(Vec::len), Some(2));
    let broken = &list["broken_files"][0];
    assert_eq!(broken["file"], "broken.toml");
    assert!(broken["problems"].to_string().contains("versoin"), "{broken:#}");
}

#[test]
fn a_workflow_is_shown_with_its_tasks_schema_and_text() {
    let workflow = get("/workflows/greet");
    assert_eq!(workflow["tasks"][1]["needs"], json!(["text"]), "derived from what it reads");
    assert_eq!(workflow["input_schema"]["required"], json!(["name"]));
    assert!(workflow["source"].as_str().is_some_and(|source| source.contains("[[tasks]]")));
    assert!(workflow["digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:")));
    assert_eq!(workflow["tasks"][0]["retry"]["max_attempts"], json!(3));
}

#[test]
fn a_text_is_checked_without_being_registered() {
    let check = |text: &str| {
        ask("POST /workflows/validate", &[("content-type", "application/toml")], text.to_owned())
            .expect(200)
    };
    let good = "id = \"new\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"a\"\ntype = \"noop.run\"\n";
    let answer = check(good);
    assert_eq!((&answer["valid"], &answer["workflow"]["id"]), (&json!(true), &json!("new")));
    assert_eq!(ask("GET /workflows/new", &[], "").status, 404);
    let answer = check(
        &good.replace("noop.run", "noop.runn").replace("id = \"a\"", "id = \"a\"\nnede = []"),
    );
    assert_eq!(answer["valid"], json!(false));
    let problem = &answer["problems"][0];
    assert_eq!((&problem["line"], &problem["code"]), (&json!(5), &json!("unknown-key")));
    let answer = check(&good.replace("noop.run", "noop.runn"));
    assert_eq!(answer["problems"][0]["code"], "unknown-task-type", "{answer:#}");
    let problem = ask("POST /workflows/validate", &[("content-type", "application/json")], "{}");
    assert_eq!(problem.expect(415)["code"], "unsupported-media-type");
}

/// The plugins, once the broken one is called broken: it could have been a slow copy for a while.
fn plugins_once_looked_at() -> Value {
    loop {
        let list = get("/plugins");
        let plugins = list["plugins"].as_array().expect("a list");
        if plugins.iter().all(|plugin| plugin["state"] != "loading") {
            return list;
        }
        std::thread::yield_now();
    }
}

#[test]
fn plugins_are_listed_with_why_a_file_is_refused() {
    let list = plugins_once_looked_at();
    let named = |name: &str| {
        let plugins = list["plugins"].as_array().expect("a list");
        plugins.iter().find(|plugin| plugin["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(list["settled"], json!(true));
    assert_eq!(
        (&named("noop")["state"], &named("noop")["task_types"]),
        (&json!("active"), &json!(["noop.run"]))
    );
    let broken = named("broken");
    assert_eq!((&broken["state"], &broken["digest"]), (&json!("refused"), &Value::Null));
    assert!(broken["reason"].as_str().is_some_and(|reason| reason.len() > 10), "{broken:#}");
}

#[test]
fn a_plugin_is_shown_with_schemas_and_grants() {
    let plugin = get("/plugins/text");
    let render = &plugin["task_type_details"][0];
    assert_eq!((&render["name"], &render["effects"]), (&json!("text.render"), &json!("pure")));
    assert!(render["input_schema"]["properties"]["template"].is_object(), "{render:#}");
    assert_eq!(plugin["grants"][0]["host"], "api.example.org");
    assert_eq!(plugin["grants"][0]["methods"], json!(["GET"]));
    let problem = ask("GET /plugins/txet", &[], "").expect(404);
    assert!(problem["detail"].as_str().is_some_and(|d| d.contains("`text`")), "{problem:#}");
}

#[test]
fn the_host_says_how_it_is() {
    assert_eq!(get("/health")["status"], "ok");
    plugins_once_looked_at();
    let ready = get("/ready");
    assert_eq!((&ready["status"], &ready["broken_files"]), (&json!("ready"), &json!(1)));
    assert_eq!(
        ready["plugins"],
        json!({ "settled": true, "loading": 0, "active": 6, "refused": 1, "quarantined": 0 })
    );
}

#[test]
fn a_person_finds_the_way() {
    let page = ask("GET //", &[], "");
    assert!(page.status == 200 && page.text.contains("/api/v1/docs/"), "{}", page.text);
    assert!(page.header("content-type").starts_with("text/html"));
    let docs = ask("GET /docs/", &[], "");
    assert_eq!(docs.status, 200);
    assert!(docs.header("content-type").starts_with("text/html"));
}
