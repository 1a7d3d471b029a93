//! Runs of a host, started and steered from the command line.

use serde_json::{Value, json};

use crate::place::{Done, Host, Place};

const WAITS: &str = r#"
id = "waits"
version = "1.0.0"
output = "${tasks.sure.output.input}"

[[tasks]]
id = "go"
kind = "wait"
signal = "go-ahead"

[[tasks]]
id = "extra"
type = "hostile.echo"
needs = ["go"]
input = { said = "${tasks.go.output}" }

[[tasks]]
id = "sure"
kind = "approval"
prompt = "Sure?"
needs = ["extra"]
"#;

const DECIDES: &str = r#"
id = "decides"
version = "1.0.0"
output = "${tasks.how.output.option} by ${tasks.how.output.who}"

[[tasks]]
id = "how"
kind = "decision"
question = "How?"
options = [{ id = "fast" }, { id = "slow" }]
recommend = "ai"
fallback = { approval = true }
"#;

/// A host, and commands that ask it.
struct Asked {
    place: Place,
    host: Host,
}

impl Asked {
    fn start() -> Self {
        let place = Place::new();
        place.write("workflows/waits.toml", WAITS);
        place.write("workflows/decides.toml", DECIDES);
        let host = Host::start(&place);
        Self { place, host }
    }

    fn runs(&self, words: &[&str]) -> Done {
        let mut all = vec!["runs"];
        all.extend(words);
        all.extend(["--server", &self.host.address]);
        self.place.taskloom_words(&all, "")
    }

    /// The id of a run that was just started.
    fn started(&self, words: &[&str]) -> String {
        self.runs(words).expect(0).out.trim().to_owned()
    }

    /// The run once `holds` of it.
    fn until(&self, run: &str, holds: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..2_000 {
            let shown = self.runs(&["show", run, "--json"]).expect(0).json();
            if holds(&shown) {
                return shown;
            }
        }
        panic!("run {run} does not come so far");
    }
}

fn is_waiting(run: &Value, task: &str) -> bool {
    let tasks = run["tasks"].as_array().expect("a list");
    tasks.iter().any(|found| found["id"] == task && found["status"] == "waiting")
}

#[test]
fn a_run_is_started_and_waited_for() {
    let asked = Asked::start();
    asked.place.write("input.json", r#"{ "say": "hi" }"#);
    let done = asked.runs(&["start", "echo", "--input", "input.json", "--wait"]).expect(0);
    done.says(&["echo 1.0.0", "succeeded", "\"say\": \"hi\""]);
    let keyed = ["start", "echo", "--idempotency-key", "one", "--priority", "-3"];
    let first = asked.started(&keyed);
    assert_eq!(first, asked.started(&keyed), "one run under one key");
    let run = asked.runs(&["start", "fails", "--wait", "--json"]).expect(1).json();
    assert_eq!(run["outcome"], "failed", "{run:#}");
    asked.place.write("input.json", r#"{ "say": 1 }"#);
    asked.runs(&["start", "echo", "--input", "input.json"]).expect(1).says(&["/say", "string"]);
    asked.runs(&["start", "ecko"]).expect(1).says(&["no workflow `ecko`", "`echo`"]);
    asked.runs(&["start", "echo", "--input", "nowhere.json"]).expect(2).says(&["nowhere.json"]);
}

#[test]
fn a_run_is_paused_signalled_and_approved() {
    let asked = Asked::start();
    let run = asked.started(&["start", "waits"]);
    asked.until(&run, |run| is_waiting(run, "go"));
    asked.runs(&["pause", &run, "--reason", "lunch"]).expect(0).says(&[&run, "is paused"]);
    asked.runs(&["pause", &run]).expect(1).says(&["error:", &run]);
    asked.runs(&["priority", &run, "-7"]).expect(0);
    asked.runs(&["priority", &run, "700"]).expect(1).says(&["700", "100"]);
    asked.runs(&["resume", &run]).expect(0).says(&["is waiting"]);
    let wrong = asked.runs(&["signal", &run, "go-ahead", "--payload", "yes"]).expect(2);
    wrong.says(&["not JSON", "quotes"]);
    asked.runs(&["signal", &run, "go-ahead", "--payload", "{\"n\":7}", "--id", "a"]).expect(0);
    asked.until(&run, |run| is_waiting(run, "sure"));
    let approve = ["approve", &run, "sure", "--by", "Ada", "--comment", "ok", "--input", "[1]"];
    asked.runs(&approve).expect(0);
    let ended = asked.until(&run, |run| !run["outcome"].is_null());
    assert_eq!((&ended["output"], &ended["priority"]), (&json!([1]), &json!(-7)), "{ended:#}");
    asked.runs(&approve).expect(1).says(&["already ended: succeeded"]);
}

#[test]
fn an_option_of_a_decision_is_chosen() {
    let asked = Asked::start();
    let run = asked.started(&["start", "decides"]);
    asked.until(&run, |run| is_waiting(run, "how"));
    asked.runs(&["approve", &run, "how", "--option", "fsat"]).expect(1).says(&["fast", "slow"]);
    asked.runs(&["approve", &run, "how", "--by", "Ada", "--option", "fast"]).expect(0);
    let ended = asked.until(&run, |run| !run["outcome"].is_null());
    assert_eq!(ended["output"], json!("fast by Ada"), "{ended:#}");
}

#[test]
fn a_rejected_run_is_run_again_and_deleted() {
    let asked = Asked::start();
    let run = asked.started(&["start", "waits"]);
    asked.until(&run, |run| is_waiting(run, "go"));
    asked.runs(&["delete", &run]).expect(1).says(&["it has not ended"]);
    asked.runs(&["skip", &run, "go", "--output", "1", "--reason", "known"]).expect(0);
    asked.until(&run, |run| is_waiting(run, "sure"));
    asked.runs(&["reject", &run, "sure", "--comment", "no"]).expect(0);
    let ended = asked.until(&run, |run| !run["outcome"].is_null());
    assert_eq!(ended["outcome"], "failed", "{ended:#}");

    let preview = asked.runs(&["rerun", &run, "--preview"]).expect(0);
    preview.says(&["taken over\n  go\n  extra\n", "runs again\n  sure\n"]);
    let preview = asked.runs(&["rerun", &run, "--task", "extra", "--preview", "--json"]);
    assert_eq!(preview.expect(0).json()["again"], json!(["extra", "sure"]));
    let both = asked.runs(&["rerun", &run, "--task", "extra", "--from", "start"]).expect(2);
    both.says(&["--task", "--from"]);

    let all = asked.runs(&["rerun-all", "--workflow", "waits", "--preview"]).expect(0);
    all.says(&[&run, "REUSED"]);
    let all = asked.runs(&["rerun-all", "--workflow", "waits", "--json"]).expect(0).json();
    let second = all["runs"][0]["rerun"].as_str().expect("a run").to_owned();
    asked.runs(&["rerun-all", "--workflow", "waits"]).expect(0).says(&["no runs", "--again"]);
    asked.runs(&["delete", &run]).expect(1).says(&[&second, "needs it"]);
    asked.runs(&["cancel", &second, "--reason", "enough"]).expect(0);
    asked.until(&second, |run| !run["outcome"].is_null());
    asked.runs(&["delete", &run]).expect(0).says(&["is deleted"]);
    asked.runs(&["show", &run]).expect(1).says(&["no run"]);
    asked.runs(&["delete", &run]).expect(1).says(&["no run"]);
}
