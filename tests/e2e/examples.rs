//! Every workflow that ships, run for real: with an input, and with what people and other programs
//! do meanwhile.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use serde_json::{Value, json};

use crate::host::{Folders, Host, repository};
use crate::languages;

/// Plugins that the workflows use.
const PLUGINS: [&str; 4] = ["github", "http", "json", "text"];

/// What triggers need of a host: secrets, which are never read here, and a folder.
const CONFIGURATION: &str = "[secrets]\ngithub = { env = \"NOT_SET\" }\n\
                             example-webhook = { env = \"NOT_SET\" }\n\
                             example-token = { file = \"token\" }\n[triggers]\nfiles = \"files\"\n";

/// Where the secret may go, but for the port.
const DESTINATION: &str = "host = \"127.0.0.1\"\nschemes = [\"http\"]\n";

/// How a workflow that ships is run.
struct Case {
    workflow: &'static str,
    /// The body of the start.
    start: Value,
    /// What is done once a task waits: the task, the path behind the run's, the body.
    then: Option<(&'static str, &'static str, Value)>,
    outcome: &'static str,
    /// How some of its tasks end.
    tasks: &'static [(&'static str, &'static str)],
    /// The output, or a part of it.
    output: Value,
}

fn case(workflow: &'static str, input: Value, output: Value) -> Case {
    let start = json!({ "input": input });
    Case { workflow, start, then: None, outcome: "succeeded", tasks: &[], output }
}

/// Every way to run them. `url` answers requests.
fn cases(url: &str) -> Vec<Case> {
    let input = fs::read_to_string(repository().join("workflows/inputs/issue-analysis.json"));
    let payload: Value = serde_json::from_str(&input.expect("it ships")).expect("JSON");
    let issue = payload["issue"].clone();
    let plain = json!({ "number": 7, "title": "A question", "body": "How does it work?" });
    vec![
        case("issue-analysis", payload, json!({ "facts": { "kind": "bug" } })),
        Case {
            then: Some((
                "review",
                "/tasks/review/approve",
                json!({ "by": "Ada", "input": { "comment": "Well said." } }),
            )),
            ..case(
                "example-approval",
                json!({ "text": "News" }),
                json!({ "publish": { "text": "Published: News" } }),
            )
        },
        Case {
            then: Some(("review", "/tasks/review/approve", json!({ "approved": false }))),
            ..case("example-approval", json!({ "text": "News" }), json!({}))
        },
        case("example-artefacts", json!({ "title": "All well" }), json!("report.md has 10 bytes")),
        case("example-branch", json!({ "issue": issue }), json!("Thank you for the 1 traces.")),
        case("example-branch", json!({ "issue": plain }), json!("Thank you. Is there a trace?")),
        case("example-cache", json!({ "issue": plain.clone() }), json!({})),
        case(
            "example-concurrency",
            json!({ "customer": "Ada" }),
            json!({ "work": { "text": "for Ada" } }),
        ),
        case(
            "example-concurrency",
            json!({ "customer": "Ada" }),
            json!({ "work": { "text": "for Ada" } }),
        ),
        case("example-compensation", json!({ "amount": 3 }), json!({ "charge": { "value": 3 } })),
        Case { outcome: "failed", ..case("example-compensation", json!({}), Value::Null) },
        case("example-decision", json!({ "title": "It crashes" }), json!("A bug, says task:look.")),
        Case {
            then: Some(("kind", "/tasks/kind/approve", json!({ "by": "Ada", "input": "wish" }))),
            ..case(
                "example-decision",
                json!({ "title": "Dark mode" }),
                json!("A wish, says person."),
            )
        },
        case("example-config-values", json!({}), json!("Signed by nobody in particular")),
        case("example-heartbeat", json!({}), json!("Done in time.")),
        Case {
            start: json!({ "context": { "team": "docs", "dry_run": true } }),
            ..case(
                "example-context",
                json!({}),
                json!("Dear docs team,\nthis is written for you (dry run)"),
            )
        },
        case(
            "example-shared-context",
            json!({ "title": "Emma" }),
            json!("Emma comes after 0 others"),
        ),
        case("example-finally", json!({ "value": 1 }), json!({ "work": { "value": 1 } })),
        Case { outcome: "failed", ..case("example-finally", json!({}), Value::Null) },
        case(
            "example-for-each",
            json!({ "issues": [{ "title": "One" }, { "title": "Two" }] }),
            json!(["1. One", "2. Two"]),
        ),
        case(
            "example-nested-groups",
            json!({ "days": [{ "name": "Mon", "hours": [9, 10] }, { "name": "Tue", "hours": [] }] }),
            json!("Mon 9, Mon 10\n\n"),
        ),
        case(
            "example-parallel-merge",
            json!({ "order": { "customer": "Ada", "items": [1, 2] } }),
            json!({ "customer": "Ada", "items": 2 }),
        ),
        case(
            "example-quorum",
            json!({ "first": 1, "third": 3 }),
            json!([{ "found": true, "value": 1 }, { "found": true, "value": 3 }]),
        ),
        Case { outcome: "failed", ..case("example-quorum", json!({ "first": 1 }), Value::Null) },
        case(
            "example-reduce",
            json!({ "teams": [{ "open": ["a", "b"] }, {}, { "open": ["c"] }] }),
            json!({ "open": ["a", "b", "c"], "count": 3 }),
        ),
        case("example-reduce", json!({ "teams": [] }), json!({ "open": [], "count": 0 })),
        case(
            "example-merge-strategies",
            json!({ "there": 2 }),
            json!({
                "first": 2, "any": [2], "array": ["nothing", 2],
                "object": { "here": "nothing", "there": 2 },
            }),
        ),
        case("example-run-settings", json!({ "value": 1 }), json!("Done all the same.")),
        Case {
            outcome: "failed",
            tasks: &[("look", "failed"), ("needs_it", "skipped"), ("beside", "succeeded")],
            ..case("example-run-settings", json!({}), Value::Null)
        },
        case("example-retry", json!({ "url": url }), json!(200)),
        case(
            "example-run-if-and-allow-failure",
            json!({ "title": "x" }),
            json!("title: succeeded, explained: skipped"),
        ),
        case(
            "example-run-if-and-allow-failure",
            json!({}),
            json!("title: failed, explained: succeeded"),
        ),
        case("example-secret", json!({ "url": url }), json!(200)),
        case("example-sub-workflow", json!({ "names": ["Ada"] }), json!(["Bonjour, Ada"])),
        Case {
            start: json!({ "context": { "team": "docs" } }),
            ..case(
                "example-sub-workflow-context",
                json!({}),
                json!("It begins with: Dear docs team"),
            )
        },
        case("example-sub-workflow-detached", json!({}), json!({})),
        case("example-switch", json!({ "name": "Ada", "language": "de" }), json!("Guten Tag, Ada")),
        case("example-switch", json!({ "name": "Ada" }), json!("Hello, Ada")),
        case("example-trigger-cron", json!({}), json!("Started by a person")),
        case("example-trigger-file", json!({}), json!("Started by a person")),
        case("example-trigger-github", json!({}), json!("Started by a person")),
        case("example-trigger-run", json!({}), json!("Started by a person")),
        case("example-trigger-webhook", json!({}), json!("Started by a person")),
        Case {
            then: Some((
                "payment",
                "/signals",
                json!({ "name": "payment", "payload": { "amount": 5 } }),
            )),
            ..case("example-wait-signal", json!({}), json!("Paid: 5"))
        },
        case("example-wait-time", json!({ "at": "2026-01-01T00:00:00Z" }), json!("It is time.")),
    ]
}

