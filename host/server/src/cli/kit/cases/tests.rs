use expect_test::{Expect, expect};

use super::*;

fn cases(source: &str) -> Vec<Case> {
    read(Path::new("tests.toml"), source).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn check(source: &str, problems: &Expect) {
    let found = read(Path::new("tests.toml"), source).expect_err("something is wrong");
    let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
    problems.assert_eq(&lines.join("\n"));
}

#[test]
fn a_case_needs_a_name_and_a_task_type() {
    let read = cases("[defaults]\ntask_type = \"greet\"\n[[cases]]\nname = \"one\"\n");
    let case = &read[0];
    assert_eq!((&*case.name, &*case.task_type, &*case.input), ("one", "greet", "{}"));
    assert_eq!((case.attempt, case.max_attempts, case.line), (1, 3, 3));
    assert_eq!(case.clock.to_string(), "2026-01-01T00:00:00.000Z");
    assert!(matches!(case.expected.wanted, Wanted::Success));
    check(
        "[[cases]]\ninput = {}\n",
        &expect![[r#"
            tests.toml:1:1: cases[0].name: is missing
            tests.toml:1:1: cases[0].task_type: is missing; here, or for all cases in [defaults]"#]],
    );
    check("cases = []\n", &expect!["tests.toml:1:9: cases: there is no case"]);
    check("", &expect!["tests.toml:1:1: cases: is missing"]);
}

#[test]
fn everything_wrong_is_said_at_once_and_where() {
    let source = r#"
[defaults]
task_tpye = "greet"
[[cases]]
name = "one"
task_type = "greet"
clock = "yesterday"
limits = { fuel = 0 }
input = { name = "$file:nothing.md" }
output = 1
failure = { class = "fatal" }
logs = [{ level = "loud" }]
[[cases.http]]
request = { url = "nonsense", method = "GE T" }
[[cases.ai]]
text = "a"
json = 1
[[cases]]
name = "two"
task_type = "greet"
input = {}
input_json = "{}"
"#;
    let found = read(Path::new("tests.toml"), source).expect_err("something is wrong");
    let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
    let text = lines.join("\n");
    for expected in [
        "tests.toml:3:1: defaults.task_tpye: unknown key `task_tpye`; did you mean `task_type`?",
        "tests.toml:7:9: cases[0].clock: it is no time",
        "cases[0].limits.fuel: 0 is out of range",
        "tests.toml:9:9: cases[0].input: there is no file `nothing.md`",
        "cases[0].failure: there is `output` too: a case expects one ending",
        "cases[0].failure.class: unknown value `fatal`",
        "cases[0].logs[0].level: unknown value `loud`",
        "cases[0].http[0]: it is not answered",
        "cases[0].http[0].request.method: it is no method of HTTP",
        "cases[0].ai[0]: it is answered by one thing",
        "cases[1].input_json: there is `input` too",
    ] {
        assert!(text.contains(expected), "{expected}\nis not in\n{text}");
    }
    let device = "[[cases]]\nname = \"one\"\ntask_type = \"x\"\ninput_file = \"/dev/null\"\n";
    let found = read(Path::new("tests.toml"), device).expect_err("it might never end");
    assert!(found[0].to_string().contains("it is no file"), "{found:?}");
    let twice = "[[cases]]\nname = \"one\"\ntask_type = \"x\"\n".repeat(2);
    let found = read(Path::new("tests.toml"), &twice).expect_err("something is wrong");
    assert!(found[0].to_string().contains("another case named `one`"), "{found:?}");
}

#[test]
fn an_input_is_a_value_a_text_or_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("big.json"), "[1]").expect("written");
    let path = folder.path().join("tests.toml");
    let source = r#"
        [defaults]
        task_type = "x"
        [[cases]]
        name = "value"
        files = [{ name = "a.md", text = "hello" }]
        input = { file = "$file:a.md" }
        [[cases]]
        name = "text"
        input_json = '{ "a": null }'
        [[cases]]
        name = "file"
        input_file = "big.json"
    "#;
    let cases = read(&path, source).unwrap_or_else(|problems| panic!("{problems:?}"));
    let value: Value = serde_json::from_str(&cases[0].input).expect("JSON");
    assert_eq!((&value["file"]["name"], &value["file"]["bytes"]), (&json!("a.md"), &json!(5)));
    assert_eq!((&*cases[1].input, &*cases[2].input), (r#"{ "a": null }"#, "[1]"));
}
