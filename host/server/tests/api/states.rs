//! Every operation on a run, in every state of a run: what it answers, and that it says why.

use serde_json::{Value, json};

use crate::host::{ask, post, started, until};

/// Where a run can be when somebody asks something of it.
#[derive(Debug, Clone, Copy)]
enum State {
    /// No run has this id.
    Unknown,
    /// This is no id of a run.
    Nonsense,
    Waiting,
    Paused,
    /// It was cancelled, and a task of its `finally` is not done; that part can be paused.
    Stopping,
    Succeeded,
    Failed,
}

use State::{Failed, Nonsense, Paused, Stopping, Succeeded, Unknown, Waiting};

const STATES: [State; 7] = [Unknown, Nonsense, Waiting, Paused, Stopping, Succeeded, Failed];

impl State {
    /// The id of a run that is there.
    fn run(self) -> String {
        let id = match self {
            Unknown => return "0192e4a0-0000-7000-8000-000000000000".to_owned(),
            Nonsense => return "nonsense".to_owned(),
            _ => started("lingers", json!({})),
        };
        let path = |what: &str| format!("/runs/{id}{what}");
        let is_waiting = |task: &'static str| {
            move |run: &Value| {
                let tasks = run["tasks"].as_array().expect("a list");
                tasks.iter().any(|found| found["id"] == task && found["status"] == "waiting")
            }
        };
        until(&path(""), is_waiting("sure"));
        let approved = match self {
            Paused => {
                post(&path("/pause"), &[], &json!({})).expect(202);
                return id;
            }
            Stopping => {
                post(&path("/cancel"), &[], &json!({})).expect(202);
                until(&path(""), is_waiting("last"));
                return id;
            }
            Succeeded | Failed => matches!(self, Succeeded),
            Unknown | Nonsense | Waiting => return id,
        };
        post(&path("/tasks/sure/approve"), &[], &json!({ "approved": approved })).expect(202);
        post(&path("/signals"), &[], &json!({ "name": "done" })).expect(202);
        until(&path(""), |run| !run["outcome"].is_null());
        id
    }
}

/// Method, path behind `/runs/{id}`, body, and the status for each of [`STATES`].
#[rustfmt::skip]
const OPERATIONS: [(&str, &str, &str, [u16; 7]); 18] = [
    ("GET", "", "", [404, 404, 200, 200, 200, 200, 200]),
    ("GET", "/events", "", [404, 404, 200, 200, 200, 200, 200]),
    ("GET", "/artefacts", "", [404, 404, 200, 200, 200, 200, 200]),
    ("GET", "/artefacts/a.txt", "", [404, 404, 404, 404, 404, 404, 404]),
    ("GET", "/logs", "", [404, 404, 200, 200, 200, 200, 200]),
    ("GET", "/tasks", "", [404, 404, 200, 200, 200, 200, 200]),
    ("GET", "/tasks/sure", "", [404, 404, 200, 200, 200, 200, 200]),
    ("GET", "/tasks/gone", "", [404, 404, 404, 404, 404, 404, 404]),
    ("POST", "/cancel", "", [404, 404, 202, 202, 409, 409, 409]),
    ("POST", "/pause", "", [404, 404, 202, 409, 202, 409, 409]),
    ("POST", "/resume", "", [404, 404, 409, 202, 409, 409, 409]),
    ("PUT", "/priority", r#"{"priority": 3}"#, [404, 404, 202, 202, 202, 409, 409]),
    ("POST", "/signals", r#"{"name": "x"}"#, [404, 404, 202, 202, 202, 409, 409]),
    ("POST", "/tasks/sure/approve", "", [404, 404, 202, 202, 409, 409, 409]),
    ("POST", "/tasks/sure/skip", "", [404, 404, 202, 202, 409, 409, 409]),
    ("POST", "/rerun", "", [404, 404, 409, 409, 409, 409, 201]),
    ("POST", "/rerun/preview", "", [404, 404, 409, 409, 409, 409, 200]),
    ("DELETE", "", "", [404, 404, 409, 409, 409, 204, 204]),
];

#[test]
fn every_operation_answers_in_every_state() {
    let mut wrong = Vec::new();
    for (method, path, body, expected) in OPERATIONS {
        for (state, expected) in STATES.into_iter().zip(expected) {
            let line = format!("{method} /runs/{}{path}", state.run());
            let headers = [("content-type", "application/json")];
            let answer = ask(&line, &headers[..usize::from(!body.is_empty())], body);
            let says_why = || {
                let problem = answer.json();
                let (detail, code) = (&problem["detail"], &problem["code"]);
                let words = detail.as_str().map_or(0, |detail| detail.split(' ').count());
                words >= 4 && code.as_str().is_some_and(|code| code != "internal")
            };
            let is_right = answer.status == expected && (expected < 400 || says_why());
            if !is_right {
                wrong.push(format!("{method} {path} {state:?}: {} {}", answer.status, answer.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