/// Workflows that are run by themselves, since their runs meet, or cannot be started.
const APART: [&str; 3] =
    ["example-concurrency-cancel", "example-concurrency-reject", "example-switched-off"];

fn a_detached_run_goes_on(host: &Host) {
    let case = case("example-sub-workflow-detached", json!({}), json!({}));
    let run = host.finished(&started(host, &case));
    let beside = run["output"]["started"].as_str().expect("a run").to_owned();
    let beside = host.finished(&beside);
    assert_eq!(beside["output"], "Thank you. Is there a trace?", "{beside:#}");
}

fn paid(host: &Host, run: &str) -> Value {
    let body = json!({ "name": "paid", "payload": 5 });
    assert_eq!(host.post(&format!("/runs/{run}/signals"), &body, &[]).0, 202);
    host.finished(run)
}

fn a_busy_key_is_rejected(host: &Host) {
    let start = || case("example-concurrency-reject", json!({ "customer": "Ada" }), json!(5));
    let first = started(host, &start());
    let (status, problem) =
        host.post("/workflows/example-concurrency-reject/runs", &start().start, &[]);
    assert_eq!((status, &problem["run"]), (409, &json!(first)), "{problem:#}");
    assert_eq!(paid(host, &first)["output"], 5);
    let next = started(host, &start());
    assert_eq!(paid(host, &next)["outcome"], "succeeded");
}

fn a_busy_key_is_taken_over(host: &Host) {
    let start = || case("example-concurrency-cancel", json!({ "customer": "Ada" }), json!(5));
    let first = started(host, &start());
    let second = started(host, &start());
    assert_eq!(host.finished(&first)["outcome"], "cancelled");
    assert_eq!(paid(host, &second)["output"], 5);
}

fn what_is_switched_off_is_switched_on(host: &Host) {
    let path = "/workflows/example-switched-off";
    let (status, problem) = host.post(&format!("{path}/runs"), &json!({}), &[]);
    assert_eq!((status, &problem["code"]), (409, &json!("workflow-disabled")), "{problem:#}");
    assert_eq!(host.post(&format!("{path}/enable"), &json!({}), &[]).0, 200);
    let run = host.finished(&started(host, &case("example-switched-off", json!({}), json!(""))));
    assert_eq!(run["output"], "In use now.");
}

