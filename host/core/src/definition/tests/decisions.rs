//! Decision points: what a file may say, and everything that is wrong with what it may not.

use expect_test::expect;

use super::check_tasks;
use crate::definition::read;
use crate::id::TaskId;
use crate::workflow::{Fallback, Recommend, TaskKind};

#[test]
fn a_decision_needs_the_task_that_recommends_and_what_its_options_read() {
    let source = r#"
id = "w"
version = "1.0.0"
[[tasks]]
id = "d"
kind = "decision"
question = "How bad?"
input = "${tasks.shown.output}"
options = [{ id = "low" }, { id = "High-1", about = "bad", when = "tasks.facts.output.n > 3" }]
recommend = "task:model"
min_confidence = 1
fallback = { approval = true, deadline = "1h", option = "low" }
[[tasks]]
id = "shown"
type = "a.b"
[[tasks]]
id = "facts"
type = "a.b"
[[tasks]]
id = "model"
type = "a.b"
"#;
    let definition = read("w.toml", source).definition.expect("a workflow");
    let workflow = &definition.workflow;
    let node = workflow.node(&TaskId::new("d").expect("an id")).expect("a task");
    let TaskKind::Decision(decision) = &workflow.task(node).kind else { panic!("no decision") };
    assert_eq!(decision.names(), "`low` or `High-1`");
    assert_eq!(decision.recommend, Recommend::Task(TaskId::new("model").expect("an id")));
    assert_eq!(decision.min_confidence, Some(1.0));
    assert!(matches!(&decision.fallback, Fallback::Person { deadline: Some(_), late: Some(_) }));
    let needs = workflow.graph.dependencies(node).iter();
    let needs: Vec<_> = needs.map(|need| workflow.task(*need).id.to_string()).collect();
    assert_eq!(needs, ["shown", "facts", "model"]);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    check_tasks(
        r#"
[[tasks]]
id = "a"
kind = "decision"
options = [{ id = "low" }, { id = "low", wehn = "true" }, { id = "a b" }, { about = "?", when = "1 +" }]
recommend = "task:nope"
min_confidence = 1.5
fallback = { option = "high" }
[[tasks]]
id = "b"
kind = "decision"
question = "?"
options = [{ id = "low" }, { id = "high", when = "tasks.b.output" }]
recommend = "task:classfy"
fallback = { option = "hihg" }
[[tasks]]
id = "c"
kind = "decision"
question = "?"
options = []
recommend = "dice"
fallback = {}
[[tasks]]
id = "d"
kind = "decision"
question = "?"
options = [{ id = "low" }]
recommend = "rule"
min_confidence = 0.5
fallback = { approval = false, deadline = "1h" }
[[tasks]]
id = "e"
kind = "decision"
question = "?"
options = [{ id = "low" }]
recommend = "task:Not-One"
fallback = { approval = true, option = "low" }
prompt = "?"
[[tasks]]
id = "classify"
type = "a.b"
"#,
        expect![[r#""#]],
    );
}

#[test]
fn a_decision_reads_only_what_an_expression_could() {
    check_tasks(
        r#"
[[tasks]]
id = "g"
kind = "group"
tasks = [{ id = "inner", type = "a.b" }]
[[tasks]]
id = "d"
kind = "decision"
question = "?"
options = [{ id = "low", when = "item" }]
recommend = "task:inner"
fallback = { option = "low" }
[[tasks]]
id = "itself"
kind = "decision"
question = "?"
options = [{ id = "low" }]
recommend = "task:itself"
fallback = { option = "low" }
"#,
        expect![[r#""#]],
    );
}
