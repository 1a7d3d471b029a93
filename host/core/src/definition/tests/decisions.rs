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
        expect![[r#"
            [missing-key] w.toml:4:1: tasks[0].question: is missing
            [duplicate-option] w.toml:7:35: tasks[0].options[1].id: there is another option of this id; options[0] has the same id
            [unknown-key] w.toml:7:42: tasks[0].options[1].wehn: unknown key `wehn`; did you mean `when`?
            [invalid-value] w.toml:7:66: tasks[0].options[2].id: `a b` is no option: it must be letters, digits, `-` and `_`, at most 64 of them
            [missing-key] w.toml:7:75: tasks[0].options[3].id: is missing
            [bad-expression] w.toml:7:101: tasks[0].options[3].when: this is no CEL: it ends too early
            [unknown-task] w.toml:8:14: tasks[0].recommend: unknown task `nope`
            [out-of-range] w.toml:9:18: tasks[0].min_confidence: 1.5 is out of range; it must be from 0 to 1
            [self-dependency] w.toml:15:51: tasks[1].options[1].when: a task cannot read itself
            [unknown-task] w.toml:16:14: tasks[1].recommend: unknown task `classfy`; did you mean `classify`?
            [unknown-option] w.toml:17:23: tasks[1].fallback.option: there is no option `hihg`; did you mean `high`?
            [no-options] w.toml:22:11: tasks[2].options: there is nothing to choose; add some: `options = [{ id = "yes" }, { id = "no" }]`
            [unknown-value] w.toml:23:13: tasks[2].recommend: unknown value `dice`; it must be `rule`, `ai`, or `task:` and the id of a task
            [missing-key] w.toml:24:12: tasks[2].fallback: it does not say what happens without a recommendation; say `option = "…"` or `approval = true`
            [no-rule] w.toml:30:13: tasks[3].recommend: no option has a `when`: the rule never recommends one; add a `when` to what it is to recommend
            [wrong-kind] w.toml:31:18: tasks[3].min_confidence: a rule has no confidence; leave it out
            [missing-key] w.toml:32:12: tasks[3].fallback: it does not say what happens without a recommendation; say `option = "…"` or `approval = true`
            [wrong-kind] w.toml:32:43: tasks[3].fallback.deadline: nobody is asked; say `approval = true`, or leave it out
            [invalid-value] w.toml:38:19: tasks[4].recommend: `Not-One` is no task id: it must be lower-case letters, digits and `_`, beginning with a letter, of at most 128 bytes
            [missing-key] w.toml:39:40: tasks[4].fallback.option: a person is asked, and there is no deadline after which it is chosen; add a `deadline`, or leave one of the two out
            [wrong-kind] w.toml:40:1: tasks[4].prompt: `prompt` belongs to kind `approval`; this is of kind `decision`
        "#]],
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
        expect![[r#"
            [out-of-scope] w.toml:12:34: tasks[1].options[0].when: `item` is there only inside a `parallel` with `for_each`
            [out-of-reach] w.toml:13:14: tasks[1].recommend: `inner` is inside `g`; read `tasks.g.output`
            [self-dependency] w.toml:20:14: tasks[2].recommend: a task cannot read itself
        "#]],
    );
}