#[test]
fn every_workflow_that_ships_runs() {
    let url = answering();
    let folders = folders();
    let port = url.rsplit(':').next().and_then(|rest| rest.strip_suffix('/')).expect("a port");
    let policy = format!(
        "[[http]]\nhost = \"127.0.0.1\"\nport = {port}\nschemes = [\"http\"]\nmethods = [\"GET\"]\n"
    );
    let policy =
        format!("{policy}[[secrets]]\nname = \"example-token\"\n{DESTINATION}port = {port}\n");
    folders.file("plugins/http.policy.toml", &policy);
    folders.file("token", "a-token-of-the-tests\n");
    let configuration = folders.file("taskloom.toml", CONFIGURATION).display().to_string();
    let host = Host::start_with(&folders, &[("TASKLOOM_CONFIG", &configuration)]);
    let cases = cases(&url);
    let runs: Vec<_> = cases.iter().map(|case| (case, started(&host, case))).collect();
    for (case, run) in runs {
        if let Some((task, path, body)) = &case.then {
            host.when(&run, |run| waits(run, task));
            let (status, answer) = host.post(&format!("/runs/{run}{path}"), body, &[]);
            assert_eq!(status, 202, "{}: {answer:#}", case.workflow);
        }
        let run = host.finished(&run);
        assert_eq!(run["outcome"], case.outcome, "{}: {run:#}", case.workflow);
        let (output, expected) = (&run["output"], &case.output);
        assert!(holds(output, expected), "{}: {output:#} lacks {expected:#}", case.workflow);
        for (task, outcome) in case.tasks {
            let ended =
                run["tasks"].as_array().and_then(|all| all.iter().find(|one| one["id"] == *task));
            assert!(ended.is_some_and(|one| one["outcome"] == *outcome), "{task}: {run:#}");
        }
    }
    // What runs share is there for the next ones.
    let start = json!({ "title": "Persuasion" });
    let next = case("example-shared-context", start, json!("Persuasion comes after 1 others"));
    let run = host.finished(&started(&host, &next));
    assert_eq!(run["output"], next.output, "{run:#}");
    let shared = host.get("/contexts/reading-list");
    assert_eq!(shared["values"]["titles"]["value"], json!(["Emma", "Persuasion"]), "{shared:#}");
    a_detached_run_goes_on(&host);
    a_busy_key_is_rejected(&host);
    a_busy_key_is_taken_over(&host);
    what_is_switched_off_is_switched_on(&host);
    let run: BTreeSet<_> = cases.iter().map(|case| case.workflow).chain(APART).collect();
    let listed = host.get("/workflows");
    let listed = listed["workflows"].as_array().expect("a list");
    let shipped: BTreeSet<_> = listed.iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!(shipped, run, "every workflow that ships is run here, and nothing else");
}

fn started(host: &Host, case: &Case) -> String {
    let path = format!("/workflows/{}/runs", case.workflow);
    let (status, run) = host.post(&path, &case.start, &[]);
    assert_eq!(status, 201, "{}: {run:#}", case.workflow);
    run["id"].as_str().expect("an id").to_owned()
}

fn waits(run: &Value, task: &str) -> bool {
    let tasks = run["tasks"].as_array().expect("a list");
    tasks.iter().any(|found| found["id"] == task && found["status"] == "waiting")
}

/// Whether `value` has everything that `part` has.
pub(crate) fn holds(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::Object(value), Value::Object(part)) => {
            part.iter().all(|(key, part)| value.get(key).is_some_and(|value| holds(value, part)))
        }
        _ => value == part,
    }
}

fn folders() -> Folders {
    let files = shipped();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Folders::new(&PLUGINS, &files)
}

/// The workflow files that ship: names and texts. Those with plugins in other languages are run in `languages`.
fn shipped() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for folder in ["workflows", "workflows/examples"] {
        for entry in fs::read_dir(repository().join(folder)).expect("the folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let name = path.file_name().map(Path::new).expect("a name").display().to_string();
                let text = fs::read_to_string(&path).expect("a text");
                if !name.starts_with(languages::PREFIX) {
                    files.push((name, text));
                }
            }
        }
    }
    files
}

/// Answers every request on a port of its own, the first one with a failure that passes.
fn answering() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for (n, connection) in listener.incoming().enumerate() {
            let Ok(mut connection) = connection else { continue };
            let lines = BufReader::new(&connection).lines();
            lines
                .take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()))
                .for_each(drop);
            let status = if n == 0 { "503 Service Unavailable" } else { "200 OK" };
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
            // Whoever asked may be gone.
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    format!("http://127.0.0.1:{port}/")
}
