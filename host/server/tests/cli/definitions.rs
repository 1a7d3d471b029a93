//! Commands that manage definitions.

use serde_json::json;

use super::{ECHO, Host, Place};

#[test]
fn workflows_are_put_switched_and_deleted_and_outlive_the_host() {
    let place = Place::new();
    place.write("mine.toml", &ECHO.replace("id = \"echo\"\nv", "id = \"mine\"\nv"));
    let host = Host::start(&place);
    let on = format!("--server {}", host.address);
    let put = place.taskloom(&format!("workflows put mine.toml --new {on}")).expect(0);
    put.says(&["mine 1.0.0 sha256:"]);
    place.taskloom(&format!("workflows put mine.toml --new {on}")).expect(1).says(&["if-match"]);
    place.taskloom(&format!("workflows disable mine {on}")).expect(0).says(&["switched off"]);
    drop(host);

    let host = Host::start(&place);
    let on = format!("--server {}", host.address);
    let list = place.taskloom(&format!("workflows list {on}")).expect(0);
    list.says(&["mine", "switched off", "api", "echo.toml"]);
    place.taskloom(&format!("workflows enable mine --json {on}")).expect(0);
    place.write("mine.toml", &ECHO.replace("\"echo\"\nversion = \"1", "\"mine\"\nversion = \"2"));
    let put = place.taskloom(&format!("workflows put mine.toml --json {on}")).expect(0).json();
    assert_eq!((&put["version"], &put["enabled"]), (&json!("2.0.0"), &json!(true)));
    let versions = place.taskloom(&format!("workflows versions mine {on}")).expect(0);
    versions.says(&["2.0.0", "1.0.0", "current"]);
    let all = place.taskloom(&format!("workflows versions mine --json {on}")).expect(0).json();
    let old = all["versions"][1]["digest"].as_str().expect("a digest");
    let text = place.taskloom(&format!("workflows show mine@{old} {on}")).expect(0);
    assert!(text.out.contains("version = \"1.0.0\""), "{}", text.out);
    place.taskloom(&format!("workflows delete mine {on}")).expect(0).says(&["mine is deleted"]);
    place.taskloom(&format!("workflows show mine {on}")).expect(1).says(&["no workflow `mine`"]);
}

#[test]
fn a_file_that_is_wrong_is_refused_with_all_that_is_wrong() {
    let place = Place::new();
    let host = Host::start(&place);
    let on = format!("--server {}", host.address);
    place.write("wrong.toml", "id = \"x\"\nversoin = \"1\"\n[[tasks]]\nid = \"a\"\ntyp = \"b\"\n");
    let done = place.taskloom(&format!("workflows put wrong.toml {on}")).expect(1);
    done.says(&["request:2:1", "did you mean `version`", "request:5:1"]);
    place.write("nameless.toml", "version = \"1.0.0\"\n");
    let done = place.taskloom(&format!("workflows put nameless.toml {on}")).expect(2);
    done.says(&["nameless.toml has no `id`"]);
    place.taskloom(&format!("workflows put nowhere.toml {on}")).expect(2).says(&["nowhere.toml"]);
    let done = place.taskloom(&format!("workflows delete echo {on}")).expect(1);
    done.says(&["comes from the file `echo.toml`"]);
}
