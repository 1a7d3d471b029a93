//! What happened to a plugin's file, as the API tells it.

use std::fs;

use serde_json::Value;

use crate::own::{Host, Place};

#[test]
fn every_step_of_a_file_is_an_event() {
    let place = Place::new(&["noop"], &[], &[]);
    let host = place.start();
    let file = place.path("plugins").join("noop.wasm");
    let good = fs::metadata(&file).expect("a file").len();
    let first = host.until("/plugins/noop/events", |page| page["events"][0]["seq"] == 1);
    let event = &first["events"][0];
    assert_eq!(event["kind"], "plugin-loaded");
    assert_eq!((&event["bytes"], &event["task_types"][0]), (&good.into(), &"noop.run".into()));
    assert!(event["load_ms"].is_u64() && event["digest"].as_str().is_some(), "{event}");
    assert_eq!(first["next_cursor"], Value::Null);

    // A core module replaces nothing and is refused with a reason.
    fs::write(&file, b"\0asm\x01\0\0\0").expect("written");
    let second = host.until("/plugins/noop/events", |page| page["events"][0]["seq"] == 2);
    let event = &second["events"][0];
    assert_eq!(event["kind"], "plugin-refused");
    assert!(event["reason"].as_str().is_some_and(|why| why.contains("not a component")), "{event}");
    assert_eq!(host.get("/plugins/noop")["digest"], first["events"][0]["digest"]);

    fs::remove_file(&file).expect("removed");
    host.until("/plugins/noop/events", |page| {
        page["events"].as_array().expect("events").iter().any(|it| it["kind"] == "plugin-removed")
    });
    let (told, last) = told_by_pages(&host);
    assert_eq!(told, ["plugin-removed", "plugin-refused", "plugin-loaded"]);
    assert_eq!(last, first["events"][0]);
    host.stop();

    // After a start nobody has seen the file, but what happened to it is known.
    let host = place.start();
    assert_eq!(told_by_pages(&host).0, told);
    host.ask("GET /plugins/nope/events", &[], &Value::Null).expect(404);
    host.ask("GET /plugins/noop/events?cursor=x", &[], &Value::Null).expect(400);
    host.stop();
}

/// The kinds of all events, read one page after the other, and the first event that ever was. The bytes of a
/// version that nobody needs any more may be gone by now, or not: that is left out.
fn told_by_pages(host: &Host) -> (Vec<String>, Value) {
    let (mut kinds, mut cursor) = (Vec::new(), String::new());
    let first = loop {
        let page = host.get(&format!("/plugins/noop/events?limit=1{cursor}"));
        let event = &page["events"][0];
        kinds.push(event["kind"].as_str().expect("a kind").to_owned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break event.clone(),
        }
    };
    kinds.retain(|kind| kind != "plugin-version-dropped");
    (kinds, first)
}

#[test]
fn the_same_version_loaded_again_is_no_news() {
    let place = Place::new(&["noop"], &[], &[]);
    let host = place.start();
    host.until("/plugins/noop/events", |page| page["events"][0]["seq"] == 1);
    host.stop();
    let host = place.start();
    let page = host.get("/plugins/noop/events");
    assert_eq!(page["events"].as_array().expect("events").len(), 1);
    host.stop();
}

#[test]
fn a_wider_policy_leaves_a_trace() {
    let place = Place::new(&["noop"], &[], &[]);
    let host = place.start();
    let page = host.until("/plugins/noop/events", |page| page["events"][0]["seq"] == 1);
    let narrow = page["events"][0].clone();
    assert!(
        narrow["policy_digest"].as_str().is_some_and(|it| it.starts_with("sha256:")),
        "{narrow}"
    );
    assert_eq!(narrow["signed_by"], Value::Null, "nobody signed it");

    let policy = "[[http]]\nhost = \"*.example.org\"\n";
    fs::write(place.path("plugins").join("noop.policy.toml"), policy).expect("written");
    let page = host.until("/plugins/noop/events", |page| page["events"][0]["seq"] == 2);
    let wide = &page["events"][0];
    assert_eq!((&wide["kind"], &wide["digest"]), (&"plugin-loaded".into(), &narrow["digest"]));
    assert_ne!(wide["policy_digest"], narrow["policy_digest"]);
    host.stop();

    // While there is no host somebody grants a little more memory.
    let policy = format!("{policy}[limits]\nmemory = \"65MiB\"\n");
    fs::write(place.path("plugins").join("noop.policy.toml"), policy).expect("written");
    let host = place.start();
    let page = host.until("/plugins/noop/events", |page| page["events"][0]["seq"] == 3);
    assert_ne!(page["events"][0]["policy_digest"], page["events"][1]["policy_digest"]);
    host.stop();
}
