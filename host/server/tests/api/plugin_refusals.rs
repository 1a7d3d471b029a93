//! What plugins were refused, listed across runs: for as long as the runs are kept.

use std::fs;

use serde_json::{Value, json};

use crate::own::{Host, Place};

/// Two tasks that want what nobody granted.
const WANTS: (&str, &str) = (
    "wants.toml",
    r#"
id = "wants"
version = "1.0.0"
[[tasks]]
id = "call"
type = "hostile.open-url"
input = { url = "https://example.org/" }
allow_failure = true
[[tasks]]
id = "read"
type = "hostile.use-context"
input = { get = ["tenant"] }
allow_failure = true
needs = ["call"]
"#,
);

/// Runs the workflow to its end, and gives the run's id.
fn refused(host: &Host) -> String {
    let prefer = [("prefer", "wait=30")];
    let run = host.ask("POST /workflows/wants/runs", &prefer, &json!({})).expect(200);
    let uses = &run["tasks"][1]["attempts"][0]["capabilities"];
    assert_eq!(uses["refused"], 1, "{run:#}");
    run["id"].as_str().expect("an id").to_owned()
}

fn list(host: &Host, query: &str) -> (Vec<Value>, Option<String>) {
    let page = host.get(&format!("/plugins/hostile/refusals{query}"));
    let next = page["next_cursor"].as_str().map(str::to_owned);
    (page["refusals"].as_array().expect("a list").clone(), next)
}

#[test]
fn refusals_outlive_the_host_and_the_file_of_the_plugin() {
    let place = Place::new(&["hostile"], &[WANTS], &[]);
    let host = place.start();
    assert_eq!(list(&host, ""), (vec![], None));
    let (first, second) = (refused(&host), refused(&host));
    let (all, _) = list(&host, "");
    let said: Vec<_> = all.iter().map(|one| (&one["run"], &one["capability"])).collect();
    let (first, second) = (json!(first), json!(second));
    let (http, context) = (json!("http"), json!("context"));
    let expected = [(&second, &context), (&second, &http), (&first, &context), (&first, &http)];
    assert_eq!(said, expected, "{all:#?}");
    let newest = &all[0];
    assert_eq!((&newest["task"], &newest["attempt"]), (&json!("read"), &json!(1)));
    assert_eq!(newest["refused"], 1);
    assert!(newest["message"].as_str().is_some_and(|why| why.contains("tenant")), "{newest:#}");
    assert!(newest["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{newest:#}");
    host.stop();

    fs::remove_file(place.path("plugins/hostile.wasm")).expect("removed");
    let host = place.start();
    let (page, next) = list(&host, "?limit=3");
    let (rest, end) = list(&host, &format!("?cursor={}", next.expect("there is more")));
    assert_eq!(([page, rest].concat(), end), (all, None));
    host.ask("GET /plugins/nope/refusals", &[], &Value::Null).expect(404);
    host.ask("GET /plugins/hostile/refusals?cursor=x", &[], &Value::Null).expect(400);
    host.stop();
}

#[test]
fn refusals_go_with_their_runs() {
    let settings = [("retention.finished_max", "1"), ("retention.every", "1s")];
    let place = Place::new(&["hostile"], &[WANTS], &settings);
    let host = place.start();
    let (first, second) = (refused(&host), refused(&host));
    host.ask(&format!("DELETE /runs/{first}"), &[], &Value::Null);
    let (kept, _) = list(&host, "");
    assert!(kept.len() == 2 && kept.iter().all(|one| one["run"] == *second), "{kept:#?}");
    let third = refused(&host);
    host.keep_tidy();
    let page = host.until("/plugins/hostile/refusals", |page| {
        page["refusals"].as_array().is_some_and(|list| list.len() == 2)
    });
    assert!(page["refusals"][0]["run"] == *third, "{page:#}");
    host.stop();
}
