//! Outputs that are taken over after the host was started again.

use serde_json::{Value, json};

use crate::own::{Host, Place};

const REMEMBERS: (&str, &str) = (
    "remembers.toml",
    "id = \"remembers\"\nversion = \"1.0.0\"\n[[tasks]]\nid = \"a\"\ntype = \"hostile.identity\"\n\
     input = \"${input}\"\ncache = { ttl = \"1h\" }\n",
);

/// The task of a run that has ended.
fn task(host: &Host) -> Value {
    let body = json!({ "input": { "of": "restart" } });
    let prefer = [("prefer", "wait=30")];
    let run = host.ask("POST /workflows/remembers/runs", &prefer, &body).expect(200);
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    host.get(&format!("/runs/{}/tasks/a", run["id"].as_str().expect("an id")))
}

#[test]
fn an_output_is_taken_over_by_the_next_start_of_the_host() {
    let place = Place::new(&["hostile"], &[REMEMBERS], &[]);
    let host = place.start();
    let first = task(&host);
    host.stop();
    let host = place.start();
    let second = task(&host);
    assert_eq!(second["output"], first["output"], "{second:#}");
    let cached = &second["attempts"][0]["cached"];
    assert_eq!(cached["run"], first["output"]["run_id"], "{second:#}");
    host.stop();
}
