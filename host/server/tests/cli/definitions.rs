//! Commands that manage definitions.

use serde_json::json;

use crate::place::{ECHO, Host, Place};

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
fn workflows_are_compared_by_what_they_mean() {
    let place = Place::new();
    place.write("same.toml", &format!("# a comment\n{ECHO}"));
    place.taskloom("diff workflows/echo.toml same.toml").expect(0).says(&["nothing is different"]);
    place.write("new.toml", &ECHO.replace("1.0.0", "1.1.0").replace("said", "told"));
    let diff = place.taskloom("diff workflows/echo.toml new.toml").expect(1);
    diff.says(&["~ workflow", "~ version: \"1.0.0\" -> \"1.1.0\"", "- input.said", "+ input.told"]);
    let diff = place.taskloom("diff workflows/echo.toml new.toml --json").expect(1).json();
    assert_eq!(diff["changed"][0]["task"], "echo");
    let host = Host::start(&place);
    let diff = place.taskloom(&format!("diff echo new.toml --server {}", host.address)).expect(1);
    diff.says(&["1.1.0"]);
    let none = place.taskloom(&format!("diff nothing new.toml --server {}", host.address));
    none.expect(2).says(&["no workflow `nothing`"]);
    place.write("wrong.toml", "id = 1\n");
    place.taskloom("diff wrong.toml new.toml").expect(2).says(&["wrong.toml:1:6"]);
}

#[test]
fn shared_contexts_are_set_shown_and_deleted() {
    let place = Place::new();
    let host = Host::start(&place);
    let on = format!("--server {}", host.address);
    place.taskloom(&format!("contexts list {on}")).expect(0).says(&["no shared contexts"]);
    place.write("notes.json", "{\"by\": \"Ada\", \"count\": 1}");
    let set = place.taskloom(&format!("contexts set notes notes.json {on}")).expect(0);
    set.says(&["notes  at 1", "by  \"Ada\"  by a caller at "]);
    let words = ["contexts", "set", "notes", "-", "--seq", "1", "--server", &host.address];
    place.taskloom_words(&words, "{\"by\": \"Bob\"}").expect(0).says(&["notes  at 2"]);
    place.taskloom_words(&words, "{\"by\": \"Cy\"}").expect(1).says(&["is at \"2\" by now"]);
    let shown = place.taskloom(&format!("contexts show notes --json {on}")).expect(0).json();
    assert_eq!((&shown["seq"], &shown["values"]["by"]["value"]), (&json!(2), &json!("Bob")));
    place.taskloom(&format!("contexts list {on}")).expect(0).says(&["CONTEXT", "notes", "by"]);
    let history = place.taskloom(&format!("contexts history notes {on}")).expect(0);
    history.says(&["a caller set by, count", "a caller set by"]);
    place.taskloom(&format!("contexts delete notes --seq 2 {on}")).expect(0).says(&["deleted"]);
    place.taskloom(&format!("contexts show notes {on}")).expect(1).says(&["no context `notes`"]);
    let all = place.taskloom(&format!("contexts history notes --json {on}")).expect(0).json();
    assert_eq!(all["events"][2]["kind"], "context-deleted");
    for (text, why) in [("[1]", "holds no object"), ("{", "is not JSON")] {
        place.write("notes.json", text);
        place.taskloom(&format!("contexts set notes notes.json {on}")).expect(2).says(&[why]);
    }
}

const GREETING: &str = r#"
id = "greeting"
version = "1.0.0"
[params]
required = ["who"]
properties.who = { type = "string", description = "Who is greeted." }
properties.times = { type = "integer", default = 2 }
[[tasks]]
id = "say"
type = "hostile.echo"
input = { said = "${params.times} x ${params.who}" }
"#;

#[test]
fn workflows_are_made_of_templates_and_templates_of_workflows() {
    let place = Place::new();
    std::fs::create_dir(place.path("workflows/templates")).expect("made");
    place.write("workflows/templates/greeting.toml", GREETING);
    let host = Host::start(&place);
    let on = format!("--server {}", host.address);
    let list = place.taskloom(&format!("templates list {on}")).expect(0);
    list.says(&["greeting", "greeting.toml", "times, who"]);
    let show = place.taskloom(&format!("templates show greeting {on}")).expect(0);
    show.says(&["who", "(must be given)", "Who is greeted.", "times", "2"]);
    let make = format!("templates create greeting hail --param who=42 --param times=3 {on}");
    place.taskloom(&make).expect(0).says(&["hail 1.0.0"]);
    let text = place.taskloom(&format!("workflows show hail {on}")).expect(0);
    text.says(&["said = \"3 x 42\""]);
    let wrong = place.taskloom(&format!("templates create greeting other --param times=x {on}"));
    wrong.expect(1).says(&["do not fit", "/times", "\"who\" is a required property"]);

    let save = format!("templates save hail hailing --param said=tasks[say].input.said {on}");
    place.taskloom(&save).expect(0).says(&["hailing 1.0.0"]);
    place.taskloom(&format!("templates versions hailing {on}")).expect(0).says(&["api", "current"]);
    place.taskloom(&format!("templates delete hailing {on}")).expect(0).says(&["is deleted"]);
    let kept = place.taskloom(&format!("templates delete greeting {on}")).expect(1);
    kept.says(&["comes from the file `greeting.toml`"]);
}

#[test]
fn a_workflow_is_made_of_a_template_without_a_host() {
    let place = Place::new();
    std::fs::create_dir(place.path("workflows/templates")).expect("made");
    place.write("workflows/templates/greeting.toml", GREETING);
    place.write("params.json", r#"{ "who": "Ada" }"#);
    let make = "templates create greeting hail --params params.json --to workflows/hail.toml";
    place.taskloom(make).expect(0).says(&["workflows/hail.toml is made of template greeting"]);
    let run = place.taskloom("run workflows/hail.toml").expect(0);
    assert_eq!(run.json(), json!({ "say": { "said": "2 x Ada" } }));
    place.taskloom(make).expect(2).says(&["workflows/hail.toml", "cannot be written"]);
    let by_file = "templates create workflows/templates/greeting.toml hail --to -";
    place.taskloom(by_file).expect(2).says(&["do not fit", "required property"]);
    let none = place.taskloom("templates create nothing hail --to -").expect(2);
    none.says(&["no template `nothing`", "templates.folder"]);
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
